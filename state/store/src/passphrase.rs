//! Keys that are derived from a passphrase.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::lineage::{from_hex, to_hex};
use crate::{KeyName, KeyProvider, StateError, StateKey};

/// The method in the names of these keys.
const METHOD: &str = "passphrase";
/// The least number of characters of a new passphrase; shorter ones are guessed.
const MIN_LENGTH: usize = 16;
const SALT: usize = 16;
/// The costs of one guess: 64 MiB of memory, passed over three times.
const COSTS: Argon2Costs = Argon2Costs { memory: 64 << 10, passes: 3, lanes: 1 };
/// The highest accepted costs. They come from the store unauthenticated, and must not exhaust the
/// memory or time of a reader.
const MAX_COSTS: Argon2Costs = Argon2Costs { memory: 4 << 20, passes: 64, lanes: 64 };

type AskPassphrase =
    Box<dyn Fn(PassphrasePurpose) -> Result<Zeroizing<String>, StateError> + Send + Sync>;

/// The purpose that a passphrase is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassphrasePurpose {
    /// To open something; a wrong passphrase is detected.
    ToOpen,
    /// To make a key; a mistyped passphrase is not detected, so it should be asked for twice.
    ToMake,
}

/// Keys that argon2id derives from a passphrase and a salt. Salt and costs are stored unencrypted
/// in the key's name.
pub struct PassphraseKeys {
    ask: AskPassphrase,
    passphrase: Mutex<Option<Zeroizing<String>>>,
    derived: Mutex<Vec<(KeyName, StateKey)>>,
}

/// The costs of deriving a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Argon2Costs {
    /// In KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl PassphraseKeys {
    /// A passphrase that is asked for once, when it is first needed.
    #[must_use]
    pub fn asked(
        ask: impl Fn(PassphrasePurpose) -> Result<Zeroizing<String>, StateError> + Send + Sync + 'static,
    ) -> Self {
        Self { ask: Box::new(ask), passphrase: Mutex::default(), derived: Mutex::default() }
    }

    /// A known passphrase.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        let it = Self::asked(|_| unreachable!("it is known"));
        *it.passphrase.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        it
    }

    /// Calls `look` with the passphrase, which is asked for if necessary.
    fn with<T>(
        &self,
        purpose: PassphrasePurpose,
        look: impl FnOnce(&str) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut passphrase = self.passphrase.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match &mut *passphrase {
            Some(text) => text,
            none => none.insert((self.ask)(purpose)?),
        };
        look(text)
    }

    fn make(
        &self,
        purpose: PassphrasePurpose,
        salt: &[u8],
        costs: Argon2Costs,
    ) -> Result<StateKey, StateError> {
        let params = Params::new(costs.memory, costs.passes, costs.lanes, Some(32))
            .map_err(StateError::no_passphrase)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut secret = Zeroizing::new([0; 32]);
        self.with(purpose, |text| {
            argon
                .hash_password_into(text.as_bytes(), salt, &mut secret[..])
                .map_err(StateError::no_passphrase)
        })?;
        Ok(StateKey::from_secret(secret))
    }

    fn keep(&self, name: &KeyName, key: &StateKey) {
        self.derived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name.clone(), key.clone()));
    }
}

impl KeyProvider for PassphraseKeys {
    fn named(&self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
        if name.method != METHOD {
            return Err(StateError::other_source(lineage, name, "a passphrase is given"));
        }
        let known = |derived: &Vec<(KeyName, StateKey)>| {
            derived.iter().find(|(it, _)| it == name).map(|(_, key)| key.clone())
        };
        if let Some(key) = known(&self.derived.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(key);
        }
        let altered = || {
            StateError::no_passphrase(
                "the salt and the costs that stand beside what it opens are not those of a key",
            )
        };
        let (salt, costs) = parameters(name).ok_or_else(altered)?;
        let key = self.make(PassphrasePurpose::ToOpen, &salt, costs)?;
        // A wrong passphrase derives another key, whose id differs; nothing needs to be decrypted
        // to see that.
        if key.id() != name.id {
            return Err(StateError::wrong_passphrase(lineage, &name.id));
        }
        self.keep(name, &key);
        Ok(key)
    }

    fn current(
        &self,
        lineage: &str,
        used: Option<&KeyName>,
    ) -> Result<(KeyName, StateKey), StateError> {
        if let Some(used) = used.filter(|it| it.method == METHOD) {
            match self.named(lineage, used) {
                Ok(key) => return Ok((used.clone(), key)),
                // Sealed with another passphrase, which this one replaces.
                Err(error) if error.reason() == &crate::StateErrorReason::WrongKey => {}
                Err(error) => return Err(error),
            }
        }
        // Only a new key is held to the minimum: an existing state must open with the passphrase
        // it was sealed with.
        let length = self.with(PassphrasePurpose::ToMake, |it| Ok(it.chars().count()))?;
        if length < MIN_LENGTH {
            let why = format!(
                "it has {length} characters, and fewer than {MIN_LENGTH} are too easily guessed"
            );
            return Err(StateError::no_passphrase(why)
                .help("take a longer one, such as six words drawn by dice"));
        }
        let mut salt = [0; SALT];
        rand::fill(&mut salt);
        let key = self.make(PassphrasePurpose::ToMake, &salt, COSTS)?;
        let Argon2Costs { memory, passes, lanes } = COSTS;
        let parameters = [
            ("salt", to_hex(&salt)),
            ("memory", memory.to_string()),
            ("passes", passes.to_string()),
            ("lanes", lanes.to_string()),
        ];
        let parameters: BTreeMap<String, String> =
            parameters.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
        let name = KeyName { id: key.id().to_owned(), method: METHOD.into(), parameters };
        self.keep(&name, &key);
        Ok((name, key))
    }
}

