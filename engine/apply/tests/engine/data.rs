//! Data sources: read while planning, in chains, or behind changes.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn data_sources_with_known_arguments_are_read_during_planning() {
    let project = Project::new();
    project.world.fact("city", "Bern");
    let text = r#"
        data "fact" "city" { key = "city" }
        resource "thing" "a" {
          name = "a"
          note = data.fact.city.value
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a digest="digest of Bern", name="a", note="Bern", size=1

"#]]
    );
    project.world.fact("city", "Basel");
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
~ thing.a digest: "digest of Bern" -> "digest of Basel", note: "Bern" -> "Basel", revision: 1 -> ?(thing.a.revision)

"#]]
    );
}

#[tokio::test]
async fn chained_data_sources_are_read_in_rounds() {
    let project = Project::new();
    project.world.fact("first", "second");
    project.world.fact("second", "third");
    project.world.fact("third", "3");
    let text = r#"
        data "fact" "one" { key = "first" }
        data "fact" "two" { key = data.fact.one.value }
        locals { last = { (data.fact.two.value) = true } }
        data "fact" "three" {
          for_each = local.last
          key      = each.key
        }
        resource "thing" "a" {
          count = data.fact.three["third"].value
          name  = "a${count.index}"
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a[0] digest="digest of nothing", name="a0", size=1
+ thing.a[1] digest="digest of nothing", name="a1", size=1
+ thing.a[2] digest="digest of nothing", name="a2", size=1

"#]]
    );
    assert_eq!(project.world.count(), 3);
    // `validate` makes no call, and unknown values are no mistakes.
    assert_data_eq!(project.validate(text), str![[""]]);
}

#[tokio::test]
async fn data_sources_of_new_resources_are_read_during_apply() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              size = {size}
            }}
            data "fact" "a" {{ key = thing.a.id }}
            data "fact" "city" {{
              key        = "city"
              depends_on = [thing.a]
            }}
            resource "thing" "b" {{
              name = "b"
              note = "${{data.fact.a.value}} in ${{data.fact.city.value}}"
            }}
            output "a" {{ value = data.fact.a.value }}
            "#
        )
    };
    project.world.fact("city", "Bern");
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
+ thing.b name="b", note=?(data.fact.a.value)+" in "+?(data.fact.city.value), size=1 because of data.fact.a, data.fact.city
<= data.fact.a [ArgumentsUnknown] key=?(thing.a.id) because of thing.a
<= data.fact.city [DependencyPending] key="city" because of thing.a
output a: none -> ?(data.fact.a.value)

"#]]
    );
    // Its key stays, so it is read while planning; what says that it depends on the change waits
    // for it.
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
~ thing.b digest: "digest of thing a in Bern" -> ?(thing.b.digest), note: "thing a in Bern" -> "thing a in "+?(data.fact.city.value), revision: 1 -> ?(thing.b.revision) because of data.fact.city
<= data.fact.city [DependencyPending] key="city" because of thing.a

"#]]
    );
    assert_eq!(project.world.look().things.len(), 2);
}

#[tokio::test]
async fn a_failed_read_is_reported() {
    let project = Project::new();
    let text = "data \"fact\" \"x\" { key = \"x\" }\ndata \"fact\" \"y\" { key = \"y\" }";
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
could not look up it (`data.fact.x`): nothing is known of `x`
could not look up it (`data.fact.y`): nothing is known of `y`

"#]]
    );
}

#[tokio::test]
async fn a_failed_read_during_apply_stops_dependents() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        data "fact" "x" { key = "x of ${thing.a.id}" }
        resource "thing" "b" {
          name = "b"
          note = data.fact.x.value
        }
        resource "thing" "c" { name = "c" }
    "#;
    assert_data_eq!(
        project.try_apply(text).await,
        str![[r#"
Read data.fact.x failed: could not look up it: nothing is known of `x of thing-a-1`
Create thing.b not started: needs data.fact.x

"#]]
    );
    assert_eq!(project.world.names(), ["thing a", "thing c"]);
}

#[tokio::test]
async fn a_block_without_instances_passes_its_dependencies_on() {
    let project = Project::new();
    project.world.fact("city", "Bern");
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              size = {size}
            }}
            resource "thing" "none" {{
              count      = 0
              name       = "none"
              depends_on = [thing.a]
            }}
            data "fact" "waits" {{
              key        = "city"
              depends_on = [thing.none]
            }}
            data "fact" "reads" {{ key = "${{length(thing.none) == 0 ? "city" : ""}}" }}
            "#
        )
    };
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
<= data.fact.waits [DependencyPending] key="city" because of thing.a

"#]]
    );
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
<= data.fact.waits [DependencyPending] key="city" because of thing.a

"#]]
    );
}
