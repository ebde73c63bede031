//! Diagnostics for module calls and providers.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_value::Name;

use super::error;
use crate::compiled_expression::ReferenceTarget;

/// The arguments of a module call that are not variables of the module.
pub(crate) const META: [&str; 5] = ["source", "count", "for_each", "depends_on", "providers"];

/// A provider as in a reference: its name, and its alias after a dot.
pub(crate) fn provider(name: &(Name, Option<Name>)) -> String {
    match name {
        (name, Some(alias)) => format!("{name}.{alias}"),
        (name, None) => name.to_string(),
    }
}

pub(crate) fn version(span: SourceSpan) -> Diagnostic {
    error("a `module` block has no `version`").code(code::MODULE_SOURCE).at(span).help(
        "modules are local directories with the version of the repository; remove the argument",
    )
}

pub(crate) fn providers_are_no_object(span: SourceSpan) -> Diagnostic {
    error("`providers` must map each provider of the module to one of this configuration")
        .code(code::PROVIDER)
        .at(span)
        .help("for example `providers = { aws = aws.west }`")
}

pub(crate) fn handed_in_twice(inside: &(Name, Option<Name>), span: SourceSpan) -> Diagnostic {
    error(format!("the provider `{}` is passed twice", provider(inside)))
        .code(code::PROVIDER)
        .at(span)
}

pub(crate) fn source_misspelt(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is no argument `{name}` here"))
        .code(code::MISPLACED)
        .at(span)
        .meant(name, "source")
}

pub(crate) fn source_is_no_text(span: SourceSpan) -> Diagnostic {
    error("the source of a module is a string")
        .code(code::MODULE_SOURCE)
        .at(span)
        .help("for example `source = \"./modules/network\"`")
}

pub(crate) fn source_is_not_known(mut problem: Diagnostic, span: &SourceSpan) -> Diagnostic {
    problem.span.get_or_insert_with(|| span.clone());
    problem.help(
        "the source of a module may use variables, and local values that depend only on variables",
    )
}

pub(crate) fn source_is_secret(span: SourceSpan) -> Diagnostic {
    error("the source of a module must not be sensitive")
        .code(code::MODULE_SOURCE)
        .at(span)
        .help("its directory is named in plans and messages")
}

pub(crate) fn not_local(source: &str, span: SourceSpan) -> Diagnostic {
    let what = if source.starts_with('/') {
        "an absolute path"
    } else if source.contains("::")
        || source.contains("git@")
        || source.ends_with(".git")
        || source.starts_with("github.com/")
    {
        "a repository"
    } else if source.contains("://") {
        "an address on the network"
    } else {
        "the name of a module in a registry"
    };
    let problem = error(format!(
        "`{source}` is {what}; modules are read from directories beside the configuration"
    ))
    .code(code::MODULE_SOURCE)
    .at(span)
    .label("not a path that begins with `./` or `../`");
    match what {
        "an absolute path" => problem.help(
            "write it relative to the directory of this file: \
            `./…` or `../…`",
        ),
        "the name of a module in a registry" if !source.is_empty() => {
            problem.help(format!("if it is a directory here, write `\"./{source}\"`")).help(
                "otherwise copy the module's files to a directory beside these, such as \
                `./modules/NAME`, and use its path",
            )
        }
        _ => problem.help(
            "copy the module's files to a directory beside these, such as \
            `./modules/NAME`, and use its path",
        ),
    }
}

pub(crate) fn no_directory(directory: &str, why: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the module in `{directory}` cannot be read: {why}"))
        .code(code::MODULE_SOURCE)
        .at(span)
}

pub(crate) fn empty_directory(directory: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is no configuration in `{directory}`"))
        .code(code::MODULE_SOURCE)
        .at(span)
        .help("a module is a directory with files that end in `.hcl`")
}

pub(crate) fn circular(directories: &[&str], span: SourceSpan) -> Diagnostic {
    let named = |it: &&str| if it.is_empty() { "the root".to_owned() } else { format!("`{it}`") };
    let way: Vec<String> = directories.iter().map(named).collect();
    error("this module calls itself")
        .code(code::MODULE_SOURCE)
        .at(span)
        .detail(format!("The calls go from {}.", way.join(" to ")))
}

pub(crate) fn too_deep(span: SourceSpan) -> Diagnostic {
    error("module calls are nested too deeply")
        .code(code::MODULE_SOURCE)
        .at(span)
        .help("at most 64 calls may be nested")
}

