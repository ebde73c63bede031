//! Name resolution: the syntax of an expression becomes a compiled expression, with references for
//! names and functions for function names.

mod reference;

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{HashSet, InstanceKey, Name, Path, Type, Value};

use crate::compiled_expression::{
    Expression, ExpressionData, ExpressionKind, ExpressionNode, ForDirective, ForExpression,
    FunctionCall, IfDirective, Reference, ReferenceTarget, TemplatePiece, UserFunctionCall,
};
use crate::diagnostics;
use crate::functions;
use crate::syntax::{self, ByteSpan, SyntaxKind as Written};
use crate::user_functions::UserFunctions;
use reference::{static_steps, without_key};

/// Resolves the expressions of one file and of the override files that replace parts of it.
pub(crate) struct NameResolver {
    /// The files, each with the offset that the byte spans of its nodes are shifted by; 0 for the
    /// first. The nodes of one expression can come from different files after overrides are merged.
    files: Vec<(u32, Arc<str>)>,
    /// The names that are bound inside of the expression, innermost last.
    slots: Vec<Name>,
    /// The scope in which every name must be bound, if there is one.
    closed: Option<RestrictedScope>,
    /// Whether the value is needed before all `function` blocks are compiled, so that it cannot call
    /// them.
    constant: bool,
    /// The functions that the configuration declares and calls.
    pub(crate) functions: UserFunctions,
    references: Vec<Reference>,
    /// The number of `try` and `can` calls around the current node.
    trying: u32,
    /// The references so far that cannot make the value ephemeral.
    cleared: Vec<Reference>,
    seen: HashSet<(ReferenceTarget, Path, Option<InstanceKey>, bool)>,
    pub(crate) problems: Vec<Diagnostic>,
    /// Words without a root like `var`. What they mean can be suggested only once everything is
    /// declared; `None` where there are no declarations.
    pub(crate) bare: Option<Vec<(Name, SourceSpan)>>,
}

/// A scope that sees only the names that are bound in it.
#[derive(Clone, Debug)]
enum RestrictedScope {
    /// A template that is read from a file.
    Template,
    /// The function of this name.
    Function(Name),
}

impl NameResolver {
    pub(crate) fn new(file: Arc<str>) -> Self {
        Self::over(vec![(0, file)])
    }

    /// A resolver for syntax that is merged from several files.
    pub(crate) fn over(files: Vec<(u32, Arc<str>)>) -> Self {
        Self {
            files,
            slots: Vec::new(),
            closed: None,
            constant: false,
            functions: UserFunctions::default(),
            references: Vec::new(),
            trying: 0,
            cleared: Vec::new(),
            seen: HashSet::default(),
            problems: Vec::new(),
            bare: None,
        }
    }

    /// A resolver for a template that sees only these names.
    pub(crate) fn closed(file: Arc<str>, names: impl IntoIterator<Item = Name>) -> Self {
        Self {
            slots: names.into_iter().collect(),
            closed: Some(RestrictedScope::Template),
            ..Self::new(file)
        }
    }

    pub(crate) fn span(&self, at: ByteSpan) -> SourceSpan {
        let (base, file) = self.file(at);
        let at = at.minus(*base);
        SourceSpan::new(file.clone(), at.start as usize..at.end as usize)
    }

    fn file(&self, at: ByteSpan) -> &(u32, Arc<str>) {
        let behind = self.files.partition_point(|(base, _)| *base <= at.start);
        &self.files[behind.saturating_sub(1)]
    }

    /// The place relative to the file that it is in.
    pub(crate) fn within_file(&self, at: ByteSpan) -> ByteSpan {
        at.minus(self.file(at).0)
    }

    fn resolved(&self, at: ByteSpan, kind: ExpressionKind) -> ExpressionNode {
        ExpressionNode { at: self.within_file(at), kind }
    }

    /// Binds a name for the expressions that follow, as the iterator of a `dynamic` block does.
    pub(crate) fn bind(&mut self, name: Name) {
        self.slots.push(name);
    }

