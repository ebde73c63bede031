//! The graph that is drawn: the relevant nodes of a configuration, and the edges between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ha_diagnostics::SourceSpan;
use ha_plan::{Change, Outline, OutlineKind};
use ha_value::Action;

/// A hidden node is removed if that adds at most this many edges. A node with more connections
/// stays, because its incoming and outgoing edges would multiply.
const KNOT: usize = 16;
/// The most nodes for which redundant edges are removed; the search is quadratic.
const ROUNDABOUT: usize = 2_000;

/// Nodes in order of dependency, and the references between them.
#[derive(Clone, Debug)]
pub(crate) struct GraphPicture {
    pub(crate) nodes: Vec<PictureNode>,
    /// `(later, earlier)`, in order.
    pub(crate) edges: Vec<(usize, usize)>,
}

/// A block, local value or module with all its instances.
#[derive(Clone, Debug)]
pub(crate) struct PictureNode {
    pub(crate) address: String,
    pub(crate) kind: OutlineKind,
    /// The most severe action on one of the instances; none without a plan.
    pub(crate) action: Option<Action>,
    /// The number of instances with a change.
    pub(crate) instances: usize,
    pub(crate) span: Option<SourceSpan>,
}

impl GraphPicture {
    pub(crate) fn new(outline: Outline) -> Self {
        let node = |it: ha_plan::OutlineNode| PictureNode {
            address: it.address,
            kind: it.kind,
            action: None,
            instances: 0,
            span: it.span,
        };
        Self { nodes: outline.nodes.into_iter().map(node).collect(), edges: outline.edges }
    }

    /// Adds the actions of a plan. Objects that are no longer configured become nodes without
    /// edges.
    pub(crate) fn mark(&mut self, changes: &[Change]) {
        let mut places: BTreeMap<String, usize> =
            self.nodes.iter().enumerate().map(|(at, it)| (it.address.clone(), at)).collect();
        for change in changes.iter().filter(|it| it.action != Action::NoOp) {
            let address = without_keys(&change.address.to_string());
            let at = *places.entry(address.clone()).or_insert_with(|| {
                let kind = OutlineKind::Resource;
                self.nodes.push(PictureNode {
                    address,
                    kind,
                    action: None,
                    instances: 0,
                    span: change.span.clone(),
                });
                self.nodes.len() - 1
            });
            let node = &mut self.nodes[at];
            node.instances += 1;
            node.action =
                node.action.into_iter().chain([change.action]).max_by_key(|it| gravity(*it));
        }
    }

    /// Removes the nodes that are not `shown`; references to such a node are redirected to its own
    /// references.
    pub(crate) fn contracted(self, shown: impl Fn(&PictureNode) -> bool) -> Self {
        let mut later: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.nodes.len()];
        let mut earlier = later.clone();
        for (from, to) in &self.edges {
            earlier[*from].insert(*to);
            later[*to].insert(*from);
        }
        let mut kept = vec![true; self.nodes.len()];
        for at in (0..self.nodes.len()).filter(|at| !shown(&self.nodes[*at])) {
            if earlier[at].len() * later[at].len() > KNOT.max(earlier[at].len() + later[at].len()) {
                continue;
            }
            kept[at] = false;
            let (before, behind) =
                (std::mem::take(&mut earlier[at]), std::mem::take(&mut later[at]));
            for it in &before {
                later[*it].remove(&at);
                later[*it].extend(&behind);
            }
            for it in &behind {
                earlier[*it].remove(&at);
                earlier[*it].extend(&before);
            }
        }
        let edges = earlier
            .iter()
            .enumerate()
            .flat_map(|(from, it)| it.iter().map(move |to| (from, *to)))
            .collect();
        Self { nodes: self.nodes, edges }.only(|at| kept[at])
    }

    /// Returns the nodes within a distance from some nodes, in either direction.
    pub(crate) fn around(self, is_middle: impl Fn(&PictureNode) -> bool, depth: usize) -> Self {
        let mut beside: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (from, to) in &self.edges {
            beside[*from].push(*to);
            beside[*to].push(*from);
        }
        let mut distance: Vec<Option<usize>> =
            self.nodes.iter().map(|it| is_middle(it).then_some(0)).collect();
        let mut waiting: VecDeque<usize> =
            (0..self.nodes.len()).filter(|at| distance[*at].is_some()).collect();
        while let Some(at) = waiting.pop_front() {
            let next = distance[at].expect("what waits was reached") + 1;
            for other in beside[at].iter().filter(|_| next <= depth) {
                if distance[*other].is_none() {
                    distance[*other] = Some(next);
                    waiting.push_back(*other);
                }
            }
        }
        self.only(|at| distance[at].is_some())
    }

    /// Removes the edges that follow from other edges.
    pub(crate) fn reduced(mut self) -> Self {
        if self.nodes.len() > ROUNDABOUT {
            return self;
        }
        // Nodes are in order of dependency, so that the nodes which an earlier one reaches are
        // complete when a later one is processed.
        let words = self.nodes.len().div_ceil(64);
        let mut reached = vec![vec![0_u64; words]; self.nodes.len()];
        let mut earlier: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        self.edges.iter().for_each(|(from, to)| earlier[*from].push(*to));
        let mut needed = Vec::new();
        for (from, all) in earlier.iter_mut().enumerate() {
            all.sort_unstable_by(|one, other| other.cmp(one));
            let mut own = vec![0_u64; words];
            // The latest dependency comes first, because the nodes that it reaches need no edge of
            // their own.
            for to in all.iter().copied() {
                if own[to / 64] & (1 << (to % 64)) == 0 {
                    needed.push((from, to));
                    own[to / 64] |= 1 << (to % 64);
                    own.iter_mut().zip(&reached[to]).for_each(|(own, it)| *own |= it);
                }
            }
            reached[from] = own;
        }
        needed.sort_unstable();
        self.edges = needed;
        self
    }

    fn only(self, is_kept: impl Fn(usize) -> bool) -> Self {
        let mut places = vec![None; self.nodes.len()];
        let mut nodes = Vec::new();
        for (at, node) in self.nodes.into_iter().enumerate().filter(|(at, _)| is_kept(*at)) {
            places[at] = Some(nodes.len());
            nodes.push(node);
        }
        let edges = self
            .edges
            .into_iter()
            .filter_map(|(from, to)| Some((places[from]?, places[to]?)))
            .collect();
        Self { nodes, edges }
    }
}

