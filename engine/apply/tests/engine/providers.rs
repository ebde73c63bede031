//! Providers: settings known at once, settings that a resource of the same run gives.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

/// A server, and databases in it that are reached through the server's outputs.
pub(crate) const SERVER: &str = r#"
    resource "server" "s" {
      name = "s"
      size = 1
    }
    provider "db" {
      address  = server.s.address
      password = var.password
    }
    variable "password" {
      default   = "hush"
      sensitive = true
    }
    resource "database" "main" {
      name  = "main"
      owner = "me"
    }
    resource "table" "t" {
      name = "t"
      in   = database.main.id
    }
"#;

#[tokio::test]
async fn a_provider_may_depend_on_new_resources() {
    let project = Project::new();
    assert_data_eq!(
        project.apply(SERVER).await,
        str![[r#"
+ database.main name="main", owner="me" because of provider.db from server.s
+ server.s name="s", size=1
+ table.t in=?(database.main.id), name="t" because of database.main, provider.db from server.s

"#]]
    );
    let calls = ["create server.s", "create database.main", "create table.t"];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1]), (calls[1], calls[2])]);
    assert_data_eq!(
        project.apply(&SERVER.replace("\"me\"", "\"you\"")).await,
        str![[r#"
~ database.main owner: "me" -> "you"

"#]]
    );
    // The server comes first also when everything is to be deleted by its record alone.
    let state = project.state();
    let provider = &state.providers[&ha_state_model::ProviderName::new("db")];
    assert_eq!(
        provider.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["server.s"]
    );
    assert!(provider.settings["password"].is_sensitive());
}

#[tokio::test]
async fn a_plan_shows_provider_identities() {
    let project = Project::new();
    let text =
        "provider \"mock\" { region = \"north\" }\nresource \"thing\" \"a\" { name = \"a\" }";
    let plan = project.try_plan(text).await.unwrap();
    let facts: Vec<String> =
        plan.identities.iter().map(|it| format!("{}: {:?}", it.provider, it.facts)).collect();
    assert_eq!(facts, ["mock: [(\"region\", \"north\")]"]);
    // An unused provider is not connected.
    project.world.look().calls.clear();
    let plan = project.try_plan("provider \"mock\" { region = \"north\" }").await.unwrap();
    assert!(plan.identities.is_empty() && project.world.look().calls.is_empty());
}

#[tokio::test]
async fn an_unused_provider_is_removed_from_the_state() {
    let project = Project::new();
    project.apply(SERVER).await;
    assert_eq!(project.state().providers.len(), 2);
    let less = "resource \"server\" \"s\" {\n name = \"s\"\n size = 1\n}";
    project.apply(less).await;
    let state = project.state();
    assert_eq!(state.providers.keys().map(ToString::to_string).collect::<Vec<_>>(), ["mock"]);
}

#[tokio::test]
async fn missing_provider_settings_are_reported() {
    let project = Project::new();
    assert_data_eq!(
        project.plan("resource \"database\" \"d\" { name = \"d\" }").await,
        str![[r#"
the provider `db` is not configured: the argument `address` is required [database.d]

"#]]
    );
    assert_data_eq!(
        project.plan("provider \"db\" {\n adress = \"x\"\n}\nresource \"database\" \"d\" { name = \"d\" }").await,
        str![[r#"
there is no argument `adress` here

"#]]
    );
    assert_data_eq!(
        project.plan("provider \"moc\" {}").await,
        str![[r#"
there is no provider `moc`

"#]]
    );
}

#[tokio::test]
async fn an_unreachable_server_stops_its_contents() {
    let project = Project::new();
    project.apply(SERVER).await;
    // The server is replaced by hand by one at another address: all that was in it is gone with it.
    project.world.take_away("server", "s");
    assert_data_eq!(
        project.apply(SERVER).await,
        str![[r#"
+ database.main [Gone] name="main", owner="me" because of provider.db from server.s
+ server.s [Gone] name="s", size=1
+ table.t [Gone] in=?(database.main.id), name="t" because of database.main, provider.db from server.s
! database.main gone
! server.s gone
! table.t gone

"#]]
    );
    assert_eq!(project.world.count(), 3);
}

#[tokio::test]
async fn settings_that_change_are_recorded() {
    let project = Project::new();
    project.apply(SERVER).await;
    let rotated = SERVER.replace("\"hush\"", "\"hush now\"");
    project.run(&rotated, ha_plan::PlanMode::Normal).await.unwrap();
    let provider = &project.state().providers[&ha_state_model::ProviderName::new("db")];
    assert_eq!(provider.settings["password"], ha_value::Value::from("hush now").sensitive());
}

#[tokio::test]
async fn objects_at_the_recorded_settings_are_not_gone() {
    let project = Project::new();
    let text = |region: &str| {
        format!(
            "provider \"mock\" {{ region = \"{region}\" }}\nresource \"thing\" \"a\" {{ name = \"a\" }}"
        )
    };
    project.apply(&text("north")).await;
    project.world.look().nothing_in = Some("south".into());
    assert_data_eq!(
        project.plan(&text("south")).await,
        str![[r#"
warning: the provider `mock` has other settings than when it created the recorded objects

"#]]
    );
    project.world.take_away("thing", "a");
    assert_data_eq!(
        project.plan(&text("south")).await,
        str![[r#"
+ thing.a [Gone] digest="digest of nothing", name="a", size=1
! thing.a gone

"#]]
    );
}
