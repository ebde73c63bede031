//! Modules: sources, inputs and outputs.

use std::sync::Arc;

use ha_lang::LoadedConfiguration;
use ha_value::Value;

use crate::directory::Tree;

const DATABASE: &str = r#"
variable "name" {}
variable "size" { default = 1 }
resource "aws_x" "y" { name = var.name }
output "id" { value = aws_x.y.id }
"#;

#[test]
fn loads_the_module_in_a_directory() {
    let tree = Tree::new([
        (
            "main.hcl",
            r#"
            variable "zones" { default = ["a", "b"] }
            module "db" {
              source     = "./modules/../modules/db"
              for_each   = toset(var.zones)
              name       = each.key
              depends_on = [aws_x.before]
              providers  = { aws = aws.west, aws.east = aws }
            }
            module "other" {
              source = "./modules/db"
              name   = "n"
              providers = { aws.east = aws }
              lifecycle { enabled = length(var.zones) > 1 }
            }
            provider "aws" {}
            provider "aws" { alias = "west" }
            resource "aws_x" "before" {}
            output "all" { value = [module.db["a"].id, module.db[*].id, module.db, module.other.id] }
            "#,
        ),
        (
            "modules/db/main.hcl",
            "ha {\n required_providers {\n aws = {\n configuration_aliases = [aws.east]\n }\n }\n }\n",
        ),
        ("modules/db/rest.hcl", DATABASE),
    ]);
    let it = tree.configuration();
    let db = &it.modules["db"];
    assert_eq!(&*db.source, "./modules/../modules/db");
    assert_eq!(&*db.configuration.directory, "modules/db");
    assert!(
        db.configuration.outputs.contains_key("id")
            && db.for_each.is_some()
            && db.arguments.contains_key("name")
    );
    assert_eq!(db.depends_on[0].to_string(), "aws_x.before");
    let handed: Vec<String> =
        db.providers.iter().map(|it| format!("{:?} {:?}", it.inside, it.outside)).collect();
    assert_eq!(
        handed,
        [r#"("aws", None) ("aws", Some("west"))"#, r#"("aws", Some("east")) ("aws", None)"#]
    );
    let other = &it.modules["other"];
    assert!(other.enabled.is_some() && other.count.is_none());
    assert!(Arc::ptr_eq(&db.configuration, &other.configuration), "one directory is read once");
    assert_eq!(tree.load().modules.len(), 2);
}

#[test]
fn sources_can_depend_on_variables() {
    let tree = Tree::new([
        (
            "main.hcl",
            r#"
            variable "size" { default = "small" }
            locals { where = "./sizes/${var.size}" }
            module "direct" { source = local.where }
            module "a" {
              source = "./choice"
              which  = var.size
            }
            module "b" {
              source = "./choice"
              which  = "great"
            }
            module "c" {
              source = "./choice"
              which  = "great"
              other  = 5
            }
            "#,
        ),
        (
            "choice/main.hcl",
            "variable \"which\" {}\nvariable \"other\" { default = 1 }\nmodule \"it\" {\n source = \"../sizes/${var.which}\"\n}\n",
        ),
        ("sizes/small/main.hcl", "output \"is\" { value = \"small\" }"),
        ("sizes/great/main.hcl", "output \"is\" { value = \"great\" }"),
    ]);
    let directories = |loaded: &LoadedConfiguration| -> Vec<String> {
        let modules = &loaded.configuration.modules;
        let direct = modules["direct"].configuration.directory.to_string();
        let within = ["a", "b", "c"]
            .map(|it| modules[it].configuration.modules["it"].configuration.directory.to_string());
        std::iter::once(direct).chain(within).collect()
    };
    let loaded = tree.load();
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    assert_eq!(directories(&loaded), ["sizes/small", "sizes/small", "sizes/great", "sizes/great"]);
    let modules = &loaded.configuration.modules;
    assert!(Arc::ptr_eq(&modules["b"].configuration, &modules["c"].configuration));
    let loaded = tree.load_with([("size", Value::from("great"))]);
    assert_eq!(directories(&loaded), ["sizes/great", "sizes/great", "sizes/great", "sizes/great"]);
    assert_eq!(loaded.modules.len(), 2, "each file is read once, and none in vain");
}

#[test]
fn reports_sources_that_cannot_be_read() {
    let source = |text: &str| {
        Tree::new([("main.hcl", format!("module \"m\" {{ source = {text} }}").as_str())]).reported()
    };
    for (text, reported) in [
        (
            "\"hashicorp/consul/aws\"",
            "`hashicorp/consul/aws` is the name of a module in a registry; modules are read from directories beside the configuration",
        ),
        (
            "\"git::https://x/y.git\"",
            "`git::https://x/y.git` is a repository; modules are read from directories beside the configuration",
        ),
        (
            "\"https://x/y.zip\"",
            "`https://x/y.zip` is an address on the network; modules are read from directories beside the configuration",
        ),
        (
            "\"/etc\"",
            "`/etc` is an absolute path; modules are read from directories beside the configuration",
        ),
        ("\"./nothing\"", "there is no configuration in `nothing`"),
        ("\"./broken\"", "the module in `broken` cannot be read: permission denied"),
        ("\"./\"", "this module calls itself"),
        ("5", "the source of a module is a string"),
        ("sensitive(\"./x\")", "the source of a module must not be sensitive"),
    ] {
        assert_eq!(source(text), [format!("{reported} @ main.hcl: {text}")]);
    }
    assert_eq!(
        source("path.root"),
        ["`path.root` is not known before anything is planned @ main.hcl: path.root"]
    );
    let without = Tree::new([("main.hcl", "module \"m\" {\n  version = \"1\"\n}")]).reported();
    assert_eq!(
        without,
        [
            "a `module` block has no `version` @ main.hcl: version",
            "the argument `source` is required @ main.hcl: module \"m\""
        ]
    );
}

#[test]
fn modules_do_not_call_themselves() {
    let tree = Tree::new([
        ("main.hcl", "module \"a\" { source = \"./a\" }"),
        ("a/main.hcl", "module \"b\" { source = \"../b\" }"),
        ("b/main.hcl", "module \"a\" { source = \"./../a\" }"),
    ]);
    let problems = tree.load().diagnostics;
    assert_eq!(problems.len(), 1);
    assert_eq!(tree.with_place(&problems[0]), "this module calls itself @ b/main.hcl: \"./../a\"");
    assert_eq!(problems[0].detail, "The calls go from `a` to `b` to `a`.");
}

#[test]
fn checks_inputs_and_outputs_of_modules() {
    let tree = Tree::new([
        (
            "main.hcl",
            r#"
module "db" {
  source = "./db"
  sizes  = var.nothing
  count  = each.key
}
output "a" { value = [module.db[0].ids, module.bd.id, module.db] }
"#,
        ),
        ("db/main.hcl", DATABASE),
    ]);
    assert_eq!(
        tree.reported(),
        [
            "the module `db` has no output `ids` @ main.hcl: ids (id?)",
            "there is no module `bd` @ main.hcl: bd (db?)",
            "`each.key` has a value only in blocks with `for_each` @ main.hcl: each.key",
            "there is no variable `nothing` @ main.hcl: nothing",
            "the module `db` has no variable `sizes` @ main.hcl: sizes (size?)",
            "the module `db` needs a value for `name` @ main.hcl: module \"db\"",
        ]
    );
}

#[test]
fn reports_a_mistake_in_a_module_once() {
    let tree = Tree::new([
        (
            "main.hcl",
            "module \"a\" { source = \"./m\" }\nmodule \"b\" { source = \"./m\" }\noutput \"o\" { value = module.a.lost }",
        ),
        ("m/main.hcl", "output \"id\" { value = local.nothing }\noutput \"lost\" {\n value =\n}\n"),
        ("m/imports.hcl", "import {\n to = a.b\n id = 1\n}\n"),
    ]);
    let told = tree.reported();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].contains("m/main.hcl"), "{told:#?}");
    assert_eq!(
        told[1],
        "`import` blocks are allowed only in the root module @ m/imports.hcl: import"
    );
    assert_eq!(told[2], "there is no local value `nothing` @ m/main.hcl: nothing");
    assert_eq!(told[3], "there is no resource `a.b` to import into @ m/imports.hcl: a.b");
}

