//! A state as JSON without loss; values that JSON cannot express have the form of `ha_value`.

use std::collections::BTreeMap;

use ha_value::Name;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::StateError;
use crate::session::FORMAT;
use ha_state_model::Obligation;
use ha_state_model::{GroupRecord, OutputRecord, ProviderName, ProviderRecord, Record};
use ha_state_model::{LastRun, State, UnfinishedStep};

/// The state as JSON, secrets included.
#[must_use]
pub fn to_json(state: &State) -> Json {
    let State {
        lineage,
        number,
        records,
        deposed,
        providers,
        outputs,
        unfinished,
        obligations,
        run,
        attempts,
        groups: _,
        history: _,
    } = state;
    let with_key = |((_, key), record): (&(ha_value::Address, String), &Record)| json!({"key": key, "record": record});
    json!({
        "format": FORMAT,
        "lineage": lineage,
        "number": number,
        "attempts": attempts,
        "run": run,
        "records": records.values().collect::<Vec<_>>(),
        "deposed": deposed.iter().map(with_key).collect::<Vec<_>>(),
        "providers": providers,
        "outputs": outputs,
        "unfinished": unfinished.values().collect::<Vec<_>>(),
        "obligations": obligations.values().collect::<Vec<_>>(),
        "groups": state.groups_in_use().iter().map(|it| it.record()).collect::<Vec<_>>(),
    })
}

/// The JSON form that [`to_json`] writes.
#[derive(Deserialize)]
struct SerializedState {
    lineage: String,
    number: u64,
    attempts: u64,
    run: Option<LastRun>,
    records: Vec<Record>,
    deposed: Vec<SerializedDeposed>,
    providers: BTreeMap<ProviderName, ProviderRecord>,
    outputs: BTreeMap<Name, OutputRecord>,
    unfinished: Vec<UnfinishedStep>,
    obligations: Vec<Obligation>,
    #[serde(default)]
    groups: Vec<GroupRecord>,
}

#[derive(Deserialize)]
struct SerializedDeposed {
    key: String,
    record: Record,
}

/// Parses what [`to_json`] wrote. `place` is for messages.
///
/// # Errors
/// When it is another format, or holds an address twice or an unknown value.
pub fn from_json(json: &[u8], place: &str) -> Result<State, StateError> {
    #[derive(Deserialize)]
    struct StateFormat {
        format: u32,
    }
    let unreadable = |error: serde_json::Error| {
        StateError::unreadable(place, format!("it is no state as JSON: {error}"))
    };
    let StateFormat { format } = serde_json::from_slice(json).map_err(unreadable)?;
    if format > FORMAT {
        return Err(StateError::newer_format(place, format, FORMAT));
    }
    let SerializedState {
        lineage,
        number,
        attempts,
        run,
        records,
        deposed,
        providers,
        outputs,
        unfinished,
        obligations,
        groups,
    } = serde_json::from_slice(json).map_err(unreadable)?;
    let mut state =
        State { lineage, number, attempts, run, providers, outputs, ..State::default() };
    // Groups come before what names them, so that each name resolves at once.
    for group in groups {
        let group = group.group(&state.groups);
        state.groups.insert(group.id(), group);
    }
    for mut record in records {
        record.dependencies.resolve(&state.groups);
        // A file that was edited by hand may hold an address twice, and one of the two objects
        // would be lost silently.
        if let Some(twice) = state.records.insert(record.address.clone(), record) {
            return Err(StateError::unreadable(place, format!("it holds {} twice", twice.address)));
        }
    }
    state.providers.values_mut().for_each(|it| it.dependencies.resolve(&state.groups));
    state.deposed =
        deposed.into_iter().map(|it| ((it.record.address.clone(), it.key), it.record)).collect();
    state.unfinished = unfinished.into_iter().map(|it| (it.intent.attempt, it)).collect();
    state.obligations = obligations.into_iter().map(|it| (it.id.clone(), it)).collect();
    let groups = &state.groups;
    state.deposed.values_mut().for_each(|it| it.dependencies.resolve(groups));
    state.unfinished.values_mut().for_each(|it| it.intent.dependencies.resolve(groups));
    // A pushed file may hold anything; unknown values exist in plans alone.
    match unknown_value(&state) {
        Some(what) => {
            Err(StateError::unreadable(place, format!("{what} holds a value that is not known")))
        }
        None => Ok(state),
    }
}