fn gravity(action: Action) -> u8 {
    match action {
        Action::NoOp => 1,
        Action::Read => 2,
        Action::Forget => 3,
        Action::Create => 4,
        Action::Update => 5,
        Action::CreateThenDelete => 6,
        Action::DeleteThenCreate => 7,
        Action::Delete => 8,
    }
}

/// The address without an instance key.
pub(crate) fn without_keys(address: &str) -> String {
    let (mut plain, mut quoted, mut depth) = (String::new(), false, 0_usize);
    let mut chars = address.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => drop(chars.next()),
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::samples::{picture, service};
    use super::*;

    fn names(picture: &GraphPicture) -> Vec<&str> {
        picture.nodes.iter().map(|it| &*it.address).collect()
    }

    #[test]
    fn hidden_nodes_are_left_out_where_that_adds_few_edges() {
        let hidden = |name| (name, OutlineKind::Local);
        let resource = |name| (name, OutlineKind::Resource);
        let small = picture(&[resource("a"), hidden("l"), resource("b")], &[(1, 0), (2, 1)]);
        let small = small.contracted(|it| it.kind == OutlineKind::Resource);
        assert_eq!((names(&small), &*small.edges), (vec!["a", "b"], &[(1, 0)][..]));
        let many: Vec<_> = (0..10)
            .map(|_| resource("a"))
            .chain([hidden("l")])
            .chain((0..10).map(|_| resource("b")))
            .collect();
        let edges: Vec<_> = (0..10).map(|it| (10, it)).chain((11..21).map(|it| (it, 10))).collect();
        let knot = picture(&many, &edges).contracted(|it| it.kind == OutlineKind::Resource);
        assert_eq!((knot.nodes.len(), knot.edges.len()), (21, 20));
    }

    #[test]
    fn redundant_edges_are_removed() {
        assert_eq!(service().reduced().edges, [(2, 0), (2, 1), (3, 2)]);
    }

    #[test]
    fn neighbours_are_found_in_both_directions() {
        let around = |depth| {
            let picture = service().reduced().around(|it| it.address == "a.service", depth);
            names(&picture).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(around(0), ["a.service"]);
        assert_eq!(around(1), ["a.database", "a.service"]);
        assert_eq!(around(2).len(), 4);
    }

    #[test]
    fn an_address_without_its_keys() {
        assert_eq!(without_keys("module.m[\"a]\\\"[\"].a.b[0]"), "module.m.a.b");
        assert_eq!(without_keys("var.x"), "var.x");
    }
}
