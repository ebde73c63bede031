//! What holds for problems, whatever the text.

use ha_diagnostics::Diagnostic;
use ha_lang::SourceFile;

/// Asserts that what is told of a string lies within it, and says what was told.
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
    // What is quoted from the input would make each problem one of its own.
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
