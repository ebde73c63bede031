//! A plan in a file: sealed under the state's key, for that state only.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ha_diagnostics::{Diagnostic, code};
use ha_lang::Configuration;
use ha_plan::{FileSource, Plan};
use ha_state_model::State;
use ha_state_store::{KeyName, KeyProvider, StateKey};
use zeroize::Zeroizing;

use crate::invocation::may_be_value;
use crate::output::command_error::CommandError;
use crate::registry::backends::backends;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::report::{plan_secrets, sources_of};
use crate::workspace::backend_config::{BackendBlock, BackendConfig};
use crate::workspace::encryption::StateKeys;
use crate::workspace::files::SnapshotFiles;
use crate::workspace::project::kept_configuration;
use crate::workspace::sealed_file;
use crate::workspace::sealed_file::SealedFileKind;
use crate::workspace::selected::Workspace;
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;

/// The format of plan files.
const PLAN: SealedFileKind = SealedFileKind { what: "plan", purpose: "plan" };

/// Writes a plan with mode 0600, atomically.
///
/// # Errors
/// When it cannot be written, or would overwrite a file that is not a plan.
pub(crate) fn write(plan: &Plan, key: &(KeyName, StateKey), path: &Path) -> anyhow::Result<()> {
    let is_foreign = fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() > 0)
        && !PLAN.begins(path).unwrap_or(false);
    if is_foreign {
        let shown = path.display();
        anyhow::bail!(
            "could not write the plan to `{shown}`: the file is there and is no plan; give another name, or remove it"
        );
    }
    let written =
        Zeroizing::new(serde_json::to_vec(plan).context("could not write down the plan")?);
    let sealed = PLAN.sealed(&plan.lineage, key, &written);
    sealed_file::write(path, &sealed)
        .with_context(|| format!("could not write the plan to `{}`", path.display()))
}

