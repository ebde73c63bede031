//! Pure functions of a kind for the planner. Each declares its input as a small struct and runs
//! once all fields of it are known; `MaybeUnknown` fields may be unknown.

use ha_value::Action;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ArgumentProblem, Schema};
use ha_value::Name;
use ha_value::{Object, Value};

/// A planned change, as impact hooks get it.
#[derive(Debug)]
pub struct PlannedChange<'a> {
    /// The action.
    pub action: Action,
    /// The arguments before; none for a create.
    pub before: Option<&'a Object>,
    /// The arguments after, unknowns included; none for a delete.
    pub after: Option<&'a Object>,
    /// The arguments that differ.
    pub names: &'a BTreeSet<Name>,
}

/// An effect of a change on users of the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Impact {
    /// The severity.
    pub severity: ImpactSeverity,
    /// A short description: `restarts mongod`.
    pub message: String,
}

/// The severity of an impact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImpactSeverity {
    /// Users should know of it.
    Notice,
    /// The resource is unavailable for a while; in a group, one member at a time.
    Disruption,
    /// Data is lost.
    DataLoss,
}

type CheckHook = Arc<dyn Fn(&serde_json::Value) -> Vec<ArgumentProblem> + Send + Sync>;
type PredictionHook =
    Arc<dyn Fn(&serde_json::Value, &serde_json::Value) -> Option<Value> + Send + Sync>;
type GroupHook = Arc<dyn Fn(&serde_json::Value) -> Option<String> + Send + Sync>;
type ContentsHook = Arc<dyn Fn(&serde_json::Value) -> bool + Send + Sync>;
type RefusalHook =
    Arc<dyn Fn(&serde_json::Value, &serde_json::Value) -> Vec<ArgumentProblem> + Send + Sync>;
type EquivalenceHook =
    Arc<dyn Fn(&serde_json::Value, &serde_json::Value) -> BTreeSet<&'static str> + Send + Sync>;
type ImpactHook = Arc<dyn Fn(&PlannedChange<'_>) -> Vec<Impact> + Send + Sync>;

/// The hooks of one kind.
#[derive(Clone, Default)]
pub struct ResourceHooks {
    checks: Vec<CheckHook>,
    predictions: Vec<(Name, PredictionHook)>,
    impacts: Vec<ImpactHook>,
    group: Option<GroupHook>,
    takes_contents: Option<ContentsHook>,
    follows: Vec<(Name, Name)>,
    inside: Vec<(Name, ContainerReference)>,
    unique: Vec<Name>,
    any_case: bool,
    unique_key: Option<GroupHook>,
    refusals: Vec<RefusalHook>,
    same: Vec<EquivalenceHook>,
    anew: Vec<EquivalenceHook>,
    manner: &'static [&'static str],
    followers: Vec<(&'static str, &'static [&'static str])>,
    held: Vec<(Name, Name)>,
    made_of: Vec<(&'static [&'static str], &'static [&'static str])>,
    ways: Vec<&'static [&'static str]>,
}

/// How an instance identifies its container: by attributes of the container that have certain
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerReference {
    /// Whether the values are settings of the provider instead of arguments.
    pub through_provider: bool,
    /// Attributes of the container, and the arguments or settings with the same values.
    pub same: Vec<(Name, Name)>,
}

impl ResourceHooks {
    /// Returns no hooks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check of arguments against each other.
    #[must_use]
    pub fn check<N: DeserializeOwned>(
        mut self,
        hook: impl Fn(N) -> Vec<ArgumentProblem> + Send + Sync + 'static,
    ) -> Self {
        let check = move |arguments: &serde_json::Value| {
            named::<N>(arguments).map(&hook).unwrap_or_default()
        };
        self.checks.push(Arc::new(check));
        self
    }

    /// Adds a prediction of the output `name` from arguments, before the object exists.
    #[must_use]
    pub fn predict<N: DeserializeOwned, T: Serialize>(
        mut self,
        name: &str,
        hook: impl Fn(N) -> T + Send + Sync + 'static,
    ) -> Self {
        let predict = move |arguments: &serde_json::Value, _: &serde_json::Value| {
            as_value(&hook(named::<N>(arguments)?))
        };
        self.predictions.push((name.into(), Arc::new(predict)));
        self
    }

