//! The log of what `ha` does: off unless `HA_LOG` asks for it. What it says goes through the same
//! finder of secrets as all that is printed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use rustix::fs::OFlags;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::output::io_error::plain;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::secrets::{SecretTexts, environment_secrets};

/// What is logged, as a filter of `tracing-subscriber`.
const FILTER: &str = "HA_LOG";
/// The file that the log is appended to. The standard error output where there is none.
const FILE: &str = "HA_LOG_FILE";
/// `text` or `json`.
const FORMAT: &str = "HA_LOG_FORMAT";
/// What our own targets begin with. Libraries log requests with all that is in them, so theirs are
/// left out.
const OWN: &str = "ha::";

/// The secrets that are known so far.
static SECRETS: RwLock<Vec<Arc<SecretTexts>>> = RwLock::new(Vec::new());
/// Where the log goes, once there is one.
static DESTINATION: OnceLock<Destination> = OnceLock::new();

enum Destination {
    StandardError,
    File(Mutex<File>),
}

/// Starts the log where the environment asks for one.
///
/// # Errors
/// When the filter or the format is not valid, or the file cannot be written.
pub(crate) fn start() -> Result<(), RenderedDiagnostic> {
    let Some(filter) = variable(FILTER) else { return Ok(()) };
    let filter = EnvFilter::builder().with_regex(false).parse(&filter).map_err(|error| {
        RenderedDiagnostic::error(format!("{FILTER} is not a valid filter: {error}"))
            .help(format!("set a level, such as `{FILTER}=debug`"))
            .help(format!("or levels of targets, such as `{FILTER}=ha::call=debug,ha::step=info`"))
    })?;
    let layer = match variable(FORMAT).as_deref() {
        None | Some("text") => fmt::layer().with_ansi(false).with_writer(RedactedLog).boxed(),
        Some("json") => fmt::layer().json().with_writer(RedactedLog).boxed(),
        Some(other) => {
            let notice =
                RenderedDiagnostic::error(format!("{FORMAT} does not know the format `{other}`"));
            return Err(notice.help("set it to `text` or `json`"));
        }
    };
    let destination = match variable(FILE) {
        None => Destination::StandardError,
        Some(path) => Destination::File(Mutex::new(opened(Path::new(&path))?)),
    };
    DESTINATION.get_or_init(|| destination);
    keep_secret(&Arc::new(SecretTexts::within(&environment_secrets())));
    let is_own = filter_fn(|it| it.target().starts_with(OWN));
    // Only the first start of a process counts.
    let _ = tracing::subscriber::set_global_default(
        registry().with(layer.with_filter(filter.and(is_own))),
    );
    Ok(())
}

/// Whether lines of the log come between what is told at the terminal.
pub(crate) fn is_on_standard_error() -> bool {
    matches!(DESTINATION.get(), Some(Destination::StandardError))
}

/// Keeps these out of the log from now on.
pub(crate) fn keep_secret(secrets: &Arc<SecretTexts>) {
    if DESTINATION.get().is_some() {
        SECRETS.write().unwrap_or_else(PoisonError::into_inner).push(secrets.clone());
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

/// The file, which no one else can read. It must be a regular one: opening a pipe waits for who
/// reads it.
fn opened(path: &Path) -> Result<File, RenderedDiagnostic> {
    let failed = |why: &str| {
        let notice =
            RenderedDiagnostic::error(format!("could not write the log to `{}`", path.display()))
                .note("cause", why);
        notice.help(format!(
            "set {FILE} to the path of a file, or leave it out for the standard error output"
        ))
    };
    let wait_for_no_reader = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(wait_for_no_reader)
        .open(path);
    let file = file.map_err(|error| failed(&plain(&error)))?;
    match file.metadata() {
        Ok(found) if found.is_file() => Ok(file),
        Ok(_) => Err(failed("it is not a regular file")),
        Err(error) => Err(failed(&plain(&error))),
    }
}

/// Writes lines without the secrets in them.
#[derive(Clone, Copy)]
struct RedactedLog;

impl MakeWriter<'_> for RedactedLog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl Write for RedactedLog {
    /// Takes whole lines: each event is written at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let known = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
        let redacted = known.iter().fold(text.into_owned(), |text, secrets| secrets.masked(&text));
        match DESTINATION.get() {
            Some(Destination::File(file)) => {
                file.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .write_all(redacted.as_bytes())?;
            }
            _ => io::stderr().lock().write_all(redacted.as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
