//! Functions that a configuration declares.

use ha_lang::EvaluationContext;

use crate::directory::Tree;
use crate::world::World;
use crate::written::written;

const FUNCTIONS: &str = r#"
function "double" {
  params = [x]
  result = x * 2
}
function "host" {
  params         = [name, zone]
  variadic_param = rest
  result         = join(".", concat([name, upper(zone)], rest))
}
function "pairs" {
  params = [names]
  result = { for name in names : name => host(name, "z", [for it in ["a", "b"] : "${it}${double(1)}"]...) }
}
function "nothing" {
  params = []
  result = "n"
}
"#;

/// The value of an expression in a module with the functions.
fn value(expression: &str) -> String {
    // The function is used in a file before the one that has it.
    let locals = format!(
        "locals {{\n  it = {expression}\n  secret = 1\n  open = 1\n  open_list = 1\n  secret_list = 1\n}}"
    );
    let tree = Tree::new([("a.hcl", locals.as_str()), ("b.hcl", FUNCTIONS)]);
    let configuration = tree.configuration();
    let world = World::new();
    match configuration.locals["it"].expression.evaluate(&EvaluationContext::new(&world, &world)) {
        Ok(value) => written(&value),
        Err(problems) => {
            problems.iter().map(|it| tree.with_place(it)).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn declared_functions_are_called_like_built_in_ones() {
    for (expression, wanted) in [
        ("double(4)", "8"),
        ("[for it in [1, 2] : double(it)]", "[2, 4]"),
        ("host(\"a\", \"b\")", "\"a.B\""),
        ("host([\"a\", \"b\", \"c\", \"d\"]...)", "\"a.B.c.d\""),
        ("pairs([\"x\"])", "{\"x\" = \"x.Z.a2.b2\"}"),
        ("nothing()", "\"n\""),
        ("double(\"4\")", "8"),
        ("host(local.secret, \"b\")", "secret(\"hush\") + \".B\""),
        ("host(local.open, \"b\")", "<aws_x.y.id> + \".B\""),
        ("host(local.secret_list...)", "secret(\"a.B\")"),
        ("host(local.open_list...)", "<any aws_x.y.id>"),
        ("double(\"x\")", "`*` takes a number, not \"x\" @ b.hcl: x"),
        ("host([\"a\"]...)", "`host` takes at least 2 arguments, not 1 @ a.hcl: host([\"a\"]...)"),
    ] {
        assert_eq!(value(expression), wanted, "{expression}");
    }
}

#[test]
fn reports_wrong_function_blocks() {
    for (text, reported) in [
        (
            "function \"f\" { params = [x] }",
            vec!["the argument `result` is required @ main.hcl: function \"f\""],
        ),
        (
            "function \"upper\" { result = 1 }",
            vec!["there is a function `upper` already @ main.hcl: \"upper\""],
        ),
        (
            "function \"f\" {\n params = [x]\n result = x + y + var.z\n}",
            vec![
                "the function `f` has no parameter `y` @ main.hcl: y",
                "the function `f` has no parameter `var` @ main.hcl: var",
            ],
        ),
        (
            "function \"f\" {\n params = [\"x\"]\n result = 1\n}",
            vec!["expected a list of names @ main.hcl: \"x\""],
        ),
        (
            "function \"f\" {\n params = [x, x]\n result = 1\n}",
            vec!["there is more than one parameter `x` @ main.hcl: function \"f\""],
        ),
        (
            "function \"f\" { result = 1 }\nfunction \"f\" { result = 2 }",
            vec!["there is more than one function `f` @ main.hcl: function \"f\""],
        ),
        (
            "function \"f\" { result = g() }\nfunction \"g\" { result = f() }",
            vec![
                "the function `f` calls itself, directly or indirectly @ main.hcl: function \"f\"",
                "the function `g` calls itself, directly or indirectly @ main.hcl: function \"g\"",
            ],
        ),
        (
            "function \"double\" {\n params = [x]\n result = x\n}\nlocals {\n a = dobule(1)\n b = double()\n c = double(1, 2)\n d = provider::x::y()\n}",
            vec![
                "there is no function `provider::x::y` @ main.hcl: provider::x::y",
                "`double` takes 1 argument, not 0 @ main.hcl: double",
                "`double` takes 1 argument, not 2 @ main.hcl: double(1, 2",
                "there is no function `dobule` @ main.hcl: dobule (double?)",
            ],
        ),
        (
            "function \"f\" { result = 1 }\nvariable \"v\" { default = f() }",
            vec!["the function `f` cannot be called here @ main.hcl: f"],
        ),
    ] {
        let mut given = Tree::new([("main.hcl", text)]).reported();
        let mut reported: Vec<String> = reported.into_iter().map(str::to_owned).collect();
        given.sort();
        reported.sort();
        assert_eq!(given, reported, "{text}");
    }
    let chain: String =
        (0..200).map(|it| format!("function \"f{it}\" {{ result = f{}() }}\n", it + 1)).collect();
    let reported =
        Tree::new([("main.hcl", format!("{chain}function \"f200\" {{ result = 1 }}").as_str())])
            .reported();
    assert_eq!(reported.len(), 201 - 64);
    assert!(
        reported[0]
            .starts_with("the function `f0` has calls that are nested too deeply @ main.hcl"),
        "{}",
        reported[0]
    );
}

#[test]
fn stops_functions_whose_calls_multiply() {
    let tower = |leaf: &str| -> String {
        let floor = |it| {
            format!(
                "function \"f{it}\" {{\n params = [x]\n result = [f{0}(x), f{0}(x)][0]\n}}\n",
                it - 1
            )
        };
        let floors: String = (1..=30).map(floor).collect();
        format!("{floors}function \"f0\" {{\n params = [x]\n result = {leaf}\n}}\n")
    };
    let reported = |functions: &str, expression: &str| {
        let tree = Tree::new([(
            "main.hcl",
            format!("{functions}locals {{ it = {expression} }}").as_str(),
        )]);
        let world = World::new();
        let problems = tree.configuration().locals["it"]
            .expression
            .evaluate(&EvaluationContext::new(&world, &world));
        problems.map_or_else(
            |it| it.iter().map(|it| it.summary.clone()).collect(),
            |it| vec![written(&it)],
        )
    };
    let refused =
        ["the loops and calls of this expression take more than four million steps in total"];
    assert_eq!(reported(&tower("x"), "f10(1)"), ["1"]);
    assert_eq!(reported(&tower("x"), "f30(1)"), refused);
    let looping = tower("[for it in range(1024) : it][0]");
    assert_eq!(
        reported(&looping, "try(f14(1), 0)"),
        refused,
        "loops and calls count together, and no `try` begins again"
    );
}
