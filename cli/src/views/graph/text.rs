use renderdag::{Ancestor, GraphRowRenderer, Renderer};

use super::{GraphPicture, label, sign};
use crate::views::redacted_value::printable;
use crate::views::style::{Painter, tone};

/// Writes one row for each node above its dependencies, with lines between them.
pub(crate) fn text(picture: &GraphPicture, paint: Painter) -> String {
    let mut earlier: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    picture.edges.iter().for_each(|(from, to)| earlier[*from].push(*to));
    let mut renderer = GraphRowRenderer::new().output().with_min_row_height(0).build_box_drawing();
    let mut text = String::new();
    for (at, node) in picture.nodes.iter().enumerate().rev() {
        let parents = earlier[at].iter().rev().map(|it| Ancestor::Parent(*it)).collect();
        let name = label(&super::PictureNode { action: None, ..node.clone() });
        let name = printable(&name).into_owned();
        let (glyph, name) = match node.action {
            Some(action) => (sign(node.action), paint.put(tone(action), &name)),
            None => (sign(None), name),
        };
        text += &renderer.next_row(at, parents, glyph.to_owned(), name);
    }
    text.lines().map(|it| format!("{}\n", it.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use snapbox::str;

    use super::super::samples::service;
    use super::*;
    use crate::views::test_data::check;

    #[test]
    fn a_node_is_above_its_dependencies() {
        check(
            &text(&service().reduced(), Painter::PLAIN),
            str![[r#"
~  a.service (3)
±    a.database
├─╮
· │  a."odd" <one>
  ·  a.key

"#]],
        );
    }
}
