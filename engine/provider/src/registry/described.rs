//! What planning may know of kinds and providers.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::resource::Shared;
use crate::schema::blanked;
use crate::{Hooks, Problem, Schema, Together, UnsupportedNames};
use ha_value::Name;
use ha_value::{Mode, Object, Value};

type Normal = Box<dyn Fn(&Schema, &Object) -> Result<Object, String> + Send + Sync>;
type MovedFrom = fn(&str, &Object) -> Option<Object>;
type Render = Box<dyn Fn(&Schema, &Object) -> Rendered + Send + Sync>;

/// What planning may know of a kind.
pub struct Described {
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
    pub(super) hooks: OnceLock<Hooks>,
    pub(super) derive_hooks: Box<dyn Fn() -> Hooks + Send + Sync>,
    pub(super) normal: Normal,
    pub(super) moved_from: MovedFrom,
    pub(super) document: Option<Render>,
}

/// What a document renders to.
#[derive(Debug)]
pub enum Rendered {
    /// These outputs, of which parts may be unknown or secret.
    Outputs(Object),
    /// Not known yet.
    Unknown,
    /// The arguments are wrong.
    Problems(Vec<Problem>),
}

impl Described {
    /// A kind described at run time; tests bring such. Its normal form is what its schema makes of the arguments.
    #[must_use]
    pub fn new(kind: impl Into<Name>, provider: impl Into<Name>, schema: Schema, hooks: Hooks) -> Self {
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
    pub fn hooks(&self) -> &Hooks {
        self.hooks.get_or_init(&self.derive_hooks)
    }

    /// The arguments in normal form: equal things compare equal afterwards. They must be wholly known and unmarked.
    ///
    /// # Errors
    /// What the kind's own types refuse, as a sentence.
    pub fn normal(&self, arguments: &Object) -> Result<Object, String> {
        (self.normal)(self.schema(), arguments)
    }

    /// The arguments of which parts may be unknown, without marks, with those that are known in normal form.
    #[must_use]
    pub fn normal_where_known(&self, arguments: &Object) -> Object {
        let fields = &self.schema().arguments;
        let mut plain: Object = arguments.iter().map(|(name, it)| (name.clone(), it.revealed())).collect();
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

    /// The arguments that a thing of another kind has once it counts as one of this kind; none where it cannot become one.
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
    pub fn render(&self, arguments: &Object) -> Option<Rendered> {
        self.document.as_ref().map(|render| render(self.schema(), arguments))
    }
}

/// A provider, as planning may know it.
pub struct DescribedProvider {
    /// Its settings as arguments.
    pub schema: Schema,
    /// What they give to all its resources.
    pub shared: Option<Shared>,
    /// The checks of its settings.
    pub hooks: Hooks,
}

/// What planning is given: descriptions, and nothing that can act.
#[derive(Default)]
pub struct Schemas {
    pub(super) kinds: BTreeMap<Mode, BTreeMap<Name, Described>>,
    pub(super) providers: BTreeMap<Name, DescribedProvider>,
    pub(super) together: Vec<Together>,
    pub(super) unsupported: Vec<UnsupportedNames>,
}

impl Schemas {
    /// A kind by mode and name.
    #[must_use]
    pub fn kind(&self, mode: Mode, kind: &str) -> Option<&Described> {
        self.kinds.get(&mode)?.get(kind)
    }

    pub(super) fn enter(&mut self, mode: Mode, kind: Name, described: Described) {
        self.kinds.entry(mode).or_default().insert(kind, described);
    }

    /// All kinds in order.
    pub fn kinds(&self) -> impl Iterator<Item = (Mode, &Described)> {
        self.kinds.iter().flat_map(|(mode, kinds)| kinds.values().map(|it| (*mode, it)))
    }

    /// What to use in the place of a kind that is not here, where that is known.
    #[must_use]
    pub fn instead_of(&self, kind: &str) -> Option<&'static str> {
        UnsupportedNames::instead(&self.unsupported, kind)
    }

    /// The checks of several blocks together.
    #[must_use]
    pub fn together(&self) -> &[Together] {
        &self.together
    }

    /// Whether some check looks at this kind together with others.
    #[must_use]
    pub fn is_compared(&self, mode: Mode, kind: &str) -> bool {
        self.together.iter().any(|it| it.kinds.contains(&(mode, kind)))
    }

    /// A provider's settings.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&DescribedProvider> {
        self.providers.get(name)
    }

    /// All providers in order.
    pub fn providers(&self) -> impl Iterator<Item = (&Name, &DescribedProvider)> {
        self.providers.iter()
    }
}
