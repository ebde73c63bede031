//! A proxy that responds as a service does seldom, or an emulator never.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::kill::{message, passed_on};

/// Decides about a request by its head, which is given in lower case.
type Script = Box<dyn FnMut(&str) -> Becomes + Send>;

/// The treatment of a request.
pub(crate) enum Becomes {
    /// It is passed on, and its response returned.
    Answered,
    /// It is passed on without this header, and its response returned.
    Without(&'static str),
    /// It is not passed on, and this response returned.
    Refused(u16, &'static str),
    /// It is passed on, and this response returned instead of its own.
    Misreported(u16, &'static str),
    /// It is passed on, and the connection ends without a response.
    Unanswered,
}

/// A proxy in front of a service.
pub(crate) struct Scripted {
    pub(crate) endpoint: String,
}

impl Scripted {
    pub(crate) async fn before(
        behind: &str,
        script: impl FnMut(&str) -> Becomes + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("it listens"));
        let behind = behind.trim_start_matches("http://").to_owned();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (behind, script) = (behind.clone(), script.clone());
                tokio::spawn(async move {
                    // The end of a connection needs no handling.
                    let _ended = serve(client, &behind, &script).await;
                });
            }
        });
        Self { endpoint }
    }
}

async fn serve(mut client: TcpStream, behind: &str, script: &Mutex<Script>) -> std::io::Result<()> {
    let Some(request) = message(&mut client).await? else { return Ok(()) };
    let end = request.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(request.len());
    let head = String::from_utf8_lossy(&request[..end]).into_owned();
    let becomes = (script.lock().expect("no one panics in a script"))(&head.to_lowercase());
    let answer = match becomes {
        Becomes::Answered => passed_on(&request, behind).await?,
        Becomes::Without(header) => {
            let is_it = |line: &&str| line.to_lowercase().starts_with(&format!("{header}:"));
            let kept: Vec<&str> = head.split("\r\n").filter(|it| !is_it(it)).collect();
            passed_on(&[kept.join("\r\n").as_bytes(), &request[end..]].concat(), behind).await?
        }
        Becomes::Refused(status, code) => answer(status, code),
        Becomes::Misreported(status, code) => {
            passed_on(&request, behind).await?;
            answer(status, code)
        }
        Becomes::Unanswered => {
            passed_on(&request, behind).await?;
            return Ok(());
        }
    };
    client.write_all(&answer).await?;
    client.shutdown().await
}

fn answer(status: u16, code: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>As the script says</Message></Error>"
    );
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/xml\r\ncontent-length: {}",
        body.len()
    );
    format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}
