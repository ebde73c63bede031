//! A plan: what would change, why, what that does to those who use it, and the steps to do it.
//! Plain data, complete and serialisable; views render it, apply follows it.
use crate::model::selection::Selection;

pub(crate) mod selection;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_provider::Impact;
use ha_state_model::{OutputRecord, ProviderName, ProviderRecord, Record, State};
use ha_value::{Action, Address, Name, Object, Path, Value};
use serde::{Deserialize, Serialize};

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub mode: PlanMode,
    /// The configuration it was made from, with every file that was read, and the inputs.
    pub snapshot: PlanSnapshot,
    /// The state's identity.
    pub lineage: String,
    /// The state's number when it was read.
    pub state_number: u64,
    /// Whom the providers talk to: account, region, endpoint.
    pub identities: Vec<ProviderIdentity>,
    /// Every instance that something happens to, in address order.
    pub changes: Vec<Change>,
    /// How many instances nothing happens to.
    pub unchanged: usize,
    /// What differs from the state although no one used `ha`.
    pub drift: Vec<Drift>,
    /// Instances that could not be looked at, and why.
    pub unchecked: Vec<(Address, String)>,
    /// What refresh remarked on instances that neither change nor differ from the state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<(Address, String)>,
    /// Changes to the root's outputs.
    pub outputs: BTreeMap<Name, OutputChange>,
    /// What apply does, each step after those it waits for.
    pub steps: Vec<PlanStep>,
    /// Disruptive steps that must not run together.
    pub rolling: Vec<RollingGroup>,
    /// What refresh saw that the state does not have yet; written before the first step.
    pub settled: Vec<RefreshUpdate>,
    /// Provider settings that were known while planning.
    pub providers: BTreeMap<ProviderName, ProviderRecord>,
    /// Answers of data sources that were read while planning.
    pub data: BTreeMap<Address, Object>,
    /// The version of every record that the plan touches or reads; zero for one that must not
    /// exist.
    pub versions: BTreeMap<Address, u64>,
    /// Steps an interrupted run left unfinished, which apply takes up first.
    pub unfinished: Vec<Address>,
    /// Instances that have another address from now on, each after those that make way for it;
    /// written before all else.
    pub moves: Vec<AddressMove>,
    /// What the plan was to be about.
    pub selection: Selection,
    /// What that leaves out: recorded instances, and blocks of which nothing is recorded yet. It
    /// stays as recorded.
    pub left_out: Vec<Address>,
    /// Whether something went wrong, so that this is what was planned until then: to be shown, not
    /// to be applied.
    pub errored: bool,
    /// How things stand with everything that has conditions, in address order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// What is worth a look and stops nothing.
    pub warnings: Vec<Diagnostic>,
}

/// How things stand with one instance of what has conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What has them. An output is written `output.x`, a check `check.x`, a variable `var.x`,
    /// behind its module.
    pub address: Address,
    /// How it stands with all of them.
    pub standing: CheckStatus,
    /// What those say that do not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// How it stands with conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// All of them hold.
    Pass,
    /// Some are not known yet.
    Unknown,
    /// Some do not hold.
    Fail,
    /// Some have no value.
    Error,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Bring the world to the configuration.
    Normal,
    /// Delete everything.
    Destroy,
    /// Take what is there for what should be, and change nothing but the state.
    RefreshOnly,
}

/// An instance that has another address from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressMove {
    /// Its address as recorded.
    pub from: Address,
    /// Its address from now on.
    pub to: Address,
}

/// Everything that a plan is a function of, besides state and world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSnapshot {
    /// Source files by name, in order.
    pub sources: Vec<(String, Arc<str>)>,
    /// Values of the root's variables. A plan has those of ephemeral ones apart.
    pub variables: BTreeMap<Name, Value>,
    /// Values of the root's ephemeral variables. They are never written down: whoever applies a
    /// plan that was kept gives them again.
    #[serde(skip)]
    pub ephemeral: BTreeMap<Name, Value>,
    /// The ephemeral variables that had another value than their default, without which the plan
    /// cannot be applied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub to_give: BTreeSet<Name>,
    /// The options that its values were given with, but for secret ones, to make another like it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Which state it was made for, as its store says; none where that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The environment it was made for, where that has a name: what `ha.workspace` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Files that functions read, by path; absent ones are null. Bytes are kept as base64 text.
    pub files: BTreeMap<String, Option<String>>,
}

/// Whom a provider talks to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderIdentity {
    /// The provider.
    pub provider: ProviderName,
    /// `("account", "123456789012")` and the like.
    pub facts: Vec<(String, String)>,
}

