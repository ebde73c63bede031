//! All kinds, each erased once: what planning may know of them on one side, what can act on the other.

mod described;
mod driver;
mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::described::{Described, DescribedProvider, Rendered, Schemas};
pub use self::driver::{Client, Connected, Connector, Driver, Drivers, ImportedValue, Reader, ReadingValue, RecordedValue};
use self::typed::{TypedConnector, TypedDriver, TypedReader, encode, render, with_id};
use crate::resource::{Data, Document, Nobody, Provider, Resource};
use crate::schema::decode;
use crate::{Hooks, Schema, Together, UnsupportedNames};
use ha_value::Mode;
use ha_value::Name;

/// Where providers enter their kinds.
#[derive(Default)]
pub struct Registry {
    schemas: Schemas,
    drivers: Drivers,
    /// What kinds that ask nobody go by just now, where that is not `ha`.
    nobody: Option<Name>,
}

impl Registry {
    /// An empty registry. The provider `ha`, which asks nobody, is always there.
    #[must_use]
    pub fn new() -> Self {
        Self::default().provider::<Nobody>()
    }

    /// Adds a provider.
    #[must_use]
    pub fn provider<P: Provider>(self) -> Self {
        self.provider_named::<P>(P::NAME.into())
    }

    /// Adds a provider that asks nobody, with the kinds and documents that `enter` enters: so that a configuration may
    /// name it, as it may any other.
    #[must_use]
    pub fn nobody(mut self, name: &str, enter: impl FnOnce(Self) -> Self) -> Self {
        self.nobody = Some(name.into());
        let mut entered = enter(self.provider_named::<Nobody>(name.into()));
        entered.nobody = None;
        entered
    }

    fn provider_named<P: Provider>(mut self, name: Name) -> Self {
        let schema = Schema::of::<P::Settings, crate::resource::NoSettings>().with_unsupported(P::UNSUPPORTED);
        let described = DescribedProvider { schema: schema.clone(), shared: P::SHARED, hooks: P::hooks() };
        self.schemas.providers.insert(name.clone(), described);
        self.drivers.connectors.insert(name, Arc::new(TypedConnector::<P>::new(schema)));
        self
    }

    /// What the provider of a kind goes by.
    fn name_of<P: Provider>(&self) -> Name {
        self.nobody.clone().filter(|_| P::NAME == Nobody::NAME).unwrap_or_else(|| P::NAME.into())
    }

    /// Adds a kind of resource.
    #[must_use]
    pub fn resource<R: Resource>(self) -> Self {
        self.resource_named::<R>(R::KIND.into(), None)
    }

    /// Adds another name for a kind of resource. What has one name in a configuration has it in the state.
    #[must_use]
    pub fn twin<R: Resource>(self, name: &str) -> Self {
        self.resource_named::<R>(name.into(), Some(R::KIND.into()))
    }

    fn resource_named<R: Resource>(mut self, name: Name, twin_of: Option<Name>) -> Self {
        let described = Described {
            twin_of,
            within: R::WITHIN.iter().map(|it| Name::from(*it)).collect(),
            pure: R::PURE,
            objects: R::OBJECTS,
            moved_from: R::moved_from,
            derive: Box::new(with_id::<R>),
            derive_hooks: Box::new(R::hooks),
            normal: Box::new(|schema, arguments| {
                let typed: R = decode(arguments, &schema.arguments)?;
                schema
                    .conform(&encode(&typed))
                    .map_err(|problems| problems.into_iter().map(|it| it.message).collect::<Vec<_>>().join("; "))
            }),
            ..Described::new(name.clone(), self.name_of::<R::Provider>(), empty(), Hooks::new())
        };
        self.drivers.resources.insert(name.clone(), Arc::new(TypedDriver::<R>::new()));
        self.schemas.enter(Mode::Managed, name, described);
        self
    }

    /// Adds a kind of data.
    #[must_use]
    pub fn data<D: Data>(mut self) -> Self {
        let described = Described {
            derive: Box::new(Schema::of::<D, D::Outputs>),
            derive_hooks: Box::new(D::hooks),
            ..Described::new(D::KIND, self.name_of::<D::Provider>(), empty(), Hooks::new())
        };
        self.drivers.readers.insert(D::KIND.into(), Arc::new(TypedReader::<D>::new()));
        self.schemas.enter(Mode::Data, D::KIND.into(), described);
        self
    }

    /// Adds a document.
    #[must_use]
    pub fn document<D: Document>(mut self) -> Self {
        let described = Described {
            derive: Box::new(Schema::of::<D, D::Outputs>),
            document: Some(Box::new(render::<D>)),
            ..Described::new(D::KIND, self.name_of::<Nobody>(), empty(), Hooks::new())
        };
        self.schemas.enter(Mode::Data, D::KIND.into(), described);
        self
    }

    /// Adds kinds that are not here, with what to use in their place.
    #[must_use]
    pub fn unsupported(mut self, kinds: &'static [UnsupportedNames]) -> Self {
        self.schemas.unsupported.extend(kinds);
        self
    }

    /// Adds a check of several blocks together.
    #[must_use]
    pub fn together(mut self, check: Together) -> Self {
        self.schemas.together.push(check);
        self
    }

    /// Adds a kind made at run time.
    #[must_use]
    pub fn dynamic(mut self, described: Described, driver: Arc<dyn Driver>) -> Self {
        self.drivers.resources.insert(described.kind.clone(), driver);
        self.schemas.enter(Mode::Managed, described.kind.clone(), described);
        self
    }

    /// Adds a kind of data made at run time.
    #[must_use]
    pub fn dynamic_data(mut self, described: Described, reader: Arc<dyn Reader>) -> Self {
        self.drivers.readers.insert(described.kind.clone(), reader);
        self.schemas.enter(Mode::Data, described.kind.clone(), described);
        self
    }

    /// Adds a provider made at run time.
    #[must_use]
    pub fn dynamic_provider(mut self, name: &str, schema: Schema, connector: Arc<dyn Connector>) -> Self {
        self.schemas.providers.insert(name.into(), DescribedProvider { schema, shared: None, hooks: Hooks::new() });
        self.drivers.connectors.insert(name.into(), connector);
        self
    }

    /// The two faces.
    #[must_use]
    pub fn split(self) -> (Schemas, Drivers) {
        (self.schemas, self.drivers)
    }
}

fn empty() -> Schema {
    Schema { doc: String::new(), arguments: BTreeMap::new(), outputs: BTreeMap::new(), unsupported: &[] }
}
