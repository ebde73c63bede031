//! The state: all frames so far, folded.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ha_value::{Address, Name};
use serde::{Deserialize, Serialize};

use crate::dependencies::DependencyGroups;
use crate::frame::{Frame, Intent, Obligation, RunEnd, RunFrame, RunStart, StepOutcome};
use crate::history::StateHistory;
use crate::{
    AddressMove, Dependencies, DependencyGroup, OutputRecord, ProviderName, ProviderRecord, Record,
};

/// Everything that is recorded: the frames so far, folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The identity of the state, the same in all its frames; empty before the first.
    pub lineage: String,
    /// The number of the last frame; 0 before the first.
    pub number: u64,
    /// The records of all instances, by address.
    pub records: BTreeMap<Address, Record>,
    /// Objects that are still to be deleted after their successors were created, by address and a
    /// key that is unique among those of the address.
    pub deposed: BTreeMap<(Address, String), Record>,
    /// The provider configurations that the records were created with.
    pub providers: BTreeMap<ProviderName, ProviderRecord>,
    /// The outputs of the root module.
    pub outputs: BTreeMap<Name, OutputRecord>,
    /// The steps whose intent has no result, by attempt.
    pub unfinished: BTreeMap<u64, UnfinishedStep>,
    /// What must be done before anything else is begun, by id.
    pub obligations: BTreeMap<String, Obligation>,
    /// The last run that wrote; none before the first.
    pub run: Option<LastRun>,
    /// The highest number that was given to an attempt.
    pub attempts: u64,
    /// The groups of blocks that records depend on, by name.
    pub groups: DependencyGroups,
    /// The keys that were retired, and where the state was moved to.
    pub history: StateHistory,
}

/// A step with an intent and no result: its calls may or may not have had an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnfinishedStep {
    /// What it was about to do.
    pub intent: Intent,
    /// What the driver noted for a later try.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
    /// Why the step failed, where it failed without it being known what it left. None for a step
    /// that was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The last run that wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The number of the frame with which the run began.
    pub number: u64,
    /// The command, who ran it and when.
    pub start: RunStart,
    /// How the run ended; none when it was killed or is still running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

