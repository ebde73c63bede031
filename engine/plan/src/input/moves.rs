//! Moves of records to other addresses, as `moved` blocks say and changes of `count` imply. They
//! are carried out on the state before anything is planned.

mod endpoint;
mod implied;
mod order;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::Configuration;
use ha_provider::{ResourceDescription, SchemaSet};
use ha_state_model::{AddressMove, ProviderName, Record, State};
use ha_value::{
    Address, BlockAddress, InstanceKey, Name, Object, ResourceMode, TargetAddress, shell_word,
};

use endpoint::MoveEndpoint;

/// The names and keys from the root to a module instance.
type ModulePath = Arc<[(Name, InstanceKey)]>;

/// A state whose records have the addresses of the configuration.
#[derive(Debug)]
pub struct MovedState<'a> {
    /// The state; borrowed where nothing has moved.
    pub state: Cow<'a, State>,
    /// The moves, each after those that vacate its new address.
    pub moves: Vec<AddressMove>,
    /// Moves that could not be carried out.
    pub warnings: Vec<Diagnostic>,
    /// The old address of each moved record, by its new address.
    from: BTreeMap<Address, Address>,
    /// Records that changed their kind or the names of their dependencies.
    renamed: BTreeSet<Address>,
}

impl<'a> MovedState<'a> {
    /// Returns a state without moves.
    #[must_use]
    pub fn nothing(state: &'a State) -> Self {
        Self {
            state: Cow::Borrowed(state),
            moves: Vec::new(),
            warnings: Vec::new(),
            from: BTreeMap::new(),
            renamed: BTreeSet::new(),
        }
    }

    /// Returns the address in the state of a record that has moved.
    #[must_use]
    pub fn moved_from(&self, address: &Address) -> Option<&Address> {
        self.from.get(address)
    }

    /// Whether a record changed its kind or the names of its dependencies.
    pub(crate) fn is_renamed(&self, address: &Address) -> bool {
        self.renamed.contains(address)
    }
}

/// A move, written or implied.
struct MoveStatement<'a> {
    from: MoveEndpoint,
    to: MoveEndpoint,
    /// The source location; none for an implied move.
    span: Option<&'a SourceSpan>,
}

/// Carries out the moves of a configuration.
///
/// # Errors
/// Moves between kinds that cannot become each other, and circles of moves.
pub fn moved<'a>(
    state: &'a State,
    configuration: &Configuration,
    schemas: &SchemaSet,
) -> Result<MovedState<'a>, Vec<Diagnostic>> {
    let mut statements = Vec::new();
    let mut diagnostics = Vec::new();
    written(configuration, &mut Vec::new(), &mut statements);
    // Only written moves are checked: an implied move keeps the kind.
    for statement in &statements {
        diagnostics.extend(other_kind(statement, schemas));
    }
    implied::implied(state, configuration, &mut statements);
    // Most runs move nothing, and the state may be large: it is borrowed then instead of copied.
    if statements.is_empty() || state.records.is_empty() && state.deposed.is_empty() {
        return if diagnostics.is_empty() {
            Ok(MovedState::nothing(state))
        } else {
            Err(diagnostics)
        };
    }
    let order = order::sorted(&statements);
    diagnostics.extend(order.as_ref().err().cloned());
    match order {
        Ok(order) if diagnostics.is_empty() => {
            Ok(carry_out(state, schemas, order.into_iter().map(|it| &statements[it])))
        }
        _ => Err(diagnostics),
    }
}

/// Collects the `moved` blocks of a module and its children.
fn written<'a>(
    configuration: &'a Configuration,
    path: &mut Vec<Name>,
    statements: &mut Vec<MoveStatement<'a>>,
) {
    for it in &configuration.moved {
        let (from, to) = MoveEndpoint::both(path, &it.from, &it.to);
        statements.push(MoveStatement { from, to, span: Some(&it.span) });
    }
    for (name, call) in &configuration.modules {
        path.push(name.clone());
        written(&call.configuration, path, statements);
        path.pop();
    }
}

