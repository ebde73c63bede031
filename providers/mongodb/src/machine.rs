//! The machine that a mongod runs on, however it is reached: put a file, read a file, run a
//! command, control the service.

mod port;
mod process;
mod startup_failure;

use std::future::Future;
use std::time::Duration;

use ha_provider::Error;

pub(crate) use process::LocalProcess;

/// What a command did.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) succeeded: bool,
    /// What it wrote, both streams.
    pub(crate) output: String,
}

/// What became of mongod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceStatus {
    /// It runs.
    Running {
        /// Its process.
        process: i32,
        /// The program that was started; it may have become mongod by way of others.
        program: String,
        /// Whether the program's file has been replaced or removed since.
        replaced: bool,
    },
    /// It does not, for this reason.
    Stopped(String),
}

/// How firmly mongod is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopMode {
    /// It hands over, writes down what it has, and goes.
    Ask,
    /// It is gone at once; the journal has what was acknowledged.
    Kill,
}

/// A machine.
pub(crate) trait Machine: Sync {
    /// For a person: `this machine`, `db-1 by SSH`.
    fn described(&self) -> String;

    /// A file's content; none where there is no file.
    fn read(&self, path: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Error>> + Send;

    /// Puts a file whole or not at all, with these permissions.
    fn put(
        &self,
        path: &str,
        content: &[u8],
        mode: u32,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Puts a file where there is none yet; answers whether it did.
    fn put_new(
        &self,
        path: &str,
        content: &[u8],
        mode: u32,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The permissions of a file or folder; none where there is none.
    fn mode(&self, path: &str) -> impl Future<Output = Result<Option<u32>, Error>> + Send;

    /// Gives a file or folder these permissions.
    fn set_mode(&self, path: &str, mode: u32) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes a folder, and those above it, unless it is there.
    fn make_folder(&self, path: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether a folder is missing or holds nothing.
    fn is_empty(&self, path: &str) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Removes a file, or a folder with all that is in it. What is gone is no error.
    fn remove(&self, path: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes a folder when nothing is in it any more.
    fn remove_if_empty(&self, path: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs a command with no secret in it.
    fn run(
        &self,
        command: &[&str],
        limit: Duration,
    ) -> impl Future<Output = Result<CommandOutput, Error>> + Send;

    /// Looks after mongod without running anything.
    fn service(&self) -> impl Future<Output = Result<ServiceStatus, Error>> + Send;

    /// Who else listens where mongod is to listen; none when no one does.
    fn listener(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// Starts mongod and waits until it listens or has given up.
    fn start(
        &self,
        progress: &(dyn Fn(&str) + Sync),
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Asks mongod to end; waiting for it is the caller's.
    fn end(&self, how: StopMode) -> impl Future<Output = Result<(), Error>> + Send;
}
