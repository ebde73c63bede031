//! A plan: what would change, why, what each change does to users of the resource, and the steps
//! of the apply. Plain data, complete and serialisable; views render it, apply follows it.
use crate::model::selection::Selection;

pub(crate) mod selection;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_provider::Impact;
use ha_state_model::{AddressMove, OutputRecord, ProviderName, ProviderRecord, Record, State};
use ha_value::{Action, Address, Name, Object, Path, Value};
use serde::{Deserialize, Serialize};

/// A complete plan, as it is shown, saved and applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which kind of plan was requested.
    pub mode: PlanMode,
    /// The source files and inputs that the plan was made from.
    pub snapshot: PlanSnapshot,
    /// The lineage of the state.
    pub lineage: String,
    /// The number of the state's last frame when it was read.
    pub state_number: u64,
    /// What each provider is connected to: account, region, endpoint.
    pub identities: Vec<ProviderIdentity>,
    /// All changes, in address order.
    pub changes: Vec<Change>,
    /// The number of recorded instances that do not change.
    pub unchanged: usize,
    /// Differences between the state and what was read that `ha` did not cause.
    pub drift: Vec<Drift>,
    /// Instances that could not be read, with the reason.
    pub unchecked: Vec<(Address, String)>,
    /// Remarks of the refresh on instances that neither change nor drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<(Address, String)>,
    /// Values of the root's outputs, changed or not.
    pub outputs: BTreeMap<Name, OutputChange>,
    /// The steps of the apply, each after those it waits for.
    pub steps: Vec<PlanStep>,
    /// Disruptive steps that must not run at the same time.
    pub rolling: Vec<RollingGroup>,
    /// Results of the refresh that the state does not have yet; written before the first step.
    pub settled: Vec<RefreshUpdate>,
    /// Provider settings that were known during planning.
    pub providers: BTreeMap<ProviderName, ProviderRecord>,
    /// Outputs of data sources that were read during planning.
    pub data: BTreeMap<Address, Object>,
    /// The version of every record that the plan changes or reads; zero for a record that must not
    /// exist.
    pub versions: BTreeMap<Address, u64>,
    /// Instances with unfinished steps of an interrupted run, which apply finishes first.
    pub unfinished: Vec<Address>,
    /// Instances that get another address, each after those that vacate its new address; written
    /// before everything else.
    pub moves: Vec<AddressMove>,
    /// The operator's selection (`--target`, `--exclude`).
    pub selection: Selection,
    /// Recorded instances, and blocks without a record, that the plan does not cover. Their
    /// records stay unchanged.
    pub left_out: Vec<Address>,
    /// Whether an error occurred. An errored plan holds what was planned without the failed parts;
    /// it can be shown, not applied.
    pub errored: bool,
    /// The status of everything that has conditions, in address order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// Diagnostics that do not prevent the apply.
    pub warnings: Vec<Diagnostic>,
}

/// The status of all conditions of one instance, output, variable or `check` block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The address. An output is written `output.x`, a check `check.x`, a variable `var.x`, after
    /// the address of its module.
    pub address: Address,
    /// The worst status among the conditions.
    pub standing: CheckStatus,
    /// The error messages of the conditions that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The status of one or more conditions, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// All conditions hold.
    Pass,
    /// Some conditions are not known yet.
    Unknown,
    /// Some conditions do not hold.
    Fail,
    /// Some conditions could not be evaluated.
    Error,
}

/// Which kind of plan was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Changes resources to match the configuration.
    Normal,
    /// Deletes everything that is recorded.
    Destroy,
    /// Updates the state from what was read, and changes no resource.
    RefreshOnly,
}

/// Everything that a plan is a function of, besides the state and the observations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSnapshot {
    /// Source files by name, in order.
    pub sources: Vec<(String, Arc<str>)>,
    /// Values of the root's variables, without ephemeral ones.
    pub variables: BTreeMap<Name, Value>,
    /// Values of the root's ephemeral variables. They are never written to disk: whoever applies a
    /// saved plan passes them again.
    #[serde(skip)]
    pub ephemeral: BTreeMap<Name, Value>,
    /// The ephemeral variables whose value differed from the default; without these values the
    /// plan cannot be applied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub to_give: BTreeSet<Name>,
    /// The command-line options that set the values, without secret ones, to repeat the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The location of the state as its store reports it; none where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The name of the workspace, the value of `ha.workspace`; none for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Files that functions read, by path; a missing file is `None`. Bytes are stored as base64.
    pub files: BTreeMap<String, Option<String>>,
}

