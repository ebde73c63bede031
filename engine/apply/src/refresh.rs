//! Reads all recorded instances before planning: many in one call, containers before their
//! contents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::stream::{FuturesUnordered, StreamExt};
use ha_diagnostics::Diagnostic;
use ha_plan::{
    ContainerInstance, ContainerKey, Containment, OperationTimeout, PlanMode, redacted_error,
    revealed, told_id,
};
use ha_provider::{DriverSet, Error, ReadingValue, RecordedValue, ResourceDriver, SchemaSet};
use ha_state_model::{ProviderName, ProviderRecord, Record, State};
use ha_value::{Action, Address, Name, Object, ResourceMode};
use tracing::debug;

use crate::clients::ProviderClients;
use crate::driver_call::{recorded_value, with_time_limit};
use crate::events::{Event, EventObserver};

/// The largest number of instances that one call to a driver reads.
const MAX_BATCH: usize = 1000;

pub(crate) struct Refresh<'a> {
    pub(crate) state: &'a State,
    /// Which recorded instances are read.
    pub(crate) is_read: &'a (dyn Fn(&Address) -> bool + Sync),
    pub(crate) schemas: &'a SchemaSet,
    pub(crate) drivers: &'a DriverSet,
    pub(crate) clients: &'a Arc<ProviderClients>,
    /// The settings of the configuration that are known; other providers use the recorded ones.
    pub(crate) settings: &'a BTreeMap<ProviderName, ProviderRecord>,
    pub(crate) mode: PlanMode,
    pub(crate) parallelism: usize,
    /// The providers whose objects were found with the recorded settings only.
    pub(crate) recorded_elsewhere: Mutex<BTreeSet<ProviderName>>,
    pub(crate) observer: &'a dyn EventObserver,
}

type InstanceReadings = BTreeMap<Address, ReadingValue>;

