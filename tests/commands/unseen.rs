//! Objects that cannot be refreshed are reported, and not counted as unchanged.

use std::fs::{self, File};

use serde_json::Value;

use crate::Project;

#[test]
fn an_incomplete_refresh_exits_with_3() {
    let file = |name: &str, content: &str| {
        format!(
            "resource \"local_file\" \"{name}\" {{\n  filename = \"{name}.txt\"\n  content  = \"{content}\"\n}}\n"
        )
    };
    let project = Project::new(&(file("seen", "x") + &file("unseen", "x")));
    project.done(&["apply", "--yes"]);
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
    fs::remove_file(project.path("unseen.txt")).unwrap();
    File::create(project.path("unseen.txt")).unwrap().set_len(1 << 40).unwrap();

    let planned = project.ha(&["plan", "--detailed-exitcode"]);
    assert_eq!(planned.code, 3, "{}{}", planned.out, planned.err);
    assert!(
        planned.out.contains("local_file.unseen") && planned.out.contains("more than `ha` reads"),
        "{}",
        planned.out
    );
    assert!(!planned.out.contains("2 resources are as configured"), "{}", planned.out);
    assert_eq!(
        project.ha(&["plan"]).code,
        0,
        "the exit code differs only with `--detailed-exitcode`"
    );

    let events = project.ha(&["plan", "--json", "--detailed-exitcode"]);
    assert_eq!(events.code, 3, "{}", events.out);
    let events: Vec<Value> =
        events.out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let unchecked: Vec<&Value> =
        events.iter().filter(|it| it["type"] == "resource_unchecked").collect();
    assert_eq!(unchecked.len(), 1, "{events:#?}");
    assert_eq!(unchecked[0]["resource"]["addr"], "local_file.unseen");
    let summary = events.iter().find(|it| it["type"] == "change_summary").unwrap();
    assert!(summary["@message"].as_str().unwrap().contains("1 not looked at"), "{summary}");
    let document: Value =
        serde_json::from_str(&project.done(&["plan", "--document", "-"])).unwrap();
    assert_eq!(document["ha"]["unchecked"][0]["address"], "local_file.unseen", "{document}");

    // With changes the exit code is that of a plan with changes.
    project.write("main.hcl", &(file("seen", "y") + &file("unseen", "x")));
    let planned = project.ha(&["plan", "--detailed-exitcode"]);
    assert_eq!(planned.code, 2, "{}{}", planned.out, planned.err);
    assert!(planned.out.contains("1 not looked at"), "{}", planned.out);
}