/// The name of something with an unknown value, if there is one.
fn unknown_value(state: &State) -> Option<String> {
    let records = state.records.values().chain(state.deposed.values());
    let of_records = records.map(|it| {
        let values = it.arguments.values().chain(it.outputs.values()).chain(it.timeouts.values());
        (it.address.to_string(), values.collect())
    });
    let of_providers = state
        .providers
        .iter()
        .map(|(name, it)| (format!("provider `{name}`"), it.settings.values().collect()));
    let of_intents = state
        .unfinished
        .values()
        .map(|it| (it.intent.address.to_string(), it.intent.arguments.values().collect()));
    let of_outputs =
        state.outputs.iter().map(|(name, it)| (format!("output `{name}`"), vec![&it.value]));
    let mut all = of_records.chain(of_providers).chain(of_intents).chain(of_outputs);
    all.find(|(_, values): &(String, Vec<&ha_value::Value>)| {
        !values.iter().all(|it| it.is_wholly_known())
    })
    .map(|it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ha_state_model::samples::{intent, record};
    use ha_state_model::{Frame, RunStart, StepOutcome};

    fn state() -> State {
        let mut state = State { lineage: "a".into(), ..State::default() };
        let recorded = |outcome| Frame::Result { attempt: None, outcome };
        let start = RunStart {
            command: "ha apply".into(),
            plan: None,
            by: "ops@here".into(),
            at: "2020-01-01T00:00:00Z".into(),
        };
        let frames = [
            Frame::Run(ha_state_model::RunFrame::Start(start)),
            recorded(StepOutcome::Recorded(record("a.b[0]", "x").into())),
            recorded(StepOutcome::Recorded(record("module.m[\"k\"].a.b", "old").into())),
            recorded(StepOutcome::Deposed {
                record: record("module.m[\"k\"].a.b", "y").into(),
                key: "d".into(),
            }),
            Frame::Provider(ProviderName::aliased("fake", "west"), ProviderRecord::default()),
            Frame::Outputs(
                [("o".into(), OutputRecord { value: ha_value::Value::from(1), sensitive: true })]
                    .into(),
            ),
            Frame::Intent(intent(3, "a.c")),
            Frame::Note { attempt: 3, key: "k".into(), value: "v".into() },
            Frame::Obligation(Obligation {
                id: "1".into(),
                verb: "start".into(),
                target: "b".into(),
                address: None,
                details: BTreeMap::new(),
            }),
        ];
        for (number, frame) in (1..).zip(frames) {
            state.apply(number, frame);
        }
        state
    }

    #[test]
    fn a_state_parses_back() {
        let state = state();
        assert_eq!(from_json(to_json(&state).to_string().as_bytes(), "it").unwrap(), state);
    }

    #[test]
    fn an_invalid_state_is_refused() {
        let refused = |change: &dyn Fn(&mut Json)| {
            let mut json = to_json(&state());
            change(&mut json);
            from_json(json.to_string().as_bytes(), "it").unwrap_err().to_string()
        };
        assert!(refused(&|it| it["format"] = 99.into()).contains("format 99"));
        assert!(
            refused(&|it| it["records"][1] = it["records"][0].clone()).contains("a.b[0] twice")
        );
        let unknown = |it: &mut Json| {
            it["records"][0]["outputs"]["arn"] = json!({"$unknown": ["string", null]})
        };
        assert!(
            refused(&unknown).contains("a.b[0] holds a value that is not known"),
            "{}",
            refused(&unknown)
        );
        assert!(from_json(b"[]", "it").is_err() && from_json(b"", "it").is_err());
    }
}
