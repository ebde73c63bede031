//! Diagnostics for the settings block `ha {}` or `terraform {}`.

use ha_diagnostics::{Diagnostic, SourceSpan, code};

use super::error;
use crate::source::FileFamily;

pub(crate) fn settings_of_other_family(own: &str, span: SourceSpan) -> Diagnostic {
    error(format!("in files like this one the block is called `{own}`"))
        .code(code::FAMILIES)
        .at(span.clone())
        .suggest(span, own, format!("write `{own}`"))
        .help(
            "files that end in `.hcl` have `ha` blocks, those that end in `.tf` have \
            `terraform` blocks",
        )
}

pub(crate) fn no_cloud(settings: &str, span: SourceSpan) -> Diagnostic {
    error("`cloud` blocks are not supported").code(code::NOT_SUPPORTED).at(span).help(format!(
        "configure where the state is stored: `{settings} {{ backend \"s3\" {{ … }} }}`, or omit \
            it to store the state on this machine"
    ))
}

pub(crate) fn not_a_version_constraint(part: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{part}` is not a version constraint"))
        .code(code::VERSION)
        .at(span)
        .help("for example `>= 1.2`, `~> 1.2` or `>= 1.2, < 2`")
}

pub(crate) fn other_version(
    family: FileFamily,
    version: &str,
    constraint: &str,
    span: SourceSpan,
) -> Diagnostic {
    let problem = error(format!("this configuration requires a version {constraint}"))
        .code(code::VERSION)
        .at(span);
    match family {
        FileFamily::Ha => {
            problem.label(format!("this is ha {version}")).help("use a version of ha that matches")
        }
        FileFamily::Terraform => problem
            .label(format!("`.tf` files are read as Terraform {version} reads them"))
            .help("change the constraint if the configuration works with that version too"),
    }
}

pub(crate) fn not_a_required_provider(span: SourceSpan) -> Diagnostic {
    error("expected an object")
        .code(code::VERSION)
        .at(span)
        .help("for example `{ source = \"hashicorp/aws\", version = \">= 5\" }`")
}

pub(crate) fn not_a_list_of_aliases(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("expected aliases of `{name}`"))
        .code(code::FIXED)
        .at(span)
        .help(format!("for example `configuration_aliases = [{name}.west]`"))
}
