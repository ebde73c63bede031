//! Hostile input is rejected or bounded. A hang or an excess of memory fails the whole run.

use ha_lang::{SourceFile, compile, format};

use crate::world::World;

/// A file with all constructs of the language.
const SAMPLE: &str = r##"# é
ha { required_version = ">= 0.1" }
variable "x" {
  type = object({ a = optional(number, 1), "b c" = list(string) }) /* two
  lines */
  default = { a = 1e3, "b c" = ["$${x}", "\u00e9\n", "%{ if true ~} y %{ else }${ "z" }%{ endif }"] }
}
locals {
  a = [for k, v in var.x : "${k}-${v[0]}" if k != "a" && !false]
  b = { for v in local.a : v => v... }
  c = <<-EOT
    ${local.a[0]} %{ for it in local.a ~}
    ${it}
    %{ endfor }
  EOT
  d = local.a[*].b.*.c.0["x"] == null ? -1 : max(1, [2, 3]...) % 4
}
resource "aws_x" "y" {
  count = 2
  name  = "v-${count.index}" // c
  tags  = { (local.a[0]) = 1, b : 2 }
  lifecycle { ignore_changes = [name] }
}
output "o" { value = provider::a::b(aws_x.y[0].name) }
"##;

fn read(text: &str) {
    let _ = compile(&[SourceFile::new("main.hcl", text)]);
    let _ = format(&SourceFile::new("main.hcl", text));
}

fn refused(text: &str) -> String {
    let said = World::new().of(text);
    assert!(said.starts_with("error: "), "{}", &said[..said.len().min(200)]);
    said
}

#[test]
fn parses_a_file_truncated_anywhere() {
    for end in (0..=SAMPLE.len()).filter(|it| SAMPLE.is_char_boundary(*it)) {
        read(&SAMPLE[..end]);
        read(&SAMPLE[end..]);
    }
}

#[test]
fn parses_a_file_without_one_of_its_characters() {
    for (at, c) in SAMPLE.char_indices() {
        read(&format!("{}{}", &SAMPLE[..at], &SAMPLE[at + c.len_utf8()..]));
    }
}

#[test]
fn reports_errors_of_several_blocks() {
    let text = "variable \"a\" {\n  type = = 1\n}\n\nvariable \"b\" {\n  default = [1,\n}\n\nvariable \"c\" {}\nlocals {\n  x = )\n}\n";
    let (configuration, problems) = compile(&[SourceFile::new("main.hcl", text)]);
    let places: Vec<usize> =
        problems.iter().map(|it| text[..it.span.as_ref().unwrap().start].lines().count()).collect();
    assert_eq!(places, [2, 6, 11], "{problems:?}");
    assert!(configuration.variables.contains_key("c"));
}

#[test]
fn rejects_nesting_beyond_the_limit() {
    let around = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000))
    };
    let expressions = [
        around("[", "1", "]"),
        around("(", "1", ")"),
        around("{a=", "1", "}"),
        around("\"${", "1", "}\""),
        around("f(", "1", ")"),
        around("[for x in ", "1", " : x]"),
        around("-", "1", ""),
        around("!", "true", ""),
        around("true ? ", "1", " : 1"),
        around("x[", "0", "]"),
        around("x[*]", "", ""),
        around("\"%{ if true }", "", "%{ endif }\""),
        format!("\"{}{}\"", "%{ if true }".repeat(100_000), "%{ endif }".repeat(100_000)),
        "true ? 1 : ".repeat(100_000) + "1",
        "1 + ".repeat(100_000) + "1",
        "a".to_owned() + &".a".repeat(100_000),
        "a".to_owned() + &"[0]".repeat(100_000),
        "a.*".to_owned() + &".b".repeat(100_000),
        "<<E\n".repeat(100_000),
        "[".repeat(100_000),
        "\"${".repeat(100_000),
    ];
    for text in expressions {
        refused(&text);
    }
    let (_, problems) = compile(&[SourceFile::new("main.hcl", around("a {\n", "", "}\n"))]);
    assert!(!problems.is_empty());
}

#[test]
fn evaluates_nesting_up_to_the_limit() {
    let world = World::new();
    assert_eq!(world.of(&("1 + ".repeat(390) + "1")), "391");
    assert_eq!(world.of(&("false ? 1 : ".repeat(390) + "7")), "7");
    let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(world.of(&nested), nested);
    assert_eq!(world.of(&format!("length(\"{}\")", "${\"x\"}".repeat(5000))), "5000");
}