    pub(crate) fn unbind(&mut self) {
        self.slots.pop();
    }

    pub(crate) fn expression(&mut self, written: syntax::SyntaxNode) -> Expression {
        let span = self.span(written.at);
        let root = self.node(written);
        // One resolver is used for all expressions of a file; its table belongs to one expression.
        self.seen.clear();
        let references = std::mem::take(&mut self.references).into();
        let cleared = std::mem::take(&mut self.cleared).into();
        Expression(Arc::new(ExpressionData { span, references, cleared, root }))
    }

    /// Resolves an expression that must be constant.
    pub(crate) fn constant(&mut self, written: syntax::SyntaxNode) -> Expression {
        self.constant = true;
        let expression = self.expression(written);
        self.constant = false;
        expression
    }

    /// Resolves the result of a function, which sees only its parameters.
    pub(crate) fn within_function(
        &mut self,
        name: &Name,
        parameters: Vec<Name>,
        result: syntax::SyntaxNode,
    ) -> Expression {
        // A function sees only its parameters, so that its result has the same value wherever it is
        // called. The outer names are put back afterwards.
        let slots = std::mem::replace(&mut self.slots, parameters);
        let closed = self.closed.replace(RestrictedScope::Function(name.clone()));
        let within = self.functions.within.replace(name.clone());
        let result = self.expression(result);
        (self.slots, self.closed, self.functions.within) = (slots, closed, within);
        result
    }

    /// Resolves an expression that must be one reference, as in `depends_on`.
    pub(crate) fn reference(&mut self, written: syntax::SyntaxNode) -> Option<Reference> {
        let at = written.at;
        // A mistake in the expression is reported by resolving it. Only an expression without
        // mistakes that is no reference needs the diagnostic below.
        let before = self.problems.len() + self.bare.as_ref().map_or(0, Vec::len);
        self.node(written);
        self.seen.clear();
        self.cleared.clear();
        let mut references = std::mem::take(&mut self.references);
        if references.len() == 1 {
            return references.pop();
        }
        if self.problems.len() + self.bare.as_ref().map_or(0, Vec::len) == before {
            self.problems.push(diagnostics::reference::not_a_reference(self.span(at)));
        }
        None
    }

    /// Resolves an expression that must be one reference, and its instance key if that is computed.
    pub(crate) fn keyed_reference(
        &mut self,
        written: syntax::SyntaxNode,
    ) -> Option<(Reference, Option<Expression>)> {
        let (written, key) = without_key(written);
        let key = key.map(|it| self.expression(it));
        Some((self.reference(written)?, key))
    }

    fn node(&mut self, written: syntax::SyntaxNode) -> ExpressionNode {
        let at = written.at;
        let kind = match written.kind {
            Written::Literal(value) => ExpressionKind::Literal(value),
            Written::Root(_) | Written::Attribute(..) | Written::Index(..) => {
                return self.chain(written, &[]);
            }
            Written::Element => self.top(),
            Written::Splat(source, each) => {
                // The steps of a splat are resolved twice: here as part of the reference of the
                // source, so that it is known which attribute is read, and below as the expression
                // for each element.
                let behind = static_steps(&each);
                let source = match source.kind {
                    Written::Root(_) | Written::Attribute(..) | Written::Index(..) => {
                        self.chain(*source, &behind)
                    }
                    _ => self.node(*source),
                };
                // The name cannot be written in an expression, so that the slot is reached by
                // `Element` alone.
                self.slots.push("*".into());
                let each = self.node(*each);
                self.slots.pop();
                ExpressionKind::Splat(Box::new([source, each]))
            }
            Written::Template(pieces) => self.template(pieces),
            Written::Tuple(items) => {
                ExpressionKind::Tuple(items.into_iter().map(|it| self.node(it)).collect())
            }
            Written::Object(entries) => {
                ExpressionKind::Object(entries.into_iter().map(|it| self.entry(it)).collect())
            }
            // Parentheses have done their work in the parser.
            Written::Parenthesis(inner) => return self.node(*inner),
            Written::Conditional(three) => {
                ExpressionKind::Conditional(Box::new(three.map(|it| self.node(it))))
            }
            Written::Not(operand) => ExpressionKind::Not(Box::new(self.node(*operand))),
            Written::Negative(operand) => ExpressionKind::Negative(Box::new(self.node(*operand))),
            Written::Binary(operator, two) => {
                ExpressionKind::Binary(operator, Box::new(two.map(|it| self.node(it))))
            }
            Written::Call(call) => self.call(call),
            Written::For(it) => self.each(*it),
        };
        self.resolved(at, kind)
    }

