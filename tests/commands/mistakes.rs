//! Errors that many objects depend on, plans above the limits, and settings without an effect.

use std::fs;

use crate::Project;

/// Counts the occurrences of a string.
fn times(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_shared_error_is_reported_once_in_linear_time() {
    let uses = [
        "\"${local.aN}-${local.aN}\"",
        "local.aN + local.aN",
        "format(\"%s%s\", local.aN, local.aN)",
        "join(\"\", [local.aN, local.aN])",
        "true ? local.aN : local.aN",
    ];
    for form in uses {
        let levels: String = (0..40)
            .map(|it| format!("  a{} = {}\n", it + 1, form.replace('N', &it.to_string())))
            .collect();
        let project = Project::new(&format!(
            "locals {{\n  a0 = 1 + [2]\n{levels}}}\noutput \"o\" {{\n  value = local.a40\n}}\n"
        ));
        for arguments in [&["plan"][..], &["validate"], &["console", "--expr", "local.a40"]] {
            let done = project.ha(arguments);
            assert_eq!(done.code, 1, "{form} {arguments:?}\n{}", done.out);
            assert_eq!(
                times(&done.err, "`+` takes a number, not a tuple of 1"),
                1,
                "{form} {arguments:?}\n{}",
                done.err
            );
        }
    }
}

#[test]
fn an_error_in_a_shared_function_is_reported_once() {
    let levels: String = (0..40)
        .map(|it| {
            format!(
                "function \"f{}\" {{\n  params = []\n  result = [f{it}(), f{it}()]\n}}\n",
                it + 1
            )
        })
        .collect();
    let configuration = format!(
        "function \"f0\" {{\n  params = []\n  result = 1 + [2]\n}}\n{levels}output \"o\" {{\n  value = f40()\n}}\n"
    );
    let planned = Project::new(&configuration).ha(&["plan"]);
    assert_eq!((planned.code, times(&planned.err, "error[")), (1, 1), "{}", planned.err);
    // The argument of `try` can fail for some arguments of the function and succeed for others.
    let tried = "function \"half\" {\n  params = [x]\n  result = 4 / x\n}\noutput \"o\" {\n  value = try(half(0), half(2))\n}\n";
    let project = Project::new(tried);
    assert!(project.done(&["plan"]).contains("o  + 2"));
}

#[test]
fn modules_that_call_each_other_twice_in_each_level_are_refused_early() {
    let calls = |to: &str| {
        format!(
            "module \"a\" {{\n  source = \"{to}\"\n}}\nmodule \"b\" {{\n  source = \"{to}\"\n}}\n"
        )
    };
    let project = Project::new(&calls("./m1"));
    for level in 1..=30 {
        fs::create_dir(project.path(&format!("m{level}"))).unwrap();
        let inside =
            if level < 30 { calls(&format!("../m{}", level + 1)) } else { "locals {\n}\n".into() };
        project.write(&format!("m{level}/main.hcl"), &inside);
    }
    for command in ["validate", "plan"] {
        let refused = project.ha(&[command]);
        assert_eq!((refused.code, times(&refused.err, "error[HA0102]")), (1, 1), "{}", refused.err);
        assert!(refused.err.contains("more than 20000 calls of modules"), "{}", refused.err);
    }
}

#[test]
fn more_instances_than_a_plan_holds_are_refused_early() {
    let one = Project::new("resource \"ha_data\" \"a\" {\n  count = 1000000\n}\n").ha(&["plan"]);
    assert!(
        one.err
            .contains("error[HA0102]: `count` is 1000000, and a plan has 250000 instances at most"),
        "{}",
        one.err
    );
    let many = Project::new("module \"a\" {\n  source = \"./m\"\n  count  = 1000\n}\n");
    fs::create_dir(many.path("m")).unwrap();
    many.write("m/main.hcl", "resource \"ha_data\" \"a\" {\n  count = 1000\n}\n");
    let refused = many.ha(&["plan"]);
    assert_eq!((refused.code, times(&refused.err, "error[HA0102]")), (1, 1), "{}", refused.err);
    assert!(refused.err.contains("m/main.hcl:2:11"), "{}", refused.err);
}

#[test]
fn ineffective_lifecycle_settings_are_reported() {
    let with = |lifecycle: &str| {
        let text = format!(
            "resource \"null_resource\" \"r1\" {{\n  triggers = {{ a = 1 }}\n}}\nresource \"ha_data\" \"r2\" {{\n  count = 2\n}}\n\
             resource \"null_resource\" \"r3\" {{\n  lifecycle {{\n    {lifecycle}\n  }}\n}}\n"
        );
        Project::new(&text).ha(&["validate"])
    };
    for (lifecycle, printed) in [
        (
            "replace_triggered_by = [null_resource.r1.trigers]",
            "`null_resource` has no attribute `trigers`",
        ),
        ("replace_triggered_by = [ha_data.r2[0].ouput]", "`ha_data` has no attribute `ouput`"),
        ("replace_triggered_by = [null_resource.r1.id.x]", "`id` of `null_resource` has no `x`"),
        ("replace_triggered_by = [ha_data.r2[5]]", "there is no instance `ha_data.r2[5]`"),
        (
            "replace_triggered_by = [ha_data.r2[\"a\"].output]",
            "there is no instance `ha_data.r2[\"a\"]`",
        ),
        ("ignore_changes = [nosuch]", "`null_resource` has no attribute `nosuch`"),
        ("ignore_changes = [trigers[\"a\"]]", "`null_resource` has no attribute `trigers`"),
    ] {
        let told_of = with(lifecycle);
        assert!(
            told_of.code == 1 && told_of.err.contains(printed),
            "{lifecycle}\n{}{}",
            told_of.out,
            told_of.err
        );
    }
    for sound in [
        "replace_triggered_by = [null_resource.r1.triggers, null_resource.r1.triggers.a, null_resource.r1.id, ha_data.r2]",
        "replace_triggered_by = [ha_data.r2[1].output.anything]",
        "ignore_changes = [triggers, triggers[\"a\"]]",
    ] {
        let printed = with(sound);
        assert_eq!(printed.code, 0, "{sound}\n{}", printed.err);
    }
}

#[test]
fn a_custom_message_shows_its_known_parts() {
    let project = Project::new(
        "resource \"random_id\" \"r\" {\n  byte_length = 2\n}\nvariable \"secret\" {\n  default   = \"tell-nobody\"\n  sensitive = true\n}\n\
         module \"m\" {\n  source = \"./m\"\n  port   = 99999\n  name   = random_id.r.hex\n  word   = var.secret\n}\n\
         output \"o\" {\n  value = 1\n  precondition {\n    condition     = 1 == 2\n    error_message = \"${random_id.r.hex} is not two.\"\n  }\n}\n",
    );
    fs::create_dir(project.path("m")).unwrap();
    project.write(
        "m/main.hcl",
        "variable \"port\" {\n  validation {\n    condition     = var.port < 65536\n    error_message = \"${var.name} and ${var.word} have a port out of range.\"\n  }\n}\n\
         variable \"name\" {\n}\nvariable \"word\" {\n}\n",
    );
    let printed = project.ha(&["plan"]).err;
    assert!(
        printed.contains(
            "(known after apply: random_id.r.hex) and (sensitive) have a port out of range."
        ),
        "{printed}"
    );
    assert!(printed.contains("(known after apply: random_id.r.hex) is not two."), "{printed}");
    assert!(
        printed.contains("var.port is 99999") && printed.contains("m/main.hcl:3:21"),
        "{printed}"
    );
    assert!(!printed.contains("tell-nobody"), "{printed}");
}

#[test]
fn duplicates_and_cycles_show_all_their_files() {
    let project = Project::new(
        "variable \"a\" {\n}\nlocals {\n  x = module.m.answer\n}\nmodule \"m\" {\n  source = \"./m\"\n  given  = local.x\n}\n",
    );
    project.write("other.hcl", "\n\nvariable \"a\" {\n}\n");
    let twice = project.ha(&["validate"]).err;
    assert!(twice.contains("other.hcl:3:1") && twice.contains("main.hcl:1:1"), "{twice}");
    fs::remove_file(project.path("other.hcl")).unwrap();
    fs::create_dir(project.path("m")).unwrap();
    project.write(
        "m/main.hcl",
        "variable \"given\" {\n}\noutput \"answer\" {\n  value = var.given\n}\n",
    );
    let circle = project.ha(&["validate"]).err;
    for edge in [
        "`local.x` refers to `module.m.output.answer`",
        "`module.m.output.answer` refers to `module.m.var.given`",
        "`module.m.var.given` refers to `local.x`",
    ] {
        assert!(circle.contains(edge), "{circle}");
    }
    assert!(circle.contains("main.hcl:4:7") && circle.contains("m/main.hcl:4:11"), "{circle}");
}

#[test]
fn two_aliases_for_one_server_do_not_hide_two_blocks_for_one_role() {
    let server = |alias: &str, port: u32| {
        format!(
            "provider \"postgresql\" {{\n  alias = \"{alias}\"\n  host = \"127.0.0.1\"\n  port = {port}\n  \
             username = \"{alias}\"\n}}\n"
        )
    };
    let role = |label: &str| {
        format!(
            "resource \"postgresql_role\" \"{label}\" {{\n  provider = postgresql.{label}\n  name = \"same\"\n}}\n"
        )
    };
    let plan = |second_port: u32| {
        let configuration =
            [server("a", 1), server("b", second_port), role("a"), role("b")].concat();
        Project::new(&configuration).ha(&["plan"])
    };
    let refused = plan(1);
    let message = "`postgresql_role.a` and `postgresql_role.b` are the same object";
    assert!(refused.code == 1 && refused.err.contains(message), "{}", refused.err);
    let planned = plan(2);
    assert!(!planned.err.contains(message), "{}", planned.err);
}
