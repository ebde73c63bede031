//! Finds the existing objects again after the state was lost: plans as if nothing were recorded,
//! and looks for what the plan would create.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::StreamExt;
use ha_diagnostics::Diagnostic;
use ha_plan::{
    DiscoveryMethod, MovedState, Observations, Plan, PlanInput, PlanOutcome, ReadRequest,
    Selection, redacted_error, revealed,
};
use ha_provider::{DiscoveryResult, DiscoveryTarget, Error};
use ha_state_model::{Dependencies, ProviderName, Record, State};
use ha_value::{Address, BlockAddress, Name, Object, ResourceMode, Value};

use crate::engine::{Engine, MAX_READ_ROUNDS, PlanFailure, PlanRequest};
use crate::events::{Event, EventObserver};

/// What was found after a state was lost; nothing is written yet.
#[derive(Debug)]
pub struct RediscoveryResult {
    /// The plan for the configuration once what was found is recorded. The records are in its
    /// `settled`.
    pub plan: Plan,
    /// The result of the discovery of each configured instance.
    pub searches: BTreeMap<Address, DiscoveryResult>,
    /// Objects whose ownership mark names the lineage, and that are no longer configured.
    pub strays: Vec<Record>,
    /// Why some owned objects could not be listed. They stay unrecorded and unchanged.
    pub unlisted: Vec<Error>,
    /// The lineage of the lost state, where an ownership mark names it.
    pub lineage: Option<String>,
}

/// Where to look for instances of one resource type: the provider, its settings, and the type.
type DiscoveryRequest = (ProviderName, Object, Name);

impl Engine {
    /// Looks for every configured instance, as if nothing were recorded, and for other objects
    /// whose ownership mark names this lineage. Changes nothing.
    ///
    /// # Errors
    /// Mistakes in the configuration, and failed calls: what could not be looked for might be
    /// created twice.
    pub async fn rediscover(
        &self,
        request: &PlanRequest,
        lineage: Option<&str>,
        observer: &dyn EventObserver,
    ) -> Result<RediscoveryResult, PlanFailure> {
        let mut lineage = lineage.map(str::to_owned);
        loop {
            let (plan, searches) = self.search(request, lineage.as_deref(), observer).await?;
            let found_lineage = common_lineage(&searches, lineage.as_deref())?;
            let is_open = searches.values().any(|it| matches!(it, DiscoveryResult::Several(_)));
            // Several objects of one name may belong to several states. With the lineage that the
            // others name, a second search can tell them apart.
            if lineage.is_none() && found_lineage.is_some() && is_open {
                lineage = found_lineage;
                continue;
            }
            let lineage = lineage.or(found_lineage);
            let (strays, unlisted) = match &lineage {
                Some(lineage) => self.strays(&plan, &searches, lineage).await,
                None => (Vec::new(), Vec::new()),
            };
            return Ok(RediscoveryResult { plan, searches, strays, unlisted, lineage });
        }
    }

    /// Plans for an empty state, and performs the discoveries and reads that planning asks for.
    async fn search(
        &self,
        request: &PlanRequest,
        lineage: Option<&str>,
        observer: &dyn EventObserver,
    ) -> Result<(Plan, BTreeMap<Address, DiscoveryResult>), PlanFailure> {
        let state = State { lineage: lineage.unwrap_or_default().to_owned(), ..State::default() };
        let moved = MovedState::nothing(&state);
        let mut observed = Observations::default();
        for _ in 0..MAX_READ_ROUNDS {
            // A lost state is rebuilt as a whole: targets would leave existing objects
            // unrecorded.
            let all = Selection::default();
            let input = PlanInput {
                seek: true,
                selection: &all,
                replace: &[],
                ..self.input(request, &moved, &observed)
            };
            let failure = |it: ha_plan::PlanError| PlanFailure {
                diagnostics: it.diagnostics,
                ..PlanFailure::default()
            };
            match ha_plan::plan(&input).map_err(failure)? {
                PlanOutcome::Plan(plan) => return Ok((*plan, observed.sought)),
                PlanOutcome::Reads(reads) => {
                    let (seeks, others): (Vec<ReadRequest>, Vec<ReadRequest>) =
                        reads.into_iter().partition(|it| it.seek.is_some());
                    if !others.is_empty() {
                        self.perform_reads(others, &mut observed, observer).await?;
                    }
                    self.discover(seeks, lineage, &mut observed, observer).await?;
                }
            }
        }
        let cause = format!("discovery still finds new instances after {MAX_READ_ROUNDS} rounds");
        Err(PlanFailure {
            errors: vec![Error::new("look for what there is", cause)],
            ..PlanFailure::default()
        })
    }

