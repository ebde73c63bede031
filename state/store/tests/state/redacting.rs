//! Messages of stores are redacted.

use std::sync::Arc;

use ha_provider::Error;
use ha_state_store::{
    JournalExtent, Lease, LockInfo, LockedStore, RedactingStore, StateError, StateErrorReason,
    Store, StoreContents,
};

/// Refuses everything but its lock, and says the password.
#[derive(Clone)]
struct Talkative {
    lets_in: bool,
}

fn talk<T>() -> Result<T, StateError> {
    let error = Error::new("try hush-hush", "not with hush-hush")
        .code("hush-hush")
        .request("hush-hush")
        .help("hush-hush");
    Err(StateError::new(StateErrorReason::Store, error))
}

impl Store for Talkative {
    fn place(&self) -> String {
        "there".into()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        talk()
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        talk()
    }

    fn lock(&self, _: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        if self.lets_in { Ok(Box::new(self.clone())) } else { talk() }
    }

    fn break_lock(&self, _: &str) -> Result<(), StateError> {
        talk()
    }

    fn advice(&self) -> Option<String> {
        Some("not hush-hush".into())
    }
}

impl LockedStore for Talkative {
    fn lease(&self) -> Lease {
        Lease::lasting()
    }

    fn resume(&mut self, _: Option<JournalExtent>) -> Result<(), StateError> {
        talk()
    }

    fn append(&mut self, _: u64, _: &[u8]) -> Result<(), StateError> {
        talk()
    }

    fn checkpoint(&mut self, _: u64, _: &[u8]) -> Result<(), StateError> {
        talk()
    }

    fn has_room(&self) -> Result<(), StateError> {
        talk()
    }

    fn is_home(&self) -> Result<(), StateError> {
        talk()
    }
}

#[test]
fn store_errors_are_redacted() {
    let discreet = |lets_in| {
        RedactingStore::new(
            Box::new(Talkative { lets_in }),
            Arc::new(|it| it.replace("hush-hush", "…")),
        )
    };
    let (shut, open) = (discreet(false), discreet(true));
    let mut held = open.lock(&LockInfo::here("a test")).unwrap();
    let said = [
        shut.load().map(drop),
        shut.holder().map(drop),
        shut.holding().map(drop),
        shut.lock(&LockInfo::here("a test")).map(drop),
        shut.break_lock("id"),
        held.resume(None),
        held.append(1, b""),
        held.checkpoint(1, b""),
        held.has_room(),
        held.is_home(),
    ];
    for said in said {
        let error = said.unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::Store);
        let whole = format!("{:?}", error.error());
        assert!(whole.contains("not with …") && !whole.contains("hush"), "{whole}");
    }
    assert_eq!(shut.advice().as_deref(), Some("not …"));
}