/// What a provider is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderIdentity {
    /// The provider.
    pub provider: ProviderName,
    /// Names and values, such as `("account", "123456789012")`.
    pub facts: Vec<(String, String)>,
}

/// The change to one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The address.
    pub address: Address,
    /// The key of the old object that a replacement left behind; none for the instance itself.
    pub deposed: Option<String>,
    /// The action.
    pub action: Action,
    /// The reason, where the differences do not show it.
    pub reason: Option<ChangeReason>,
    /// All attributes before the change (arguments and outputs, marks in place); none for a
    /// create.
    pub before: Option<Object>,
    /// All attributes after the change, unknowns included; none for a delete.
    pub after: Option<Object>,
    /// The paths that differ: arguments or parts of them.
    pub differences: Vec<Difference>,
    /// The effects on users of the resource.
    pub impacts: Vec<Impact>,
    /// Remarks of the refresh: `mongod on 10.0.0.1:27017 is not running`.
    pub remarks: Vec<String>,
    /// The rolling group, whose disruptive steps run one at a time.
    pub group: Option<String>,
    /// The container whose deletion deletes this instance too, so that no call is made for it.
    pub gone_with: Option<Address>,
    /// The address in the state, where the instance has moved.
    pub moved_from: Option<Address>,
    /// The id to import by, where the object exists and has no record. Its differences are changed
    /// in the same apply.
    pub importing: Option<String>,
    /// The source location of its block.
    pub span: Option<SourceSpan>,
    /// Changed instances and variables whose values this change uses, nearest first.
    pub because: Vec<String>,
}

/// One path that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The path, from the root of the attributes.
    pub path: Path,
    /// Whether this difference requires a replacement.
    pub replaces: bool,
}

impl Difference {
    /// Returns the argument or output that the path begins with.
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
    /// The last create failed half-way.
    Tainted,
    /// The object was not found after the state was lost.
    Lost,
    /// `--replace` named the instance.
    Requested,
    /// Something in `replace_triggered_by` changes; its reference.
    Triggered(String),
    /// Its container is replaced or deleted.
    Within(Address),
    /// An argument cannot change in place.
    CannotUpdate,
    /// Its block is not in the configuration any more.
    NoConfiguration,
    /// The module of its block is not in the configuration any more.
    NoModule,
    /// It was moved to an address that the configuration does not have.
    NoMoveTarget,
    /// Its block changed between no repetition, `count` and `for_each`.
    WrongRepetition,
    /// Its index is not below `count`.
    CountIndex,
    /// Its key is not in `for_each` any more.
    EachKey,
    /// `enabled` of its block is false.
    NotEnabled,
    /// A replacement left this old object behind.
    Deposed,
    /// An interrupted run may have created it, and no step of this plan continues that.
    Abandoned,
    /// The plan destroys everything.
    Destroy,
    /// The object does not exist any more.
    Gone,
    /// The arguments of a data source are not known before the apply.
    ArgumentsUnknown,
    /// A dependency of a data source changes first.
    DependencyPending,
    /// A `check` block reads the data source at the end.
    ForCheck,
}

/// A difference between the state and what was read that `ha` did not cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The instance.
    pub address: Address,
    /// The attributes in the state.
    pub before: Object,
    /// The attributes as read; none where the object does not exist any more.
    pub after: Option<Object>,
    /// The paths that differ.
    pub paths: Vec<Path>,
    /// Remarks of the refresh.
    pub remarks: Vec<String>,
    /// Whether a change of the plan results from it.
    pub contributes: bool,
}

/// The values of one output before and after the apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputChange {
    /// The recorded value; none for a new output.
    pub before: Option<Value>,
    /// The planned value; none where the output is removed.
    pub after: Option<Value>,
    /// Whether the value must not be shown.
    pub sensitive: bool,
}

impl OutputChange {
    /// Whether the recorded output is still the one that the plan was made with.
    fn goes_on_from(&self, recorded: Option<&OutputRecord>) -> bool {
        self.before.as_ref() == recorded.map(|it| &it.value)
    }

