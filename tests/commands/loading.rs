//! Files of a configuration, sources of values, and workspaces.

use std::fs;

use crate::{Done, Project};

/// Creates a directory without a configuration.
fn empty() -> Project {
    let project = Project::new("");
    fs::remove_file(project.path("main.hcl")).unwrap();
    project
}

/// Returns the planned value of the output.
fn output(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = project.command(&[&["plan", "--document=-"], arguments].concat());
    let done = Done::from(command.envs(variables.iter().copied()).output().unwrap());
    let parsed: serde_json::Value =
        serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}", done.err));
    parsed["output_changes"]["x"]["after"].to_string()
}

#[test]
fn a_directory_of_terraform_is_read_with_its_values() {
    let project = empty();
    project.write("main.tf", "variable \"x\" {}\noutput \"x\" {\n  value = var.x\n}\n");
    project.write("ha.hclvars", "x = \"not for these\"");
    assert_eq!(
        output(&project, &[], &[("TF_VAR_x", "environment"), ("HA_VAR_x", "not this")]),
        "\"environment\""
    );
    project.write("terraform.tfvars", "x = 1");
    assert_eq!(output(&project, &[], &[("TF_VAR_x", "environment")]), "1");
    project.write("terraform.tfvars.json", "{\"x\": 2}");
    assert_eq!(output(&project, &[], &[]), "2");
    project.write("a.auto.tfvars", "x = 3");
    assert_eq!(output(&project, &[], &[]), "3");
    assert_eq!(output(&project, &["-var", "x=4"], &[]), "\"4\"");
    let missing = empty();
    missing.write("main.tf", "variable \"x\" {}\n");
    let printed = missing.ha(&["plan"]).err;
    assert!(printed.contains("terraform.tfvars") && printed.contains("TF_VAR_x"), "{printed}");
}

/// Terraform's configuration of providers that do not connect to a service.
const WITH_PROVIDERS: &str = r#"
terraform {
  required_version = "~> 1.11"
  required_providers {
    random = { source = "hashicorp/random", version = "~> 3.0" }
    local  = { source = "hashicorp/local" }
  }
}
provider "random" {}
provider "local" {
  alias = "here"
}
resource "random_string" "name" {
  length = 8
}
resource "local_file" "note" {
  provider = local.here
  filename = "${path.module}/note.txt"
  content  = random_string.name.result
  lifecycle {
    ignore_changes = [content]
  }
}
"#;

#[test]
fn offline_providers_are_configured_like_others() {
    let project = empty();
    project.write("main.tf", WITH_PROVIDERS);
    project.done(&["validate"]);
    project.done(&["apply", "-auto-approve"]);
    assert_eq!(project.ha(&["plan", "-detailed-exitcode"]).code, 0);
    project.write("main.tf", &WITH_PROVIDERS.replace("[content]", "[contents]"));
    let refused = project.ha(&["validate"]);
    assert!(
        refused.code == 1 && refused.err.contains("did you mean `content`?"),
        "{}",
        refused.err
    );
    project.write(
        "main.tf",
        &WITH_PROVIDERS.replace("provider \"random\" {}", "provider \"random\" { length = 1 }"),
    );
    assert_eq!(project.ha(&["validate"]).code, 1, "it has no settings");
}

#[test]
fn json_configurations_are_equivalent() {
    let project = empty();
    project.write(
        "main.hcl.json",
        "{\"variable\": {\"x\": {}}, \"output\": {\"x\": {\"value\": \"${var.x}!\"}}}",
    );
    project.write("ha.hclvars.json", "{\"x\": \"json\"}");
    assert_eq!(output(&project, &[], &[]), "\"json!\"");
}

