//! What a change comes from.

use ha_kind::Described;
use ha_lang::BlockName;

use super::Planner;
use crate::graph::Node;

/// More causes than this help nobody.
const CAUSES: usize = 16;

impl Planner<'_> {
    /// Changed blocks whose values flow into this one; through documents by way of them.
    pub(super) fn because(&self, name: &BlockName) -> Vec<String> {
        let mut causes = Vec::new();
        for block in self.graph.blocks_behind(&Node::Block(name.clone())).iter() {
            if causes.len() >= CAUSES {
                break;
            }
            let is_document = self.input.schemas.kind(block.mode, &block.kind).is_some_and(Described::is_document);
            if self.pending.contains_key(block) {
                causes.push(block.to_string());
            } else if is_document {
                causes.extend(self.because(block).into_iter().map(|it| format!("{block} from {it}")));
            }
        }
        for provider in self.graph.direct(&Node::Block(name.clone())).filter(|it| matches!(it, Node::Provider(_))) {
            let Node::Provider(provider_name) = provider else { continue };
            let behind = self.graph.blocks_behind(provider);
            let pending = behind.iter().filter(|it| self.pending.contains_key(*it));
            causes
                .extend(pending.map(|it| format!("provider.{provider_name} from {it}")).take(CAUSES - causes.len().min(CAUSES)));
        }
        causes
    }
}
