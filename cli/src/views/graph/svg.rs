use std::fmt::Write as _;

use rust_sugiyama::configure::Config;

use super::{GraphPicture, class, label};

/// The most nodes that are laid out; a larger graph takes too long and is unreadable.
pub(crate) const MOST: usize = 500;
/// Height of a node, and the space around it, in pixels.
const HEIGHT: f64 = 28.0;
const ROOM: f64 = 24.0;
/// Width of a character in pixels.
const CHARACTER: f64 = 7.4;

const STYLE: &str = "\
text{font:12px ui-monospace,monospace;fill:#1f2328}rect{fill:#fff;stroke:#8c959f;rx:4}path{fill:none;stroke:#8c959f}\
.created rect{stroke:#1a7f37;stroke-width:2}.updated rect{stroke:#9a6700;stroke-width:2}\
.replaced rect{stroke:#cf222e;stroke-width:3}.destroyed rect{stroke:#cf222e;stroke-width:2;stroke-dasharray:4}\
@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}rect{fill:#161b22}}";

/// The centre of a node, and half of its width.
#[derive(Clone, Copy, Default)]
struct NodePosition {
    x: f64,
    y: f64,
    half: f64,
}

/// Writes a self-contained SVG; a node is above its dependencies.
pub(crate) fn svg(picture: &GraphPicture) -> String {
    let (spots, width, height) = laid_out(picture);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 8 4 0 8\"/></marker></defs>\n"
    );
    for (from, to) in &picture.edges {
        let (start, end) = (spots[*from], spots[*to]);
        let (top, bottom) = (start.y + HEIGHT / 2.0, end.y - HEIGHT / 2.0);
        let middle = (top + bottom) / 2.0;
        let _ = writeln!(
            text,
            "<path marker-end=\"url(#tip)\" d=\"M{:.0} {top:.0}C{:.0} {middle:.0} {:.0} {middle:.0} {:.0} {bottom:.0}\"/>",
            start.x, start.x, end.x, end.x
        );
    }
    for (node, NodePosition { x, y, half }) in picture.nodes.iter().zip(&spots) {
        let _ = writeln!(
            text,
            "<g class=\"{}\"><rect x=\"{:.0}\" y=\"{:.0}\" width=\"{:.0}\" height=\"{HEIGHT:.0}\"/><text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text></g>",
            class(node.action),
            x - half,
            y - HEIGHT / 2.0,
            half * 2.0,
            y + 4.0,
            escaped(&label(node)),
        );
    }
    text + "</svg>\n"
}

/// Returns the position of each node and the size of the drawing. Unconnected parts are placed side
/// by side.
fn laid_out(picture: &GraphPicture) -> (Vec<NodePosition>, f64, f64) {
    let half =
        |at: usize| label(&picture.nodes[at]).chars().count() as f64 * CHARACTER / 2.0 + 10.0;
    let number = |at: usize| u32::try_from(at).expect("a picture has few nodes");
    let vertices: Vec<(u32, (f64, f64))> = (0..picture.nodes.len())
        .map(|at| (number(at), (half(at) * 2.0 + ROOM, HEIGHT + ROOM * 2.0)))
        .collect();
    let edges: Vec<(u32, u32)> =
        picture.edges.iter().map(|(from, to)| (number(*from), number(*to))).collect();
    let config = Config { vertex_spacing: ROOM, ..Config::default() };
    let mut parts = rust_sugiyama::from_vertices_and_edges(&vertices, &edges, &config);
    parts.iter_mut().for_each(|(spots, ..)| spots.sort_by_key(|(at, _)| *at));
    parts.sort_by_key(|(spots, ..)| spots.first().map(|(at, _)| *at));
    let mut spots = vec![NodePosition::default(); picture.nodes.len()];
    let (mut left, mut height) = (ROOM, 0.0_f64);
    for (part, ..) in parts {
        let least = |it: &dyn Fn(usize, f64, f64) -> f64| {
            part.iter().map(|(at, (x, y))| it(*at, *x, *y)).fold(f64::INFINITY, f64::min)
        };
        let from = least(&|at, x, _| x - half(at));
        // The layout's y axis points up, that of SVG points down.
        let top = least(&|_, _, y| y.abs());
        let mut right = left;
        for (at, (x, y)) in &part {
            let spot = NodePosition {
                x: x - from + left,
                y: y.abs() - top + ROOM + HEIGHT / 2.0,
                half: half(*at),
            };
            right = right.max(spot.x + spot.half);
            height = height.max(spot.y + HEIGHT / 2.0 + ROOM);
            spots[*at] = spot;
        }
        left = right + ROOM;
    }
    (spots, left, height.max(HEIGHT))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use ha_plan::OutlineKind;

    use super::super::samples::{picture, service};
    use super::*;

    #[test]
    fn a_node_is_above_its_dependencies() {
        let (spots, ..) = laid_out(&service());
        for (from, to) in service().edges {
            assert!(spots[from].y + HEIGHT < spots[to].y, "{from} {to}");
        }
        let drawn = svg(&service());
        assert!(
            drawn.contains(">a.\"odd\" &lt;one&gt;</text>") && drawn.contains("class=\"replaced\""),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<rect ").count(), 4);
    }

    #[test]
    fn nodes_do_not_overlap_and_the_layout_is_deterministic() {
        let names: Vec<String> = (0..60).map(|it| format!("a.b{it}")).collect();
        let nodes: Vec<(&str, OutlineKind)> =
            names.iter().map(|it| (it.as_str(), OutlineKind::Resource)).collect();
        let edges: Vec<(usize, usize)> =
            (10..60).flat_map(|it| [(it, it - 10), (it, it * 7 % 10)]).collect();
        let picture = picture(&nodes, &edges).reduced();
        let (spots, ..) = laid_out(&picture);
        for (at, one) in spots.iter().enumerate() {
            for other in &spots[at + 1..] {
                let apart = (one.x - other.x).abs() >= one.half + other.half
                    || (one.y - other.y).abs() >= HEIGHT;
                assert!(apart, "{at}");
            }
        }
        assert_eq!(svg(&picture), svg(&picture));
    }

    #[test]
    fn an_empty_graph_is_empty() {
        assert!(svg(&picture(&[], &[])).starts_with("<svg "));
    }
}
