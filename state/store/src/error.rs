//! Errors of reading and writing states; every message is written here.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use ha_files::regular_file;
use ha_provider::{CallOutcome, Error};

use crate::KeyName;
use crate::lock_info::LockInfo;

/// The largest file of a state that is read, in bytes; a larger one would fill the memory.
pub(crate) const LARGEST_STATE: u64 = 1 << 30;

/// An error of reading or writing a state: what was attempted, why it failed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(Box<(StateErrorReason, Error)>);

/// Why a state could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateErrorReason {
    /// Another process holds the lock.
    Locked(Option<LockInfo>),
    /// The lock was broken, or another process wrote a frame of this number.
    Taken,
    /// The state was moved to this place.
    Moved(String),
    /// The lock to be broken is free, or has another holder.
    NotLocked,
    /// The key is missing.
    MissingKey,
    /// It was sealed with another key.
    WrongKey,
    /// The key file or passphrase gives no key.
    NotAKey,
    /// The key was replaced by another.
    RetiredKey,
    /// The state has another lineage.
    OtherLineage,
    /// A later version of `ha` wrote it.
    NewerFormat,
    /// It is no state.
    NotAState,
    /// Part of it is missing.
    Incomplete,
    /// The content differs from what was written.
    Damaged,
    /// A frame holds an unknown value; a fault of `ha`.
    NotKnown,
    /// The operating system refused.
    System(io::ErrorKind),
    /// The store failed.
    Store,
}

impl StateError {
    /// An error of a store, with its own message.
    #[must_use]
    pub fn new(reason: StateErrorReason, error: Error) -> Self {
        Self(Box::new((reason, error)))
    }

    /// The reason, for decisions.
    #[must_use]
    pub fn reason(&self) -> &StateErrorReason {
        &self.0.0
    }

