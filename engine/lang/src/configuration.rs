//! What a configuration says, compiled.

use std::sync::Arc;

use ha_diagnostics::SourceSpan;
use ha_value::{Name, Path, TableHasher, TargetAddress, Type, Value};

use crate::body::Body;
use crate::compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};

/// A table by hash that keeps the order of the source.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, TableHasher>;

/// One module: all files of a directory.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The directory it was read from, below the root's, with `/` between the parts; empty for the
    /// root.
    pub directory: Arc<str>,
    /// What the configuration asks of `ha` itself.
    pub settings: Option<SettingsBlock>,
    /// How providers are reached, in source order.
    pub providers: Vec<ProviderBlock>,
    /// What is asked of whoever runs it.
    pub variables: IndexMap<Name, VariableBlock>,
    /// Named expressions.
    pub locals: IndexMap<Name, LocalValue>,
    /// What it tells.
    pub outputs: IndexMap<Name, OutputBlock>,
    /// Resource and data blocks, in source order, those inside `check` blocks among them.
    pub blocks: IndexMap<BlockName, ResourceBlock>,
    /// The modules it calls, in source order.
    pub modules: IndexMap<Name, ModuleCall>,
    /// What is looked at after everything else and never stops anything.
    pub checks: IndexMap<Name, CheckBlock>,
    /// What has another address than it used to have.
    pub moved: Vec<MovedBlock>,
    /// What is no longer looked after, or goes although nothing is said of it any more.
    pub removed: Vec<RemovedBlock>,
    /// What exists already and is to be looked after from now on.
    pub imports: Vec<ImportBlock>,
}

/// A `module` block: a configuration inside this one, once or several times.
#[derive(Clone, Debug)]
pub struct ModuleCall {
    /// Its name here.
    pub name: Name,
    /// Where it comes from, as worked out: a path from the directory of the configuration that
    /// calls it.
    pub source: Name,
    /// What it says inside. Calls of one source share it.
    pub configuration: Arc<Configuration>,
    /// The values of its variables, by name.
    pub arguments: IndexMap<Name, Expression>,
    /// Where the names of these are written, in the same order.
    pub argument_names: Vec<SourceSpan>,
    /// How many instances there are.
    pub count: Option<Expression>,
    /// What there is an instance for.
    pub for_each: Option<Expression>,
    /// Whether there is an instance at all.
    pub enabled: Option<Expression>,
    /// What must be done before anything inside of it.
    pub depends_on: Vec<Reference>,
    /// The providers handed in: the name and alias inside, and here. Without any, those without an
    /// alias go in by themselves.
    pub providers: Vec<PassedProvider>,
    /// The block's head.
    pub head: SourceSpan,
    /// The whole block.
    pub span: SourceSpan,
}

/// One entry of `providers` in a `module` block.
#[derive(Clone, Debug)]
pub struct PassedProvider {
    /// The name and alias inside.
    pub inside: (Name, Option<Name>),
    /// The name and alias where the module is called.
    pub outside: (Name, Option<Name>),
    /// Where it is written.
    pub span: SourceSpan,
}

/// A `check` block.
#[derive(Clone, Debug)]
pub struct CheckBlock {
    /// Its name.
    pub name: Name,
    /// The data source it reads for itself, among the blocks of the configuration. An error in
    /// reading it is a warning.
    pub data: Option<BlockName>,
    /// What should hold.
    pub assertions: Vec<Condition>,
    /// The block's head.
    pub span: SourceSpan,
}

/// A `moved` block.
#[derive(Clone, Debug)]
pub struct MovedBlock {
    /// Where it was, seen from the module that the block is in.
    pub from: TargetAddress,
    /// Where it is.
    pub to: TargetAddress,
    /// The block's head.
    pub span: SourceSpan,
}

/// A `removed` block.
#[derive(Clone, Debug)]
pub struct RemovedBlock {
    /// What is no longer in the configuration, without keys, seen from the module that the block is
    /// in.
    pub from: TargetAddress,
    /// Whether it is destroyed, and not only forgotten.
    pub destroy: bool,
    /// The block's head.
    pub span: SourceSpan,
}

/// An `import` block.
#[derive(Clone, Debug)]
pub struct ImportBlock {
    /// The modules that the instance is in, each with the key where it is written.
    pub module: Vec<(Name, Option<Expression>)>,
    /// The block it becomes an instance of.
    pub block: BlockName,
    /// Which instance, where the block has several.
    pub key: Option<Expression>,
    /// What the service calls it.
    pub id: Expression,
    /// What there is one of these for.
    pub for_each: Option<Expression>,
    /// The provider's name and alias.
    pub provider: Option<(Name, Option<Name>)>,
    /// Where the address is written.
    pub to: SourceSpan,
    /// The block's head.
    pub span: SourceSpan,
}

/// An `ha` block.
#[derive(Clone, Debug)]
pub struct SettingsBlock {
    /// Which versions of `ha` will do, as written.
    pub required_version: Option<(String, SourceSpan)>,
    /// The providers it names, by their names here.
    pub required_providers: IndexMap<Name, RequiredProvider>,
    /// Where the state is kept.
    pub backend: Option<BackendBlock>,
    /// Which key it is sealed with.
    pub encryption: Option<EncryptionBlock>,
    /// The block's head.
    pub span: SourceSpan,
}

impl Configuration {
    /// Whether something is a block or module with `for_each`.
    #[must_use]
    pub fn has_for_each(&self, target: &ReferenceTarget) -> bool {
        match target {
            ReferenceTarget::Block(name) => {
                self.blocks.get(name).is_some_and(|it| it.for_each.is_some())
            }
            ReferenceTarget::Module(name) => {
                self.modules.get(name).is_some_and(|it| it.for_each.is_some())
            }
            _ => false,
        }
    }
}

