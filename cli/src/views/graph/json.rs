use ha_plan::OutlineKind;
use ha_value::Action;

use super::Picture;
use crate::views::json::Json;
use crate::views::sources::Sources;

/// Nodes and edges as data.
pub(crate) fn json(picture: &Picture, sources: &Sources) -> String {
    let node = |it: &super::Node| {
        let mut fields = vec![("address", Json::from(&*it.address)), ("kind", kind(it.kind).into())];
        if let Some(action) = it.action {
            fields.push(("actions", Json::array(actions(action).iter().copied())));
            fields.push(("instances", u64::try_from(it.instances).unwrap_or(u64::MAX).into()));
        }
        if let Some(span) = &it.span {
            fields.push(("filename", Json::from(&*span.file)));
            let before = sources.text(&span.file).and_then(|it| it.get(..span.start));
            fields.extend(before.map(|it| ("line", (it.matches('\n').count() as u64 + 1).into())));
        }
        Json::object(fields)
    };
    let address = |at: usize| Json::from(&*picture.nodes[at].address);
    let edge = |(from, to): &(usize, usize)| Json::object([("from", address(*from)), ("to", address(*to))]);
    Json::object([
        ("format_version", "1.0".into()),
        ("nodes", Json::Array(picture.nodes.iter().map(node).collect())),
        ("edges", Json::Array(picture.edges.iter().map(edge).collect())),
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

/// As a plan's document names them.
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
