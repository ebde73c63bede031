//! The head of what one process sealed: which state it belongs to, which key opens it, and the data
//! key, sealed with that. In the journal it is the first frame of each session; in a checkpoint the
//! first entry.

use ha_state_model::StateHistory;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::envelope::FrameSealer;
use crate::key::{open_with, seal_with};
use crate::lineage::{from_hex, to_hex};
use crate::{KeyName, KeyProvider, StateError, StateKey};

/// The latest format of files and of states as JSON that is understood.
pub(crate) const FORMAT: u32 = 1;
/// The format of a head that says more than where it belongs. One that does not has the first, for
/// earlier programs.
const WITH_HISTORY: u32 = 2;

/// What the first frame of a session says, in clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SessionHeader {
    pub(crate) format: u32,
    pub(crate) lineage: String,
    /// The state's number: of this frame in a journal, of the last frame folded in a checkpoint.
    pub(crate) number: u64,
    pub(crate) key: KeyName,
    salt: String,
    data_key: String,
    /// What became of the state's keys and places, in a checkpoint.
    #[serde(flatten)]
    pub(crate) history: StateHistory,
}

/// Whether it heads a part of a journal or a checkpoint; neither passes for the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SessionPart {
    Journal,
    Checkpoint,
}

impl SessionHeader {
    /// A new one with a data key of its own.
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
        rand::fill(salt.as_mut_slice());
        let mut session = Self {
            format: if history == StateHistory::default() { FORMAT } else { WITH_HISTORY },
            lineage: lineage.to_owned(),
            number,
            key: name,
            salt: to_hex(&salt),
            data_key: String::new(),
            history,
        };
        session.data_key =
            to_hex(&seal_with(key, "data key", &session.beside(part), &data_key[..]));
        (session, FrameSealer::new(&data_key, salt))
    }

    /// Reads one. `place` is for messages.
    pub(crate) fn parse(body: &[u8], place: &str) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct SessionFormat {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| {
            StateError::damaged(place, format!("its head is unreadable: {error}"))
        };
        let SessionFormat { format } = serde_json::from_slice(body).map_err(unreadable)?;
        if format > WITH_HISTORY {
            return Err(StateError::newer_format(place, format, WITH_HISTORY));
        }
        serde_json::from_slice(body).map_err(unreadable)
    }

    /// What opens the frames it heads.
    pub(crate) fn sealer(
        &self,
        part: SessionPart,
        keys: &mut KeyCache<'_>,
        place: &str,
    ) -> Result<FrameSealer, StateError> {
        let key = keys.named(&self.lineage, &self.key)?;
        let damaged = || {
            StateError::damaged(
                place,
                "its head was altered: its data key does not open under the state's key",
            )
        };
        let sealed = from_hex(&self.data_key).ok_or_else(damaged)?;
        let opened =
            open_with(&key, "data key", &self.beside(part), &sealed).map_err(|_| damaged())?;
        let mut data_key = Zeroizing::new([0; 32]);
        data_key
            .copy_from_slice(opened.get(..32).filter(|_| opened.len() == 32).ok_or_else(damaged)?);
        let salt = from_hex(&self.salt).and_then(|it| it.try_into().ok()).ok_or_else(damaged)?;
        Ok(FrameSealer::new(&data_key, salt))
    }

    /// What the data key is bound to: everything else.
    fn beside(&self, part: SessionPart) -> Vec<u8> {
        let bound = Self { data_key: String::new(), ..self.clone() };
        serde_json::to_vec(&(format!("{part:?}"), bound)).expect("a session is plain text")
    }
}

/// Keys already asked for, so that a person is asked for a passphrase once.
pub(crate) struct KeyCache<'a> {
    keys: &'a dyn KeyProvider,
    known: Vec<(String, KeyName, StateKey)>,
}

impl<'a> KeyCache<'a> {
    pub(crate) fn new(keys: &'a dyn KeyProvider) -> Self {
        Self { keys, known: Vec::new() }
    }

    fn named(&mut self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
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
    fn a_session_of_a_later_format_says_so_whatever_else_it_holds() {
        let error =
            SessionHeader::parse(br#"{"format": 3, "lineages": ["a", "b"]}"#, "x").unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::NewerFormat);
        assert!(error.to_string().contains("format 3"), "{error}");
    }

    #[test]
    fn nothing_a_session_says_can_be_altered_without_the_key() {
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
