//! Diagnostics for the files of a directory.

use ha_diagnostics::{Diagnostic, SourceSpan, code};

use super::error;

pub(crate) fn beside(file: &str) -> Diagnostic {
    Diagnostic::warning(format!("`{file}` is ignored: it is not part of a configuration"))
        .code(code::FAMILIES)
        .help(
            "test files of Terraform are not supported; a test can check the output of `ha plan \
            --json`",
        )
}

pub(crate) fn two_families(first: &str, second: &str) -> Diagnostic {
    error(format!("`{first}` and `{second}` cannot be in one directory"))
        .code(code::FAMILIES)
        .detail("The files of a directory end either all in `.hcl` or all in `.tf`.")
        .help("rename one of them, or move it to another directory")
}

pub(crate) fn not_overridden(kind: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{kind}` blocks cannot be in override files"))
        .code(code::OVERRIDE)
        .at(span)
        .help("write it in another file")
}

pub(crate) fn depends_on_overridden(span: SourceSpan) -> Diagnostic {
    error("`depends_on` cannot be overridden")
        .code(code::OVERRIDE)
        .at(span)
        .help("change it where the block is")
}

pub(crate) fn nothing_to_override(what: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is no {what} to override"))
        .code(code::OVERRIDE)
        .at(span)
        .help("an override file changes blocks of the other files; declare new blocks there")
}

pub(crate) fn not_json(message: &str, span: SourceSpan) -> Diagnostic {
    error(format!("this is not JSON: {message}"))
        .code(code::JSON)
        .at(span)
        .label("cannot be read from here on")
}

pub(crate) fn json_key_twice(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{name}` is there twice")).code(code::JSON).at(span)
}

pub(crate) fn json_is_no_object(what: &str, span: SourceSpan) -> Diagnostic {
    error(format!("expected an object: {what}")).code(code::JSON).at(span)
}