impl Refresh<'_> {
    /// Reads every selected instance.
    pub(crate) async fn readings(&self) -> Result<InstanceReadings, Vec<Error>> {
        let started = Instant::now();
        let total = self.state.records.values().filter(|it| self.is_selected(it)).count();
        self.observer.observe(Event::RefreshStarted { total });
        let mut readings = InstanceReadings::new();
        let mut errors = Vec::new();
        for level in self.levels() {
            // The contents of a container that could not be read would only fail as well, and bury
            // the cause.
            if !errors.is_empty() {
                break;
            }
            let to_read = self.to_read(level, &mut readings);
            let batches = to_read.iter().flat_map(|(target, records)| {
                records.chunks(MAX_BATCH).map(move |batch| (target, batch))
            });
            let mut batches_left =
                batches.map(|((provider, kind), batch)| self.read(provider, kind, batch));
            // A call begins whenever one ends, so that a slow service does not hold up the
            // others.
            let mut running: FuturesUnordered<_> =
                batches_left.by_ref().take(self.parallelism).collect();
            while let Some(result) = running.next().await {
                running.extend(batches_left.next());
                match result {
                    Ok(found) => readings.extend(found),
                    Err(error) => errors.push(error),
                }
                self.observer.observe(Event::RefreshProgress { done: readings.len() });
            }
        }
        self.observer.observe(Event::RefreshDone { total, elapsed: started.elapsed() });
        if errors.is_empty() { Ok(readings) } else { Err(errors) }
    }

    /// The records of a level that must be read, by provider and resource type. Of the others the
    /// reading follows from their container.
    fn to_read<'r>(
        &self,
        level: Vec<&'r Record>,
        readings: &mut InstanceReadings,
    ) -> BTreeMap<(ProviderName, Name), Vec<&'r Record>> {
        let containers = Containment::new(self.state, self.schemas);
        let mut fates = BTreeMap::new();
        let mut to_read: BTreeMap<(ProviderName, Name), Vec<&Record>> = BTreeMap::new();
        for record in level {
            match self.inherited_fate(record, &containers, readings, &mut fates) {
                Some(ContainerFate::Gone) => {
                    readings.insert(record.address.clone(), ReadingValue::Gone);
                }
                // It is deleted together with its container, without a call of its own.
                Some(ContainerFate::Deleted) => {}
                None => to_read
                    .entry((record.provider.clone(), record.address.block.kind.clone()))
                    .or_default()
                    .push(record),
            }
        }
        to_read
    }

    /// Whether a record is read. One that was lost with a state has no id to read by.
    fn is_selected(&self, record: &Record) -> bool {
        (self.is_read)(&record.address) && !record.is_lost()
    }

    /// The selected records in groups, containers in an earlier group than their contents.
    fn levels(&self) -> Vec<Vec<&Record>> {
        let kinds: BTreeSet<&Name> = self.state.records.keys().map(|it| &it.block.kind).collect();
        let mut level_of: BTreeMap<&Name, usize> = BTreeMap::new();
        // A level grows by one in each pass at most, so a cycle of resource types ends as well.
        for _ in 0..kinds.len() {
            let before = level_of.clone();
            for kind in &kinds {
                let within = self
                    .schemas
                    .kind(ResourceMode::Managed, kind)
                    .map(|it| it.within.as_slice())
                    .unwrap_or_default();
                let level = within
                    .iter()
                    .filter_map(|it| {
                        kinds.get(it).map(|it| before.get(*it).copied().unwrap_or(0) + 1)
                    })
                    .max();
                level_of.insert(kind, level.unwrap_or(0));
            }
            if level_of == before {
                break;
            }
        }
        let mut levels: Vec<Vec<&Record>> = Vec::new();
        for record in self.state.records.values().filter(|it| self.is_selected(it)) {
            let level = level_of[&record.address.block.kind];
            levels.resize_with(levels.len().max(level + 1), Vec::new);
            levels[level].push(record);
        }
        levels
    }

    /// What becomes of a record because of its containers, if anything. `fates` caches the fate of
    /// each container: without it, a container with many contents would be examined once for each.
    fn inherited_fate(
        &self,
        record: &Record,
        containers: &Containment<'_>,
        readings: &InstanceReadings,
        fates: &mut BTreeMap<ContainerKey, Option<ContainerFate>>,
    ) -> Option<ContainerFate> {
        let containers = containers.homes(record, &self.state.records);
        // Which of several possible containers a record is in is not known, so all must be deleted.
        let fates: Option<Vec<ContainerFate>> = containers
            .iter()
            .map(|it| {
                *fates.entry(it.key.clone()).or_insert_with(|| self.container_fate(it, readings))
            })
            .collect();
        fates?.into_iter().max()
    }

    /// What becomes of the contents of a container. An instance without a record was deleted, and
    /// an interrupted run may not have removed the records of its contents.
    fn container_fate(
        &self,
        container: &ContainerInstance,
        readings: &InstanceReadings,
    ) -> Option<ContainerFate> {
        let (mut gone, mut deleted) = (true, self.mode == PlanMode::Destroy);
        for address in container.instances.iter() {
            let hooks = self
                .schemas
                .kind(ResourceMode::Managed, &address.block.kind)
                .map(|it| (it.hooks(), it.schema()));
            deleted &= (self.is_read)(address);
            gone &= matches!(readings.get(address), Some(ReadingValue::Gone));
            let arguments = self.state.records.get(address).map(|it| &it.arguments);
            deleted &= hooks
                .zip(arguments)
                .is_none_or(|((hooks, schema), it)| hooks.takes_contents(schema, it));
        }
        match (gone, deleted) {
            (true, _) => Some(ContainerFate::Gone),
            (_, true) => Some(ContainerFate::Deleted),
            _ => None,
        }
    }

    async fn read(
        &self,
        provider: &ProviderName,
        kind: &Name,
        records: &[&Record],
    ) -> Result<Vec<(Address, ReadingValue)>, Error> {
        let driver = self.drivers.resource(kind).ok_or_else(|| {
            let cause = "this `ha` has no such kind";
            Error::new(format!("look at `{}`", records[0].address), cause)
                .help("the state may come from another version of `ha`")
        })?;
        let recorded = || recorded_settings(self.state, provider);
        let settings = self.settings.get(provider).map_or_else(recorded, |it| &it.settings);
        let client = self.clients.client(provider, settings).await?;
        let identities = || records.iter().map(|it| (it.address.clone(), told_id(it))).collect();
        self.observer.observe(Event::Looking { records: identities() });
        debug!(target: "ha::refresh", kind = &**kind, instances = records.len(), "reading");
        let known: Vec<RecordedValue> = records.iter().map(|it| recorded_value(it)).collect();
        let secrets =
            || records.iter().flat_map(|it| [&it.arguments, &it.outputs]).chain([settings]);
        let redacted = |error| redacted_error(error, secrets());
        // One call reads many instances, so it gets the longest of their limits; none where one has
        // no limit.
        let limits: Option<Vec<OperationTimeout>> = records
            .iter()
            .map(|it| OperationTimeout::from_timeouts(&it.timeouts, Action::Read))
            .collect();
        let limit = limits.and_then(|it| it.into_iter().max_by_key(|it| it.duration));
        let mut readings = with_time_limit(driver.read(&client, &known), limit.as_ref())
            .await
            .map_err(redacted)?;
        let is_elsewhere = self
            .state
            .providers
            .get(provider)
            .is_some_and(|it| revealed(&it.settings) != revealed(settings));
        if is_elsewhere && readings.contains(&ReadingValue::Gone) {
            self.read_with_recorded_settings(provider, &**driver, &known, &mut readings).await;
        }
        self.observer.observe(Event::Looked { records: identities() });
        Ok(records.iter().map(|it| it.address.clone()).zip(readings).collect())
    }
}