/// Reports a move between kinds, unless one is another name of the other or the new kind supports
/// it.
fn other_kind(statement: &MoveStatement<'_>, schemas: &SchemaSet) -> Option<Diagnostic> {
    let (Some((mode, from, _)), Some((_, to, _)), Some(span)) =
        (&statement.from.block, &statement.to.block, statement.span)
    else {
        return None;
    };
    let kind = |name: &Name| schemas.kind(*mode, name);
    let can_become = |(was, is): (&ResourceDescription, &ResourceDescription)| {
        was.is_twin_of(is) || is.moved_from(from, &Object::new()).is_some()
    };
    if from == to || kind(from).zip(kind(to)).is_some_and(can_become) {
        return None;
    }
    let diagnostic =
        Diagnostic::error(format!("`{from}` cannot become `{to}`: they are kinds of their own"))
            .code(code::MOVE)
            .at(span.clone());
    let help = "use a `removed` block for the old one and an `import` block for the new one";
    Some(diagnostic.help(help))
}

fn carry_out<'a, 'b>(
    state: &'a State,
    schemas: &SchemaSet,
    statements: impl Iterator<Item = &'b MoveStatement<'b>>,
) -> MovedState<'a> {
    let mut progress = MoveInProgress::new(state);
    for statement in statements {
        match &statement.from.block {
            None => progress.module(statement),
            Some(block) => progress.block(statement, block),
        }
    }
    let MoveInProgress { origins, warnings, .. } = progress;
    let from: BTreeMap<Address, Address> =
        origins.into_iter().filter(|(to, from)| to != from).collect();
    if from.is_empty() {
        return MovedState { warnings, ..MovedState::nothing(state) };
    }
    let moves = making_way(&from);
    let mut state = state.clone();
    let mut renamed = state.relocate(&moves);
    for AddressMove { from, to } in moves.iter().filter(|it| it.from.block.kind != it.to.block.kind)
    {
        if let Some(record) = state.records.get_mut(to)
            && become_another(record, &from.block.kind, schemas)
        {
            renamed.insert(to.clone());
        }
    }
    MovedState { state: Cow::Owned(state), moves, warnings, from, renamed }
}

/// A state while its records are moved.
struct MoveInProgress {
    /// The original address of each record, by its current one.
    origins: BTreeMap<Address, Address>,
    /// Module instances that contain or contained records, by their names without keys.
    modules: BTreeMap<Vec<Name>, BTreeSet<ModulePath>>,
    warnings: Vec<Diagnostic>,
}

impl MoveInProgress {
    fn new(state: &State) -> Self {
        let addresses =
            state.records.keys().chain(state.deposed.keys().map(|(address, _)| address));
        let origins = addresses.map(|it| (it.clone(), it.clone())).collect();
        let mut progress = Self { origins, modules: BTreeMap::new(), warnings: Vec::new() };
        progress.modules.entry(Vec::new()).or_default().insert(Arc::from([]));
        let mut last: Option<ModulePath> = None;
        let paths: Vec<ModulePath> =
            progress.origins.keys().map(|it| it.block.module.clone()).collect();
        for path in paths {
            if last.as_ref() != Some(&path) {
                progress.enter(&path);
                last = Some(path);
            }
        }
        progress
    }

    /// Registers a module instance and its parents.
    fn enter(&mut self, path: &ModulePath) {
        for length in (1..=path.len()).rev() {
            let names = path[..length].iter().map(|(name, _)| name.clone()).collect();
            if !self.modules.entry(names).or_default().insert(path[..length].into()) {
                return;
            }
        }
    }

    /// Returns the module instances that the source of a move means.
    fn instances(&self, from: &MoveEndpoint) -> Vec<ModulePath> {
        let named = self.modules.get(&from.names()).into_iter().flatten();
        named.filter(|path| from.has_module(path)).cloned().collect()
    }

    fn module(&mut self, statement: &MoveStatement<'_>) {
        for path in self.instances(&statement.from) {
            let to = statement.to.module_for(&path);
            let within = self.within(&path);
            if within.is_empty() {
                continue;
            }
            // Moving into a module instance that has records could overwrite them. The move is
            // skipped with a warning, and the plan shows what would be deleted.
            if to == path || !self.within(&to).is_empty() {
                self.blocked(
                    statement,
                    &TargetAddress { module: path, block: None, key: InstanceKey::None },
                    &TargetAddress { module: to, block: None, key: InstanceKey::None },
                );
                continue;
            }
            for address in within {
                let behind = address.block.module[path.len()..].iter().cloned();
                let module: ModulePath = to.iter().cloned().chain(behind).collect();
                let block = BlockAddress { module, ..address.block.clone() };
                self.put(&address, block.instance(address.key.clone()));
            }
        }
    }

