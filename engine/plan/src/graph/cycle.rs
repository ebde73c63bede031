//! The diagnostic for a circle of references.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_provider::SchemaSet;

use super::reference::{self, ReferencePlace};
use super::{Graph, NodeId};

/// A node of a circle, and where it refers to the next one.
struct CycleEdge {
    /// A clause such as ``\`local.a\` refers to \`local.b\```.
    says: String,
    span: Option<SourceSpan>,
    place: Option<ReferencePlace>,
}

/// Reports a circle, in which each node refers to the next and the last to the first.
pub(super) fn circular(graph: &Graph, circle: &[NodeId], schemas: &SchemaSet) -> Diagnostic {
    let edges = edges(graph, circle, schemas);
    match edges.as_slice() {
        [CycleEdge { place: Some(ReferencePlace { reference, import: Some(import) }), .. }] => {
            imports_itself(reference, import)
        }
        [only] => refers_to_itself(only, &graph.name(circle[0])),
        _ => each_to_the_next(edges),
    }
}

/// Returns the edges of a circle without those between parts of one thing, beginning with the
/// first in the source.
fn edges(graph: &Graph, circle: &[NodeId], schemas: &SchemaSet) -> Vec<CycleEdge> {
    let next = circle.iter().cycle().skip(1);
    let mut edges: Vec<CycleEdge> = Vec::with_capacity(circle.len());
    for (from, to) in circle.iter().copied().zip(next.copied()) {
        let place = reference::place(graph, from, to, schemas);
        let (one, other) = (graph.name(from), graph.name(to));
        // Nodes of one module, such as its gate and its end, have the same name; an edge between
        // them would tell the reader nothing.
        if one == other && place.is_none() {
            continue;
        }
        let says = match &place {
            Some(ReferencePlace { import: Some(_), .. }) => {
                format!("the import into `{one}` refers to `{other}`")
            }
            Some(_) => format!("`{one}` refers to `{other}`"),
            None => format!("`{one}` waits for `{other}`"),
        };
        let span = place.as_ref().map(|it| it.reference.clone()).or_else(|| graph.span(from));
        edges.push(CycleEdge { says, span, place });
    }
    let first =
        (0..edges.len()).min_by_key(|it| (edges[*it].span.is_none(), edges[*it].span.clone()));
    edges.rotate_left(first.unwrap_or(0));
    edges
}

fn refers_to_itself(edge: &CycleEdge, name: &str) -> Diagnostic {
    let problem = Diagnostic::error(format!("`{name}` refers to itself")).code(code::CIRCLE).help(
        "its value would depend on itself: refer to the values that it is made of, or rename one of them",
    );
    match &edge.span {
        Some(span) => problem.at(span.clone()),
        None => problem,
    }
}

fn imports_itself(reference: &SourceSpan, import: &SourceSpan) -> Diagnostic {
    Diagnostic::error("an import cannot refer to what it imports")
        .code(code::CIRCLE)
        .at(import.clone())
        .related(reference.clone(), "this is what it imports")
        .help("it is imported before it has a value: write the ids as literals, or take them from a variable, a local value or a data source")
}

fn each_to_the_next(edges: Vec<CycleEdge>) -> Diagnostic {
    let says: Vec<&str> = edges.iter().map(|it| it.says.as_str()).collect();
    let mut problem = Diagnostic::error("these refer to each other in a circle")
        .code(code::CIRCLE)
        .detail(format!("{}.", says.join(", ")))
        .help("take one of these references out, or move what they share into a local value or a resource of its own");
    for CycleEdge { says, span, .. } in edges {
        problem = match (span, &problem.span) {
            (Some(span), None) => problem.at(span).label(says),
            (Some(span), Some(_)) => problem.related(span, says),
            (None, _) => problem,
        };
    }
    problem
}
