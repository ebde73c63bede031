//! Pure functions that a kind gives the planner. Each names what it reads as a small struct, and
//! runs exactly when all of that is known; `MaybeUnknown` fields may be unknown.

use ha_value::Action;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ArgumentProblem, Schema};
use ha_value::Name;
use ha_value::{Object, Value};

/// A planned change, as an impact hook sees it.
#[derive(Debug)]
pub struct PlannedChange<'a> {
    /// What is done.
    pub action: Action,
    /// The arguments as they are; none before a create.
    pub before: Option<&'a Object>,
    /// The arguments as they will be, unknowns included; none after a delete.
    pub after: Option<&'a Object>,
    /// The arguments that differ.
    pub names: &'a BTreeSet<Name>,
}

/// What a change does to those who use the thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Impact {
    /// How bad.
    pub severity: ImpactSeverity,
    /// In a few words: `restarts mongod`.
    pub message: String,
}

/// How bad an impact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImpactSeverity {
    /// Worth knowing.
    Notice,
    /// The thing is away for a while; in a group, one at a time.
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

/// How a thing says which instance of a kind it lives inside of: the one whose attributes have
/// certain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerReference {
    /// Whether the values are settings of the thing's provider, and not arguments of its own.
    pub through_provider: bool,
    /// The attributes of what it lives inside of, and the arguments or settings that have the same
    /// values.
    pub same: Vec<(Name, Name)>,
}

impl ResourceHooks {
    /// No hooks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is wrong with these arguments, taken together.
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

    /// The output `name` as a function of arguments, known before anything exists.
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

    /// The output `name` as a function of arguments and of the provider's settings, of which some
    /// may be left out.
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

    /// What a change does to those who use the thing.
    #[must_use]
    pub fn impact(
        mut self,
        hook: impl Fn(&PlannedChange<'_>) -> Vec<Impact> + Send + Sync + 'static,
    ) -> Self {
        self.impacts.push(Arc::new(hook));
        self
    }

    /// Which group an instance belongs to: disruptive steps in one group run one at a time.
    #[must_use]
    pub fn group<N: DeserializeOwned>(
        mut self,
        hook: impl Fn(N) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.group = Some(Arc::new(move |arguments| hook(named::<N>(arguments)?)));
        self
    }

    /// Whether what lives inside a thing with these arguments goes with it when it is deleted; yes
    /// unless said.
    #[must_use]
    pub fn contents_go<N: DeserializeOwned>(
        mut self,
        hook: impl Fn(N) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.takes_contents =
            Some(Arc::new(move |arguments| named::<N>(arguments).is_some_and(&hook)));
        self
    }

    /// That the argument `argument`, which cannot change in place, is the id of a thing of the kind
    /// `kind` that this one lives inside of: when that one is renamed by the same plan, this one is
    /// still in it.
    #[must_use]
    pub fn follows(mut self, argument: &str, kind: &str) -> Self {
        self.follows.push((argument.into(), kind.into()));
        self
    }

    /// That the argument is the id of a thing of the kind `kind` that this one holds, and that is
    /// taken off it when that thing goes: when that one is made again under its old name, it is to
    /// be given again.
    #[must_use]
    pub fn holds(mut self, argument: &str, kind: &str) -> Self {
        self.held.push((argument.into(), kind.into()));
        self
    }

    /// The arguments that are ids of things that this one holds, with their kinds.
    #[must_use]
    pub fn held(&self) -> &[(Name, Name)] {
        &self.held
    }

    /// The kind of thing whose new name the argument may take on in place.
    #[must_use]
    pub fn followed(&self, argument: &str) -> Option<&Name> {
        self.follows.iter().find(|(it, _)| &**it == argument).map(|(_, kind)| kind)
    }

    /// The arguments that tell things of this kind apart: there can be no two with the same values
    /// for one provider, so a plan that asks for two is refused.
    #[must_use]
    pub fn unique(mut self, arguments: &[&str]) -> Self {
        self.unique = arguments.iter().map(|it| Name::from(*it)).collect();
        self
    }

    /// That case does not tell two of them apart either: there can be no `Build` beside `build`.
    #[must_use]
    pub fn in_any_case(mut self) -> Self {
        self.any_case = true;
        self
    }

    /// Whether two things of this kind cannot be distinguished by case alone.
    #[must_use]
    pub fn is_unique_in_any_case(&self) -> bool {
        self.any_case
    }

    /// The same where a thing can be said in several ways: things are distinguished by what `key`
    /// makes of the arguments.
    #[must_use]
    pub fn unique_as<N: DeserializeOwned>(
        mut self,
        arguments: &[&str],
        key: impl Fn(N) -> String + Send + Sync + 'static,
    ) -> Self {
        self.unique_key = Some(Arc::new(move |arguments| named::<N>(arguments).map(&key)));
        self.unique(arguments)
    }

    /// What its kind makes of the arguments that tell a thing apart; none where that is not known,
    /// or they are as they are.
    #[must_use]
    pub fn unique_key(&self, schema: &Schema, arguments: &Object) -> Option<String> {
        self.unique_key.as_ref()?(&written(schema, arguments))
    }

    /// The arguments that tell things of this kind apart; none where a kind does not say.
    #[must_use]
    pub fn unique_by(&self) -> &[Name] {
        &self.unique
    }

    /// Of the instances of `container`, one of [`crate::Resource::WITHIN`], the thing lives inside
    /// of that one whose attributes are what its own arguments are: `("name", "database")`. Where a
    /// kind does not say so, it may live inside of any that its block refers to, and goes only with
    /// all of them.
    #[must_use]
    pub fn inside(self, container: &str, same: &[(&str, &str)]) -> Self {
        self.inside_by(container, false, same)
    }

    /// The same of a kind whose instance the thing's provider talks to: `("address", "host")`.
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

    /// How a thing says which instance of a kind it lives inside of; none where it does not say.
    #[must_use]
    pub fn inside_of(&self, container: &str) -> Option<&ContainerReference> {
        self.inside.iter().find(|(kind, _)| &**kind == container).map(|(_, it)| it)
    }

    /// What of a change in place the service always refuses. The first struct reads what is there,
    /// outputs included, the second the arguments as they are to be.
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

    /// The arguments of which what is there (the first struct, which reads outputs too) is as good
    /// as what is wanted (the second), although they are not equal: a version of which the
    /// configuration names the beginning.
    #[must_use]
    pub fn same<B: DeserializeOwned, A: DeserializeOwned>(
        mut self,
        hook: impl Fn(B, A) -> BTreeSet<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.same.push(compared(hook));
        self
    }

    /// The arguments whose change from what is there (the first struct) to what is wanted (the
    /// second) takes a new one, although they change in place otherwise.
    #[must_use]
    pub fn anew<B: DeserializeOwned, A: DeserializeOwned>(
        mut self,
        hook: impl Fn(B, A) -> BTreeSet<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.anew.push(compared(hook));
        self
    }

    /// The arguments that only say how other changes are made. Where nothing else differs, they are
    /// no change.
    #[must_use]
    pub fn manner(mut self, arguments: &'static [&'static str]) -> Self {
        self.manner = arguments;
        self
    }

