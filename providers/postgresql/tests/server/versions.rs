//! What differs from one version of the server to the next, on each version that is here.

use std::sync::Arc;

use ha_provider::{ReadingValue, RecordedValue};
use ha_value::Value;

use crate::cluster::{Cluster, homes, versions};
use crate::list;
use crate::project::{Project, Step};

const ROLE: &str = "postgresql_role";
const DATABASE: &str = "postgresql_database";

/// Somebody who may do anything, for what the master user may not.
async fn chief(cluster: &Arc<Cluster>, name: &str) -> Project {
    cluster.sql("postgres", &format!("CREATE ROLE {name} SUPERUSER LOGIN PASSWORD 'chief'"));
    Project::on(
        cluster.clone(),
        &[("username", Value::from(name)), ("password", Value::from("chief"))],
    )
    .await
    .unwrap()
}

fn role(name: &str, roles: &[&str], inherit: bool) -> Vec<(&'static str, Value)> {
    let name = Value::from(name);
    vec![("name", name), ("roles", list(roles)), ("inherit", Value::from(inherit))]
}

fn membership(role: &str, options: &[(&str, bool)]) -> Value {
    let options = options.iter().map(|(name, is)| ((*name).into(), Value::from(*is)));
    Value::tuple([Value::object(
        std::iter::once(("role".into(), Value::from(role))).chain(options),
    )])
}

#[tokio::test]
async fn a_membership_inherits_as_configured() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        let group = project.create(ROLE, &[("name", Value::from("inherited"))]).await.unwrap();
        let has = |right: &str| {
            cluster.sql("postgres", &format!("SELECT pg_has_role('heir', 'inherited', '{right}')"))
        };
        let mut heir = project.create(ROLE, &role("heir", &["inherited"], true)).await.unwrap();
        for inherit in [true, false, true, false] {
            heir =
                project.update(ROLE, &heir, &role("heir", &["inherited"], inherit)).await.unwrap();
            project.assert_settled(ROLE, &heir).await;
            let expected = if inherit { "t" } else { "f" };
            assert_eq!(
                (has("USAGE").as_str(), has("MEMBER").as_str()),
                (expected, "t"),
                "version {}",
                cluster.major
            );
        }
        project.delete(ROLE, &heir).await.unwrap();
        let heir = project.create(ROLE, &role("heir", &["inherited"], false)).await.unwrap();
        assert_eq!(has("USAGE"), "f");
        project.delete(ROLE, &heir).await.unwrap();
        project.delete(ROLE, &group).await.unwrap();
    }
}

#[tokio::test]
async fn options_granted_by_hand_are_revoked() {
    for cluster in versions() {
        let project = chief(&cluster, "grants_chief").await;
        let group = project.create(ROLE, &[("name", Value::from("granted"))]).await.unwrap();
        let given = role("grantee", &["granted"], true);
        let mut made = project.create(ROLE, &given).await.unwrap();
        let mut by_hand = vec![
            "GRANT granted TO grantee WITH ADMIN OPTION",
            "CREATE ROLE extra_grant; GRANT extra_grant TO grantee",
        ];
        if cluster.major >= 16 {
            by_hand.extend([
                "GRANT granted TO grantee WITH INHERIT FALSE",
                "GRANT granted TO grantee WITH SET FALSE",
            ]);
            // By somebody else, beside the grant that is there.
            cluster.sql(
                "postgres",
                "CREATE ROLE other_grantor; GRANT granted TO other_grantor WITH ADMIN OPTION",
            );
            by_hand.push("GRANT granted TO grantee WITH ADMIN OPTION GRANTED BY other_grantor");
        }
        for change in by_hand {
            cluster.sql("postgres", change);
            let seen = project.seen(ROLE, &made).await;
            let differs = seen["roles"] != made.arguments["roles"]
                || seen["membership"] != made.arguments["membership"];
            assert!(differs, "version {}: {change}", cluster.major);
            let drifted = RecordedValue { arguments: seen, ..made.clone() };
            made = project.update(ROLE, &drifted, &given).await.unwrap();
            project.assert_settled(ROLE, &made).await;
        }
        let admin = "SELECT pg_has_role('grantee', 'granted', 'USAGE WITH ADMIN OPTION')";
        assert_eq!(cluster.sql("postgres", admin), "f");
        project.delete(ROLE, &made).await.unwrap();
        cluster.sql("postgres", "DROP ROLE IF EXISTS other_grantor; DROP ROLE extra_grant");
        project.delete(ROLE, &group).await.unwrap();
        cluster.sql("postgres", "DROP ROLE grants_chief");
    }
}

