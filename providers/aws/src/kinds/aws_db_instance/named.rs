//! Checks of names: engine, instance class, certificate authority, groups.

use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, MaybeUnknown};
use ha_value::closest;
use serde::Deserialize;

use super::check::problem;
use super::engine::{DbEngine, takes_family};
use crate::engine_version::EngineVersion;
use crate::forms::{Form, ROLE, SECURITY_GROUP};

/// Arguments whose values match a pattern.
pub(super) static FORMS: [(&str, Form); 5] = [
    ("instance_class", CLASS),
    ("ca_cert_identifier", AUTHORITY),
    ("engine_version", VERSION),
    ("vpc_security_group_ids", SECURITY_GROUP),
    ("monitoring_role_arn", ROLE),
];

const CLASS: Form = Form::new(
    "db[.][a-z]+[0-9]+[a-z0-9-]*[.](micro|small|medium|[0-9]*x?large|metal|[0-9]+xl)([.]tpc[0-9]+[.]mem[0-9]+x)?",
    "an instance class of RDS",
    "db.m5.large",
);
const AUTHORITY: Form = Form::new(
    "rds-ca-(2019|rsa2048-g1|rsa4096-g1|ecc384-g1)",
    "a certificate authority of RDS",
    "rds-ca-rsa2048-g1",
);
const VERSION: Form = Form::new("[0-9]+([.-][0-9A-Za-z.-]*)?", "a version", "15.4");

/// Engines that RDS runs as an instance without a cluster.
const ENGINES: [&str; 14] = [
    "db2-ae",
    "db2-se",
    "mariadb",
    "mysql",
    "oracle-ee",
    "oracle-ee-cdb",
    "oracle-se2",
    "oracle-se2-cdb",
    "postgres",
    "sqlserver-dev-ee",
    "sqlserver-ee",
    "sqlserver-ex",
    "sqlserver-se",
    "sqlserver-web",
];

#[derive(Deserialize)]
pub(super) struct Run {
    engine: String,
}

/// Refuses an engine that RDS does not run, or runs in a cluster only.
pub(super) fn engine(it: Run) -> Vec<ArgumentProblem> {
    let name = it.engine.as_str();
    if ENGINES.contains(&name) {
        return Vec::new();
    }
    let message = if name.starts_with("aurora") {
        format!(
            "RDS runs `{name}` in a cluster only, and this resource type creates an instance without one"
        )
    } else {
        let hint = closest(name, ENGINES).map_or_else(
            || format!("; it runs {}", ENGINES.join(", ")),
            |it| format!("; did you mean `{it}`?"),
        );
        format!("RDS runs no engine `{name}`{hint}")
    };
    vec![problem("engine", message)]
}

#[derive(Deserialize)]
pub(super) struct First {
    engine: String,
    db_name: Option<String>,
}

/// Checks `db_name` by the rules of the engine.
pub(super) fn first_database(it: First) -> Vec<ArgumentProblem> {
    let (Some(name), Some(engine)) = (it.db_name, DbEngine::from_name(&it.engine)) else {
        return Vec::new();
    };
    let Some(longest) = engine.longest_database_name() else { return Vec::new() };
    let is_first =
        |it: char| it.is_ascii_alphabetic() || (it == '_' && engine == DbEngine::Postgres);
    let is_one = (1..=longest).contains(&name.len())
        && name.starts_with(is_first)
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    if is_one {
        return Vec::new();
    }
    let message = format!(
        "the name of a database of {} is 1 to {longest} letters, digits and `_`, the first a letter, not `{name}`",
        it.engine
    );
    vec![problem("db_name", message)]
}

#[derive(Deserialize)]
pub(super) struct NetworkArguments {
    vpc_security_group_ids: Option<MaybeUnknown<BTreeSet<String>>>,
}