#[test]
fn both_spellings_in_one_directory_are_refused() {
    let project = Project::new("");
    project.write("other.tf", "");
    for command in ["plan", "validate"] {
        let refused = project.ha(&[command]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        assert!(refused.err.contains("`main.hcl` and `other.tf`"), "{}", refused.err);
    }
}

#[test]
fn override_files_are_merged_last() {
    let project = Project::new("output \"x\" {\n  value = \"main\"\n}\n");
    project.write("z.hcl", "");
    project.write("override.hcl", "output \"x\" {\n  value = \"override\"\n}\n");
    assert_eq!(output(&project, &[], &[]), "\"override\"");
}

#[test]
fn modules_are_read_below_the_directory_and_saved_in_the_plan() {
    let project = Project::new(
        "module \"m\" {\n  source = \"./modules/m\"\n  name   = \"n\"\n}\noutput \"x\" {\n  value = module.m.text\n}\n",
    );
    fs::create_dir_all(project.path("modules/m")).unwrap();
    let module = "variable \"name\" {}\noutput \"text\" {\n  value = \"${var.name}: ${file(\"${path.module}/text\")}\"\n}\n";
    project.write("modules/m/main.hcl", module);
    project.write("modules/m/text", "then");
    assert_eq!(output(&project, &[], &[]), "\"n: then\"");
    project.done(&["plan", "--out", "plan.ha"]);
    fs::remove_dir_all(project.path("modules")).unwrap();
    project.done(&["apply", "plan.ha"]);
    assert_eq!(project.done(&["output", "--raw", "x"]), "n: then");
}

#[test]
fn modules_of_other_users_are_not_read_through_links() {
    let project = Project::new("");
    fs::create_dir(project.path("stack")).unwrap();
    fs::create_dir(project.path("shared")).unwrap();
    project.write("shared/main.hcl", "output \"text\" {\n  value = \"shared\"\n}\n");
    std::os::unix::fs::symlink("../shared", project.path("stack/link")).unwrap();
    for source in ["../shared", "./link"] {
        let main = format!(
            "module \"m\" {{\n  source = \"{source}\"\n}}\noutput \"x\" {{\n  value = module.m.text\n}}\n"
        );
        project.write("stack/main.hcl", &main);
        let refused = project.ha(&["--chdir=stack", "plan"]);
        assert_eq!(refused.code, 1, "{}", refused.out);
        assert!(
            refused.err.contains("--allow-read") && refused.err.contains("main.hcl:2"),
            "{}",
            refused.err
        );
        project.done(&["--chdir=stack", "plan", "--allow-read=../shared"]);
    }
}

#[test]
fn files_are_found_by_their_names() {
    let project =
        Project::new("output \"x\" {\n  value = fileset(path.module, \"conf/*.yml\")\n}\n");
    fs::create_dir(project.path("conf")).unwrap();
    for name in ["b.yml", "a.yml", "c.txt"] {
        project.write(&format!("conf/{name}"), "");
    }
    assert_eq!(output(&project, &[], &[]), "[\"conf/a.yml\",\"conf/b.yml\"]");
}

#[test]
fn a_workspace_has_its_own_values_and_state() {
    let project = Project::new(
        "variable \"size\" {\n  default = 1\n}\nresource \"ha_data\" \"d\" {\n  count = var.size\n}\n",
    );
    fs::create_dir(project.path("env")).unwrap();
    project.write("env/prod.hclvars", "size = 2");
    project.write("output.hcl", "output \"x\" {\n  value = ha.workspace\n}\n");
    assert_eq!(output(&project, &[], &[]), "\"default\"");
    assert_eq!(output(&project, &["--env=prod"], &[]), "\"prod\"");
    project.done(&["apply", "--yes"]);
    project.done(&["--env", "prod", "apply", "--yes"]);
    assert_eq!(project.done(&["state", "list"]), "ha_data.d[0]\n");
    assert_eq!(project.done(&["--env=prod", "state", "list"]), "ha_data.d[0]\nha_data.d[1]\n");
    let by_variable =
        Done::from(project.command(&["state", "list"]).env("HA_ENV", "prod").output().unwrap());
    assert_eq!(by_variable.out, "ha_data.d[0]\nha_data.d[1]\n");
    // A value on the command line takes precedence over the workspace's file.
    assert!(project.done(&["--env=prod", "plan", "--var=size=3"]).contains("1 to create"));

    // A plan stores its workspace.
    project.done(&["--env=prod", "plan", "--destroy", "--out=plan.ha"]);
    project.done(&["apply", "plan.ha"]);
    assert_eq!(project.done(&["--env=prod", "state", "list"]), "");
    assert_eq!(project.done(&["state", "list"]), "ha_data.d[0]\n");

    let slip = project.ha(&["--env=prd", "plan"]);
    assert_eq!(slip.code, 1);
    assert!(
        slip.err.contains("did you mean `prod`?") && slip.err.contains("env/prd.hclvars"),
        "{}",
        slip.err
    );
}
