//! A plan without its secrets: what every renderer of plans takes.

use std::collections::BTreeMap;

use ha_plan::{
    Change, ChangeCounts, ChangeReason, Difference, Drift, OutputChange, Plan, PlanMode,
    PlanSnapshot, RefreshUpdate,
};
use ha_provider::{Impact, ImpactSeverity};
use ha_value::{Action, Address, Name, Object, Path, PathStep, Type, Value};

use super::redacted_value::RedactedValue;
use super::redaction::{Redactor, SecretVisibility};
use super::secrets::SecretTexts;
use super::sources::SourceTexts;

/// A plan without secrets.
pub(crate) struct PlanReport {
    pub(crate) mode: PlanMode,
    /// The configuration directory's name.
    pub(crate) stack: String,
    /// `aws 123456789012 eu-west-1`.
    pub(crate) identities: Vec<String>,
    pub(crate) state_number: u64,
    pub(crate) changes: Vec<ChangeReport>,
    pub(crate) unchanged: usize,
    pub(crate) counts: ChangeCounts,
    pub(crate) drift: Vec<DriftReport>,
    pub(crate) unchecked: Vec<(Address, String)>,
    /// Remarks on instances without a change or drift.
    pub(crate) remarks: Vec<(Address, String)>,
    pub(crate) outputs: BTreeMap<Name, OutputReport>,
    /// Groups with rolling steps, each with the number of affected members and the number at a
    /// time.
    pub(crate) rolling: Vec<(String, usize, usize)>,
    pub(crate) unfinished: Vec<Address>,
    /// Moved instances: the old and the new address.
    pub(crate) moves: Vec<(Address, Address)>,
    /// The targets that were asked for.
    pub(crate) targets: Vec<String>,
    pub(crate) excludes: Vec<String>,
    /// The instances that the targets exclude.
    pub(crate) left_out: Vec<Address>,
    /// Whether planning failed, so that the plan is incomplete.
    pub(crate) errored: bool,
    pub(crate) variables: BTreeMap<Name, RedactedValue>,
    pub(crate) is_empty: bool,
}

/// A change without secrets.
pub(crate) struct ChangeReport {
    pub(crate) address: Address,
    pub(crate) deposed: Option<String>,
    pub(crate) action: Action,
    pub(crate) reason: Option<ChangeReason>,
    pub(crate) before: Option<BTreeMap<Name, RedactedValue>>,
    pub(crate) after: Option<BTreeMap<Name, RedactedValue>>,
    pub(crate) differences: Vec<Difference>,
    /// The attributes whose type changes.
    pub(crate) retyped: BTreeMap<Name, (Type, Type)>,
    pub(crate) impacts: Vec<Impact>,
    pub(crate) remarks: Vec<String>,
    pub(crate) group: Option<String>,
    pub(crate) gone_with: Option<Address>,
    /// The address before the move.
    pub(crate) moved_from: Option<Address>,
    /// The id of the import.
    pub(crate) importing: Option<String>,
    /// `main.hcl:12`.
    pub(crate) place: Option<String>,
    pub(crate) because: Vec<String>,
}

/// Drift without secrets.
pub(crate) struct DriftReport {
    pub(crate) address: Address,
    pub(crate) before: BTreeMap<Name, RedactedValue>,
    pub(crate) after: Option<BTreeMap<Name, RedactedValue>>,
    pub(crate) paths: Vec<Path>,
    pub(crate) remarks: Vec<String>,
    /// Whether the drift causes a change.
    pub(crate) contributes: bool,
}

/// A change of an output without secrets.
pub(crate) struct OutputReport {
    pub(crate) before: Option<RedactedValue>,
    pub(crate) after: Option<RedactedValue>,
    pub(crate) sensitive: bool,
    /// The old and the new type, if they differ.
    pub(crate) retyped: Option<(Type, Type)>,
    /// Whether the output becomes sensitive or stops being sensitive; none if that does not change.
    pub(crate) marked: Option<bool>,
}

