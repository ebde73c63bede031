//! Successions: a change that takes over the unique name of another resource waits until that one
//! is deleted or renamed.

use ha_diagnostics::{Diagnostic, code};
use ha_value::{Action, Address, HashMap};

use super::Planner;
use super::duplicates::{ResourceIdentity, unique_names};
use crate::model::Change;
use crate::order::Succession;

impl Planner<'_> {
    /// Returns the order between changes that share an identity. Reports replacements that would
    /// exist beside their old object, and advises `moved` where one block replaces another.
    pub(super) fn successions(&mut self) -> Vec<Succession> {
        let mut successions = Vec::new();
        for place in 0..self.changes.len() {
            let change = &self.changes[place];
            let Some(identity) = self.given_up(change) else { continue };
            let Some(taker) = self.identities.get(&identity).cloned() else { continue };
            // The same address on both sides is a replacement of one instance, not a succession.
            if taker != change.address {
                successions.push(Succession { giver: change.address.clone(), taker });
            } else if change.action == Action::CreateThenDelete {
                let wrong = self.cannot_exist_twice(change);
                self.diagnostics.push(wrong);
            }
        }
        if successions.is_empty() {
            return successions;
        }
        let made: HashMap<&Address, &Change> = self.changes_by_action(Action::Create);
        let gone: HashMap<&Address, &Change> = self.changes_by_action(Action::Delete);
        let advice =
            |it: &Succession| self.advice_to_move(it, gone.get(&it.giver)?, made.get(&it.taker)?);
        let advice: Vec<Diagnostic> = successions.iter().filter_map(advice).collect();
        self.warnings.extend(advice);
        successions
    }

    fn changes_by_action(&self, action: Action) -> HashMap<&Address, &Change> {
        self.changes
            .iter()
            .filter(|it| it.action == action && it.deposed.is_none())
            .map(|it| (&it.address, it))
            .collect()
    }

    /// Returns the recorded identity of a resource that the change may give up.
    fn given_up(&self, change: &Change) -> Option<ResourceIdentity> {
        let goes = change.deposed.is_none()
            && (change.action.destroys() || change.action == Action::Update);
        let prior = self.prior_state.priors.get(&change.address).filter(|_| goes)?;
        self.identity_of_record(&prior.record)
    }

    fn cannot_exist_twice(&self, change: &Change) -> Diagnostic {
        let address = &change.address;
        let names = self.names_of(address);
        let diagnostic = Diagnostic::error(format!("`{address}` cannot be created before the object that it replaces is deleted"))
            .code(code::TWICE)
            .detail(format!("Both have the same {names}, and there can be only one such object."))
            .help(format!("change {names} as well, or leave out `create_before_destroy`, also of what depends on it"))
            .address(address);
        change.span.iter().fold(diagnostic, |diagnostic, span| diagnostic.at(span.clone()))
    }

    /// The advice to move an instance instead of destroying it and creating it at another address.
    fn advice_to_move(
        &self,
        succession: &Succession,
        going: &Change,
        making: &Change,
    ) -> Option<Diagnostic> {
        let Succession { giver, taker } = succession;
        // Advice to move needs the same kind on both sides, and an object that exists until then.
        if giver.block.kind != taker.block.kind || going.gone_with.is_some() {
            return None;
        }
        let names = self.names_of(taker);
        let diagnostic = Diagnostic::warning(format!("`{giver}` is destroyed, and `{taker}` is created with the same {names}"))
            .code(code::TWICE)
            .help(format!("to keep it under its new address, write a `moved` block with `from = {giver}` and `to = {taker}`"))
            .address(taker);
        Some(making.span.iter().fold(diagnostic, |diagnostic, span| diagnostic.at(span.clone())))
    }

    /// Returns the identifying arguments of a kind, quoted.
    fn names_of(&self, address: &Address) -> String {
        self.input
            .schemas
            .kind(address.block.mode, &address.block.kind)
            .map(unique_names)
            .unwrap_or_default()
    }
}
