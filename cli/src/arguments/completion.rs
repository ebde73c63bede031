//! What a shell offers while an argument is being typed: addresses and outputs as recorded, kinds
//! as known. Whatever goes wrong here offers nothing and says nothing: somebody is in the middle of
//! a line.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap_complete::{ArgValueCompleter, CompletionCandidate};
use ha_value::{Address, ResourceMode};

use crate::output::command_error::CommandError;
use crate::registry::providers::kinds;
use crate::workspace::backend_config::BackendConfig;
use crate::workspace::directory_files::says_where;
use crate::workspace::encryption::StateKeys;
use crate::workspace::selected::{Workspace, name_asked_for};
use crate::workspace::state_location::StateLocation;

/// The variable that a shell asks with.
pub(crate) const ASKED: &str = "HA_COMPLETE";

/// Instances that are recorded.
pub(crate) fn addresses() -> ArgValueCompleter {
    offering(|| recorded().iter().map(ToString::to_string).collect())
}

/// Instances that are recorded, the blocks and modules they are in, and their kinds.
pub(crate) fn places() -> ArgValueCompleter {
    offering(|| {
        let recorded = recorded();
        let mut all: Vec<String> = recorded.iter().map(ToString::to_string).collect();
        for address in &recorded {
            all.push(address.block.to_string());
            let mut module = String::new();
            for (name, key) in address.block.module.iter() {
                let dot = if module.is_empty() { "" } else { "." };
                module += &format!("{dot}module.{name}");
                all.push(module.clone());
                module += &key.to_string();
                all.push(module.clone());
            }
        }
        all
    })
}

/// Outputs that are recorded.
pub(crate) fn outputs() -> ArgValueCompleter {
    offering(|| {
        let state = place().and_then(|it| it.state());
        state.map(|it| it.outputs.keys().map(ToString::to_string).collect()).unwrap_or_default()
    })
}

/// Kinds, those that are only read behind `data.`.
pub(crate) fn kind_names() -> ArgValueCompleter {
    offering(|| {
        let (schemas, _) = kinds();
        let name = |(mode, it): (ResourceMode, &ha_provider::ResourceDescription)| match mode {
            ResourceMode::Managed => it.kind.to_string(),
            ResourceMode::Data => format!("data.{}", it.kind),
        };
        schemas.kinds().map(name).chain(["functions".to_owned()]).collect()
    })
}

/// Functions of the language.
pub(crate) fn function_names() -> ArgValueCompleter {
    offering(|| ha_lang::functions().iter().map(|it| it.name.to_owned()).collect())
}

/// Codes of mistakes.
pub(crate) fn codes() -> ArgValueCompleter {
    offering(|| ha_diagnostics::code::EXPLANATIONS.iter().map(|it| it.code.to_string()).collect())
}

/// Offers of these what begins as what was typed.
pub(crate) fn offering(all: impl Fn() -> Vec<String> + Send + Sync + 'static) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let mut all: Vec<String> = all().into_iter().filter(|it| begins(it, &typed)).collect();
        all.sort();
        all.dedup();
        all.into_iter().map(|it| CompletionCandidate::new(quoted(&it))).collect::<Vec<_>>()
    })
}

/// Whether a string begins as what was typed, quotes aside: a shell hands over what it has not yet
/// read.
fn begins(text: &str, typed: &str) -> bool {
    let bare =
        |it: &str| it.chars().filter(|it| !matches!(it, '"' | '\'' | '\\')).collect::<String>();
    bare(text).starts_with(&bare(typed))
}

/// As a shell takes it: keys have quotes and brackets.
fn quoted(text: &str) -> String {
    if text.contains(['"', '[', '*', '\'', ' ', '$']) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else {
        text.to_owned()
    }
}

fn recorded() -> Vec<Address> {
    place().and_then(|it| it.addresses()).map(|it| it.into_iter().collect()).unwrap_or_default()
}

/// Where the state is that the line is about.
fn place() -> Result<StateLocation, CommandError> {
    let directory = named("chdir").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let environment =
        Workspace::asked(name_asked_for(named("env").as_deref()).as_deref(), &directory)?;
    // No one waits for a store that is elsewhere while typing.
    if says_where(&directory)? {
        return Err(CommandError::default());
    }
    StateLocation::find_unchecked(
        &directory,
        environment.as_ref(),
        &BackendConfig::usual(),
        StateKeys::new(None, &directory)?,
    )
}

/// The value of an option, as the line has it so far.
fn named(option: &str) -> Option<String> {
    let words: Vec<String> =
        std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
    words.iter().enumerate().find_map(|(at, word)| {
        match word.trim_start_matches('-').split_once('=') {
            Some((name, value)) if word.starts_with('-') && name == option => {
                Some(value.to_owned())
            }
            None if word.starts_with('-') && word.trim_start_matches('-') == option => {
                words.get(at + 1).cloned()
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_as_typed_is_offered_as_a_shell_takes_it() {
        let offer =
            offering(|| ["a.b[\"k\"]", "a.b[\"k\"]", "a.c", "b.a"].map(str::to_owned).to_vec());
        let offered = |typed: &str| {
            let candidates = offer.complete(OsStr::new(typed));
            candidates
                .iter()
                .map(|it| it.get_value().to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(offered("a."), ["'a.b[\"k\"]'", "a.c"]);
        for typed in ["'a.b[\"", "a.b[k", "a.b[\\\"k"] {
            assert_eq!(offered(typed), ["'a.b[\"k\"]'"], "{typed}");
        }
        assert!(offered("c").is_empty());
    }
}
