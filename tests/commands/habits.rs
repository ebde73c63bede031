//! Features of Terraform that do not exist here: each is answered with what to do instead.

use std::fs;

use crate::{Done, Project};

/// Creates a directory with Terraform's file names.
fn terraform(text: &str) -> Project {
    let project = Project::new("");
    fs::remove_file(project.path("main.hcl")).unwrap();
    project.write("main.tf", text);
    project
}

fn printed(project: &Project, arguments: &[&str]) -> String {
    let done = project.ha(arguments);
    assert_eq!(done.code, 1, "{arguments:?}: {}", done.out);
    done.err
}

#[test]
fn missing_arguments_are_explained() {
    let s3 = |argument: &str| {
        let usual =
            "bucket = \"b\"\n    key = \"k\"\n    region = \"eu-west-1\"\n    encrypt = true";
        format!("terraform {{\n  backend \"s3\" {{\n    {usual}\n    {argument}\n  }}\n}}\n")
    };
    let object = |argument: &str| {
        format!(
            "resource \"aws_s3_object\" \"o\" {{\n  bucket = \"b\"\n  key = \"k\"\n  content = \"x\"\n  {argument}\n}}\n"
        )
    };
    let provider = |argument: &str| {
        format!("provider \"aws\" {{\n  region = \"eu-west-1\"\n  {argument}\n}}\n")
    };
    for (text, instead) in [
        (s3("dynamodb_table = \"locks\""), "leave it out: the lock is an object in the bucket"),
        (
            s3("dynamodb_endpoint = \"http://x\""),
            "leave it out: the lock is an object in the bucket",
        ),
        (s3("assume_role = { role_arn = \"x\" }"), "with a profile: `role_arn`"),
        (s3("assume_role {\n      role_arn = \"x\"\n    }"), "with a profile: `role_arn`"),
        (s3("role_arn = \"x\""), "with a profile: `role_arn`"),
        (s3("external_id = \"x\""), "with a profile: `role_arn`"),
        (s3("acl = \"private\""), "the bucket's policy"),
        (s3("skip_region_validation = true"), "`ha` makes no call that it would skip"),
        (s3("skip_metadata_api_check = true"), "`ha` makes no call that it would skip"),
        (s3("shared_credentials_files = [\"x\"]"), "AWS_SHARED_CREDENTIALS_FILE"),
        (s3("force_path_style = true"), "write `use_path_style"),
        (s3("sse_customer_key = \"x\""), "the block `encryption`"),
        (s3("use_fips_endpoint = true"), "AWS_USE_FIPS_ENDPOINT"),
        (s3("https_proxy = \"x\""), "a proxy is not supported yet"),
        (s3("retry_mode = \"adaptive\""), "`max_retries`"),
        (provider("assume_role {\n    role_arn = \"x\"\n  }"), "with a profile: `role_arn`"),
        (provider("s3_force_path_style = true"), "write `s3_use_path_style"),
        (provider("skip_requesting_account_id = true"), "`ha` makes no call that it would skip"),
        (object("etag = md5(\"x\")"), "leave it out: the object is compared"),
        (object("source_hash = md5(\"x\")"), "leave it out: the object is compared"),
        (object("source = \"f\""), "write `content = file("),
        (
            "terraform {\n  backend \"local\" {\n    workspace_dir = \"w\"\n  }\n}\n".to_owned(),
            "`env/NAME` beside `path`",
        ),
        ("terraform {\n  backend \"pg\" {}\n}\n".to_owned(), "write `backend \"postgres\"`"),
        ("terraform {\n  backend \"gcs\" {}\n}\n".to_owned(), "not there yet"),
    ] {
        if cfg!(feature = "aws") || !text.contains("s3") && !text.contains("aws") {
            let printed = printed(&terraform(&text), &["validate"]);
            assert!(
                printed.contains(instead) && !printed.contains("did you mean"),
                "{text}: {printed}"
            );
        }
    }
}

