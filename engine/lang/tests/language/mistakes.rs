//! Diagnostics have the right place, the values involved and a fix, and all of them are reported.

use ha_diagnostics::Diagnostic;
use ha_lang::{SourceFile, compile};

use crate::world::{World, assert_table};

fn problems(text: &str) -> Vec<Diagnostic> {
    World::new().value(text).expect_err("it has no value")
}

/// The source text at the place of a diagnostic.
fn place<'a>(problem: &Diagnostic, text: &'a str) -> &'a str {
    let span = problem.span.as_ref().expect("a place");
    &text[span.start..span.end]
}

#[test]
fn reports_each_problem_at_its_place() {
    let text = "{ a = var.region.x, b = [1][5], c = 1 + \"x\", d = upper(null) }";
    let problems = problems(text);
    let reported: Vec<(&str, &str)> =
        problems.iter().map(|it| (place(it, text), it.summary.as_str())).collect();
    assert_eq!(
        reported,
        [
            ("var.region.x", "a string has no attribute `x`"),
            ("[1][5]", "there is no element 5"),
            ("\"x\"", "`+` takes a number, not \"x\""),
            ("null", "`text` of `upper` must not be null"),
        ]
    );
}

#[test]
fn shows_values_but_no_secrets() {
    let wrong =
        &problems("[var.region, local.secret, aws_x.y.id, local.object.name][count.index + 4]")[0];
    let values: Vec<(&str, &str)> =
        wrong.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        values,
        [
            ("var.region", "\"eu\""),
            ("local.secret", "(sensitive)"),
            ("aws_x.y.id", "(known after apply)"),
            ("local.object.name", "\"n\""),
            ("count.index", "3"),
        ]
    );
}

#[test]
fn no_diagnostic_shows_a_secret() {
    let mut world = World::new();
    world.files.insert("t.tmpl".into(), "${regex(\"x\", it)} ${it + 1} ${it.a}".into());
    let secrets = [
        "local.secret",
        "\"${local.secret}\"",
        "\"a${local.secret}b\"",
        "[for it in [local.secret] : it][0]",
    ];
    let uses = [
        "tonumber(SECRET)",
        "SECRET + 1",
        "[1][SECRET]",
        "SECRET.x",
        "SECRET[0]",
        "{ hash = 1 }[SECRET]",
        "aws_x.z[SECRET]",
        "parseint(SECRET, 10)",
        "cidrhost(SECRET, 1)",
        "timeadd(SECRET, \"1h\")",
        "formatdate(SECRET, \"2018-01-02T23:12:01Z\")",
        "regex(SECRET, \"y\")",
        "regex(\"[0-9]\", SECRET)",
        "jsondecode(SECRET)",
        "yamldecode(\"${SECRET}: [\")",
        "file(SECRET)",
        "templatefile(SECRET, {})",
        "templatefile(\"t.tmpl\", { it = SECRET })",
        "templatefile(\"t.tmpl\", sensitive({ it = SECRET }))",
        "templatestring(SECRET, 5)",
        "templatestring(\"$${x.${SECRET}}\", { x = {} })",
        "index([1], SECRET)",
        "lookup({}, SECRET)",
        "element([], SECRET)",
        "[for it in sensitive([SECRET]) : it + 1]",
        "[for it in sensitive([nonsensitive(SECRET)]) : it + 1]",
        "[for it in sensitive([nonsensitive(SECRET)]) : parseint(it, 10)]",
        "[for it in sensitive([nonsensitive(SECRET)]) : {}[it]]",
        "{for it in sensitive([nonsensitive(SECRET), nonsensitive(SECRET)]) : it => 1}",
        "{for it in [SECRET, SECRET] : it => 1}",
        "sensitive([{ a = nonsensitive(SECRET) }])[*].b",
        "sensitive({ (nonsensitive(SECRET)) = 1 }).hash",
        "sensitive(tomap({ (nonsensitive(SECRET)) = 1 })).hash",
        "sensitive({ (nonsensitive(SECRET)) = 1 })[\"hash\"]",
        "\"%{ for it in sensitive([nonsensitive(SECRET)]) }${it.x}${it + 1}%{ endfor }\"",
        "format(\"%d\", SECRET)",
        "format(SECRET, 1)",
        "formatlist(\"%d\", [SECRET])",
        "sum([SECRET])",
        "uuidv5(SECRET, \"x\")",
        "base64decode(SECRET)",
        "tobool(SECRET)",
        "!SECRET",
        "SECRET ? 1 : 2",
        "tolist(SECRET)",
        "max(SECRET...)",
        "csvdecode(\"${SECRET}\\na,b\")",
        "textencodebase64(\"x\", SECRET)",
        "bcrypt(\"x\", SECRET)",
        "rsadecrypt(SECRET, SECRET)",
        "fileset(\"d\", \"[${SECRET}\")",
        "range(SECRET)",
        "try(SECRET + 1)",
        "zipmap([SECRET], [])",
        "matchkeys([SECRET], [], [])",
        "setproduct([SECRET], 5)",
        "transpose({ a = SECRET })",
    ];
    let mut failed = 0;
    for (secret, each) in secrets.iter().flat_map(|it| uses.iter().map(move |each| (it, each))) {
        let text = each.replace("SECRET", secret);
        let Err(problems) = world.value(&text) else { continue };
        failed += 1;
        let reported = format!("{problems:?}");
        assert!(!reported.contains("hush"), "{text}: {reported}");
    }
    assert!(failed > 180, "{failed}");
}

