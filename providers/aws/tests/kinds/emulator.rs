//! The emulator: a running one (`HA_TEST_AWS_ENDPOINT`), or one that is started here and stopped
//! after the last test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A running emulator.
pub(crate) struct Emulator {
    /// Endpoint URL.
    pub(crate) endpoint: String,
    /// The folder of its data, when it was started here.
    folder: Option<PathBuf>,
}

static STARTED: AtomicU32 = AtomicU32::new(0);
static RUNNING: Mutex<Weak<Emulator>> = Mutex::new(Weak::new());

/// The emulator that all tests share.
pub(crate) fn emulator() -> Arc<Emulator> {
    let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(emulator) = running.upgrade() {
        return emulator;
    }
    let emulator = Arc::new(match std::env::var("HA_TEST_AWS_ENDPOINT") {
        Ok(endpoint) => Emulator { endpoint, folder: None },
        Err(_) => Emulator::start(),
    });
    *running = Arc::downgrade(&emulator);
    emulator
}

impl Emulator {
    fn start() -> Self {
        run(&outside("install"), &[]);
        // The previous emulator may still be stopping.
        let count = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("emulator-{}-{count}", std::process::id()));
        let port = free_port().to_string();
        let kept = folder.to_str().expect("the target folder's name is text");
        let facts = run(&outside("launcher.py"), &["start", "--dir", kept, "--port", &port]);
        let facts: serde_json::Value =
            serde_json::from_str(&facts).expect("the launcher answers with JSON");
        let endpoint =
            facts["endpoint"].as_str().expect("the launcher names its endpoint").to_owned();
        Self { endpoint, folder: Some(folder) }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            run(
                &outside("launcher.py"),
                &["remove", "--dir", folder.to_str().expect("it was before")],
            );
        }
    }
}

fn outside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/emulators").join(name)
}

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("could not run {}: {error}", program.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?} failed: {said}", program.display());
    String::from_utf8(output.stdout).expect("it prints text")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it listens").port()
}

/// A call of another client: method and path, the service, and a body.
pub(crate) async fn call(request: &str, service: &str, body: &str) -> String {
    call_for(200, request, service, body).await
}

/// The same, with the expected status of the response.
pub(crate) async fn call_for(status: u16, request: &str, service: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let endpoint = emulator().endpoint.clone();
    let host = endpoint.trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(host).await.expect("the emulator listens");
    // The emulator takes the service from the signature's scope and does not check the signature.
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=x"
    );
    let form = "application/x-www-form-urlencoded";
    let whole = format!(
        "{request} HTTP/1.1\r\nhost: {host}\r\nauthorization: {scope}\r\ncontent-type: {form}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(whole.as_bytes()).await.expect("the emulator listens");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("the emulator answers in text");
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    answer
}