    /// Discovers instances, those of one resource type in one call.
    async fn discover(
        &self,
        seeks: Vec<ReadRequest>,
        lineage: Option<&str>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<(), PlanFailure> {
        if seeks.is_empty() {
            return Ok(());
        }
        observer.observe(Event::Seeking {
            addresses: seeks.iter().map(|it| it.address.clone()).collect(),
        });
        let mut asked: BTreeMap<DiscoveryRequest, Vec<(Address, Object)>> = BTreeMap::new();
        for ReadRequest { address, provider, settings, arguments, seek, .. } in seeks {
            let kind = address.block.kind.clone();
            match seek {
                Some(DiscoveryMethod::Suppose(why)) => {
                    let supposed = self
                        .drivers
                        .resource(&kind)
                        .and_then(|it| it.supposed(&revealed(&arguments)));
                    let search = match supposed {
                        Some(supposed) => DiscoveryResult::Unasked(Box::new(supposed), why),
                        None => DiscoveryResult::Unsearchable(why),
                    };
                    observed.sought.insert(address, search);
                }
                _ => {
                    asked.entry((provider, settings, kind)).or_default().push((address, arguments))
                }
            }
        }
        let finding: Vec<_> = asked
            .into_iter()
            .map(|(request, sought)| self.find(request, sought, lineage))
            .collect();
        let found: Vec<_> =
            futures::stream::iter(finding).buffered(self.parallelism).collect().await;
        let mut errors = Vec::new();
        for found in found {
            match found {
                Ok(found) => observed.sought.extend(found),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(PlanFailure { errors, ..PlanFailure::default() })
        }
    }

    async fn find(
        &self,
        (provider, settings, kind): DiscoveryRequest,
        asked: Vec<(Address, Object)>,
        lineage: Option<&str>,
    ) -> Result<Vec<(Address, DiscoveryResult)>, Error> {
        let no_driver = || {
            Error::new(format!("look for `{}`", asked[0].0), "this `ha` has no such resource type")
        };
        let driver = self.drivers.resource(&kind).ok_or_else(no_driver)?;
        let client = self.clients.client(&provider, &settings).await?;
        let redacted =
            |error| redacted_error(error, asked.iter().map(|(_, it)| it).chain([&settings]));
        let sought = asked.iter().map(|(address, it)| DiscoveryTarget {
            address: address.clone(),
            arguments: revealed(it),
        });
        let sought: Vec<DiscoveryTarget> = sought.collect();
        let found = driver.find(&client, &sought, lineage).await.map_err(redacted)?;
        Ok(asked.into_iter().map(|(address, _)| address).zip(found).collect())
    }

    /// The objects of all resource types whose ownership mark names this lineage and that the
    /// configuration does not have.
    async fn strays(
        &self,
        plan: &Plan,
        searches: &BTreeMap<Address, DiscoveryResult>,
        lineage: &str,
    ) -> (Vec<Record>, Vec<Error>) {
        let mut strays: BTreeMap<Address, Record> = BTreeMap::new();
        let mut errors = Vec::new();
        let known: BTreeSet<(&Name, &str)> = searches
            .iter()
            .filter_map(|(address, it)| Some((&address.block.kind, id_of(it)?)))
            .collect();
        for (provider, settings) in &plan.providers {
            let kinds = self.schemas.kinds().filter(|(mode, it)| {
                *mode == ResourceMode::Managed && it.provider == provider.name
            });
            // A resource type without an external effect has no objects to find.
            for (_, described) in kinds.filter(|(_, it)| !it.pure) {
                let Some(driver) = self.drivers.resource(&described.kind) else { continue };
                let owned = match self.clients.client(provider, &settings.settings).await {
                    Ok(client) => driver.list_owned(&client, lineage).await,
                    Err(error) => Err(error),
                };
                // A service that cannot be listed hides strays at worst, and must not prevent
                // that the others are recorded.
                let owned = match owned {
                    Ok(owned) => owned,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                };
                // Its mark may name an old address of an instance that the configuration now has
                // under another one, so ids count as well as addresses.
                let unconfigured = owned.into_iter().filter(|(address, found)| {
                    let recorded = &found.imported.recorded;
                    address.block.kind == described.kind
                        && !searches.contains_key(address)
                        && !known.contains(&(&described.kind, recorded.id.as_str()))
                });
                for (address, found) in unconfigured {
                    strays
                        .insert(address.clone(), stray(address, provider, found.imported.recorded));
                }
            }
        }
        (with_dependencies(strays), errors)
    }
}

/// The one lineage that all found objects name; none where none names one.
fn common_lineage(
    searches: &BTreeMap<Address, DiscoveryResult>,
    asked: Option<&str>,
) -> Result<Option<String>, PlanFailure> {
    let mut by_lineage: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    for (address, search) in searches {
        if let DiscoveryResult::Found(found) = search
            && let Some(state) = &found.state
        {
            by_lineage.entry(state).or_default().push(address);
        }
    }
    // Two states may share names in one account. Which of them was lost, only the operator knows.
    if by_lineage.len() <= 1 || asked.is_some() {
        return Ok(by_lineage.keys().next().map(|it| (*it).to_owned()));
    }
    let summary = "what was found belongs to several states";
    let each = by_lineage
        .iter()
        .map(|(state, all)| format!("{state} has {} of it, `{}` among them", all.len(), all[0]));
    let detail = each.collect::<Vec<_>>().join("; ");
    let help =
        "say with `--lineage` which of them was lost; what belongs to another one is left alone";
    Err(PlanFailure {
        diagnostics: vec![Diagnostic::error(summary).detail(detail).help(help)],
        ..PlanFailure::default()
    })
}

fn id_of(search: &DiscoveryResult) -> Option<&str> {
    match search {
        DiscoveryResult::Found(found) => Some(&found.imported.recorded.id),
        DiscoveryResult::Unasked(supposed, _) => Some(&supposed.id),
        DiscoveryResult::Nothing
        | DiscoveryResult::Several(_)
        | DiscoveryResult::Unsearchable(_) => None,
    }
}

fn stray(address: Address, provider: &ProviderName, found: ha_provider::RecordedValue) -> Record {
    Record {
        address,
        provider: provider.clone(),
        id: found.id,
        arguments: found.arguments,
        configured: BTreeSet::new(),
        outputs: found.outputs,
        dependencies: Dependencies::default(),
        tainted: false,
        create_before_destroy: false,
        prevent_destroy: false,
        timeouts: Default::default(),
        version: 0,
    }
}

/// The strays with dependencies, so that they are deleted in an order that works. The recorded ones
/// were lost; an argument that holds an id which a service assigned to another stray is one.
fn with_dependencies(strays: BTreeMap<Address, Record>) -> Vec<Record> {
    let mut owners: BTreeMap<String, BlockAddress> = BTreeMap::new();
    for record in strays.values() {
        // A value that is also an argument was chosen by the configuration, and may be equal in
        // unrelated objects.
        let own = strings(&record.arguments);
        let assigned = std::iter::once(record.id.clone())
            .chain(strings(&record.outputs))
            .filter(|it| !own.contains(it));
        owners.extend(
            assigned.filter(|it| !it.is_empty()).map(|it| (it, record.address.block.clone())),
        );
    }
    let mut dependencies: BTreeMap<BlockAddress, BTreeSet<BlockAddress>> = BTreeMap::new();
    let mut records = Vec::new();
    for (address, record) in strays {
        let named =
            strings(&record.arguments).into_iter().filter_map(|it| owners.get(&it).cloned());
        let named = named
            .filter(|it| *it != address.block && !depends_on(&dependencies, it, &address.block));
        let blocks: BTreeSet<BlockAddress> = named.collect();
        dependencies.entry(address.block.clone()).or_default().extend(blocks.iter().cloned());
        records.push(Record { dependencies: Dependencies::joined(blocks, &[]), ..record });
    }
    records
}

/// Whether a block depends on another one, directly or through others. A dependency that would
/// close a cycle is left out: two objects that name each other are deleted in any order.
fn depends_on(
    dependencies: &BTreeMap<BlockAddress, BTreeSet<BlockAddress>>,
    from: &BlockAddress,
    to: &BlockAddress,
) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        if next == to {
            return true;
        }
        if seen.insert(next) {
            open.extend(dependencies.get(next).into_iter().flatten());
        }
    }
    false
}

/// Every string in these values.
fn strings(values: &Object) -> BTreeSet<String> {
    let mut strings = BTreeSet::new();
    let mut open: Vec<Value> = values.values().map(Value::revealed).collect();
    while let Some(value) = open.pop() {
        match value.as_str() {
            Some(text) => drop(strings.insert(text.to_owned())),
            None => open.extend(value.children().cloned()),
        }
    }
    strings
}
