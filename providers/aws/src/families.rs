//! A check across blocks: a DB instance whose parameter group, in the same configuration, is for
//! another engine or version.

use ha_provider::{ArgumentProblem, BlockInstance, ByAttribute, CrossCheck, CrossCheckProblem};
use ha_value::{Path, ResourceMode, Severity};

use crate::engine_version::EngineVersion;
use crate::kinds::aws_db_instance::takes_family;

const DATABASE: &str = "aws_db_instance";
const GROUP: &str = "aws_db_parameter_group";

pub(crate) const TOGETHER: CrossCheck = CrossCheck {
    kinds: &[(ResourceMode::Managed, DATABASE), (ResourceMode::Managed, GROUP)],
    check,
};

fn check(all: &[BlockInstance<'_>]) -> Vec<CrossCheckProblem> {
    let of =
        |kind: &'static str| all.iter().filter(move |it| &*it.address.block.kind == kind).copied();
    let groups: Vec<BlockInstance<'_>> = of(GROUP).collect();
    let (by_name, by_id) = (ByAttribute::new("name", &groups), ByAttribute::new("id", &groups));
    let group = |it: &BlockInstance<'_>| by_name.find(it, NAMED).or_else(|| by_id.find(it, NAMED));
    of(DATABASE).filter_map(|it| contradiction(&it, &group(&it)?)).collect()
}

/// The instance's argument that names the parameter group.
const NAMED: &str = "parameter_group_name";

fn contradiction(
    database: &BlockInstance<'_>,
    group: &BlockInstance<'_>,
) -> Option<CrossCheckProblem> {
    let (engine, family) = (database.text(&["engine"])?, group.text(&["family"])?);
    let version = database.text(&["engine_version"]).map(EngineVersion::from);
    if takes_family(engine, version.as_ref(), family) {
        return None;
    }
    let said = version.map(|it| format!(" {}", it.as_str())).unwrap_or_default();
    let message = format!(
        "`{}` is of the family `{family}`, and this instance runs {engine}{said}",
        group.address
    );
    let problem = ArgumentProblem { path: Path::attribute(NAMED), message };
    Some(CrossCheckProblem {
        address: database.address.clone(),
        problem,
        severity: Severity::Error,
    })
}

#[cfg(test)]
mod tests {
    use ha_value::{Address, Object, Value};

    use super::*;

    #[test]
    fn a_parameter_group_has_the_family_of_its_database() {
        let problem_count = |engine: &str, version: &str, family: &str| {
            let object = |fields: &[(&str, &str)]| -> Object {
                fields.iter().map(|(name, it)| ((*name).into(), Value::from(*it))).collect()
            };
            let database: Address = "aws_db_instance.it".parse().unwrap();
            let group: Address = "aws_db_parameter_group.it".parse().unwrap();
            let wanted =
                object(&[("engine", engine), ("engine_version", version), (NAMED, "ours")]);
            let settings = object(&[("name", "ours"), ("family", family)]);
            let placed =
                |address, arguments| BlockInstance { address, arguments, id: None, provider: "" };
            check(&[placed(&database, &wanted), placed(&group, &settings)]).len()
        };
        assert_eq!(
            (
                problem_count("postgres", "15.4", "postgres15"),
                problem_count("mysql", "8.0", "mysql8.0")
            ),
            (0, 0)
        );
        assert_eq!(
            (
                problem_count("postgres", "15.4", "postgres14"),
                problem_count("mysql", "8.4", "mysql8.0")
            ),
            (1, 1)
        );
        assert_eq!(problem_count("mariadb", "10.11", "mysql8.0"), 1);
    }
}
