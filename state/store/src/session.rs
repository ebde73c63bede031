//! The header of a session, which is what one process sealed: the lineage, the name of the state's
//! key, and the data key sealed with it. It is the first frame of each session in a journal, and
//! the first entry of a checkpoint.

use ha_state_model::StateHistory;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::envelope::FrameSealer;
use crate::key::{open_with, seal_with};
use crate::lineage::{from_hex, to_hex};
use crate::{KeyName, KeyProvider, StateError, StateKey};

/// The format of files and of states as JSON.
pub(crate) const FORMAT: u32 = 1;
/// The format of a session header with a history. A header without one keeps the first format, so
/// that earlier versions of `ha` read it.
const FORMAT_WITH_HISTORY: u32 = 2;

/// The content of the header, which is not encrypted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SessionHeader {
    pub(crate) format: u32,
    pub(crate) lineage: String,
    /// In a journal the number of this frame; in a checkpoint that of the last folded frame.
    pub(crate) number: u64,
    pub(crate) key: KeyName,
    salt: String,
    data_key: String,
    /// In a checkpoint, the retired keys and the place that the state was moved to.
    #[serde(flatten)]
    pub(crate) history: StateHistory,
}

/// What the header belongs to. Bound to the data key, so that a header of one kind is not accepted
/// for the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SessionPart {
    Journal,
    Checkpoint,
}

impl SessionHeader {
    /// A new header with a random data key. Each session has its own, so that numbers that are
    /// reused after a torn tail never reuse a nonce with the same key.
    pub(crate) fn begin(
        part: SessionPart,
        (lineage, number): (&str, u64),
        history: StateHistory,
        name: KeyName,
        key: &StateKey,
    ) -> (Self, FrameSealer) {
        let mut data_key = Zeroizing::new([0; 32]);
        let mut salt = [0; 4];
        rand::fill(data_key.as_mut_slice());
        // The salt is the fixed part of each nonce, next to the number of the frame.
        rand::fill(salt.as_mut_slice());
        let mut session = Self {
            format: if history == StateHistory::default() { FORMAT } else { FORMAT_WITH_HISTORY },
            lineage: lineage.to_owned(),
            number,
            key: name,
            salt: to_hex(&salt),
            data_key: String::new(),
            history,
        };
        session.data_key =
            to_hex(&seal_with(key, "data key", &session.associated_data(part), &data_key[..]));
        (session, FrameSealer::new(&data_key, salt))
    }

    /// Parses a header. `place` is for messages.
    pub(crate) fn parse(body: &[u8], place: &str) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct SessionFormat {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| {
            StateError::damaged(place, format!("its head is unreadable: {error}"))
        };
        // The format is read first: a later one may have other fields.
        let SessionFormat { format } = serde_json::from_slice(body).map_err(unreadable)?;
        if format > FORMAT_WITH_HISTORY {
            return Err(StateError::newer_format(place, format, FORMAT_WITH_HISTORY));
        }
        serde_json::from_slice(body).map_err(unreadable)
    }

    /// The sealer of the session's frames.
    pub(crate) fn sealer(
        &self,
        part: SessionPart,
        keys: &mut KeyCache<'_>,
        place: &str,
    ) -> Result<FrameSealer, StateError> {
        // The key is found by the name in the header, which is not authenticated yet; the data
        // key opens only if nothing in the header was altered.
        let key = keys.get(&self.lineage, &self.key)?;
        let damaged = || {
            StateError::damaged(
                place,
                "its head was altered: its data key does not open under the state's key",
            )
        };
        let sealed = from_hex(&self.data_key).ok_or_else(damaged)?;
        let opened = open_with(&key, "data key", &self.associated_data(part), &sealed)
            .map_err(|_| damaged())?;
        let mut data_key = Zeroizing::new([0; 32]);
        data_key
            .copy_from_slice(opened.get(..32).filter(|_| opened.len() == 32).ok_or_else(damaged)?);
        let salt = from_hex(&self.salt).and_then(|it| it.try_into().ok()).ok_or_else(damaged)?;
        Ok(FrameSealer::new(&data_key, salt))
    }

    /// The bytes that the data key is bound to: all other fields, so that none can be altered
    /// without the key.
    fn associated_data(&self, part: SessionPart) -> Vec<u8> {
        let bound = Self { data_key: String::new(), ..self.clone() };
        serde_json::to_vec(&(format!("{part:?}"), bound)).expect("a session is plain text")
    }
}

/// Caches keys, so that a person is asked for a passphrase once.
pub(crate) struct KeyCache<'a> {
    keys: &'a dyn KeyProvider,
    known: Vec<(String, KeyName, StateKey)>,
}

impl<'a> KeyCache<'a> {
    pub(crate) fn new(keys: &'a dyn KeyProvider) -> Self {
        Self { keys, known: Vec::new() }
    }

    fn get(&mut self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
        // By the whole name and not the id alone: parameters such as a salt are part of what
        // finds a key.
        if let Some((.., key)) =
            self.known.iter().find(|(known, it, _)| known == lineage && it == name)
        {
            return Ok(key.clone());
        }
        let key = self.keys.named(lineage, name)?;
        self.known.push((lineage.to_owned(), name.clone(), key.clone()));
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateErrorReason;

    struct One(StateKey);

    impl KeyProvider for One {
        fn named(&self, _: &str, _: &KeyName) -> Result<StateKey, StateError> {
            Ok(self.0.clone())
        }
        fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, StateKey), StateError> {
            Ok((name(&self.0), self.0.clone()))
        }
    }

    fn name(key: &StateKey) -> KeyName {
        KeyName {
            id: key.id().to_owned(),
            method: "test".into(),
            parameters: [("salt".into(), "s".into())].into(),
        }
    }

    #[test]
    fn a_header_of_a_later_format_is_refused_as_such() {
        let error =
            SessionHeader::parse(br#"{"format": 3, "lineages": ["a", "b"]}"#, "x").unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::NewerFormat);
        assert!(error.to_string().contains("format 3"), "{error}");
    }

    #[test]
    fn no_field_of_a_header_can_be_altered_without_the_key() {
        let one = One(StateKey::random());
        let (session, _) = SessionHeader::begin(
            SessionPart::Journal,
            ("lineage-a", 7),
            StateHistory::default(),
            name(&one.0),
            &one.0,
        );
        assert_eq!(session.format, FORMAT);
        let opens = |session: &SessionHeader, part| {
            session.sealer(part, &mut KeyCache::new(&one), "x").is_ok()
        };
        assert!(opens(&session, SessionPart::Journal));
        assert!(!opens(&session, SessionPart::Checkpoint));
        assert!(!opens(&SessionHeader { number: 8, ..session.clone() }, SessionPart::Journal));
        assert!(!opens(
            &SessionHeader { lineage: "lineage-b".into(), ..session.clone() },
            SessionPart::Journal
        ));
        assert!(!opens(
            &SessionHeader { salt: "00000000".into(), ..session.clone() },
            SessionPart::Journal
        ));
        let moved = StateHistory { moved_to: Some("elsewhere".into()), ..StateHistory::default() };
        assert!(!opens(&SessionHeader { history: moved, ..session.clone() }, SessionPart::Journal));
        let renamed = KeyName { parameters: [].into(), ..session.key.clone() };
        assert!(!opens(&SessionHeader { key: renamed, ..session }, SessionPart::Journal));
    }
}