    /// The error as it is shown.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0.1
    }

    /// Adds a hint on what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.1.help.push(help.into());
        self
    }

    /// Passes each string of the message through `word`, which redacts secrets.
    #[must_use]
    pub fn reworded(self, word: impl Fn(&str) -> String) -> Self {
        let (reason, error) = *self.0;
        Self::new(reason, error.reworded(word))
    }

    fn refused(
        reason: StateErrorReason,
        attempted: impl Into<String>,
        cause: impl fmt::Display,
    ) -> Self {
        Self::new(reason, Error::new(attempted, cause).outcome(CallOutcome::Refused))
    }

    pub(crate) fn io(attempted: &str, path: &Path, error: &io::Error) -> Self {
        let attempted = format!("{attempted} `{}`", path.display());
        if regular_file::is_refusal(error) {
            return Self::refused(StateErrorReason::NotAState, attempted, error)
                .help("nothing was changed; move it away if it is not yours, or restore the state from a backup");
        }
        // These kinds have one usual cause, and one remedy.
        let it = Self::refused(StateErrorReason::System(error.kind()), attempted, error);
        match error.kind() {
            io::ErrorKind::StorageFull => {
                it.help("make room on the disk, then run the command again; nothing that was recorded is lost")
            }
            io::ErrorKind::PermissionDenied => it.help("run the command as the user who owns the state's files"),
            io::ErrorKind::ReadOnlyFilesystem => {
                it.help("the state's directory must be writable, even where only its lock is written")
            }
            _ => it,
        }
    }

    pub(crate) fn locked(place: &str, holder: Option<LockInfo>) -> Self {
        Self::held(place, holder)
            .help("wait for it to end, or stop it; the lock goes with the process that holds it, even when it is killed")
    }

    /// Another process holds a lock with a lease of so many seconds.
    #[must_use]
    pub fn leased(place: &str, holder: Option<LockInfo>, seconds: u64) -> Self {
        let id = holder.as_ref().map_or_else(|| "ID".to_owned(), |it| it.id.clone());
        Self::held(place, holder)
            .help(format!("wait for it to end, or stop it; if it was killed, its lock can be taken over {seconds} seconds after it was last heard of"))
            .help(format!("once you know that it is not at work any more, take its lock away with `ha state unlock {id}`"))
    }

    fn held(place: &str, holder: Option<LockInfo>) -> Self {
        let cause = match &holder {
            Some(holder) => format!("it is locked by {holder}"),
            None => "another process holds its lock".to_owned(),
        };
        Self::refused(StateErrorReason::Locked(holder), format!("lock {place}"), cause)
    }

    pub(crate) fn goes_with_its_process(place: &str, holder: LockInfo) -> Self {
        let attempted = format!("take away the lock of {place}");
        let (pid, host) = (holder.pid, holder.host.clone());
        Self::refused(
            StateErrorReason::Locked(Some(holder)),
            attempted,
            "its holder is at work: this lock goes with the process, even when it is killed",
        )
        .help(format!("stop process {pid} on {host}"))
    }

    /// The lock to be broken is free, or has another holder.
    #[must_use]
    pub fn not_locked_by(place: &str, id: &str, holder: Option<LockInfo>) -> Self {
        let attempted = format!("take away lock {id} of {place}");
        match holder {
            Some(holder) => Self::refused(
                StateErrorReason::NotLocked,
                attempted,
                format!("it is locked by {holder}"),
            )
            .help(format!("if that one is meant, give its id: `ha state unlock {}`", holder.id)),
            None => Self::refused(StateErrorReason::NotLocked, attempted, "no one holds it")
                .help("there is nothing to do"),
        }
    }

    /// This command no longer holds the lock.
    #[must_use]
    pub fn lock_taken(place: &str, holder: Option<LockInfo>) -> Self {
        let cause = match holder {
            Some(holder) => format!("its lock was taken over by {holder}"),
            None => "its lock was taken away while this command ran".to_owned(),
        };
        Self::refused(StateErrorReason::Taken, format!("write to {place}"), cause)
            .help("when no other `ha` is at work on it, run the command again; interrupted steps are examined first")
    }

    pub(crate) fn lock_lost(place: &str) -> Self {
        Self::refused(
            StateErrorReason::Taken,
            format!("write to {place}"),
            "its lock file was removed or replaced while this command ran",
        )
        .help(
            "make sure that no other `ha` is at work on it, then run the command again; interrupted steps are examined first",
        )
    }

    /// Another process wrote a frame of this number.
    #[must_use]
    pub fn taken(place: &str, number: u64) -> Self {
        Self::refused(
            StateErrorReason::Taken,
            format!("write frame {number} to {place}"),
            "another process wrote a frame of that number in the meantime",
        )
        .help("run the command again: it starts from what is there now")
    }

    pub(crate) fn missing_key(lineage: &str, path: &Path, id: Option<&str>) -> Self {
        let path = path.display();
        match id {
            Some(id) => Self::refused(
                StateErrorReason::MissingKey,
                format!("read the state of lineage {lineage}"),
                format!("it is sealed with key {id}, and there is no key file `{path}`"),
            )
            .help(format!(
                "copy the key file from where the state was made (`~/.config/ha/keys/{lineage}.key` there) or from its backup"
            ))
            .help("or name it in HA_STATE_KEY_FILE"),
            None => Self::refused(
                StateErrorReason::MissingKey,
                format!("seal a new state of lineage {lineage}"),
                format!("there is no key file `{path}`, and none is made here: HA_STATE_KEY_FILE, HA_IN_AUTOMATION or CI is set"),
            )
            .help("make one with `ha state key --new > FILE`, keep it like a password, and name it in HA_STATE_KEY_FILE"),
        }
    }

    pub(crate) fn wrong_key(lineage: &str, sealed_with: &str, given: &str, path: &Path) -> Self {
        Self::refused(
            StateErrorReason::WrongKey,
            format!("open what belongs to the state of lineage {lineage}"),
            format!(
                "it is sealed with key {sealed_with}, and `{}` holds key {given}",
                path.display()
            ),
        )
        .help("put the right key there, or name it in HA_STATE_KEY_FILE")
    }

    pub(crate) fn wrong_key_for_file(sealed_with: &str, given: &str) -> Self {
        Self::refused(
            StateErrorReason::WrongKey,
            "open a sealed file",
            format!("it is sealed with key {sealed_with}, and the state's is {given}"),
        )
        .help("it belongs to another state, or the state's key was changed since: make it again")
    }

    /// The key comes from another source than the given keys.
    #[must_use]
    pub fn other_source(lineage: &str, name: &KeyName, given: &str) -> Self {
        let from = match name.method.as_str() {
            "file" => "in a key file".to_owned(),
            "passphrase" => "made of a passphrase".to_owned(),
            "aws_kms" => {
                let arn = name.parameters.get("key").map_or("", String::as_str);
                format!("a data key of AWS KMS, wrapped by {arn}")
            }
            other => format!("of a kind that this `ha` does not know, `{other}`"),
        };
        Self::refused(
            StateErrorReason::MissingKey,
            format!("open what belongs to the state of lineage {lineage}"),
            format!("it is sealed with key {}, which is {from}, and {given}", name.id),
        )
        .help("name that key in `ha { encryption { … } }` or in the environment")
        .help("where another key is to take its place, name that one there and this one in `encryption { fallback { … } }`, then run `ha state rekey`")
    }

    pub(crate) fn wrong_passphrase(lineage: &str, id: &str) -> Self {
        Self::refused(
            StateErrorReason::WrongKey,
            format!("open what belongs to the state of lineage {lineage}"),
            format!("it is sealed with key {id}, and the passphrase makes another"),
        )
        .help("give the passphrase that it was sealed with; after a rotation the one before opens older copies only")
    }

    pub(crate) fn no_passphrase(why: impl fmt::Display) -> Self {
        Self::refused(StateErrorReason::NotAKey, "make a key of the passphrase", why)
    }

    pub(crate) fn retired_key(place: &str, id: &str) -> Self {
        Self::refused(
            StateErrorReason::RetiredKey,
            format!("write to {place}"),
            format!("its key {id} was replaced by `ha state rekey`, and nothing is sealed with it any more"),
        )
        .help("name the key that it is sealed with now; `ha state key` says which that is")
    }

    pub(crate) fn moved(place: &str, to: &str) -> Self {
        Self::refused(StateErrorReason::Moved(to.to_owned()), format!("open {place}"), format!("the state was moved to {to}"))
            .help("say so by the block `backend` of the configuration")
            .help("to move it back, let that block name this place again and run `ha state migrate` from where it is now")
    }

    pub(crate) fn not_a_key(path: &Path, why: &str) -> Self {
        Self::refused(StateErrorReason::NotAKey, format!("read the key file `{}`", path.display()), why)
            .help("a key file is one line: `ha-state-key-1` and 64 hexadecimal digits; restore it from its backup")
    }

    pub(crate) fn no_lineage(lineage: &str) -> Self {
        let cause = format!("`{lineage}` is not the name of a lineage");
        Self::refused(StateErrorReason::Damaged, "find the key of a state", cause)
    }

    pub(crate) fn other_lineage(place: &str, expected: &str, found: &str) -> Self {
        Self::refused(
            StateErrorReason::OtherLineage,
            format!("open {place}"),
            format!("it is of lineage {found}, and lineage {expected} was expected"),
        )
        .help("a plan can be applied only to the state it was made from; files of different states must not be mixed in one directory")
    }

    /// A later version of `ha` wrote it.
    #[must_use]
    pub fn newer_format(place: &str, format: u32, known: u32) -> Self {
        Self::refused(
            StateErrorReason::NewerFormat,
            format!("read {place}"),
            format!("it has format {format}, and this version of `ha` knows none above {known}"),
        )
        .help("use the version of `ha` that wrote it, or a later one")
    }

    pub(crate) fn newer_frame(place: &str, number: u64, kind: u8) -> Self {
        Self::refused(
            StateErrorReason::NewerFormat,
            format!("read {place}"),
            format!("frame {number} is of kind {kind}, which this version of `ha` does not know"),
        )
        .help("use the version of `ha` that wrote it, or a later one")
    }

    /// It is no state, key file or the like.
    #[must_use]
    pub fn not_a_state(place: &str, what: &str) -> Self {
        Self::refused(StateErrorReason::NotAState, format!("read {place}"), format!("it is no {what} of `ha`"))
            .help("nothing was changed; move the file away if it is not yours, or restore the state from a backup")
    }

    /// It is JSON, such as a state of Terraform.
    pub(crate) fn of_another(place: &str, what: &str) -> Self {
        Self::refused(StateErrorReason::NotAState, format!("read {place}"), format!("it is no {what} of `ha`, but JSON, as Terraform's states are"))
            .help("nothing was changed; let the block `backend` name another place, and take over what Terraform made with `import` blocks")
            .help("what `ha state pull` printed is put in by `ha state push FILE`")
    }

    pub(crate) fn unreadable(place: &str, why: impl fmt::Display) -> Self {
        Self::refused(StateErrorReason::NotAState, format!("read {place}"), why)
            .help("nothing was changed; give it what `ha state pull --show-sensitive` or `ha state pull --sealed` printed")
    }

    /// A part is missing.
    #[must_use]
    pub fn incomplete(place: &str, why: impl fmt::Display) -> Self {
        Self::refused(StateErrorReason::Incomplete, format!("read {place}"), why)
    }

    pub(crate) fn damaged(place: &str, why: impl fmt::Display) -> Self {
        Self::refused(StateErrorReason::Damaged, format!("read {place}"), why)
            .help("nothing was changed; something other than `ha` altered it, or the disk did: restore it from a backup")
    }

    pub(crate) fn not_known(what: &str) -> Self {
        Self::refused(StateErrorReason::NotKnown, "record a step", what)
            .help("this is a fault of `ha`; please report it")
    }

    pub(crate) fn too_large(what: &str) -> Self {
        Self::refused(StateErrorReason::Store, "record a step", format!("{what} is too large"))
    }

    pub(crate) fn stopped(place: &str) -> Self {
        Self::refused(
            StateErrorReason::Store,
            format!("write to {place}"),
            "its writer has stopped",
        )
    }

    pub(crate) fn lease_is_short(place: &str, remaining: Duration, call: Duration) -> Self {
        let cause = format!(
            "it lasts for {} more seconds, and a call may take {}: the store was not heard of lately, or the lock is lost",
            remaining.as_secs(),
            call.as_secs()
        );
        Self::refused(StateErrorReason::Store, format!("change anything more under the lock of {place}"), cause)
            .help("see that the store can be reached, then run the command again; interrupted steps are examined first")
    }

    pub(crate) fn no_room(place: &str, cause: &Self) -> Self {
        let attempted = format!("begin another step on {place}");
        let refused = |why: &str| {
            Self::refused(cause.reason().clone(), attempted.as_str(), format!("{why}: {cause}"))
        };
        match cause.reason() {
            StateErrorReason::System(_) => refused("there would be no room to record its result")
                .help("make room on the disk, then run the command again; nothing that was recorded is lost"),
            _ => cause.error().help.iter().fold(refused("its result would not be recorded"), |it, help| it.help(help)),
        }
    }

    pub(crate) fn unsent(cause: &Self, file: &Path) -> Self {
        let file = file.display();
        // The help of the cause would advise on a store that was not written, while the frames
        // are safe here.
        let mut error = cause.clone();
        error.0.1.help.clear();
        error
            .help(format!("what was done since then is kept in `{file}`: leave it there"))
            .help("see that the store can be reached, then run the command again on this machine: it sends that first")
    }

    pub(crate) fn not_saved(cause: &Self, save_error: &Self) -> Self {
        cause.clone().help(format!("it could not be kept on this machine either: {save_error}"))
    }

    pub(crate) fn others_went_on(file: &Path, place: &str, first: u64, there: u64) -> Self {
        let cause = format!(
            "it goes on from frame {}, and {place} ends with frame {there}: others have gone on",
            first.saturating_sub(1)
        );
        Self::refused(StateErrorReason::Taken, Self::sending(file), cause)
            .help(Self::move_away(file))
    }

    pub(crate) fn unsent_elsewhere(file: &Path, place: &str, unsent: &str, there: &str) -> Self {
        let cause = format!("it is of lineage {unsent}, and {place} is of lineage {there}");
        Self::refused(StateErrorReason::OtherLineage, Self::sending(file), cause)
            .help(Self::move_away(file))
    }

    pub(crate) fn unsent_unreadable(file: &Path) -> Self {
        Self::refused(
            StateErrorReason::Damaged,
            Self::sending(file),
            "its first line is not what was written there",
        )
        .help(Self::move_away(file))
    }

    fn sending(file: &Path) -> String {
        format!("send what an earlier run could not, which is kept in `{}`", file.display())
    }

    fn move_away(file: &Path) -> String {
        format!(
            "nothing was changed; what it was about to do is on record there, so move `{}` to another place and run the command again: what became of it is looked into first",
            file.display()
        )
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl std::error::Error for StateError {}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        error.0.1
    }
}
