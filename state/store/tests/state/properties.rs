//! Whatever frames there are, folding them, reading them back and reading their checkpoint comes to
//! the same.

use ha_state_model::ProviderRecord;
use ha_state_store::{MemoryStore, OpenOptions, open_for_reading, open_for_writing};
use proptest::prelude::*;

use crate::{Frame, LockInfo, OneKey, ProviderName, State, StepOutcome, block_on, samples};

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4u8).prop_map(|it| format!("a.b[{it}]")),
        "[a-z\\\\\"\n\u{e9}]{0,4}".prop_map(|it| {
            let key = ha_value::InstanceKey::Name(it.as_str().into());
            ha_value::BlockAddress::root(ha_value::ResourceMode::Managed, "a", "c")
                .instance(key)
                .to_string()
        }),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    let record = || {
        (address(), "[a-z$]{0,6}")
            .prop_map(|(address, id)| Box::new(samples::record(&address, &id)))
    };
    let outcome = prop_oneof![
        4 => record().prop_map(StepOutcome::Recorded),
        1 => address().prop_map(|it| StepOutcome::Deleted(it.parse().unwrap())),
        1 => (record(), "[a-z]{1,2}").prop_map(|(record, key)| StepOutcome::Deposed { record, key }),
        1 => (address(), "[a-z]{1,2}").prop_map(|(it, key)| StepOutcome::DeletedDeposed { address: it.parse().unwrap(), key }),
        1 => ".{0,20}".prop_map(StepOutcome::Failed),
        1 => ".{0,20}".prop_map(StepOutcome::Unsettled),
    ];
    prop_oneof![
        2 => (0..6u64, address()).prop_map(|(attempt, address)| Frame::Intent(samples::intent(attempt, &address))),
        2 => (0..6u64, "[a-z]{0,3}", ".{0,9}").prop_map(|(attempt, key, value)| Frame::Note { attempt, key, value }),
        6 => (proptest::option::of(0..6u64), outcome).prop_map(|(attempt, outcome)| Frame::Result { attempt, outcome }),
        1 => "[a-z]{1,3}".prop_map(|it| Frame::Provider(ProviderName::new(it), ProviderRecord::default())),
        1 => "[a-z]{1,3}".prop_map(|it| Frame::ProviderGone(ProviderName::new(it))),
        1 => (address(), address()).prop_map(|(from, to)| Frame::Moved { from: from.parse().unwrap(), to: to.parse().unwrap() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_equals_folding(frames in proptest::collection::vec(frame(), 1..30), kill_at in 1..30usize, limit in 0..9_000usize) {
        let (keys, store) = (OneKey::new(), MemoryStore::new());
        let opening = || OpenOptions::by(LockInfo::here("a test")).with_journal(limit);
        let mut writer = open_for_writing(&store, &keys, opening()).unwrap();
        let mut folded = State { lineage: writer.lineage().to_owned(), ..State::default() };
        for (index, frame) in frames.into_iter().enumerate() {
            if index == kill_at {
                drop(writer);
                writer = open_for_writing(&store, &keys, opening()).unwrap();
            }
            let number = block_on(writer.append(frame.clone())).unwrap();
            folded.apply(number, frame);
        }
        prop_assert_eq!(&*writer.snapshot(), &folded);
        prop_assert_eq!(&open_for_reading(&store, &keys).unwrap(), &folded);
        writer.finish().unwrap();
        prop_assert_eq!(&open_for_reading(&store, &keys).unwrap(), &folded);
    }
}
