//! What `lifecycle` says of blocks: what is made first, and what must not be destroyed.

use std::collections::BTreeSet;

use ha_kind::Diagnostic;
use ha_lang::{BlockName, Configuration, Expression};

use crate::expand::{Undecided, flag};
use crate::graph::{Graph, Node, name_of};
use crate::model::Change;
use crate::world::World;

/// The blocks whose new objects are made before the old ones go: those that say so, and all that these depend on, or
/// the order would be a circle.
pub(crate) fn create_first(
    configuration: &Configuration,
    graph: &Graph,
    world: &World,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeSet<BlockName> {
    let mut first: BTreeSet<BlockName> = BTreeSet::new();
    let mut inherited: BTreeSet<&Node> = BTreeSet::new();
    for node in graph.order.iter().rev() {
        let mut is_first = inherited.contains(node);
        if let Node::Block(name) = node {
            let own = |expression: &Expression| flag(world, expression, "create_before_destroy");
            match configuration.blocks[name].lifecycle.create_before_destroy.as_ref().map(own) {
                Some(Ok(own)) => is_first |= own,
                Some(Err(undecided)) => diagnostics.extend(undecided.diagnostics),
                None => {}
            }
            if is_first {
                first.insert(name.clone());
            }
        }
        if is_first {
            inherited.extend(graph.direct(node));
        }
    }
    first
}

/// What to say of a change that would destroy something protected. What the configuration says counts, and what the
/// record says where there is no configuration.
pub(crate) fn protection(
    configuration: &Configuration,
    world: &World,
    change: &Change,
    recorded: impl Fn() -> bool,
) -> Result<Option<Diagnostic>, Undecided> {
    let block = configuration.blocks.get(&name_of(&change.address.block));
    let written = block.and_then(|it| it.lifecycle.prevent_destroy.as_ref());
    let protected = match (block, written) {
        (_, Some(expression)) => flag(world, expression, "prevent_destroy")?,
        (Some(_), None) => false,
        (None, None) => recorded(),
    };
    if !protected {
        return Ok(None);
    }
    let because: Vec<String> = change.differences.iter().filter(|it| it.replaces).map(|it| format!("`{}`", it.path)).collect();
    let why = match (because.is_empty(), change.action.is_replace()) {
        (false, _) => format!("It would be replaced because of {}.", because.join(", ")),
        (true, true) => "It would be replaced.".to_owned(),
        (true, false) => "It would be deleted.".to_owned(),
    };
    let diagnostic = Diagnostic::error(format!("`{}` is protected, and this plan would destroy it", change.address));
    let diagnostic = diagnostic.detail(why).of(&change.address);
    let help = match block {
        Some(_) => "undo that change, or set `prevent_destroy = false` and plan again",
        None => "put its block back with `prevent_destroy = false`, apply that, and remove the block then",
    };
    let diagnostic = diagnostic.help(help);
    Ok(Some(match written.map(|it| it.span().clone()).or_else(|| change.span.clone()) {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }))
}
