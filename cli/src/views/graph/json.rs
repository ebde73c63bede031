use ha_plan::OutlineKind;
use ha_value::Action;

use super::GraphPicture;
use crate::views::json::JsonValue;
use crate::views::sources::SourceTexts;

/// Writes nodes and edges as JSON.
pub(crate) fn json(picture: &GraphPicture, sources: &SourceTexts) -> String {
    let node = |it: &super::PictureNode| {
        let mut fields =
            vec![("address", JsonValue::from(&*it.address)), ("kind", kind(it.kind).into())];
        if let Some(action) = it.action {
            fields.push(("actions", JsonValue::array(actions(action).iter().copied())));
            fields.push(("instances", u64::try_from(it.instances).unwrap_or(u64::MAX).into()));
        }
        if let Some(span) = &it.span {
            fields.push(("filename", JsonValue::from(&*span.file)));
            let before = sources.text(&span.file).and_then(|it| it.get(..span.start));
            fields.extend(before.map(|it| ("line", (it.matches('\n').count() as u64 + 1).into())));
        }
        JsonValue::object(fields)
    };
    let address = |at: usize| JsonValue::from(&*picture.nodes[at].address);
    let edge = |(from, to): &(usize, usize)| {
        JsonValue::object([("from", address(*from)), ("to", address(*to))])
    };
    JsonValue::object([
        ("format_version", "1.0".into()),
        ("nodes", JsonValue::Array(picture.nodes.iter().map(node).collect())),
        ("edges", JsonValue::Array(picture.edges.iter().map(edge).collect())),
    ])
    .pretty()
}

fn kind(kind: OutlineKind) -> &'static str {
    match kind {
        OutlineKind::Variable => "variable",
        OutlineKind::Provider => "provider",
        OutlineKind::Local => "local",
        OutlineKind::Resource => "resource",
        OutlineKind::Data => "data",
        OutlineKind::Output => "output",
        OutlineKind::Check => "check",
        OutlineKind::Module => "module",
        OutlineKind::ModuleOutputs => "module_outputs",
        OutlineKind::ModuleEnd => "module_end",
    }
}

/// The names of actions in a plan's JSON document.
fn actions(action: Action) -> &'static [&'static str] {
    match action {
        Action::NoOp => &["no-op"],
        Action::Read => &["read"],
        Action::Create => &["create"],
        Action::Update => &["update"],
        Action::DeleteThenCreate => &["delete", "create"],
        Action::CreateThenDelete => &["create", "delete"],
        Action::Delete => &["delete"],
        Action::Forget => &["forget"],
    }
}
