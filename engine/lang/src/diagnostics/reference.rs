//! Diagnostics for references.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_value::{Name, ResourceMode, closest};

use super::error;
use crate::compiled_expression::{BlockName, Reference, ReferenceTarget};
use crate::configuration::Configuration;
use crate::reference_words;
use crate::source::{FileFamily, FileRole};

pub(crate) fn not_a_reference(span: SourceSpan) -> Diagnostic {
    error("expected one reference")
        .code(code::FIXED)
        .at(span)
        .help("write it without quotes and without an expression: `aws_vpc.main`")
}

pub(crate) fn no_such_template_variable(
    name: &str,
    span: SourceSpan,
    known: &[Name],
) -> Diagnostic {
    error(format!("the template has no variable `{name}`"))
        .code(code::UNDECLARED)
        .at(span)
        .help(match known.is_empty() {
            true => "it has none; pass them in the second argument of `templatefile`".into(),
            false => format!("its variables are {}", known.join(", ")),
        })
        .closest(name, known.iter().map(|it| &**it))
}

pub(crate) fn no_such_builtin(root: &str, name: &str, span: SourceSpan) -> Diagnostic {
    let known: Vec<&str> = reference_words::builtin_attributes(root).collect();
    match (root, name) {
        // Terraform 1.10 and OpenTofu have it as an ephemeral value.
        ("terraform" | "ha", "applying") => {
            return error(format!("`{root}.applying` is not supported"))
                .code(code::NOT_SUPPORTED)
                .at(span)
                .help(
                    "an apply does exactly what was planned, so that no value may differ between \
                     the two: leave it out",
                );
        }
        // The name that Terraform had for it before 0.12, and the name that people try.
        ("terraform" | "ha", "env" | "environment") => {
            return error(format!("`{root}` has no attribute `{name}`"))
                .code(code::UNDECLARED)
                .at(span)
                .meant(name, "workspace");
        }
        _ => {}
    }
    let listed: Vec<String> = known.iter().map(|it| format!("`{root}.{it}`")).collect();
    error(format!("`{root}` has no attribute `{name}`"))
        .code(code::UNDECLARED)
        .at(span)
        .closest(name, known)
        .help(format!("there is {}", listed.join(", ")))
}

/// A single word that is not a reference. A local value or variable of this name is suggested.
pub(crate) fn bare_name(name: &str, span: SourceSpan, configuration: &Configuration) -> Diagnostic {
    // `a = a` within `locals` is not meant to be `local.a`, which would be itself.
    let local = configuration.locals.get(name).filter(|it| !it.expression.span().holds(&span));
    let root = match (configuration.variables.contains_key(name), local.is_some()) {
        (_, true) => "local",
        (true, _) => "var",
        _ => return incomplete_reference(name, span),
    };
    let meant = format!("{root}.{name}");
    error(format!("`{name}` is not the name of anything here"))
        .code(code::UNDECLARED)
        .at(span.clone())
        .suggest(span, &*meant, format!("did you mean `{meant}`?"))
}

/// The constant of the language for a word of another language.
fn constant_elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "None" | "nil" | "NULL" | "Null" | "undefined" | "none" => "null",
        "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" => "true",
        "False" | "FALSE" | "no" | "No" | "NO" | "off" => "false",
        _ => return None,
    })
}

pub(crate) fn incomplete_reference(root: &str, span: SourceSpan) -> Diagnostic {
    let (needs, example) = match root {
        "var" => ("the name of a variable", "var.region"),
        "local" => ("the name of a local value", "local.name"),
        "module" => ("the name of a module", "module.network"),
        "each" => ("`key` or `value`", "each.key"),
        "count" => ("`index`", "count.index"),
        "path" => ("`module`, `root` or `cwd`", "path.module"),
        "ha" => ("`workspace`", "ha.workspace"),
        "terraform" => ("`workspace`", "terraform.workspace"),
        "data" => ("a kind and a name", "data.aws_vpc.main"),
        "resource" => ("a kind and a name", "resource.aws_vpc.main"),
        _ => {
            let problem = error(format!("`{root}` is not the name of anything here"))
                .code(code::UNDECLARED)
                .at(span.clone());
            if let Some(constant) = constant_elsewhere(root) {
                return problem.suggest(span, constant, format!("did you mean `{constant}`?"));
            }
            return problem.help(format!(
                "for a string put it in quotes: `\"{root}\"`; a variable is `var.{root}`, a local value `local.{root}`, \
                 and a resource is named by its kind and name: `{root}.NAME`"
            ));
        }
    };
    error(format!("`{root}` must be followed by {needs}"))
        .code(code::UNDECLARED)
        .at(span)
        .help(format!("for example `{example}`"))
}

pub(crate) fn not_a_list_of_references(span: SourceSpan) -> Diagnostic {
    error("expected a list of references")
        .code(code::FIXED)
        .at(span)
        .help("for example `[aws_vpc.main, aws_subnet.a]`")
}

