//! Two instances that configure one and the same object.

use crate::attributes::plain;
use ha_diagnostics::{Diagnostic, code};
use ha_provider::ResourceDescription;
use ha_state_model::{ProviderName, Record};
use ha_value::{Address, Name, Object, Stretch, Value};

use super::{BlockPlanning, InstancePlanning, Planner};

/// Identifies an object among all others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ResourceIdentity {
    kind: Name,
    /// The connection of the provider, see [`Planner::connection_of`].
    provider: String,
    parts: Vec<Part>,
}

/// One identifying argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Known(Value),
    /// The value is unknown and consists of these attributes of other instances.
    Later(Vec<Stretch>),
}

impl Part {
    /// Returns none where equality with another value cannot be decided yet.
    fn of(given: &Value, normal: &Value, in_any_case: bool) -> Option<Self> {
        // The normal form is compared, because two spellings can name one object at the service.
        if given.is_wholly_known() {
            return Some(Self::Known(match normal {
                Value::String(text) if in_any_case => Value::from(text.to_lowercase()),
                it => it.clone(),
            }));
        }
        let folded = |it: Stretch| match it {
            Stretch::Text(text) if in_any_case => Stretch::Text(text.to_lowercase().into()),
            it => it,
        };
        Some(Self::Later(given.provenance()?.into_iter().map(folded).collect()))
    }
}

impl Planner<'_> {
    /// Registers the identity of an instance, and reports a second instance with the same one.
    pub(super) fn register_identity(
        &mut self,
        instance: &InstancePlanning<'_>,
        arguments: &Object,
    ) {
        let BlockPlanning { node, described, .. } = *instance.planning;
        if described.hooks().unique_by().is_empty() {
            return;
        }
        let Some(provider) = self.graph.provider_of(self.input.schemas, node) else { return };
        let Some(identity) = self.identity(described, &provider, arguments) else { return };
        match self.identities.get(&identity) {
            Some(other) => {
                let twice = twice(instance, other);
                self.diagnostics.push(twice);
            }
            None => drop(self.identities.insert(identity, instance.address.clone())),
        }
    }

    /// Returns the identity of a recorded object.
    pub(super) fn identity_of_record(&self, record: &Record) -> Option<ResourceIdentity> {
        let block = &record.address.block;
        let described = self.input.schemas.kind(block.mode, &block.kind)?;
        self.identity(described, &record.provider, &record.arguments)
    }

    fn identity(
        &self,
        described: &ResourceDescription,
        provider: &ProviderName,
        arguments: &Object,
    ) -> Option<ResourceIdentity> {
        let parts = parts(described, arguments)?;
        let kind = described.twin_of.as_ref().unwrap_or(&described.kind).clone();
        Some(ResourceIdentity { kind, provider: self.service(provider, &parts), parts })
    }

    /// Returns a string for the service that holds an object with this identity. Where the provider's type says which
    /// settings name the service, two aliases that differ in others, such as the user, are at the
    /// same one.
    fn service(&self, provider: &ProviderName, parts: &[Part]) -> String {
        let named = self.input.schemas.provider(&provider.name).map(|it| it.hooks.unique_by());
        // An identity part that is left out may come from any setting, so all of them count then.
        let is_given = |part: &Part| *part != Part::Known(Value::NULL);
        let (Some(named), Some(settings)) = (named, self.settings.get(provider)) else {
            return self.connection_of(provider);
        };
        let known: Option<Vec<&Value>> =
            named.iter().map(|name| settings.get(name).filter(|it| it.is_wholly_known())).collect();
        match known.filter(|it| !it.is_empty() && parts.iter().all(is_given)) {
            Some(values) => {
                let values: Vec<Value> = values.into_iter().map(Value::revealed).collect();
                format!("{} {values:?}", provider.name)
            }
            None => self.connection_of(provider),
        }
    }

    /// Returns a string that is the same for providers with the same settings, which reach the
    /// same service.
    pub(super) fn connection_of(&self, provider: &ProviderName) -> String {
        let known =
            self.settings.get(provider).filter(|it| it.values().all(Value::is_wholly_known));
        match known {
            Some(settings) => format!("{} {:?}", provider.name, plain(settings)),
            None => provider.to_string(),
        }
    }
}

fn twice(instance: &InstancePlanning<'_>, other: &Address) -> Diagnostic {
    let BlockPlanning { described, block, .. } = *instance.planning;
    let address = &instance.address;
    let names = unique_names(described);
    let case = if described.hooks().is_unique_in_any_case() {
        ", of which case does not count"
    } else {
        ""
    };
    Diagnostic::error(format!("`{other}` and `{address}` are the same object"))
        .code(code::TWICE)
        .at(block.head.clone())
        .detail(format!("Both have the same {names}{case}, and there can be only one such object."))
        .help("remove one of them; to give an object another address, write a `moved` block")
        .address(address)
}

/// Returns the identifying arguments of a kind, quoted.
pub(super) fn unique_names(described: &ResourceDescription) -> String {
    described
        .hooks()
        .unique_by()
        .iter()
        .map(|it| format!("`{it}`"))
        .collect::<Vec<_>>()
        .join(" and ")
}

/// Returns the identity of an instance; none for a kind without one, or while it is not known.
fn parts(described: &ResourceDescription, arguments: &Object) -> Option<Vec<Part>> {
    let hooks = described.hooks();
    if hooks.unique_by().is_empty() {
        return None;
    }
    if let Some(key) = hooks.unique_key(described.schema(), arguments) {
        return Some(vec![Part::Known(Value::from(key))]);
    }
    let normal = described.normal_where_known(arguments);
    let in_any_case = hooks.is_unique_in_any_case();
    let part = |name: &Name| {
        let of = |arguments: &Object| arguments.get(name).cloned().unwrap_or(Value::NULL);
        Part::of(&of(arguments), &of(&normal), in_any_case)
    };
    hooks.unique_by().iter().map(part).collect()
}
