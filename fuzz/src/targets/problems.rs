//! Properties of diagnostics that hold for every text.

use ha_diagnostics::Diagnostic;
use ha_lang::SourceFile;

/// Asserts that the spans of diagnostics are within the text, and returns the summaries.
pub(super) fn summaries(problems: &[Diagnostic], file: &SourceFile) -> Vec<String> {
    for problem in problems {
        for span in problem.span.iter().chain(&problem.context).filter(|it| it.file == file.name) {
            assert!(
                file.text.get(span.start..span.end).is_some(),
                "{span:?} is no part of the text: {}",
                problem.summary
            );
        }
    }
    // Quotes from the input would make each diagnostic unique, and no two inputs equivalent.
    let mut said: Vec<String> = problems.iter().map(|it| without_quotes(&it.summary)).collect();
    said.sort();
    said.dedup();
    said
}

fn without_quotes(summary: &str) -> String {
    summary
        .split(['`', '"'])
        .step_by(2)
        .flat_map(str::chars)
        .filter(|it| !it.is_numeric())
        .collect()
}
