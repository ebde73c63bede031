//! What the made-up service has. It lives in memory, or in files, so that it survives whoever works
//! on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ha_provider::{Attempt, CallOutcome, Error};
use ha_value::{Address, Object, Value};
use serde::{Deserialize, Serialize};

/// External services. Clones are the same world.
#[derive(Clone, Default)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
    directory: Option<Arc<PathBuf>>,
    /// How long each call takes.
    pub(crate) pace: Pace,
    /// Called whenever something is about to be created.
    pub(crate) looks_on: Option<LooksOn>,
}

/// Called when something is about to be created.
pub(crate) type LooksOn = Arc<dyn Fn(&Attempt) + Send + Sync>;

/// How long a call takes.
#[derive(Clone, Copy, Default)]
pub(crate) enum Pace {
    /// As long as it must.
    #[default]
    Yields,
    /// Until so many have been under way at once.
    Meets(usize),
    /// So long.
    Takes(Duration),
}

#[derive(Default)]
pub(crate) struct Inner {
    /// The existing objects, by id.
    pub(crate) things: BTreeMap<String, Thing>,
    /// The ids of created objects, by token.
    pub(crate) tokens: BTreeMap<String, String>,
    /// How many objects were ever created of each type and name.
    made: BTreeMap<String, usize>,
    /// Calls that change something, as they begin (`create a.b`) and end (`create a.b.`).
    pub(crate) log: Vec<String>,
    /// How many calls of each sort there were.
    pub(crate) calls: BTreeMap<String, usize>,
    pub(crate) faults: Vec<(String, Fault)>,
    /// Answers of data sources, by key.
    pub(crate) facts: BTreeMap<String, String>,
    /// Data sources are asked and never answer.
    pub(crate) silent: bool,
    /// Ids that cannot be looked at, and why.
    pub(crate) unchecked: BTreeMap<String, String>,
    /// A region in which there is nothing.
    pub(crate) nothing_in: Option<String>,
    /// The remark of a read, by id.
    pub(crate) remarks: BTreeMap<String, String>,
    /// The ownership marks of instances that are no longer configured, by id.
    pub(crate) strays: BTreeMap<String, Address>,
    /// The state that everything says it belongs to.
    pub(crate) belongs: Option<String>,
    /// Whether an object that another one's `anything` names cannot be deleted.
    pub(crate) strict: bool,
    running: usize,
    /// How many calls were under way at once at most.
    pub(crate) at_once: usize,
}

/// One thing that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thing {
    pub(crate) kind: String,
    pub(crate) token: String,
    pub(crate) arguments: Object,
    pub(crate) revision: i64,
    /// The container.
    pub(crate) inside: Option<String>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It is refused, and nothing is done.
    Refused,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// Nothing is done, and no one knows.
    RequestLost,
    /// It waits until the operator asks to stop.
    Hangs,
    /// It is refused with all that it was asked for in the message.
    Quotes,
    /// It is left half done, with the way forward on record.
    LeavesHalf,
}

impl World {
    /// A world in a directory.
    pub(crate) fn in_files(directory: PathBuf) -> Self {
        std::fs::create_dir_all(&directory).expect("the directory can be made");
        let mut inner = Inner::default();
        for entry in std::fs::read_dir(&directory).expect("the directory can be read") {
            let path = entry.expect("the directory can be read").path();
            if let Some(id) = path
                .to_str()
                .and_then(|it| it.strip_suffix(".json"))
                .and_then(|it| it.rsplit('/').next())
            {
                let text = std::fs::read(&path).expect("a thing can be read");
                let thing: Thing = serde_json::from_slice(&text).expect("a thing is whole");
                inner.tokens.insert(thing.token.clone(), id.to_owned());
                inner.things.insert(id.to_owned(), thing);
            }
        }
        Self {
            inner: Arc::new(Mutex::new(inner)),
            directory: Some(Arc::new(directory)),
            pace: Pace::default(),
            looks_on: None,
        }
    }

    pub(crate) fn look(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no one panics with it")
    }

    /// Makes the next call of this sort on this address fail: `create thing.a`.
    pub(crate) fn fail(&self, call: &str, fault: Fault) {
        self.look().faults.push((call.to_owned(), fault));
    }

    /// Answers a data source.
    pub(crate) fn fact(&self, key: &str, value: &str) {
        self.look().facts.insert(key.to_owned(), value.to_owned());
    }

