use base64::Engine as _;
use ha_plan::{AddressMove, ChangeReason, Difference, Plan};
use ha_value::Value;
use snapbox::str;

use super::super::redaction::SecretVisibility;
use super::super::report::plan_secrets;
use super::super::test_data::{
    assert_keeps_secret, change, check, clear, everything, nothing, object, parts, secret, secrets,
};
use super::*;

fn rendered(plan: &Plan, detail: DetailLevel, paint: Painter) -> String {
    let secrets = plan_secrets(plan);
    plan_text(
        &PlanReport::new(plan, "payments", &secrets, SecretVisibility::Redacted),
        detail,
        paint,
    )
}

fn of_update(before: Value, after: Value) -> String {
    let mut update = change("a.b", Action::Update);
    update.before = Some(object(&[("text", before)]));
    update.after = Some(object(&[("text", after)]));
    update.differences = vec![Difference { path: Path::attribute("text"), replaces: false }];
    rendered(&Plan { changes: vec![update], ..nothing() }, DetailLevel::Changed, Painter::PLAIN)
}

#[test]
fn everything_plain() {
    check(
        &rendered(&everything(), DetailLevel::Changed, Painter::PLAIN),
        str![[r#"
ha [VERSION] · payments · aws 123456789012 eu-west-1 · state 12

An earlier run stopped half-way; apply finishes these first
      tls_ca.root

<=  data.aws_ami.app                    read during apply
      owner    (known after apply: aws_vpc.main.owner)
      because  its arguments are known only during apply

+   mongodb_host.db[2]                  create                        main.hcl:4
      bind      ["127.0.0.1", "db-3.int"]
      hostname  "db-3.int"
      keyfile   (sensitive)
      network   (known after apply: aws_vpc.main.id)
      (known after apply)  id, private_key (sensitive), version

~   aws_launch_template.app             update in place               main.hcl:4
      policy          +1 -1 of 9 lines
        @@ 1,7 -> 1,7 @@
          {
            "Statement": [
              {
        -       "Action": "s3:Get*",
        +       "Action": "s3:*",
                "Effect": "Allow"
              }
            ],
      tags["my key"]  + "y"
      tags.old        - "x"
      tags.team       "ops" -> "platform"
      user_data       +2 -2 of 8 lines
        @@ 3,6 -> 3,6 @@
          servers:
            - a
            - b
        - port: 80
        - MONGO_URI=mongodb://circle:(sensitive)@db-1,db-2/app
        + port: 8080
        + MONGO_URI=mongodb://circle:(sensitive, changed)@db-1,db-2/app
          exit 0
      (known after apply)  latest_version
      seen            mongod on 10.0.0.1:27017 is not running
      because of      data.userdata.app <- var.port
      then            moves the group, not its running member
      disrupts        restarts mongod
      1 unchanged

-   aws_s3_bucket.b (deposed 00c0ffee)  destroy

-   postgresql_database.old["a b"]      destroy
      name       "x"
      goes with  aws_db_instance.old, without a call of its own

-   postgresql_role.old                 destroy
      name     "old"
      because  its block is no longer in the configuration
      1 unchanged

-/+ aws_db_instance.main                REPLACE, LOSES DATA
      storage_encrypted  false -> true  forces replacement
      password           (sensitive, unchanged)
      (known after apply)  endpoint
      loses data         412 GiB, no final snapshot
      1 unchanged

Changed outside ha (1)
    aws_security_group.db differs; the configuration does not mind
      ingress[0]  "10.0.0.0/8" -> "0.0.0.0/0"

Could not be looked at; taken to be as recorded (1)
?   mongodb_host.db[0]  connection timed out after 10 s

Outputs
      ca_file  + "/etc/ca.pem"
      uri      (sensitive, changed)
      was      - "gone"

mongodb/rs0: 3 members are disrupted, at most 1 at a time

Plan: 1 to create, 1 to update, 1 to replace, 3 to destroy, 1 to read · 21 unchanged, 1 not looked at
  <=   data.aws_ami.app
  +    mongodb_host.db[2]
  ~    aws_launch_template.app
  -/+  aws_db_instance.main  <- loses data
  -    aws_s3_bucket.b (deposed 00c0ffee)
  -    postgresql_database.old["a b"]
  -    postgresql_role.old

"#]],
    );
}

#[test]
fn everything_coloured() {
    check(
        &rendered(&everything(), DetailLevel::Changed, Painter::COLOURED),
        str![[r#"
␛[1mha [VERSION] · payments · aws 123456789012 eu-west-1 · state 12␛[0m

␛[1m␛[33mAn earlier run stopped half-way; apply finishes these first␛[0m
      tls_ca.root

␛[36m<=  ␛[0m␛[1mdata.aws_ami.app␛[0m                    ␛[36mread during apply␛[0m
      owner    (known after apply: aws_vpc.main.owner)
      because  its arguments are known only during apply

␛[32m+   ␛[0m␛[1mmongodb_host.db[2]␛[0m                  ␛[32mcreate␛[0m                        ␛[2mmain.hcl:4␛[0m
      bind      ["127.0.0.1", "db-3.int"]
      hostname  "db-3.int"
      keyfile   (sensitive)
      network   (known after apply: aws_vpc.main.id)
      (known after apply)  id, private_key (sensitive), version

␛[33m~   ␛[0m␛[1maws_launch_template.app␛[0m             ␛[33mupdate in place␛[0m               ␛[2mmain.hcl:4␛[0m
      policy          +1 -1 of 9 lines
        ␛[36m@@ 1,7 -> 1,7 @@␛[0m
          {
            "Statement": [
              {
        ␛[31m-␛[0m ␛[31m      "Action": "s3:␛[0m␛[1m␛[4m␛[31mGet␛[0m␛[31m*",␛[0m
        ␛[32m+␛[0m ␛[32m      "Action": "s3:␛[0m␛[32m*",␛[0m
                "Effect": "Allow"
              }
            ],
      tags["my key"]  ␛[32m+␛[0m "y"
      tags.old        ␛[31m-␛[0m "x"
      tags.team       "ops" ␛[33m->␛[0m "platform"
      user_data       +2 -2 of 8 lines
        ␛[36m@@ 3,6 -> 3,6 @@␛[0m
          servers:
            - a
            - b
        ␛[31m-␛[0m ␛[31mport: ␛[0m␛[1m␛[4m␛[31m80␛[0m
        ␛[31m-␛[0m ␛[31mMONGO_URI=mongodb://circle:␛[0m␛[1m␛[4m␛[31m(sensitive)␛[0m␛[31m@db-1,db-2/app␛[0m
        ␛[32m+␛[0m ␛[32mport: ␛[0m␛[1m␛[4m␛[32m8080␛[0m
        ␛[32m+␛[0m ␛[32mMONGO_URI=mongodb://circle:␛[0m␛[1m␛[4m␛[32m(sensitive, changed)␛[0m␛[32m@db-1,db-2/app␛[0m
          exit 0
      (known after apply)  latest_version
      seen            ␛[1m␛[33mmongod on 10.0.0.1:27017 is not running␛[0m
      because of      data.userdata.app <- var.port
      then            moves the group, not its running member
      disrupts        ␛[1m␛[33mrestarts mongod␛[0m
      ␛[2m1 unchanged␛[0m

␛[31m-   ␛[0m␛[1maws_s3_bucket.b (deposed 00c0ffee)␛[0m  ␛[31mdestroy␛[0m

␛[31m-   ␛[0m␛[1mpostgresql_database.old["a b"]␛[0m      ␛[31mdestroy␛[0m
      name       "x"
      goes with  aws_db_instance.old, without a call of its own

␛[31m-   ␛[0m␛[1mpostgresql_role.old␛[0m                 ␛[31mdestroy␛[0m
      name     "old"
      because  its block is no longer in the configuration
      ␛[2m1 unchanged␛[0m

␛[1m␛[31m-/+ ␛[0m␛[1maws_db_instance.main␛[0m                ␛[1m␛[31mREPLACE, LOSES DATA␛[0m
      storage_encrypted  false ␛[33m->␛[0m true  ␛[1m␛[31mforces replacement␛[0m
      password           (sensitive, unchanged)
      (known after apply)  endpoint
      loses data         ␛[1m␛[31m412 GiB, no final snapshot␛[0m
      ␛[2m1 unchanged␛[0m

␛[1m␛[33mChanged outside ha (1)␛[0m
    aws_security_group.db differs; the configuration does not mind
      ingress[0]  "10.0.0.0/8" ␛[33m->␛[0m "0.0.0.0/0"

␛[1m␛[33mCould not be looked at; taken to be as recorded (1)␛[0m
?   mongodb_host.db[0]  connection timed out after 10 s

␛[1mOutputs␛[0m
      ca_file  ␛[32m+␛[0m "/etc/ca.pem"
      uri      (sensitive, changed)
      was      ␛[31m-␛[0m "gone"

␛[1m␛[33mmongodb/rs0␛[0m: 3 members are disrupted, at most 1 at a time

␛[1mPlan:␛[0m 1 to create, 1 to update, 1 to replace, 3 to destroy, 1 to read · 21 unchanged, 1 not looked at
  ␛[36m<= ␛[0m  data.aws_ami.app
  ␛[32m+  ␛[0m  mongodb_host.db[2]
  ␛[33m~  ␛[0m  aws_launch_template.app
  ␛[31m-/+␛[0m  aws_db_instance.main  ␛[1m␛[31m<- loses data␛[0m
  ␛[31m-  ␛[0m  aws_s3_bucket.b (deposed 00c0ffee)
  ␛[31m-  ␛[0m  postgresql_database.old["a b"]
  ␛[31m-  ␛[0m  postgresql_role.old

"#]],
    );
}

#[test]
fn addresses_alone() {
    check(
        &rendered(&everything(), DetailLevel::None, Painter::PLAIN),
        str![[r#"
ha [VERSION] · payments · aws 123456789012 eu-west-1 · state 12

Plan: 1 to create, 1 to update, 1 to replace, 3 to destroy, 1 to read · 21 unchanged, 1 not looked at
  <=   data.aws_ami.app
  +    mongodb_host.db[2]
  ~    aws_launch_template.app
  -/+  aws_db_instance.main  <- loses data
  -    aws_s3_bucket.b (deposed 00c0ffee)
  -    postgresql_database.old["a b"]
  -    postgresql_role.old

"#]],
    );
}

#[test]
fn nothing_to_do() {
    check(
        &rendered(&Plan { unchanged: 25, ..nothing() }, DetailLevel::Changed, Painter::PLAIN),
        str![[r#"
ha [VERSION] · payments · state 12

No changes. 25 resources are as configured.

"#]],
    );
    let destroy = Plan { mode: PlanMode::Destroy, state_number: 0, ..nothing() };
    check(
        &rendered(&destroy, DetailLevel::Changed, Painter::PLAIN),
        str![[r#"
ha [VERSION] · payments · no state yet · destroy

No changes. There is nothing to destroy.

"#]],
    );
}

#[test]
fn unrefreshed_resources_are_not_reported_as_unchanged() {
    let unseen = |it: &str| (it.parse().unwrap(), "no route to host".to_owned());
    let unchecked = vec![unseen("a.b"), unseen("a.c")];
    let some = Plan { unchanged: 39, unchecked: unchecked.clone(), ..nothing() };
    let last = |plan: &Plan| {
        rendered(plan, DetailLevel::Changed, Painter::PLAIN)
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        last(&some),
        "No changes. 37 resources are as configured. 2 resources could not be looked at and are taken to be as recorded."
    );
    let none = Plan { unchanged: 1, unchecked: unchecked[..1].to_vec(), ..nothing() };
    assert_eq!(
        last(&none),
        "No changes. Nothing could be seen. 1 resource could not be looked at and is taken to be as recorded."
    );
    let refreshed = Plan { mode: PlanMode::RefreshOnly, ..some };
    assert_eq!(
        last(&refreshed),
        "No changes. What could be seen is as recorded. 2 resources could not be looked at and are taken to be as recorded."
    );
}

#[test]
fn plain_text_has_no_escape_sequences() {
    assert!(!rendered(&everything(), DetailLevel::Full, Painter::PLAIN).contains('\u{1b}'));
}

#[test]
fn a_derived_secret_is_hidden_everywhere() {
    for detail in [DetailLevel::Changed, DetailLevel::Full] {
        for paint in [Painter::PLAIN, Painter::COLOURED] {
            assert_keeps_secret(&rendered(&secrets(), detail, paint));
        }
    }
}

#[test]
fn lists_in_yaml_do_not_look_like_removed_lines() {
    let text = of_update(
        Value::from("items:\n- a\n- b\nport: 1\n"),
        Value::from("items:\n- a\n- b\nport: 2\n"),
    );
    check(
        &text,
        str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  +1 -1 of 4 lines
        @@ 1,4 -> 1,4 @@
          items:
          - a
          - b
        - port: 1
        + port: 2

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
    );
    assert!(text.lines().all(|it| !it.starts_with('-')));
}

#[test]
fn a_changed_secret_is_a_changed_line() {
    let document =
        |password: &str| parts([clear("user=a\npassword="), secret(password), clear("\nhost=b\n")]);
    check(
        &of_update(document("first password"), document("second password")),
        str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  +1 -1 of 3 lines
        @@ 1,3 -> 1,3 @@
          user=a
        - password=(sensitive)
        + password=(sensitive, changed)
          host=b

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
    );
    check(
        &of_update(
            Value::from("first password").sensitive(),
            Value::from("second password").sensitive(),
        ),
        str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  (sensitive, changed)

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
    );
}

#[test]
fn user_data_is_decoded() {
    let encoded = |port: u32| {
        let script = format!("#!/bin/bash\nset -e\nexport PORT={port}\nexec server\n");
        Value::from(base64::engine::general_purpose::STANDARD.encode(script))
    };
    check(
        &of_update(encoded(80), encoded(8080)),
        str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  +1 -1 of 4 lines
        @@ 1,4 -> 1,4 @@
          #!/bin/bash
          set -e
        - export PORT=80
        + export PORT=8080
          exec server

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
    );
}

#[test]
fn long_values_are_below_each_other() {
    let uri = |hosts: &str| {
        Value::from(format!(
            "mongodb://{hosts}/circle_ghe?replicaSet=rs0&ssl=true&authSource=admin"
        ))
    };
    check(
        &of_update(uri("db-1:27017,db-2:27017"), uri("db-1:27017,db-2:27017,db-3:27017")),
        str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text
        - mongodb://db-1:27017,db-2:27017/circle_ghe?replicaSet=rs0&ssl=true&authSource=admin
        + mongodb://db-1:27017,db-2:27017,db-3:27017/circle_ghe?replicaSet=rs0&ssl=true&authSource=admin

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
    );
}

#[test]
fn long_strings_are_cut_with_a_note() {
    let lines = |word: &str| {
        Value::from((0..20_000).map(|it| format!("{word} {it}\n")).collect::<String>())
    };
    let text = of_update(lines("old"), lines("new"));
    assert!(text.lines().count() < 230, "{} lines", text.lines().count());
    assert!(text.contains("more lines; `--detail full` shows all"), "{text}");
    let wide = of_update(Value::from("a".repeat(1_000_000)), Value::from("b".repeat(1_000_000)));
    assert!(wide.len() < 3_000, "{}", wide.len());
    let mut create = change("a.b", Action::Create);
    create.after = Some(object(&[("text", lines("new"))]));
    let text = rendered(
        &Plan { changes: vec![create], ..nothing() },
        DetailLevel::Changed,
        Painter::PLAIN,
    );
    assert!(text.lines().count() < 20, "{text}");
}

#[test]
fn every_destroyed_address_is_named_however_many() {
    let changes: Vec<_> =
        (0..500).map(|it| change(&format!("a.b[{it}]"), Action::Delete)).collect();
    let text = rendered(&Plan { changes, ..nothing() }, DetailLevel::None, Painter::PLAIN);
    assert!((0..500).all(|it| text.contains(&format!("a.b[{it}]\n"))));
}

#[test]
fn skipped_instances_are_listed() {
    let mut taken = change("a.taken", Action::Update);
    taken.importing = Some("i-0123".into());
    taken.before = Some(object(&[("size", Value::from(1))]));
    taken.after = Some(object(&[("size", Value::from(2))]));
    taken.differences = vec![Difference { path: Path::attribute("size"), replaces: false }];
    let mut as_it_is = change("a.as_it_is", Action::NoOp);
    as_it_is.importing = Some("i-4567".into());
    let mut left = change("a.left", Action::Forget);
    left.reason = Some(ChangeReason::NoConfiguration);
    let address = |text: &str| text.parse().unwrap();
    let plan = Plan {
        changes: vec![as_it_is, left, taken],
        moves: vec![AddressMove {
            from: address("a.old[0]"),
            to: address("module.m.a.new[\"x\"]"),
        }],
        selection: ha_plan::Selection {
            targets: vec!["a.*".parse().unwrap()],
            excludes: vec!["b".parse().unwrap()],
        },
        left_out: vec![address("b.one"), address("c.two[0]")],
        unchanged: 3,
        ..nothing()
    };
    check(
        &rendered(&plan, DetailLevel::Changed, Painter::PLAIN),
        str![[r#"
ha [VERSION] · payments · state 12

    a.as_it_is  take over as it is
      taken over  by its id i-4567

~   a.taken     take over and update
      size        1 -> 2
      taken over  by its id i-0123

.   a.left      forget: it stays as it is, and is looked after no longer
      because  its block is no longer in the configuration

a.old[0] has moved to module.m.a.new["x"]

Not the whole: --target a.* --exclude b; 2 left out
      b.one  c.two[0]

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy, 1 to forget, 2 to import, 1 to move · 3 unchanged
       a.as_it_is
  ~    a.taken
  .    a.left

"#]],
    );
    let failed = Plan { errored: true, ..plan };
    let text = rendered(&failed, DetailLevel::Changed, Painter::PLAIN);
    assert!(text.contains("Planning failed") && text.contains("a.taken"), "{text}");
}

#[test]
fn ignored_drift_is_one_line() {
    let mut plan = Plan { drift: everything().drift, unchanged: 2, ..nothing() };
    plan.drift[0].contributes = false;
    let text = rendered(&plan, DetailLevel::Changed, Painter::PLAIN);
    assert!(
        text.contains("1 resource has changed outside") && !text.contains("10.0.0.0/8"),
        "{text}"
    );
    let asked = Plan { mode: PlanMode::RefreshOnly, ..plan };
    let text = rendered(&asked, DetailLevel::Changed, Painter::PLAIN);
    assert!(text.contains("aws_security_group.db differs; the state is to say so\n"), "{text}");
}

#[test]
fn equal_changes_are_grouped() {
    let many = |action, reason: Option<ChangeReason>| {
        let mut changes: Vec<_> =
            (0..100_000).map(|it| change(&format!("a.b[{it}]"), action)).collect();
        changes.iter_mut().for_each(|it| it.reason.clone_from(&reason));
        rendered(&Plan { changes, ..nothing() }, DetailLevel::Changed, Painter::PLAIN)
    };
    check(
        &many(Action::Create, None),
        str![[r#"
ha [VERSION] · payments · state 12

+   a.b[0]      create

+   a.b[1]      create

+   a.b[2]      create

    … 99997 more like these: a.b[3] to a.b[99999]; `--detail full` shows all

Plan: 100000 to create, 0 to update, 0 to replace, 0 to destroy
  +    a.b[0] to [99999]

"#]],
    );
    let text = many(Action::Delete, Some(ChangeReason::NoConfiguration));
    assert!(text.contains("-    a.b[0] to [99999]\n") && text.lines().count() < 30, "{text}");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let text = of_update(Value::from("a"), Value::from("\u{1b}]0;owned\u{7}"));
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
}
