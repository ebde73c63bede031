//! Configurations and values as JSON, and values as text.

use ha_lang::{SourceFile, compile, value_of_text, values_file};
use ha_value::Type;

use super::problems::summaries;
use crate::target::{FuzzTarget, likeness};

pub(super) const TARGET: FuzzTarget =
    FuzzTarget { name: "json", words: WORDS, seeds: Vec::new, run };

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "1e999999999",
    "-0",
    "0.1",
    "\\u00e9",
    "\\ud83d",
    "\\",
    "\"${var.x}\"",
    "%{ if ",
    "\"//\"",
    "\"variable\": ",
    "\"resource\": ",
    "\"locals\": ",
    "\"output\": ",
    "\"module\": ",
    "\"dynamic\": ",
    "\"lifecycle\": ",
    "\"a\": ",
    "\u{feff}",
    "é",
    "[[[[[[",
    "{\"a\":{\"a\":",
    "\n",
    "x = ",
    "<<E\n",
    "\nE\n",
    "# x\n",
];

fn run(input: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(input);
    let files = ["main.hcl.json", "values.hclvars.json", "values.hclvars"]
        .map(|name| SourceFile::new(name, &*text));
    let (_, problems) = compile(&files[..1]);
    let mut said = vec![summaries(&problems, &files[0])];
    for file in &files[1..] {
        let (values, problems) = values_file(file);
        assert!(
            values.values().all(|(_, span)| file.text.get(span.start..span.end).is_some()),
            "a name is no part of the text"
        );
        said.push(summaries(&problems, file));
    }
    let given = [Type::Any, Type::Number, Type::Bool].map(|ty| value_of_text(&text, &ty).is_ok());
    likeness((said, given))
}