/// Reads a plan.
///
/// # Errors
/// When the file is not a plan, or its key is not available.
pub(crate) fn read(path: &Path, keys: &dyn KeyProvider) -> Result<Plan, CommandError> {
    let shown = path.display();
    if may_be_value(&shown.to_string()) && !path.exists() {
        let notice = RenderedDiagnostic::error("there is no plan of the name that is given")
            .code(code::NOT_A_PLAN);
        return Err(notice
            .help("a variable is set by `--var 'NAME=VALUE'`, with both in one argument")
            .into());
    }
    let bytes = PLAN.read(path).with_context(|| format!("could not read the plan `{shown}`"))?;
    let opened = bytes.map(|it| PLAN.opened(&it, keys)).transpose()?.flatten();
    let plan = opened.and_then(|it| serde_json::from_slice(&it).ok());
    plan.ok_or_else(|| {
        let notice = RenderedDiagnostic::error(format!(
            "`{shown}` is not a plan that this version of `ha` wrote"
        ))
        .code(code::NOT_A_PLAN);
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
    files: &dyn FileSource,
    keys: StateKeys,
    session: &Session,
) -> Result<StateLocation, CommandError> {
    let sources = sources_of(&plan.snapshot);
    let secrets = Arc::new(plan_secrets(plan));
    let environment = Workspace::of_plan(plan.snapshot.environment.as_deref());
    let placed =
        BackendConfig::said(&BackendBlock::of_plan(plan, configuration, files), &backends())
            .map_err(|it| CommandError::from_diagnostics(&it));
    let placed = placed
        .and_then(|it| StateLocation::find(&session.directory, environment.as_ref(), &it, keys));
    placed.map_err(|it| it.within(&sources).keeping(&secrets))
}

/// The files that are stored in a plan.
///
/// # Errors
/// When another version wrote the plan and its files cannot be read.
pub(crate) fn files(plan: &Plan, path: &Path) -> Result<SnapshotFiles, RenderedDiagnostic> {
    let kept = SnapshotFiles::new(&plan.snapshot.files);
    kept.ok_or_else(|| {
        RenderedDiagnostic::error(format!("`{}` keeps files that cannot be read", path.display()))
            .help("make a new plan")
    })
}

/// The configuration that a plan was created from.
///
/// # Errors
/// When this version finds errors in the configuration that the plan was created from.
pub(crate) fn configuration(plan: &Plan) -> Result<Configuration, CommandError> {
    let (configuration, diagnostics) = kept_configuration(&plan.snapshot);
    match diagnostics.iter().any(Diagnostic::is_error) {
        true => {
            Err(CommandError::from_diagnostics(&diagnostics).within(&sources_of(&plan.snapshot)))
        }
        false => Ok(configuration),
    }
}

const AGAIN: &str = "make a new plan with `ha plan`, look at it, and apply that";

/// Why a plan must not be applied to the state of this identity: it was made for another.
pub(crate) fn foreignness(
    plan: &Plan,
    state: &State,
    identity: &str,
) -> Option<RenderedDiagnostic> {
    let notice = |title: &str| Some(RenderedDiagnostic::error(title).code(code::OTHER_STATE));
    let is_of_nothing = plan.state_number == 0;
    let of_the_plan = plan.snapshot.place.as_deref();
    match state.is_new() {
        false if state.lineage == plan.lineage => None,
        false => notice("the plan was made for another state")
            .map(|it| it.note("plan", plan.lineage.clone()).note("state", state.lineage.clone()).help(AGAIN)),
        // Two that do not exist yet are distinguished by their places alone.
        true if is_of_nothing => of_the_plan.filter(|it| *it != identity).and_then(|place| {
            let notice = notice("the plan was made for another state, which did not exist yet");
            notice.map(|it| it.note("plan", place.to_owned()).note("state", identity.to_owned()).help(AGAIN))
        }),
        true => notice("the plan was made for a state that is not here").map(|it| {
            it.note("plan", format!("lineage {}, number {}", plan.lineage, plan.state_number))
                .note("state", format!("{identity}, in which nothing is recorded"))
                .help("apply it where it was made; `ha state recover` makes a state again that was lost")
        }),
    }
}

/// Why a plan must not be applied to its state any more: something it touches or reads is not what
/// it was.
pub(crate) fn staleness(plan: &Plan, state: &State) -> Option<RenderedDiagnostic> {
    let mut notice = RenderedDiagnostic::error(
        "the plan is stale: what it touches or reads has changed since it was made",
    )
    .code(code::STALE);
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
    for name in plan.outdated_outputs(state) {
        is_stale = true;
        notice = notice.note("changed", format!("the output {name}"));
    }
    is_stale.then(|| notice.help(AGAIN))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use ha_plan::OutputChange;
    use ha_state_model::OutputRecord;
    use ha_state_store::StateError;

    use super::*;
    use crate::views::test_data::{everything, nothing};

    struct One(StateKey);

    impl KeyProvider for One {
        fn named(&self, _: &str, name: &KeyName) -> Result<StateKey, StateError> {
            assert_eq!(name.id, self.0.id());
            Ok(self.0.clone())
        }

        fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, StateKey), StateError> {
            let parameters = BTreeMap::from([("salt".to_owned(), "s".to_owned())]);
            Ok((
                KeyName { id: self.0.id().to_owned(), method: "passphrase".into(), parameters },
                self.0.clone(),
            ))
        }
    }

    #[test]
    fn a_plan_is_written_sealed_and_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.ha");
        let one = One(StateKey::random());
        let key = one.current("", None).unwrap();
        write(&everything(), &key, &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(12).any(|it| it == b"mongodb_host"));
        assert_eq!(read(&path, &one).ok().unwrap(), everything());

        // As it was written when only key files were known.
        let mut before = format!("ha plan 1\n{}\n", everything().lineage).into_bytes();
        before.extend(ha_state_store::seal(
            &key.1,
            PLAN.purpose,
            &serde_json::to_vec(&everything()).unwrap(),
        ));
        fs::write(&path, before).unwrap();
        assert_eq!(read(&path, &one).ok().unwrap(), everything());

        write(&everything(), &key, &path).unwrap();
        fs::write(&path, "locals {}").unwrap();
        assert!(write(&everything(), &key, &path).is_err());
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "locals {}",
            "what is no plan is not overwritten"
        );
    }

    #[test]
    fn a_plan_is_stale_when_what_it_touches_has_changed_and_not_otherwise() {
        let mut plan = nothing();
        plan.versions = [("a.b".parse().unwrap(), 0), ("c.d".parse().unwrap(), 7)].into();
        let state = State { lineage: plan.lineage.clone(), number: 9, ..State::default() };
        let notice = staleness(&plan, &state).unwrap();
        assert_eq!(notice.notes, [("changed", "c.d existed then and does not now".to_owned())]);
        plan.versions.remove(&"c.d".parse().unwrap());
        assert_eq!(staleness(&plan, &state), None);
    }

    #[test]
    fn a_plan_is_stale_when_an_output_has_changed_that_it_would_put_back() {
        let output = |text: &str| OutputRecord { value: text.into(), sensitive: false };
        let change = |text: &str| OutputChange {
            before: Some(text.into()),
            after: Some("new".into()),
            sensitive: false,
        };
        let plan = Plan {
            outputs: [("o".into(), change("old"))].into(),
            versions: BTreeMap::new(),
            ..nothing()
        };
        let with = |outputs: &[(&str, &str)]| {
            let outputs =
                outputs.iter().map(|(name, text)| ((*name).into(), output(text))).collect();
            staleness(&plan, &State { outputs, number: 9, ..State::default() }).map(|it| it.notes)
        };
        assert_eq!(with(&[("o", "old")]), None);
        for outputs in [&[("o", "other")][..], &[]] {
            assert_eq!(
                with(outputs),
                Some(vec![("changed", "the output o".to_owned())]),
                "{outputs:?}"
            );
        }
        assert_eq!(
            with(&[("o", "old"), ("p", "x")]),
            Some(vec![("changed", "the output p".to_owned())])
        );
    }

    #[test]
    fn a_plan_is_for_one_state_also_where_there_is_none_yet() {
        let mut plan = Plan { state_number: 0, ..nothing() };
        plan.snapshot.place = Some("/f/.ha/ha.state".to_owned());
        let here = |lineage: &str, number| State {
            lineage: lineage.to_owned(),
            number,
            ..State::default()
        };
        let told = |plan: &Plan, state: &State, place: &str| {
            foreignness(plan, state, place).map(|it| it.title)
        };
        let (mine, absent) = (plan.lineage.clone(), here("", 0));
        assert_eq!(told(&plan, &absent, "/f/.ha/ha.state"), None);
        assert!(told(&plan, &absent, "/g/.ha/ha.state").unwrap().contains("did not exist yet"));
        assert_eq!(told(&plan, &here(&mine, 3), "/f/.ha/ha.state"), None);
        assert!(
            told(&plan, &here("another", 3), "/f/.ha/ha.state").unwrap().contains("another state")
        );
        plan.state_number = 3;
        assert!(told(&plan, &absent, "/f/.ha/ha.state").unwrap().contains("not here"));
        assert_eq!(told(&plan, &here(&mine, 3), "/moved/.ha/ha.state"), None);
    }
}
