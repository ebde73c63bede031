//! A plan in a file: sealed under the state's key, for that state only.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ha_kind::{Diagnostic, code};
use ha_lang::Configuration;
use ha_plan::{Files, Plan};
use ha_state::{Key, KeyName, Keys, State};
use zeroize::Zeroizing;

use crate::backends::backends;
use crate::commands::Session;
use crate::environment::Environment;
use crate::files::KeptFiles;
use crate::keys::StateKeys;
use crate::place::Place;
use crate::project::kept_configuration;
use crate::sealed_file::{self, Sort};
use crate::trouble::Trouble;
use crate::views::notice::Notice;
use crate::views::report::{plan_secrets, sources_of};
use crate::whereabouts::{Saying, Whereabouts};

/// What a file with a plan is.
const PLAN: Sort = Sort { what: "plan", purpose: "plan" };

/// Writes a plan that only its owner can read. It appears whole or not at all.
pub(crate) fn write(plan: &Plan, key: &(KeyName, Key), path: &Path) -> anyhow::Result<()> {
    let written = Zeroizing::new(serde_json::to_vec(plan).context("could not write down the plan")?);
    let sealed = PLAN.sealed(&plan.lineage, key, &written);
    sealed_file::write(path, &sealed).with_context(|| format!("could not write the plan to `{}`", path.display()))
}

/// Reads a plan.
///
/// # Errors
/// When it is no plan, or its key is not here.
pub(crate) fn read(path: &Path, keys: &dyn Keys) -> Result<Plan, Trouble> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("could not read the plan `{shown}`"))?;
    let plan = PLAN.opened(&bytes, keys)?.and_then(|it| serde_json::from_slice(&it).ok());
    plan.ok_or_else(|| {
        let notice = Notice::error(format!("`{shown}` is not a plan that this version of `ha` wrote")).code(code::NOT_A_PLAN);
        notice.help("make one with `ha plan --out FILE`").into()
    })
}

/// Where the state is that a plan was made for: where its own configuration says.
///
/// # Errors
/// When what that says is not known, or makes no sense.
pub(crate) fn place(
    plan: &Plan,
    configuration: &Configuration,
    files: &dyn Files,
    keys: StateKeys,
    session: &Session,
) -> Result<Place, Trouble> {
    let sources = sources_of(&plan.snapshot);
    let secrets = Arc::new(plan_secrets(plan));
    let environment = Environment::of_plan(plan.snapshot.environment.as_deref());
    let placed = Whereabouts::said(&Saying::of_plan(plan, configuration, files), &backends()).map_err(|it| Trouble::of(&it));
    let placed = placed.and_then(|it| Place::of(&session.directory, environment.as_ref(), &it, keys));
    placed.map_err(|it| it.within(&sources).keeping(&secrets))
}

/// The files that a plan keeps.
///
/// # Errors
/// When another program made it.
pub(crate) fn files(plan: &Plan, path: &Path) -> Result<KeptFiles, Notice> {
    let kept = KeptFiles::new(&plan.snapshot.files);
    kept.ok_or_else(|| Notice::error(format!("`{}` keeps files that cannot be read", path.display())).help("make a new plan"))
}

/// The configuration that a plan was made from.
///
/// # Errors
/// When this program reads it in another way than the one that made the plan.
pub(crate) fn configuration(plan: &Plan) -> Result<Configuration, Trouble> {
    let (configuration, diagnostics) = kept_configuration(&plan.snapshot);
    match diagnostics.iter().any(Diagnostic::is_error) {
        true => Err(Trouble::of(&diagnostics).within(&sources_of(&plan.snapshot))),
        false => Ok(configuration),
    }
}

/// Why a plan must not be applied to a state: something it touches or reads is not what it was.
pub(crate) fn staleness(plan: &Plan, state: &State) -> Option<Notice> {
    let again = "make a new plan with `ha plan`, look at it, and apply that";
    if !state.is_new() && state.lineage != plan.lineage {
        let notice = Notice::error("the plan was made for another state").code(code::OTHER_STATE);
        return Some(notice.note("plan", plan.lineage.clone()).note("state", state.lineage.clone()).help(again));
    }
    let mut notice = Notice::error("the plan is stale: what it touches or reads has changed since it was made").code(code::STALE);
    let mut is_stale = false;
    for (address, planned) in &plan.versions {
        let now = state.records.get(address).map_or(0, |it| it.version);
        if now == *planned {
            continue;
        }
        is_stale = true;
        let what = match (*planned, now) {
            (0, _) => "did not exist then and does now",
            (_, 0) => "existed then and does not now",
            _ => "was written since",
        };
        notice = notice.note("changed", format!("{address} {what}"));
    }
    is_stale.then(|| notice.help(again))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use std::collections::BTreeMap;

    use ha_state::StateError;

    use super::*;
    use crate::views::samples::{everything, nothing};

    struct One(Key);

    impl Keys for One {
        fn named(&self, _: &str, name: &KeyName) -> Result<Key, StateError> {
            assert_eq!(name.id, self.0.id());
            Ok(self.0.clone())
        }

        fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, Key), StateError> {
            let parameters = BTreeMap::from([("salt".to_owned(), "s".to_owned())]);
            Ok((KeyName { id: self.0.id().to_owned(), method: "passphrase".into(), parameters }, self.0.clone()))
        }
    }

    #[test]
    fn a_plan_is_written_sealed_and_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.ha");
        let one = One(Key::random());
        let key = one.current("", None).unwrap();
        write(&everything(), &key, &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(12).any(|it| it == b"mongodb_host"));
        assert_eq!(read(&path, &one).ok().unwrap(), everything());

        // As it was written when only key files were known.
        let mut before = format!("ha plan 1\n{}\n", everything().lineage).into_bytes();
        before.extend(ha_state::seal(&key.1, PLAN.purpose, &serde_json::to_vec(&everything()).unwrap()));
        fs::write(&path, before).unwrap();
        assert_eq!(read(&path, &one).ok().unwrap(), everything());
    }

    #[test]
    fn a_plan_is_stale_when_what_it_touches_has_changed_and_not_otherwise() {
        let mut plan = nothing();
        plan.versions = [("a.b".parse().unwrap(), 0), ("c.d".parse().unwrap(), 7)].into();
        let mut state = State { lineage: plan.lineage.clone(), number: 9, ..State::default() };
        let notice = staleness(&plan, &state).unwrap();
        assert_eq!(notice.notes, [("changed", "c.d existed then and does not now".to_owned())]);
        plan.versions.remove(&"c.d".parse().unwrap());
        assert_eq!(staleness(&plan, &state), None);
        state.lineage = "another".into();
        assert!(staleness(&plan, &state).unwrap().title.contains("another state"));
    }
}
