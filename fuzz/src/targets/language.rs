//! Configurations as text: parser, compiler and formatter.

use ha_lang::{SourceFile, compile, format, is_unfinished};

use super::problems::summaries;
use crate::target::{FuzzTarget, files, likeness};

pub(super) const TARGET: FuzzTarget =
    FuzzTarget { name: "language", words: WORDS, seeds: || files("examples/quickstart"), run };

const WORDS: &[&str] = &[
    "${",
    "%{",
    "%{ if ",
    "%{ else }",
    "%{ endif }",
    "%{ for x in ",
    "%{ endfor }",
    "$${",
    "%%{",
    "~}",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "\\\"",
    "\\u12",
    "<<E\n",
    "<<-E\n",
    "\nE\n",
    "# x\n",
    "// x\n",
    "/*",
    "*/",
    "\n",
    "\r\n",
    "\t",
    " = ",
    " => ",
    "...",
    "[*]",
    ".*",
    ".0",
    "? 1 : ",
    " : ",
    ",",
    "&&",
    "||",
    "!",
    "-",
    "é",
    "e\u{301}",
    "\u{feff}",
    "\u{0}",
    "1e9999999999",
    "0.5",
    "null",
    "true",
    "self.",
    "var.x",
    "local.a",
    "each.key",
    "count.index",
    "module.m",
    "data.a.b",
    "for_each = ",
    "count = ",
    "lifecycle {\n",
    "dynamic \"a\" {\n",
    "content {\n",
    "provider::a::b(",
    "variable \"x\" {\n",
    "resource \"a\" \"b\" {\n",
    "data \"a\" \"b\" {\n",
    "locals {\n",
    "output \"o\" {\n",
    "module \"m\" {\n",
    "moved {\n",
    "import {\n",
    "removed {\n",
    "check \"c\" {\n",
    "function \"f\" {\n",
    "ha {\n",
    "provider \"p\" {\n",
    "validation {\n",
    "type = ",
    "optional(",
    "object({",
    "list(",
    "any",
];

/// The deepest nesting that the language accepts.
const LAYERS: usize = 64;

fn run(input: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(input);
    let file = SourceFile::new("main.hcl", &*text);
    let (_, problems) = compile(std::slice::from_ref(&file));
    let said = summaries(&problems, &file);
    let _ = is_unfinished(&text);
    let formatted = match format(&file) {
        Ok(formatted) => formatted,
        Err(problems) => return likeness((said, summaries(&problems, &file))),
    };
    settles(&formatted);
    if problems.is_empty() {
        let (_, problems) = compile(&[SourceFile::new("main.hcl", &*formatted)]);
        assert!(
            problems.is_empty(),
            "what compiled does not once it is formatted: {problems:?}\n{formatted}"
        );
    }
    likeness(said)
}

/// Asserts that repeated formatting reaches a fixed point. As in terraform, each pass removes one
/// layer of a string that is only a string in `${}`.
fn settles(formatted: &str) {
    let mut text = formatted.to_owned();
    for _ in 0..LAYERS {
        let again = format(&SourceFile::new("main.hcl", &*text))
            .expect("what was formatted can be formatted");
        if again == text {
            return;
        }
        text = again;
    }
    panic!("formatting never settles:\n{formatted}");
}
