use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_provider::{Error, ReadingValue, RecordedValue};
use ha_value::Value;

use crate::object;
use crate::project::{Project, Step};

const KIND: &str = "postgresql_role";

fn recorded() -> RecordedValue {
    let defaults = [("login", Value::from(false)), ("name", Value::from("recorded"))];
    RecordedValue { id: "recorded".into(), arguments: object(&defaults), outputs: object(&[]) }
}

/// What comes of a try to make a role with these settings.
async fn refused(changed: &[(&str, Value)]) -> Error {
    let mut changed = changed.to_vec();
    changed.push(("connect_timeout", Value::from(1)));
    let project = match Project::with(&changed).await {
        Ok(project) => project,
        Err(error) => return error,
    };
    project.create(KIND, &[("name", Value::from("never made"))]).await.unwrap_err()
}

async fn accepted(changed: &[(&str, Value)]) {
    let project = Project::with(changed).await.unwrap();
    assert_eq!(project.read(KIND, &[&recorded()]).await, [ReadingValue::Gone]);
}

#[tokio::test]
async fn every_mode_of_tls_is_as_strict_as_it_says() {
    let other = other_authority();
    let mode = |mode: &str| ("sslmode", Value::from(mode));
    let authority = |text: Value| ("ca_certificate", text);
    for it in ["prefer", "require"] {
        accepted(&[mode(it), authority(Value::NULL)]).await;
    }
    for it in ["require", "verify-ca", "verify-full"] {
        accepted(&[mode(it)]).await;
        let error = refused(&[mode(it), authority(Value::from(other.as_str()))]).await;
        assert!(error.help.iter().any(|it| it.contains("of another authority")), "{it}: {error:?}");
    }
    // The certificate is for 127.0.0.1, not for this name of the same address.
    let name = ("host", Value::from("localhost"));
    accepted(&[mode("verify-ca"), name.clone()]).await;
    let error = refused(&[mode("verify-full"), name]).await;
    assert!(error.help.iter().any(|it| it.contains("for other names")), "{error:?}");
    let error = refused(&[mode("disable")]).await;
    assert_eq!(error.code.as_deref(), Some("28000"), "{error}");
    assert!(error.help.iter().any(|it| it.contains("must not be `disable`")), "{error:?}");
    let error = refused(&[mode("verify-full"), authority(Value::NULL)]).await;
    assert!(error.to_string().contains("none is given"), "{error}");
}

#[tokio::test]
async fn an_authority_may_be_a_file() {
    let cluster = crate::cluster::cluster();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &cluster.authority).unwrap();
    let at = |path: &str| [("ca_certificate", Value::NULL), ("sslrootcert", Value::from(path))];
    accepted(&at(file.path().to_str().unwrap())).await;
    let error = refused(&at("/nowhere/ca.pem")).await;
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_reported_at_once_and_not_shown() {
    let error = refused(&[("password", Value::from("wrong-one"))]).await;
    assert_eq!(error.code.as_deref(), Some("28P01"));
    assert!(
        error.to_string().starts_with("could not connect to the database `postgres` at 127.0.0.1:"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("wrong-one"));
    let project = Project::with(&[("password", Value::from("wrong-one"))]).await.unwrap();
    assert!(matches!(&project.read(KIND, &[&recorded()]).await[0], ReadingValue::Unchecked(_)));
}

#[tokio::test]
async fn a_claim_to_be_a_superuser_is_checked() {
    let error = refused(&[("superuser", Value::from(true))]).await;
    assert!(error.to_string().contains("`master` is not a superuser"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_away_leaves_things_unchecked() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let project = Project::with(&[("port", Value::from(i64::from(port)))]).await.unwrap();
    let began = Instant::now();
    for kind in [KIND, "postgresql_database"] {
        let ReadingValue::Unchecked(reason) = project.read(kind, &[&recorded()]).await.remove(0)
        else {
            panic!("unchecked")
        };
        assert!(
            reason.contains(&format!("127.0.0.1:{port}")) && reason.contains("refused"),
            "{reason}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_change_waits_for_a_server_that_comes_back() {
    let here = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = here.local_addr().unwrap().port();
    drop(here);
    let project = Project::with(&[("port", Value::from(i64::from(port)))]).await.unwrap();
    let step = Step::new("waiting");
    let (journal, behind) = (step.journal.clone(), project.cluster.port);
    // The server appears at that port only once the wait was reported.
    let appears = tokio::spawn(async move {
        while journal.progress.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server =
                    tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let made =
        project.create_in(&step, false, KIND, &[("name", Value::from("patient"))]).await.unwrap();
    let reported = step.journal.progress.lock().unwrap()[0].clone();
    assert!(
        reported.starts_with(&format!("waiting for PostgreSQL at 127.0.0.1:{port}: ")),
        "{reported}"
    );
    project.delete(KIND, &made).await.unwrap();
    appears.abort();
}

#[tokio::test]
async fn many_steps_at_once_are_not_in_each_others_way() {
    let project = Arc::new(Project::new().await);
    let owner = project.create(KIND, &[("name", Value::from("of many"))]).await.unwrap();
    let make = |index: usize| {
        let project = project.clone();
        async move {
            let name = format!("one of many {index}");
            let role = project
                .create(
                    KIND,
                    &[("name", Value::from(name.as_str())), ("roles", crate::list(&["of many"]))],
                )
                .await?;
            let given = [("name", Value::from(name.as_str())), ("owner", Value::from("of many"))];
            let database = project.create("postgresql_database", &given).await?;
            project.delete("postgresql_database", &database).await?;
            project.delete(KIND, &role).await
        }
    };
    let done = futures::future::join_all((0..8).map(make)).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    project.delete(KIND, &owner).await.unwrap();
}

fn other_authority() -> String {
    let mut about = rcgen::CertificateParams::default();
    about.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    about.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}