    /// The node of the element of a splat, which is on top of the stack.
    fn top(&self) -> ExpressionKind {
        let slot = self.slots.len().saturating_sub(1);
        ExpressionKind::Slot(u32::try_from(slot).unwrap_or(u32::MAX), "*".into())
    }

    fn template(&mut self, pieces: Vec<syntax::TemplateSyntax>) -> ExpressionKind {
        match pieces.as_slice() {
            [] => ExpressionKind::Literal(Value::from("")),
            [syntax::TemplateSyntax::Text(text)] => {
                ExpressionKind::Literal(Value::from(text.as_str()))
            }
            _ => ExpressionKind::Template(self.pieces(pieces)),
        }
    }

    fn pieces(&mut self, pieces: Vec<syntax::TemplateSyntax>) -> Box<[TemplatePiece]> {
        pieces.into_iter().map(|it| self.piece(it)).collect()
    }

    fn piece(&mut self, piece: syntax::TemplateSyntax) -> TemplatePiece {
        match piece {
            syntax::TemplateSyntax::Text(text) => TemplatePiece::Text(text.into()),
            syntax::TemplateSyntax::Value(node) => TemplatePiece::Value(self.node(node)),
            syntax::TemplateSyntax::If { condition, then, otherwise } => {
                TemplatePiece::If(Box::new(IfDirective {
                    condition: self.node(condition),
                    then: self.pieces(then),
                    otherwise: self.pieces(otherwise),
                }))
            }
            syntax::TemplateSyntax::For { key, value, collection, body } => {
                let collection = self.node(collection);
                let keyed = key.is_some();
                let bound = self.slots.len();
                self.slots.extend(key.map(|it| it.name));
                self.slots.push(value.name);
                let body = self.pieces(body);
                self.slots.truncate(bound);
                TemplatePiece::For(Box::new(ForDirective { keyed, collection, body }))
            }
        }
    }

    fn entry(
        &mut self,
        (key, value): (syntax::SyntaxNode, syntax::SyntaxNode),
    ) -> (ExpressionNode, ExpressionNode) {
        // `{ a.b = 1 }` can be meant as the string "a.b" or as the value of `a.b`, so that
        // Terraform refuses it as well.
        if matches!(key.kind, Written::Attribute(..) | Written::Index(..)) {
            self.problems.push(diagnostics::ambiguous_key(self.span(key.at)));
            let unknown = ExpressionKind::Literal(Value::unknown(Type::String, None));
            return (self.resolved(key.at, unknown), self.node(value));
        }
        (self.node(key), self.node(value))
    }

    fn each(&mut self, it: syntax::ForSyntax) -> ExpressionKind {
        let collection = self.node(it.collection);
        let keyed = it.key.is_some();
        // The collection is resolved before the names are bound: it cannot refer to them.
        let bound = self.slots.len();
        self.slots.extend(it.key.map(|it| it.name));
        self.slots.push(it.value.name);
        let result_key = it.result_key.map(|it| self.node(it));
        let result = self.node(it.result);
        let condition = it.condition.map(|it| self.node(it));
        self.slots.truncate(bound);
        ExpressionKind::For(Box::new(ForExpression {
            keyed,
            collection,
            result_key,
            result,
            condition,
            grouping: it.grouping,
        }))
    }

