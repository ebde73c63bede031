//! Two instances that stand for one and the same thing.

use ha_kind::{Diagnostic, Name, Object, Value, code};
use ha_state::ProviderName;

use super::{Instance, Many, Planner};
use crate::observed::plain;

/// What tells a thing from all others of its kind.
pub(super) type Identity = (Name, String, String);

impl Planner<'_> {
    /// Takes note of what an instance stands for, and tells where another one stands for it already.
    pub(super) fn one_of_a_kind(&mut self, instance: &Instance<'_>, arguments: &Object) {
        let Many { node, described, block, .. } = *instance.many;
        let unique = described.hooks().unique_by();
        if unique.is_empty() {
            return;
        }
        let values: Vec<Value> = unique.iter().map(|it| arguments.get(it).map_or(Value::NULL, Value::revealed)).collect();
        if !values.iter().all(Value::is_wholly_known) {
            return;
        }
        let Some(provider) = self.graph.provider_of(self.input.schemas, node) else { return };
        let kind = described.twin_of.as_ref().unwrap_or(&described.kind).clone();
        let identity = (kind, self.whom(&provider), format!("{values:?}"));
        if let Some(other) = self.identities.get(&identity) {
            let names: Vec<String> = unique.iter().map(|it| format!("`{it}`")).collect();
            let address = &instance.address;
            let summary = format!("`{other}` and `{address}` are one and the same thing");
            let detail = format!("Both have the same {}, and there can be only one such thing.", names.join(" and "));
            let help = "drop one of them; where a thing is to have another address, say so with a `moved` block";
            let diagnostic = Diagnostic::error(summary).code(code::TWICE).at(block.head.clone()).detail(detail).help(help);
            self.diagnostics.push(diagnostic.of(address));
            return;
        }
        self.identities.insert(identity, instance.address.clone());
    }

    /// Whom a provider talks to: two of the same settings talk to the same.
    fn whom(&mut self, provider: &ProviderName) -> String {
        let known = self.settings.get(provider).filter(|it| it.values().all(Value::is_wholly_known));
        match known {
            Some(settings) => format!("{} {:?}", provider.name, plain(settings)),
            None => provider.to_string(),
        }
    }
}
