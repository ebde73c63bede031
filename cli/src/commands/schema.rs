use std::collections::BTreeMap;

use clap::Args;
use ha_lang::Function;
use ha_provider::{NoSettings, ResourceDescription, Schema, SchemaSet};
use ha_value::{ResourceMode, closest};

use crate::arguments::completion;
use crate::output::command_error::{CommandResult, DONE};
use crate::registry::backends::backends;
use crate::registry::encryption_settings::EncryptionSettings;
use crate::registry::providers::kinds;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::function_text::{function_text, functions_json, functions_text};
use crate::views::json::JsonValue;
use crate::views::schema_text::{
    all_settings_text, kind_json, kind_text, kinds_text, settings_json, settings_text,
};
use crate::workspace::session::Session;

/// What stands for the functions where a kind could.
const FUNCTIONS: &str = "functions";
/// What stands for the places where a state can be kept.
const BACKEND: &str = "backend";
/// What stands for the providers.
const PROVIDER: &str = "provider";
/// What stands for the block that names the state's key.
const ENCRYPTION: &str = "encryption";

/// Show the kinds and the functions, what they take and give
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha schema                           all kinds
  ha schema mongodb_host              one, with all its arguments and outputs
  ha schema data.aws_vpc              a kind that is only read
  ha schema functions                 the functions of the language
  ha schema functions cidrsubnet      one of them
  ha schema provider                  the providers
  ha schema provider aws              what its block takes
  ha schema backend                   where a state can be kept
  ha schema backend s3                what its block takes
  ha schema encryption                what the block for the state's key takes

Exit codes: 0 done, 1 error.")]
pub(crate) struct SchemaArgs {
    /// One kind, or `functions`, `provider`, `backend`, `encryption`
    #[arg(add = completion::kind_names())]
    kind: Option<String>,
    /// One function, behind `functions`; one provider, behind `provider`; one backend, behind
    /// `backend`
    #[arg(add = completion::function_names())]
    one: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn schema(arguments: &SchemaArgs, session: &Session) -> CommandResult {
    let paint = session.terminal.out;
    if arguments.kind.as_deref() == Some(FUNCTIONS) {
        let functions = functions(arguments.one.as_deref())?;
        let text = match (arguments.json, functions) {
            (true, functions) => functions_json(functions).pretty(),
            (false, [function]) => function_text(function, paint),
            (false, functions) => functions_text(functions, paint),
        };
        session.terminal.print(&text)?;
        return Ok(DONE);
    }
    if arguments.kind.as_deref() == Some(BACKEND) {
        let backends = backends();
        return blocks(
            arguments,
            session,
            BACKEND,
            &backends.iter().map(|(name, it)| (&**name, it.schema())).collect(),
        );
    }
    if arguments.kind.as_deref() == Some(PROVIDER) {
        let (schemas, _) = kinds();
        return blocks(
            arguments,
            session,
            PROVIDER,
            &schemas.providers().map(|(name, it)| (&**name, &it.schema)).collect(),
        );
    }
    if let Some(one) = &arguments.one {
        let notice = RenderedDiagnostic::error(format!("`{one}` is one too many"));
        return Err(notice
            .help("a function is named behind `functions`, a provider behind `provider`, a backend behind `backend`")
            .into());
    }
    if arguments.kind.as_deref() == Some(ENCRYPTION) {
        let schema = Schema::derive::<EncryptionSettings, NoSettings>();
        session.terminal.print(&match arguments.json {
            true => settings_json(ENCRYPTION, &schema).pretty(),
            false => settings_text(ENCRYPTION, &schema, paint),
        })?;
        return Ok(DONE);
    }
    let (schemas, _) = kinds();
    let text = match (&arguments.kind, arguments.json) {
        (None, false) => kinds_text(&schemas, paint),
        (None, true) => {
            JsonValue::Array(schemas.kinds().map(|(mode, it)| kind_json(mode, it)).collect())
                .pretty()
        }
        (Some(name), is_json) => {
            let found = named(&schemas, name)?;
            match is_json {
                true if found.len() == 1 => kind_json(found[0].0, found[0].1).pretty(),
                true => {
                    JsonValue::Array(found.iter().map(|(mode, it)| kind_json(*mode, it)).collect())
                        .pretty()
                }
                false => found
                    .iter()
                    .map(|(mode, it)| kind_text(*mode, it, paint))
                    .collect::<Vec<_>>()
                    .join("\n"),
            }
        }
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}

/// Blocks that have settings: all of them, or the one that is asked for.
fn blocks(
    arguments: &SchemaArgs,
    session: &Session,
    what: &str,
    all: &BTreeMap<&str, &Schema>,
) -> CommandResult {
    let paint = session.terminal.out;
    let text = match (arguments.json, arguments.one.as_deref()) {
        (false, None) => all_settings_text(all.iter().map(|(name, it)| (*name, *it)), paint),
        (true, None) => {
            JsonValue::Array(all.iter().map(|(name, it)| settings_json(name, it)).collect())
                .pretty()
        }
        (is_json, Some(name)) => {
            let schema = all.get(name).ok_or_else(|| {
                let notice = RenderedDiagnostic::error(format!("there is no {what} `{name}`"));
                match closest(name, all.keys().copied()) {
                    Some(closest) => notice.help(format!("did you mean `{closest}`?")),
                    None => notice.help(format!("`ha schema {what}` lists all")),
                }
            })?;
            if is_json {
                settings_json(name, schema).pretty()
            } else {
                settings_text(name, schema, paint)
            }
        }
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}

/// The function of a name, or all.
fn functions(name: Option<&str>) -> Result<&'static [Function], RenderedDiagnostic> {
    let all = ha_lang::functions();
    let Some(name) = name else { return Ok(all) };
    let found = all.iter().position(|it| it.name == name).map(|at| &all[at..=at]);
    found.ok_or_else(|| {
        let notice = RenderedDiagnostic::error(format!("there is no function `{name}`"));
        match closest(name, all.iter().map(|it| it.name)) {
            Some(closest) => notice.help(format!("did you mean `{closest}`?")),
            None => notice.help("`ha schema functions` lists all functions"),
        }
    })
}

/// The kinds of a name: what is made and what is read may share one.
fn named<'a>(
    schemas: &'a SchemaSet,
    name: &str,
) -> Result<Vec<(ResourceMode, &'a ResourceDescription)>, RenderedDiagnostic> {
    let (modes, kind): (&[ResourceMode], &str) = match name.strip_prefix("data.") {
        Some(kind) => (&[ResourceMode::Data], kind),
        None => (&[ResourceMode::Managed, ResourceMode::Data], name),
    };
    let found: Vec<_> =
        modes.iter().filter_map(|mode| Some((*mode, schemas.kind(*mode, kind)?))).collect();
    if found.is_empty() {
        let notice = RenderedDiagnostic::error(format!("there is no kind `{name}`"));
        return Err(match closest(kind, schemas.kinds().map(|(_, it)| &*it.kind)) {
            Some(closest) => notice.help(format!("did you mean `{closest}`?")),
            None => notice.help("`ha schema` lists all kinds"),
        });
    }
    Ok(found)
}