pub(crate) fn of_another_check(block: &BlockName, check: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{block}` is read only for the check `{check}`"))
        .code(code::UNDECLARED)
        .at(span)
        .help("write the data source outside of the `check` block to use it elsewhere")
}

/// What an undeclared name probably means.
pub(crate) enum Meant {
    /// Another declaration of the same sort, by its name.
    Name(Name),
    /// A declaration of another sort.
    Other(ReferenceTarget),
}

/// A reference to something that is not declared, with a suggestion for the name, or for the whole
/// reference up to it.
pub(crate) fn not_declared(
    what: &str,
    name: &str,
    reference: &Reference,
    meant: Option<Meant>,
) -> Diagnostic {
    let problem = error(format!("there is no {what} `{name}`"))
        .code(code::UNDECLARED)
        .at(reference.name_span());
    match meant {
        Some(Meant::Other(twin)) => {
            let twin = twin.to_string();
            let help = format!("did you mean `{twin}`?");
            problem.suggest(up_to_name(reference), twin, help)
        }
        Some(Meant::Name(meant)) => problem.meant(name, &meant),
        None => problem,
    }
}

/// The part of a reference up to its name: `var.a` of `var.a.b`.
fn up_to_name(reference: &Reference) -> SourceSpan {
    SourceSpan { end: reference.name_span().end, ..reference.span.clone() }
}

/// A reference to a block that is not declared. `alike` are some blocks of the same kind, listed
/// where none is `meant`.
pub(crate) fn no_such_block_declared(
    name: &BlockName,
    reference: &Reference,
    meant: Option<&BlockName>,
    alike: &[&BlockName],
) -> Diagnostic {
    let what = match name.mode {
        ResourceMode::Managed => "resource",
        ResourceMode::Data => "data source",
    };
    let problem = error(format!("there is no {what} `{name}`"))
        .code(code::UNDECLARED)
        .at(reference.name_span());
    let problem = match stray_root(&name.kind, &name.name, reference) {
        Some(help) if meant.is_none() && alike.is_empty() => {
            let summary = format!("`{}` is not the name of anything here", name.kind);
            error(summary).code(code::UNDECLARED).at(reference.name_span()).help(help)
        }
        _ => problem,
    };
    let listed: Vec<String> = alike.iter().map(|it| format!("`{it}`")).collect();
    match meant {
        Some(meant) => problem.meant(&name.to_string(), &meant.to_string()),
        None if listed.is_empty() => problem,
        None => problem.help(format!("of this kind there is {}", listed.join(", "))),
    }
}

/// The help for a reference to the environment, with the variable prefix of the file's family.
pub(super) fn environment_not_read(at: &SourceSpan) -> String {
    let is_terraform = matches!(
        FileRole::from_file_name(&at.file),
        Some(FileRole::Primary(FileFamily::Terraform) | FileRole::Override(FileFamily::Terraform))
    );
    let variable = if is_terraform { "TF_VAR_NAME" } else { "HA_VAR_NAME" };
    format!("the environment is not read; `{variable}` gives a value to the variable `NAME`")
}

/// The help for a root such as `vars` that probably misspells `var`, before a name.
fn stray_root(word: &str, name: &str, reference: &Reference) -> Option<String> {
    if matches!(word, "env" | "ENV" | "environ") {
        return Some(environment_not_read(&reference.span));
    }
    let root = closest(word, ["var", "local", "module", "each", "count", "path"])?;
    Some(match &*root {
        "var" => format!("a variable is written `var.{name}`, and there is none of this name"),
        "local" => {
            format!("a local value is written `local.{name}`, and there is none of this name")
        }
        "module" => format!("a module is written `module.{name}`, and there is none of this name"),
        "each" => "`each.key` and `each.value` exist in blocks with `for_each`".into(),
        "count" => "`count.index` exists in blocks with `count`".into(),
        _ => "there are `path.module`, `path.root` and `path.cwd`".into(),
    })
}

pub(crate) fn block_of_other_mode(
    name: &BlockName,
    twin: &BlockName,
    reference: &Reference,
) -> Diagnostic {
    let (what, is) = match name.mode {
        ResourceMode::Managed => ("resource", "data source"),
        ResourceMode::Data => ("data source", "resource"),
    };
    error(format!("there is no {what} `{name}`, but a {is} `{twin}`"))
        .code(code::UNDECLARED)
        .at(reference.name_span())
        .meant(&name.to_string(), &twin.to_string())
}

/// `locals.a` where `local.a` is meant.
pub(crate) fn wrong_root(root: &str, reference: &Reference, meant: &str) -> Diagnostic {
    error(format!("`{root}` is not the name of anything here"))
        .code(code::UNDECLARED)
        .at(reference.name_span())
        .suggest(reference.name_span(), meant, format!("did you mean `{meant}`?"))
}

pub(crate) fn no_each(target: &ReferenceTarget, span: SourceSpan) -> Diagnostic {
    error(format!("`{target}` has a value only in blocks with `for_each`"))
        .code(code::NOT_HERE)
        .at(span)
}

pub(crate) fn no_count(span: SourceSpan) -> Diagnostic {
    error("`count.index` has a value only in blocks with `count`").code(code::NOT_HERE).at(span)
}

pub(crate) fn no_self(span: SourceSpan) -> Diagnostic {
    error("`self` has a value only in postconditions")
        .code(code::NOT_HERE)
        .at(span)
        .help("elsewhere name the block: `KIND.NAME`")
}
