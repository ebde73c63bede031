//! The attributes that changed objects depend on: their drift is relevant.

use std::collections::{BTreeSet, HashSet};

use ha_lang::{BlockName, Configuration, ModuleCall, Reference, ReferenceTarget};
use ha_plan::{OutputChange, Plan};
use ha_value::{Action, InstanceKey, Name, Path, PathStep};

use super::super::json::JsonValue;

/// Returns the attributes that changed blocks and outputs refer to, directly or through locals and
/// modules.
pub(super) fn relevant_attributes(plan: &Plan, root: &Configuration) -> Vec<JsonValue> {
    let mut walk = ReferenceWalk {
        levels: vec![ModuleLevel { configuration: root, call: None, place: String::new() }],
        ..ReferenceWalk::default()
    };
    let mut blocks = HashSet::new();
    for change in
        plan.changes.iter().filter(|it| !matches!(it.action, Action::NoOp | Action::Delete))
    {
        let block = &change.address.block;
        if blocks.insert(block) {
            let name =
                BlockName { mode: block.mode, kind: block.kind.clone(), name: block.name.clone() };
            walk.block(&block.module, &name);
        }
    }
    for (name, _) in plan.outputs.iter().filter(|(_, it)| OutputChange::is_change(it)) {
        if let Some(output) = root.outputs.get(name) {
            walk.all(output.value.references());
        }
    }
    walk.found.into_iter().map(|(resource, path)| json(resource, &path)).collect()
}

fn json(resource: String, path: &[PathStep]) -> JsonValue {
    let step = |it: &PathStep| match it {
        PathStep::Index(index) => JsonValue::from(*index),
        PathStep::Name(name) => JsonValue::from(&**name),
    };
    JsonValue::object([
        ("resource", resource.into()),
        ("attribute", JsonValue::Array(path.iter().map(step).collect())),
    ])
}

#[derive(Default)]
struct ReferenceWalk<'a> {
    /// The current module and its callers.
    levels: Vec<ModuleLevel<'a>>,
    seen: HashSet<(String, ReferenceTarget, Option<Name>)>,
    found: BTreeSet<(String, Vec<PathStep>)>,
}

struct ModuleLevel<'a> {
    configuration: &'a Configuration,
    call: Option<&'a ModuleCall>,
    /// `module.m["a"].`
    place: String,
}

impl<'a> ReferenceWalk<'a> {
    fn block(&mut self, module: &[(Name, InstanceKey)], block: &BlockName) {
        let mut depth = 0;
        for (name, key) in module {
            depth += usize::from(self.enter(name, Some(key)));
        }
        if depth == module.len()
            && let Some(block) = self.level().and_then(|it| it.configuration.blocks.get(block))
        {
            self.all(block.body.references());
        }
        self.levels.truncate(self.levels.len() - depth);
    }

    fn level(&self) -> Option<&ModuleLevel<'a>> {
        self.levels.last()
    }

    /// Enters a module that the current one calls.
    fn enter(&mut self, name: &str, key: Option<&InstanceKey>) -> bool {
        let Some(level) = self.level() else { return false };
        let Some(call) = level.configuration.modules.get(name) else { return false };
        let key = key.map(ToString::to_string).unwrap_or_default();
        let place = format!("{}module.{name}{key}.", level.place);
        self.levels.push(ModuleLevel {
            configuration: &call.configuration,
            call: Some(call),
            place,
        });
        true
    }

    fn all(&mut self, references: impl IntoIterator<Item = &'a Reference>) {
        for reference in references {
            self.follow(reference);
        }
    }

    fn follow(&mut self, reference: &'a Reference) {
        let Some(&ModuleLevel { configuration, call, ref place }) = self.level() else { return };
        let Reference { target, path, key, .. } = reference;
        let module = if let ReferenceTarget::Module(name) = target {
            configuration.modules.get(name)
        } else {
            None
        };
        let output = module.and_then(|call| reference.output(call));
        match target {
            ReferenceTarget::Block(block) => {
                return self.found(configuration, block, key.as_ref(), path);
            }
            ReferenceTarget::Variable(_)
            | ReferenceTarget::Local(_)
            | ReferenceTarget::Module(_) => {}
            _ => return,
        }
        if !self.seen.insert((place.clone(), target.clone(), output.cloned())) {
            return;
        }
        match target {
            ReferenceTarget::Local(name) => {
                if let Some(local) = configuration.locals.get(name) {
                    self.all(local.expression.references());
                }
            }
            ReferenceTarget::Variable(name) => {
                // An input of a module is evaluated in the caller's scope.
                if let Some(argument) = call.and_then(|it| it.arguments.get(name)) {
                    let level = self.levels.pop();
                    self.all(argument.references());
                    self.levels.extend(level);
                }
            }
            ReferenceTarget::Module(name)
                if self.enter(name, module.and_then(|it| reference.in_call(it).0).as_ref()) =>
            {
                if let Some(level) = self.level() {
                    let configuration = level.configuration;
                    let meant = configuration
                        .outputs
                        .iter()
                        .filter(|(name, _)| output.is_none_or(|it| it == *name));
                    for (_, it) in meant {
                        self.all(it.value.references());
                    }
                }
                self.levels.pop();
            }
            _ => {}
        }
    }

    fn found(
        &mut self,
        configuration: &Configuration,
        block: &BlockName,
        key: Option<&InstanceKey>,
        path: &Path,
    ) {
        let Some(level) = self.level() else { return };
        let place = &level.place;
        let key = key.filter(|it| **it != InstanceKey::None);
        let is_repeated = configuration
            .blocks
            .get(block)
            .is_some_and(|it| it.count.is_some() || it.for_each.is_some());
        let entry = match key {
            // The attributes behind a computed key belong to an unknown instance, so that the path
            // ends there.
            None if is_repeated => (format!("{place}{block}"), Vec::new()),
            key => (
                format!("{place}{block}{}", key.map(ToString::to_string).unwrap_or_default()),
                path.steps().to_vec(),
            ),
        };
        self.found.insert(entry);
    }
}