#[tokio::test]
async fn grants_the_configured_options() {
    for cluster in versions() {
        let project = chief(&cluster, "options_chief").await;
        let group = project.create(ROLE, &[("name", Value::from("optional"))]).await.unwrap();
        let given = |options: &[(&str, bool)]| {
            vec![("name", Value::from("chooser")), ("membership", membership("optional", options))]
        };
        let mut made = project.create(ROLE, &given(&[("admin", true)])).await.unwrap();
        project.assert_settled(ROLE, &made).await;
        let narrow = given(&[("inherit", false), ("set", false)]);
        if cluster.major < 16 {
            let error = project.update(ROLE, &made, &narrow).await.unwrap_err();
            assert!(error.to_string().contains("takes PostgreSQL 16 or later"), "{error}");
        } else {
            made = project.update(ROLE, &made, &narrow).await.unwrap();
            project.assert_settled(ROLE, &made).await;
            let options = "SELECT admin_option, inherit_option, set_option FROM pg_auth_members WHERE member = 'chooser'::regrole";
            assert_eq!(cluster.sql("postgres", options), "f|f|f");
        }
        // The block goes, and the membership with it.
        made = project.update(ROLE, &made, &[("name", Value::from("chooser"))]).await.unwrap();
        project.assert_settled(ROLE, &made).await;
        assert_eq!(
            cluster.sql("postgres", "SELECT pg_has_role('chooser', 'optional', 'MEMBER')"),
            "f"
        );
        project.delete(ROLE, &made).await.unwrap();
        project.delete(ROLE, &group).await.unwrap();
        cluster.sql("postgres", "DROP ROLE options_chief");
    }
}

#[tokio::test]
async fn a_grant_of_another_role_is_revoked_or_its_grantor_named() {
    for cluster in versions().into_iter().filter(|it| it.major >= 16) {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        let group = project.create(ROLE, &[("name", Value::from("theirs"))]).await.unwrap();
        let mut made = project.create(ROLE, &[("name", Value::from("taker"))]).await.unwrap();
        cluster.sql("postgres", "GRANT theirs TO taker");
        made.arguments = project.seen(ROLE, &made).await;
        let error =
            project.update(ROLE, &made, &[("name", Value::from("taker"))]).await.unwrap_err();
        assert!(format!("{error} {:?}", error.help).contains("postgres"), "{error:?}");
        cluster.sql("postgres", "REVOKE theirs FROM taker");
        // What the role grants on keeps its own right in place, and the role.
        cluster.sql("postgres", "CREATE ROLE third");
        let with_admin = [
            ("name", Value::from("taker")),
            ("membership", membership("theirs", &[("admin", true)])),
        ];
        let made = project.update(ROLE, &made, &with_admin).await.unwrap();
        cluster.sql("postgres", "SET ROLE taker; GRANT theirs TO third");
        for refused in [
            project.update(ROLE, &made, &[("name", Value::from("taker"))]).await.map(|_| ()),
            project.delete(ROLE, &made).await,
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.code.as_deref(), Some("2BP01"), "{error}");
            assert!(
                error.help[0].contains("REVOKE theirs FROM third GRANTED BY taker"),
                "{error:?}"
            );
        }
        cluster.sql("postgres", "REVOKE theirs FROM third GRANTED BY taker; DROP ROLE third");
        project.delete(ROLE, &made).await.unwrap();
        project.delete(ROLE, &group).await.unwrap();
    }
}