impl PlanReport {
    /// Redacts a plan.
    pub(crate) fn new(
        plan: &Plan,
        stack: &str,
        secrets: &SecretTexts,
        sight: SecretVisibility,
    ) -> Self {
        // All fields are destructured, so that a new field of a plan does not compile until its
        // secrets are considered here.
        let Plan {
            mode,
            snapshot,
            lineage: _,
            state_number,
            identities,
            changes,
            unchanged,
            drift,
            unchecked,
            remarks,
            outputs,
            steps: _,
            rolling,
            settled: _,
            providers: _,
            data: _,
            versions: _,
            unfinished,
            moves,
            selection,
            left_out,
            errored,
            checks: _,
            warnings: _,
        } = plan;
        let sources = sources_of(snapshot);
        // One redactor numbers the secrets of the whole plan, so that a secret has the same number
        // in every change.
        let mut redactor = Redactor::new(secrets, sight);
        let mut changes: Vec<ChangeReport> =
            changes.iter().map(|it| change(it, &sources, &mut redactor)).collect();
        changes.sort_by(|a, b| (a.risk(), &a.address).cmp(&(b.risk(), &b.address)));
        let identity = |it: &ha_plan::ProviderIdentity| {
            let facts = it.facts.iter().map(|(_, fact)| redactor.message(fact));
            std::iter::once(it.provider.to_string()).chain(facts).collect::<Vec<_>>().join(" ")
        };
        let identities =
            identities.iter().filter(|it| !it.facts.is_empty()).map(identity).collect();
        let masked =
            |(address, text): &(Address, String)| (address.clone(), redactor.message(text));
        let unchecked = unchecked.iter().map(masked).collect();
        let remarks = remarks.iter().map(masked).collect();
        Self {
            mode: *mode,
            stack: stack.to_owned(),
            identities,
            state_number: *state_number,
            changes,
            unchanged: *unchanged,
            counts: plan.counts(),
            drift: drift.iter().map(|it| drifted(it, &mut redactor)).collect(),
            unchecked,
            remarks,
            outputs: outputs
                .iter()
                .filter(|(_, it)| it.is_change())
                .map(|(name, it)| (name.clone(), shown_output_change(it, &mut redactor)))
                .collect(),
            rolling: rolling
                .iter()
                .map(|it| (redactor.message(&it.group), it.chains.len(), it.at_most))
                .collect(),
            unfinished: unfinished.clone(),
            moves: moves.iter().map(|it| (it.from.clone(), it.to.clone())).collect(),
            targets: selection.targets.iter().map(ToString::to_string).collect(),
            excludes: selection.excludes.iter().map(ToString::to_string).collect(),
            left_out: left_out.clone(),
            errored: *errored,
            variables: redactor.attributes(&snapshot.variables),
            is_empty: plan.is_empty(),
        }
    }
}

impl ChangeReport {
    /// Changes are sorted by this rank. The most harmful one is last, nearest to the prompt.
    fn risk(&self) -> u8 {
        if self.loses_data() { 5 } else { self.rank() }
    }

    /// Returns the rank of a change by the harm that its action may do.
    pub(crate) fn rank(&self) -> u8 {
        match self.action {
            Action::NoOp | Action::Read => 0,
            Action::Create => 1,
            Action::Update => 2,
            Action::DeleteThenCreate | Action::CreateThenDelete | Action::Forget => 3,
            Action::Delete => 4,
        }
    }

    /// Whether the change has any effect.
    pub(crate) fn is_something(&self) -> bool {
        self.action != Action::NoOp || self.moved_from.is_some() || self.importing.is_some()
    }

    /// Whether the change deletes data.
    pub(crate) fn loses_data(&self) -> bool {
        self.impacts.iter().any(|it| it.severity == ImpactSeverity::DataLoss)
    }

    /// Returns the address, with the key of a deposed object.
    pub(crate) fn title(&self) -> String {
        match &self.deposed {
            Some(key) => format!("{} (deposed {key})", self.address),
            None => self.address.to_string(),
        }
    }
}

/// Returns all secrets of a plan.
pub(crate) fn plan_secrets(plan: &Plan) -> SecretTexts {
    SecretTexts::within(&plan_values(plan))
}

/// Returns all values of a plan that contain secrets, with sensitive outputs marked.
pub(crate) fn plan_values(plan: &Plan) -> Vec<Value> {
    let mut objects: Vec<&Object> = Vec::new();
    for change in &plan.changes {
        objects.extend(change.before.iter().chain(&change.after));
    }
    for drift in &plan.drift {
        objects.extend(std::iter::once(&drift.before).chain(&drift.after));
    }
    for settled in &plan.settled {
        if let RefreshUpdate::Seen(record) = settled {
            objects.extend([&record.arguments, &record.outputs]);
        }
    }
    objects.extend(plan.providers.values().map(|it| &it.settings));
    objects.extend(plan.data.values());
    let attributes = objects.into_iter().flat_map(Object::values);
    let variables = plan.snapshot.variables.values().chain(plan.snapshot.ephemeral.values());
    let inside = variables.chain(attributes).filter(|it| it.contains_sensitive()).cloned();
    let sides = plan
        .outputs
        .values()
        .flat_map(|it| it.before.iter().chain(&it.after).map(|value| (value, it.sensitive)));
    inside.chain(sides.flat_map(|(value, sensitive)| output_values(value, sensitive))).collect()
}