/// What happens to one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The instance.
    pub address: Address,
    /// Set when it is an old object that a replacement left behind.
    pub deposed: Option<String>,
    /// What is done.
    pub action: Action,
    /// Why, when it is not plain from the differences.
    pub reason: Option<ChangeReason>,
    /// All attributes as they are (arguments and outputs, marks in place); none before a create.
    pub before: Option<Object>,
    /// All attributes as they will be, unknowns included; none after a delete.
    pub after: Option<Object>,
    /// The places that differ, by argument or deeper.
    pub differences: Vec<Difference>,
    /// What that does to those who use it.
    pub impacts: Vec<Impact>,
    /// What refresh remarked on it: `mongod on 10.0.0.1:27017 is not running`.
    pub remarks: Vec<String>,
    /// The group whose disruptive steps run one at a time.
    pub group: Option<String>,
    /// Set when it goes without a call because what it lives inside of goes.
    pub gone_with: Option<Address>,
    /// The address it is recorded by until now, where that is another.
    pub moved_from: Option<Address>,
    /// The id by which it is taken over, where it exists already and is not recorded yet. What it
    /// then differs in is changed in the same apply.
    pub importing: Option<String>,
    /// Where its block stands.
    pub span: Option<SourceSpan>,
    /// Changed instances and variables whose values flow into it: the chain of causes, nearest
    /// first.
    pub because: Vec<String>,
}

/// One place that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The place.
    pub path: Path,
    /// Whether it means a new resource.
    pub replaces: bool,
}

impl Difference {
    /// The argument or output that differs, or in which something does.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self.path.steps().first() {
            Some(ha_value::PathStep::Name(name)) => Some(name),
            _ => None,
        }
    }
}

/// Why an instance changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeReason {
    /// The last try at making it failed half-way.
    Tainted,
    /// What it was can be found nowhere since the state was lost.
    Lost,
    /// `--replace` asked for it.
    Requested,
    /// Something in `replace_triggered_by` changes.
    Triggered(String),
    /// What it lives inside of is replaced.
    Within(Address),
    /// An argument cannot change in place.
    CannotUpdate,
    /// Its block is gone from the configuration.
    NoConfiguration,
    /// The module that its block was in is gone from the configuration.
    NoModule,
    /// It was moved to an address that the configuration does not ask for.
    NoMoveTarget,
    /// Its block has `count` or `for_each` by now, or has it no longer, or the other one.
    WrongRepetition,
    /// Its index is beyond `count`.
    CountIndex,
    /// Its key is gone from `for_each`.
    EachKey,
    /// Its block says that there is none of it.
    NotEnabled,
    /// A replacement left it behind, and it is still there.
    Deposed,
    /// An interrupted run began to make it, and nothing takes that up.
    Abandoned,
    /// Everything is to be destroyed.
    Destroy,
    /// It is no longer there.
    Gone,
    /// Its arguments are not known before apply.
    ArgumentsUnknown,
    /// Something it depends on changes first.
    DependencyPending,
    /// A `check` block reads it at the end.
    ForCheck,
}

/// Something that differs from the state although no one used `ha`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The instance.
    pub address: Address,
    /// As recorded.
    pub before: Object,
    /// As seen; none when it is gone.
    pub after: Option<Object>,
    /// The places that differ.
    pub paths: Vec<Path>,
    /// What refresh remarked.
    pub remarks: Vec<String>,
    /// Whether the plan changes something because of it.
    pub contributes: bool,
}

/// A change to an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputChange {
    /// As recorded; none when it is new.
    pub before: Option<Value>,
    /// As it will be; none when it goes.
    pub after: Option<Value>,
    /// Whether it is never shown.
    pub sensitive: bool,
}

impl OutputChange {
    /// Whether this is what is recorded now.
    fn goes_on_from(&self, recorded: Option<&OutputRecord>) -> bool {
        self.before.as_ref() == recorded.map(|it| &it.value)
    }

    /// Whether there is anything to do.
    #[must_use]
    pub fn is_change(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                // How a secret string is put together is no change.
                before.revealed() != after.revealed()
                    || before.contains_sensitive() != after.contains_sensitive()
            }
            (before, after) => before.is_some() != after.is_some(),
        }
    }
}

/// One step of apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// What is done.
    pub what: StepKind,
    /// The steps (by index) that come first.
    pub after: Vec<usize>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Make the instance of this change (by index).
    Create(usize),
    /// Change it in place.
    Update(usize),
    /// Delete it, or the old object where the new one is made first.
    Delete(usize),
    /// Write that it went with what it lived inside of.
    Forget(usize),
    /// Read a data source.
    Read(usize),
    /// Nothing: a place where many meet, so that edges stay few.
    Junction,
}

impl StepKind {
    /// The change that it is about (by index).
    #[must_use]
    pub fn change(&self) -> Option<usize> {
        match self {
            StepKind::Create(it)
            | StepKind::Update(it)
            | StepKind::Delete(it)
            | StepKind::Forget(it)
            | StepKind::Read(it) => Some(*it),
            StepKind::Junction => None,
        }
    }
}

