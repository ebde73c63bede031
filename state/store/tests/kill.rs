//! A child that writes is killed at random instants; every acknowledged frame must be there.
//!
//! The child is this program itself, so it brings its own `main`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use futures::executor::block_on;
use ha_state_model::{Frame, Intent, ProviderName, Record, State, StepOutcome};
use ha_state_store::{
    KeyPolicy, KeyRing, LocalStore, LockInfo, OpenOptions, StateWriter, open_for_reading,
    open_for_writing,
};
use ha_value::{Action, Address, Object, Value};
use rand::{RngExt, SeedableRng};

const KILLS: u32 = 30;
const SEED: u64 = 20_260_101;
const CHILD: &str = "write-until-killed";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [_, child, directory] if child == CHILD => write_until_killed(Path::new(directory)),
        _ => a_kill_loses_no_acknowledged_frame(),
    }
}

fn open(directory: &Path) -> StateWriter {
    // Small, so that checkpoints are in the middle of things all the time.
    let opening = OpenOptions::by(LockInfo::here("the child")).with_journal(60_000);
    open_for_writing(&LocalStore::new(directory), &keys(directory), opening)
        .expect("the state opens")
}

fn keys(directory: &Path) -> KeyRing {
    KeyRing::new(directory.join("keys"), KeyPolicy::Interactive)
}

/// Runs a few writers concurrently, each on its own addresses, and prints what was acknowledged.
fn write_until_killed(directory: &Path) {
    let writer = open(directory);
    let out = Mutex::new(std::io::stdout());
    let report = |word: &str, address: &str, attempt: u64| {
        let mut out = out.lock().expect("no one panics with it");
        writeln!(out, "{word} {attempt} {address}")
            .and_then(|()| out.flush())
            .expect("the parent listens");
    };
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (writer, report) = (&writer, &report);
            scope.spawn(move || {
                for round in 0u64.. {
                    let address = format!("a.b[\"{thread}-{}\"]", round % 40);
                    let attempt = writer.next_attempt();
                    let append = |frame| block_on(writer.append(frame)).expect("the disk takes it");
                    append(Frame::Intent(intent(attempt, &address)));
                    report("begun", &address, attempt);
                    append(Frame::Note { attempt, key: "half".into(), value: "done".into() });
                    report("noted", &address, attempt);
                    let outcome = match round % 5 {
                        4 => StepOutcome::Deleted(parse(&address)),
                        _ => StepOutcome::Recorded(record(&address, attempt).into()),
                    };
                    let word = if round % 5 == 4 { "deleted" } else { "recorded" };
                    append(Frame::Result { attempt: Some(attempt), outcome });
                    report(word, &address, attempt);
                }
            });
        }
    });
}

/// The acknowledgements by address: the word and the attempt.
type Acknowledgements = BTreeMap<Address, Vec<(String, u64)>>;

fn a_kill_loses_no_acknowledged_frame() {
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    let mut random = rand::rngs::StdRng::seed_from_u64(SEED);
    let mut acknowledged = Acknowledgements::new();
    let mut words = 0;
    for kill in 0..KILLS {
        // Some while they open the state, most while they write.
        let (from, within) =
            if kill % 5 == 0 { (From::Start, 20_000) } else { (From::FirstWord, 60_000) };
        let received = run_and_kill(
            directory.path(),
            from,
            Duration::from_micros(random.random_range(0..within)),
        );
        words += received.len();
        for (word, attempt, address) in received {
            acknowledged.entry(address).or_default().push((word, attempt));
        }
        let state = open_for_reading(&LocalStore::new(directory.path()), &keys(directory.path()));
        let state =
            state.unwrap_or_else(|error| panic!("after kill {kill} (seed {SEED}): {error}"));
        for (address, words) in &acknowledged {
            check(&state, address, words, kill);
        }
    }
    assert!(words > KILLS as usize, "the child was hardly running: {words} words");
    open(directory.path()).finish().expect("the state is as good as ever");
}

/// The event after which the wait before a kill begins.
#[derive(PartialEq)]
enum From {
    Start,
    FirstWord,
}

fn run_and_kill(directory: &Path, from: From, wait: Duration) -> Vec<(String, u64, Address)> {
    let this = std::env::current_exe().expect("this program is a file");
    let mut command = Command::new(this);
    let mut child: Child =
        command.arg(CHILD).arg(directory).stdout(Stdio::piped()).spawn().expect("the child starts");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let (first, first_received) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        let mut received = Vec::new();
        for line in out.split(b'\n').map_while(Result::ok) {
            // A line that the kill cut off was not said.
            if let Some(word) = String::from_utf8(line).ok().as_deref().and_then(word) {
                received.push(word);
                let _ = first.send(());
            }
        }
        received
    });
    if from == From::FirstWord {
        first_received
            .recv_timeout(Duration::from_secs(60))
            .expect("the child opens the state and says something");
    }
    std::thread::sleep(wait);
    child.kill().expect("the child is there to be killed");
    let status = child.wait().expect("the child ends");
    assert_eq!(status.code(), None, "the child was killed, it did not fail");
    listener.join().expect("the listener does not panic")
}

fn word(line: &str) -> Option<(String, u64, Address)> {
    let mut parts = line.splitn(3, ' ');
    let (word, attempt, address) = (parts.next()?, parts.next()?, parts.next()?);
    Some((word.to_owned(), attempt.parse().ok()?, address.parse().ok()?))
}

/// The state must say the last thing that was acknowledged, or something that came after it.
fn check(state: &State, address: &Address, words: &[(String, u64)], kill: u32) {
    let (word, attempt) = words.last().expect("each address was heard of");
    let open = state.unfinished.get(attempt);
    let latest = state
        .records
        .get(address)
        .map(|it| it.id.parse::<u64>().expect("the child's ids are numbers"));
    let resumed_later = state.unfinished_at(address).any(|it| it.intent.attempt > *attempt);
    let is_recorded = |word: &str| match word {
        "recorded" => latest.is_some_and(|it| it >= *attempt),
        _ => latest.is_none_or(|it| it > *attempt),
    };
    let is_kept = match word.as_str() {
        // Nothing was heard of its end, which may have come all the same.
        "begun" | "noted" => match open {
            Some(it) => word == "begun" || it.notes.get("half").is_some_and(|it| it == "done"),
            None => latest.is_none_or(|it| it >= *attempt),
        },
        word => open.is_none() && (is_recorded(word) || resumed_later),
    };
    assert!(
        is_kept,
        "kill {kill} (seed {SEED}): `{word}` of attempt {attempt} on {address} is lost: {latest:?}, {open:?}"
    );
}

fn parse(address: &str) -> Address {
    address.parse().expect("the child writes addresses")
}

fn record(address: &str, attempt: u64) -> Record {
    Record {
        address: parse(address),
        provider: ProviderName::new("fake"),
        id: attempt.to_string(),
        arguments: Object::from([("text".into(), Value::from("x".repeat(200)))]),
        configured: ["text".into()].into(),
        outputs: Object::new(),
        dependencies: Default::default(),
        tainted: false,
        create_before_destroy: false,
        prevent_destroy: false,
        timeouts: Default::default(),
        version: 0,
    }
}

fn intent(attempt: u64, address: &str) -> Intent {
    let Record { address, provider, arguments, configured, .. } = record(address, attempt);
    Intent {
        attempt,
        address,
        action: Action::Create,
        token: format!("{attempt:032x}"),
        provider,
        arguments,
        configured,
        dependencies: Default::default(),
        create_before_destroy: false,
        prevent_destroy: false,
        deposed: None,
    }
}