    fn call(&mut self, call: syntax::CallSyntax) -> ExpressionKind {
        let given = call.arguments.len();
        let spread = call.spread;
        let last = call.arguments.last().map(|it| it.at);
        // `core::` names the built-in functions in Terraform, beside those of providers.
        let name = call.name.name.strip_prefix("core::").unwrap_or(&call.name.name);
        let is_tried = matches!(name, "try" | "can");
        self.trying += u32::from(is_tried);
        let arguments = match name {
            "ephemeralasnull" | "issensitive" | "can" => self.cleared(call.arguments),
            "try" => self.tried(call.arguments),
            _ => call.arguments.into_iter().map(|it| self.node(it)).collect(),
        };
        self.trying -= u32::from(is_tried);
        let at = last.map_or(call.name.at, |it| call.name.at.to(it));
        let Some(function) = functions::named(name) else {
            if name.contains("::") || matches!(self.closed, Some(RestrictedScope::Template)) {
                self.problems.push(diagnostics::no_such_function(name, self.span(call.name.at)));
                return ExpressionKind::Literal(Value::unknown(Type::Any, None));
            }
            let span = self.span(if given == 0 { call.name.at } else { at });
            // Constants are evaluated while blocks are still being compiled, so that the function
            // may not be defined yet.
            if self.constant {
                self.problems.push(diagnostics::function::not_here(name, span));
                return ExpressionKind::Literal(Value::unknown(Type::Any, None));
            }
            let spans = [self.span(call.name.at), span];
            let function = self.functions.called(&call.name.name, given, spread, spans);
            return ExpressionKind::Declared(Box::new(UserFunctionCall {
                function,
                arguments,
                spread,
            }));
        };
        if let Some(problem) =
            diagnostics::argument_count(function, given, spread, || self.span(at))
        {
            self.problems.push(problem);
            return ExpressionKind::Literal(Value::unknown(Type::Any, None));
        }
        ExpressionKind::Call(Box::new(FunctionCall { function, arguments, spread }))
    }

    /// The arguments of `try`. Those behind one that always has a value are never evaluated, so
    /// that, as in Terraform, they do not make the result ephemeral.
    fn tried(&mut self, arguments: Vec<syntax::SyntaxNode>) -> Box<[ExpressionNode]> {
        let mut nodes = Vec::with_capacity(arguments.len());
        let mut arguments = arguments.into_iter();
        for argument in arguments.by_ref() {
            let node = self.node(argument);
            let is_last = always_has_a_value(&node);
            nodes.push(node);
            if is_last {
                break;
            }
        }
        nodes.extend(self.cleared(arguments.collect()));
        nodes.into()
    }

    /// The arguments of a function whose result is never ephemeral.
    fn cleared(&mut self, arguments: Vec<syntax::SyntaxNode>) -> Box<[ExpressionNode]> {
        // The references of the arguments are gathered in a list of their own first: only this
        // shows which of them are read in no other part of the expression.
        let outer = (std::mem::take(&mut self.references), std::mem::take(&mut self.seen));
        let arguments = arguments.into_iter().map(|it| self.node(it)).collect();
        let inner = std::mem::take(&mut self.references);
        (self.references, self.seen) = outer;
        for reference in inner {
            let before = self.references.len();
            // A reference that is also read elsewhere makes the value ephemeral. Those read before
            // are not added here, those read later are removed in `record`.
            self.enter(reference);
            if let Some(new) = self.references.get(before) {
                self.cleared.push(new.clone());
            }
        }
        arguments
    }
}

/// Whether an expression has a value whatever its references are: nothing in it can fail by
/// itself. A reference without steps is sure, as one to something undeclared is refused anyway.
fn always_has_a_value(node: &ExpressionNode) -> bool {
    match &node.kind {
        ExpressionKind::Literal(value) => value.is_known(),
        ExpressionKind::Slot(..) | ExpressionKind::Target(_) => true,
        ExpressionKind::Tuple(items) => items.iter().all(always_has_a_value),
        ExpressionKind::Object(entries) => entries.iter().all(|(key, value)| {
            matches!(&key.kind, ExpressionKind::Literal(Value::String(_)))
                && always_has_a_value(value)
        }),
        _ => false,
    }
}
