//! Which key a state is sealed with: as the configuration says, else the environment, else one of
//! the user's own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ha_files::regular_file;
use ha_files::regular_file::LARGEST_KEY;
use ha_provider::{CallOutcome, Error, Secret};
use ha_state_store::{
    CompanionFile, KeyName, KeyProvider, KeyRing, NewKey, PassphraseKeys, PassphrasePurpose,
    RedactionMask, StateError, StateErrorReason, StateKey,
};
use ha_value::Object;
use zeroize::Zeroizing;

use crate::output::password_prompt::PromptAnswer;
use crate::output::terminal::ask_secretly;
use crate::registry::encryption_settings::{EncryptionSettings, KeySource};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::secrets::mask_of;

/// What the variables of the environment begin with, and those for the key before.
const VARIABLES: [&str; 2] = ["HA_STATE_", "HA_STATE_FALLBACK_"];

/// The key files that this process created or removed and has to report; shared with the stores'
/// companion files.
type CreatedKeyFiles = Arc<Mutex<FreshKeys>>;

#[derive(Default)]
struct FreshKeys {
    made: Option<PathBuf>,
    told: Option<PathBuf>,
    removed: Option<PathBuf>,
}

/// The keys of a state.
pub(crate) struct StateKeys {
    primary: Box<dyn KeyProvider>,
    /// Where keys for reading are looked for as well, in order.
    others: Vec<Box<dyn KeyProvider>>,
    /// The files that keys to seal with are in, where they are in files.
    files: Option<KeyRing>,
    /// The key files that this process created.
    made: CreatedKeyFiles,
    /// Redacts secrets from the errors of the key sources.
    mask: RedactionMask,
}

impl EncryptionSettings {
    /// Checks that just one source is named, of each.
    ///
    /// # Errors
    /// The message for the user.
    pub(crate) fn check(&self) -> Result<(), RenderedDiagnostic> {
        let of =
            |source: &KeySource, what: &str| match source.named().as_slice() {
                [_] => Ok(()),
                [] => Err(RenderedDiagnostic::error(format!("the block `{what}` names no key"))
                    .help(ONE_OF)),
                several => Err(RenderedDiagnostic::error(format!(
                    "the block `{what}` names several keys: {}",
                    several.join(", ")
                ))
                .help(ONE_OF)),
            };
        of(&self.source, "encryption")?;
        self.fallback.as_ref().map_or(Ok(()), |it| of(it, "fallback"))
    }
}

const ONE_OF: &str = "name one of key_file, passphrase, passphrase_file, ask_passphrase, aws_kms; the block `fallback` is for the one before";

impl KeySource {
    /// What the environment says, and by which variables.
    fn of_environment(
        prefix: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> (Self, Vec<String>) {
        let names = ["KEY_FILE", "PASSPHRASE", "PASSPHRASE_FILE"].map(|it| format!("{prefix}{it}"));
        let [key_file, passphrase, passphrase_file] =
            names.each_ref().map(|it| variable(it).filter(|it| !it.is_empty()));
        let values = [&key_file, &passphrase, &passphrase_file].map(Option::is_some);
        let given = names.iter().zip(values).filter(|it| it.1).map(|it| it.0.clone()).collect();
        let source = Self {
            key_file: key_file.map(PathBuf::from),
            passphrase: passphrase.map(Secret),
            passphrase_file: passphrase_file.map(PathBuf::from),
            ..Self::default()
        };
        (source, given)
    }

    /// The keys from there; `directory` is where paths go from. None where nothing is named.
    fn keys(self, directory: &Path) -> Option<(Box<dyn KeyProvider>, Option<KeyRing>)> {
        #[cfg(feature = "aws")]
        if let Some(settings) = self.aws_kms {
            return Some((Box::new(ha_aws::KmsKeys::new(settings)), None));
        }
        let Self { key_file, passphrase, passphrase_file, ask_passphrase, .. } = self;
        let below =
            |path: PathBuf| if directory == Path::new(".") { path } else { directory.join(path) };
        let keys: Box<dyn KeyProvider> = match (key_file, passphrase, passphrase_file) {
            (Some(file), ..) => {
                let ring = KeyRing::of_user().with_file(below(file));
                return Some((Box::new(ring.clone()), Some(ring)));
            }
            (_, Some(text), _) => Box::new(PassphraseKeys::new(Zeroizing::new(text.0))),
            (.., Some(file)) => {
                let file = below(file);
                Box::new(PassphraseKeys::asked(move |_| read_passphrase(&file)))
            }
            _ if ask_passphrase => Box::new(PassphraseKeys::asked(ask)),
            _ => return None,
        };
        Some((keys, None))
    }
}

impl StateKeys {
    /// The keys that a configuration names, else the environment, else those of the user's own.
    ///
    /// # Errors
    /// When several are named.
    pub(crate) fn new(
        encryption: Option<EncryptionSettings>,
        directory: &Path,
    ) -> Result<Self, RenderedDiagnostic> {
        Self::from_variables(encryption, directory, |name| std::env::var(name).ok())
    }