pub(crate) fn too_many(module: &str, most: usize, span: SourceSpan) -> Diagnostic {
    error(format!("with the module `{module}` there are more than {most} calls of modules"))
        .code(code::TOO_MUCH)
        .at(span)
        .help(
            "calls inside a module multiply with the calls of that module; use `for_each`, or \
            split the configuration",
        )
}

pub(crate) fn no_such_input<'a>(
    module: &str,
    name: &str,
    span: SourceSpan,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let problem = error(format!("the module `{module}` has no variable `{name}`"))
        .code(code::MODULE_INPUT)
        .at(span);
    match name {
        "provider" => {
            problem.help("a module receives providers through `providers = { NAME = NAME.ALIAS }`")
        }
        "lifecycle" => problem.help("`lifecycle` is a block: write `lifecycle {`, without `=`"),
        _ => problem.closest(name, known),
    }
}

pub(crate) fn missing_input(module: &str, name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the module `{module}` needs a value for `{name}`"))
        .code(code::MODULE_INPUT)
        .at(span)
        .help(format!("add `{name} = …` to the block; the variable has no default"))
}

pub(crate) fn no_such_output<'a>(
    module: &str,
    name: &str,
    span: SourceSpan,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    error(format!("the module `{module}` has no output `{name}`"))
        .code(code::MODULE_INPUT)
        .at(span)
        .closest(name, known)
}

pub(crate) fn not_known_yet(target: &ReferenceTarget) -> Diagnostic {
    error(format!("`{target}` is not known before anything is planned")).code(code::MODULE_SOURCE)
}

pub(crate) fn no_such_provider(
    name: &(Name, Option<Name>),
    known: &[String],
    span: SourceSpan,
) -> Diagnostic {
    let name = provider(name);
    error(format!("there is no provider `{name}`"))
        .code(code::PROVIDER)
        .at(span)
        .closest(&name, known.iter().map(String::as_str))
        .help(
            "declare it by a `provider` block with that `alias`; a module receives those that \
            it lists in `configuration_aliases`",
        )
}

pub(crate) fn configures_itself(
    module: &str,
    inside: &(Name, Option<Name>),
    span: SourceSpan,
) -> Diagnostic {
    error(format!("the module `{module}` configures the provider `{}` itself", provider(inside)))
        .code(code::PROVIDER)
        .at(span)
        .help("remove the block from the module, or do not pass the provider")
}

pub(crate) fn not_asked_for(
    module: &str,
    inside: &(Name, Option<Name>),
    span: SourceSpan,
) -> Diagnostic {
    let (name, inside) = (&inside.0, provider(inside));
    error(format!("the module `{module}` does not declare a provider `{inside}`"))
        .code(code::PROVIDER)
        .at(span)
        .help(format!(
            "list it there: `required_providers {{ {name} = {{ configuration_aliases = \
            [{inside}] }} }}`"
        ))
}

pub(crate) fn provider_is_missing(
    module: &str,
    inside: &(Name, Option<Name>),
    span: SourceSpan,
) -> Diagnostic {
    let (name, inside) = (&inside.0, provider(inside));
    error(format!("the module `{module}` needs the provider `{inside}`"))
        .code(code::PROVIDER)
        .at(span)
        .help(format!("add `providers = {{ {inside} = {name} }}`, or name another one"))
}

pub(crate) fn provider_in_many(
    module: &str,
    argument: &str,
    own: &SourceSpan,
    span: SourceSpan,
) -> Diagnostic {
    error(format!(
        "the module `{module}` cannot have `{argument}`, because there are `provider` blocks inside"
    ))
    .code(code::PROVIDER)
    .at(span)
    .detail(format!("One is in {}.", own.file))
    .help("remove the blocks from the module, and pass the providers with `providers`")
}

pub(crate) fn unknown_provider(name: &str, known: &[&str], span: SourceSpan) -> Diagnostic {
    error(format!("there is no provider `{name}`"))
        .code(code::PROVIDER)
        .at(span)
        .closest(name, known.iter().copied())
        .help(format!(
            "there are {}; no provider is downloaded, and README.md lists what is missing",
            known.join(", ")
        ))
}

pub(crate) fn provider_by_other_name(name: &str, source: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the provider `{source}` cannot be called `{name}`"))
        .code(code::PROVIDER)
        .at(span)
        .help(format!(
            "call it `{source}` here and in all references; distinguish several \
            configurations of it by `alias`"
        ))
}