/// Disruptive steps of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingGroup {
    /// The group.
    pub group: String,
    /// Steps (by index) that belong to one member and run together.
    pub chains: Vec<Vec<usize>>,
    /// How many chains at a time.
    pub at_most: usize,
}

/// What refresh saw that the state does not have yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshUpdate {
    /// It is like this now.
    Seen(Box<Record>),
    /// It is no longer there.
    Gone(Address),
}

impl RefreshUpdate {
    /// What it is news of.
    #[must_use]
    pub fn address(&self) -> &Address {
        match self {
            Self::Seen(record) => &record.address,
            Self::Gone(address) => address,
        }
    }
}

/// How many instances each thing happens to. A replacement counts as itself alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Made.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Made again.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
    /// Read during apply.
    pub read: usize,
    /// No longer looked after.
    pub forget: usize,
    /// Taken over as they are or with changes; what changes is counted there as well.
    pub import: usize,
}

impl Plan {
    /// How many instances each thing happens to.
    #[must_use]
    pub fn counts(&self) -> ChangeCounts {
        self.changes.iter().fold(ChangeCounts::default(), |mut counts, change| {
            match change.action {
                Action::Create => counts.create += 1,
                Action::Update => counts.update += 1,
                Action::DeleteThenCreate | Action::CreateThenDelete => counts.replace += 1,
                Action::Delete => counts.delete += 1,
                Action::Read => counts.read += 1,
                Action::Forget => counts.forget += 1,
                Action::NoOp => {}
            }
            counts.import += usize::from(change.importing.is_some());
            counts
        })
    }

    /// Whether apply would change nothing: neither an instance, nor what an instance is called, nor
    /// an output. Nor, where that was what was asked for, the state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|it| it.action == Action::Read)
            && self.moves.is_empty()
            && !self.outputs.values().any(OutputChange::is_change)
            && (self.mode != PlanMode::RefreshOnly || self.settled.is_empty())
    }

    /// Whether applying it would write anything: it changes something, or there is news for the
    /// state.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.is_empty() || !self.settled.is_empty()
    }

    /// What of what it touches or reads is recorded in another version by now; such a plan must not
    /// be applied.
    #[must_use]
    pub fn outdated(&self, state: &State) -> Vec<Address> {
        let version = |address: &Address| state.records.get(address).map_or(0, |it| it.version);
        self.versions
            .iter()
            .filter(|(address, it)| version(address) != **it)
            .map(|(address, _)| address.clone())
            .collect()
    }

    /// The outputs that are recorded in another way by now than when it was made: it would put them
    /// back.
    pub fn outdated_outputs<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Name> {
        let known = self
            .outputs
            .iter()
            .filter(|(name, it)| !it.goes_on_from(state.outputs.get(*name)))
            .map(|(name, _)| name);
        known.chain(state.outputs.keys().filter(|it| !self.outputs.contains_key(*it)))
    }

    /// The outputs as recorded after an apply that knew them all.
    #[must_use]
    pub fn known_outputs(&self) -> Option<BTreeMap<Name, OutputRecord>> {
        let recorded = |(name, it): (&Name, &OutputChange)| {
            let value = it.after.clone()?;
            value
                .is_wholly_known()
                .then(|| (name.clone(), OutputRecord { value, sensitive: it.sensitive }))
        };
        self.outputs.iter().filter(|(_, it)| it.after.is_some()).map(recorded).collect()
    }

    /// What of it takes over what exists already, and nothing else: that is recorded, and no thing
    /// is touched.
    #[must_use]
    pub fn only_imports(mut self) -> Self {
        self.mode = PlanMode::RefreshOnly;
        self.changes.retain(|it| it.importing.is_some());
        let imported: BTreeSet<Address> =
            self.changes.iter().map(|it| it.address.clone()).collect();
        self.settled.retain(
            |it| matches!(it, RefreshUpdate::Seen(record) if imported.contains(&record.address)),
        );
        for change in &mut self.changes {
            change.action = Action::NoOp;
            change.reason = None;
            change.differences.clear();
            change.impacts.clear();
            change.after.clone_from(&change.before);
        }
        for output in self.outputs.values_mut() {
            output.after.clone_from(&output.before);
        }
        self.steps.clear();
        self.rolling.clear();
        // That it is about a part goes without saying.
        self.selection = Selection::default();
        self.left_out.clear();
        self.warnings.retain(|it| it.span.is_some());
        self
    }

    /// The change to an instance.
    #[must_use]
    pub fn change(&self, address: &Address) -> Option<&Change> {
        self.changes.iter().find(|it| it.address == *address && it.deposed.is_none())
    }
}

impl Change {
    /// The arguments or outputs that differ, by name.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Name> {
        self.differences.iter().filter_map(|it| it.name().cloned()).collect()
    }
}