    /// Arguments of which each says the same thing in another way, such as a string and its bytes
    /// in base64. What is read may come back in another way than it was given, and is as secret as
    /// that was.
    #[must_use]
    pub fn ways_to_say(mut self, arguments: &'static [&'static str]) -> Self {
        self.ways.push(arguments);
        self
    }

    /// The arguments that may say what this one says, itself among them.
    pub fn said_by<'a>(&'a self, argument: &'a str) -> impl Iterator<Item = &'a str> {
        let others = self
            .ways
            .iter()
            .filter(move |it| it.contains(&argument))
            .flat_map(|it| it.iter().copied());
        std::iter::once(argument).chain(others)
    }

    /// An output that changes with these arguments, and with no other that changes in place.
    #[must_use]
    pub fn renewed_by(mut self, output: &'static str, arguments: &'static [&'static str]) -> Self {
        self.followers.push((output, arguments));
        self
    }

    /// Outputs that tell something of these arguments, though no one can predict them: they are
    /// secret where one of the arguments is.
    #[must_use]
    pub fn made_of(
        mut self,
        outputs: &'static [&'static str],
        arguments: &'static [&'static str],
    ) -> Self {
        self.made_of.push((outputs, arguments));
        self
    }

    /// Whether an output is made of a secret argument, whatever it will be.
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
        if self.checks.is_empty() {
            return Vec::new();
        }
        let arguments = written(schema, arguments);
        self.checks.iter().flat_map(|check| check(&arguments)).collect()
    }

    /// The outputs that are known from the arguments, with a provider of which nothing is set.
    #[must_use]
    pub fn predicted(&self, schema: &Schema, arguments: &Object) -> Object {
        self.predicted_in(schema, arguments, &Object::new())
    }

    /// The outputs that are known from the arguments and the provider's settings. One that is made
    /// of a secret argument is secret.
    #[must_use]
    pub fn predicted_in(&self, schema: &Schema, arguments: &Object, settings: &Object) -> Object {
        if self.predictions.is_empty() {
            return Object::new();
        }
        let plain: Object =
            settings.iter().map(|(name, it)| (name.clone(), it.revealed())).collect();
        let settings = crate::typed_json::typed_fields(&plain, &BTreeMap::new());
        let revealed = written(schema, arguments);
        // Without the secret arguments, only what does not need them can be predicted.
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

    /// The outputs with a mark on each that is made of a secret argument, so far as the predictions
    /// tell and the kind says.
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

    /// Whether the output `name` is a function of arguments.
    #[must_use]
    pub fn predicts(&self, name: &str) -> bool {
        self.predictions.iter().any(|(it, _)| &**it == name)
    }

    /// What a change does to those who use the thing.
    #[must_use]
    pub fn impacts(&self, changed: &PlannedChange<'_>) -> Vec<Impact> {
        self.impacts.iter().flat_map(|impact| impact(changed)).collect()
    }

    /// Whether what lives inside a thing with these arguments goes with it when it is deleted.
    #[must_use]
    pub fn takes_contents(&self, schema: &Schema, arguments: &Object) -> bool {
        self.takes_contents.as_ref().is_none_or(|takes| takes(&written(schema, arguments)))
    }

    /// What of a change in place the service always refuses.
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

    /// The arguments whose difference is none.
    #[must_use]
    pub fn same_names(
        &self,
        schema: &Schema,
        there: (&Object, &Object),
        wanted: &Object,
    ) -> BTreeSet<&'static str> {
        names(&self.same, schema, there, wanted)
    }

    /// The arguments whose difference takes a new one.
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

    /// The group of an instance with these arguments.
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

/// The names that the hooks give for what is there, outputs included, and what is wanted.
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

/// The arguments with an unknown in the place of each that holds a secret.
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

/// The small struct, when all it names is known. An unknown is written as an object with a dollar
/// key, which no field type but `MaybeUnknown` reads, so it can never pass for an argument left
/// out.
pub(crate) fn named<N: DeserializeOwned>(arguments: &serde_json::Value) -> Option<N> {
    N::deserialize(arguments).ok()
}

#[cfg(test)]
mod tests;
