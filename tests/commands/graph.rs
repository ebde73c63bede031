//! `ha graph` as a command.

use crate::Project;

const STACK: &str = r#"
variable "name" { default = "x" }
locals { long = "${var.name}-${ha_data.key.output}" }
resource "ha_data" "key" { input = var.name }
resource "ha_data" "host" {
  count = 2
  input = local.long
}
resource "ha_data" "service" { input = ha_data.host[*].output }
resource "ha_data" "aside" { input = 1 }
output "all" { value = ha_data.service.output }
"#;

#[test]
fn a_graph_is_shown_in_each_format() {
    let project = Project::new(STACK);
    let text = project.done(&["graph"]);
    assert!(text.contains("ha_data.host\n") && !text.contains("local.long"), "{text}");
    assert!(text.find("ha_data.service").unwrap() < text.find("ha_data.host").unwrap(), "{text}");
    assert!(project.done(&["graph", "--all"]).contains("local.long"));
    let dot = project.done(&["graph", "--format", "dot"]);
    assert!(
        dot.starts_with("digraph G {") && dot.contains("\"ha_data.host\" -> \"ha_data.key\";"),
        "{dot}"
    );
    assert!(project.done(&["graph", "--format=mermaid"]).starts_with("flowchart RL\n"));
    let svg = project.done(&["graph", "--format=svg"]);
    assert!(svg.starts_with("<svg ") && svg.matches("<rect ").count() == 4, "{svg}");
    let json: serde_json::Value =
        serde_json::from_str(&project.done(&["graph", "--format=json", "--all"])).unwrap();
    let edges = json["edges"].as_array().unwrap();
    assert!(
        edges.contains(&serde_json::json!({"from": "ha_data.host", "to": "local.long"})),
        "{json}"
    );
    let focused = project.done(&["graph", "--focus", "ha_data.key"]);
    assert!(focused.contains("ha_data.host") && !focused.contains("ha_data.service"), "{focused}");
    assert!(
        project
            .ha(&["graph", "--focus", "ha_data.kay"])
            .err
            .contains("did you mean `ha_data.key`?")
    );
}

#[test]
fn a_plan_is_shown_by_its_changes() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    let nothing = project.ha(&["graph", "--changed"]);
    assert!(nothing.out.is_empty() && nothing.err.contains("Nothing changes."), "{}", nothing.err);
    project.done(&["plan", "--var=name=y", "--out=plan.ha"]);
    let changed = project.done(&["graph", "--changed", "plan.ha"]);
    assert!(
        changed.contains("~") && changed.contains("ha_data.host (2)") && !changed.contains("aside"),
        "{changed}"
    );
    assert_eq!(project.done(&["graph", "--changed", "--var=name=y"]), changed);
    let json: serde_json::Value =
        serde_json::from_str(&project.done(&["graph", "plan.ha", "--format=json"])).unwrap();
    let host = json["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["address"] == "ha_data.host")
        .unwrap();
    assert_eq!(
        (&host["actions"], &host["instances"], &host["line"]),
        (&serde_json::json!(["update"]), &2.into(), &5.into())
    );
}
