//! Writes the stream of JSON lines to its destination.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ha_apply::{Event, EventObserver, StepError};
use ha_plan::Plan;
use ha_value::{Action, Address};

use super::events::{self, EventLine, StepHook};
use super::redacted_value::printable;
use super::secrets::SecretTexts;

/// The interval between two progress lines of one step.
const PULSE: Duration = Duration::from_secs(10);

/// Writes events to the stream, and the progress of steps.
pub(crate) struct EventStream {
    state: Mutex<StreamState>,
}

struct StreamState {
    out: Box<dyn Write + Send>,
    secrets: Arc<SecretTexts>,
    /// The ids of the instances that the plan changes.
    ids: BTreeMap<Address, String>,
    running: BTreeMap<Address, StreamedStep>,
}

struct StreamedStep {
    action: Action,
    since: Instant,
    reported: Instant,
}

impl EventStream {
    /// Creates a stream and writes its first line, the version.
    pub(crate) fn new(out: impl Write + Send + 'static) -> Self {
        let (secrets, ids, running) = Default::default();
        let feed =
            Self { state: Mutex::new(StreamState { out: Box::new(out), secrets, ids, running }) };
        feed.put([events::version()]);
        feed
    }

    /// Writes lines. A closed pipe is not an error.
    pub(crate) fn put(&self, lines: impl IntoIterator<Item = EventLine>) {
        self.state().put(lines);
    }

    /// Masks these secrets from now on.
    pub(crate) fn keep_secret(&self, secrets: Arc<SecretTexts>) {
        self.state().secrets = secrets;
    }

    /// Takes note of a plan before it is applied.
    pub(crate) fn follow(&self, plan: &Plan) {
        let id = |it: &ha_plan::Change| {
            Some((it.address.clone(), it.before.as_ref()?.get("id")?.as_str()?.to_owned()))
        };
        self.state().ids = plan.changes.iter().filter_map(id).collect();
    }

    /// Writes a progress line for each step that has run for an interval. Must be called often.
    pub(crate) fn tick(&self, now: Instant) {
        let mut state = self.state();
        // The interval counts from the last line, so that a late tick does not write several lines
        // at once.
        let due = |it: &StreamedStep| now.saturating_duration_since(it.reported) >= PULSE;
        let mut lines = Vec::new();
        for (address, running) in state.running.iter_mut().filter(|(_, it)| due(it)) {
            running.reported = now;
            let elapsed = Some(now.saturating_duration_since(running.since));
            lines.push(
                StepHook { address, action: running.action, id: None, elapsed }.progress(None),
            );
        }
        state.put(lines);
    }

    fn state(&self) -> MutexGuard<'_, StreamState> {
        // A panic in another thread must not stop the stream.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamState {
    fn put(&mut self, lines: impl IntoIterator<Item = EventLine>) {
        let mut text = String::new();
        for line in lines {
            text += &line.at(jiff::Timestamp::now()).line();
        }
        // A reader that closed the pipe must not stop the apply: its steps are recorded in the
        // state.
        let _: io::Result<()> = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn safe(&self, text: &str) -> String {
        printable(&self.secrets.masked(text)).replace('\n', " ")
    }

    fn id(&self, address: &Address) -> Option<String> {
        self.ids.get(address).map(|it| self.safe(it))
    }

    fn lines(&mut self, event: Event) -> Vec<EventLine> {
        match event {
            Event::Looking { records } => {
                records.iter().map(|(it, id)| events::refresh_start(it, &self.safe(id))).collect()
            }
            Event::Looked { records } => records
                .iter()
                .map(|(it, id)| events::refresh_complete(it, &self.safe(id)))
                .collect(),
            Event::RefreshStarted { .. }
            | Event::RefreshProgress { .. }
            | Event::RefreshDone { .. } => Vec::new(),
            Event::ApplyStarted { .. } => Vec::new(),
            Event::Reading { addresses } => {
                addresses.iter().map(|it| events::log(format!("{it}: reading it"))).collect()
            }
            Event::Seeking { addresses } => {
                addresses.iter().map(|it| events::log(format!("{it}: looking for it"))).collect()
            }
            Event::Recovering { address, left } => vec![events::recover_start(&address, &left)],
            Event::Recovered { address, left, id } => {
                vec![events::recover_complete(&address, &left, &self.safe(&id))]
            }
            Event::StepStarted { address, action } => {
                let id = (action != Action::Create).then(|| self.id(&address)).flatten();
                let line = StepHook { address: &address, action, id: id.as_deref(), elapsed: None }
                    .start();
                let now = Instant::now();
                self.running.insert(address, StreamedStep { action, since: now, reported: now });
                vec![line]
            }
            Event::StepProgress { address, message } => {
                let Some(running) = self.running.get(&address) else { return Vec::new() };
                let elapsed = Some(running.since.elapsed());
                let hook =
                    StepHook { address: &address, action: running.action, id: None, elapsed };
                vec![hook.progress(Some(&self.safe(&message)))]
            }
            Event::StepWarning { address, message } => {
                vec![events::log(format!("{address}: warning: {}", self.safe(&message)))]
            }
            Event::StepDone { address, action, id, elapsed } => {
                self.running.remove(&address);
                let id = id.map(|it| self.safe(&it));
                vec![
                    StepHook {
                        address: &address,
                        action,
                        id: id.as_deref(),
                        elapsed: Some(elapsed),
                    }
                    .complete(),
                ]
            }
            Event::StepFailed { address, action, error, elapsed } => {
                self.running.remove(&address);
                let why = self.safe(&cause(&error));
                vec![
                    StepHook { address: &address, action, id: None, elapsed: Some(elapsed) }
                        .errored(&why),
                ]
            }
            Event::Stopping { running } => {
                vec![events::log(format!("stopping: {running} steps are brought to their ends"))]
            }
        }
    }
}

/// Returns the cause of a failed step on one line.
pub(crate) fn cause(error: &StepError) -> String {
    match error {
        StepError::Provider(error) => error.causes.first().cloned(),
        StepError::Configuration(diagnostics) => diagnostics.first().map(|it| it.summary.clone()),
        StepError::State(why) => Some(why.clone()),
    }
    .unwrap_or_default()
}

impl EventObserver for EventStream {
    fn observe(&self, event: Event) {
        let mut state = self.state();
        let lines = state.lines(event);
        state.put(lines);
    }
}

#[cfg(test)]
mod tests {
    use ha_apply::UnfinishedWork;
    use ha_provider::Error;
    use ha_value::Value;