/// The salt and the costs of a key.
fn parameters(name: &KeyName) -> Option<(Vec<u8>, Argon2Costs)> {
    let number = |what: &str| name.parameters.get(what)?.parse().ok();
    let costs = Argon2Costs {
        memory: number("memory")?,
        passes: number("passes")?,
        lanes: number("lanes")?,
    };
    let is_acceptable = costs.memory <= MAX_COSTS.memory
        && costs.passes <= MAX_COSTS.passes
        && costs.lanes <= MAX_COSTS.lanes;
    // argon2 takes no salt below 8 bytes, and `ha` makes none above 64.
    let salt = from_hex(name.parameters.get("salt")?).filter(|it| (8..=64).contains(&it.len()))?;
    is_acceptable.then_some((salt, costs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StateErrorReason, new_lineage};

    fn passphrase(text: &str) -> PassphraseKeys {
        PassphraseKeys::new(Zeroizing::new(text.to_owned()))
    }

    const GOOD: &str = "correct horse battery staple";

    #[test]
    fn a_passphrase_gives_the_same_key_again_and_new_keys_have_new_salts() {
        let lineage = new_lineage();
        let (name, key) = passphrase(GOOD).current(&lineage, None).unwrap();
        assert_eq!(passphrase(GOOD).named(&lineage, &name).unwrap().id(), key.id());
        assert_eq!(passphrase(GOOD).current(&lineage, Some(&name)).unwrap().0, name);
        let (other, _) = passphrase(GOOD).current(&lineage, None).unwrap();
        assert_ne!(other.id, name.id);
        assert_ne!(other.parameters["salt"], name.parameters["salt"]);
    }

    #[test]
    fn a_wrong_passphrase_opens_nothing_and_makes_a_new_key() {
        let lineage = new_lineage();
        let (name, _) = passphrase(GOOD).current(&lineage, None).unwrap();
        let other = passphrase("correct horse battery stapel");
        assert_eq!(other.named(&lineage, &name).unwrap_err().reason(), &StateErrorReason::WrongKey);
        assert_ne!(other.current(&lineage, Some(&name)).unwrap().0, name);
    }

    #[test]
    fn costs_and_length_outside_of_the_limits_are_refused() {
        let lineage = new_lineage();
        assert!(
            passphrase("fifteen letters")
                .current(&lineage, None)
                .unwrap_err()
                .to_string()
                .contains("15 characters")
        );
        let (name, key) = passphrase(GOOD).current(&lineage, None).unwrap();
        assert_eq!(name.parameters["memory"].parse::<u32>().unwrap(), 65_536);
        assert!(name.parameters["passes"].parse::<u32>().unwrap() >= 3);
        let altered = |what: &str, value: &str| {
            let mut parameters = name.parameters.clone();
            parameters.insert(what.into(), value.into());
            passphrase(GOOD)
                .named(&lineage, &KeyName { parameters, ..name.clone() })
                .map(|it| it.id().to_owned())
        };
        for (what, value) in [
            ("memory", "99999999"),
            ("passes", "1000"),
            ("lanes", "65"),
            ("salt", "00"),
            ("salt", "x"),
            ("memory", ""),
        ] {
            assert_eq!(
                altered(what, value).unwrap_err().reason(),
                &StateErrorReason::NotAKey,
                "{what} {value}"
            );
        }
        assert_eq!(altered("passes", "2").unwrap_err().reason(), &StateErrorReason::WrongKey);
        assert_eq!(altered("passes", "3").unwrap(), key.id());
    }

    #[test]
    fn the_passphrase_is_asked_for_once_when_it_is_needed() {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = asked.clone();
        let keys = PassphraseKeys::asked(move |_| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Zeroizing::new(GOOD.to_owned()))
        });
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0);
        let (name, _) = keys.current("lineage-a", None).unwrap();
        keys.named("lineage-a", &name).unwrap();
        keys.current("lineage-a", None).unwrap();
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[test]
    fn derived_keys_match_argon2id_of_openssl() {
        // The first bytes of the SHA-256 of what OpenSSL's ARGON2ID makes with 65536 KiB, 3 passes
        // and 1 lane.
        let key =
            passphrase(GOOD).make(PassphrasePurpose::ToMake, b"0123456789abcdef", COSTS).unwrap();
        assert_eq!(key.id(), "6b926ad65deaa577");
    }
}