    /// Whether the value or its secrecy changes.
    #[must_use]
    pub fn is_change(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                // Only the revealed values are compared: the split of a secret string into parts
                // is not visible to users of the output.
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
    /// The kind of step, with the change that it carries out.
    pub what: StepKind,
    /// Indices of the steps that must be done before.
    pub after: Vec<usize>,
}

/// What a step does; the number is the index of the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Creates the instance.
    Create(usize),
    /// Updates the instance in place.
    Update(usize),
    /// Deletes the instance, or the old object after its replacement was created.
    Delete(usize),
    /// Removes the record without a call.
    Forget(usize),
    /// Reads a data source.
    Read(usize),
    /// Does nothing: joins the edges of many steps, so that n steps that wait for m need n + m
    /// edges.
    Junction,
}

impl StepKind {
    /// Returns the index of the change, none for a junction.
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
    /// The name of the group.
    pub group: String,
    /// One chain for each member: the indices of its steps.
    pub chains: Vec<Vec<usize>>,
    /// The number of chains that may run at the same time.
    pub at_most: usize,
}

/// A result of the refresh that the state does not have yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshUpdate {
    /// The record with the values that were read.
    Seen(Box<Record>),
    /// The object does not exist any more.
    Gone(Address),
}

impl RefreshUpdate {
    /// Returns the address of the instance.
    #[must_use]
    pub fn address(&self) -> &Address {
        match self {
            Self::Seen(record) => &record.address,
            Self::Gone(address) => address,
        }
    }
}

/// Numbers of changes by action. A replacement counts once, as a replacement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Creates.
    pub create: usize,
    /// Updates in place.
    pub update: usize,
    /// Replacements.
    pub replace: usize,
    /// Deletions.
    pub delete: usize,
    /// Reads of data sources during the apply.
    pub read: usize,
    /// Records that are removed without deleting the object.
    pub forget: usize,
    /// Imports. One that also updates the object counts there as well.
    pub import: usize,
}

impl Plan {
    /// Counts the changes by action.
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

    /// Whether apply would change nothing: no resource, no address, no output and, for a
    /// refresh-only plan, no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|it| it.action == Action::Read)
            && self.moves.is_empty()
            && !self.outputs.values().any(OutputChange::is_change)
            && (self.mode != PlanMode::RefreshOnly || self.settled.is_empty())
    }

    /// Whether apply would write anything: a change, or results of the refresh.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.is_empty() || !self.settled.is_empty()
    }

    /// Returns the addresses whose records have another version than the plan was made with. Such
    /// a plan must not be applied.
    #[must_use]
    pub fn outdated(&self, state: &State) -> Vec<Address> {
        let version = |address: &Address| state.records.get(address).map_or(0, |it| it.version);
        self.versions
            .iter()
            // A missing record counts as version zero, so a record that was created since is
            // noticed as well.
            .filter(|(address, it)| version(address) != **it)
            .map(|(address, _)| address.clone())
            .collect()
    }

    /// Returns the outputs that were recorded again since the plan was made; apply would reset
    /// them.
    pub fn outdated_outputs<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Name> {
        let known = self
            .outputs
            .iter()
            .filter(|(name, it)| !it.goes_on_from(state.outputs.get(*name)))
            .map(|(name, _)| name);
        known.chain(state.outputs.keys().filter(|it| !self.outputs.contains_key(*it)))
    }

    /// Returns the outputs as recorded after the apply, none where some are not known yet.
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

    /// Reduces the plan to its imports: they are recorded, and no resource is changed.
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
        // An operator who asked for imports alone knows that the plan is partial.
        self.selection = Selection::default();
        self.left_out.clear();
        self.warnings.retain(|it| it.span.is_some());
        self
    }

    /// Returns the change to an instance, old objects of replacements aside.
    #[must_use]
    pub fn change(&self, address: &Address) -> Option<&Change> {
        self.changes.iter().find(|it| it.address == *address && it.deposed.is_none())
    }
}

impl Change {
    /// Returns the names of the arguments and outputs that differ.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Name> {
        self.differences.iter().filter_map(|it| it.name().cloned()).collect()
    }
}
