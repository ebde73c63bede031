//! Shows progress: rows that are redrawn on a terminal, a line for each event otherwise.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ha_apply::{Event, EventObserver};
use ha_value::{Action, Address};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::duration::duration;
use super::feed::cause;
use super::outcome::{infinitive, past, present, taken_up, taking_up};
use super::redacted_value::printable;
use super::secrets::SecretTexts;
use super::style::{Painter, TextRole};

/// Shorter steps are not shown while they run.
const DELAY: Duration = Duration::from_millis(250);
/// The longest silence before a line of progress.
const SILENCE: Duration = Duration::from_secs(60);
/// The most running steps that are shown.
const ROWS: usize = 8;

/// Returns `1 resource`, `2 resources`.
fn resources(number: usize) -> String {
    if number == 1 { "1 resource".into() } else { format!("{number} resources") }
}

/// The destination of lines.
type LineSink = Box<dyn Fn(&str) + Send + Sync>;

/// Shows the progress of a run.
pub(crate) struct ProgressView {
    paint: Painter,
    secrets: Mutex<Arc<SecretTexts>>,
    state: Mutex<ProgressState>,
    rows: Option<ProgressRows>,
    lines: LineSink,
}

/// The rows at the bottom of a terminal.
struct ProgressRows {
    bar: ProgressBar,
    is_shown: AtomicBool,
}

impl ProgressRows {
    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is a name"));
        Self { bar, is_shown: AtomicBool::new(false) }
    }

    /// Replaces the rows. An empty row is never drawn, because it would move a prompt.
    fn show(&self, rows: String) {
        let was_shown = self.is_shown.swap(!rows.is_empty(), Ordering::SeqCst);
        match (was_shown, rows.is_empty()) {
            (false, true) => {}
            (true, true) => self.bar.finish_and_clear(),
            (false, false) => {
                self.bar.reset();
                self.bar.set_message(rows);
            }
            (true, false) => self.bar.set_message(rows),
        }
    }
}

#[derive(Debug)]
struct ProgressState {
    phase: Option<(String, Instant)>,
    total: usize,
    ended: usize,
    running: BTreeMap<Address, RunningStep>,
    last_line: Instant,
}

#[derive(Debug)]
struct RunningStep {
    action: Action,
    since: Instant,
    message: Option<String>,
}

impl ProgressView {
    /// Redrawn rows on a terminal, with lines above them.
    pub(crate) fn live(paint: Painter, lines: LineSink) -> Self {
        Self {
            rows: Some(ProgressRows::on(ProgressDrawTarget::stderr())),
            ..Self::lines(paint, lines)
        }
    }

    /// Lines.
    pub(crate) fn lines(paint: Painter, lines: LineSink) -> Self {
        let state = ProgressState {
            phase: None,
            total: 0,
            ended: 0,
            running: BTreeMap::new(),
            last_line: Instant::now(),
        };
        Self { paint, secrets: Mutex::default(), state: Mutex::new(state), rows: None, lines }
    }

    /// Masks these secrets from now on.
    pub(crate) fn keep_secret(&self, secrets: Arc<SecretTexts>) {
        *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// Redraws the rows, and writes a line after a long silence. Must be called often.
    pub(crate) fn tick(&self, now: Instant) {
        let mut state = self.state();
        match &self.rows {
            Some(rows) => rows.show(state.rows(now, self.paint)),
            None => {
                if let Some(line) = state.heartbeat(now) {
                    state.last_line = now;
                    (self.lines)(&line);
                }
            }
        }
    }

    /// Removes the rows at the end of the run.
    pub(crate) fn rest(&self) {
        let mut state = self.state();
        state.phase = None;
        state.running.clear();
        if let Some(rows) = &self.rows {
            rows.show(String::new());
        }
    }

    /// Returns the running steps with the time since their start.
    pub(crate) fn running(&self) -> Vec<(Address, Action, Duration)> {
        let state = self.state();
        state
            .running
            .iter()
            .map(|(address, it)| (address.clone(), it.action, it.since.elapsed()))
            .collect()
    }

    fn put(&self, line: &str) {
        match self.rows.as_ref().filter(|it| it.is_shown.load(Ordering::SeqCst)) {
            Some(rows) => rows.bar.println(line),
            None => (self.lines)(line),
        }
    }

    fn state(&self) -> MutexGuard<'_, ProgressState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn safe(&self, text: &str) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        printable(&secrets.masked(text)).replace('\n', " ")
    }

