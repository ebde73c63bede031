//! The rules of RDS for disks: types and sizes for each engine, and growth.

use ha_provider::ArgumentProblem;
use serde::Deserialize;

use super::check::problem;
use super::engine::DbEngine;
use crate::ec2;

#[derive(Deserialize)]
pub(super) struct StorageArguments {
    engine: String,
    storage_type: Option<String>,
    allocated_storage: Option<i32>,
    max_allocated_storage: Option<i32>,
    iops: Option<i32>,
    storage_throughput: Option<i32>,
}

/// Checks size, type, IOPS and throughput together.
pub(super) fn check(it: StorageArguments) -> Vec<ArgumentProblem> {
    let Some(size) = it.allocated_storage else {
        return vec![problem("allocated_storage", "a database needs `allocated_storage`, in GiB")];
    };
    let ty = it.storage_type.as_deref().unwrap_or(if it.iops.is_some() { "io1" } else { "gp3" });
    if !TYPES.contains(&ty) {
        return vec![problem(
            "storage_type",
            format!("the storage types of RDS are {}, not `{ty}`", TYPES.join(", ")),
        )];
    }
    let engine = DbEngine::from_name(&it.engine);
    let mut problems: Vec<ArgumentProblem> =
        limit(ty, size, it.max_allocated_storage).into_iter().collect();
    problems.extend(engine.and_then(|engine| sizes(engine, ty, size)));
    match (it.iops, ty) {
        (None, "io1" | "io2") => {
            problems.push(problem("storage_type", format!("a disk of type {ty} needs `iops`")))
        }
        _ => problems.extend(performance(engine, ty, size, it.iops, it.storage_throughput)),
    }
    problems
}

const TYPES: [&str; 5] = ["gp3", "gp2", "io1", "io2", "standard"];

/// Checks `max_allocated_storage`.
fn limit(ty: &str, size: i32, limit: Option<i32>) -> Option<ArgumentProblem> {
    // A limit that equals the size means the same as 0: no autoscaling.
    let limit = limit.filter(|it| *it != 0 && *it != size)?;
    let message = if ty == "standard" {
        "a magnetic disk (`standard`) does not grow by itself; leave max_allocated_storage out"
            .to_owned()
    } else if limit < size {
        format!("max_allocated_storage ({limit}) is less than allocated_storage ({size})")
    } else if limit < larger_by_a_tenth(size) {
        let least = larger_by_a_tenth(size);
        format!(
            "max_allocated_storage ({limit}) is less than a tenth above allocated_storage ({size}): RDS wants {least} or more"
        )
    } else {
        return None;
    };
    Some(problem("max_allocated_storage", message))
}

/// Checks the size by storage type and engine.
fn sizes(engine: DbEngine, ty: &str, size: i32) -> Option<ArgumentProblem> {
    let (least, most) = match (ty, engine) {
        ("standard", DbEngine::Oracle) => (10, 3072),
        ("standard", DbEngine::SqlServer) => (20, 1024),
        ("standard", _) => (5, 3072),
        ("io1" | "io2", DbEngine::SqlServer) => (100, 16384),
        ("io1" | "io2", _) => (100, 65536),
        (_, DbEngine::SqlServer) => (20, 16384),
        _ => (20, 65536),
    };
    let message =
        || format!("a disk of type {ty} has {least} to {most} GiB with this engine, not {size}");
    (!(least..=most).contains(&size)).then(|| problem("allocated_storage", message()))
}

/// Checks `iops` and `storage_throughput`.
fn performance(
    engine: Option<DbEngine>,
    ty: &str,
    size: i32,
    iops: Option<i32>,
    throughput: Option<i32>,
) -> Vec<ArgumentProblem> {
    let first = if iops.is_some() { "iops" } else { "storage_throughput" };
    let threshold = engine.and_then(DbEngine::gp3_threshold);
    if ty == "gp3"
        && (iops.is_some() || throughput.is_some())
        && threshold.is_some_and(|it| size < it)
    {
        let least = threshold.unwrap_or_default();
        let message = format!(
            "with gp3 and this engine this can be chosen from {least} GiB on, and allocated_storage is {size}"
        );
        return vec![problem(first, message)];
    }
    let mut problems = Vec::new();
    if let Some(message) = ec2::too_many_iops(ty, Some(size), iops) {
        problems.push(problem("iops", message));
    } else if let Some(iops) = iops
        && let Some((least, most)) = operations(engine, ty)
    {
        let least = if ty == "gp3" { least } else { least.max((size + 1) / 2) };
        if !(least..=most).contains(&iops) {
            problems.push(problem(
                "iops",
                format!("{size} GiB of {ty} have {least} to {most} iops here, not {iops}"),
            ));
        }
    }
    if throughput.is_some() && ty != "gp3" {
        problems.push(problem(
            "storage_throughput",
            format!("storage_throughput is for gp3, not {ty}"),
        ));
    } else if let Some((throughput, (least, most))) = throughput.zip(throughputs(engine))
        && !(least..=most).contains(&throughput)
    {
        let message = format!(
            "{size} GiB of gp3 move {least} to {most} MiB a second with this engine, not {throughput}"
        );
        problems.push(problem("storage_throughput", message));
    } else if let Some((throughput, iops)) = throughput.zip(iops)
        && throughput > iops / 4
    {
        let message = format!(
            "{throughput} MiB a second need {} iops or more, and iops is {iops}",
            throughput * 4
        );
        problems.push(problem("storage_throughput", message));
    }
    problems
}

