//! Ctrl-C at a terminal, while a step waits for a server that does not answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Project;

/// The byte that a terminal sends for Ctrl-C.
const CTRL_C: &[u8] = b"\x03";

/// A server that accepts connections and never answers.
struct Silent {
    listener: TcpListener,
}

impl Silent {
    fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// Returns three steps, of which the second waits for the server. Its address depends on the
    /// first step, so that planning does not connect.
    fn stack(&self) -> String {
        let port = self.listener.local_addr().unwrap().port();
        format!(
            r#"
resource "ha_data" "first" {{}}

provider "postgresql" {{
  host            = replace(ha_data.first.id, "/.*/", "127.0.0.1")
  port            = {port}
  username        = "ha"
  password        = "a password of ours"
  sslmode         = "disable"
  connect_timeout = 60
}}

resource "postgresql_database" "slow" {{
  name = "slow"
}}

resource "ha_data" "last" {{
  input = postgresql_database.slow.id
}}
"#
        )
    }

    /// Waits for a connection.
    fn connected(&self) -> TcpStream {
        self.listener.accept().unwrap().0
    }
}

/// A command with its own terminal.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Receiver<String>,
    seen: String,
}

impl Terminal {
    fn run(project: &Project, arguments: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_ha");
        let mut command = Command::new("script");
        command.args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &format!("{program} {arguments}"),
            "/dev/null",
        ]);
        command
            .current_dir(project.directory.path())
            .env_clear()
            .env("HOME", project.home.path())
            .env("PATH", "/usr/bin:/bin");
        command.env("SHELL", "/bin/sh").env("TERM", "xterm");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (keys, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (printed, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                if printed.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, screen, seen: String::new() }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until a string is on the screen.
    fn sees(&mut self, text: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.seen.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(more) => self.seen += &more,
                Err(_) => panic!("`{text}` is not on the screen:\n{}", self.seen),
            }
        }
    }

    /// Returns the exit code and the content of the screen.
    fn ends(mut self) -> (i32, String) {
        while let Ok(more) = self.screen.recv_timeout(Duration::from_secs(30)) {
            self.seen += &more;
        }
        (self.child.wait().unwrap().code().unwrap(), self.seen)
    }
}

#[test]
fn the_first_interrupt_waits_for_running_steps() {
    let silent = Silent::new();
    let project = Project::new(&silent.stack());
    let mut terminal = Terminal::run(&project, "apply");
    terminal.sees("Only `yes` is taken for one");
    terminal.press(b"yes\n");
    let connection = silent.connected();
    terminal.press(CTRL_C);
    terminal.sees("stopping: one step under way is brought to its end");
    // The closed connection ends the step that was waiting.
    drop((connection, silent));
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    let printed = plain(&screen);
    for text in [
        "done         ha_data.first  created",
        "half done    postgresql_database.slow  not created yet; left to do: ",
        "not started  ha_data.last",
    ] {
        assert!(printed.contains(text), "`{text}` is not in:\n{printed}");
    }
    assert_eq!(project.done(&["state", "list"]), "ha_data.first\n");
}

#[test]
fn the_second_interrupt_abandons_running_steps() {
    let silent = Silent::new();
    let project = Project::new(&silent.stack());
    let mut terminal = Terminal::run(&project, "apply --yes");
    let _connection = silent.connected();
    terminal.press(CTRL_C);
    terminal.sees("stopping: ");
    terminal.press(CTRL_C);
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(
        plain(&screen).contains("under way    postgresql_database.slow  creating for"),
        "{screen}"
    );
    // The completed step is recorded, and the lock is released.
    assert_eq!(project.done(&["state", "list"]), "ha_data.first\n");
    project.done(&["state", "rm", "ha_data.first"]);
}

#[test]
fn an_interrupt_at_the_prompt_means_no() {
    let silent = Silent::new();
    let project = Project::new(&silent.stack());
    let mut terminal = Terminal::run(&project, "apply");
    terminal.sees("Only `yes` is taken for one");
    terminal.press(CTRL_C);
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.contains("interrupted"), "{screen}");
    assert_eq!(project.done(&["state", "list"]), "");
}

/// Removes escape sequences.
fn plain(screen: &str) -> String {
    let mut plain = String::new();
    let mut rest = screen;
    while let Some((before, behind)) = rest.split_once('\x1b') {
        plain += before;
        rest = behind.trim_start_matches(|it: char| !it.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain + rest
}