    fn block(
        &mut self,
        statement: &MoveStatement<'_>,
        (mode, kind, name): &(ResourceMode, Name, Name),
    ) {
        let Some((_, to_kind, to_name)) = &statement.to.block else { return };
        for module in self.instances(&statement.from) {
            let to = BlockAddress {
                module: statement.to.module_for(&module),
                mode: *mode,
                kind: to_kind.clone(),
                name: to_name.clone(),
            };
            let from = BlockAddress { module, mode: *mode, kind: kind.clone(), name: name.clone() };
            let there: Vec<Address> = match (&statement.from.key, &statement.to.key) {
                (Some(key), Some(to_key)) => {
                    let (from, to) = (from.instance(key.clone()), to.instance(to_key.clone()));
                    match (self.origins.contains_key(&from), self.origins.contains_key(&to)) {
                        (true, true) => self.blocked(statement, &from.into(), &to.into()),
                        (true, false) => self.put(&from, to),
                        (false, _) => {}
                    }
                    continue;
                }
                _ => self.of_block(&from).collect(),
            };
            let is_taken = self.of_block(&to).next().is_some();
            match there.is_empty() {
                true => {}
                false if is_taken => self.blocked(statement, &whole(&from), &whole(&to)),
                false => {
                    there.into_iter().for_each(|it| self.put(&it, to.instance(it.key.clone())))
                }
            }
        }
    }

    /// Returns everything in a module instance and below.
    fn within(&self, path: &ModulePath) -> Vec<Address> {
        let least = BlockAddress {
            module: path.clone(),
            mode: ResourceMode::Managed,
            kind: "".into(),
            name: "".into(),
        };
        let behind = self.origins.range(least.instance(InstanceKey::None)..).map(|(it, _)| it);
        behind.take_while(|it| it.block.module.starts_with(path)).cloned().collect()
    }

    fn of_block(&self, block: &BlockAddress) -> impl Iterator<Item = Address> {
        let behind = self.origins.range(block.instance(InstanceKey::None)..).map(|(it, _)| it);
        behind.take_while(move |it| it.block == *block).cloned()
    }

    fn put(&mut self, from: &Address, to: Address) {
        if let Some(origins) = self.origins.remove(from) {
            // Later moves may start from the module instance that this one has filled.
            self.enter(&to.block.module.clone());
            self.origins.insert(to, origins);
        }
    }

    fn blocked(&mut self, statement: &MoveStatement<'_>, from: &TargetAddress, to: &TargetAddress) {
        // An implied move that is blocked needs no warning: the operator did not ask for it.
        let Some(span) = statement.span else { return };
        let diagnostic =
            Diagnostic::warning(format!("`{from}` is not moved to `{to}`: that address is in use"))
                .code(code::MOVE)
                .at(span.clone());
        let [here, there] = [from.to_string(), to.to_string()];
        let [here, there] = [shell_word(&here), shell_word(&there)];
        let help = format!(
            "`ha state list {here} {there}` lists both; forget the one that is wrong with `ha state rm {here}` or `ha state rm {there}`, or drop this block if `{from}` may go"
        );
        self.warnings.push(diagnostic.help(help));
    }
}

fn whole(block: &BlockAddress) -> TargetAddress {
    block.instance(InstanceKey::None).into()
}

/// Converts a record to another kind. Returns whether the kind supports it.
fn become_another(record: &mut Record, from: &Name, schemas: &SchemaSet) -> bool {
    let Some(described) = schemas.kind(record.address.block.mode, &record.address.block.kind)
    else {
        return false;
    };
    let Some(arguments) = described.moved_from(from, &record.arguments) else { return false };
    record.provider = ProviderName::new(described.provider.clone());
    record.configured = arguments.keys().cloned().collect();
    record.arguments = arguments;
    // The other kind may have other outputs; refresh reads them by the id.
    record.outputs.retain(|name, _| &**name == "id");
    true
}

/// Orders the moves, each after those that vacate its new address.
fn making_way(from: &BTreeMap<Address, Address>) -> Vec<AddressMove> {
    let mut open: BTreeMap<&Address, &Address> = from.iter().map(|(to, from)| (from, to)).collect();
    let mut moves = Vec::with_capacity(open.len());
    // A move into an occupied address waits for the move that vacates it. Moves in a circle end
    // the inner loop, because each is taken out of `open` once.
    while let Some(first) = open.pop_first() {
        let mut waiting = vec![first];
        while let Some((from, to)) = waiting.last() {
            match open.remove_entry(*to) {
                Some(before) => waiting.push(before),
                None => {
                    moves.push(AddressMove { from: Address::clone(from), to: Address::clone(to) });
                    waiting.pop();
                }
            }
        }
    }
    moves
}