    /// Returns the line of an event, and updates the running steps.
    fn line(&self, state: &mut ProgressState, event: Event, now: Instant) -> Option<String> {
        match event {
            Event::RefreshStarted { total } => {
                state.phase =
                    (total > 0).then(|| (format!("looking at {}", resources(total)), now));
                None
            }
            Event::Looking { .. } | Event::Looked { .. } => None,
            Event::RefreshProgress { done } => {
                if let Some((phase, _)) = &mut state.phase {
                    let whole = phase.split(':').next().unwrap_or_default();
                    *phase = format!("{whole}: {done} so far");
                }
                None
            }
            Event::RefreshDone { total, elapsed } => {
                state.phase = None;
                (total > 0)
                    .then(|| format!("looked at {} in {}", resources(total), duration(elapsed)))
            }
            Event::Reading { addresses } => {
                let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                state.phase = Some((format!("reading {}", names.join(", ")), now));
                None
            }
            Event::Seeking { addresses } => {
                state.phase = Some((format!("looking for {}", resources(addresses.len())), now));
                None
            }
            Event::Recovering { address, left } => Some(taking_up(&address, &left)),
            Event::Recovered { address, left, id } => {
                Some(taken_up(&address, &left, &self.safe(&id)))
            }
            Event::ApplyStarted { total } => {
                (state.phase, state.total, state.ended) = (None, total, 0);
                None
            }
            Event::StepStarted { address, action } => {
                state.running.insert(address, RunningStep { action, since: now, message: None });
                None
            }
            Event::StepProgress { address, message } => {
                let message = self.safe(&message);
                if let Some(running) = state.running.get_mut(&address) {
                    running.message = Some(message);
                }
                None
            }
            Event::StepWarning { address, message } => {
                let line = format!("{address}: warning: {}", self.safe(&message));
                Some(self.paint.put(TextRole::Notice, &line))
            }
            Event::StepDone { address, action, id, elapsed } => {
                let id = id.map(|it| format!(" ({})", self.safe(&it))).unwrap_or_default();
                Some(self.ended(
                    state,
                    &address,
                    &format!(
                        "{}{id} {}",
                        self.paint.put(TextRole::Made, past(action)),
                        duration(elapsed)
                    ),
                ))
            }
            Event::StepFailed { address, action, error, elapsed } => {
                let why = self.safe(&cause(&error));
                let failed =
                    self.paint.put(TextRole::Alarm, &format!("could not {}", infinitive(action)));
                Some(self.ended(
                    state,
                    &address,
                    &format!("{failed} after {}: {why}", duration(elapsed)),
                ))
            }
            Event::Stopping { running } => {
                let steps = match running {
                    0 => "nothing is under way".into(),
                    1 => "one step under way is brought to its end".into(),
                    many => format!("{many} steps under way are brought to their ends"),
                };
                let line = format!("stopping: {steps}, none begins; once more to abandon them");
                Some(self.paint.put(TextRole::Notice, &line))
            }
        }
    }

    fn ended(&self, state: &mut ProgressState, address: &Address, what: &str) -> String {
        state.running.remove(address);
        state.ended += 1;
        let count = format!("[{}/{}]", state.ended, state.total.max(state.ended));
        format!(
            "{} {} {what}",
            self.paint.put(TextRole::Quiet, &count),
            printable(&address.to_string())
        )
    }
}

impl EventObserver for ProgressView {
    fn observe(&self, event: Event) {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(line) = self.line(&mut state, event, now) {
            state.last_line = now;
            self.put(&line);
        }
    }
}

