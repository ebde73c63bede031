//! Compiles the files of a directory to a [`Configuration`].

mod block;
mod check;
mod ephemeral;
mod files;
mod function;
mod lifecycle;
mod module;
mod overrides;
mod place;
mod providers;
mod refactoring;
mod references;
mod settings;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{Name, ResourceMode, Type, Value};
use indexmap::map::Entry;

use crate::SourceFile;
use crate::body::BlockSchema;
use crate::compiled_expression::{Expression, Reference};
use crate::configuration::{Condition, Configuration, LocalValue, OutputBlock, VariableBlock};
use crate::diagnostics;
use crate::parse;
use crate::resolve::NameResolver;
use crate::source::{FileFamily, is_json};
use crate::syntax::{
    ArgumentSyntax, BlockSyntax, BodySyntax, SourceWord, SpanRelocator, SyntaxKind, SyntaxNode,
};
use crate::types;
use crate::user_functions::UserFunctions;

/// The compiled files of one directory, before the modules that it calls are loaded.
#[derive(Debug)]
pub(crate) struct CompiledDirectory {
    /// The configuration. Blocks with errors are left out.
    pub(crate) configuration: Configuration,
    /// The sources of the modules that it calls.
    pub(crate) sources: Vec<ModuleSource>,
    /// Whether the files have no errors by themselves.
    pub(crate) sound: bool,
}

/// The source of a module.
#[derive(Debug)]
pub(crate) struct ModuleSource {
    /// The label of the `module` block.
    pub(crate) module: Name,
    /// The value of `source`.
    pub(crate) expression: Expression,
}

/// Compiles the files of one directory.
pub(crate) fn directory(files: &[SourceFile], problems: &mut Vec<Diagnostic>) -> CompiledDirectory {
    let before = problems.len();
    let mut configuration = Configuration::default();
    let mut sources = Vec::new();
    // All files count as one text: blocks of one file can refer to those of another, whatever their
    // order.
    let DirectoryFiles { family, primary, overrides } = DirectoryFiles::sorted(files, problems);
    let longest = primary.iter().map(|it| it.text.len()).max().unwrap_or(0);
    let begin = u32::try_from(longest).unwrap_or(u32::MAX).saturating_add(1);
    // Overrides are merged into the syntax trees of primary files before names are resolved. The byte
    // spans of override files begin behind the longest primary file, so that the file of each node
    // follows from its span.
    let mut overrides = Overrides::read(&overrides, begin, problems);
    let mut functions = UserFunctions::default();
    let mut bare = Vec::new();
    // Calls of functions and words without root are gathered over all files. Each file has a
    // resolver of its own, so that these are handed from one to the next.
    let mut compile = |body: BodySyntax,
                       mut resolver: NameResolver,
                       problems: &mut Vec<Diagnostic>| {
        resolver.functions = std::mem::take(&mut functions);
        resolver.bare = Some(std::mem::take(&mut bare));
        let mut compiler =
            Compiler { configuration: &mut configuration, sources: &mut sources, family, resolver };
        compiler.file(body);
        problems.append(&mut compiler.resolver.problems);
        functions = compiler.resolver.functions;
        bare = compiler.resolver.bare.unwrap_or_default();
    };
    for file in primary {
        let (mut body, unreadable) = files::body(file);
        problems.extend(unreadable);
        overrides.apply(&mut body);
        compile(body, overrides.resolver(file), problems);
    }
    if let Some((rest, resolver)) = overrides.unmerged(problems) {
        compile(rest, resolver, problems);
    }
    // Calls of functions and words without root can be judged only once all files are compiled.
    functions.check(problems);
    problems.extend(
        bare.into_iter()
            .map(|(name, span)| diagnostics::reference::bare_name(&name, span, &configuration)),
    );
    refactoring::moves(&configuration.moved, problems);
    let sound = !problems[before..].iter().any(Diagnostic::is_error);
    CompiledDirectory { configuration, sources, sound }
}

pub(crate) use ephemeral::root;
pub(crate) use providers::aliases_from_empty_providers;
pub(crate) use references::references;

