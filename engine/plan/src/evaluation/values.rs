//! The values that expressions see: planned values during planning, actual values during the
//! apply. Each module instance has its own, indexed by the places in its configuration.

mod scope;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::SystemTime;

use ha_diagnostics::Diagnostic;
use ha_lang::{EvaluationContext, Expression, FileSource};
use ha_value::{Address, BlockAddress, HashMap, InstanceKey, Name, Type, Value};

use crate::evaluation::expansion::{Expansion, MOST};
use crate::graph::modules::{ModuleId, ModuleTree, ROOT};
pub(crate) use scope::EvaluationScope;

/// The number of a module instance. The root is 0.
pub(crate) type InstanceId = usize;

/// All values, by module instance.
pub(crate) struct EvaluationValues {
    pub(crate) modules: Arc<ModuleTree>,
    files: Arc<dyn FileSource + Send + Sync>,
    /// The value of `ha.workspace`.
    workspace: Arc<str>,
    /// The time of the apply; none while planning, which makes `timestamp()` unknown.
    now: Option<SystemTime>,
    instances: Vec<ModuleInstance>,
    /// The instances of each module.
    of_module: Vec<Vec<InstanceId>>,
    by_path: HashMap<Arc<[(Name, InstanceKey)]>, InstanceId>,
    single: Arc<Expansion>,
    /// The number of instances of blocks and modules.
    count: usize,
}

/// One instance of a module.
struct ModuleInstance {
    module: ModuleId,
    /// The calling instance, and the place among the instances of the call.
    caller: Option<(InstanceId, usize)>,
    path: Arc<[(Name, InstanceKey)]>,
    variables: Vec<Option<Value>>,
    locals: Vec<Option<Value>>,
    blocks: Vec<Option<BlockInstances>>,
    outputs: Vec<Option<Value>>,
    calls: Vec<Option<CallInstances>>,
}

/// The instances of a block, as far as they are known.
struct BlockInstances {
    expansion: Arc<Expansion>,
    values: Vec<Option<Value>>,
    whole: OnceCell<Value>,
}

/// The instances of a module call.
struct CallInstances {
    expansion: Arc<Expansion>,
    /// The first instance; the others follow it.
    first: InstanceId,
    whole: OnceCell<Value>,
}

/// Whether an instance is configured.
pub(crate) enum ConfiguredPresence<'a> {
    /// It is configured.
    Yes,
    /// Its block or module has not been evaluated yet.
    Undecided,
    /// A module of its address is not called.
    NoModule,
    /// The block does not exist.
    NoBlock,
    /// The block or a module has no instance with this key.
    NoKey { key: &'a InstanceKey, by_now: &'a Expansion },
}

impl EvaluationValues {
    /// Returns values for the root alone.
    pub(crate) fn new(
        modules: Arc<ModuleTree>,
        files: Arc<dyn FileSource + Send + Sync>,
        workspace: Option<&str>,
    ) -> Self {
        let workspace = workspace.unwrap_or("default").into();
        let of_module = vec![Vec::new(); modules.len()];
        let single = Arc::new(Expansion::Single);
        let (instances, by_path) = (Vec::new(), HashMap::default());
        let mut world = Self {
            modules,
            files,
            workspace,
            now: None,
            instances,
            of_module,
            by_path,
            single,
            count: 0,
        };
        world.add(ROOT, None, Arc::new([]));
        world
    }

    /// Sets the time of the apply.
    pub(crate) fn at(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }

    fn add(
        &mut self,
        module: ModuleId,
        caller: Option<(InstanceId, usize)>,
        path: Arc<[(Name, InstanceKey)]>,
    ) {
        let id = self.instances.len();
        self.count += 1;
        let configuration = self.modules.configuration(module);
        let instance = ModuleInstance {
            module,
            caller,
            path: path.clone(),
            variables: vec![None; configuration.variables.len()],
            locals: vec![None; configuration.locals.len()],
            blocks: std::iter::repeat_with(|| None).take(configuration.blocks.len()).collect(),
            outputs: vec![None; configuration.outputs.len()],
            calls: std::iter::repeat_with(|| None).take(configuration.modules.len()).collect(),
        };
        self.instances.push(instance);
        self.of_module[module].push(id);
        self.by_path.insert(path, id);
    }

