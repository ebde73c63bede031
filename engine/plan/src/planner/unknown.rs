//! Kinds that do not exist.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::ResourceBlock;
use ha_provider::SchemaSet;
use ha_value::{Name, ResourceMode};

/// Reports an unknown kind, with the closest existing one.
pub(super) fn kind(schemas: &SchemaSet, block: &ResourceBlock) -> Diagnostic {
    let (mode, kind) = (block.name.mode, &*block.name.kind);
    let (what, other) = match mode {
        ResourceMode::Managed => ("kind of resource", "data source"),
        ResourceMode::Data => ("data source", "kind of resource"),
    };
    let problem = Diagnostic::error(format!("there is no {what} `{kind}`"))
        .code(code::NO_KIND)
        .at(block.kind_span.clone());
    // The most specific advice comes first: a known alternative, then the other mode, then a
    // similar name.
    if let Some(instead) = schemas.instead_of(kind) {
        return problem.help(instead);
    }
    if let Some((_, there)) = schemas.kinds().find(|(_, it)| &*it.kind == kind) {
        return problem.help(format!("there is a {other} `{}`", there.kind));
    }
    let known: Vec<&Name> =
        schemas.kinds().filter(|it| it.0 == mode).map(|(_, it)| &it.kind).collect();
    let problem = problem.closest(kind, known.iter().map(|it| &***it));
    if problem.suggestion.is_some() {
        return problem.help(format!("`ha schema` lists each {what} that there is"));
    }
    let front = kind.split('_').next().unwrap_or(kind);
    let is_of_known = schemas.provider(front).is_some()
        || schemas.kinds().any(|(_, it)| it.kind.starts_with(&format!("{front}_")));
    match is_of_known {
        true => problem
            .help("it is not there yet; `ha schema` lists all that is, and \"What is not there yet\" in README.md says more")
            .help("pass objects that are created elsewhere as variables"),
        false => {
            let providers: Vec<&str> = schemas.providers().map(|(it, _)| &**it).collect();
            problem.help(format!("there is no provider `{front}`; there are {}", providers.join(", ")))
        }
    }
}