/// The allowed range of `iops`; `None` where it cannot be set.
fn operations(engine: Option<DbEngine>, ty: &str) -> Option<(i32, i32)> {
    match (ty, engine?) {
        ("gp3", DbEngine::SqlServer) => Some((3000, 16000)),
        ("gp3", _) => Some((12000, 64000)),
        ("io1" | "io2", _) => Some((1000, 256_000)),
        _ => None,
    }
}

/// The allowed range of `storage_throughput` in MiB per second.
fn throughputs(engine: Option<DbEngine>) -> Option<(i32, i32)> {
    Some(if engine? == DbEngine::SqlServer { (125, 1000) } else { (500, 4000) })
}

/// The size in GiB that RDS rounds a growth to: at least a tenth more than before.
pub(super) fn larger_by_a_tenth(size: i32) -> i32 {
    let tenths = i64::from(size) * 11;
    i32::try_from((tenths + 9) / 10).unwrap_or(i32::MAX)
}

/// Whether a disk that is larger than configured is as planned: storage autoscaling enlarged it
/// within its limit, or RDS rounded a growth up to a tenth. A disk never shrinks.
pub(super) fn has_grown(asked: i32, there: i32, limit: Option<i32>) -> bool {
    asked < there && (limit.is_some_and(|it| there <= it) || there < larger_by_a_tenth(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        engine: &str,
        ty: Option<&str>,
        size: i32,
        iops: Option<i32>,
        throughput: Option<i32>,
    ) -> usize {
        let storage_type = ty.map(str::to_owned);
        let (allocated_storage, max_allocated_storage) = (Some(size), None);
        let storage = StorageArguments {
            engine: engine.into(),
            storage_type,
            allocated_storage,
            max_allocated_storage,
            iops,
            storage_throughput: throughput,
        };
        check(storage).len()
    }

    #[test]
    fn accepts_disks_of_rds() {
        assert_eq!(judged("postgres", Some("io1"), 300, Some(15000), None), 0);
        assert_eq!(judged("postgres", None, 300, Some(15000), None), 0);
        assert_eq!(judged("postgres", Some("io2"), 100, Some(100_000), None), 0);
        assert_eq!(judged("mysql", Some("gp3"), 400, Some(12000), Some(500)), 0);
        assert_eq!(judged("oracle-se2", Some("gp3"), 200, Some(12000), None), 0);
        assert_eq!(judged("sqlserver-ex", Some("gp3"), 20, Some(3000), Some(125)), 0);
        assert_eq!(judged("postgres", None, 20, None, None), 0);
        assert_eq!(judged("mysql", Some("standard"), 5, None, None), 0);
    }

    #[test]
    fn what_rds_always_refuses_does_not() {
        assert_eq!(
            judged("postgres", Some("io1"), 300, Some(15001), None),
            1,
            "more than 50 a GiB"
        );
        assert_eq!(judged("postgres", Some("io1"), 300, None, None), 1, "no iops");
        assert_eq!(judged("postgres", Some("io2"), 300, None, None), 1, "no iops");
        assert_eq!(judged("postgres", Some("io1"), 99, Some(1000), None), 1, "too small");
        assert_eq!(judged("postgres", Some("io1"), 100, Some(999), None), 1, "too few iops");
        assert_eq!(
            judged("postgres", Some("gp3"), 399, Some(12000), None),
            1,
            "below the threshold"
        );
        assert_eq!(judged("mariadb", Some("gp3"), 399, None, Some(500)), 1, "below the threshold");
        assert_eq!(
            judged("oracle-ee", Some("gp3"), 199, Some(12000), None),
            1,
            "below the threshold"
        );
        assert_eq!(judged("postgres", None, 100, None, Some(500)), 1, "gp3 is the default");
        assert_eq!(
            judged("postgres", Some("gp3"), 400, Some(3000), None),
            1,
            "less than comes with it"
        );
        assert_eq!(
            judged("postgres", Some("gp3"), 400, Some(12000), Some(3500)),
            1,
            "too few iops for it"
        );
        assert_eq!(judged("postgres", Some("gp2"), 100, Some(3000), None), 1, "no iops with gp2");
        assert_eq!(
            judged("postgres", Some("io1"), 100, Some(1000), Some(500)),
            1,
            "no throughput with io1"
        );
        assert_eq!(judged("postgres", Some("gp2"), 19, None, None), 1, "too small");
        assert_eq!(judged("postgres", Some("gp4"), 20, None, None), 1, "no such type");
        assert_eq!(judged("sqlserver-se", Some("gp3"), 16385, None, None), 1, "too large");
    }

    #[test]
    fn limits_leave_room() {
        assert!(limit("gp2", 100, Some(110)).is_none() && limit("gp2", 100, Some(0)).is_none());
        assert!(limit("gp2", 100, Some(100)).is_none());
        assert!(limit("gp2", 100, Some(109)).is_some() && limit("gp2", 100, Some(99)).is_some());
        assert!(limit("standard", 100, Some(200)).is_some());
    }

    #[test]
    fn storage_autoscaling_is_no_request_to_shrink() {
        // From 100 GiB, RDS rounds 105 GiB up to 110.
        assert!(has_grown(105, 110, None));
        assert!(has_grown(20, 35, Some(100)));
        assert!(
            !has_grown(50, 100, None)
                && !has_grown(50, 150, Some(100))
                && !has_grown(100, 50, Some(200))
        );
        assert_eq!((larger_by_a_tenth(100), larger_by_a_tenth(105)), (110, 116));
    }
}
