//! Descriptions of resource types and providers for planning.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::resource::SharedSettings;
use crate::schema::blanked;
use crate::{ArgumentProblem, CrossCheck, ResourceHooks, Schema, UnsupportedNames};
use ha_value::Name;
use ha_value::{Object, ResourceMode, Value};

type NormalizeFunction = Box<dyn Fn(&Schema, &Object) -> Result<Object, String> + Send + Sync>;
type MovedFromFunction = fn(&str, &Object) -> Option<Object>;
type RenderFunction = Box<dyn Fn(&Schema, &Object) -> RenderResult + Send + Sync>;

/// The description of a resource type for planning.
pub struct ResourceDescription {
    /// The name of the type.
    pub kind: Name,
    /// The name of its provider.
    pub provider: Name,
    /// Its container types.
    pub within: Vec<Name>,
    /// Whether a create changes nothing outside the state.
    pub pure: bool,
    /// Whether its service is asked for objections to a plan.
    pub objects: bool,
    /// The type that this one is another name of; records may change between the two names.
    pub twin_of: Option<Name>,
    pub(super) schema: OnceLock<Schema>,
    pub(super) derive: Box<dyn Fn() -> Schema + Send + Sync>,
    pub(super) hooks: OnceLock<ResourceHooks>,
    pub(super) derive_hooks: Box<dyn Fn() -> ResourceHooks + Send + Sync>,
    pub(super) normal: NormalizeFunction,
    pub(super) moved_from: MovedFromFunction,
    pub(super) document: Option<RenderFunction>,
}

/// The result of rendering a document.
#[derive(Debug)]
pub enum RenderResult {
    /// The outputs, parts of which may be unknown or secret.
    Outputs(Object),
    /// Some argument is unknown.
    Unknown,
    /// The arguments are wrong.
    Problems(Vec<ArgumentProblem>),
}

impl ResourceDescription {
    /// Returns a type that is described at run time, as in tests. Its arguments are in normal form
    /// once they conform.
    #[must_use]
    pub fn new(
        kind: impl Into<Name>,
        provider: impl Into<Name>,
        schema: Schema,
        hooks: ResourceHooks,
    ) -> Self {
        Self {
            kind: kind.into(),
            provider: provider.into(),
            within: Vec::new(),
            pure: false,
            objects: false,
            twin_of: None,
            schema: OnceLock::new(),
            derive: Box::new(move || schema.clone()),
            hooks: OnceLock::new(),
            derive_hooks: Box::new(move || hooks.clone()),
            normal: Box::new(|_, arguments| Ok(arguments.clone())),
            moved_from: |_, _| None,
            document: None,
        }
    }

    /// Whether the other is the same type, possibly under another name.
    #[must_use]
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.twin_of.as_ref().unwrap_or(&self.kind) == other.twin_of.as_ref().unwrap_or(&other.kind)
    }

    /// Returns the schema, derived at first use: a run uses few of the types.
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(&self.derive)
    }

    /// Returns the hooks, derived at first use.
    pub fn hooks(&self) -> &ResourceHooks {
        self.hooks.get_or_init(&self.derive_hooks)
    }

    /// Returns the arguments in normal form, in which equal values compare equal. They must be
    /// wholly known and unmarked.
    ///
    /// # Errors
    /// An error of the struct's own types, as a sentence.
    pub fn normal(&self, arguments: &Object) -> Result<Object, String> {
        (self.normal)(self.schema(), arguments)
    }

    /// Returns the arguments without marks, with known ones in normal form.
    #[must_use]
    pub fn normal_where_known(&self, arguments: &Object) -> Object {
        let fields = &self.schema().arguments;
        let mut plain: Object =
            arguments.iter().map(|(name, it)| (name.clone(), it.revealed())).collect();
        // The typed round trip accepts known values only, so unknown ones are replaced by empty
        // values and restored afterwards.
        let stand_in = |(name, value): (&Name, &Value)| {
            let field = fields.get(name)?;
            // An optional argument that is unknown is left out: an empty stand-in could break a
            // rule of the struct that its absence does not.
            let may_be_left_out = !field.required && !value.is_wholly_known();
            (!may_be_left_out).then(|| (name.clone(), blanked(&field.shape, value)))
        };
        let known: Object = plain.iter().filter_map(stand_in).collect();
        // The struct may refuse an empty value in place of an unknown one; the arguments are
        // compared as written then.
        let Ok(normal) = self.normal(&known) else { return plain };
        for (name, value) in plain.iter_mut().filter(|(_, it)| it.is_wholly_known()) {
            *value = normal.get(name).cloned().unwrap_or(Value::NULL);
        }
        plain
    }

    /// Returns the arguments of an object of another type that becomes one of this type; none
    /// where that is not possible.
    #[must_use]
    pub fn moved_from(&self, kind: &str, arguments: &Object) -> Option<Object> {
        (self.moved_from)(kind, arguments)
    }

    /// Whether this is a document.
    #[must_use]
    pub fn is_document(&self) -> bool {
        self.document.is_some()
    }

    /// Renders a document; none for other types.
    #[must_use]
    pub fn render(&self, arguments: &Object) -> Option<RenderResult> {
        self.document.as_ref().map(|render| render(self.schema(), arguments))
    }
}

/// The description of a provider for planning.
pub struct ProviderDescription {
    /// The schema of its settings.
    pub schema: Schema,
    /// The arguments that its settings give to all its resources.
    pub shared: Option<SharedSettings>,
    /// The checks of its settings.
    pub hooks: ResourceHooks,
}

/// The input of planning: descriptions, and nothing that can act.
#[derive(Default)]
pub struct SchemaSet {
    pub(super) kinds: BTreeMap<ResourceMode, BTreeMap<Name, ResourceDescription>>,
    pub(super) providers: BTreeMap<Name, ProviderDescription>,
    pub(super) together: Vec<CrossCheck>,
    pub(super) unsupported: Vec<UnsupportedNames>,
}

impl SchemaSet {
    /// Returns a type by mode and name.
    #[must_use]
    pub fn kind(&self, mode: ResourceMode, kind: &str) -> Option<&ResourceDescription> {
        self.kinds.get(&mode)?.get(kind)
    }

    pub(super) fn enter(&mut self, mode: ResourceMode, kind: Name, described: ResourceDescription) {
        self.kinds.entry(mode).or_default().insert(kind, described);
    }

    /// Returns all types in order.
    pub fn kinds(&self) -> impl Iterator<Item = (ResourceMode, &ResourceDescription)> {
        self.kinds.iter().flat_map(|(mode, kinds)| kinds.values().map(|it| (*mode, it)))
    }

    /// Returns the alternative for a type that is not supported.
    #[must_use]
    pub fn instead_of(&self, kind: &str) -> Option<&'static str> {
        UnsupportedNames::instead(&self.unsupported, kind)
    }

    /// Returns the checks of several blocks together.
    #[must_use]
    pub fn together(&self) -> &[CrossCheck] {
        &self.together
    }

    /// Whether some cross-check looks at this type.
    #[must_use]
    pub fn is_compared(&self, mode: ResourceMode, kind: &str) -> bool {
        self.together.iter().any(|it| it.kinds.contains(&(mode, kind)))
    }

    /// Returns a provider by name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&ProviderDescription> {
        self.providers.get(name)
    }

    /// Returns all providers in order.
    pub fn providers(&self) -> impl Iterator<Item = (&Name, &ProviderDescription)> {
        self.providers.iter()
    }
}