#[tokio::test]
async fn keeps_the_admin_option_that_the_server_grants_a_creator() {
    for cluster in versions() {
        let project = chief(&cluster, "maker_chief").await;
        let given = [("name", Value::from("maker")), ("create_role", Value::from(true))];
        let made = project.create(ROLE, &given).await.unwrap();
        cluster.sql("postgres", "SET ROLE maker; CREATE ROLE made_by_maker");
        project.assert_settled(ROLE, &made).await;
        cluster.sql("postgres", "DROP ROLE made_by_maker");
        project.delete(ROLE, &made).await.unwrap();
        cluster.sql("postgres", "DROP ROLE maker_chief");
    }
}

#[tokio::test]
async fn names_change_in_place_and_are_found_after_a_kill() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        let owner = [
            ("name", Value::from("old owner")),
            ("login", Value::from(true)),
            ("password", Value::from("hush hush")),
        ];
        let old_owner = project.create(ROLE, &owner).await.unwrap();
        let given = [("name", Value::from("old name")), ("owner", Value::from("old owner"))];
        let old = project.create(DATABASE, &given).await.unwrap();
        cluster.sql("old name", "CREATE TABLE kept AS SELECT 7 AS seven");

        let owner = [("name", Value::from("new owner")), owner[1].clone(), owner[2].clone()];
        let new_owner = project.update(ROLE, &old_owner, &owner).await.unwrap();
        assert_eq!(new_owner.id, "new owner");
        project.assert_settled(ROLE, &new_owner).await;
        assert_eq!(
            cluster.sql_as("'new owner'", "hush hush", "postgres", "SELECT 1"),
            Ok("1".into())
        );
        let given = [("name", Value::from("new name")), ("owner", Value::from("new owner"))];
        let new = project.update(DATABASE, &old, &given).await.unwrap();
        assert_eq!(new.id, "new name");
        project.assert_settled(DATABASE, &new).await;
        assert_eq!(cluster.sql("new name", "SELECT seven FROM kept"), "7");
        // A run that was killed before it could record that finds them by what does not change.
        for (kind, old, new) in [(ROLE, &old_owner, "new owner"), (DATABASE, &old, "new name")] {
            let ReadingValue::Found { arguments, outputs, .. } =
                project.read(kind, &[old]).await.remove(0)
            else {
                panic!("{kind} is found")
            };
            assert_eq!(
                (&arguments["name"], &outputs["id"]),
                (&Value::from(new), &Value::from(new))
            );
        }
        // The same once more, on what is renamed already.
        let again = project.update(DATABASE, &old, &given).await.unwrap();
        project.assert_settled(DATABASE, &again).await;
        project.delete(DATABASE, &again).await.unwrap();
        project.delete(ROLE, &new_owner).await.unwrap();
        assert_eq!(project.read(DATABASE, &[&old]).await, [ReadingValue::Gone]);
    }
}

#[tokio::test]
async fn an_oid_of_another_cluster_is_ignored() {
    let project = Project::new().await;
    project.cluster.sql("postgres", "CREATE ROLE stranger");
    let made = project.create(ROLE, &[("name", Value::from("moved away"))]).await.unwrap();
    let oid =
        project.cluster.sql("postgres", "SELECT oid FROM pg_roles WHERE rolname = 'stranger'");
    let mut elsewhere = made.clone();
    elsewhere.outputs.insert("identity".into(), Value::from(format!("1/{oid}")));
    project.delete(ROLE, &made).await.unwrap();
    assert_eq!(project.read(ROLE, &[&elsewhere]).await, [ReadingValue::Gone]);
    project.cluster.sql("postgres", "DROP ROLE stranger");
}

#[tokio::test]
async fn an_extension_is_found_in_a_database_that_was_renamed() {
    let project = Project::new().await;
    let database = project.create(DATABASE, &[("name", Value::from("before it"))]).await.unwrap();
    let given = [("name", Value::from("hstore")), ("database", Value::from("before it"))];
    let made = project.create("postgresql_extension", &given).await.unwrap();
    let database =
        project.update(DATABASE, &database, &[("name", Value::from("after it"))]).await.unwrap();
    let seen = project.seen("postgresql_extension", &made).await;
    assert_eq!(seen["database"], Value::from("after it"));
    let given = [("name", Value::from("hstore")), ("database", Value::from("after it"))];
    let made = project.update("postgresql_extension", &made, &given).await.unwrap();
    assert_eq!(made.id, "after it.hstore");
    project.assert_settled("postgresql_extension", &made).await;
    project.delete(DATABASE, &database).await.unwrap();
}

