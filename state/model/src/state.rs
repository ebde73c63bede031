//! What all frames so far amount to.

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

/// What is known of everything: the frames so far, folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Which state it is, from its first frame to its last; empty when nothing was ever written.
    pub lineage: String,
    /// The number of the last frame.
    pub number: u64,
    /// All instances.
    pub records: BTreeMap<Address, Record>,
    /// Old objects still to be deleted after their successors were made, by the address they had
    /// and a key.
    pub deposed: BTreeMap<(Address, String), Record>,
    /// The provider configurations that made the records.
    pub providers: BTreeMap<ProviderName, ProviderRecord>,
    /// The outputs of the configuration's root.
    pub outputs: BTreeMap<Name, OutputRecord>,
    /// Intents without a result, by attempt.
    pub unfinished: BTreeMap<u64, UnfinishedStep>,
    /// What must be done before anything else, by id.
    pub obligations: BTreeMap<String, Obligation>,
    /// The last run.
    pub run: Option<LastRun>,
    /// The highest number an attempt has had.
    pub attempts: u64,
    /// The groups of blocks that records depend on, by name.
    pub groups: DependencyGroups,
    /// What became of its keys and places.
    pub history: StateHistory,
}

/// A step that was begun and of which nothing more is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnfinishedStep {
    /// What it was about to do.
    pub intent: Intent,
    /// What it noted on the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
    /// Why it failed, where it is known to have failed without knowing what it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The last run that wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The number of the frame it began with.
    pub number: u64,
    /// How it began.
    pub start: RunStart,
    /// How it ended; none when it was killed or is still at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

impl State {
    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.number == 0
    }

    /// Whether it says of nothing that it exists, or may, or is yet to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { records, deposed, outputs, unfinished, obligations, .. } = self;
        records.is_empty()
            && deposed.is_empty()
            && outputs.is_empty()
            && unfinished.is_empty()
            && obligations.is_empty()
    }

    /// Everything that says what it depends on.
    pub fn all_dependencies(&self) -> impl Iterator<Item = &Dependencies> {
        let records = self.records.values().chain(self.deposed.values()).map(|it| &it.dependencies);
        let begun = self.unfinished.values().map(|it| &it.intent.dependencies);
        records.chain(begun).chain(self.providers.values().map(|it| &it.dependencies))
    }

    /// The groups that are in use, those that others name before them.
    pub fn groups_in_use(&self) -> Vec<Arc<DependencyGroup>> {
        let (mut known, mut used) = (HashSet::new(), Vec::new());
        for dependencies in self.all_dependencies() {
            for group in dependencies.to_write(&known) {
                known.insert(group.id());
                used.push(group);
            }
        }
        used
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
            Frame::Result { attempt, outcome } => self.settle(number, attempt, outcome),
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

    /// An attempt that is taken up again keeps its notes.
    fn begin(&mut self, mut intent: Intent) {
        intent.dependencies.resolve(&self.groups);
        self.attempts = self.attempts.max(intent.attempt);
        let notes =
            self.unfinished.remove(&intent.attempt).map(|before| before.notes).unwrap_or_default();
        self.unfinished.insert(intent.attempt, UnfinishedStep { intent, notes, failure: None });
    }

    fn settle(&mut self, number: u64, attempt: Option<u64>, outcome: StepOutcome) {
        match outcome {
            StepOutcome::Recorded(record) => {
                self.record(number, *record);
            }
            StepOutcome::Deleted(address) => {
                self.records.remove(&address);
                // What is gone needs nothing done to it.
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
                return;
            }
        }
        if let Some(attempt) = attempt {
            self.unfinished.remove(&attempt);
        }
    }

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
    fn an_intent_stays_with_its_notes_until_a_result() {
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
            "taken up again, it keeps its notes"
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
    fn the_old_one_is_deposed_in_the_frame_that_records_the_new_one() {
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
    fn a_step_of_two_halves_keeps_its_intent_after_the_first() {
        let mut state = State::default();
        state.apply(1, result(None, StepOutcome::Recorded(record("a.b", "old").into())));
        state.apply(2, Frame::Intent(intent(1, "a.b")));
        state.apply(3, result(None, StepOutcome::Deleted("a.b".parse().unwrap())));
        assert_eq!(state.unfinished_at(&"a.b".parse().unwrap()).count(), 1);
    }

    #[test]
    fn an_instance_moves_with_all_that_is_known_of_it() {
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
            "it goes where the instance goes"
        );
        state.apply(5, result(None, StepOutcome::Deleted("a.c".parse().unwrap())));
        assert!(state.obligations.is_empty(), "what is gone needs nothing");
    }
}