use files::DirectoryFiles;
use overrides::Overrides;

struct Compiler<'a> {
    configuration: &'a mut Configuration,
    sources: &'a mut Vec<ModuleSource>,
    family: FileFamily,
    resolver: NameResolver,
}

impl Compiler<'_> {
    fn file(&mut self, body: BodySyntax) {
        for argument in body.arguments {
            let span = self.resolver.span(argument.name.at);
            // A member of a JSON file is meant as a block, an argument of an HCL file is not.
            let problem = match is_json(&span.file) {
                true => {
                    diagnostics::body::no_such_top_block(&argument.name.name, self.family, span)
                }
                false => diagnostics::body::argument_at_top(&argument.name.name, span),
            };
            self.problem(problem);
        }
        // A configuration can have 20,000 blocks; the table then grows once and not at each power
        // of two.
        let resources =
            body.blocks.iter().filter(|it| matches!(&*it.kind.name, "resource" | "data")).count();
        self.configuration.blocks.reserve(resources);
        for block in body.blocks {
            match &*block.kind.name {
                "variable" => self.variable(block),
                "locals" => self.locals(block),
                "output" => self.output(block),
                "resource" => drop(self.resource(ResourceMode::Managed, block, None)),
                "data" => drop(self.resource(ResourceMode::Data, block, None)),
                "module" => self.module(block),
                "moved" => self.moved(block),
                "removed" => self.removed(block),
                "import" => self.import(block),
                "check" => self.check(block),
                "function" => self.function(block),
                "provider" => self.provider(block),
                "ha" | "terraform" => self.settings(block),
                name => {
                    let problem = diagnostics::body::no_such_top_block(
                        name,
                        self.family,
                        self.resolver.span(block.kind.at),
                    );
                    self.problem(if block.labels.is_empty() {
                        diagnostics::body::with_labels(problem)
                    } else {
                        problem
                    });
                }
            }
        }
    }

    fn problem(&mut self, problem: Diagnostic) {
        self.resolver.problems.push(problem);
    }

    fn span(&self, block: &BlockSyntax) -> SourceSpan {
        self.resolver.span(block.head)
    }

    /// Takes the labels of a block, which must be exactly as many as `what` names.
    fn labels<const N: usize>(
        &mut self,
        block: &mut BlockSyntax,
        what: [&str; N],
    ) -> Option<[SourceWord; N]> {
        // The labels are taken out of the block, whose other parts are moved later.
        let labels = std::mem::take(&mut block.labels);
        let span = self.span(block);
        let labels: [SourceWord; N] = match labels.try_into() {
            Ok(labels) => labels,
            Err(labels) => {
                self.problem(diagnostics::body::wrong_labels(
                    &block.kind.name,
                    &what,
                    labels.len(),
                    span,
                ));
                return None;
            }
        };
        for label in &labels {
            if !is_identifier(&label.name) {
                let span = self.resolver.span(label.at);
                self.problem(diagnostics::body::not_an_identifier(&label.name, span));
                return None;
            }
        }
        Some(labels)
    }

    /// Reports nested blocks that are not in the schema.
    fn no_blocks(&mut self, blocks: Vec<BlockSyntax>, known: BlockSchema) {
        for block in blocks {
            let span = self.resolver.span(block.kind.at);
            self.problem(diagnostics::body::unexpected_block(&block.kind.name, known, span));
        }
    }

    /// Reports an argument that is not in the schema.
    fn unexpected(&mut self, name: &SourceWord, known: BlockSchema) {
        let span = self.resolver.span(name.at);
        self.problem(diagnostics::body::unexpected_argument(&name.name, known, span));
    }

    /// Reports a missing argument, unless a diagnostic since `before` suggests it as the correction of
    /// a misspelt one.
    fn missing(&mut self, name: &str, before: usize, span: &SourceSpan) {
        let is_meant = |it: &Diagnostic| {
            it.suggestion.as_ref().is_some_and(|it| it.text.trim_matches('"') == name)
        };
        if !self.resolver.problems[before..].iter().any(is_meant) {
            self.problem(diagnostics::body::missing_argument(name, span.clone()));
        }
    }

    fn variable(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema {
            arguments: &["type", "default", "description", "sensitive", "nullable", "ephemeral"],
            blocks: &["validation"],
        };
        let span = self.span(&block);
        let Some([name]) = self.labels(&mut block, ["NAME"]) else { return };
        let before = self.resolver.problems.len();
        // These are arguments of `module` blocks, so that no caller could set the variable.
        // Terraform reserves the same names.
        if matches!(
            &*name.name,
            "source"
                | "version"
                | "providers"
                | "count"
                | "for_each"
                | "lifecycle"
                | "depends_on"
                | "locals"
        ) {
            let at = self.resolver.span(name.at);
            self.problem(diagnostics::reserved_variable(&name.name, at));
        }
        let mut variable = VariableBlock {
            name: name.name.clone(),
            ty: Type::Any,
            typed: false,
            default: None,
            sensitive: false,
            nullable: true,
            ephemeral: false,
            description: None,
            validations: Vec::new(),
            span: span.clone(),
        };
        let mut default = None;
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "type" => {
                    variable.ty = types::constraint(value, &mut self.resolver);
                    variable.typed = true;
                }
                "default" => default = Some(value),
                "description" => variable.description = self.text(value),
                "sensitive" => variable.sensitive = self.flag(value),
                "nullable" => variable.nullable = self.flag(value),
                "ephemeral" => variable.ephemeral = self.flag(value),
                _ => self.unexpected(&name, KNOWN),
            }
        }
        if let Some(default) = default {
            let at = self.resolver.span(default.at);
            // The default is converted after all arguments are read, as the type can follow it.
            variable.default = types::constant(default, &variable.ty, &mut self.resolver);
            // The default of a variable that is not nullable stands in for null, so that it cannot
            // be null itself.
            if variable.default == Some(Value::NULL) && !variable.nullable {
                self.problem(diagnostics::null_default(&variable.name, at));
            }
        }
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "validation" => variable.validations.extend(self.condition(inner)),
                _ => self.no_blocks(vec![inner], KNOWN),
            }
        }
        // A variable without default requires a value. In a block with errors the default may be what
        // is wrong, so that asking for a value would mislead.
        if variable.default.is_none() && self.resolver.problems.len() > before {
            variable.default = Some(Value::unknown(variable.ty.clone(), None));
        }
        match self.configuration.variables.entry(variable.name.clone()) {
            Entry::Occupied(first) => {
                let problem = diagnostics::declared_twice(
                    &format!("variable `{}`", variable.name),
                    &first.get().span,
                    span,
                );
                self.problem(problem);
            }
            Entry::Vacant(place) => {
                place.insert(variable);
            }
        }
    }

    fn locals(&mut self, mut block: BlockSyntax) {
        if self.labels(&mut block, []).is_none() {
            return;
        }
        // `a { b = 1 }` in `locals` is the notation of maps before Terraform 0.12.
        for inner in std::mem::take(&mut block.body.blocks) {
            let span = self.resolver.span(inner.kind.at);
            self.problem(diagnostics::body::local_as_block(&inner.kind.name, span));
        }
        for ArgumentSyntax { name, value } in block.body.arguments {
            let span = self.resolver.span(name.at);
            let expression = self.resolver.expression(value);
            match self.configuration.locals.entry(name.name.clone()) {
                Entry::Occupied(first) => {
                    let problem = diagnostics::declared_twice(
                        &format!("local value `{}`", name.name),
                        &first.get().span,
                        span,
                    );
                    self.problem(problem);
                }
                Entry::Vacant(place) => {
                    place.insert(LocalValue { name: name.name, expression, span });
                }
            }
        }
    }

    fn output(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema {
            arguments: &["value", "sensitive", "ephemeral", "description", "depends_on"],
            blocks: &["precondition"],
        };
        let span = self.span(&block);
        let Some([name]) = self.labels(&mut block, ["NAME"]) else { return };
        let before = self.resolver.problems.len();
        let (mut value, mut description) = (None, None);
        let (mut sensitive, mut ephemeral) = (false, false);
        let mut depends_on = Vec::new();
        for argument in block.body.arguments {
            match &*argument.name.name {
                "value" => value = Some(self.resolver.expression(argument.value)),
                "sensitive" => sensitive = self.flag(argument.value),
                "ephemeral" => ephemeral = self.flag(argument.value),
                "description" => description = self.text(argument.value),
                "depends_on" => depends_on = self.references(argument.value),
                _ => self.unexpected(&argument.name, KNOWN),
            }
        }
        let mut preconditions = Vec::new();
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "precondition" => preconditions.extend(self.condition(inner)),
                _ => self.no_blocks(vec![inner], KNOWN),
            }
        }
        let Some(value) = value else {
            return self.missing("value", before, &span);
        };
        let name = name.name;
        match self.configuration.outputs.entry(name.clone()) {
            Entry::Occupied(first) => {
                let problem = diagnostics::declared_twice(
                    &format!("output `{name}`"),
                    &first.get().span,
                    span,
                );
                self.problem(problem);
            }
            Entry::Vacant(place) => {
                let output = OutputBlock {
                    name,
                    value,
                    sensitive,
                    ephemeral,
                    description,
                    depends_on,
                    preconditions,
                    span,
                };
                place.insert(output);
            }
        }
    }

    fn condition(&mut self, mut block: BlockSyntax) -> Option<Condition> {
        const KNOWN: BlockSchema =
            BlockSchema { arguments: &["condition", "error_message"], blocks: &[] };
        let span = self.span(&block);
        self.labels(&mut block, [])?;
        let before = self.resolver.problems.len();
        let (mut condition, mut error_message) = (None, None);
        for argument in block.body.arguments {
            match &*argument.name.name {
                "condition" => condition = Some(self.resolver.expression(argument.value)),
                "error_message" => error_message = Some(self.resolver.expression(argument.value)),
                _ => self.unexpected(&argument.name, KNOWN),
            }
        }
        self.no_blocks(block.body.blocks, KNOWN);
        if condition.is_none() {
            self.missing("condition", before, &span);
        }
        if error_message.is_none() {
            self.missing("error_message", before, &span);
        }
        Some(Condition { condition: condition?, error_message: error_message?, span })
    }

    /// The value of an argument that must be a constant bool; `false` after an error.
    fn flag(&mut self, value: SyntaxNode) -> bool {
        types::constant(value, &Type::Bool, &mut self.resolver) == Some(Value::Bool(true))
    }

    /// The value of an argument that must be a constant string; `None` after an error.
    fn text(&mut self, value: SyntaxNode) -> Option<String> {
        let value = types::constant(value, &Type::String, &mut self.resolver)?;
        value.as_str().map(str::to_owned)
    }

    /// The value of an argument that must be a list of references.
    fn references(&mut self, value: SyntaxNode) -> Vec<Reference> {
        self.items(value).into_iter().filter_map(|it| self.resolver.reference(it)).collect()
    }

    /// The items of a list of references. Terraform before 0.12 had them in quotes, which are still
    /// allowed.
    fn items(&mut self, value: SyntaxNode) -> Vec<SyntaxNode> {
        let span = self.resolver.span(value.at);
        let SyntaxKind::Tuple(items) = value.kind else {
            self.problem(diagnostics::reference::not_a_list_of_references(span));
            return Vec::new();
        };
        let unquoted = |item: &SyntaxNode| {
            let text = item.text()?;
            // The string is parsed apart from its file, so that its places are those of the whole
            // string.
            let mut read = parse::expression(&SourceFile::new(span.file.clone(), text)).ok()?;
            read.place(&|_| item.at);
            Some(read)
        };
        items.into_iter().map(|it| unquoted(&it).unwrap_or(it)).collect()
    }

    fn expression(&mut self, value: SyntaxNode) -> Expression {
        self.resolver.expression(value)
    }
}

/// Whether a string is a valid name of a block.
fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|it| it.is_alphabetic() || it == '_')
        && chars.all(|it| it.is_alphanumeric() || it == '_' || it == '-')
}