    /// Whether so many instances can be added without exceeding the limit.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.count + more <= MOST
    }

    /// Returns the expansion that most blocks share.
    pub(crate) fn single(&self) -> Arc<Expansion> {
        self.single.clone()
    }

    /// Returns the instances of a module.
    pub(crate) fn of_module(&self, module: ModuleId) -> Vec<InstanceId> {
        self.of_module[module].clone()
    }

    /// Returns the module of an instance.
    pub(crate) fn module(&self, instance: InstanceId) -> ModuleId {
        self.instances[instance].module
    }

    /// Returns the names and keys from the root to a module instance.
    pub(crate) fn path(&self, instance: InstanceId) -> &Arc<[(Name, InstanceKey)]> {
        &self.instances[instance].path
    }

    /// Returns the instance that calls a module instance, and its place among those of the call.
    pub(crate) fn caller(
        &self,
        instance: InstanceId,
    ) -> Option<(InstanceId, Arc<Expansion>, usize)> {
        let (caller, place) = self.instances[instance].caller?;
        let (_, call) = self.modules.get(self.instances[instance].module).caller?;
        Some((caller, self.instances[caller].calls[call].as_ref()?.expansion.clone(), place))
    }

    /// Returns the prefix of addresses in a module instance.
    pub(crate) fn prefix(&self, instance: InstanceId) -> String {
        self.path(instance).iter().map(|(name, key)| format!("module.{name}{key}.")).collect()
    }

    /// Returns the address of a block in a module instance.
    pub(crate) fn block_address(&self, instance: InstanceId, block: usize) -> BlockAddress {
        let it = &self.instances[instance];
        let (name, _) = self
            .modules
            .configuration(it.module)
            .blocks
            .get_index(block)
            .expect("a place is that of a block");
        BlockAddress {
            module: it.path.clone(),
            mode: name.mode,
            kind: name.kind.clone(),
            name: name.name.clone(),
        }
    }

    /// Returns the module instance at a path.
    pub(crate) fn find(&self, path: &[(Name, InstanceKey)]) -> Option<InstanceId> {
        self.by_path.get(path).copied()
    }

    /// Returns whether a recorded instance is configured.
    pub(crate) fn presence<'a>(&'a self, address: &'a Address) -> ConfiguredPresence<'a> {
        // The walk follows the recorded address, because the configuration may lack any part of
        // it.
        let mut instance = 0;
        for (name, key) in address.block.module.iter() {
            let it = &self.instances[instance];
            let Some(call) = self.modules.configuration(it.module).modules.get_index_of(name)
            else {
                return ConfiguredPresence::NoModule;
            };
            let Some(called) = &it.calls[call] else { return ConfiguredPresence::Undecided };
            let Some(place) = called.expansion.place(key) else {
                return ConfiguredPresence::NoKey { key, by_now: &called.expansion };
            };
            instance = called.first + place;
        }
        let it = &self.instances[instance];
        let blocks = &self.modules.configuration(it.module).blocks;
        let Some(block) = blocks.get_index_of(&crate::graph::name_of(&address.block)) else {
            return ConfiguredPresence::NoBlock;
        };
        match &it.blocks[block] {
            None => ConfiguredPresence::Undecided,
            Some(it) if it.expansion.place(&address.key).is_some() => ConfiguredPresence::Yes,
            Some(it) => ConfiguredPresence::NoKey { key: &address.key, by_now: &it.expansion },
        }
    }

    /// Adds the instances of a module call. They must not exist yet.
    pub(crate) fn expand_call(
        &mut self,
        caller: InstanceId,
        call: usize,
        expansion: Arc<Expansion>,
    ) {
        let (called, first) =
            (self.modules.get(self.instances[caller].module).calls[call], self.instances.len());
        let name = self
            .modules
            .get(called)
            .path
            .last()
            .expect("a module that is called has a name")
            .clone();
        for (place, key) in expansion.keys().enumerate() {
            let path =
                self.instances[caller].path.iter().cloned().chain([(name.clone(), key)]).collect();
            self.add(called, Some((caller, place)), path);
        }
        self.instances[caller].calls[call] =
            Some(CallInstances { expansion, first, whole: OnceCell::new() });
    }

    /// Replaces the values of a call's instances; their keys stay.
    pub(crate) fn expand_call_again(
        &mut self,
        caller: InstanceId,
        call: usize,
        expansion: Arc<Expansion>,
    ) {
        if let Some(called) = &mut self.instances[caller].calls[call] {
            called.expansion = expansion;
        }
    }

    /// Returns the instances of a call, where they are known.
    pub(crate) fn call_expansion(
        &self,
        caller: InstanceId,
        call: usize,
    ) -> Option<&Arc<Expansion>> {
        self.instances[caller].calls[call].as_ref().map(|it| &it.expansion)
    }

    pub(crate) fn set_variable(&mut self, instance: InstanceId, place: usize, value: Value) {
        self.instances[instance].variables[place] = Some(value);
    }

    pub(crate) fn set_local(&mut self, instance: InstanceId, place: usize, value: Value) {
        self.instances[instance].locals[place] = Some(value);
    }

    pub(crate) fn set_output(&mut self, instance: InstanceId, place: usize, value: Value) {
        let call = self.modules.get(self.instances[instance].module).caller;
        // The caller's combined value of this module contains the output, so it must be built
        // again.
        if let (Some((caller, _)), Some((_, call))) = (self.instances[instance].caller, call)
            && let Some(called) = &mut self.instances[caller].calls[call]
        {
            called.whole = OnceCell::new();
        }
        self.instances[instance].outputs[place] = Some(value);
    }

    pub(crate) fn variable(&self, instance: InstanceId, place: usize) -> Option<&Value> {
        self.instances[instance].variables[place].as_ref()
    }

    pub(crate) fn local(&self, instance: InstanceId, place: usize) -> Option<&Value> {
        self.instances[instance].locals[place].as_ref()
    }

    pub(crate) fn output(&self, instance: InstanceId, place: usize) -> Option<&Value> {
        self.instances[instance].outputs[place].as_ref()
    }

    /// Adds the instances of a block. Their values are unknown until they are set.
    pub(crate) fn expand(&mut self, instance: InstanceId, block: usize, expansion: Arc<Expansion>) {
        self.count += expansion.len();
        let values = vec![None; expansion.len()];
        self.instances[instance].blocks[block] =
            Some(BlockInstances { expansion, values, whole: OnceCell::new() });
    }

    /// Replaces what is known of a block's instances; their values stay.
    pub(crate) fn expand_again(
        &mut self,
        instance: InstanceId,
        block: usize,
        // Clearing the combined value makes the next reference build it again.
        expansion: Arc<Expansion>,
    ) {
        if let Some(it) = &mut self.instances[instance].blocks[block] {
            it.values.resize(expansion.len(), None);
            it.expansion = expansion;
            it.whole = OnceCell::new();
        }
    }

    /// Sets the value of an instance, by its place in the block.
    pub(crate) fn set_instance(
        &mut self,
        instance: InstanceId,
        block: usize,
        place: usize,
        value: Value,
    ) {
        if let Some(it) = &mut self.instances[instance].blocks[block] {
            it.values[place] = Some(value);
            it.whole = OnceCell::new();
        }
    }

    /// Returns the instances of a block, where they are known.
    pub(crate) fn expansion(&self, instance: InstanceId, block: usize) -> Option<&Arc<Expansion>> {
        self.instances[instance].blocks[block].as_ref().map(|it| &it.expansion)
    }

    /// Returns the value of one instance, where it has one.
    pub(crate) fn value(&self, instance: InstanceId, block: usize, place: usize) -> Option<&Value> {
        self.instances[instance].blocks[block].as_ref()?.values.get(place)?.as_ref()
    }

    /// Evaluates an expression.
    pub(crate) fn evaluate(
        &self,
        at: &EvaluationScope<'_>,
        expression: &Expression,
    ) -> Result<Value, Vec<Diagnostic>> {
        if let Some(literal) = expression.literal() {
            return Ok(literal.clone());
        }
        self.within(at, |environment| expression.evaluate(environment))
    }

    /// Calls `with` with the context of a scope.
    pub(crate) fn within<T>(
        &self,
        at: &EvaluationScope<'_>,
        with: impl FnOnce(&EvaluationContext<'_>) -> T,
    ) -> T {
        let scope = scope::ScopeView { world: self, at };
        let environment = EvaluationContext::new(&scope, &*self.files);
        match self.now {
            Some(now) => with(&environment.at(now)),
            None => with(&environment),
        }
    }

    /// Returns all instances of a block as one value.
    fn whole_block(&self, instance: InstanceId, block: usize) -> Value {
        let address = || self.block_address(instance, block);
        let Some(it) = &self.instances[instance].blocks[block] else {
            return Value::unknown(Type::Any, Some(address().to_string().into()));
        };
        let value = |place: usize| {
            let unknown = || {
                Value::unknown(
                    Type::Any,
                    Some(address().instance(it.expansion.key(place)).to_string().into()),
                )
            };
            it.values[place].clone().unwrap_or_else(unknown)
        };
        // Built once for all references: a block with n instances that refers to all of another
        // would otherwise cost n times n.
        it.whole.get_or_init(|| it.expansion.whole(value)).clone()
    }

    /// Returns all instances of a module call as one value.
    fn whole_call(&self, caller: InstanceId, call: usize) -> Value {
        let it = &self.instances[caller];
        let called = self.modules.get(it.module).calls[call];
        let name = || {
            format!(
                "{}module.{}",
                self.prefix(caller),
                self.modules.get(called).path.last().expect("it has a name")
            )
        };
        let Some(it) = &it.calls[call] else {
            return Value::unknown(Type::Any, Some(name().into()));
        };
        it.whole.get_or_init(|| it.expansion.whole(|place| self.outputs(it.first + place))).clone()
    }

    /// Returns the outputs of a module instance; those without a value yet are unknown.
    fn outputs(&self, instance: InstanceId) -> Value {
        let it = &self.instances[instance];
        let names = self.modules.configuration(it.module).outputs.keys();
        let value = |(name, value): (&Name, &Option<Value>)| {
            let unknown = || {
                Value::unknown(Type::Any, Some(format!("{}{name}", self.prefix(instance)).into()))
            };
            (name.clone(), value.clone().unwrap_or_else(unknown))
        };
        Value::object(names.zip(&it.outputs).map(value))
    }
}