impl SettingsBlock {
    /// Settings that say nothing.
    pub(crate) fn new(span: SourceSpan) -> Self {
        Self {
            required_version: None,
            required_providers: IndexMap::default(),
            backend: None,
            encryption: None,
            span,
        }
    }
}

impl RequiredProvider {
    /// A provider of which nothing is required.
    pub(crate) fn new(span: SourceSpan) -> Self {
        Self { source: None, version: None, aliases: Vec::new(), span }
    }
}

/// A provider that `required_providers` names.
#[derive(Clone, Debug)]
pub struct RequiredProvider {
    /// Its source, as written.
    pub source: Option<String>,
    /// Which versions will do, as written.
    pub version: Option<String>,
    /// The aliases under which it must be handed in by whoever calls the module.
    pub aliases: Vec<Name>,
    /// Where it is written.
    pub span: SourceSpan,
}

/// Where the state is kept.
#[derive(Clone, Debug)]
pub struct BackendBlock {
    /// Which kind of place.
    pub kind: Name,
    /// Its settings.
    pub body: Body,
    /// Where its kind is written.
    pub kind_span: SourceSpan,
    /// The block's head.
    pub span: SourceSpan,
}

/// Which key the state is sealed with.
#[derive(Clone, Debug)]
pub struct EncryptionBlock {
    /// Where the key comes from.
    pub body: Body,
    /// The block's head.
    pub span: SourceSpan,
}

/// A `provider` block.
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    /// The provider.
    pub name: Name,
    /// What tells it from other settings of the same provider.
    pub alias: Option<Name>,
    /// Its settings.
    pub body: Body,
    /// Where its name is written.
    pub name_span: SourceSpan,
    /// The block's head.
    pub span: SourceSpan,
}

/// A `variable` block.
#[derive(Clone, Debug)]
pub struct VariableBlock {
    /// Its name.
    pub name: Name,
    /// What it must be.
    pub ty: Type,
    /// Whether its type is written; a value that is given as text stays text where it is not.
    pub typed: bool,
    /// What it is when it is not given, converted to its type.
    pub default: Option<Value>,
    /// Whether it is never shown.
    pub sensitive: bool,
    /// Whether it may be null; otherwise null stands for the default.
    pub nullable: bool,
    /// Whether it is never kept.
    pub ephemeral: bool,
    /// What it is for.
    pub description: Option<String>,
    /// What must hold for it.
    pub validations: Vec<Condition>,
    /// The block's head.
    pub span: SourceSpan,
}

impl VariableBlock {
    /// A value of it may be shown: what is never kept is not shown either.
    #[must_use]
    pub fn marked(&self, value: Value) -> Value {
        if self.sensitive || self.ephemeral { value.sensitive() } else { value }
    }
}

/// One entry of a `locals` block.
#[derive(Clone, Debug)]
pub struct LocalValue {
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub expression: Expression,
    /// Where its name is written.
    pub span: SourceSpan,
}

/// An `output` block.
#[derive(Clone, Debug)]
pub struct OutputBlock {
    /// Its name.
    pub name: Name,
    /// What it tells.
    pub value: Expression,
    /// Whether it is never shown.
    pub sensitive: bool,
    /// Whether it is never kept.
    pub ephemeral: bool,
    /// What it is for.
    pub description: Option<String>,
    /// What must be done before it is told.
    pub depends_on: Vec<Reference>,
    /// What must hold before it is told.
    pub preconditions: Vec<Condition>,
    /// The block's head.
    pub span: SourceSpan,
}

/// A `resource` or `data` block.
#[derive(Clone, Debug)]
pub struct ResourceBlock {
    /// Its name.
    pub name: BlockName,
    /// Its arguments and nested blocks, without those that mean the same for every kind.
    pub body: Body,
    /// How many instances there are.
    pub count: Option<Expression>,
    /// What there is an instance for.
    pub for_each: Option<Expression>,
    /// What must be done before it, beyond what it reads.
    pub depends_on: Vec<Reference>,
    /// The provider's name and alias.
    pub provider: Option<(Name, Option<Name>)>,
    /// How it is changed.
    pub lifecycle: Lifecycle,
    /// The `check` block that it is read for, where it is.
    pub check: Option<Name>,
    /// Where its kind is written.
    pub kind_span: SourceSpan,
    /// The block's head.
    pub head: SourceSpan,
    /// The whole block.
    pub span: SourceSpan,
}

/// A `lifecycle` block.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Whether the new one is made before the old one is deleted.
    pub create_before_destroy: Option<Expression>,
    /// Whether deleting it is an error.
    pub prevent_destroy: Option<Expression>,
    /// Which differences do not count.
    pub ignore_changes: Option<IgnoreChanges>,
    /// What it is replaced with.
    pub replace_triggered_by: Vec<ReplaceTrigger>,
    /// What must hold before it is touched.
    pub preconditions: Vec<Condition>,
    /// What must hold once it is done.
    pub postconditions: Vec<Condition>,
    /// Whether there is an instance at all.
    pub enabled: Option<Expression>,
}

/// One entry of `replace_triggered_by`.
#[derive(Clone, Debug)]
pub struct ReplaceTrigger {
    /// What it is that changes.
    pub reference: Reference,
    /// Which instance of it, where that has to be worked out; a key that is written out is in the
    /// reference.
    pub key: Option<Expression>,
}

/// Which differences do not count.
#[derive(Clone, Debug)]
pub enum IgnoreChanges {
    /// None does.
    All,
    /// Those at these places.
    Paths(Vec<(Path, SourceSpan)>),
}

/// Something that must hold.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What must be true.
    pub condition: Expression,
    /// What is said when it is not.
    pub error_message: Expression,
    /// The block's head.
    pub span: SourceSpan,
}
