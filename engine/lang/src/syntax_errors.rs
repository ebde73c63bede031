//! What can be wrong with a string before anything in it has a meaning, each phrased once.

use ha_diagnostics::{Diagnostic, SourceSpan, code};

fn error(summary: impl Into<String>, span: SourceSpan) -> Diagnostic {
    Diagnostic::error(summary).at(span)
}

pub(crate) fn unexpected(found: &str, wanted: &str, span: SourceSpan) -> Diagnostic {
    let found: String = found.chars().take(40).flat_map(char::escape_debug).collect();
    let problem = error(format!("expected {wanted}, found `{found}`"), span).code(code::SYNTAX);
    match found.as_str() {
        "'" => problem.help("strings stand between double quotes"),
        "`" => problem
            .help("for a string of several lines use a heredoc: `<<-EOT`, lines of text, `EOT`"),
        ";" => problem.help("each argument stands on a line of its own"),
        "&" | "|" | "^" | "~" => {
            problem.help("there are no operators for bits; `&&`, `||` and `!` are for truth values")
        }
        "\\" => problem.help("within `${ }` quotes are not escaped"),
        _ => problem,
    }
}

pub(crate) fn label_is_fixed(span: SourceSpan) -> Diagnostic {
    error("the labels of a block are fixed: there is nothing to work out in them", span)
        .code(code::LABELS)
        .help("write the name out; blocks of which there are several have `for_each` or `count`")
}

pub(crate) fn open_quote(span: SourceSpan) -> Diagnostic {
    error("this string is never closed: a string in quotes ends on the line it begins on", span)
        .code(code::ESCAPE)
        .help("close it by `\"`; write `\\n` for a line end, or use a heredoc: `<<-EOT`, lines of text, `EOT`")
}

pub(crate) fn ends_early(wanted: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the text ends too early: expected {wanted}"), span).code(code::SYNTAX)
}

pub(crate) fn line_ends_early(wanted: &str, span: SourceSpan) -> Diagnostic {
    error(format!("expected {wanted}, found the end of the line"), span)
        .code(code::SYNTAX)
        .help("within parentheses and brackets an expression may go on over line ends")
}

pub(crate) fn never_closed(span: SourceSpan) -> Diagnostic {
    error("this block is never closed", span)
        .code(code::SYNTAX)
        .help("end it with `}` on a line of its own")
}

pub(crate) fn unclosed_comment(span: SourceSpan) -> Diagnostic {
    error("this comment is never closed", span).code(code::SYNTAX).help("end it with `*/`")
}

pub(crate) fn argument_twice(name: &str, first: &SourceSpan, span: SourceSpan) -> Diagnostic {
    error(format!("the argument `{name}` is given twice"), span)
        .code(code::TWICE)
        .label("the second time")
        .related(first.clone(), "the first time")
        .help("keep one of them")
}

pub(crate) fn block_in_one_line(name: &str, span: SourceSpan) -> Diagnostic {
    error(
        format!("expected `=` behind `{name}`: a block on one line has one argument and no blocks"),
        span,
    )
    .code(code::SYNTAX)
    .help("put what is between the braces on lines of its own")
}

pub(crate) fn several_in_one_line(span: SourceSpan) -> Diagnostic {
    error("a block on one line has one argument", span)
        .code(code::SYNTAX)
        .help("put each argument on a line of its own, without commas")
}

pub(crate) fn too_deep(levels: usize, span: SourceSpan) -> Diagnostic {
    error(format!("more than {levels} brackets, blocks and templates are open here"), span)
        .code(code::TOO_MUCH)
        .help("give an inner part a name in `locals` and use that here")
}

pub(crate) fn too_long_a_chain(height: usize, span: SourceSpan) -> Diagnostic {
    error(format!("more than {height} operations depend on each other here"), span)
        .code(code::TOO_MUCH)
        .help("give a part of it a name in `locals` and use that here, or use `sum`, `concat`, `join` or `alltrue`")
}

pub(crate) fn two_points(span: SourceSpan) -> Diagnostic {
    error("a number has one point at most", span).code(code::NUMBER)
}

pub(crate) fn not_an_index(written: &str, span: SourceSpan) -> Diagnostic {
    let steps: String = written.split('.').map(|it| format!("[{it}]")).collect();
    error(format!("`{written}` is no index"), span)
        .code(code::SYNTAX)
        .help(format!("write `{steps}`"))
}

pub(crate) fn no_such_escape(written: &str, span: SourceSpan) -> Diagnostic {
    let shown: String = written
        .chars()
        .map(|it| if it.is_control() { it.escape_default().to_string() } else { it.into() })
        .collect();
    error(format!("`{shown}` is not an escape"), span)
        .code(code::ESCAPE)
        .help("there are `\\n`, `\\r`, `\\t`, `\\\"`, `\\\\`, and `\\u0000` and `\\U00000000` with the digits of a character")
}

pub(crate) fn directive_left_open(name: &str, end: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`%{{ {name} }}` is never ended"), span)
        .code(code::TEMPLATE)
        .help(format!("end it with `%{{ {end} }}`"))
}

pub(crate) fn directive_not_open(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is nothing here that `%{{ {name} }}` belongs to"), span)
        .code(code::TEMPLATE)
}