    /// Adds a prediction of the output `name` from provider settings and arguments. Settings may
    /// be missing.
    #[must_use]
    pub fn predict_in<S: DeserializeOwned, N: DeserializeOwned, T: Serialize>(
        mut self,
        name: &str,
        hook: impl Fn(S, N) -> T + Send + Sync + 'static,
    ) -> Self {
        let predict = move |arguments: &serde_json::Value, settings: &serde_json::Value| {
            as_value(&hook(named::<S>(settings)?, named::<N>(arguments)?))
        };
        self.predictions.push((name.into(), Arc::new(predict)));
        self
    }

    /// Adds a function that returns the impacts of a change.
    #[must_use]
    pub fn impact(
        mut self,
        hook: impl Fn(&PlannedChange<'_>) -> Vec<Impact> + Send + Sync + 'static,
    ) -> Self {
        self.impacts.push(Arc::new(hook));
        self
    }

    /// Adds a function that returns the rolling group of an instance: disruptive steps of one
    /// group run one at a time.
    #[must_use]
    pub fn group<N: DeserializeOwned>(
        mut self,
        hook: impl Fn(N) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.group = Some(Arc::new(move |arguments| hook(named::<N>(arguments)?)));
        self
    }

    /// Adds a function that returns whether deleting an object deletes its contents. Without it,
    /// it does.
    #[must_use]
    pub fn contents_go<N: DeserializeOwned>(
        mut self,
        hook: impl Fn(N) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.takes_contents =
            Some(Arc::new(move |arguments| named::<N>(arguments).is_some_and(&hook)));
        self
    }

    /// Declares that the immutable argument `argument` is the id of the container, a resource of
    /// kind `kind`. If the same plan renames the container, the argument follows without a
    /// replacement.
    #[must_use]
    pub fn follows(mut self, argument: &str, kind: &str) -> Self {
        self.follows.push((argument.into(), kind.into()));
        self
    }

    /// Declares that the argument is the id of an attached resource of kind `kind`. If that
    /// resource is deleted and created again under its old id, it must be attached again.
    #[must_use]
    pub fn holds(mut self, argument: &str, kind: &str) -> Self {
        self.held.push((argument.into(), kind.into()));
        self
    }

    /// Returns the arguments that are ids of attached resources, with their kinds.
    #[must_use]
    pub fn held(&self) -> &[(Name, Name)] {
        &self.held
    }

    /// Returns the kind of container whose new id the argument follows.
    #[must_use]
    pub fn followed(&self, argument: &str) -> Option<&Name> {
        self.follows.iter().find(|(it, _)| &**it == argument).map(|(_, kind)| kind)
    }

    /// Declares the identifying arguments: a plan with two instances that have the same values for
    /// one provider is refused.
    #[must_use]
    pub fn unique(mut self, arguments: &[&str]) -> Self {
        self.unique = arguments.iter().map(|it| Name::from(*it)).collect();
        self
    }

    /// Declares that identifying arguments differ by more than case: `Build` and `build` are the
    /// same.
    #[must_use]
    pub fn in_any_case(mut self) -> Self {
        self.any_case = true;
        self
    }

    /// Whether identifying arguments are compared without regard to case.
    #[must_use]
    pub fn is_unique_in_any_case(&self) -> bool {
        self.any_case
    }

    /// Declares the identifying arguments, compared by the string that `key` makes of them.
    #[must_use]
    pub fn unique_as<N: DeserializeOwned>(
        mut self,
        arguments: &[&str],
        key: impl Fn(N) -> String + Send + Sync + 'static,
    ) -> Self {
        self.unique_key = Some(Arc::new(move |arguments| named::<N>(arguments).map(&key)));
        self.unique(arguments)
    }

    /// Returns the identifying string of arguments; none where it is not known or the kind does
    /// not make one.
    #[must_use]
    pub fn unique_key(&self, schema: &Schema, arguments: &Object) -> Option<String> {
        self.unique_key.as_ref()?(&written(schema, arguments))
    }

    /// Returns the identifying arguments; empty for a kind without them.
    #[must_use]
    pub fn unique_by(&self) -> &[Name] {
        &self.unique
    }

    /// Declares how an instance identifies its container of kind `container`, one of
    /// [`crate::Resource::WITHIN`]: pairs of a container's attribute and an own argument, such as
    /// `("name", "database")`. Without it the container may be any instance the block refers to,
    /// and the instance is only deleted with all of them.
    #[must_use]
    pub fn inside(self, container: &str, same: &[(&str, &str)]) -> Self {
        self.inside_by(container, false, same)
    }

    /// Declares the same for a container that the provider connects to: `("address", "host")`.
    #[must_use]
    pub fn inside_through_provider(self, container: &str, same: &[(&str, &str)]) -> Self {
        self.inside_by(container, true, same)
    }

    fn inside_by(mut self, container: &str, through_provider: bool, same: &[(&str, &str)]) -> Self {
        let same = same
            .iter()
            .map(|(attribute, name)| (Name::from(*attribute), Name::from(*name)))
            .collect();
        self.inside.push((container.into(), ContainerReference { through_provider, same }));
        self
    }

    /// Returns how an instance identifies its container; none where the kind does not say.
    #[must_use]
    pub fn inside_of(&self, container: &str) -> Option<&ContainerReference> {
        self.inside.iter().find(|(kind, _)| &**kind == container).map(|(_, it)| it)
    }

    /// Adds a function that returns changes in place which the service always refuses. The first
    /// struct reads the recorded attributes, outputs included; the second the planned arguments.
    #[must_use]
    pub fn refuse<B: DeserializeOwned, A: DeserializeOwned>(
        mut self,
        hook: impl Fn(B, A) -> Vec<ArgumentProblem> + Send + Sync + 'static,
    ) -> Self {
        let refusal = move |before: &serde_json::Value, after: &serde_json::Value| {
            named::<B>(before)
                .zip(named::<A>(after))
                .map(|(before, after)| hook(before, after))
                .unwrap_or_default()
        };
        self.refusals.push(Arc::new(refusal));
        self
    }

    /// Adds a function that returns arguments whose recorded value (in the first struct, with
    /// outputs) satisfies the planned one (in the second) although they differ, such as a version
    /// of which only the beginning is configured.
    #[must_use]
    pub fn same<B: DeserializeOwned, A: DeserializeOwned>(
        mut self,
        hook: impl Fn(B, A) -> BTreeSet<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.same.push(compared(hook));
        self
    }

    /// Adds a function that returns arguments whose change from the first struct to the second
    /// requires a replacement, although other changes of them do not.
    #[must_use]
    pub fn anew<B: DeserializeOwned, A: DeserializeOwned>(
        mut self,
        hook: impl Fn(B, A) -> BTreeSet<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.anew.push(compared(hook));
        self
    }

    /// Declares arguments that only say how other changes are made. A difference in these alone is
    /// no change.
    #[must_use]
    pub fn manner(mut self, arguments: &'static [&'static str]) -> Self {
        self.manner = arguments;
        self
    }

