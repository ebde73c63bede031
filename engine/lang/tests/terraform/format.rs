//! Formatted text is compared with that of `terraform fmt`.

use std::fs;

use ha_diagnostics::Diagnostic;
use ha_lang::SourceFile;

use crate::draw::{Draw, draws, seed};
use crate::{oracle, ugly};

#[test]
fn formatted_text_is_that_of_terraform_fmt() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut terraform) = oracle::terraform(directory.path()) else { return };
    let mut draw = Draw::new(seed());
    let drawn: Vec<String> = (0..draws(300))
        .map(|_| {
            let text = ugly::file(&mut draw);
            if draw.once_in(3) { ugly::damaged(&mut draw, &text) } else { text }
        })
        .collect();
    let path = |index: usize| directory.path().join(format!("{index}.tf"));
    for (index, text) in drawn.iter().enumerate() {
        fs::write(path(index), text).unwrap();
    }
    let said = terraform.args(["fmt", "-no-color", "-list=false", "."]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let mut taken = 0;
    let mut differ = Vec::new();
    for (index, text) in drawn.iter().enumerate() {
        let expected = fs::read_to_string(path(index)).unwrap();
        let refused = said.contains(&format!("on {index}.tf line"));
        match formatted(text) {
            Ok(it) if it == expected && !refused => taken += 1,
            Err(_) if refused => {}
            // Once in a while terraform breaks what it formats, such as a heredoc taken out of
            // quotes.
            _ if formatted(&expected).is_err() => {}
            _ if reason(text).is_some() => {}
            other => differ.push(difference(text, &expected, other)),
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        drawn.len(),
        differ[..differ.len().min(9)].join("\n")
    );
    assert!(taken * 2 > drawn.len(), "only {taken} of {} could be read", drawn.len());
}

/// The reason why the two may differ; `None` for a fault.
fn reason(text: &str) -> Option<&'static str> {
    if text.replace("\r\n", "").contains('\r') {
        return Some(
            "a carriage return that ends no line is passed over in a comment here, and refused there",
        );
    }
    let has_lone_dollar = text
        .match_indices("\"$")
        .any(|(at, found)| !text[at + found.len()..].starts_with(['{', '$']));
    has_lone_dollar.then_some("terraform drops labels that hold a dollar sign")
}

fn formatted(text: &str) -> Result<String, Vec<Diagnostic>> {
    ha_lang::format(&SourceFile::new("main.hcl", text))
}

/// The text and its lines that differ.
fn difference(text: &str, expected: &str, formatted: Result<String, Vec<Diagnostic>>) -> String {
    let formatted = formatted.unwrap_or_else(|it| format!("{it:?}"));
    let mut said = format!("{text:?}\n");
    for (expected, formatted) in
        expected.split('\n').zip(formatted.split('\n')).filter(|(left, right)| left != right)
    {
        said += &format!("- {expected:?}\n+ {formatted:?}\n");
    }
    said
}
