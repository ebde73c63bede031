//! New objects with the name of an object that the same plan deletes.

use std::fs;

use crate::Project;

fn one(label: &str) -> String {
    format!(
        "resource \"local_file\" \"{label}\" {{\n  filename = \"kept.txt\"\n  content = \"kept\"\n}}\n"
    )
}

#[test]
fn a_renamed_block_is_created_after_the_old_one_is_deleted() {
    let project = Project::new(&one("old"));
    project.done(&["apply", "--yes"]);
    project.write("main.hcl", &one("new"));
    let applied = project.ha(&["apply", "--yes"]);
    assert!(
        applied.code == 0
            && applied.err.contains("write a `moved` block with `from = local_file.old`"),
        "{}",
        applied.err
    );
    assert_eq!(fs::read_to_string(project.path("kept.txt")).unwrap(), "kept");
    project.done(&["plan", "--detailed-exitcode"]);
}

#[test]
fn with_a_moved_block_nothing_is_destroyed() {
    let project = Project::new(&one("old"));
    project.done(&["apply", "--yes"]);
    project.write(
        "main.hcl",
        &(one("new") + "moved {\n  from = local_file.old\n  to = local_file.new\n}\n"),
    );
    let planned = project.done(&["plan"]);
    assert!(!planned.contains("destroy") || planned.contains("0 to destroy"), "{planned}");
}

#[test]
fn shifted_names_are_released_before_reuse() {
    let configuration = "variable \"names\" {\n  type = list(string)\n}\nresource \"local_file\" \"f\" {\n  count = length(var.names)\n  \
                         filename = var.names[count.index]\n  content = var.names[count.index]\n}\n";
    let project = Project::new(configuration);
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    for shift in [0, 1, 3, 0] {
        let all = format!("names={:?}", &names[shift..shift + 4]);
        project.done(&["apply", "--yes", "--var", &all]);
        project.done(&["plan", "--detailed-exitcode", "--var", &all]);
        let there =
            names.iter().filter(|it| project.path(it).exists()).copied().collect::<Vec<_>>();
        assert_eq!(there, names[shift..shift + 4]);
    }
}

#[test]
fn unique_objects_are_deleted_before_creation() {
    let configuration =
        one("it").replace("}\n", "  lifecycle {\n    create_before_destroy = true\n  }\n}\n");
    let project = Project::new(&configuration);
    project.done(&["apply", "--yes"]);
    let refused = project.ha(&["apply", "--yes", "--replace=local_file.it"]);
    assert!(
        refused.code == 1
            && refused.err.contains("cannot be created before the object that it replaces"),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("HA0203") && refused.err.contains("main.hcl:1:1"),
        "{}",
        refused.err
    );
    project.write("main.hcl", &configuration.replace("kept.txt", "other.txt"));
    project.done(&["apply", "--yes"]);
    assert!(project.path("other.txt").exists() && !project.path("kept.txt").exists());
}
