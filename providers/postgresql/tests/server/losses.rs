//! Connections that are lost in the middle of a piece of work: it is done all the same, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_value::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::Cluster;
use crate::project::{Project, Step};

const ROLE: &str = "postgresql_role";
const DATABASE: &str = "postgresql_database";

/// Stands before a server, and closes the one connection on which the last of so many answers
/// comes.
struct Cut {
    port: u16,
    left: Arc<AtomicUsize>,
}

impl Cut {
    async fn before(behind: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let counted = left.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, behind, counted.clone()));
            }
        });
        Self { port, left }
    }

    /// Whether it came to that.
    fn is_done(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

async fn carry(client: TcpStream, behind: u16, left: Arc<AtomicUsize>) {
    let server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there =
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut piece = [0; 16384];
    while let Ok(size @ 1..) = from_server.read(&mut piece).await {
        let before =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| (it > 0).then(|| it - 1));
        // The answer is not passed on, although the server has done what it is about.
        if before == Ok(1) || to_client.write_all(&piece[..size]).await.is_err() {
            break;
        }
    }
    there.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_answer_is_lost_it_is_done_and_once() {
    let direct = Project::new().await;
    let cut = Cut::before(direct.cluster.port).await;
    let project = Project::with(&[("port", Value::from(i64::from(cut.port)))]).await.unwrap();
    let owner = direct.create(ROLE, &[("name", Value::from("loser"))]).await.unwrap();
    let mut lost = 0;
    // Every fourth, which are enough of each kind.
    for answers in (1..).step_by(4) {
        let role = [
            ("name", Value::from("lost")),
            ("login", Value::from(true)),
            ("roles", crate::list(&["loser"])),
        ];
        cut.left.store(answers, Ordering::SeqCst);
        let made =
            project.create(ROLE, &role).await.unwrap_or_else(|it| panic!("answer {answers}: {it}"));
        let database = [("name", Value::from("lost")), ("owner", Value::from("loser"))];
        let within = project
            .create(DATABASE, &database)
            .await
            .unwrap_or_else(|it| panic!("answer {answers}: {it}"));
        let limited =
            [database[0].clone(), database[1].clone(), ("connection_limit", Value::from(7))];
        let within = project
            .update(DATABASE, &within, &limited)
            .await
            .unwrap_or_else(|it| panic!("answer {answers}: {it}"));
        direct.assert_settled(ROLE, &made).await;
        direct.assert_settled(DATABASE, &within).await;
        project
            .delete(DATABASE, &within)
            .await
            .unwrap_or_else(|it| panic!("answer {answers}: {it}"));
        project.delete(ROLE, &made).await.unwrap_or_else(|it| panic!("answer {answers}: {it}"));
        if !cut.is_done() {
            break;
        }
        lost += 1;
    }
    assert!(lost > 5, "only {lost} answers could be lost");
    direct.delete(ROLE, &owner).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_anew_in_the_middle_is_waited_for() {
    let cluster = Arc::new(Cluster::start());
    let project = Arc::new(Project::on(cluster.clone(), &[]).await.unwrap());
    let step = Step::new("restart");
    let making = {
        let (project, step) = (project.clone(), step.clone());
        tokio::spawn(async move {
            for index in 0..60 {
                let name = format!("restart {index}");
                project
                    .create_in(&step, false, ROLE, &[("name", Value::from(name.as_str()))])
                    .await?;
            }
            Ok::<_, ha_provider::Error>(())
        })
    };
    for _ in 0..2 {
        let count = || {
            cluster.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'restart %'")
        };
        let before = count();
        while count() == before && !making.is_finished() {}
        // When one of its processes dies, the server ends all others and starts again.
        let writer = cluster
            .sql("postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
        assert!(
            std::process::Command::new("kill")
                .args(["-KILL", writer.trim()])
                .status()
                .unwrap()
                .success()
        );
        cluster.wait();
    }
    making.await.unwrap().unwrap();
    let made = cluster.sql(
        "postgres",
        "SELECT count(DISTINCT rolname) FROM pg_roles WHERE rolname LIKE 'restart %'",
    );
    assert_eq!(made.trim(), "60");
}