    /// Declares arguments that hold the same value in different forms, such as a string and its
    /// base64. A value may be read back in another form, and is as secret as the configured form.
    #[must_use]
    pub fn ways_to_say(mut self, arguments: &'static [&'static str]) -> Self {
        self.ways.push(arguments);
        self
    }

    /// Returns the arguments that may hold the value of this one, itself included.
    pub fn said_by<'a>(&'a self, argument: &'a str) -> impl Iterator<Item = &'a str> {
        let others = self
            .ways
            .iter()
            .filter(move |it| it.contains(&argument))
            .flat_map(|it| it.iter().copied());
        std::iter::once(argument).chain(others)
    }

    /// Declares that an output changes when these arguments change, and with no other update.
    #[must_use]
    pub fn renewed_by(mut self, output: &'static str, arguments: &'static [&'static str]) -> Self {
        self.followers.push((output, arguments));
        self
    }

    /// Declares that outputs are derived from arguments without being predictable: they are secret
    /// if one of the arguments is.
    #[must_use]
    pub fn made_of(
        mut self,
        outputs: &'static [&'static str],
        arguments: &'static [&'static str],
    ) -> Self {
        self.made_of.push((outputs, arguments));
        self
    }

    /// Whether an output is derived from a secret argument.
    #[must_use]
    pub fn is_made_of_secret(&self, output: &str, arguments: &Object) -> bool {
        let is_secret = |it: &&str| arguments.get(*it).is_some_and(Value::contains_sensitive);
        self.made_of
            .iter()
            .any(|(outputs, of)| outputs.contains(&output) && of.iter().any(&is_secret))
    }

    /// Runs the checks.
    #[must_use]
    pub fn problems(&self, schema: &Schema, arguments: &Object) -> Vec<ArgumentProblem> {
        // Only kinds with checks need their arguments as JSON.
        if self.checks.is_empty() {
            return Vec::new();
        }
        // The arguments are written once for all checks.
        let arguments = written(schema, arguments);
        self.checks.iter().flat_map(|check| check(&arguments)).collect()
    }

    /// Returns the outputs that follow from arguments, without provider settings.
    #[must_use]
    pub fn predicted(&self, schema: &Schema, arguments: &Object) -> Object {
        self.predicted_in(schema, arguments, &Object::new())
    }

    /// Returns the outputs that follow from arguments and provider settings. Outputs of secret
    /// arguments are secret.
    #[must_use]
    pub fn predicted_in(&self, schema: &Schema, arguments: &Object, settings: &Object) -> Object {
        if self.predictions.is_empty() {
            return Object::new();
        }
        let plain: Object =
            settings.iter().map(|(name, it)| (name.clone(), it.revealed())).collect();
        let settings = crate::typed_json::typed_fields(&plain, &BTreeMap::new());
        let revealed = written(schema, arguments);
        // A prediction that gives the same value with the secrets unknown does not depend on them.
        let secret = arguments.values().any(Value::contains_sensitive);
        let clear = secret.then(|| written(schema, &without_secrets(arguments)));
        let each = |(name, predict): &(Name, PredictionHook)| {
            let value = predict(&revealed, &settings)?;
            let needs_secret =
                clear.as_ref().is_some_and(|it| predict(it, &settings).as_ref() != Some(&value));
            Some((name.clone(), if needs_secret { value.sensitive() } else { value }))
        };
        self.predictions.iter().filter_map(each).collect()
    }

    /// Marks outputs of secret arguments, as predictions and declarations show them.
    #[must_use]
    pub fn marked(&self, schema: &Schema, arguments: &Object, mut outputs: Object) -> Object {
        if !arguments.values().any(Value::contains_sensitive) {
            return outputs;
        }
        let predicted = self.predicted(schema, arguments);
        for (name, value) in outputs.iter_mut() {
            if predicted.get(name).is_some_and(Value::is_sensitive)
                || self.is_made_of_secret(name, arguments)
            {
                *value = std::mem::replace(value, Value::NULL).sensitive();
            }
        }
        outputs
    }

    /// Whether the output `name` is predicted.
    #[must_use]
    pub fn predicts(&self, name: &str) -> bool {
        self.predictions.iter().any(|(it, _)| &**it == name)
    }

    /// Returns the impacts of a change.
    #[must_use]
    pub fn impacts(&self, changed: &PlannedChange<'_>) -> Vec<Impact> {
        self.impacts.iter().flat_map(|impact| impact(changed)).collect()
    }

    /// Whether deleting an object with these arguments deletes its contents.
    #[must_use]
    pub fn takes_contents(&self, schema: &Schema, arguments: &Object) -> bool {
        self.takes_contents.as_ref().is_none_or(|takes| takes(&written(schema, arguments)))
    }

    /// Returns changes in place that the service always refuses.
    #[must_use]
    pub fn refused(
        &self,
        schema: &Schema,
        before: &Object,
        after: &Object,
    ) -> Vec<ArgumentProblem> {
        if self.refusals.is_empty() {
            return Vec::new();
        }
        let (before, after) = (written(schema, before), written(schema, after));
        self.refusals.iter().flat_map(|refusal| refusal(&before, &after)).collect()
    }

    /// Returns the arguments whose recorded value satisfies the wanted one.
    #[must_use]
    pub fn same_names(
        &self,
        schema: &Schema,
        there: (&Object, &Object),
        wanted: &Object,
    ) -> BTreeSet<&'static str> {
        names(&self.same, schema, there, wanted)
    }

    /// Returns the arguments whose change requires a replacement.
    #[must_use]
    pub fn anew_names(
        &self,
        schema: &Schema,
        there: (&Object, &Object),
        wanted: &Object,
    ) -> BTreeSet<&'static str> {
        names(&self.anew, schema, there, wanted)
    }

    /// Whether an argument only says how other changes are made.
    #[must_use]
    pub fn is_manner(&self, argument: &str) -> bool {
        self.manner.contains(&argument)
    }

    /// Whether an output changes when these arguments do.
    #[must_use]
    pub fn is_renewed(&self, output: &str, changed: &BTreeSet<Name>) -> bool {
        let mut of_this = self.followers.iter().filter(|(name, _)| *name == output);
        of_this.any(|(_, arguments)| arguments.iter().any(|it| changed.contains(*it)))
    }

    /// Returns the rolling group of an instance.
    #[must_use]
    pub fn group_of(&self, schema: &Schema, arguments: &Object) -> Option<String> {
        self.group.as_ref().and_then(|group| group(&written(schema, arguments)))
    }
}

