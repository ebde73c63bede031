use std::fmt::Write as _;

use super::{GraphPicture, class, label};

/// Writes the graph in Graphviz' DOT.
pub(crate) fn dot(picture: &GraphPicture) -> String {
    let mut text = String::from(
        "digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n",
    );
    for node in &picture.nodes {
        let colour = match class(node.action) {
            "created" => ", color = \"#1a7f37\"",
            "updated" => ", color = \"#9a6700\"",
            "replaced" | "destroyed" => ", color = \"#cf222e\"",
            _ => "",
        };
        let _ =
            writeln!(text, "  {} [label={}{colour}];", quoted(&node.address), quoted(&label(node)));
    }
    for (from, to) in &picture.edges {
        let _ = writeln!(
            text,
            "  {} -> {};",
            quoted(&picture.nodes[*from].address),
            quoted(&picture.nodes[*to].address)
        );
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use snapbox::str;

    use super::super::samples::service;
    use super::*;
    use crate::views::test_data::check;

    #[test]
    fn nodes_and_edges_for_graphviz() {
        check(
            &dot(&service()),
            str![[r##"
digraph G {
  rankdir = "RL";
  node [shape = rect, fontname = "sans-serif"];
  "a.key" [label="a.key"];
  "a.\"odd\" <one>" [label="a.\"odd\" <one>"];
  "a.database" [label="± a.database", color = "#cf222e"];
  "a.service" [label="~ a.service (3)", color = "#9a6700"];
  "a.database" -> "a.key";
  "a.database" -> "a.\"odd\" <one>";
  "a.service" -> "a.key";
  "a.service" -> "a.database";
}

"##]],
        );
    }
}
