//! The plan reports obstacles to new files before anything is done.

use std::fs;
use std::os::unix::fs::symlink;

use crate::Project;

fn file(name: &str, content: &str) -> String {
    format!(
        "resource \"local_file\" \"a\" {{\n  filename = \"{name}\"\n  content  = \"{content}\"\n}}\n"
    )
}

#[test]
fn the_plan_reports_obstacles_to_new_files() {
    let project = Project::new(&file("f/x.txt", "new"));
    for (prepare, printed) in [
        ("other", "there is a file with other content already"),
        ("folder", "there is a folder already"),
        ("link", "there is a symbolic link already"),
        ("parent", "`f` exists and is no folder"),
        ("same", ""),
        ("nothing", ""),
    ] {
        let (folder, path) = (project.path("f"), project.path("f/x.txt"));
        let _ = fs::remove_dir_all(&folder).or_else(|_| fs::remove_file(&folder));
        match prepare {
            "parent" => fs::write(&folder, "").unwrap(),
            "nothing" => {}
            _ => fs::create_dir(&folder).unwrap(),
        }
        match prepare {
            "other" => fs::write(&path, "old").unwrap(),
            "same" => fs::write(&path, "new").unwrap(),
            "folder" => fs::create_dir(&path).unwrap(),
            "link" => symlink("nowhere", &path).unwrap(),
            _ => {}
        }
        let planned = project.ha(&["plan"]);
        let whole = format!("{}{}", planned.out, planned.err);
        assert_eq!(planned.code, i32::from(!printed.is_empty()), "{prepare}: {whole}");
        assert!(whole.contains(printed), "{prepare}: {whole}");
    }
}

/// A file that gets another path is not removed until the other path is free.
#[test]
fn a_file_is_kept_if_its_replacement_cannot_be_created() {
    let project = Project::new(&file("one.txt", "text"));
    project.done(&["apply", "--yes"]);
    fs::create_dir(project.path("two.txt")).unwrap();
    project.write("main.hcl", &file("two.txt", "text"));
    assert_eq!(project.ha(&["apply", "--yes"]).code, 1);
    assert!(project.path("one.txt").exists());
    fs::remove_dir(project.path("two.txt")).unwrap();
    project.done(&["apply", "--yes"]);
    assert!(!project.path("one.txt").exists() && project.path("two.txt").exists());
}

/// Another object at the path of a file is not the file, and does not prove that the file was
/// deleted.
#[test]
fn a_file_replaced_by_another_object_is_not_deleted() {
    let project = Project::new(&file("x.txt", "text"));
    project.done(&["apply", "--yes"]);
    fs::remove_file(project.path("x.txt")).unwrap();
    symlink("elsewhere", project.path("x.txt")).unwrap();
    let planned = project.ha(&["plan", "--detailed-exitcode"]);
    assert_eq!(planned.code, 3, "{}", planned.out);
    assert!(planned.out.contains("`x.txt` is a symbolic link now"), "{}", planned.out);
    assert!(!planned.out.contains("gone"), "{}", planned.out);
    fs::remove_file(project.path("x.txt")).unwrap();
    project.done(&["apply", "--yes"]);
    assert_eq!(fs::read_to_string(project.path("x.txt")).unwrap(), "text");
}
