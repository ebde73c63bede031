//! No function removes a mark: each function is tested with a mark on each of its arguments.

use std::collections::BTreeMap;

use ha_diagnostics::Diagnostic;
use ha_lang::functions;
use ha_value::Value;

use crate::directory::Tree;
use crate::world::World;

/// Each function with valid arguments.
const CALLS: &[(&str, &[&str])] = &[
    ("abs", &["-1"]),
    ("abspath", &["\"a\""]),
    ("alltrue", &["[true]"]),
    ("anytrue", &["[true]"]),
    ("base64decode", &["\"aGk=\""]),
    ("base64encode", &["\"a\""]),
    ("base64gzip", &["\"a\""]),
    ("base64sha256", &["\"a\""]),
    ("base64sha512", &["\"a\""]),
    ("basename", &["\"a/b\""]),
    ("bcrypt", &["\"a\"", "4"]),
    ("can", &["\"a\""]),
    ("ceil", &["1.5"]),
    ("chomp", &["\"a\\n\""]),
    ("chunklist", &["[1, 2]", "1"]),
    ("cidrhost", &["\"10.0.0.0/8\"", "1"]),
    ("cidrnetmask", &["\"10.0.0.0/8\""]),
    ("cidrsubnet", &["\"10.0.0.0/8\"", "8", "1"]),
    ("cidrsubnets", &["\"10.0.0.0/8\"", "8"]),
    ("coalesce", &["\"a\"", "\"b\""]),
    ("coalescelist", &["[1]", "[2]"]),
    ("compact", &["[\"a\"]"]),
    ("concat", &["[1]", "[2]"]),
    ("contains", &["[1]", "1"]),
    ("csvdecode", &["\"a\\n1\""]),
    ("dirname", &["\"a/b\""]),
    ("distinct", &["[1, 1]"]),
    ("element", &["[1, 2]", "1"]),
    ("endswith", &["\"ab\"", "\"b\""]),
    ("ephemeralasnull", &["\"a\""]),
    ("file", &["\"f\""]),
    ("filebase64", &["\"f\""]),
    ("filebase64sha256", &["\"f\""]),
    ("filebase64sha512", &["\"f\""]),
    ("fileexists", &["\"f\""]),
    ("filemd5", &["\"f\""]),
    ("fileset", &["\"d\"", "\"*\""]),
    ("filesha1", &["\"f\""]),
    ("filesha256", &["\"f\""]),
    ("filesha512", &["\"f\""]),
    ("flatten", &["[[1], 2]"]),
    ("floor", &["1.5"]),
    ("format", &["\"%s\"", "\"a\""]),
    ("formatdate", &["\"YYYY\"", "\"2020-01-01T00:00:00Z\""]),
    ("formatlist", &["\"%s\"", "[\"a\"]"]),
    ("indent", &["1", "\"a\\nb\""]),
    ("index", &["[1, 2]", "2"]),
    ("issensitive", &["\"a\""]),
    ("join", &["\",\"", "[\"a\", \"b\"]"]),
    ("jsondecode", &["\"[1]\""]),
    ("jsonencode", &["{ a = 1 }"]),
    ("keys", &["{ a = 1 }"]),
    ("length", &["[1]"]),
    ("log", &["8", "2"]),
    ("lookup", &["{ a = 1 }", "\"b\"", "2"]),
    ("lower", &["\"A\""]),
    ("matchkeys", &["[1, 2]", "[\"a\", \"b\"]", "[\"a\"]"]),
    ("max", &["1", "2"]),
    ("md5", &["\"a\""]),
    ("merge", &["{ a = 1 }", "{ b = 2 }"]),
    ("min", &["1", "2"]),
    ("nonsensitive", &["\"a\""]),
    ("one", &["[1]"]),
    ("parseint", &["\"10\"", "2"]),
    ("pathexpand", &["\"a\""]),
    ("pow", &["2", "3"]),
    ("range", &["0", "3", "1"]),
    ("regex", &["\"a\"", "\"ab\""]),
    ("regexall", &["\"a\"", "\"ab\""]),
    ("replace", &["\"abc\"", "\"b\"", "\"d\""]),
    ("reverse", &["[1, 2]"]),
    ("rsadecrypt", &["\"a\"", "\"b\""]),
    ("sensitive", &["\"a\""]),
    ("setintersection", &["[1, 2]", "[2]"]),
    ("setproduct", &["[1]", "[2]"]),
    ("setsubtract", &["[1, 2]", "[2]"]),
    ("setunion", &["[1]", "[2]"]),
    ("sha1", &["\"a\""]),
    ("sha256", &["\"a\""]),
    ("sha512", &["\"a\""]),
    ("signum", &["-3"]),
    ("slice", &["[1, 2]", "0", "1"]),
    ("sort", &["[\"b\", \"a\"]"]),
    ("split", &["\",\"", "\"a,b\""]),
    ("startswith", &["\"ab\"", "\"a\""]),
    ("strcontains", &["\"ab\"", "\"a\""]),
    ("strrev", &["\"ab\""]),
    ("substr", &["\"abc\"", "0", "1"]),
    ("sum", &["[1, 2]"]),
    ("templatefile", &["\"t\"", "{ a = 1 }"]),
    ("templatestring", &["\"<$${a}>\"", "{ a = 1 }"]),
    ("textdecodebase64", &["\"aGk=\"", "\"UTF-8\""]),
    ("textencodebase64", &["\"a\"", "\"UTF-8\""]),
    ("timeadd", &["\"2020-01-01T00:00:00Z\"", "\"1h\""]),
    ("timecmp", &["\"2020-01-01T00:00:00Z\"", "\"2020-01-01T00:00:00Z\""]),
    ("title", &["\"a\""]),
    ("tobool", &["\"true\""]),
    ("tolist", &["[1]"]),
    ("tomap", &["{ a = 1 }"]),
    ("tonumber", &["\"1\""]),
    ("toset", &["[1]"]),
    ("tostring", &["1"]),
    ("transpose", &["{ a = [\"b\"] }"]),
    ("trim", &["\"-a-\"", "\"-\""]),
    ("trimprefix", &["\"ab\"", "\"a\""]),
    ("trimspace", &["\" a \""]),
    ("trimsuffix", &["\"ab\"", "\"b\""]),
    ("try", &["\"a\""]),
    ("type", &["\"a\""]),
    ("upper", &["\"a\""]),
    ("urlencode", &["\"a b\""]),
    ("uuidv5", &["\"dns\"", "\"a\""]),
    ("values", &["{ a = 1 }"]),
    ("yamldecode", &["\"a: 1\""]),
    ("yamlencode", &["{ a = 1 }"]),
    ("zipmap", &["[\"a\"]", "[1]"]),
];

