//! The managed blocks whose values reach a node: directly, or by way of anything but managed blocks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ha_kind::Mode;

use super::{Graph, NodeId, What};

/// For each node a set of blocks. Nodes with the same references share one.
#[derive(Default)]
pub(crate) struct Reach {
    of: Vec<u32>,
    sets: Vec<Box<[u32]>>,
}

impl Reach {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut reach = Self { of: vec![0; graph.len()], sets: vec![Box::default()] };
        // The blocks and sets that a set is made of, so that the same are put together once.
        let mut made_of: HashMap<(Vec<u32>, Vec<u32>), u32> = HashMap::new();
        for node in &graph.order {
            let (mut own, mut passed) = (Vec::new(), Vec::new());
            for behind in graph.direct(*node) {
                match graph.nodes[behind].what {
                    What::Provider(_) => {}
                    What::Block(_) if graph.block(behind).is_some_and(|it| it.name.mode == Mode::Managed) => {
                        own.push(u32::try_from(behind).expect("a configuration has fewer nodes than 2^32"));
                    }
                    _ => passed.push(reach.of[behind]),
                }
            }
            passed.retain(|it| *it != 0);
            passed.sort_unstable();
            passed.dedup();
            reach.of[*node] = match (own.is_empty(), passed.as_slice()) {
                (true, []) => 0,
                (true, [only]) => *only,
                _ => match made_of.entry((own, passed)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        let (own, passed) = new.key();
                        let passed = passed.iter().flat_map(|it| reach.sets[*it as usize].iter());
                        let mut all: Vec<u32> = own.iter().chain(passed).copied().collect();
                        all.sort_unstable();
                        all.dedup();
                        reach.sets.push(all.into());
                        *new.insert(u32::try_from(reach.sets.len() - 1).expect("there are no more sets than nodes"))
                    }
                },
            };
        }
        reach
    }

    pub(crate) fn of_node(&self, node: NodeId) -> &[u32] {
        &self.sets[self.of[node] as usize]
    }
}
