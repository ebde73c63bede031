//! `moved`, `removed` and `import` blocks.

use crate::directory::Tree;

fn root(text: &str) -> Tree {
    Tree::new([
        ("main.hcl", text),
        ("m/main.hcl", "resource \"a\" \"b\" {}"),
        ("n/main.hcl", "resource \"a\" \"b\" {}"),
    ])
}

#[test]
fn parses_addresses() {
    let it = root(
        r#"
        module "m" { source = "./m" }
        provider "aws" { alias = "west" }
        resource "a" "b" { for_each = toset(["x"]) }
        moved {
          from = a.old
          to   = a.b["x"]
        }
        moved {
          from = module.gone[0]
          to   = module.m
        }
        moved {
          from = resource.a.other[2]
          to   = module.m.a.b
        }
        removed {
          from = module.before.a.b
          lifecycle { destroy = false }
        }
        removed { from = a.gone }
        import {
          for_each = { x = "i-1" }
          to       = a.b[each.key]
          id       = each.value
          provider = aws.west
        }
        import {
          to = module.m.a.b
          id = "i-2"
        }
        "#,
    )
    .configuration();
    let moved: Vec<String> =
        it.moved.iter().map(|it| format!("{} -> {}", it.from, it.to)).collect();
    assert_eq!(
        moved,
        ["a.old -> a.b[\"x\"]", "module.gone[0] -> module.m", "a.other[2] -> module.m.a.b"]
    );
    let removed: Vec<String> =
        it.removed.iter().map(|it| format!("{} {}", it.from, it.destroy)).collect();
    assert_eq!(removed, ["module.before.a.b false", "a.gone true"]);
    let import = &it.imports[0];
    assert_eq!(import.block.to_string(), "a.b");
    assert_eq!(import.key.as_ref().unwrap().references()[0].to_string(), "each.key");
    assert_eq!(import.id.references()[0].to_string(), "each.value");
    assert_eq!(import.provider, Some(("aws".into(), Some("west".into()))));
    assert_eq!(&*it.imports[1].module[0].0, "m");
}

#[test]
fn reports_wrong_refactoring_blocks() {
    for (text, reported) in [
        ("moved {\n from = a.x\n}", "the argument `to` is required @ main.hcl: moved"),
        (
            "moved {\n from = \"a.x\"\n to = a.b\n}",
            "expected the address of a resource or module @ main.hcl: \"a.x\"",
        ),
        (
            "moved {\n from = a.x[var.y]\n to = a.y\n}",
            "the keys in this address must be literals @ main.hcl: a.x[var.y]",
        ),
        (
            "moved {\n from = module.x\n to = a.y\n}",
            "`module.x` cannot become `a.y` @ main.hcl: moved",
        ),
        (
            "moved {\n from = data.a.x\n to = data.a.y\n}",
            "`data.a.x` is a data source and cannot be moved @ main.hcl: moved",
        ),
        ("moved {\n from = a.x\n to = a.x\n}", "`a.x` moves to itself @ main.hcl: moved"),
        (
            "moved {\n from = a.b\n to = a.c\n}\nresource \"a\" \"b\" {}",
            "`a.b` is still in the configuration @ main.hcl: moved",
        ),
        (
            "moved {\n from = module.m\n to = module.o\n}\nmodule \"m\" { source = \"./m\" }",
            "`module.m` is still in the configuration @ main.hcl: moved",
        ),
        (
            "removed { from = a.b[0] }",
            "`a.b[0]` is one instance, and a `removed` block applies to all of them @ main.hcl: a.b[0]",
        ),
        (
            "removed { from = data.a.b }",
            "`data.a.b` is a data source and needs no `removed` block @ main.hcl: data.a.b",
        ),
        ("removed {}", "the argument `from` is required @ main.hcl: removed"),
        (
            "removed { from = module.m.a.b }\nmodule \"m\" { source = \"./m\" }",
            "`module.m.a.b` is still in the configuration @ main.hcl: removed",
        ),
        (
            "removed {\n from = a.b\n lifecycle { destroi = false }\n}",
            "there is no argument `destroi` here @ main.hcl: destroi (destroy?)",
        ),
        (
            "removed {\n from = a.b\n provisioner \"x\" {}\n}",
            "`provisioner` blocks are not supported @ main.hcl: provisioner \"x\"",
        ),
        (
            "import { to = a.b }\nresource \"a\" \"b\" {}",
            "the argument `id` is required @ main.hcl: import",
        ),
        (
            "import {\n to = module.m\n id = 1\n}",
            "expected the address of a resource @ main.hcl: module.m",
        ),
        (
            "import {\n to = data.a.b\n id = 1\n}",
            "`data.a.b` is a data source and cannot be imported @ main.hcl: data.a.b",
        ),
        (
            "import {\n to = a.b\n id = 1\n}",
            "there is no resource `a.b` to import into @ main.hcl: a.b",
        ),
        (
            "import {\n to = a.b[each.key]\n id = 1\n}\nresource \"a\" \"b\" { count = 1 }",
            "`each.key` has a value only in blocks with `for_each` @ main.hcl: each.key",
        ),
    ] {
        assert_eq!(root(text).reported(), [reported], "{text}");
    }
}

#[test]
fn an_object_without_key_can_move_to_an_instance() {
    root("moved {\n from = a.b\n to = a.b[0]\n}\nresource \"a\" \"b\" { count = 2 }")
        .configuration();
}

#[test]
fn moves_do_not_contradict_each_other() {
    let moves = |pairs: &[(&str, &str)]| {
        let text: String = pairs
            .iter()
            .map(|(from, to)| format!("moved {{\n from = {from}\n to = {to}\n}}\n"))
            .collect();
        root(&text)
            .load()
            .diagnostics
            .into_iter()
            .map(|it| format!("{} {}", it.summary, it.detail))
            .collect::<Vec<_>>()
    };
    assert_eq!(moves(&[("a.x", "a.y"), ("a.y", "a.z"), ("a.w", "a.x")]), [""; 0]);
    assert_eq!(moves(&[("a.x", "a.y"), ("a.x", "a.y")]), [""; 0]);
    assert_eq!(
        moves(&[("a.x", "a.y"), ("a.x", "a.z")]),
        ["`a.x` cannot move both to `a.y` and to `a.z` "]
    );
    assert_eq!(
        moves(&[("a.x", "a.z"), ("a.y", "a.z")]),
        ["`a.x` and `a.y` cannot both move to `a.z` "]
    );
    assert_eq!(
        moves(&[("a.v", "a.x"), ("a.x", "a.y"), ("a.y", "a.x")]),
        [
            "`a.v` and `a.y` cannot both move to `a.x` ",
            "these moves form a cycle They go from `a.x` to `a.y`, from `a.y` to `a.x`.",
        ]
    );
    let chain: Vec<(String, String)> =
        (0..20_000).map(|it| (format!("a.x{}", it + 1), format!("a.x{it}"))).collect();
    let chain: Vec<(&str, &str)> =
        chain.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(moves(&chain), [""; 0]);
}