/// Marks an output's value as a whole if the output is sensitive.
pub(crate) fn output_values(value: &Value, is_sensitive: bool) -> Vec<Value> {
    let marked = is_sensitive.then(|| value.clone().sensitive());
    std::iter::once(value.clone()).chain(marked).collect()
}

/// Returns the sources of a plan.
pub(crate) fn sources_of(snapshot: &PlanSnapshot) -> SourceTexts {
    snapshot.sources.iter().cloned().collect()
}

fn change(change: &Change, sources: &SourceTexts, redactor: &mut Redactor<'_>) -> ChangeReport {
    let Change {
        address,
        deposed,
        action,
        reason,
        before,
        after,
        differences,
        impacts,
        remarks,
        group,
        gone_with,
        moved_from,
        importing,
        span,
        because,
    } = change;
    let (old, new) = (
        before.as_ref().map(|it| redactor.attributes(it)),
        after.as_ref().map(|it| redactor.attributes(it)),
    );
    let types = |name: &Name| {
        // An omitted argument is a null without a type, which is no change of type.
        let side = |of: &'_ Object| of.get(name).cloned().unwrap_or(Value::NULL);
        let types = retyped(&before.as_ref().map(side)?, &after.as_ref().map(side)?, redactor)?;
        Some((name.clone(), types))
    };
    let changed = differences.iter().filter_map(|it| match it.path.steps() {
        [PathStep::Name(name), ..] => types(name),
        _ => None,
    });
    let visible = |it: &Difference| Difference {
        path: redactor.path(&it.path, &[old.as_ref(), new.as_ref()]),
        replaces: it.replaces,
    };
    let impact =
        |it: &Impact| Impact { severity: it.severity, message: redactor.message(&it.message) };
    ChangeReport {
        address: address.clone(),
        deposed: deposed.clone(),
        action: *action,
        reason: reason.clone(),
        impacts: impacts.iter().map(impact).collect(),
        remarks: remarks.iter().map(|it| redactor.message(it)).collect(),
        retyped: changed.collect(),
        differences: differences.iter().map(visible).collect(),
        group: group.as_ref().map(|it| redactor.message(it)),
        gone_with: gone_with.clone(),
        moved_from: moved_from.clone(),
        importing: importing.as_ref().map(|it| redactor.message(it)),
        place: span.as_ref().map(|it| sources.place(it)),
        because: because.clone(),
        before: old,
        after: new,
    }
}

/// Returns the types of two values, if they differ and are visible.
fn retyped(before: &Value, after: &Value, redactor: &Redactor<'_>) -> Option<(Type, Type)> {
    let (before, after) = (redactor.ty(before), redactor.ty(after));
    (before != after).then_some((before, after))
}

fn drifted(drift: &Drift, redactor: &mut Redactor<'_>) -> DriftReport {
    let Drift { address, before, after, paths, remarks, contributes } = drift;
    let (old, new) =
        (redactor.attributes(before), after.as_ref().map(|it| redactor.attributes(it)));
    DriftReport {
        address: address.clone(),
        paths: paths.iter().map(|it| redactor.path(it, &[Some(&old), new.as_ref()])).collect(),
        before: old,
        after: new,
        remarks: remarks.iter().map(|it| redactor.message(it)).collect(),
        contributes: *contributes,
    }
}

/// A change of an output without secrets.
pub(crate) fn shown_output_change(
    output: &OutputChange,
    redactor: &mut Redactor<'_>,
) -> OutputReport {
    let OutputChange { before, after, sensitive } = output;
    let mut shown = |it: &Value| if *sensitive { redactor.secret(it) } else { redactor.shown(it) };
    let (old, new) = (before.as_ref().map(&mut shown), after.as_ref().map(&mut shown));
    let (retyped, marked) = match (before, after) {
        (Some(before), Some(after)) => {
            let marks = (before.contains_sensitive(), after.contains_sensitive());
            (retyped(before, after, redactor), (marks.0 != marks.1).then_some(marks.1))
        }
        _ => (None, None),
    };
    OutputReport { before: old, after: new, sensitive: *sensitive, retyped, marked }
}
