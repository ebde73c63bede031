//! What people bring from Terraform and is not there: each is answered with what to do.

use std::fs;

use crate::{Done, Project};

/// A directory of Terraform's files.
fn terraform(text: &str) -> Project {
    let project = Project::new("");
    fs::remove_file(project.path("main.hcl")).unwrap();
    project.write("main.tf", text);
    project
}

fn told(project: &Project, arguments: &[&str]) -> String {
    let done = project.ha(arguments);
    assert_eq!(done.code, 1, "{arguments:?}: {}", done.out);
    done.err
}

#[test]
fn arguments_that_are_not_there_say_what_to_do() {
    let s3 = |argument: &str| {
        let usual = "bucket = \"b\"\n    key = \"k\"\n    region = \"eu-west-1\"\n    encrypt = true";
        format!("terraform {{\n  backend \"s3\" {{\n    {usual}\n    {argument}\n  }}\n}}\n")
    };
    let object = |argument: &str| {
        format!("resource \"aws_s3_object\" \"o\" {{\n  bucket = \"b\"\n  key = \"k\"\n  content = \"x\"\n  {argument}\n}}\n")
    };
    let provider = |argument: &str| format!("provider \"aws\" {{\n  region = \"eu-west-1\"\n  {argument}\n}}\n");
    for (text, instead) in [
        (s3("dynamodb_table = \"locks\""), "leave it out: the lock lies in the bucket"),
        (s3("dynamodb_endpoint = \"http://x\""), "leave it out: the lock lies in the bucket"),
        (s3("assume_role = { role_arn = \"x\" }"), "by a profile: `role_arn`"),
        (s3("assume_role {\n      role_arn = \"x\"\n    }"), "by a profile: `role_arn`"),
        (s3("role_arn = \"x\""), "by a profile: `role_arn`"),
        (s3("external_id = \"x\""), "by a profile: `role_arn`"),
        (s3("acl = \"private\""), "the bucket's policy"),
        (s3("skip_region_validation = true"), "nothing is asked that it would skip"),
        (s3("skip_metadata_api_check = true"), "nothing is asked that it would skip"),
        (s3("shared_credentials_files = [\"x\"]"), "AWS_SHARED_CREDENTIALS_FILE"),
        (s3("force_path_style = true"), "write `use_path_style"),
        (s3("sse_customer_key = \"x\""), "the block `encryption`"),
        (s3("use_fips_endpoint = true"), "AWS_USE_FIPS_ENDPOINT"),
        (s3("https_proxy = \"x\""), "a proxy cannot be named yet"),
        (s3("retry_mode = \"adaptive\""), "`max_retries`"),
        (provider("assume_role {\n    role_arn = \"x\"\n  }"), "by a profile: `role_arn`"),
        (provider("s3_force_path_style = true"), "write `s3_use_path_style"),
        (provider("skip_requesting_account_id = true"), "nothing is asked that it would skip"),
        (object("etag = md5(\"x\")"), "leave it out: what is there is compared"),
        (object("source_hash = md5(\"x\")"), "leave it out: what is there is compared"),
        (object("source = \"f\""), "write `content = file("),
        ("terraform {\n  backend \"local\" {\n    workspace_dir = \"w\"\n  }\n}\n".to_owned(), "`env/NAME` beside `path`"),
        ("terraform {\n  backend \"pg\" {}\n}\n".to_owned(), "write `backend \"postgres\"`"),
        ("terraform {\n  backend \"gcs\" {}\n}\n".to_owned(), "not there yet"),
    ] {
        if cfg!(feature = "aws") || !text.contains("s3") && !text.contains("aws") {
            let told = told(&terraform(&text), &["validate"]);
            assert!(told.contains(instead) && !told.contains("did you mean"), "{text}: {told}");
        }
    }
}

