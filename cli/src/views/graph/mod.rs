//! A configuration as a graph of references, with the changes of a plan.

pub(crate) mod dot;
pub(crate) mod json;
pub(crate) mod mermaid;
mod picture;
pub(crate) mod svg;
pub(crate) mod text;

pub(crate) use dot::dot;
pub(crate) use json::json;
pub(crate) use mermaid::mermaid;
pub(crate) use picture::{GraphPicture, PictureNode, without_keys};
pub(crate) use text::text;

use ha_value::Action;

/// Returns the sign of an action, one column wide; `·` for none.
fn sign(action: Option<Action>) -> &'static str {
    match action {
        None | Some(Action::NoOp) => "·",
        Some(Action::Create) => "+",
        Some(Action::Update) => "~",
        Some(Action::DeleteThenCreate | Action::CreateThenDelete) => "±",
        Some(Action::Delete) => "-",
        Some(Action::Read) => "<",
        Some(Action::Forget) => ".",
    }
}

/// Returns the colour of a node.
fn class(action: Option<Action>) -> &'static str {
    match action {
        None | Some(Action::NoOp) => "unchanged",
        Some(Action::Create) => "created",
        Some(Action::Update) => "updated",
        Some(Action::DeleteThenCreate | Action::CreateThenDelete) => "replaced",
        Some(Action::Delete) => "destroyed",
        Some(Action::Read) => "read",
        Some(Action::Forget) => "forgotten",
    }
}

/// Returns the label of a node.
fn label(node: &PictureNode) -> String {
    let sign =
        if node.action.is_some() { format!("{} ", sign(node.action)) } else { String::new() };
    match node.instances {
        0 | 1 => format!("{sign}{}", node.address),
        several => format!("{sign}{} ({several})", node.address),
    }
}

#[cfg(test)]
mod samples {
    use ha_plan::{Outline, OutlineKind, OutlineNode};
    use ha_value::Action;

    use super::GraphPicture;

    /// Builds a graph from nodes and references.
    pub(super) fn picture(nodes: &[(&str, OutlineKind)], edges: &[(usize, usize)]) -> GraphPicture {
        let node = |(address, kind): &(&str, OutlineKind)| OutlineNode {
            address: (*address).to_owned(),
            module: Vec::new(),
            kind: *kind,
            span: None,
        };
        GraphPicture::new(Outline {
            nodes: nodes.iter().map(node).collect(),
            edges: edges.to_vec(),
        })
    }

    /// A service that depends on a database.
    pub(super) fn service() -> GraphPicture {
        let resource = |name| (name, OutlineKind::Resource);
        let nodes = ["a.key", "a.\"odd\" <one>", "a.database", "a.service"].map(resource);
        let mut picture = picture(&nodes, &[(2, 0), (2, 1), (3, 0), (3, 2)]);
        picture.nodes[2].action = Some(Action::DeleteThenCreate);
        picture.nodes[3].action = Some(Action::Update);
        picture.nodes[3].instances = 3;
        picture
    }
}