    use super::*;

    /// The bytes that were written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn streamed(events: Vec<Event>, later: Duration) -> Vec<serde_json::Value> {
        let written = Written::default();
        let feed = EventStream::new(written.clone());
        feed.keep_secret(Arc::new(SecretTexts::within([&Value::from("tr0ub4dor&3").sensitive()])));
        events.into_iter().for_each(|it| feed.observe(it));
        feed.tick(Instant::now() + later);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("tr0ub4dor"), "{text}");
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn recoveries_are_streamed_with_their_results() {
        let owing =
            UnfinishedWork::Owing { verb: "start".into(), target: "mongod on d:27017".into() };
        let lines = streamed(
            vec![
                Event::Recovering { address: address("a.b"), left: UnfinishedWork::Making },
                Event::Recovered {
                    address: address("a.b"),
                    left: UnfinishedWork::Making,
                    id: "b-1".into(),
                },
                Event::Recovering {
                    address: address("a.c"),
                    left: UnfinishedWork::Changing(Action::Delete),
                },
                Event::Recovered { address: address("a.d"), left: owing, id: "d".into() },
            ],
            Duration::ZERO,
        );
        let described = |line: &serde_json::Value| {
            let hook = &line["hook"];
            let text = |name: &str| hook[name].as_str().unwrap_or("-").to_owned();
            let names = ["action", "verb", "target", "id_value"].map(text).join(" ");
            format!(
                "{} {} {names}",
                line["type"].as_str().unwrap(),
                hook["resource"]["addr"].as_str().unwrap()
            )
        };
        let lines: Vec<String> = lines[1..].iter().map(described).collect();
        assert_eq!(
            lines,
            [
                "recover_start a.b create - - -",
                "recover_complete a.b create - - b-1",
                "recover_start a.c delete - - -",
                "recover_complete a.d - start mongod on d:27017 d",
            ]
        );
    }

    #[test]
    fn every_line_says_what_it_is_and_when() {
        let error =
            StepError::Provider(Error::new("create the role", "wrong password tr0ub4dor&3\nagain"));
        let lines = streamed(
            vec![
                Event::Looking { records: vec![(address("a.b"), "i-1".into())] },
                Event::StepStarted {
                    address: address("module.m[\"x\"].c.d[0]"),
                    action: Action::Create,
                },
                Event::StepProgress {
                    address: address("module.m[\"x\"].c.d[0]"),
                    message: "waits for tr0ub4dor&3".into(),
                },
                Event::StepFailed {
                    address: address("module.m[\"x\"].c.d[0]"),
                    action: Action::Create,
                    error,
                    elapsed: Duration::from_secs(3),
                },
            ],
            Duration::ZERO,
        );
        let kinds: Vec<&str> = lines.iter().map(|it| it["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            ["version", "refresh_start", "apply_start", "apply_progress", "apply_errored"]
        );
        assert!(
            lines
                .iter()
                .all(|it| it["@level"] == "info"
                    && it["@timestamp"].as_str().unwrap().ends_with('Z'))
        );
        let resource = serde_json::json!({
            "addr": "module.m[\"x\"].c.d[0]", "module": "module.m[\"x\"]", "resource": "c.d[0]", "implied_provider": "c",
            "resource_type": "c", "resource_name": "d", "resource_key": 0,
        });
        assert_eq!(
            lines[2]["hook"],
            serde_json::json!({ "resource": resource, "action": "create" })
        );
        assert_eq!(lines[4]["hook"]["elapsed_seconds"], 3);
    }

    #[test]
    fn long_steps_report_progress() {
        let started =
            || vec![Event::StepStarted { address: address("a.b"), action: Action::Delete }];
        assert_eq!(streamed(started(), Duration::from_secs(9)).len(), 2);
        let lines = streamed(started(), Duration::from_secs(11));
        assert_eq!((lines.len(), &lines[2]["type"]), (3, &serde_json::json!("apply_progress")));
        assert!(lines[2]["hook"]["elapsed_seconds"].as_u64().unwrap() >= 10);
    }
}