#[tokio::test]
async fn compares_passwords_with_the_server() {
    for cluster in versions() {
        let master = Project::on(cluster.clone(), &[]).await.unwrap();
        let chief = chief(&cluster, "password_chief").await;
        let given = [
            ("name", Value::from("guarded")),
            ("login", Value::from(true)),
            ("password", Value::from("first one")),
        ];
        let made = master.create(ROLE, &given).await.unwrap();
        let is_seen = async |project: &Project| {
            project.seen(ROLE, &made).await.get("password") == Some(&Value::from("first one"))
        };
        assert!(is_seen(&master).await && is_seen(&chief).await);
        // Who may not connect to the database has proven who they are all the same.
        for change in [
            "CONNECTION LIMIT 0",
            "NOLOGIN",
            "LOGIN CONNECTION LIMIT -1 VALID UNTIL '2001-01-01'",
            "VALID UNTIL 'infinity'",
        ] {
            cluster.sql("postgres", &format!("ALTER ROLE guarded {change}"));
            assert!(is_seen(&master).await && is_seen(&chief).await, "{change}");
        }
        for change in ["PASSWORD 'another one'", "PASSWORD NULL"] {
            cluster.sql("postgres", &format!("ALTER ROLE guarded {change}"));
            assert!(
                !is_seen(&master).await && !is_seen(&chief).await,
                "version {}: {change}",
                cluster.major
            );
        }
        let mut drifted = made.clone();
        drifted.arguments = master.seen(ROLE, &made).await;
        let made = master.update(ROLE, &drifted, &given).await.unwrap();
        assert_eq!(cluster.sql_as("guarded", "first one", "postgres", "SELECT 1"), Ok("1".into()));
        master.assert_settled(ROLE, &made).await;
        master.delete(ROLE, &made).await.unwrap();
        cluster.sql("postgres", "DROP ROLE password_chief");
    }
}

#[tokio::test]
async fn a_database_sorts_by_the_configured_locale() {
    for home in homes() {
        let has_icu = std::fs::read(home.join("bin/postgres"))
            .unwrap()
            .windows(10)
            .any(|it| it == b"libicui18n");
        if !has_icu {
            continue;
        }
        let cluster = Arc::new(Cluster::at(
            &home,
            &["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"],
        ));
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        let sorted = |database: &str| {
            cluster.sql(
                database,
                "SELECT string_agg(x, ' ' ORDER BY x) FROM unnest(ARRAY['b', 'B', 'a']) x",
            )
        };
        let plain = project.create(DATABASE, &[("name", Value::from("by_icu"))]).await.unwrap();
        assert_eq!(sorted("by_icu"), "a b B");
        project.assert_settled(DATABASE, &plain).await;
        let by_locale = [
            ("name", Value::from("by_locale")),
            ("lc_collate", Value::from("C")),
            ("lc_ctype", Value::from("C")),
        ];
        let made = project.create(DATABASE, &by_locale).await.unwrap();
        assert_eq!(sorted("by_locale"), "B a b", "version {}", cluster.major);
        project.assert_settled(DATABASE, &made).await;
    }
}

#[tokio::test]
async fn supports_direct_tls() {
    for cluster in versions().into_iter().filter(|it| it.major >= 17 && it.has_tls) {
        let project = Project::on(cluster.clone(), &[("sslnegotiation", Value::from("direct"))])
            .await
            .unwrap();
        let made = project
            .create_in(&Step::new("direct"), false, ROLE, &[("name", Value::from("directly"))])
            .await
            .unwrap();
        project.assert_settled(ROLE, &made).await;
        project.delete(ROLE, &made).await.unwrap();
    }
}