/// Refuses an empty set of security groups.
pub(super) fn reached(it: NetworkArguments) -> Vec<ArgumentProblem> {
    match it.vpc_security_group_ids {
        Some(MaybeUnknown::Known(groups)) if groups.is_empty() => {
            let message = "an instance needs at least one security group; leave this out for the default one of its VPC";
            vec![problem("vpc_security_group_ids", message)]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
pub(super) struct OptionGroupArguments {
    engine: String,
    engine_version: Option<EngineVersion>,
    parameter_group_name: Option<String>,
    option_group_name: Option<String>,
}

/// Refuses parameter and option groups of RDS itself that are for another engine or version. Only
/// the names of its own groups, `default.…`, tell the family.
pub(super) fn grouped(it: OptionGroupArguments) -> Vec<ArgumentProblem> {
    let own = [
        ("parameter_group_name", it.parameter_group_name.as_deref(), "default."),
        ("option_group_name", it.option_group_name.as_deref(), "default:"),
    ];
    let wrong = |(at, name, prefix): (&'static str, Option<&str>, &str)| {
        let name = name?;
        let message = match name.strip_prefix(prefix) {
            Some(family) if takes_family(&it.engine, it.engine_version.as_ref(), family) => {
                return None;
            }
            Some(_) => {
                let version = it
                    .engine_version
                    .as_ref()
                    .map(|it| format!(" {}", it.as_str()))
                    .unwrap_or_default();
                format!("`{name}` is not for {}{version}", it.engine)
            }
            None if is_name(name) => return None,
            None => format!(
                "`{name}` is not a valid group name: letters, digits and single `-`, the first a letter"
            ),
        };
        Some(problem(at, message))
    };
    own.into_iter().filter_map(wrong).collect()
}

fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-')
        && !name.ends_with('-')
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem_paths(arguments: serde_json::Value) -> Vec<String> {
        let mut all = crate::forms::check(&FORMS)(arguments.clone());
        let of = |it: &serde_json::Value| it.clone();
        all.extend(serde_json::from_value(of(&arguments)).map(engine).unwrap_or_default());
        all.extend(serde_json::from_value(of(&arguments)).map(first_database).unwrap_or_default());
        all.extend(serde_json::from_value(of(&arguments)).map(reached).unwrap_or_default());
        all.extend(serde_json::from_value(of(&arguments)).map(grouped).unwrap_or_default());
        all.into_iter().map(|it| it.path.to_string()).collect()
    }

    #[test]
    fn refuses_names_that_rds_does_not_have() {
        for (at, arguments) in [
            ("instance_class", json!({"engine": "mysql", "instance_class": "m5.large"})),
            ("instance_class", json!({"engine": "mysql", "instance_class": "db.m5"})),
            ("instance_class", json!({"engine": "mysql", "instance_class": "db.m5.larg"})),
            ("instance_class", json!({"engine": "mysql", "instance_class": "db.serverless"})),
            ("ca_cert_identifier", json!({"engine": "mysql", "ca_cert_identifier": "rds-ca-2048"})),
            ("engine_version", json!({"engine": "mysql", "engine_version": "latest"})),
            ("engine", json!({"engine": "postgresql"})),
            ("engine", json!({"engine": "aurora-postgresql", "db_name": "my-db"})),
            ("engine", json!({"engine": "Postgres"})),
            ("db_name", json!({"engine": "postgres", "db_name": "my-db"})),
            ("db_name", json!({"engine": "postgres", "db_name": "1st"})),
            ("db_name", json!({"engine": "mysql", "db_name": "_first"})),
            ("db_name", json!({"engine": "oracle-ee", "db_name": "ninechars"})),
            (
                "vpc_security_group_ids[0]",
                json!({"engine": "mysql", "vpc_security_group_ids": ["default"]}),
            ),
            ("vpc_security_group_ids", json!({"engine": "mysql", "vpc_security_group_ids": []})),
            ("monitoring_role_arn", json!({"engine": "mysql", "monitoring_role_arn": "measures"})),
            (
                "parameter_group_name",
                json!({"engine": "postgres", "engine_version": "15", "parameter_group_name": "default.postgres14"}),
            ),
            (
                "parameter_group_name",
                json!({"engine": "postgres", "parameter_group_name": "default.mysql8.0"}),
            ),
            (
                "parameter_group_name",
                json!({"engine": "postgres", "parameter_group_name": "our_settings"}),
            ),
            (
                "option_group_name",
                json!({"engine": "mysql", "engine_version": "8.4.3", "option_group_name": "default:mysql-8-0"}),
            ),
        ] {
            assert_eq!(problem_paths(arguments.clone()), [at], "{arguments}");
        }
    }

    #[test]
    fn accepts_names_of_rds() {
        for arguments in [
            json!({"engine": "postgres", "engine_version": "15.4", "parameter_group_name": "default.postgres15"}),
            json!({"engine": "postgres", "engine_version": "9.6.24", "parameter_group_name": "default.postgres9.6"}),
            json!({"engine": "mysql", "engine_version": "8", "parameter_group_name": "default.mysql8.4"}),
            json!({"engine": "mysql", "engine_version": "8.0.35", "option_group_name": "default:mysql-8-0"}),
            json!({"engine": "sqlserver-se", "engine_version": "15.00.4073", "parameter_group_name": "default.sqlserver-se-15.0"}),
            json!({"engine": "oracle-ee-cdb", "engine_version": "19", "parameter_group_name": "default.oracle-ee-cdb-19"}),
            json!({"engine": "db2-ae", "engine_version": "11.5.9", "parameter_group_name": "default.db2-ae-11.5"}),
            json!({"engine": "postgres", "parameter_group_name": "ours", "db_name": "_first", "vpc_security_group_ids": ["sg-1"]}),
            json!({"engine": "oracle-se2", "db_name": "ORCL", "engine_version": "19.0.0.0.ru-2024-01.rur-2024-01.r1"}),
        ] {
            assert_eq!(problem_paths(arguments.clone()), Vec::<String>::new(), "{arguments}");
        }
        for class in [
            "db.t4g.micro",
            "db.r6id.24xlarge",
            "db.x2iedn.32xlarge",
            "db.r5.4xlarge.tpc2.mem2x",
            "db.m1.small",
            "db.z1d.metal",
        ] {
            assert_eq!(
                problem_paths(json!({"engine": "mysql", "instance_class": class})),
                Vec::<String>::new(),
                "{class}"
            );
        }
    }
}