impl Refresh<'_> {
    /// Reads what was not found with the configured settings again with the recorded ones. Only
    /// what neither finds is gone: a changed region in the settings must not look like a deletion.
    async fn read_with_recorded_settings(
        &self,
        provider: &ProviderName,
        driver: &dyn ResourceDriver,
        known: &[RecordedValue],
        readings: &mut [ReadingValue],
    ) {
        let Ok(client) =
            self.clients.client(provider, recorded_settings(self.state, provider)).await
        else {
            return;
        };
        let Ok(found) = driver.read(&client, known).await else { return };
        for (reading, found) in readings.iter_mut().zip(found) {
            if *reading == ReadingValue::Gone && found != ReadingValue::Gone {
                *reading = found;
                self.recorded_elsewhere
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(provider.clone());
            }
        }
    }

    /// Warnings about providers whose objects were found with the recorded settings only.
    pub(crate) fn warnings(&self) -> Vec<Diagnostic> {
        let recorded_elsewhere =
            self.recorded_elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |provider: &ProviderName| {
            let summary = format!(
                "the provider `{provider}` has other settings than when it created the recorded objects"
            );
            let (recorded, configured) = (
                recorded_settings(self.state, provider),
                self.settings.get(provider).map(|it| &it.settings),
            );
            let differ = recorded
                .iter()
                .filter(|(name, value)| configured.and_then(|it| it.get(&**name)) != Some(*value));
            let names: Vec<String> = differ.map(|(name, _)| format!("`{name}`")).collect();
            let detail = "Some of them were not found with the current settings, but with the recorded ones. Changes of this plan to them will fail.";
            let help = format!(
                "undo the change of {}, or configure another provider under an alias for what is new",
                names.join(", ")
            );
            Diagnostic::warning(summary).detail(detail).help(help)
        };
        recorded_elsewhere.iter().map(warning).collect()
    }
}

fn recorded_settings<'a>(state: &'a State, provider: &ProviderName) -> &'a Object {
    static NONE: Object = Object::new();
    state.providers.get(provider).map_or(&NONE, |it| &it.settings)
}

/// What becomes of the contents of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ContainerFate {
    /// The container is gone, and its contents with it.
    Gone,
    /// The container is going to be deleted, and its contents with it.
    Deleted,
}
