//! What planning may know of kinds and providers.

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

/// What planning may know of a kind.
pub struct ResourceDescription {
    /// The kind's name.
    pub kind: Name,
    /// The provider's name.
    pub provider: Name,
    /// Kinds that it lives inside of.
    pub within: Vec<Name>,
    /// Whether making it touches nothing outside the state.
    pub pure: bool,
    /// Whether its service is asked what it would refuse of a plan.
    pub objects: bool,
    /// The kind that this one is another name of; what is recorded of one may become the other.
    pub twin_of: Option<Name>,
    pub(super) schema: OnceLock<Schema>,
    pub(super) derive: Box<dyn Fn() -> Schema + Send + Sync>,
    pub(super) hooks: OnceLock<ResourceHooks>,
    pub(super) derive_hooks: Box<dyn Fn() -> ResourceHooks + Send + Sync>,
    pub(super) normal: NormalizeFunction,
    pub(super) moved_from: MovedFromFunction,
    pub(super) document: Option<RenderFunction>,
}

/// What a document renders to.
#[derive(Debug)]
pub enum RenderResult {
    /// These outputs, of which parts may be unknown or secret.
    Outputs(Object),
    /// Not known yet.
    Unknown,
    /// The arguments are wrong.
    Problems(Vec<ArgumentProblem>),
}

impl ResourceDescription {
    /// A kind described at run time; tests bring such. Its normal form is what its schema makes of
    /// the arguments.
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

    /// Whether the other is the same kind, if by another name.
    #[must_use]
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.twin_of.as_ref().unwrap_or(&self.kind) == other.twin_of.as_ref().unwrap_or(&other.kind)
    }

    /// Its arguments and outputs; derived at first use.
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(&self.derive)
    }

    /// Its hooks.
    pub fn hooks(&self) -> &ResourceHooks {
        self.hooks.get_or_init(&self.derive_hooks)
    }

    /// The arguments in normal form: equal things compare equal afterwards. They must be wholly
    /// known and unmarked.
    ///
    /// # Errors
    /// What the kind's own types refuse, as a sentence.
    pub fn normal(&self, arguments: &Object) -> Result<Object, String> {
        (self.normal)(self.schema(), arguments)
    }

    /// The arguments of which parts may be unknown, without marks, with those that are known in
    /// normal form.
    #[must_use]
    pub fn normal_where_known(&self, arguments: &Object) -> Object {
        let fields = &self.schema().arguments;
        let mut plain: Object =
            arguments.iter().map(|(name, it)| (name.clone(), it.revealed())).collect();
        let stand_in = |(name, value): (&Name, &Value)| {
            let field = fields.get(name)?;
            let may_be_left_out = !field.required && !value.is_wholly_known();
            (!may_be_left_out).then(|| (name.clone(), blanked(&field.shape, value)))
        };
        let known: Object = plain.iter().filter_map(stand_in).collect();
        // There may be no such thing as an empty one; then they are compared as they are spelt.
        let Ok(normal) = self.normal(&known) else { return plain };
        for (name, value) in plain.iter_mut().filter(|(_, it)| it.is_wholly_known()) {
            *value = normal.get(name).cloned().unwrap_or(Value::NULL);
        }
        plain
    }

    /// The arguments that a thing of another kind has once it counts as one of this kind; none
    /// where it cannot become one.
    #[must_use]
    pub fn moved_from(&self, kind: &str, arguments: &Object) -> Option<Object> {
        (self.moved_from)(kind, arguments)
    }

    /// Whether it is a document.
    #[must_use]
    pub fn is_document(&self) -> bool {
        self.document.is_some()
    }

    /// What a document renders to; none for what is no document.
    #[must_use]
    pub fn render(&self, arguments: &Object) -> Option<RenderResult> {
        self.document.as_ref().map(|render| render(self.schema(), arguments))
    }
}

/// A provider, as planning may know it.
pub struct ProviderDescription {
    /// Its settings as arguments.
    pub schema: Schema,
    /// What they give to all its resources.
    pub shared: Option<SharedSettings>,
    /// The checks of its settings.
    pub hooks: ResourceHooks,
}

/// What planning is given: descriptions, and nothing that can act.
#[derive(Default)]
pub struct SchemaSet {
    pub(super) kinds: BTreeMap<ResourceMode, BTreeMap<Name, ResourceDescription>>,
    pub(super) providers: BTreeMap<Name, ProviderDescription>,
    pub(super) together: Vec<CrossCheck>,
    pub(super) unsupported: Vec<UnsupportedNames>,
}

impl SchemaSet {
    /// A kind by mode and name.
    #[must_use]
    pub fn kind(&self, mode: ResourceMode, kind: &str) -> Option<&ResourceDescription> {
        self.kinds.get(&mode)?.get(kind)
    }

    pub(super) fn enter(&mut self, mode: ResourceMode, kind: Name, described: ResourceDescription) {
        self.kinds.entry(mode).or_default().insert(kind, described);
    }

    /// All kinds in order.
    pub fn kinds(&self) -> impl Iterator<Item = (ResourceMode, &ResourceDescription)> {
        self.kinds.iter().flat_map(|(mode, kinds)| kinds.values().map(|it| (*mode, it)))
    }

    /// What to use in the place of a kind that is not here, where that is known.
    #[must_use]
    pub fn instead_of(&self, kind: &str) -> Option<&'static str> {
        UnsupportedNames::instead(&self.unsupported, kind)
    }

    /// The checks of several blocks together.
    #[must_use]
    pub fn together(&self) -> &[CrossCheck] {
        &self.together
    }

    /// Whether some check looks at this kind together with others.
    #[must_use]
    pub fn is_compared(&self, mode: ResourceMode, kind: &str) -> bool {
        self.together.iter().any(|it| it.kinds.contains(&(mode, kind)))
    }

    /// A provider's settings.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&ProviderDescription> {
        self.providers.get(name)
    }

    /// All providers in order.
    pub fn providers(&self) -> impl Iterator<Item = (&Name, &ProviderDescription)> {
        self.providers.iter()
    }
}
