//! All resource types, each erased once into a description for planning and a driver that can act.

mod described;
mod driver;
mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::described::{ProviderDescription, RenderResult, ResourceDescription, SchemaSet};
pub use self::driver::{
    ConnectedClient, DataReader, DriverSet, ImportedValue, ProviderClient, ProviderConnector,
    ReadingValue, RecordedValue, ResourceDriver,
};
use self::typed::{TypedConnector, TypedDriver, TypedReader, encode, render, with_id};
use crate::resource::{DataSource, Document, NoProvider, Provider, Resource};
use crate::schema::decode;
use crate::{CrossCheck, ResourceHooks, Schema, UnsupportedNames};
use ha_value::Name;
use ha_value::ResourceMode;

/// Collects the resource types of all providers.
#[derive(Default)]
pub struct ProviderRegistry {
    schemas: SchemaSet,
    drivers: DriverSet,
    /// The provider name for types without a provider, where it is not `ha`.
    nobody: Option<Name>,
}

impl ProviderRegistry {
    /// Returns a registry with the provider `ha`, which connects to nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default().provider::<NoProvider>()
    }

    /// Adds a provider.
    #[must_use]
    pub fn provider<P: Provider>(self) -> Self {
        self.provider_named::<P>(P::NAME.into())
    }

    /// Adds a provider that connects to nothing, with the types that `enter` adds, so that a
    /// configuration may name it like any other.
    #[must_use]
    pub fn nobody(mut self, name: &str, enter: impl FnOnce(Self) -> Self) -> Self {
        self.nobody = Some(name.into());
        let mut entered = enter(self.provider_named::<NoProvider>(name.into()));
        entered.nobody = None;
        entered
    }

    fn provider_named<P: Provider>(mut self, name: Name) -> Self {
        let schema = Schema::derive::<P::Settings, crate::resource::NoSettings>()
            .with_unsupported(P::UNSUPPORTED);
        let described =
            ProviderDescription { schema: schema.clone(), shared: P::SHARED, hooks: P::hooks() };
        self.schemas.providers.insert(name.clone(), described);
        self.drivers.connectors.insert(name, Arc::new(TypedConnector::<P>::new(schema)));
        self
    }

    /// Returns the provider name of a type.
    fn name_of<P: Provider>(&self) -> Name {
        self.nobody
            .clone()
            .filter(|_| P::NAME == NoProvider::NAME)
            .unwrap_or_else(|| P::NAME.into())
    }

    /// Adds a resource type.
    #[must_use]
    pub fn resource<R: Resource>(self) -> Self {
        self.resource_named::<R>(R::KIND.into(), None)
    }

    /// Adds a second name for a resource type. The state records the name that the configuration
    /// uses.
    #[must_use]
    pub fn twin<R: Resource>(self, name: &str) -> Self {
        self.resource_named::<R>(name.into(), Some(R::KIND.into()))
    }

    fn resource_named<R: Resource>(mut self, name: Name, twin_of: Option<Name>) -> Self {
        let described = ResourceDescription {
            twin_of,
            within: R::WITHIN.iter().map(|it| Name::from(*it)).collect(),
            pure: R::PURE,
            objects: R::OBJECTS,
            moved_from: R::moved_from,
            derive: Box::new(with_id::<R>),
            derive_hooks: Box::new(R::hooks),
            // The round trip through the struct applies its own normalisation, such as sorted sets
            // and parsed addresses.
            normal: Box::new(|schema, arguments| {
                let typed: R = decode(arguments, &schema.arguments)?;
                schema.conform(&encode(&typed)).map_err(|problems| {
                    problems.into_iter().map(|it| it.message).collect::<Vec<_>>().join("; ")
                })
            }),
            ..ResourceDescription::new(
                name.clone(),
                self.name_of::<R::Provider>(),
                empty(),
                ResourceHooks::new(),
            )
        };
        self.drivers.resources.insert(name.clone(), Arc::new(TypedDriver::<R>::new()));
        self.schemas.enter(ResourceMode::Managed, name, described);
        self
    }

    /// Adds a data source type.
    #[must_use]
    pub fn data<D: DataSource>(mut self) -> Self {
        let described = ResourceDescription {
            derive: Box::new(Schema::derive::<D, D::Outputs>),
            derive_hooks: Box::new(D::hooks),
            ..ResourceDescription::new(
                D::KIND,
                self.name_of::<D::Provider>(),
                empty(),
                ResourceHooks::new(),
            )
        };
        self.drivers.readers.insert(D::KIND.into(), Arc::new(TypedReader::<D>::new()));
        self.schemas.enter(ResourceMode::Data, D::KIND.into(), described);
        self
    }

    /// Adds a document type.
    #[must_use]
    pub fn document<D: Document>(mut self) -> Self {
        let described = ResourceDescription {
            derive: Box::new(Schema::derive::<D, D::Outputs>),
            document: Some(Box::new(render::<D>)),
            ..ResourceDescription::new(
                D::KIND,
                self.name_of::<NoProvider>(),
                empty(),
                ResourceHooks::new(),
            )
        };
        self.schemas.enter(ResourceMode::Data, D::KIND.into(), described);
        self
    }

    /// Adds names of types that are not supported, with alternatives.
    #[must_use]
    pub fn unsupported(mut self, kinds: &'static [UnsupportedNames]) -> Self {
        self.schemas.unsupported.extend(kinds);
        self
    }

    /// Adds a check of several blocks together.
    #[must_use]
    pub fn together(mut self, check: CrossCheck) -> Self {
        self.schemas.together.push(check);
        self
    }

    /// Adds a resource type that is described at run time.
    #[must_use]
    pub fn dynamic(
        mut self,
        described: ResourceDescription,
        driver: Arc<dyn ResourceDriver>,
    ) -> Self {
        self.drivers.resources.insert(described.kind.clone(), driver);
        self.schemas.enter(ResourceMode::Managed, described.kind.clone(), described);
        self
    }

    /// Adds a data source type that is described at run time.
    #[must_use]
    pub fn dynamic_data(
        mut self,
        described: ResourceDescription,
        reader: Arc<dyn DataReader>,
    ) -> Self {
        self.drivers.readers.insert(described.kind.clone(), reader);
        self.schemas.enter(ResourceMode::Data, described.kind.clone(), described);
        self
    }

    /// Adds a provider that is described at run time.
    #[must_use]
    pub fn dynamic_provider(
        mut self,
        name: &str,
        schema: Schema,
        connector: Arc<dyn ProviderConnector>,
    ) -> Self {
        self.schemas.providers.insert(
            name.into(),
            ProviderDescription { schema, shared: None, hooks: ResourceHooks::new() },
        );
        self.drivers.connectors.insert(name.into(), connector);
        self
    }

    /// Splits the registry into descriptions and drivers.
    #[must_use]
    pub fn split(self) -> (SchemaSet, DriverSet) {
        (self.schemas, self.drivers)
    }
}

fn empty() -> Schema {
    Schema {
        doc: String::new(),
        arguments: BTreeMap::new(),
        outputs: BTreeMap::new(),
        unsupported: &[],
    }
}
