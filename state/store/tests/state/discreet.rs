//! What a store says of its own accord is told without what must not be.

use std::sync::Arc;

use ha_provider::Error;
use ha_state_store::{Discreet, Held, Holder, Kept, Lease, Loaded, Reason, StateError, Store};

/// Refuses everything but its lock, and says the password.
#[derive(Clone)]
struct Talkative {
    lets_in: bool,
}

fn talk<T>() -> Result<T, StateError> {
    let error = Error::new("try hush-hush", "not with hush-hush").code("hush-hush").request("hush-hush").help("hush-hush");
    Err(StateError::new(Reason::Store, error))
}

impl Store for Talkative {
    fn place(&self) -> String {
        "there".into()
    }

    fn load(&self) -> Result<Loaded, StateError> {
        talk()
    }

    fn holder(&self) -> Result<Option<Holder>, StateError> {
        talk()
    }

    fn lock(&self, _: &Holder) -> Result<Box<dyn Held>, StateError> {
        if self.lets_in { Ok(Box::new(self.clone())) } else { talk() }
    }

    fn break_lock(&self, _: &str) -> Result<(), StateError> {
        talk()
    }

    fn advice(&self) -> Option<String> {
        Some("not hush-hush".into())
    }
}

impl Held for Talkative {
    fn lease(&self) -> Lease {
        Lease::lasting()
    }

    fn resume(&mut self, _: Option<Kept>) -> Result<(), StateError> {
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
fn nothing_that_a_store_says_tells_a_secret() {
    let discreet = |lets_in| Discreet::new(Box::new(Talkative { lets_in }), Arc::new(|it| it.replace("hush-hush", "…")));
    let (shut, open) = (discreet(false), discreet(true));
    let mut held = open.lock(&Holder::here("a test")).unwrap();
    let said = [
        shut.load().map(drop),
        shut.holder().map(drop),
        shut.holding().map(drop),
        shut.lock(&Holder::here("a test")).map(drop),
        shut.break_lock("id"),
        held.resume(None),
        held.append(1, b""),
        held.checkpoint(1, b""),
        held.has_room(),
        held.is_home(),
    ];
    for said in said {
        let error = said.unwrap_err();
        assert_eq!(error.reason(), &Reason::Store);
        let whole = format!("{:?}", error.error());
        assert!(whole.contains("not with …") && !whole.contains("hush"), "{whole}");
    }
    assert_eq!(shut.advice().as_deref(), Some("not …"));
}
