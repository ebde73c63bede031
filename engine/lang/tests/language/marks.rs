//! Unknown and sensitive marks pass through every operation, and strings keep their parts.

use crate::world::{World, assert_table};

#[test]
fn strings_keep_their_secret_and_unknown_parts() {
    assert_table(
        &World::new(),
        &[
            (r#""a-${local.secret}-b""#, r#""a-" + secret("hush") + "-b""#),
            (r#""id ${aws_x.y.id} of ${aws_x.y.name}""#, r#""id " + <aws_x.y.id> + " of y""#),
            (r#""${local.open}""#, "<string aws_x.y.id>"),
            (r#""${local.open_secret}!""#, r#"secret(<aws_x.y.id>) + "!""#),
            (r#""${local.secret_number + 1}%""#, r#"secret("8") + "%""#),
            (r#""n=${local.open_number}""#, r#""n=" + <aws_x.y.id>"#),
            (
                r#"join(",", ["a", local.secret, local.open])"#,
                r#""a," + secret("hush") + "," + <aws_x.y.id>"#,
            ),
            (r#"join(local.secret, ["a", "b"])"#, r#""a" + secret("hush") + "b""#),
            (
                r#"format("%s:%s@%5s", "u", local.secret, "h")"#,
                r#""u:" + secret("hush") + "@    h""#,
            ),
            (
                r#"format("%03d-%s", local.secret_number, local.open)"#,
                r#"secret("007") + "-" + <aws_x.y.id>"#,
            ),
            (
                r#"formatlist("%s.%s", ["a", "b"], local.secret)"#,
                r#"tolist(["a." + secret("hush"), "b." + secret("hush")])"#,
            ),
            (
                r#"jsonencode({ a = local.secret, b = local.open, c = [1, local.secret_number], d = local.open_any })"#,
                r#""{\"a\":\"" + secret("hush") + "\",\"b\":\"" + <aws_x.y.id> + "\",\"c\":[1," + secret("7") + "],\"d\":" + <aws_x.y.id> + "}""#,
            ),
            (
                r#"jsonencode(local.secret_list)"#,
                r#"secret("[") + secret("\"a\"") + secret(",") + secret("\"b\"") + secret("]")"#,
            ),
            (r#"jsonencode([toset(["a", local.open])])"#, r#""[" + <aws_x.y.id> + "]""#),
            (
                r#"jsonencode([sensitive({ a = "x${local.secret}" })])"#,
                r#""[" + secret("{") + secret("\"a\":") + secret("\"") + secret("x") + secret("hush") + secret("\"") + secret("}") + "]""#,
            ),
            (r#"urlencode("a b${local.secret}")"#, r#""a+b" + secret("hush")"#),
            (r#""%{ if local.open_any }x%{ endif }y""#, r#"<aws_x.y.id> + "y""#),
            (
                r#""%{ for it in local.secret_list }<${it}>%{ endfor }.""#,
                r#"secret("<a>") + secret("<b>") + ".""#,
            ),
            (r#""%{ for it in local.open_list }<${it}>%{ endfor }.""#, r#"<aws_x.y.id> + ".""#),
            (r#"nonsensitive("a-${local.secret}")"#, r#""a-hush""#),
            (r#"nonsensitive("a-${local.open_secret}")"#, r#""a-" + <aws_x.y.id>"#),
            (r#"sensitive("a-${local.open}")"#, r#"secret("a-") + secret(<aws_x.y.id>)"#),
        ],
    );
}

#[test]
fn operators_pass_marks_on() {
    assert_table(
        &World::new(),
        &[
            ("local.secret == \"hush\"", "secret(true)"),
            ("local.secret_number > 3", "secret(true)"),
            ("!(local.secret_number > 3)", "secret(false)"),
            ("-local.secret_number", "secret(-7)"),
            ("local.open_number + 1", "<number aws_x.y.id>"),
            ("local.open_number < local.secret_number", "secret(<bool aws_x.y.id>)"),
            ("local.open == \"x\"", "<bool aws_x.y.id>"),
            ("\"a-${local.open}\" == \"b\"", "false"),
            ("\"a-${local.open}\" != \"\"", "true"),
            ("\"${local.open}.eu\" == \"x.us\"", "false"),
            ("\"a-${local.open}.eu\" == \"a-x.eu\"", "<bool aws_x.y.id>"),
            // `e` and an accent are one character.
            ("\"cafe${local.open}\" == \"café\"", "<bool aws_x.y.id>"),
            ("\"a-${local.secret}-${local.open}\" == \"a-x\"", "secret(false)"),
            ("jsonencode({ a = local.open }) == \"red\"", "false"),
            ("local.open_list == 5", "false"),
            ("[local.open, 1] == [\"x\", 2]", "false"),
            ("[local.open, 1] == [\"x\", 1]", "<bool aws_x.y.id>"),
            ("[local.open] == []", "false"),
            ("local.open_any && false", "false"),
            ("false && local.open_any", "false"),
            ("local.open_any || true", "true"),
            ("local.open_any && true", "<bool aws_x.y.id>"),
            ("local.secret_number > 3 && true", "secret(true)"),
            ("\"${local.open}-x\" == 5", "false"),
            ("\"${local.secret}-x\" == \"hush-x\"", "secret(true)"),
        ],
    );
}

#[test]
fn conditions_pass_marks_on() {
    assert_table(
        &World::new(),
        &[
            ("local.secret_number > 3 ? 1 : 2", "secret(1)"),
            ("local.open_number > 3 ? 1 : \"a\"", "<string aws_x.y.id>"),
            ("local.open_number > 3 ? local.secret : \"a\"", "secret(<string aws_x.y.id>)"),
            ("true ? local.open : 1", "<string aws_x.y.id>"),
            ("true ? 1 : local.open_any", "1"),
            ("false ? local.nothing.at.all : 1", "1"),
            ("true ? \"a-${local.secret}\" : \"\"", "\"a-\" + secret(\"hush\")"),
        ],
    );
}

#[test]
fn steps_pass_marks_on() {
    assert_table(
        &World::new(),
        &[
            ("local.secret_list[0]", "secret(\"a\")"),
            ("local.secret_list[*]", "secret(tolist([\"a\", \"b\"]))"),
            ("local.open_list[0]", "<string aws_x.y.id>"),
            ("local.open_list[*].a", "error: a string has no attribute `a`"),
            ("local.open_any.a.b[0]", "<any aws_x.y.id>"),
            ("local.open_any[*].a", "<any aws_x.y.id>"),
            ("[1, 2][local.open_number]", "<number aws_x.y.id>"),
            ("[\"a\", \"b\"][local.secret_number - 7]", "secret(\"a\")"),
            ("aws_x.y.id", "<string aws_x.y.id>"),
            ("[{ a = local.secret }, { a = 1 }][*].a", "[secret(\"hush\"), 1]"),
        ],
    );
}

#[test]
fn loops_and_constructors_pass_marks_on() {
    assert_table(
        &World::new(),
        &[
            ("[for it in local.secret_list : upper(it)]", "secret([\"A\", \"B\"])"),
            ("[for it in local.open_list : upper(it)]", "<any aws_x.y.id>"),
            ("[for it in [1, 2] : it if it > local.secret_number]", "secret([])"),
            ("[for it in [1, 2] : it if it > local.open_number]", "<any aws_x.y.id>"),
            ("{for it in [\"a\"] : it => local.open}", "{\"a\" = <string aws_x.y.id>}"),
            ("{for it in [local.open] : it => 1}", "<any aws_x.y.id>"),
            ("{for it in [local.secret] : it => 1}", "secret({\"hush\" = 1})"),
            ("{ (local.secret) = 1 }", "secret({\"hush\" = 1})"),
            ("{ (local.open) = 1 }", "<any aws_x.y.id>"),
            ("[local.open, local.secret]", "[<string aws_x.y.id>, secret(\"hush\")]"),
        ],
    );
}

#[test]
fn functions_pass_marks_on() {
    assert_table(
        &World::new(),
        &[
            ("upper(local.secret)", "secret(\"HUSH\")"),
            ("upper(local.open)", "<string aws_x.y.id>"),
            ("upper(\"a-${local.open}\")", "<string aws_x.y.id>"),
            ("upper(\"a-${local.secret}\")", "secret(\"A-HUSH\")"),
            ("length(local.secret_list)", "secret(2)"),
            ("length([local.open, local.secret])", "2"),
            ("length(local.open_list)", "<number aws_x.y.id>"),
            ("length(toset([local.open, \"a\"]))", "<number aws_x.y.id>"),
            ("keys({ a = local.open, b = local.secret })", "[\"a\", \"b\"]"),
            (
                "values({ a = local.open, b = local.secret })",
                "[<string aws_x.y.id>, secret(\"hush\")]",
            ),
            ("lookup({ a = local.open, b = 2 }, \"b\")", "2"),
            ("lookup({ a = local.secret }, \"b\", 3)", "3"),
            (
                "merge({ a = local.secret }, { b = local.open })",
                "{\"a\" = secret(\"hush\"), \"b\" = <string aws_x.y.id>}",
            ),
            ("merge({ a = 1 }, local.open_any)", "<any aws_x.y.id>"),
            ("concat([local.secret], [local.open])", "[secret(\"hush\"), <string aws_x.y.id>]"),
            ("element([local.open, \"b\"], 1)", "\"b\""),
            ("contains([local.open, \"b\"], \"b\")", "true"),
            ("contains([local.open, \"b\"], \"c\")", "<bool aws_x.y.id>"),
            (
                "flatten([[local.open], [[local.secret]]])",
                "[<string aws_x.y.id>, secret(\"hush\")]",
            ),
            ("flatten([local.open_list])", "<any aws_x.y.id>"),
            ("coalesce(null, local.open, \"x\")", "<string aws_x.y.id>"),
            ("coalesce(\"a${local.open}\", \"x\")", "\"a\" + <aws_x.y.id>"),
            ("coalesce(local.secret, \"x\")", "secret(\"hush\")"),
            ("coalesce(sensitive(null), \"x\")", "secret(\"x\")"),
            ("coalescelist(sensitive([]), [1])", "secret([1])"),
            ("tolist([local.open, 1])", "tolist([<string aws_x.y.id>, \"1\"])"),
            ("toset([local.secret, \"a\"])", "secret(toset([\"a\", \"hush\"]))"),
            ("tolist(toset([local.open, \"a\"]))", "<list(string) aws_x.y.id>"),
            ("tonumber(local.open)", "<number aws_x.y.id>"),
            ("try(local.secret.a, local.open)", "<string aws_x.y.id>"),
            ("can(local.open.a)", "false"),
            ("can(upper(local.open))", "<bool aws_x.y.id>"),
            ("issensitive(local.secret)", "true"),
            ("issensitive([local.secret])", "false"),
            ("startswith(\"a-${local.open}\", \"a\")", "true"),
            ("startswith(\"a-${local.open}\", \"b\")", "false"),
            ("startswith(\"a-${local.open}\", \"a-b\")", "<bool aws_x.y.id>"),
            ("sha256(local.secret) == sha256(\"hush\")", "secret(true)"),
            ("timestamp()", "<string>"),
            ("uuid()", "<string>"),
            ("bcrypt(\"x\")", "<string>"),
            ("max([1, local.secret_number]...)", "secret(7)"),
            ("max(local.open_any...)", "<number aws_x.y.id>"),
        ],
    );
}

#[test]
fn values_that_depend_on_the_time_are_known_during_apply() {
    use std::time::{Duration, SystemTime};
    let world = World::new();
    let environment = ha_lang::EvaluationContext::new(&world, &world)
        .at(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400));
    let value =
        |text: &str| ha_lang::expression("<test>", text).unwrap().evaluate(&environment).unwrap();
    assert_eq!(value("timestamp()").as_str(), Some("1970-01-02T00:00:00Z"));
    assert_ne!(value("uuid()"), value("uuid()"));
    assert!(value("bcrypt(\"x\", 4)").as_str().is_some_and(|it| it.starts_with("$2")));
}

/// The error of a function is shown if it is the same for every secret, and hidden otherwise.
#[test]
fn shows_errors_that_are_independent_of_secrets() {
    let world = World::new();
    let environment = ha_lang::EvaluationContext::new(&world, &world);
    let hides = |text: &str| {
        let problems = ha_lang::expression("<test>", text).unwrap().evaluate(&environment);
        let problems = format!("{:?}", problems.expect_err(text));
        assert!(!problems.contains("hush"), "{text}: {problems}");
        problems.contains("would reveal a secret")
    };
    for text in [
        "regex(\"[\", local.secret)",
        "regexall(\"(\", local.secret)",
        "replace(local.secret, \"/[/\", \"x\")",
        "format(\"%s %z\", local.secret)",
        "formatlist(\"%s %z\", local.secret_list)",
        "merge(sensitive({ a = 1 }), 5)",
        "merge({ a = local.secret }, 5)",
        "element([], local.secret_number)",
    ] {
        assert!(!hides(text), "{text}");
    }
    for text in [
        "regex(\"[0-9]\", local.secret)",
        "regex(local.secret, \"[\")",
        "format(\"%d\", local.secret)",
        "format(local.secret, 1)",
        "element(sensitive([]), 0)",
        "index([\"a\"], local.secret)",
        "index(local.secret_list, \"z\")",
        "parseint(local.secret, 10)",
        "parseint(\"zz\", local.secret_number)",
        "jsondecode(local.secret)",
        "base64decode(local.secret)",
        "cidrhost(\"10.0.0.0/30\", local.secret_number)",
        "cidrsubnet(local.secret, 8, 1)",
        "slice([\"a\"], 0, local.secret_number)",
        "zipmap([\"a\"], local.secret_list)",
        "formatlist(\"%s%s\", [\"a\"], local.secret_list)",
        "one([local.secret, local.secret])",
        "timeadd(\"2020-01-01T00:00:00Z\", local.secret)",
    ] {
        assert!(hides(text), "{text}");
    }
}
