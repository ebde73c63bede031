//! Imports of existing objects.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::{Expression, ImportBlock};
use ha_provider::{RecordedValue, ResourceDescription};
use ha_state_model::{ProviderName, Record};
use ha_value::{
    Action, Address, BlockAddress, InstanceKey, Name, Object, ResourceMode, Value, convert,
    shell_word,
};

use super::{BlockPlanning, InstancePlanning, Planner};
use crate::attributes::{attributes, plain};
use crate::diff::record_settings::RecordSettings;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::expansion::ExpansionError;
use crate::evaluation::repetition::import_expansion;
use crate::evaluation::values;
use crate::evaluation::values::{EvaluationScope, InstanceId};
use crate::graph::NodeId;
use crate::input::prior_state::PriorInstance;
use crate::model::Change;
use crate::planner::read_request::ReadRequest;
use crate::secrecy::as_configured;

/// A requested import, and the source location of the request.
#[derive(Clone, Debug)]
pub(super) struct ImportRequest {
    pub(super) id: String,
    span: Option<SourceSpan>,
    /// The source location of the address.
    to: Option<SourceSpan>,
}

impl Planner<'_> {
    /// Registers the imports that were requested besides the configuration.
    pub(super) fn register_requested_imports(&mut self) {
        for (address, id) in self.input.imports {
            let at = |message: String| Diagnostic::error(message).address(address);
            if self.graph.node_of(&address.block).is_none()
                || address.block.mode != ResourceMode::Managed
            {
                let diagnostic =
                    at(format!("the configuration has no `{}` to import into", address.block));
                let help = format!(
                    "write a block `resource \"{}\" \"{}\"` first",
                    address.block.kind, address.block.name
                );
                self.diagnostics.push(diagnostic.help(help));
            // On the command line an import of a recorded instance is a mistake, unlike in a block
            // that stays in the configuration.
            } else if self.input.state.records.contains_key(address) {
                let help = format!(
                    "forget it first with `ha state rm {}` if it is to be another one",
                    shell_word(&address.to_string())
                );
                self.diagnostics.push(at(format!("`{address}` is recorded already")).help(help));
            } else {
                self.imports.insert(
                    address.clone(),
                    ImportRequest { id: id.clone(), span: None, to: None },
                );
            }
        }
    }

    /// Evaluates the `import` blocks into a block.
    pub(super) fn evaluate_imports(&mut self, node: NodeId) {
        let graph = self.graph.clone();
        for (module, place) in graph.imports_into(node) {
            let import = &graph.modules.configuration(*module).imports[*place];
            for instance in self.world.of_module(*module) {
                let expansion = match import_expansion(&self.world, instance, import) {
                    Ok(expansion) => expansion,
                    Err(undecided) => {
                        self.report_undecided(undecided);
                        continue;
                    }
                };
                for at in 0..expansion.len() {
                    let here = EvaluationScope::each(instance, &expansion, at);
                    match self.requested_import(instance, import, &here) {
                        Ok((address, wanted)) => self.register_import(address, wanted, import),
                        Err(undecided) => self.report_undecided(undecided),
                    }
                }
            }
        }
    }

    fn register_import(&mut self, address: Address, wanted: ImportRequest, import: &ImportBlock) {
        // An earlier run has imported a recorded instance, so `import` blocks may stay in the
        // configuration.
        if self.input.state.records.contains_key(&address) {
            return;
        }
        if let Some(other) = self.imports.get(&address).filter(|it| it.id != wanted.id) {
            // The ids are not named in the message: an id may be secret, since a password is
            // imported by its own value.
            let diagnostic =
                Diagnostic::error(format!("`{address}` has two imports with different ids"))
                    .at(import.id.span().clone());
            self.diagnostics.push(match &other.span {
                Some(first) => diagnostic.related(first.clone(), "the other import"),
                None => diagnostic.detail(
                    "The id that this import gives is another one than that of the command line.",
                ),
            });
            return;
        }
        self.imports.insert(address, wanted);
    }

    fn requested_import(
        &self,
        instance: InstanceId,
        import: &ImportBlock,
        here: &EvaluationScope<'_>,
    ) -> Result<(Address, ImportRequest), ExpansionError> {
        let mut path = self.world.path(instance).to_vec();
        for (name, key) in &import.module {
            path.push((name.clone(), self.import_key(key.as_ref(), import, here)?));
        }
        let block = &import.block;
        let block = BlockAddress {
            module: path.into(),
            mode: block.mode,
            kind: block.kind.clone(),
            name: block.name.clone(),
        };
        let address = block.instance(self.import_key(import.key.as_ref(), import, here)?);
        let at = |message: &str| {
            vec![
                Diagnostic::error(message)
                    .at(import.id.span().clone())
                    .within(import.span.clone())
                    .address(&address),
            ]
        };
        let (id, is_secret) = self.world.evaluate(here, &import.id)?.unmark();
        if is_secret {
            let explained = |it: Diagnostic| {
                it.code(code::SECRET_ADDRESS)
                    .help("ids are shown in plans, which everybody may see")
            };
            return Err(ExpansionError::from(
                at("the id of something to import cannot be secret")
                    .into_iter()
                    .map(explained)
                    .collect::<Vec<_>>(),
            ));
        }
        match convert(&id, &ha_value::Type::String) {
            Ok(Value::String(id)) if !id.is_empty() => Ok((
                address,
                ImportRequest {
                    id: id.to_string(),
                    span: Some(import.id.span().clone()),
                    to: Some(import.to.clone()),
                },
            )),
            Ok(Value::String(_) | Value::Null(_)) => {
                Err(at("the id of something to import cannot be empty").into())
            }
            Ok(_) => {
                let diagnostics = at("the id of something to import must be known while planning");
                let waiting = id.cause().map(|it| format!("It waits for `{it}`."));
                let explained = |it: Diagnostic| {
                    it.code(code::KEYS).detail(waiting.clone().unwrap_or_default())
                };
                Err(ExpansionError {
                    diagnostics: diagnostics.into_iter().map(explained).collect(),
                    waits: true,
                })
            }
            Err(mismatch) => {
                Err(at(&format!("the id of something to import is a string: {}", mismatch.message))
                    .into())
            }
        }
    }

    fn import_key(
        &self,
        written: Option<&Expression>,
        import: &ImportBlock,
        here: &EvaluationScope<'_>,
    ) -> Result<InstanceKey, ExpansionError> {
        let Some(written) = written else { return Ok(InstanceKey::None) };
        let (key, is_secret) = self.world.evaluate(here, written)?.unmark();
        if is_secret {
            let message = "the key of what is imported into cannot be secret";
            let diagnostic = Diagnostic::error(message).code(code::SECRET_ADDRESS);
            let diagnostic = diagnostic.at(written.span().clone()).within(import.span.clone());
            return Err(vec![diagnostic.help("keys become addresses, which everybody sees")].into());
        }
        match key {
            Value::String(name) => Ok(InstanceKey::Name(name)),
            Value::Number(number) if number.as_i64().is_some_and(|it| it >= 0) => {
                Ok(InstanceKey::Index(
                    number.as_i64().and_then(|it| u64::try_from(it).ok()).unwrap_or_default(),
                ))
            }
            it => {
                let waits = !it.is_known();
                let message = "the key of what is imported into is a string or a whole number, and known while planning";
                let diagnostics = vec![
                    Diagnostic::error(message)
                        .code(code::KEYS)
                        .at(written.span().clone())
                        .within(import.span.clone()),
                ];
                Err(ExpansionError { diagnostics, waits })
            }
        }
    }

    /// Returns the object to import into an instance, if an import is requested and the object has
    /// been read.
    pub(super) fn lookup_import(
        &mut self,
        instance: &InstancePlanning<'_>,
        given: &ConfiguredArguments,
        flags: &RecordSettings,
    ) -> ImportLookup {
        let BlockPlanning { node, described, block, .. } = *instance.planning;
        let address = &instance.address;
        let Some(ImportRequest { id, span, .. }) = self.imports.get(address).cloned() else {
            return if self.input.seek {
                self.discovered(instance, given, flags)
            } else {
                ImportLookup::NotAsked
            };
        };
        let at = |message: String| {
            let diagnostic = Diagnostic::error(message).address(address);
            diagnostic.at(span.clone().unwrap_or_else(|| block.head.clone()))
        };
        let provider = self
            .graph
            .provider_of(self.input.schemas, node)
            .unwrap_or_else(|| ProviderName::new(described.provider.clone()));
        match self.input.observed.imports.get(address) {
            Some((asked, None)) if *asked == id => {
                let diagnostic =
                    at(format!("there is no `{}` with the id `{id}` to import", block.name.kind));
                let help = "check the id, the account and the region; without the import it would be created";
                self.diagnostics.push(diagnostic.help(help));
                ImportLookup::Not
            }
            Some((asked, Some(found))) if *asked == id => {
                let record = record_of((address, described), provider, &found.recorded, given);
                let record =
                    if self.input.seek { from_configuration(record, given, flags) } else { record };
                let prior = PriorInstance { record, remarks: found.remarks.clone() };
                self.prior_state.priors.insert(address.clone(), prior.clone());
                ImportLookup::There(Box::new(prior), id)
            }
            _ => {
                let settings = self.settings.get(&provider).cloned().unwrap_or_default();
                if settings.values().all(Value::is_wholly_known) {
                    // A value that can be written in several arguments is requested in the form
                    // that the configuration uses, also where the value itself is unknown.
                    let is_asked = |name: &Name, it: &Value| {
                        it.is_wholly_known() || described.hooks().said_by(name).nth(1).is_some()
                    };
                    let known = given.values.iter().filter(|(name, it)| is_asked(name, it));
                    let known: Object =
                        known.map(|(name, it)| (name.clone(), it.clone())).collect();
                    let (settings, arguments) = (plain(&settings), plain(&known));
                    self.waiting.insert(node);
                    self.reads.push(ReadRequest {
                        address: address.clone(),
                        provider,
                        settings,
                        arguments,
                        import: Some(id),
                        seek: None,
                        for_check: false,
                        limit: None,
                    });
                } else {
                    let diagnostic = at(format!(
                        "`{id}` cannot be looked for: the settings of provider `{provider}` are not known yet"
                    ));
                    self.diagnostics
                        .push(diagnostic.help("apply what they depend on first, with `--target`"));
                }
                ImportLookup::Not
            }
        }
    }

    /// Plans the import of an object that matches its configuration.
    pub(super) fn plan_import(
        &mut self,
        instance: &InstancePlanning<'_>,
        record: &Record,
        remarks: Vec<String>,
        id: String,
    ) {
        let BlockPlanning { block, because, .. } = *instance.planning;
        self.changes.push(Change {
            address: instance.address.clone(),
            deposed: None,
            action: Action::NoOp,
            reason: None,
            before: Some(attributes(record)),
            after: Some(attributes(record)),
            differences: Vec::new(),
            impacts: Vec::new(),
            remarks,
            group: None,
            gone_with: None,
            moved_from: None,
            importing: Some(id),
            span: Some(block.head.clone()),
            because: because.to_vec(),
        });
    }

    /// Reports imports into instances that are not configured.
    pub(super) fn report_imports_without_instance(&mut self) {
        let wants = |address: &Address| {
            matches!(self.world.presence(address), values::ConfiguredPresence::Yes)
        };
        let left = self
            .imports
            .iter()
            .filter(|(address, _)| !wants(address) && self.targeting.has(&self.graph, address));
        let diagnostics = left.map(|(address, wanted)| {
            let diagnostic =
                Diagnostic::error(format!("the configuration has no `{address}` to import into"))
                    .address(address);
            let diagnostic = diagnostic.code(code::MOVE).help(
                "its block must ask for this instance; look at the block's `count` or `for_each`",
            );
            wanted.to.iter().fold(diagnostic, |it, span| it.at(span.clone()))
        });
        let diagnostics: Vec<Diagnostic> = diagnostics.collect();
        self.diagnostics.extend(diagnostics);
    }
}