#[test]
fn shows_the_loop_variable() {
    let wrong = &problems("[for key, it in { a = 1, b = [] } : it + 1]")[0];
    assert_eq!(wrong.values, [("it".to_owned(), "an empty tuple".to_owned())]);
}

#[test]
fn suggests_what_was_probably_meant() {
    for (text, suggestion) in
        [("local.object.nam", "name"), ("uper(\"x\")", "upper"), ("{ first = 1 }.frist", "first")]
    {
        let problem = &problems(text)[0];
        let suggested = problem.suggestion.as_ref().expect("something is suggested");
        let place = suggested.span.as_ref().expect("it is put somewhere");
        assert_eq!(
            (suggested.text.as_str(), suggested.span.as_ref()),
            (suggestion, problem.span.as_ref()),
            "{text}"
        );
        let corrected = format!("{}{}{}", &text[..place.start], suggested.text, &text[place.end..]);
        assert!(World::new().value(&corrected).is_ok(), "{corrected}");
    }
}

#[test]
fn each_error_has_its_message() {
    assert_table(
        &World::new(),
        &[
            ("hello", "error: `hello` is not the name of anything here"),
            ("var", "error: `var` must be followed by the name of a variable"),
            ("each.kay", "error: `each` has no attribute `kay`"),
            ("data.aws_x", "error: `data` must be followed by a kind and a name"),
            ("upper()", "error: `upper` takes 1 argument, not 0"),
            ("upper(\"a\", \"b\")", "error: `upper` takes 1 argument, not 2"),
            ("join()", "error: `join` takes at least 1 argument, not 0"),
            ("aws::upper(\"a\")", "error: there is no function `aws::upper`"),
            ("join(\",\", 5)", "error: `lists` of `join`: a list of string is required, not 5"),
            ("\"x${[1]}\"", "error: a tuple cannot be part of a string"),
            ("\"x${null}\"", "error: null cannot be part of a string"),
            ("null.a", "error: null has no attribute `a`"),
            ("null[0]", "error: null has no elements"),
            ("[1].a", "error: a tuple has no attribute `a`, only its elements may have"),
            ("[1][\"x\"]", "error: a tuple is indexed by a number, not by a string"),
            ("[1][0.5]", "error: 0.5 is not a position in a list"),
            ("toset([1])[0]", "error: a set of number cannot be indexed"),
            ("{ a = 1 }[\"b\"]", "error: there is no attribute `b`"),
            ("tomap({ a = 1 }).b", "error: the map has no element `b`"),
            ("1 ? 2 : 3", "error: a condition is true or false, not a number"),
            ("null ? 2 : 3", "error: this condition is null"),
            ("true ? [] : {}", "error: the two results of a condition must have one type"),
            (
                "[for it in 5 : it]",
                "error: `for` iterates over lists, sets, maps and objects, not over a number",
            ),
            ("[for it in null : it]", "error: `for` cannot iterate over null"),
            ("{for it in [1, 1] : it => it}", "error: two elements have the same key `1`"),
            ("{for it in [null] : it => it}", "error: null cannot be the name of an attribute"),
            ("max(5...)", "error: only a list can be spread with `...`, not a number"),
            ("5 / 0", "error: division by zero"),
            ("1e30000 * 1e30000", "error: the result is too large for a number"),
            ("null + 1", "error: this side of `+` is null"),
            ("!5", "error: `!` takes true or false, not 5"),
            (
                "regex(\"[\", \"x\")",
                "error: `pattern` of `regex`: this is not a regular expression: unclosed character class",
            ),
            ("regex(\"x\", \"y\")", "error: `regex`: the pattern does not match the string"),
            ("try(var.region.a, [][0])", "error: no argument of `try` has a value"),
            ("aws_x.nowhere.id", "error: nothing is known of aws_x.nowhere"),
            ("aws_x.y[1].id", "error: there is no instance aws_x.y[1]"),
            ("[[1]].*.*", "error: `.*` cannot follow `.*`"),
            (
                "{ a.b = 1 }",
                "error: an attribute's name is either a word or an expression in parentheses",
            ),
            ("true || [1]", "error: `||` takes true or false, not a tuple of 1"),
            ("false && 5", "error: `&&` takes true or false, not 5"),
            (
                "\"a\" == \"b\" || null == [] || [1]",
                "error: `||` takes true or false, not a tuple of 1",
            ),
            ("length(aws_x.y.id) && true", "error: `&&` takes true or false, not a number"),
            (
                "(aws_x.y.id == \"a\") && length(aws_x.y.id)",
                "error: `&&` takes true or false, not a number",
            ),
            ("!length(aws_x.y.id)", "error: `!` takes true or false, not a number"),
            ("\"x${{ a = 1 }}\"", "error: an object cannot be part of a string"),
            (
                "\"a\nb\"",
                "error: this string is never closed: a string in quotes ends on the line it begins on",
            ),
        ],
    );
}