    fn from_variables(
        encryption: Option<EncryptionSettings>,
        directory: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, RenderedDiagnostic> {
        let [given, before] = VARIABLES.map(|prefix| KeySource::of_environment(prefix, &variable));
        if let Some((_, names)) = [&given, &before].into_iter().find(|it| it.1.len() > 1) {
            let title =
                format!("the environment names several keys of the state: {}", names.join(", "));
            return Err(RenderedDiagnostic::error(title).help("unset all but one of them"));
        }
        let (configured, fallback) =
            encryption.map_or((None, None), |it| (Some(it.source), it.fallback));
        if let (Some(configured), [variable]) = (&configured, given.1.as_slice()) {
            let named = configured.named().join(", ");
            return Err(RenderedDiagnostic::error(format!(
                "the key of the state is named twice: by the configuration's `{named}` and by {variable}"
            ))
            .help(format!("unset {variable}, or take the block `encryption` out"))
            .help("a key that is only to be read with is named in the block `fallback` or in HA_STATE_FALLBACK_…"));
        }
        let here = Path::new(".");
        let primary = configured.and_then(|it| it.keys(directory)).or_else(|| given.0.keys(here));
        let fallback = fallback.and_then(|it| it.keys(directory));
        let mut others: Vec<Box<dyn KeyProvider>> =
            fallback.into_iter().chain(before.0.keys(here)).map(|it| it.0).collect();
        let own = KeyRing::of_user();
        let (primary, files) = match primary {
            Some(primary) => {
                others.push(Box::new(own));
                primary
            }
            None => (Box::new(own.clone()) as Box<dyn KeyProvider>, Some(own)),
        };
        Ok(Self {
            primary,
            others,
            files,
            made: CreatedKeyFiles::default(),
            mask: mask_of(&Object::new()),
        })
    }

    /// Redacts errors of the key sources with this mask.
    pub(crate) fn keeping(mut self, mask: RedactionMask) -> Self {
        self.mask = mask;
        self
    }

    fn redacted<T>(&self, answer: Result<T, StateError>) -> Result<T, StateError> {
        answer.map_err(|it| it.reworded(&*self.mask))
    }

    /// The key file that was created since the last call, to be reported once.
    pub(crate) fn made(&self) -> Option<PathBuf> {
        let mut fresh = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = fresh.made.take()?;
        fresh.told = Some(made.clone());
        Some(made)
    }

    /// The key file that was reported and then removed, to be reported once.
    pub(crate) fn removed(&self) -> Option<PathBuf> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).removed.take()
    }

    fn note_made(&self, path: PathBuf) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).made = Some(path);
    }

    /// The file that a key to seal with lies in, where it lies in one.
    pub(crate) fn file(&self, lineage: &str, name: &KeyName) -> Option<PathBuf> {
        self.files.as_ref().and_then(|it| it.file_of(lineage, &name.id))
    }
}

impl KeyProvider for StateKeys {
    fn named(&self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
        let is_elsewhere = |error: &StateError| {
            matches!(error.reason(), StateErrorReason::MissingKey | StateErrorReason::WrongKey)
        };
        match self.primary.named(lineage, name) {
            Err(error) if is_elsewhere(&error) => {
                let found = self.others.iter().find_map(|it| match it.named(lineage, name) {
                    Err(error) if is_elsewhere(&error) => None,
                    found => Some(found),
                });
                // The error of the primary source is returned, not that of a fallback: it is the
                // source that the user configured.
                self.redacted(found.unwrap_or(Err(error)))
            }
            found => self.redacted(found),
        }
    }

    fn current(
        &self,
        lineage: &str,
        used: Option<&KeyName>,
    ) -> Result<(KeyName, StateKey), StateError> {
        let file = self.files.as_ref().map(|it| it.path(lineage)).filter(|it| !it.exists());
        let current = self.redacted(self.primary.current(lineage, used))?;
        if let Some(file) = file.filter(|it| it.exists()) {
            self.note_made(file);
        }
        Ok(current)
    }

    fn first(&self, lineage: &str) -> Result<Option<NewKey>, StateError> {
        let first = self.redacted(self.primary.first(lineage))?;
        let Some(path) = self.files.as_ref().map(|it| it.path(lineage)) else { return Ok(first) };
        let told = |file| Box::new(KeyNotice { file, path, made: self.made.clone() });
        Ok(first.map(|it| NewKey { file: told(it.file), ..it }))
    }

    fn next(&self, lineage: &str) -> Result<(KeyName, StateKey), StateError> {
        self.redacted(self.primary.next(lineage))
    }

    fn taken(&self, lineage: &str, name: &KeyName) -> Result<(), StateError> {
        self.redacted(self.primary.taken(lineage, name))?;
        if let Some(files) = self.files.as_ref().filter(|it| it.makes_keys()) {
            self.note_made(files.path(lineage));
        }
        Ok(())
    }
}

/// A key file whose creation and removal are reported.
struct KeyNotice {
    file: Box<dyn CompanionFile>,
    path: PathBuf,
    made: CreatedKeyFiles,
}

