//! The compiled configuration: the blocks of a module, with all names resolved.

use std::sync::Arc;

use ha_diagnostics::SourceSpan;
use ha_value::{Name, Path, TableHasher, TargetAddress, Type, Value};

use crate::body::Body;
use crate::compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};

/// A hash table that is iterated in the order of the source.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, TableHasher>;

/// One module: all files of a directory.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The directory of the files, relative to that of the root module, separated by `/`; empty for
    /// the root module.
    pub directory: Arc<str>,
    /// The merged `ha` or `terraform` blocks.
    pub settings: Option<SettingsBlock>,
    /// The `provider` blocks, in source order.
    pub providers: Vec<ProviderBlock>,
    /// The input variables.
    pub variables: IndexMap<Name, VariableBlock>,
    /// The entries of all `locals` blocks.
    pub locals: IndexMap<Name, LocalValue>,
    /// The output values.
    pub outputs: IndexMap<Name, OutputBlock>,
    /// The `resource` and `data` blocks, including the `data` blocks inside of `check` blocks.
    pub blocks: IndexMap<BlockName, ResourceBlock>,
    /// The `module` blocks.
    pub modules: IndexMap<Name, ModuleCall>,
    /// The `check` blocks. They are evaluated last, and a failed one is a warning.
    pub checks: IndexMap<Name, CheckBlock>,
    /// The `moved` blocks.
    pub moved: Vec<MovedBlock>,
    /// The `removed` blocks.
    pub removed: Vec<RemovedBlock>,
    /// The `import` blocks; only the root module can have them.
    pub imports: Vec<ImportBlock>,
}

/// A `module` block.
#[derive(Clone, Debug)]
pub struct ModuleCall {
    /// The label of the block.
    pub name: Name,
    /// The value of `source`: a path relative to the directory of the calling module.
    pub source: Name,
    /// The called module. Calls of one source share it, unless its own sources depend on variables.
    pub configuration: Arc<Configuration>,
    /// The values of the input variables, by name.
    pub arguments: IndexMap<Name, Expression>,
    /// The places of the names of `arguments`, in the same order.
    pub argument_names: Vec<SourceSpan>,
    /// The number of instances.
    pub count: Option<Expression>,
    /// The map or set with one element per instance.
    pub for_each: Option<Expression>,
    /// Whether the one instance exists; excludes `count` and `for_each`.
    pub enabled: Option<Expression>,
    /// What everything inside of the module depends on.
    pub depends_on: Vec<Reference>,
    /// The entries of `providers`. Without any, the module inherits all providers without alias.
    pub providers: Vec<PassedProvider>,
    /// The place of the block type and its labels.
    pub head: SourceSpan,
    /// The place of the whole block.
    pub span: SourceSpan,
}

/// One entry of `providers` in a `module` block.
#[derive(Clone, Debug)]
pub struct PassedProvider {
    /// The name and alias inside of the called module.
    pub inside: (Name, Option<Name>),
    /// The name and alias in the calling module.
    pub outside: (Name, Option<Name>),
    /// Where it is written.
    pub span: SourceSpan,
}