/// Returns the record of an object that was found.
pub(super) fn record_of(
    (address, described): (&Address, &ResourceDescription),
    provider: ProviderName,
    found: &RecordedValue,
    given: &ConfiguredArguments,
) -> Record {
    let read = (&found.arguments, &found.outputs);
    let (arguments, outputs) = as_configured(described, &given.values, &Object::new(), read);
    Record {
        address: address.clone(),
        provider,
        id: found.id.clone(),
        arguments,
        configured: Default::default(),
        outputs,
        dependencies: Default::default(),
        tainted: false,
        create_before_destroy: false,
        prevent_destroy: false,
        timeouts: Object::new(),
        version: 0,
    }
}

/// Adds to a record what the configuration says besides arguments.
pub(super) fn from_configuration(
    record: Record,
    given: &ConfiguredArguments,
    flags: &RecordSettings,
) -> Record {
    Record {
        configured: given
            .configured
            .iter()
            .filter(|it| record.arguments.contains_key(*it))
            .cloned()
            .collect(),
        dependencies: flags.dependencies.clone(),
        create_before_destroy: flags.create_before_destroy,
        prevent_destroy: flags.prevent_destroy,
        timeouts: given.timeouts.clone(),
        ..record
    }
}

/// The result of looking for an object to import.
pub(super) enum ImportLookup {
    /// No import is requested.
    NotAsked,
    /// The object does not exist, or has not been read yet.
    Not,
    /// The object was found; its record and its import id.
    There(Box<PriorInstance>, String),
}
