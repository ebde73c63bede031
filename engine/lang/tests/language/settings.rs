//! Settings: versions, providers, and unsupported blocks.

use ha_lang::unknown_providers;

use crate::directory::Tree;

#[test]
fn required_version_is_about_the_family_of_the_file() {
    let reported = |file: &str, block: &str, constraint: &str| {
        Tree::new([(file, format!("{block} {{ required_version = \"{constraint}\" }}").as_str())])
            .reported()
    };
    assert_eq!(reported("main.tf", "terraform", "~> 1.11.0"), [""; 0]);
    assert_eq!(
        reported("main.tf", "terraform", "< 1.5"),
        ["this configuration requires a version < 1.5 @ main.tf: \"< 1.5\""]
    );
    assert_eq!(
        reported("main.tf", "terraform", "x"),
        ["`x` is not a version constraint @ main.tf: \"x\""]
    );
    let own = concat!("= ", env!("CARGO_PKG_VERSION"));
    assert_eq!(reported("main.hcl", "ha", own), [""; 0]);
    assert_eq!(reported("main.hcl", "ha", "> 1000").len(), 1);
}

#[test]
fn what_is_not_built_is_refused() {
    for (text, expected) in [
        ("terraform {\n cloud {}\n}", "`cloud` blocks are not supported @ main.tf: cloud"),
        (
            "terraform {\n experiments = [x]\n}",
            "there is no argument `experiments` here @ main.tf: experiments",
        ),
        (
            "data \"terraform_remote_state\" \"x\" {}",
            "the state of another configuration cannot be read @ main.tf: data \"terraform_remote_state\" \"x\"",
        ),
        (
            "ephemeral \"random_password\" \"x\" {}",
            "there is no block `ephemeral` @ main.tf: ephemeral",
        ),
        ("action \"a\" \"b\" {}", "there is no block `action` @ main.tf: action"),
        ("list \"a\" \"b\" {}", "there is no block `list` @ main.tf: list"),
        (
            "resource \"a\" \"b\" {\n connection {}\n}",
            "`connection` blocks are not supported @ main.tf: connection",
        ),
    ] {
        let tree = Tree::new([("main.tf", text)]);
        assert_eq!(tree.reported(), [expected], "{text}");
        assert!(!tree.load().diagnostics[0].help.is_empty(), "{text}");
    }
    Tree::new([("main.tf", "terraform {\n provider_meta \"x\" {}\n}")]).configuration();
}

#[test]
fn required_providers_must_exist() {
    let tree = Tree::new([
        (
            "main.tf",
            r#"
            terraform {
              required_providers {
                aws  = { source = "hashicorp/aws" }
                null = { source = "hashicorp/null" }
                amazon = { source = "registry.terraform.io/hashicorp/aws", version = "~> 5" }
                radnom = "~> 1"
              }
            }
            module "m" { source = "./m" }
            "#,
        ),
        ("m/main.tf", "terraform {\n required_providers {\n helm = {}\n }\n}"),
    ]);
    let problems = unknown_providers(&tree.configuration(), &["aws", "random", "tls"]);
    let reported: Vec<String> = problems.iter().map(|it| tree.with_place(it)).collect();
    assert_eq!(
        reported,
        [
            "there is no provider `null` @ main.tf: { source = \"hashicorp/null\" }",
            "the provider `aws` cannot be called `amazon` @ main.tf: { source = \"registry.terraform.io/hashicorp/aws\", version = \"~> 5\" }",
            "there is no provider `radnom` @ main.tf: \"~> 1\" (random?)",
            "there is no provider `helm` @ m/main.tf: {}",
        ]
    );
}

#[test]
fn named_providers_must_exist() {
    let root = r#"
        provider "aws" { alias = "west" }
        resource "aws_x" "y" { provider = aws.wets }
        module "m" {
          source    = "./m"
          providers = { aws.east = aws.eats, aws.north = aws, tls = tls }
        }
        module "n" {
          source   = "./n"
          for_each = {}
        }
        module "o" {
          source     = "./o"
          depends_on = [aws_x.y]
        }
        module "p" {
          source    = "./m"
          count     = 2
          providers = { aws.east = aws.west, aws.far = aws }
        }
    "#;
    let tree = Tree::new([
        ("main.hcl", root),
        (
            "m/main.hcl",
            "ha {\n required_providers {\n aws = {\n configuration_aliases = [aws.east]\n }\n }\n}\nprovider \"aws\" {\n alias = \"far\"\n}\nresource \"aws_x\" \"y\" {\n provider = aws.far\n}\n",
        ),
        ("n/main.hcl", "module \"o\" { source = \"../o\" }"),
        ("o/main.hcl", "provider \"tls\" { x = 1 }"),
    ]);
    assert_eq!(
        tree.reported(),
        [
            "the module `n` cannot have `for_each`, because there are `provider` blocks inside @ main.hcl: {}",
            "the module `o` cannot have `depends_on`, because there are `provider` blocks inside @ main.hcl: aws_x.y",
            "there is no provider `aws.eats` @ main.hcl: aws.east = aws.eats",
            "the module `m` does not declare a provider `aws.north` @ main.hcl: aws.north = aws",
            "the module `m` needs the provider `aws.far` @ main.hcl: module \"m\"",
        ]
    );
    let handed = Tree::new([
        ("main.hcl", "module \"o\" {\n source = \"./o\"\n providers = { tls = tls }\n}"),
        ("o/main.hcl", "provider \"tls\" { x = 1 }"),
    ]);
    assert_eq!(
        handed.reported(),
        ["the module `o` configures the provider `tls` itself @ main.hcl: tls = tls"]
    );
}