impl CompanionFile for KeyNotice {
    fn make(&mut self) -> Result<(), StateError> {
        self.file.make()?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).made = Some(self.path.clone());
        Ok(())
    }

    fn remove(&mut self) {
        self.file.remove();
        let mut fresh = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        *fresh = FreshKeys { removed: fresh.told.take(), ..FreshKeys::default() };
    }
}

fn refused(attempted: impl Into<String>, cause: impl std::fmt::Display) -> StateError {
    StateError::new(
        StateErrorReason::NotAKey,
        Error::new(attempted, cause).outcome(CallOutcome::Refused),
    )
}

fn read_passphrase(file: &Path) -> Result<Zeroizing<String>, StateError> {
    let attempted = || format!("read the passphrase from `{}`", file.display());
    let text = match regular_file::read_to_string(file, LARGEST_KEY) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(refused(attempted(), "it is not UTF-8 text"));
        }
        Err(error) => return Err(refused(attempted(), error)),
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn ask(asking: PassphrasePurpose) -> Result<Zeroizing<String>, StateError> {
    let attempted = "ask for the passphrase of the state";
    let answer = |question: &str| {
        match ask_secretly(question) {
        PromptAnswer::Line(line) => Ok(line),
        PromptAnswer::Interrupted => Err(StateError::new(
            StateErrorReason::NotAKey,
            Error::new(attempted, "interrupted").outcome(CallOutcome::Interrupted),
        )),
        PromptAnswer::Nothing => Err(refused(attempted, "there is no one to ask")
            .help("name it in HA_STATE_PASSPHRASE_FILE and take `ask_passphrase` out, or run the command at a terminal")),
    }
    };
    let said = answer("Passphrase of the state: ")?;
    if asking == PassphrasePurpose::ToMake && answer("The same again, to be sure: ")? != said {
        return Err(refused(attempted, "the second was not the same as the first"));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(keys: Result<StateKeys, RenderedDiagnostic>) -> String {
        keys.err().map(|it| it.title).unwrap_or_default()
    }

    fn from(
        encryption: Option<EncryptionSettings>,
        variables: &[(&str, &str)],
    ) -> Result<StateKeys, RenderedDiagnostic> {
        let variable = |name: &str| {
            variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        };
        StateKeys::from_variables(encryption, Path::new("."), variable)
    }

    fn passphrase(text: &str) -> KeySource {
        KeySource { passphrase: Some(Secret(text.to_owned())), ..KeySource::default() }
    }

    #[test]
    fn exactly_one_key_is_named() {
        let both = [("HA_STATE_KEY_FILE", "k"), ("HA_STATE_PASSPHRASE", "p")];
        assert!(said(from(None, &both)).contains("HA_STATE_KEY_FILE, HA_STATE_PASSPHRASE"));
        let configured = || EncryptionSettings {
            source: passphrase("a passphrase that is long"),
            fallback: None,
        };
        assert!(
            said(from(Some(configured()), &both[..1]))
                .contains("by the configuration's `passphrase` and by HA_STATE_KEY_FILE")
        );
        assert_eq!(
            said(from(
                Some(configured()),
                &[("HA_STATE_FALLBACK_KEY_FILE", "k"), ("HA_STATE_KEY_FILE", "")]
            )),
            ""
        );
        let named = EncryptionSettings {
            source: KeySource { key_file: Some("k".into()), ..passphrase("x") },
            fallback: None,
        };
        assert!(named.check().unwrap_err().title.contains("key_file, passphrase"));
        assert!(EncryptionSettings::default().check().unwrap_err().title.contains("names no key"));
        let fallback = EncryptionSettings { fallback: Some(KeySource::default()), ..configured() };
        assert!(fallback.check().unwrap_err().title.contains("`fallback` names no key"));
        configured().check().unwrap();
    }

    #[test]
    fn the_key_before_opens_and_seals_nothing() {
        let lineage = ha_state_store::new_lineage();
        let old = from(None, &[("HA_STATE_PASSPHRASE", "the old passphrase of old")]).unwrap();
        let (name, key) = old.current(&lineage, None).unwrap();
        let new = [
            ("HA_STATE_PASSPHRASE", "the new passphrase of now"),
            ("HA_STATE_FALLBACK_PASSPHRASE", "the old passphrase of old"),
        ];
        let new = from(None, &new).unwrap();
        assert_eq!(new.named(&lineage, &name).unwrap().id(), key.id());
        assert_ne!(new.current(&lineage, Some(&name)).unwrap().0, name);
        let alone = from(None, &[("HA_STATE_PASSPHRASE", "the new passphrase of now")]).unwrap();
        assert_eq!(alone.named(&lineage, &name).unwrap_err().reason(), &StateErrorReason::WrongKey);
    }

    #[test]
    fn a_passphrase_in_a_file_ends_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p");
        for text in
            ["six words drawn by dice", "six words drawn by dice\n", "six words drawn by dice\r\n"]
        {
            fs::write(&file, text).unwrap();
            assert_eq!(read_passphrase(&file).unwrap().as_str(), "six words drawn by dice");
        }
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(read_passphrase(&file).unwrap_err().to_string().contains("not UTF-8"));
        assert!(
            read_passphrase(&directory.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("none")
        );
    }
}