#[test]
fn missing_arguments_of_resource_types_are_explained() {
    for (kind, argument, instead) in [
        ("aws_s3_bucket", "acl = \"private\"", "`aws_s3_bucket_public_access_block`"),
        ("aws_s3_bucket", "policy = \"{}\"", "`aws_iam_role_policy`"),
        ("aws_s3_bucket", "versioning {\n    enabled = true\n  }", "`aws_s3_bucket_versioning`"),
        ("aws_s3_bucket", "bucket_prefix = \"x\"", "write the whole name: `bucket = "),
        ("aws_s3_bucket", "lifecycle_rule {\n  }", "it is not supported yet"),
        ("aws_autoscaling_group", "launch_configuration = \"x\"", "write `launch_template"),
        ("aws_autoscaling_group", "instance_refresh {\n  }", "leave it out"),
        ("aws_autoscaling_group", "name_prefix = \"x\"", "write the whole name: `name = "),
        ("aws_autoscaling_group", "tags = []", "write a block `tag` for each"),
        ("aws_db_instance", "name = \"x\"", "write `db_name"),
        ("aws_db_instance", "identifier_prefix = \"x\"", "write the whole name: `identifier = "),
        ("aws_db_instance", "snapshot_identifier = \"x\"", "an `import` block"),
        ("aws_db_instance", "security_group_ids = []", "write `vpc_security_group_ids"),
        ("aws_db_instance", "domain_iam_role_name = \"x\"", "it is not supported yet"),
        ("aws_launch_template", "user_data_base64 = \"x\"", "which takes Base64"),
        ("aws_launch_template", "root_block_device {\n  }", "write `block_device_mappings"),
        ("aws_iam_role", "name_prefix = \"x\"", "write the whole name: `name = "),
        ("aws_security_group", "name_prefix = \"x\"", "write the whole name: `name = "),
        ("local_file", "source = \"x\"", "write `content = file("),
        ("random_password", "number = true", "write `numeric"),
    ] {
        if cfg!(feature = "aws") || !kind.starts_with("aws_") {
            let text = format!("resource \"{kind}\" \"x\" {{\n  {argument}\n}}\n");
            let printed = printed(&terraform(&text), &["validate"]);
            assert!(
                printed.contains(instead) && !printed.contains("did you mean"),
                "{text}: {printed}"
            );
        }
    }
}

#[test]
fn missing_resource_types_are_explained() {
    for (kind, instead) in [
        ("aws_s3_bucket_object", "use `aws_s3_object`"),
        ("aws_launch_configuration", "use `aws_launch_template`"),
        ("aws_instance", "an `aws_autoscaling_group` with `min_size = 1`"),
        ("aws_s3_bucket_policy", "it is not supported yet"),
        ("aws_db_snapshot", "`backup_retention_period`"),
        ("aws_rds_cluster_instance", "use `aws_db_instance`"),
        ("aws_security_group_rule", "use `aws_vpc_security_group_ingress_rule`"),
        ("aws_ebs_volume", "`block_device_mappings`"),
        ("aws_route53_record", "it is not supported yet"),
        ("aws_sqs_queue", "\"What is not there yet\" in README.md"),
        ("aws_ami", "there is a data source `aws_ami`"),
        ("aws_db_instnace", "did you mean `aws_db_instance`?"),
        ("local_sensitive_file", "`sensitive_content`"),
        ("tls_private_key", "use `tls_cert`"),
        ("template_file", "`templatefile("),
        ("random_uuid", "the `id` of an `ha_data`"),
        ("random_integer", "use `dec` of a `random_id`"),
        ("postgresql_grant", "it is not there yet"),
        ("kubernetes_pod", "there is no provider `kubernetes`"),
        ("google_storage_bucket", "there is no provider `google`"),
        ("time_sleep", "`plantimestamp()`"),
    ] {
        let whole = cfg!(feature = "aws") && cfg!(feature = "postgresql") && cfg!(feature = "tls");
        if whole
            || !kind.starts_with("aws_")
                && !kind.starts_with("postgresql_")
                && !kind.starts_with("tls_")
        {
            let printed =
                printed(&terraform(&format!("resource \"{kind}\" \"x\" {{\n}}\n")), &["validate"]);
            assert!(printed.contains(instead), "{kind}: {printed}");
            assert_eq!(
                printed.contains("did you mean"),
                instead.contains("did you mean"),
                "{kind}: {printed}"
            );
        }
    }
}

#[test]
fn missing_providers_are_reported_with_existing_ones() {
    for text in [
        "provider \"kubernetes\" {\n}\n",
        "terraform {\n  required_providers {\n    helm = { source = \"hashicorp/helm\" }\n  }\n}\nprovider \"helm\" {\n}\n",
    ] {
        let printed = printed(&terraform(text), &["validate"]);
        assert!(
            printed.contains("there is no provider") && printed.contains("README.md"),
            "{text}: {printed}"
        );
    }
}

#[test]
fn missing_commands_are_explained() {
    let project = terraform("resource \"terraform_data\" \"x\" {}\n");
    for (arguments, instead) in [
        (&["taint", "a.b"][..], "`ha apply --replace ADDRESS`"),
        (&["refresh"], "`ha apply --refresh-only`"),
        (&["workspace", "new", "x"], "`--env NAME`"),
        (&["state", "replace-provider", "a", "b"], "a provider goes by one name"),
        (&["push"], "`ha state migrate`"),
        (&["force-unlock", "1"], "`ha state unlock ID`"),
    ] {
        let printed = printed(&project, arguments);
        assert!(
            printed.contains("there is no command") && printed.contains(instead),
            "{arguments:?}: {printed}"
        );
    }
}

