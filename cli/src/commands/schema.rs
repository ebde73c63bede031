use clap::Args;
use ha_kind::{Described, Mode, Schemas, closest};

use super::Session;
use crate::completing;
use crate::providers::kinds;
use crate::trouble::{DONE, Ended};
use crate::views::json::Json;
use crate::views::notice::Notice;
use crate::views::schema_text::{kind_json, kind_text, kinds_text};

/// Show the kinds and what they take and give
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha schema                           all kinds
  ha schema mongodb_host              one, with all its arguments and outputs
  ha schema data.aws_vpc              a kind that is only read

Exit codes: 0 done, 1 error.")]
pub(crate) struct SchemaArgs {
    /// One kind
    #[arg(add = completing::kind_names())]
    kind: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn schema(arguments: &SchemaArgs, session: &Session) -> Ended {
    let (schemas, _) = kinds();
    let paint = session.terminal.out;
    let text = match (&arguments.kind, arguments.json) {
        (None, false) => kinds_text(&schemas, paint),
        (None, true) => Json::Array(schemas.kinds().map(|(mode, it)| kind_json(mode, it)).collect()).pretty(),
        (Some(name), is_json) => {
            let found = named(&schemas, name)?;
            match is_json {
                true if found.len() == 1 => kind_json(found[0].0, found[0].1).pretty(),
                true => Json::Array(found.iter().map(|(mode, it)| kind_json(*mode, it)).collect()).pretty(),
                false => found.iter().map(|(mode, it)| kind_text(*mode, it, paint)).collect::<Vec<_>>().join("\n"),
            }
        }
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}

/// The kinds of a name: what is made and what is read may share one.
fn named<'a>(schemas: &'a Schemas, name: &str) -> Result<Vec<(Mode, &'a Described)>, Notice> {
    let (modes, kind): (&[Mode], &str) = match name.strip_prefix("data.") {
        Some(kind) => (&[Mode::Data], kind),
        None => (&[Mode::Managed, Mode::Data], name),
    };
    let found: Vec<_> = modes.iter().filter_map(|mode| Some((*mode, schemas.kind(*mode, kind)?))).collect();
    if found.is_empty() {
        let notice = Notice::error(format!("there is no kind `{name}`"));
        return Err(match closest(kind, schemas.kinds().map(|(_, it)| &*it.kind)) {
            Some(closest) => notice.help(format!("did you mean `{closest}`?")),
            None => notice.help("`ha schema` lists all kinds"),
        });
    }
    Ok(found)
}