impl State {
    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.number == 0
    }

    /// Whether nothing exists, may exist, or must still be done. Providers alone do not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { records, deposed, outputs, unfinished, obligations, .. } = self;
        records.is_empty()
            && deposed.is_empty()
            && outputs.is_empty()
            && unfinished.is_empty()
            && obligations.is_empty()
    }

    /// The dependencies of all records, deposed objects, unfinished steps and providers.
    pub fn all_dependencies(&self) -> impl Iterator<Item = &Dependencies> {
        let records = self.records.values().chain(self.deposed.values()).map(|it| &it.dependencies);
        let unfinished = self.unfinished.values().map(|it| &it.intent.dependencies);
        records.chain(unfinished).chain(self.providers.values().map(|it| &it.dependencies))
    }

    /// The groups of dependencies that are in use, each after the groups that it contains.
    pub fn groups_in_use(&self) -> Vec<Arc<DependencyGroup>> {
        let (mut known, mut in_use) = (HashSet::new(), Vec::new());
        for dependencies in self.all_dependencies() {
            for group in dependencies.to_write(&known) {
                known.insert(group.id());
                in_use.push(group);
            }
        }
        in_use
    }

    /// The unfinished steps on an instance, oldest first.
    pub fn unfinished_at<'a>(
        &'a self,
        address: &'a Address,
    ) -> impl Iterator<Item = &'a UnfinishedStep> {
        self.unfinished.values().filter(move |it| it.intent.address == *address)
    }

    /// Folds one more frame. The cost does not depend on how much the state holds.
    pub fn apply(&mut self, number: u64, frame: Frame) {
        self.number = number;
        match frame {
            // Groups come before the frames that name them, so a name always resolves here.
            Frame::Group(group) => {
                let group = group.group(&self.groups);
                self.groups.insert(group.id(), group);
            }
            Frame::Run(RunFrame::Start(start)) => {
                self.run = Some(LastRun { number, start, end: None })
            }
            Frame::Run(RunFrame::End(end)) => {
                if let Some(run) = &mut self.run {
                    run.end = Some(end);
                }
            }
            Frame::Intent(intent) => self.begin(intent),
            Frame::Note { attempt, key, value } => {
                if let Some(unfinished) = self.unfinished.get_mut(&attempt) {
                    unfinished.notes.insert(key, value);
                }
            }
            Frame::Result { attempt, outcome } => self.apply_outcome(number, attempt, outcome),
            Frame::Provider(name, mut record) => {
                record.dependencies.resolve(&self.groups);
                self.providers.insert(name, record);
            }
            Frame::ProviderGone(name) => {
                self.providers.remove(&name);
            }
            Frame::Outputs(outputs) => self.outputs = outputs,
            Frame::Obligation(obligation) => {
                self.obligations.insert(obligation.id.clone(), obligation);
            }
            Frame::Discharged { id } => {
                self.obligations.remove(&id);
            }
            Frame::Moved { from, to } => {
                self.move_instances(&[AddressMove { from, to }], Some(number));
            }
        }
    }

    /// An attempt that is resumed has the same number, and keeps its notes: they name what its
    /// first try created.
    fn begin(&mut self, mut intent: Intent) {
        intent.dependencies.resolve(&self.groups);
        self.attempts = self.attempts.max(intent.attempt);
        let notes =
            self.unfinished.remove(&intent.attempt).map(|before| before.notes).unwrap_or_default();
        self.unfinished.insert(intent.attempt, UnfinishedStep { intent, notes, failure: None });
    }

    fn apply_outcome(&mut self, number: u64, attempt: Option<u64>, outcome: StepOutcome) {
        match outcome {
            StepOutcome::Recorded(record) => {
                self.record(number, *record);
            }
            StepOutcome::Deleted(address) => {
                self.records.remove(&address);
                // An obligation on a deleted instance could never be finished, and would keep every
                // later run from beginning.
                // Linear in the obligations, of which there are few; a state has no index of
                // them.
                self.obligations.retain(|_, it| it.address.as_ref() != Some(&address));
            }
            StepOutcome::Deposed { record, key } => {
                let address = record.address.clone();
                if let Some(before) = self.record(number, *record) {
                    self.deposed.insert((address, key), Record { version: number, ..before });
                }
            }
            StepOutcome::DeletedDeposed { address, key } => {
                self.deposed.remove(&(address, key));
            }
            StepOutcome::Failed(_) => {}
            StepOutcome::Unsettled(reason) => {
                if let Some(unfinished) = attempt.and_then(|it| self.unfinished.get_mut(&it)) {
                    unfinished.failure = Some(reason);
                }
                // The intent stays: only the next run can find out what the step left.
                return;
            }
        }
        if let Some(attempt) = attempt {
            self.unfinished.remove(&attempt);
        }
    }

    /// Stores a record, whose version is the frame that wrote it. Returns the record before it.
    fn record(&mut self, number: u64, mut record: Record) -> Option<Record> {
        record.dependencies.resolve(&self.groups);
        self.records.insert(record.address.clone(), Record { version: number, ..record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{intent, record};

    fn result(attempt: Option<u64>, outcome: StepOutcome) -> Frame {
        Frame::Result { attempt, outcome }
    }

    #[test]
    fn an_intent_keeps_its_notes_until_a_result() {
        let mut state = State::default();
        state.apply(1, Frame::Intent(intent(7, "a.b")));
        state.apply(2, Frame::Note { attempt: 7, key: "volume".into(), value: "vol-1".into() });
        assert_eq!(state.attempts, 7);
        assert_eq!(state.unfinished[&7].notes["volume"], "vol-1");
        state.apply(3, result(Some(7), StepOutcome::Unsettled("the answer was lost".into())));
        assert_eq!(state.unfinished[&7].failure.as_deref(), Some("the answer was lost"));
        state.apply(4, Frame::Intent(intent(7, "a.b")));
        assert_eq!(
            state.unfinished[&7].notes["volume"], "vol-1",
            "a resumed attempt keeps its notes"
        );
        assert_eq!(state.unfinished[&7].failure, None);
        state.apply(5, result(Some(7), StepOutcome::Recorded(record("a.b", "x").into())));
        assert!(state.unfinished.is_empty());
        assert_eq!(state.records[&"a.b".parse().unwrap()].version, 5);
        assert_eq!(state.number, 5);
    }

    #[test]
    fn a_failed_step_leaves_nothing_unfinished() {
        let mut state = State::default();
        state.apply(1, Frame::Intent(intent(1, "a.b")));
        state.apply(2, result(Some(1), StepOutcome::Failed("refused".into())));
        assert!(state.unfinished.is_empty() && state.records.is_empty());
    }

    #[test]
    fn the_frame_that_records_the_new_object_deposes_the_old_one() {
        let mut state = State::default();
        let address: Address = "a.b".parse().unwrap();
        state.apply(1, result(None, StepOutcome::Recorded(record("a.b", "old").into())));
        state.apply(
            2,
            result(
                None,
                StepOutcome::Deposed { record: record("a.b", "new").into(), key: "k".into() },
            ),
        );
        assert_eq!(state.records[&address].id, "new");
        assert_eq!(state.deposed[&(address.clone(), "k".into())].id, "old");
        state.apply(
            3,
            result(None, StepOutcome::DeletedDeposed { address: address.clone(), key: "k".into() }),
        );
        assert!(state.deposed.is_empty());
        state.apply(4, result(None, StepOutcome::Deleted(address)));
        assert!(state.records.is_empty());
    }

    #[test]
    fn a_replacement_keeps_its_intent_after_the_deletion() {
        let mut state = State::default();
        state.apply(1, result(None, StepOutcome::Recorded(record("a.b", "old").into())));
        state.apply(2, Frame::Intent(intent(1, "a.b")));
        state.apply(3, result(None, StepOutcome::Deleted("a.b".parse().unwrap())));
        assert_eq!(state.unfinished_at(&"a.b".parse().unwrap()).count(), 1);
    }

    #[test]
    fn an_instance_moves_with_its_deposed_objects() {
        let mut state = State::default();
        state.apply(1, result(None, StepOutcome::Recorded(record("a.b", "x").into())));
        state.apply(2, Frame::Moved { from: "a.b".parse().unwrap(), to: "a.c".parse().unwrap() });
        assert_eq!(state.records.len(), 1);
        assert_eq!(state.records[&"a.c".parse().unwrap()].id, "x");
        assert_eq!(state.records[&"a.c".parse().unwrap()].version, 2);
        state.apply(
            3,
            result(
                None,
                StepOutcome::Deposed { record: record("a.c", "y").into(), key: "k".into() },
            ),
        );
        state.apply(4, Frame::Moved { from: "a.c".parse().unwrap(), to: "a.d".parse().unwrap() });
        assert_eq!(state.records[&"a.d".parse().unwrap()].id, "y");
        assert_eq!(state.deposed[&("a.d".parse().unwrap(), "k".into())].id, "x");
    }

    #[test]
    fn an_obligation_stays_until_it_is_discharged() {
        let mut state = State::default();
        let obligation = Obligation {
            id: "1".into(),
            verb: "start".into(),
            target: "mongod on b".into(),
            address: Some("a.b".parse().unwrap()),
            details: BTreeMap::new(),
        };
        state.apply(1, Frame::Obligation(obligation.clone()));
        assert_eq!(state.obligations["1"].target, "mongod on b");
        state.apply(2, Frame::Discharged { id: "1".into() });
        assert!(state.obligations.is_empty());
        state.apply(3, Frame::Obligation(obligation));
        state.apply(4, Frame::Moved { from: "a.b".parse().unwrap(), to: "a.c".parse().unwrap() });
        assert_eq!(
            state.obligations["1"].address,
            Some("a.c".parse().unwrap()),
            "an obligation follows its instance"
        );
        state.apply(5, result(None, StepOutcome::Deleted("a.c".parse().unwrap())));
        assert!(state.obligations.is_empty(), "a deleted instance has no obligations");
    }
}