/// The token of an unclosed construct extends to the end of the file.
#[test]
fn an_unclosed_construct_is_shown_by_its_first_line() {
    let before = [
        "",
        "a = ",
        "a = [1, ",
        "a = f(",
        "a = { b ",
        "a = x ? ",
        "a = \"${",
        "a = <<E\n${",
        "b ",
        "b \"x\" ",
        "b { ",
    ];
    for (before, open) in before.iter().flat_map(|it| {
        ["/* old", "[", "(", "{", "\"x", "\"${", "<<E", "'", "-"].map(|open| (it, open))
    }) {
        let text = format!("{before}{open}\nvariable \"pw\" {{\n  default = \"hush\"\n}}\n");
        let (_, problems) = compile(&[SourceFile::new("main.hcl", text.as_str())]);
        let spans = problems
            .iter()
            .flat_map(|it| it.span.iter().chain(it.related.iter().map(|(span, _)| span)));
        for span in spans {
            assert_eq!(
                text[span.start..span.end.min(text.len())].trim_end().lines().count().max(1),
                1,
                "{text}\n{problems:?}"
            );
        }
        assert!(problems.iter().any(Diagnostic::is_error), "{text}");
    }
}

#[test]
fn a_value_used_for_its_type_alone_may_fail() {
    for text in [
        "true || {}.a",
        "true || null",
        "true || \"x\"",
        "false && [][0]",
        "aws_x.y.id == \"a\" || {}.a",
    ] {
        assert!(World::new().value(text).is_ok(), "{text}");
    }
}

#[test]
fn reports_an_error_once() {
    for text in ["{ a.b = 1 }", "{ a[0] = 1 }", "true || [1]", "[for it in [1] : it || [1]]"] {
        assert_eq!(problems(text).len(), 1, "{text}: {:?}", problems(text));
    }
}

#[test]
fn functions_of_other_languages_have_their_own_help() {
    for (text, meant) in [
        ("now()", Some("timestamp")),
        ("strlen(\"a\")", Some("length")),
        ("upcase(\"a\")", Some("upper")),
        ("filter([1])", None),
        ("uper()", None),
        ("uper(\"a\")", Some("upper")),
        ("average([1])", None),
    ] {
        let problem = &problems(text)[0];
        assert_eq!(problem.suggestion.as_ref().map(|it| it.text.as_str()), meant, "{text}");
    }
}

#[test]
fn no_input_causes_a_panic() {
    let world = World::new();
    let deep =
        |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    let mut hostile = vec![
        String::new(),
        "\"".into(),
        "${".into(),
        "\u{feff}1".into(),
        "<<E".into(),
        "<<-E\n".into(),
        "a.".into(),
        "\"\\u00zz\"".into(),
        "1 + ".repeat(1000) + "1",
        "1".repeat(100_000),
        format!("1e{}", "9".repeat(1000)),
        "a".repeat(100_000),
        "\"%{ for a in [] }\"".into(),
        "\u{0}\u{1}\u{2}".into(),
        "é😀.ü".into(),
    ];
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a=", "}"),
        ("-", ""),
        ("!", ""),
        ("upper(", ")"),
        ("\"${", "}\""),
        ("true ? 1 : ", ""),
    ] {
        hostile.extend([60, 63, 64, 65, 1000, 20_000].map(|depth| deep(open, close, depth)));
    }
    for text in hostile {
        let _ = world.of(&text);
    }
    assert_eq!(world.of("\u{feff}1"), "1");
}