#[test]
fn state_options_of_init_are_explained() {
    let project = terraform("resource \"terraform_data\" \"x\" {}\n");
    for (option, code) in [
        ("-migrate-state", 1),
        ("--migrate-state", 1),
        ("-backend-config=bucket=x", 1),
        ("-reconfigure", 0),
    ] {
        let done = project.ha(&["init", "-input=false", option]);
        assert_eq!(done.code, code, "{option}: {}", done.err);
        assert!(done.err.contains("`ha state migrate` moves"), "{option}: {}", done.err);
        assert!(!done.err.contains("bucket"), "{option}: {}", done.err);
    }
    assert_eq!(project.ha(&["init", "-upgrade"]).code, 0);
}

/// References to a section of a documentation page lead to an existing one.
#[test]
fn login_explains_backends() {
    let project = terraform("resource \"terraform_data\" \"x\" {}\n");
    let printed = printed(&project, &["login"]);
    assert!(printed.contains("\"Where it is kept\" in docs/state.md"), "{printed}");
    assert!(include_str!("../../docs/state.md").contains("\n## Where it is kept\n"));
}

#[test]
fn flags_accept_true_and_false() {
    let project = terraform("resource \"terraform_data\" \"x\" {}\n");
    let asked = printed(&project, &["apply", "-auto-approve=false"]);
    assert!(asked.contains("no one to ask"), "{asked}");
    assert_eq!(project.ha(&["apply", "-auto-approve=true", "-input=false"]).code, 0);
}

#[test]
fn missing_options_are_explained() {
    let project = terraform("resource \"terraform_data\" \"x\" {}\n");
    for (arguments, instead) in [
        (
            &["apply", "-auto-approve", "-lock=false"][..],
            "leave it out: what writes the state takes its lock",
        ),
        (&["apply", "-state=x.tfstate"], "the block `backend`"),
        (&["output", "-state", "x.tfstate"], "the block `backend`"),
        (&["state", "list", "-state=x"], "the block `backend`"),
        (&["state", "rm", "-backup=x", "a.b"], "`.ha/backups`"),
        (&["plan", "-generate-config-out=x.tf"], "`ha schema KIND`"),
        (&["import", "-config=x", "a.b", "c"], "leave it out"),
        (&["validate", "-no-tests"], "leave it out"),
        (&["destroy", "-force"], "`--yes` does not ask"),
        (&["graph", "-type=plan"], "`ha graph PLANFILE`"),
        (&["graph", "-plan=x"], "`ha graph PLANFILE`"),
        (&["graph", "-module-depth=1"], "leave it out"),
        (&["import", "-provider=aws.x", "a.b", "c"], "`provider = …`"),
        (&["plan", "-target-file=x"], "`--target ADDRESS`"),
        (&["apply", "-invoke=action.x"], "a script around `ha apply`"),
    ] {
        let printed = printed(&project, arguments);
        assert!(
            printed.contains("there is no option") && printed.contains(instead),
            "{arguments:?}: {printed}"
        );
    }
    assert!(printed(&project, &["plan", "--nonsense"]).contains("unexpected argument"));
}

#[test]
fn environment_variables_of_terraform_are_not_ignored() {
    let project = terraform(
        "variable \"v\" {\n  default = 1\n}\nresource \"terraform_data\" \"x\" {\n  input = var.v\n}\n",
    );
    let with = |project: &Project, arguments: &[&str], variable: (&str, &str)| {
        Done::from(project.command(arguments).env(variable.0, variable.1).output().unwrap())
    };
    let plan = with(&project, &["plan"], ("TF_WORKSPACE", "prod"));
    assert!(
        plan.code == 1 && plan.err.contains("TF_WORKSPACE names the workspace `prod`"),
        "{}",
        plan.err
    );
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
fn a_terraform_state_is_reported_and_not_changed() {
    const THEIRS: &str =
        r#"{"version": 4, "terraform_version": "1.11.4", "resources": [{"type": "x"}]}"#;
    let project =
        terraform("terraform {\n  backend \"local\" {\n    path = \"terraform.tfstate\"\n  }\n}\n");
    project.write("terraform.tfstate", THEIRS);
    let printed = printed(&project, &["plan"]);
    assert!(printed.contains("`import` blocks"), "{printed}");
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
        let json: serde_json::Value =
            serde_json::from_str(&project.done(&["schema", "provider", "aws", "--json"])).unwrap();
        assert!(json.to_string().contains("allowed_account_ids"), "{json}");
        assert!(printed(&project, &["schema", "provider", "awz"]).contains("did you mean `aws`?"));
    }
    assert!(
        printed(&project, &["schema", "provider", "nothing_like_it"])
            .contains("`ha schema provider` lists all")
    );
}