    /// The log so far, which is forgotten.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.look().log)
    }

    /// Takes the calls that began so far, in order.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        self.take_log().into_iter().filter(|it| !it.ends_with('.')).collect()
    }

    /// Forgets the log, which must say that each first one was over before its second one began,
    /// and that nothing else was done.
    pub(crate) fn assert_done_in_order(&self, calls: &[&str], pairs: &[(&str, &str)]) {
        let log = self.take_log();
        let mut done: Vec<&str> =
            log.iter().map(String::as_str).filter(|it| !it.ends_with('.')).collect();
        let mut expected = calls.to_vec();
        done.sort_unstable();
        expected.sort_unstable();
        assert_eq!(done, expected);
        for (first, second) in pairs {
            let ended = log.iter().position(|it| *it == format!("{first}."));
            let begun = log.iter().position(|it| it == second);
            assert!(
                ended.is_some() && ended < begun,
                "`{first}` must come before `{second}`: {log:?}"
            );
        }
    }

    /// The id of the one thing of a kind and name.
    pub(crate) fn id(&self, kind: &str, name: &str) -> String {
        let inner = self.look();
        let mut found = inner.things.iter().filter(|(_, it)| it.kind == kind && it.name() == name);
        let (id, _) = found.next().unwrap_or_else(|| panic!("there is no {kind} called {name}"));
        assert!(found.next().is_none(), "there are two of {kind} called {name}");
        id.clone()
    }

    /// Changes something behind everybody's back.
    pub(crate) fn change(&self, kind: &str, name: &str, argument: &str, value: impl Into<Value>) {
        let id = self.id(kind, name);
        let mut inner = self.look();
        let thing = inner.things.get_mut(&id).expect("it was just found");
        thing.arguments.insert(argument.into(), value.into());
    }

    /// Takes something away behind everybody's back.
    pub(crate) fn take_away(&self, kind: &str, name: &str) {
        let id = self.id(kind, name);
        self.remove(&id);
    }

    /// How many things there are.
    pub(crate) fn count(&self) -> usize {
        self.look().things.len()
    }

    /// The names of existing objects, by type.
    pub(crate) fn names(&self) -> Vec<String> {
        self.look()
            .things
            .values()
            .map(|it| format!("{} {}", it.kind, it.name()))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Begins a call: waits a little, so that others can begin meanwhile, and says how it fails, if
    /// it does.
    pub(crate) async fn enter(&self, call: &str, address: &str) -> Option<Fault> {
        let name = format!("{call} {address}");
        let fault = {
            let mut inner = self.look();
            inner.log.push(name.clone());
            *inner.calls.entry(call.to_owned()).or_default() += 1;
            inner.running += 1;
            inner.at_once = inner.at_once.max(inner.running);
            let at = inner.faults.iter().position(|(it, _)| *it == name);
            at.map(|at| inner.faults.remove(at).1)
        };
        match self.pace {
            Pace::Yields => {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            Pace::Meets(others) => {
                // An executor with a lower parallelism must not hang.
                let mut patience = 100_000;
                while self.look().at_once < others && patience > 0 {
                    patience -= 1;
                    tokio::task::yield_now().await;
                }
            }
            Pace::Takes(time) => tokio::time::sleep(time).await,
        }
        fault
    }

    /// Ends a call.
    pub(crate) fn leave(&self, call: &str, address: &str) {
        let mut inner = self.look();
        inner.running -= 1;
        inner.log.push(format!("{call} {address}."));
    }

    /// Puts a thing there under a name of its own, or under the one it has.
    pub(crate) fn put(&self, id: Option<&str>, thing: Thing) -> String {
        let mut inner = self.look();
        let mut new = || {
            let name = format!("{}-{}", thing.kind, thing.name());
            let made = inner.made.entry(name.clone()).or_default();
            *made += 1;
            match &self.directory {
                Some(_) => format!("{name}-{}", &thing.token[..12]),
                None => format!("{name}-{made}"),
            }
        };
        let id = id.map_or_else(&mut new, str::to_owned);
        if let Some(directory) = &self.directory {
            let (draft, path) =
                (directory.join(format!("{id}.new")), directory.join(format!("{id}.json")));
            std::fs::write(&draft, serde_json::to_vec(&thing).expect("a thing is plain"))
                .expect("a thing can be written");
            std::fs::rename(draft, path).expect("a thing can be written");
        }
        inner.tokens.insert(thing.token.clone(), id.clone());
        inner.things.insert(id.clone(), thing);
        id
    }

    /// Takes a thing away, and what lives inside of it. Whoever is killed in the middle finds the
    /// thing itself still there.
    pub(crate) fn remove(&self, id: &str) {
        let inside: Vec<String> = {
            let inner = self.look();
            inner
                .things
                .iter()
                .filter(|(_, it)| it.inside.as_deref() == Some(id))
                .map(|(id, _)| id.clone())
                .collect()
        };
        for id in inside {
            self.remove(&id);
        }
        self.look().things.remove(id);
        if let Some(directory) = &self.directory {
            let _ = std::fs::remove_file(directory.join(format!("{id}.json")));
        }
    }
}

impl Thing {
    pub(crate) fn name(&self) -> &str {
        self.arguments.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A call that failed.
pub(crate) fn failed(call: &str, why: &str, outcome: CallOutcome) -> Error {
    Error::new(format!("{call} it"), why).outcome(outcome)
}
