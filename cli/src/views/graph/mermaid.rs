use std::fmt::Write as _;

use super::{GraphPicture, class, label};

/// The most nodes of a Mermaid graph, which is usually read within a comment on a pull request.
const MOST: usize = 40;

/// Writes the graph in Mermaid. If it has too many nodes, changed ones are preferred.
pub(crate) fn mermaid(picture: &GraphPicture) -> String {
    let mut shown: Vec<usize> = (0..picture.nodes.len()).collect();
    shown.sort_by_key(|at| (picture.nodes[*at].action.is_none(), *at));
    shown.truncate(MOST);
    shown.sort_unstable();
    let mut text = String::from("flowchart RL\n");
    for at in &shown {
        let node = &picture.nodes[*at];
        let _ = writeln!(text, "  n{at}[\"{}\"]:::{}", escaped(&label(node)), class(node.action));
    }
    for (from, to) in picture
        .edges
        .iter()
        .filter(|(from, to)| shown.binary_search(from).is_ok() && shown.binary_search(to).is_ok())
    {
        let _ = writeln!(text, "  n{from} --> n{to}");
    }
    if shown.len() < picture.nodes.len() {
        let _ = writeln!(
            text,
            "  more[\"and {} more\"]:::unchanged",
            picture.nodes.len() - shown.len()
        );
    }
    text.push_str("  classDef created stroke:#1a7f37,stroke-width:2px\n");
    text.push_str("  classDef updated stroke:#9a6700,stroke-width:2px\n");
    text.push_str("  classDef replaced stroke:#cf222e,stroke-width:3px\n");
    text.push_str("  classDef destroyed stroke:#cf222e,stroke-width:2px,stroke-dasharray:4\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('#', "#35;")
        .replace('"', "#quot;")
        .replace('<', "#lt;")
        .replace('>', "#gt;")
        .replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use ha_plan::OutlineKind;
    use snapbox::str;

    use super::super::samples::{picture, service};
    use super::*;
    use crate::views::test_data::check;

    #[test]
    fn nodes_and_edges_for_a_comment() {
        check(
            &mermaid(&service()),
            str![[r#"
flowchart RL
  n0["a.key"]:::unchanged
  n1["a.#quot;odd#quot; #lt;one#gt;"]:::unchanged
  n2["± a.database"]:::replaced
  n3["~ a.service (3)"]:::updated
  n2 --> n0
  n2 --> n1
  n3 --> n0
  n3 --> n2
  classDef created stroke:#1a7f37,stroke-width:2px
  classDef updated stroke:#9a6700,stroke-width:2px
  classDef replaced stroke:#cf222e,stroke-width:3px
  classDef destroyed stroke:#cf222e,stroke-width:2px,stroke-dasharray:4

"#]],
        );
    }

    #[test]
    fn changed_nodes_are_preferred_in_a_large_graph() {
        let names: Vec<String> = (0..100).map(|it| format!("a.b{it}")).collect();
        let nodes: Vec<(&str, OutlineKind)> =
            names.iter().map(|it| (it.as_str(), OutlineKind::Resource)).collect();
        let mut picture = picture(&nodes, &[(99, 0), (99, 98)]);
        picture.nodes[99].action = Some(ha_value::Action::Delete);
        let text = mermaid(&picture);
        assert!(
            text.contains("- a.b99\"]:::destroyed")
                && text.contains("n99 --> n0")
                && text.contains("and 60 more"),
            "{text}"
        );
        assert!(!text.contains("n98"));
    }
}
