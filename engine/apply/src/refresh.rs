//! Looks at everything that is recorded: many at once, what others live inside of first.

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
use crate::driver_call::{in_time, recorded_value};
use crate::events::{Event, EventObserver};

/// As many as one call is asked to look at.
const BATCH: usize = 1000;

pub(crate) struct Refresh<'a> {
    pub(crate) state: &'a State,
    /// Which of what is recorded is looked at.
    pub(crate) is_asked: &'a (dyn Fn(&Address) -> bool + Sync),
    pub(crate) schemas: &'a SchemaSet,
    pub(crate) drivers: &'a DriverSet,
    pub(crate) clients: &'a Arc<ProviderClients>,
    /// Settings known from the configuration; others are as recorded.
    pub(crate) settings: &'a BTreeMap<ProviderName, ProviderRecord>,
    pub(crate) mode: PlanMode,
    pub(crate) parallelism: usize,
    /// Providers whose things were found only with the settings on record.
    pub(crate) elsewhere: Mutex<BTreeSet<ProviderName>>,
    pub(crate) observer: &'a dyn EventObserver,
}

type InstanceReadings = BTreeMap<Address, ReadingValue>;

impl Refresh<'_> {
    /// What every recorded instance looks like now.
    pub(crate) async fn readings(&self) -> Result<InstanceReadings, Vec<Error>> {
        let started = Instant::now();
        let total = self.state.records.values().filter(|it| self.is_looked_at(it)).count();
        self.observer.observe(Event::RefreshStarted { total });
        let mut readings = InstanceReadings::new();
        let mut errors = Vec::new();
        for level in self.levels() {
            // What lives inside of something that could not be looked at would only fail as well.
            if !errors.is_empty() {
                break;
            }
            let asked = self.asked(level, &mut readings);
            let batches = asked
                .iter()
                .flat_map(|(who, records)| records.chunks(BATCH).map(move |batch| (who, batch)));
            let mut waiting =
                batches.map(|((provider, kind), batch)| self.read(provider, kind, batch));
            let mut running: FuturesUnordered<_> =
                waiting.by_ref().take(self.parallelism).collect();
            while let Some(result) = running.next().await {
                running.extend(waiting.next());
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

    /// Those of a level that must be asked about, by whom and what kind.
    fn asked<'r>(
        &self,
        level: Vec<&'r Record>,
        readings: &mut InstanceReadings,
    ) -> BTreeMap<(ProviderName, Name), Vec<&'r Record>> {
        let homes = Containment::new(self.state, self.schemas);
        let mut fates = BTreeMap::new();
        let mut asked: BTreeMap<(ProviderName, Name), Vec<&Record>> = BTreeMap::new();
        for record in level {
            match self.with_its_container(record, &homes, readings, &mut fates) {
                Some(ContainerFate::Gone) => {
                    readings.insert(record.address.clone(), ReadingValue::Gone);
                }
                // It goes without a call, so no one needs to be asked about it.
                Some(ContainerFate::Deleted) => {}
                None => asked
                    .entry((record.provider.clone(), record.address.block.kind.clone()))
                    .or_default()
                    .push(record),
            }
        }
        asked
    }

    /// Of what was lost with a state there is nothing to see.
    fn is_looked_at(&self, record: &Record) -> bool {
        (self.is_asked)(&record.address) && !record.is_lost()
    }

    /// The records, those that others live inside of in an earlier group.
    fn levels(&self) -> Vec<Vec<&Record>> {
        let kinds: BTreeSet<&Name> = self.state.records.keys().map(|it| &it.block.kind).collect();
        let mut level_of: BTreeMap<&Name, usize> = BTreeMap::new();
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
        for record in self.state.records.values().filter(|it| self.is_looked_at(it)) {
            let level = level_of[&record.address.block.kind];
            levels.resize_with(levels.len().max(level + 1), Vec::new);
            levels[level].push(record);
        }
        levels
    }

    /// What becomes of a record because of what it lives inside of, if anything. `fates` are those
    /// of homes that were looked at already.
    fn with_its_container(
        &self,
        record: &Record,
        homes: &Containment<'_>,
        readings: &InstanceReadings,
        fates: &mut BTreeMap<ContainerKey, Option<ContainerFate>>,
    ) -> Option<ContainerFate> {
        let homes = homes.homes(record, &self.state.records);
        // No one says which of them it is in, so all must go before it counts as gone.
        let fates: Option<Vec<ContainerFate>> = homes
            .iter()
            .map(|it| *fates.entry(it.key.clone()).or_insert_with(|| self.fate(it, readings)))
            .collect();
        fates?.into_iter().max()
    }

    /// What becomes of all that lives in a home. What is not recorded any more was deleted, and an
    /// interrupted run may not have got round to writing off what was inside.
    fn fate(&self, home: &ContainerInstance, readings: &InstanceReadings) -> Option<ContainerFate> {
        let (mut gone, mut deleted) = (true, self.mode == PlanMode::Destroy);
        for address in home.instances.iter() {
            let hooks = self
                .schemas
                .kind(ResourceMode::Managed, &address.block.kind)
                .map(|it| (it.hooks(), it.schema()));
            deleted &= (self.is_asked)(address);
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
        let named = || records.iter().map(|it| (it.address.clone(), told_id(it))).collect();
        self.observer.observe(Event::Looking { records: named() });
        debug!(target: "ha::refresh", kind = &**kind, instances = records.len(), "reading");
        let known: Vec<RecordedValue> = records.iter().map(|it| recorded_value(it)).collect();
        let secrets =
            || records.iter().flat_map(|it| [&it.arguments, &it.outputs]).chain([settings]);
        let clean = |error| redacted_error(error, secrets());
        // What is looked at together may take as long as the one that may take longest.
        let limits: Option<Vec<OperationTimeout>> = records
            .iter()
            .map(|it| OperationTimeout::from_timeouts(&it.timeouts, Action::Read))
            .collect();
        let limit = limits.and_then(|it| it.into_iter().max_by_key(|it| it.duration));
        let mut readings =
            in_time(driver.read(&client, &known), limit.as_ref()).await.map_err(clean)?;
        let is_elsewhere = self
            .state
            .providers
            .get(provider)
            .is_some_and(|it| revealed(&it.settings) != revealed(settings));
        if is_elsewhere && readings.contains(&ReadingValue::Gone) {
            self.look_where_it_was_made(provider, &**driver, &known, &mut readings).await;
        }
        self.observer.observe(Event::Looked { records: named() });
        Ok(records.iter().map(|it| it.address.clone()).zip(readings).collect())
    }
}

impl Refresh<'_> {
    /// What is not where the provider is configured to look now may be where it was made. Only what
    /// is in neither place is gone.
    async fn look_where_it_was_made(
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
        let Ok(there) = driver.read(&client, known).await else { return };
        for (reading, there) in readings.iter_mut().zip(there) {
            if *reading == ReadingValue::Gone && there != ReadingValue::Gone {
                *reading = there;
                self.elsewhere
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(provider.clone());
            }
        }
    }

    /// What is to be said of providers whose things are not where they are configured to look now.
    pub(crate) fn warnings(&self) -> Vec<Diagnostic> {
        let elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |provider: &ProviderName| {
            let summary = format!(
                "the provider `{provider}` is configured otherwise than when it made what is recorded"
            );
            let (was, now) = (
                recorded_settings(self.state, provider),
                self.settings.get(provider).map(|it| &it.settings),
            );
            let differ = was
                .iter()
                .filter(|(name, value)| now.and_then(|it| it.get(&**name)) != Some(*value));
            let names: Vec<String> = differ.map(|(name, _)| format!("`{name}`")).collect();
            let detail = "Some of that is not where it looks now, and was found where it was made. What this plan changes of it will fail.";
            let help = format!(
                "undo the change of {}, or configure another provider under an alias for what is new",
                names.join(", ")
            );
            Diagnostic::warning(summary).detail(detail).help(help)
        };
        elsewhere.iter().map(warning).collect()
    }
}

fn recorded_settings<'a>(state: &'a State, provider: &ProviderName) -> &'a Object {
    static NONE: Object = Object::new();
    state.providers.get(provider).map_or(&NONE, |it| &it.settings)
}

/// What becomes of what lives inside of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ContainerFate {
    /// That is gone, and so is this.
    Gone,
    /// That is going to be deleted, and this with it.
    Deleted,
}