fn compared<B: DeserializeOwned, A: DeserializeOwned>(
    hook: impl Fn(B, A) -> BTreeSet<&'static str> + Send + Sync + 'static,
) -> EquivalenceHook {
    Arc::new(move |there, wanted| {
        named::<B>(there).zip(named::<A>(wanted)).map(|(b, a)| hook(b, a)).unwrap_or_default()
    })
}

/// Returns the names from hooks that compare recorded attributes with wanted arguments.
fn names(
    hooks: &[EquivalenceHook],
    schema: &Schema,
    (there, outputs): (&Object, &Object),
    wanted: &Object,
) -> BTreeSet<&'static str> {
    if hooks.is_empty() {
        return BTreeSet::new();
    }
    let all: Object =
        there.iter().chain(outputs).map(|(name, it)| (name.clone(), it.clone())).collect();
    let (there, wanted) = (written(schema, &all), written(schema, wanted));
    hooks.iter().flat_map(|hook| hook(&there, &wanted)).collect()
}

/// Replaces secret arguments by unknowns.
fn without_secrets(arguments: &Object) -> Object {
    let each = |(name, value): (&Name, &Value)| match value.contains_sensitive() {
        true => (name.clone(), Value::unknown(ha_value::Type::Any, None)),
        false => (name.clone(), value.clone()),
    };
    arguments.iter().map(each).collect()
}

fn as_value(predicted: &impl Serialize) -> Option<Value> {
    serde_json::from_value::<Value>(serde_json::to_value(predicted).ok()?).ok()
}

pub(crate) fn written(schema: &Schema, arguments: &Object) -> serde_json::Value {
    if !arguments.values().any(Value::is_marked) {
        return crate::typed_json::typed_fields(arguments, &schema.arguments);
    }
    let plain: Object =
        arguments.iter().map(|(name, value)| (name.clone(), value.revealed())).collect();
    crate::typed_json::typed_fields(&plain, &schema.arguments)
}

/// Reads the input struct of a hook, if all its fields are known. An unknown is written as an
/// object with a dollar key, which only `MaybeUnknown` accepts, so it is never taken for a missing
/// argument.
pub(crate) fn named<N: DeserializeOwned>(arguments: &serde_json::Value) -> Option<N> {
    N::deserialize(arguments).ok()
}

#[cfg(test)]
mod tests;