#[test]
fn stops_a_template_that_grows_without_bounds() {
    let world = World::new();
    assert!(world.of("range(100000)").starts_with("error: "));
    assert!(world.of("setproduct(range(1000), range(1000), range(1000))").starts_with("error: "));
    assert!(world.of("format(\"%1000000000d\", 1)").starts_with("error: "));
    let long = "a".repeat(1000);
    let text = format!(
        "\"%{{ for a in range(1000) }}%{{ for b in range(1000) }}{long}%{{ endfor }}%{{ endfor }}\""
    );
    assert_eq!(world.of(&text), "error: the text would be longer than 64 MiB");
    let replaced =
        "replace(".repeat(3) + &format!("\"{long}\"") + &format!(", \"a\", \"{long}\")").repeat(3);
    assert_eq!(world.of(&replaced), "error: `replace`: the text would be longer than 64 MiB");
    assert!(world.of("indent(1000000000, \"a\\nb\")").starts_with("error: "));
}

/// The type that results from the suggestions of the diagnostics for a foreign notation.
fn corrected_type(written: &str) -> Option<String> {
    let before = "variable \"x\" {\n  type = ";
    let mut text = format!("{before}{written}\n}}\n");
    for _ in 0..4 {
        let (_, problems) = compile(&[SourceFile::new("main.hcl", text.as_str())]);
        let Some(problem) = problems.iter().find(|it| it.is_error()) else {
            return Some(text[before.len()..text.len() - "\n}\n".len()].to_owned());
        };
        let suggestion = problem.suggestion.as_ref()?;
        let place = suggestion.span.as_ref()?;
        text.replace_range(place.start..place.end, &suggestion.text);
    }
    None
}

#[test]
fn types_of_other_languages_are_corrected() {
    for (written, meant) in [
        ("string?", Some("string")),
        ("list(string)?", Some("list(string)")),
        ("list(string?)", Some("list(string)")),
        (
            "object({ a = string?, b = number })",
            Some("object({ a = optional(string), b = number })"),
        ),
        (
            "object({\n    a = list(string)?\n  })",
            Some("object({\n    a = optional(list(string))\n  })"),
        ),
        ("object({ a = optional(string?) })", Some("object({ a = optional(string) })")),
        ("string | null", Some("string")),
        ("null | string", Some("string")),
        ("string|null", Some("string")),
        ("list(number | null)", Some("list(number)")),
        ("map(string) | null", Some("map(string)")),
        ("object({ a = string | null })", Some("object({ a = optional(string) })")),
        ("string | number", Some("any")),
        ("string | number | bool", None),
        ("string || null", Some("string")),
        ("string || number", Some("any")),
        ("string[]", Some("list(string)")),
        ("object({ a = string[] })", Some("object({ a = list(string) })")),
        ("list<string>", Some("list(string)")),
        ("map<list<string>>", None),
        ("List[string]", Some("list(string)")),
        ("Optional[number]", Some("number")),
        ("[string]", Some("list(string)")),
        ("{ a = string, b = bool }", Some("object({ a = string, b = bool })")),
    ] {
        assert_eq!(corrected_type(written).as_deref(), meant, "{written}");
        let text = format!("variable \"x\" {{\n  type = {written}\n}}\n");
        let (_, problems) = compile(&[SourceFile::new("main.hcl", text.as_str())]);
        let explained = problems.iter().any(|it| {
            it.summary.starts_with("a type")
                || it.summary.contains("type is")
                || it.summary.contains("unions of types")
        });
        assert!(explained, "{written}: {problems:?}");
    }
}

#[test]
fn operators_of_foreign_types_are_explained_as_types_only_behind_types() {
    let summary = |text: &str| problems(text)[0].summary.clone();
    assert_eq!(summary("1 | 2"), "expected the end of the expression, found `|`");
    assert_eq!(summary("1 ?"), "a value is missing after `?`");
    assert_eq!(summary("1 >"), "a value is missing after `>`");
}

#[test]
fn explains_unsupported_attributes_of_terraform() {
    let problem = &problems("terraform.applying")[0];
    assert_eq!(problem.summary, "`terraform.applying` is not supported");
    assert!(problem.help.iter().any(|it| it.contains("exactly what was planned")), "{problem:?}");
    let problem = &problems("terraform.env")[0];
    let suggestion = problem.suggestion.as_ref().map(|it| it.text.as_str());
    assert_eq!(suggestion, Some("workspace"));
}

#[test]
fn refuses_numbers_out_of_range() {
    assert_table(
        &World::new(),
        &[
            ("1e1000000", "error: this number is out of range"),
            ("1e999999999999999999999", "error: this number is out of range"),
            ("1e-1000000", "0"),
            ("1e39000 * 1e39000", "error: the result is too large for a number"),
            ("1e39000 / 1e-39000", "error: the result is too large for a number"),
            ("1e-39000 * 1e-39000", "0"),
            ("pow(10, 1000000)", "error: `pow`: the result is not a finite number"),
            (
                "yamldecode(\"1e1000000\")",
                "error: `text` of `yamldecode`: this is not YAML: a number is out of range, \
                 in line 1 at column 1",
            ),
            ("yamldecode(\"a:\\tb\").a", "\"b\""),
        ],
    );
}
