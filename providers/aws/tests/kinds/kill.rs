//! Kills: a step's calls pass through a proxy, and the step is dropped after each call in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_provider::{Error, RecordedValue};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::emulator::emulator;
use crate::world::{Journal, World, token, try_of};

/// A proxy that passes a number of calls on. The response to the last one is not returned.
pub(crate) struct Cut {
    pub(crate) endpoint: String,
    left: Arc<AtomicUsize>,
    killed: Arc<Notify>,
}

impl Cut {
    /// A proxy in front of `behind`, which passes all calls on until `after` is called.
    pub(crate) async fn before(behind: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("it listens"));
        let behind = behind.trim_start_matches("http://").to_owned();
        let (left, killed) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::new(Notify::new()));
        let (counted, told) = (left.clone(), killed.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (behind, left, killed) = (behind.clone(), counted.clone(), told.clone());
                tokio::spawn(async move {
                    // The end of a connection needs no handling.
                    let _ended = serve(client, &behind, &left, &killed).await;
                });
            }
        });
        Self { endpoint, left, killed }
    }

    /// Passes this many more calls on.
    pub(crate) fn after(&self, calls: usize) {
        self.left.store(calls, Ordering::SeqCst);
    }

    /// Waits until the last of these calls was passed on.
    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }
}

async fn serve(
    mut client: TcpStream,
    behind: &str,
    left: &AtomicUsize,
    killed: &Notify,
) -> std::io::Result<()> {
    let Some(request) = message(&mut client).await? else { return Ok(()) };
    let answer = passed_on(&request, behind).await?;
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
    if before.unwrap_or(0) <= 1 {
        killed.notify_one();
        return Ok(());
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// The response of a server to a request.
pub(crate) async fn passed_on(request: &[u8], behind: &str) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(behind).await?;
    // One response for each connection, so that the end of the connection is that of the response.
    let head = request.split(|it| *it == b'\n').next().unwrap_or_default().len() + 1;
    let mut asked = request[..head].to_vec();
    asked.extend_from_slice(b"connection: close\r\n");
    asked.extend_from_slice(&request[head..]);
    server.write_all(&asked).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// One request with its body.
pub(crate) async fn message(from: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let mut piece = [0; 16384];
    loop {
        if let Some(end) = message.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|it| it.strip_prefix("content-length:"))
                .map_or(0, |it| it.trim().parse().unwrap_or(0));
            if head.contains("expect: 100-continue") && message.len() == end + 4 {
                from.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            let chunked = head.contains("transfer-encoding: chunked");
            let whole = if chunked {
                message.ends_with(b"0\r\n\r\n")
            } else {
                message.len() >= end + 4 + length
            };
            if whole {
                return Ok(Some(message));
            }
        }
        match from.read(&mut piece).await? {
            0 => return Ok(None),
            read => message.extend_from_slice(&piece[..read]),
        }
    }
}

/// Creates a resource with a lost response to the first call, which the client retries.
pub(crate) async fn create_with_a_lost_answer(
    kind: &str,
    arguments: &Json,
) -> (World, RecordedValue) {
    let emulator = emulator();
    let cut = Cut::before(&emulator.endpoint).await;
    let world = World::at(emulator, &cut.endpoint).await.expect("the emulator answers");
    cut.after(1);
    let mut first = crate::world::attempt(kind);
    let again = async {
        cut.killed().await;
        cut.after(usize::MAX);
        std::future::pending::<()>().await;
    };
    let made = tokio::select! {
        made = world.try_create(kind, arguments, &mut first) => made.unwrap_or_else(|it| panic!("{kind}: {it}")),
        () = again => unreachable!("it never ends"),
    };
    (world, made)
}

/// Creates resources with a kill after each call in turn, and returns each with the number of
/// tries.
pub(crate) async fn create_under_kills(
    kind: &str,
    arguments: impl Fn() -> Json,
) -> Vec<(World, Json, RecordedValue)> {
    let emulator = emulator();
    let mut all = Vec::new();
    for calls in 1.. {
        let arguments = arguments();
        let cut = Cut::before(&emulator.endpoint).await;
        let hasty = World::at(emulator.clone(), &cut.endpoint).await.expect("the emulator answers");
        let (token, journal) = (token(), Arc::new(Journal::default()));
        cut.after(calls);
        let mut first = try_of(kind, &token, false, &journal);
        let whole = tokio::select! {
            made = hasty.try_create(kind, &arguments, &mut first) => Some(made),
            () = cut.killed() => None,
        };
        let world = World::new().await;
        let made = match whole {
            // The step made fewer calls, so it was not killed.
            Some(made) => return finished(kind, made, all, world, arguments),
            None => {
                world.try_create(kind, &arguments, &mut try_of(kind, &token, true, &journal)).await
            }
        };
        let made = made.unwrap_or_else(|it| panic!("{kind}: after {calls} calls: {it}"));
        let (found, _) = world.found(kind, &made).await;
        let differences = world.differences(kind, &arguments, &found.arguments);
        assert!(differences.is_empty(), "{kind}: after {calls} calls: {differences:#?}");
        all.push((world, arguments, found));
    }
    unreachable!("a step has an end");
}

fn finished(
    kind: &str,
    made: Result<RecordedValue, Error>,
    mut all: Vec<(World, Json, RecordedValue)>,
    world: World,
    arguments: Json,
) -> Vec<(World, Json, RecordedValue)> {
    assert!(!all.is_empty(), "{kind}: it was never killed");
    all.push((world, arguments, made.unwrap_or_else(|it| panic!("{kind}: {it}"))));
    all
}

/// Updates resources with a kill after each call in turn. `afresh` creates one to update; `look`
/// gets the updated one.
pub(crate) async fn update_under_kills<F>(
    kind: &str,
    arguments: impl Fn(&RecordedValue) -> Json,
    afresh: impl Fn() -> F,
    mut look: impl AsyncFnMut(&World, RecordedValue),
) where
    F: Future<Output = RecordedValue>,
{
    let emulator = emulator();
    for calls in 1.. {
        let before = afresh().await;
        let arguments = arguments(&before);
        let cut = Cut::before(&emulator.endpoint).await;
        let hasty = World::at(emulator.clone(), &cut.endpoint).await.expect("the emulator answers");
        let (token, journal) = (token(), Arc::new(Journal::default()));
        cut.after(calls);
        let mut first = try_of(kind, &token, false, &journal);
        let whole = tokio::select! {
            changed = hasty.try_update(kind, &before, &arguments, &mut first) => Some(changed),
            () = cut.killed() => None,
        };
        let world = World::new().await;
        let is_last = whole.is_some();
        let changed = match whole {
            Some(changed) => changed,
            None => {
                world
                    .try_update(
                        kind,
                        &before,
                        &arguments,
                        &mut try_of(kind, &token, true, &journal),
                    )
                    .await
            }
        };
        let changed = changed.unwrap_or_else(|it| panic!("{kind}: after {calls} calls: {it}"));
        let (found, _) = world.found(kind, &changed).await;
        let differences = world.differences(kind, &arguments, &found.arguments);
        assert!(differences.is_empty(), "{kind}: after {calls} calls: {differences:#?}");
        assert_eq!(
            found.outputs, changed.outputs,
            "{kind}: after {calls} calls a look gives other outputs"
        );
        look(&world, found).await;
        if is_last {
            return;
        }
    }
}