/// Functions that remove a mark on purpose, or reveal only what is not secret, with the reason.
const CLEAR: [(&str, &str); 4] = [
    ("can", "whether something has a value is no secret, as in terraform"),
    ("issensitive", "it tells of the mark"),
    ("nonsensitive", "it is what it is for"),
    ("type", "a type is no secret"),
];

/// Arguments that have no influence on the result, because an earlier argument decides it.
const PASSED_OVER: [(&str, usize); 2] = [("coalesce", 1), ("coalescelist", 1)];

fn world() -> World {
    let mut world = World::new();
    world.files = BTreeMap::from(
        [("f", "text"), ("t", "${a}"), ("d/x", "")]
            .map(|(name, it)| (name.to_owned(), it.to_owned())),
    );
    world
}

#[test]
fn the_table_has_every_function() {
    let nothing_given = ["plantimestamp", "timestamp", "uuid"];
    let called: Vec<&str> = CALLS.iter().map(|it| it.0).collect();
    let missing: Vec<&str> = functions()
        .iter()
        .map(|it| it.name)
        .filter(|it| !called.contains(it) && !nothing_given.contains(it))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

/// A call with one of its arguments replaced.
fn call(
    name: &str,
    arguments: &[&str],
    changed: usize,
    otherwise: impl Fn(&str) -> String,
) -> String {
    let written = arguments
        .iter()
        .enumerate()
        .map(|(at, it)| if at == changed { otherwise(it) } else { (*it).to_owned() });
    format!("{name}({})", written.collect::<Vec<_>>().join(", "))
}

#[test]
fn results_of_secret_arguments_are_secret() {
    let world = world();
    let mut wrong = Vec::new();
    for (name, arguments) in CALLS {
        for at in 0..arguments.len() {
            let text = call(name, arguments, at, |it| format!("sensitive({it})"));
            let is_clear =
                CLEAR.iter().any(|(clear, _)| clear == name) || PASSED_OVER.contains(&(*name, at));
            match world.value(&text) {
                Ok(value) if value.contains_sensitive() != is_clear => {}
                // There is no valid key for this call; its error must not reveal the secret either.
                Err(problems) if *name == "rsadecrypt" => {
                    assert!(!reported(&problems).contains('"'), "{problems:?}")
                }
                Ok(value) => wrong.push(format!("{text} gives {value:?}")),
                Err(problems) => wrong.push(format!("{text}: {}", reported(&problems))),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn results_of_secrets_inside_collections_are_secret() {
    let world = world();
    let of = |text: &str| world.value(text).map(|it: Value| it.contains_sensitive());
    for text in [
        "values({ a = sensitive(1) })",
        "merge({ a = sensitive(1) }, { b = 2 })",
        "concat([sensitive(1)], [2])",
        "flatten([[sensitive(1)]])",
        "toset([sensitive(1), 2])",
        "tomap({ a = sensitive(1), b = 2 })",
        "chunklist([sensitive(1), 2], 1)",
        "setproduct([sensitive(1)], [2])",
        "sort([sensitive(\"b\"), \"a\"])",
        "zipmap([sensitive(\"a\")], [1])",
        "zipmap([\"a\"], [sensitive(1)])",
        "jsonencode({ a = sensitive(1) })",
        "yamlencode({ a = sensitive(1) })",
        "one([sensitive(1)])",
        "element([sensitive(1)], 0)",
        "lookup({ a = sensitive(1) }, \"a\", 2)",
        "distinct([sensitive(1), 1])",
        "matchkeys([1], [sensitive(\"a\")], [\"a\"])",
        "contains([sensitive(1)], 1)",
        "[for it in sensitive([1]) : it]",
        "{ for it in [sensitive(\"a\")] : it => 1 }",
        "[for it in [1] : it if sensitive(true)]",
        "sensitive(true) ? 1 : 2",
        "sensitive([1])[0]",
        "[1, 2][sensitive(0)]",
        "templatestring(\"<$${a}>\", { a = sensitive(1) })",
    ] {
        assert!(matches!(of(text), Ok(true)), "{text}: {:?}", world.of(text));
    }
}

#[test]
fn results_of_ephemeral_arguments_are_ephemeral() {
    let mut wrong = Vec::new();
    let says_nothing = ["can", "ephemeralasnull", "issensitive"];
    for (name, arguments) in CALLS.iter().filter(|(name, _)| !says_nothing.contains(name)) {
        for at in 0..arguments.len() {
            let text = call(name, arguments, at, |_| "var.e".to_owned());
            let tree = Tree::new([(
                "main.hcl",
                &*format!(
                    "variable \"e\" {{\n  ephemeral = true\n}}\noutput \"o\" {{ value = {text} }}\n"
                ),
            )]);
            let told = tree.reported().join("\n");
            if !told.contains("which is ephemeral") {
                wrong.push(format!("{text}: {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn reported(problems: &[Diagnostic]) -> String {
    problems.iter().map(|it| it.summary.clone()).collect::<Vec<_>>().join("; ")
}