#[test]
fn options_that_are_not_there_say_what_to_do() {
    let project = terraform("resource \"terraform_data\" \"x\" {}\n");
    for (arguments, instead) in [
        (&["apply", "-auto-approve", "-lock=false"][..], "leave it out: what writes the state takes its lock"),
        (&["apply", "-state=x.tfstate"], "the block `backend`"),
        (&["output", "-state", "x.tfstate"], "the block `backend`"),
        (&["state", "list", "-state=x"], "the block `backend`"),
        (&["state", "rm", "-backup=x", "a.b"], "`.ha/backups`"),
        (&["plan", "-generate-config-out=x.tf"], "`ha schema KIND`"),
        (&["import", "-config=x", "a.b", "c"], "leave it out"),
        (&["validate", "-no-tests"], "leave it out"),
    ] {
        let told = told(&project, arguments);
        assert!(told.contains("there is no option") && told.contains(instead), "{arguments:?}: {told}");
    }
    assert!(told(&project, &["plan", "--nonsense"]).contains("unexpected argument"));
}

#[test]
fn what_terraform_is_told_by_the_environment_is_not_passed_over() {
    let project = terraform("variable \"v\" {\n  default = 1\n}\nresource \"terraform_data\" \"x\" {\n  input = var.v\n}\n");
    let with = |project: &Project, arguments: &[&str], variable: (&str, &str)| {
        Done::from(project.command(arguments).env(variable.0, variable.1).output().unwrap())
    };
    let plan = with(&project, &["plan"], ("TF_WORKSPACE", "prod"));
    assert!(plan.code == 1 && plan.err.contains("TF_WORKSPACE names the workspace `prod`"), "{}", plan.err);
    assert_eq!(with(&project, &["--env", "default", "plan"], ("TF_WORKSPACE", "prod")).code, 0);
    assert_eq!(with(&project, &["plan"], ("TF_WORKSPACE", "default")).code, 0);
    let plan = with(&project, &["plan"], ("TF_CLI_ARGS_plan", "-lock=false"));
    assert!(plan.code == 0 && plan.err.contains("HA_CLI_ARGS_plan"), "{}", plan.err);
    assert!(!with(&project, &["plan"], ("TF_VAR_v", "2")).err.contains("is not read here"));
    let ours = Project::new("variable \"v\" {\n  default = 1\n}\n");
    let plan = with(&ours, &["plan"], ("TF_VAR_v", "2"));
    assert!(plan.err.contains("TF_VAR_v is set, and is not read here"), "{}", plan.err);
}

#[test]
fn the_state_of_terraform_is_told_and_not_damaged() {
    const THEIRS: &str = r#"{"version": 4, "terraform_version": "1.11.4", "resources": [{"type": "x"}]}"#;
    let project = terraform("terraform {\n  backend \"local\" {\n    path = \"terraform.tfstate\"\n  }\n}\n");
    project.write("terraform.tfstate", THEIRS);
    let told = told(&project, &["plan"]);
    assert!(told.contains("`import` blocks"), "{told}");
    assert_eq!(fs::read_to_string(project.path("terraform.tfstate")).unwrap(), THEIRS);
}

#[test]
fn settings_of_providers_are_shown() {
    let project = Project::new("");
    let all = project.done(&["schema", "provider"]);
    assert!(all.contains("local") && all.contains("random"), "{all}");
    if cfg!(feature = "aws") {
        let aws = project.done(&["schema", "provider", "aws"]);
        assert!(aws.starts_with("aws\n") && aws.contains("allowed_account_ids"), "{aws}");
        let json: serde_json::Value = serde_json::from_str(&project.done(&["schema", "provider", "aws", "--json"])).unwrap();
        assert!(json.to_string().contains("allowed_account_ids"), "{json}");
        assert!(told(&project, &["schema", "provider", "awz"]).contains("did you mean `aws`?"));
    }
    assert!(told(&project, &["schema", "provider", "nothing_like_it"]).contains("`ha schema provider` lists all"));
}