impl ProgressState {
    /// Returns one row for each running step, and a summary row.
    fn rows(&self, now: Instant, paint: Painter) -> String {
        let mut rows = String::new();
        if let Some((phase, since)) = self.phase.as_ref().filter(|(_, since)| now - *since >= DELAY)
        {
            let _ =
                write!(rows, "{} {}", phase, paint.put(TextRole::Quiet, &duration(now - *since)));
        }
        let mut slow: Vec<(&Address, &RunningStep)> =
            self.running.iter().filter(|(_, it)| now - it.since >= DELAY).collect();
        slow.sort_by_key(|(_, it)| it.since);
        for (address, running) in slow.iter().take(ROWS) {
            let message = running.message.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
            let since = paint.put(TextRole::Quiet, &duration(now - running.since));
            let _ = writeln!(rows, "  {} {address}{message} {since}", present(running.action));
        }
        if !slow.is_empty() {
            let waiting = self.total.saturating_sub(self.ended + self.running.len());
            let all = format!(
                "{}/{} done, {} running, {waiting} waiting; Ctrl-C stops safely",
                self.ended,
                self.total,
                self.running.len()
            );
            rows += &paint.put(TextRole::Quiet, &all);
        }
        rows
    }

    fn heartbeat(&self, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.last_line) < SILENCE {
            return None;
        }
        if let Some((phase, since)) = &self.phase {
            return Some(format!("... {phase} {}", duration(now - *since)));
        }
        if self.running.is_empty() {
            return None;
        }
        let running = |(address, it): (&Address, &RunningStep)| {
            let message = it.message.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{address} {}{message}", duration(now.saturating_duration_since(it.since)))
        };
        let named: Vec<String> = self.running.iter().take(ROWS).map(running).collect();
        let waiting = self.total.saturating_sub(self.ended + self.running.len());
        Some(format!("... {} running: {}; {waiting} waiting", self.running.len(), named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use ha_apply::{StepError, UnfinishedWork};
    use ha_provider::Error;
    use ha_value::Value;
    use indicatif::{InMemoryTerm, TermLike};
    use snapbox::str;

    use super::super::test_data::check;
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn owing() -> UnfinishedWork {
        UnfinishedWork::Owing { verb: "start".into(), target: "mongod on d:27017".into() }
    }

    fn events() -> Vec<Event> {
        let elapsed = Duration::from_millis(1234);
        let error =
            StepError::Provider(Error::new("create the role", "wrong password tr0ub4dor&3\nagain"));
        vec![
            Event::RefreshStarted { total: 27 },
            Event::RefreshDone { total: 27, elapsed },
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
            Event::Recovering { address: address("a.d"), left: owing() },
            Event::Recovered { address: address("a.d"), left: owing(), id: "d".into() },
            Event::ApplyStarted { total: 4 },
            Event::StepStarted { address: address("aws_s3_bucket.x"), action: Action::Create },
            Event::StepStarted { address: address("c.d"), action: Action::Update },
            Event::StepStarted { address: address("e.f"), action: Action::Delete },
            Event::StepProgress {
                address: address("c.d"),
                message: "waits for tr0ub4dor&3".into(),
            },
            Event::StepDone {
                address: address("aws_s3_bucket.x"),
                action: Action::Create,
                id: Some("x".into()),
                elapsed,
            },
            Event::StepFailed { address: address("e.f"), action: Action::Delete, error, elapsed },
            Event::Stopping { running: 1 },
        ]
    }

    fn rendered(paint: Painter, after: Duration) -> (String, String) {
        let written = Arc::new(Mutex::new(String::new()));
        let to = written.clone();
        let progress = ProgressView::lines(
            paint,
            Box::new(move |line| *to.lock().unwrap() += &format!("{line}\n")),
        );
        progress
            .keep_secret(Arc::new(SecretTexts::within([&Value::from("tr0ub4dor&3").sensitive()])));
        for event in events() {
            progress.observe(event);
        }
        let now = Instant::now() + after;
        let rows = progress.state().rows(now, paint);
        progress.tick(now);
        let written = written.lock().unwrap().clone();
        (written, rows)
    }

    #[test]
    fn one_line_for_each_event() {
        check(
            &rendered(Painter::PLAIN, Duration::ZERO).0,
            str![[r#"
looked at 27 resources in 1.2s
a.b: an earlier run left this unfinished; taking it up
a.b: finished (b-1)
a.c: an earlier run was ended while it was to destroy this; looking at what became of it
a.d: an earlier run left this to be done first: start mongod on d:27017
a.d: done: start mongod on d:27017
[1/4] aws_s3_bucket.x created (x) 1.2s
[2/4] e.f could not destroy after 1.2s: wrong password (sensitive) again
stopping: one step under way is brought to its end, none begins; once more to abandon them

"#]],
        );
        check(
            &rendered(Painter::COLOURED, Duration::ZERO).0,
            str![[r#"
looked at 27 resources in 1.2s
a.b: an earlier run left this unfinished; taking it up
a.b: finished (b-1)
a.c: an earlier run was ended while it was to destroy this; looking at what became of it
a.d: an earlier run left this to be done first: start mongod on d:27017
a.d: done: start mongod on d:27017
␛[2m[1/4]␛[0m aws_s3_bucket.x ␛[32mcreated␛[0m (x) 1.2s
␛[2m[2/4]␛[0m e.f ␛[1m␛[31mcould not destroy␛[0m after 1.2s: wrong password (sensitive) again
␛[1m␛[33mstopping: one step under way is brought to its end, none begins; once more to abandon them␛[0m

"#]],
        );
    }

    #[test]
    fn rows_stay_below_lines_and_are_removed_at_the_end() {
        let screen = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let before = screen.clone();
        let lines: LineSink = Box::new(move |line| before.write_line(line).unwrap());
        let progress = ProgressView {
            rows: Some(ProgressRows::on(target)),
            ..ProgressView::lines(Painter::PLAIN, lines)
        };
        progress.tick(Instant::now());
        assert_eq!(screen.contents(), "");
        let started =
            |text: &str| Event::StepStarted { address: address(text), action: Action::Create };
        let done = |text: &str| Event::StepDone {
            address: address(text),
            action: Action::Create,
            id: None,
            elapsed: Duration::from_secs(3),
        };
        progress.observe(Event::ApplyStarted { total: 2 });
        progress.observe(started("a.b"));
        progress.observe(started("c.d"));
        progress.tick(Instant::now() + Duration::from_secs(2));
        assert!(
            screen
                .contents()
                .contains("creating a.b 2.0s\n  creating c.d 2.0s\n0/2 done, 2 running"),
            "{}",
            screen.contents()
        );
        progress.observe(done("a.b"));
        progress.tick(Instant::now() + Duration::from_secs(3));
        assert!(
            screen.contents().starts_with("[1/2] a.b created 3.0s\n  creating c.d 3.0s\n"),
            "{}",
            screen.contents()
        );
        progress.observe(done("c.d"));
        progress.rest();
        assert_eq!(screen.contents(), "[1/2] a.b created 3.0s\n[2/2] c.d created 3.0s");
        (progress.lines)("and on");
        assert_eq!(screen.contents(), "[1/2] a.b created 3.0s\n[2/2] c.d created 3.0s\nand on");
    }

    #[test]
    fn a_line_is_written_after_a_minute_of_silence() {
        let lines = rendered(Painter::PLAIN, Duration::from_secs(75)).0;
        check(
            lines.lines().last().unwrap(),
            str!["... 1 running: c.d 1m15s (waits for (sensitive)); 1 waiting"],
        );
    }

    #[test]
    fn rows_show_long_steps() {
        assert_eq!(rendered(Painter::PLAIN, Duration::ZERO).1, "");
        check(
            &rendered(Painter::PLAIN, Duration::from_secs(75)).1,
            str![[r#"
  updating c.d (waits for (sensitive)) 1m15s
2/4 done, 1 running, 1 waiting; Ctrl-C stops safely
"#]],
        );
    }
}