#[test]
fn reports_nothing_more_about_unreadable_modules() {
    let tree = Tree::new([
        (
            "main.hcl",
            "module \"a\" {\n source = \"./m\"\n x = 1\n}\noutput \"o\" { value = module.a.lost }",
        ),
        ("m/main.hcl", "output \"lost\" {\n value =\n}\n"),
    ]);
    let reported = tree.reported();
    assert_eq!(reported.len(), 1, "{reported:#?}");
}

#[test]
fn directories_are_relative_to_the_root_module() {
    let tree = Tree::new([
        ("main.hcl", "module \"a\" { source = \"./a/b\" }"),
        ("a/b/main.hcl", "module \"c\" { source = \"../../../beside/./c\" }"),
        ("../beside/c/main.hcl", "module \"d\" { source = \"../d\" }"),
        ("../beside/d/main.hcl", "output \"o\" { value = 1 }"),
    ]);
    let files: Vec<String> = tree.load().modules.iter().map(|it| it.name.to_string()).collect();
    assert_eq!(files, ["a/b/main.hcl", "../beside/c/main.hcl", "../beside/d/main.hcl"]);
    tree.configuration();
}

#[test]
fn loading_is_linear_in_the_text() {
    // Each level calls the next twice: a loader that reads for each call would read 2^40 times.
    let texts: Vec<(String, String)> = (0..40)
        .map(|level| {
            let call =
                |name: &str| format!("module \"{name}\" {{ source = \"../l{}\" }}\n", level + 1);
            (
                format!("l{level}/main.hcl"),
                if level == 39 { String::from("locals {}") } else { call("a") + &call("b") },
            )
        })
        .collect();
    let root = ("main.hcl", "module \"a\" { source = \"./l0\" }");
    let tree =
        Tree::new(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain([root]));
    let loaded = tree.load();
    let reported: Vec<&str> = loaded.diagnostics.iter().map(|it| it.summary.as_str()).collect();
    assert_eq!(reported, ["with the module `b` there are more than 20000 calls of modules"]);
    assert_eq!(loaded.modules.len(), 40);
}
