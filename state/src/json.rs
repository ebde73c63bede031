//! A state as JSON, losing nothing: values that JSON has no form for are written as kind writes them.

use serde_json::{Value as Json, json};

use crate::State;

/// The state as JSON, secrets included.
#[must_use]
pub fn to_json(state: &State) -> Json {
    let State { lineage, number, records, deposed, providers, outputs, unfinished, obligations, run, attempts } = state;
    let with_key = |((_, key), record): (&(ha_kind::Address, String), &crate::Record)| json!({"key": key, "record": record});
    json!({
        "format": crate::session::FORMAT,
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
    })
}