#[test]
fn parses_large_files_in_time() {
    let world = World::new();
    let long = "x".repeat(10_000_000);
    let cases = [
        (format!("\"{long}\" == null"), "false".to_owned()),
        (format!("length([{}])", "1,".repeat(1_000_000)), "1000000".into()),
        (
            format!(
                "length({{{}}})",
                (0..100_000).map(|it| format!("k{it}=1,")).collect::<String>()
            ),
            "100000".into(),
        ),
        (format!("length(\"{}\")", "$${".repeat(200_000)), "400000".into()),
        (format!("1 {} + 1", "/* */".repeat(200_000)), "2".into()),
        (format!("length(<<E\n{}\nE\n)", "a ".repeat(2_000_000)), "4000001".into()),
    ];
    for (text, wanted) in cases {
        assert_eq!(world.of(&text), wanted);
    }
    for text in [
        "<<", "<<E", "${", "\\", "\"", "#", "/*", "a=", "a b", "\u{301}", "%{", "'", "1.", "0.0",
        "\n", "e",
    ] {
        let text = text.repeat(200_000);
        read(&text);
    }
}

#[test]
fn bounds_the_size_of_numbers() {
    for text in [
        "1e999999999999",
        "1e-999999999999",
        "1e99999999 * 1e99999999",
        "9e999999999",
        "pow(10, 1e9)",
        "parseint(\"zz\", 99)",
    ] {
        World::new().of(text);
    }
    let digits = "9".repeat(1_000_000);
    for text in [
        digits.clone(),
        format!("0.{digits}"),
        format!("tonumber(\"{digits}\")"),
        format!("parseint(\"{digits}\", 36)"),
    ] {
        World::new().of(&text);
    }
    for text in [
        "1e999999",
        "range(1e9)",
        "1e999999 + 1e-999999",
        "floor(1e999999)",
        "1e999999 % 7",
        "ceil(1e-999999)",
        "log(1e999999, 10)",
    ] {
        World::new().of(text);
    }
}

#[test]
fn stops_values_that_grow_without_bounds() {
    let double = |name: &str, first: &str, step: &str, times: usize| {
        let mut text = first.to_owned();
        for _ in 0..times {
            text = format!("[for {name} in [{text}] : {step}][0]");
        }
        text
    };
    let growing = [
        double("x", "\"aaaaaaaaaa\"", "\"${x}${x}${x}${x}${x}${x}${x}${x}${x}${x}\"", 20),
        double("x", "[1, 1, 1, 1]", "concat(x, x, x, x, x, x, x, x, x, x)", 20),
        double("x", "[1, 1, 1, 1]", "flatten([x, x, x, x, x, x, x, x, x, x])", 20),
        double("x", "[1]", "[x, x, x, x, x, x, x, x, x, x]", 20),
        double("x", "\"a\"", "jsonencode([x, x, x, x, x, x, x, x, x, x])", 20),
        double("x", "\"a\"", "join(\"\", [x, x, x, x, x, x, x, x, x, x])", 20),
        double("x", "\"aa\"", "replace(x, \"a\", x)", 20),
        double("x", "\"aa\"", "format(\"%s%s%s%s%s%s%s%s\", x, x, x, x, x, x, x, x)", 20),
        format!("setproduct({})", ["range(100)"; 8].join(", ")),
        "range(0, 1e12)".to_owned(),
        "format(\"%999999999d\", 1)".to_owned(),
        "format(\"%.999999999f\", 1)".to_owned(),
        "format(\"%0999999999999999999999d\", 1)".to_owned(),
        "indent(999999999, \"a\\nb\\nc\")".to_owned(),
        "cidrsubnets(\"10.0.0.0/8\", [for i in range(1000) : 24]...)[0].x".to_owned(),
        "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]".to_owned(),
        "yamldecode(\"a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\\ni: [*h,*h,*h,*h,*h,*h,*h,*h,*h]\\n\")".to_owned(),
        "regex(\"((((a{0,1000}){0,1000}){0,1000}){0,1000})\", \"a\")".to_owned(),
        format!("jsondecode(\"{}\")", "[".repeat(200_000)),
        format!("yamldecode(\"{}\")", "[".repeat(200_000)),
        format!("yamldecode(\"{}\")", "- ".repeat(200_000)),
        format!("regex(\"{}\", \"a\")", "(".repeat(200_000)),
    ];
    for text in growing {
        refused(&text);
    }
    let quotes = format!("regex(\"{}\", \"b\")", "\\\\Q\\\\E".repeat(200_000));
    assert_eq!(World::new().of(&quotes), "\"\"");
}