/// A `check` block.
#[derive(Clone, Debug)]
pub struct CheckBlock {
    /// Its name.
    pub name: Name,
    /// The nested `data` block, which is one of [`Configuration::blocks`]. An error while it is read
    /// is a warning.
    pub data: Option<BlockName>,
    /// The `assert` blocks.
    pub assertions: Vec<Condition>,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// A `moved` block.
#[derive(Clone, Debug)]
pub struct MovedBlock {
    /// The previous address, relative to the module of the block.
    pub from: TargetAddress,
    /// The current address, relative to the module of the block.
    pub to: TargetAddress,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// A `removed` block.
#[derive(Clone, Debug)]
pub struct RemovedBlock {
    /// The address that is no longer in the configuration, without instance keys, relative to the
    /// module of the block.
    pub from: TargetAddress,
    /// Whether the objects are destroyed (default), or only removed from the state.
    pub destroy: bool,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// An `import` block.
#[derive(Clone, Debug)]
pub struct ImportBlock {
    /// The modules that the instance is in, outermost first, each with its key if one is written.
    pub module: Vec<(Name, Option<Expression>)>,
    /// The `resource` block that the object is imported into.
    pub block: BlockName,
    /// The instance key, if the block has several instances.
    pub key: Option<Expression>,
    /// The identifier of the object at the service.
    pub id: Expression,
    /// The map or set with one element per imported object.
    pub for_each: Option<Expression>,
    /// The name and alias of the provider; `None` for the default of the resource type.
    pub provider: Option<(Name, Option<Name>)>,
    /// The place of the address in `to`.
    pub to: SourceSpan,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// All `ha` or `terraform` blocks of a module, merged.
#[derive(Clone, Debug)]
pub struct SettingsBlock {
    /// The version constraint of `ha` itself, and its place.
    pub required_version: Option<(String, SourceSpan)>,
    /// The entries of `required_providers`, by local name.
    pub required_providers: IndexMap<Name, RequiredProvider>,
    /// The `backend` block; `None` for the default backend.
    pub backend: Option<BackendBlock>,
    /// The `encryption` block.
    pub encryption: Option<EncryptionBlock>,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

impl Configuration {
    /// Whether a target is a block or module with `for_each`.
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
    /// Settings without any argument or block.
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
    /// A required provider without source, version and aliases.
    pub(crate) fn new(span: SourceSpan) -> Self {
        Self { source: None, version: None, aliases: Vec::new(), span }
    }
}

/// One entry of `required_providers`.
#[derive(Clone, Debug)]
pub struct RequiredProvider {
    /// The source address, as written.
    pub source: Option<String>,
    /// The version constraint, as written.
    pub version: Option<String>,
    /// `configuration_aliases`: the aliases that a caller of the module must pass.
    pub aliases: Vec<Name>,
    /// Where it is written.
    pub span: SourceSpan,
}

/// A `backend` block.
#[derive(Clone, Debug)]
pub struct BackendBlock {
    /// The label: `local`, `s3` or `postgres`.
    pub kind: Name,
    /// The settings.
    pub body: Body,
    /// The place of the label with the kind.
    pub kind_span: SourceSpan,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// An `encryption` block.
#[derive(Clone, Debug)]
pub struct EncryptionBlock {
    /// The source of the key.
    pub body: Body,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// A `provider` block.
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    /// The name of the provider.
    pub name: Name,
    /// The alias, which distinguishes several settings of one provider.
    pub alias: Option<Name>,
    /// The settings.
    pub body: Body,
    /// The place of the name.
    pub name_span: SourceSpan,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// A `variable` block.
#[derive(Clone, Debug)]
pub struct VariableBlock {
    /// Its name.
    pub name: Name,
    /// The type constraint; `any` if none is written.
    pub ty: Type,
    /// Whether a type is written. Without one, a value from the command line stays a string.
    pub typed: bool,
    /// The default, converted to the type.
    pub default: Option<Value>,
    /// Whether the value is hidden in all output.
    pub sensitive: bool,
    /// Whether the value may be null (default); otherwise null is replaced by the default.
    pub nullable: bool,
    /// Whether the value is stored neither in a plan nor in the state.
    pub ephemeral: bool,
    /// The description for readers.
    pub description: Option<String>,
    /// The `validation` blocks.
    pub validations: Vec<Condition>,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

impl VariableBlock {
    /// A value of the variable with its mark. An ephemeral value is marked as sensitive as well, as
    /// terminal output can be stored.
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
    /// The expression.
    pub expression: Expression,
    /// The place of the name.
    pub span: SourceSpan,
}

/// An `output` block.
#[derive(Clone, Debug)]
pub struct OutputBlock {
    /// Its name.
    pub name: Name,
    /// The value.
    pub value: Expression,
    /// Whether the value is hidden in all output.
    pub sensitive: bool,
    /// Whether the value is stored neither in a plan nor in the state.
    pub ephemeral: bool,
    /// The description for readers.
    pub description: Option<String>,
    /// What the output depends on beyond its references.
    pub depends_on: Vec<Reference>,
    /// The `precondition` blocks.
    pub preconditions: Vec<Condition>,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}

/// A `resource` or `data` block.
#[derive(Clone, Debug)]
pub struct ResourceBlock {
    /// Its name.
    pub name: BlockName,
    /// The arguments and nested blocks of the resource type, without meta-arguments.
    pub body: Body,
    /// The number of instances.
    pub count: Option<Expression>,
    /// The map or set with one element per instance.
    pub for_each: Option<Expression>,
    /// What the block depends on beyond its references.
    pub depends_on: Vec<Reference>,
    /// The name and alias of the provider; `None` for the default of the resource type.
    pub provider: Option<(Name, Option<Name>)>,
    /// The `lifecycle` block.
    pub lifecycle: Lifecycle,
    /// The `check` block that the data source is nested in.
    pub check: Option<Name>,
    /// The place of the label with the kind.
    pub kind_span: SourceSpan,
    /// The place of the block type and its labels.
    pub head: SourceSpan,
    /// The place of the whole block.
    pub span: SourceSpan,
}

/// A `lifecycle` block.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Whether a replacement is created before the old object is deleted.
    pub create_before_destroy: Option<Expression>,
    /// Whether a plan that deletes the object is an error.
    pub prevent_destroy: Option<Expression>,
    /// The differences that are not planned.
    pub ignore_changes: Option<IgnoreChanges>,
    /// The references whose change replaces the object.
    pub replace_triggered_by: Vec<ReplaceTrigger>,
    /// The conditions that are checked before the instance is planned.
    pub preconditions: Vec<Condition>,
    /// The conditions that are checked once the instance has its new values.
    pub postconditions: Vec<Condition>,
    /// Whether the one instance exists; excludes `count` and `for_each`.
    pub enabled: Option<Expression>,
}

/// One entry of `replace_triggered_by`.
#[derive(Clone, Debug)]
pub struct ReplaceTrigger {
    /// The block, instance or attribute whose change counts.
    pub reference: Reference,
    /// A computed instance key; a literal one is part of `reference`.
    pub key: Option<Expression>,
}

/// The value of `ignore_changes`.
#[derive(Clone, Debug)]
pub enum IgnoreChanges {
    /// All arguments.
    All,
    /// The arguments at these paths, each with its place in the source.
    Paths(Vec<(Path, SourceSpan)>),
}

/// A `validation`, `precondition`, `postcondition` or `assert` block.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The condition, which must be true.
    pub condition: Expression,
    /// The message of the diagnostic if the condition is false.
    pub error_message: Expression,
    /// The place of the block type and its labels.
    pub span: SourceSpan,
}
