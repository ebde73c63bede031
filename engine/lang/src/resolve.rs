//! From what is written to what it means: names become targets and slots, function names functions.

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{HashSet, InstanceKey, Name, Path, PathStep, ResourceMode, Type, Value};

use crate::compiled_expression::{
    BlockName, Expression, ExpressionData, ExpressionKind, ExpressionNode, ForDirective,
    ForExpression, FunctionCall, IfDirective, Reference, ReferenceTarget, TemplatePiece,
    UserFunctionCall,
};
use crate::diagnostics;
use crate::functions;
use crate::syntax::{self, ByteSpan, SourceWord, SyntaxKind as Written};
use crate::user_functions::UserFunctions;

/// More references than these are looked up by hash.
const FEW: usize = 8;

/// Resolves the expressions of one file, and of those that override parts of it.
pub(crate) struct NameResolver {
    /// The files by where their places begin, which is 0 for the first.
    files: Vec<(u32, Arc<str>)>,
    /// Names bound inside the expression, innermost last.
    slots: Vec<Name>,
    /// Where a name that is bound nowhere can only be a mistake: in a template read from a file, or
    /// in a function.
    closed: Option<RestrictedScope>,
    /// Whether the value is needed at once, before all functions are there.
    constant: bool,
    /// The functions that the configuration declares and calls.
    pub(crate) functions: UserFunctions,
    references: Vec<Reference>,
    /// Greater than 0 within `try` and `can`.
    trying: u32,
    /// Those that were read only by functions out of which nothing comes that must not be kept, so
    /// far.
    cleared: Vec<Reference>,
    seen: HashSet<(ReferenceTarget, Path, Option<InstanceKey>, bool)>,
    pub(crate) problems: Vec<Diagnostic>,
    /// Words that stand alone, of which it can be known what is meant once all is declared; none
    /// where nothing is.
    pub(crate) bare: Option<Vec<(Name, SourceSpan)>>,
}

/// What sees only the names that are bound in it.
#[derive(Clone, Debug)]
enum RestrictedScope {
    /// A template read from a file.
    Template,
    /// The function of this name.
    Function(Name),
}

/// What a first name and the attributes behind it name.
struct ResolvedName {
    target: ReferenceTarget,
    /// Where all of that is written, and where the name alone.
    at: ByteSpan,
    name: ByteSpan,
}

/// A step behind the first name of a reference.
enum ReferenceStep {
    Attribute(SourceWord),
    Index(syntax::SyntaxNode),
}

impl NameResolver {
    pub(crate) fn new(file: Arc<str>) -> Self {
        Self::over(vec![(0, file)])
    }

    /// A resolver for what comes from several files.
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

    /// A resolver for a template that sees these names only.
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

    /// The place in its own file.
    pub(crate) fn within_file(&self, at: ByteSpan) -> ByteSpan {
        at.minus(self.file(at).0)
    }

    fn made(&self, at: ByteSpan, kind: ExpressionKind) -> ExpressionNode {
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
        self.seen.clear();
        let references = std::mem::take(&mut self.references).into();
        let cleared = std::mem::take(&mut self.cleared).into();
        Expression(Arc::new(ExpressionData { span, references, cleared, root }))
    }

    /// An expression whose value is needed at once.
    pub(crate) fn constant(&mut self, written: syntax::SyntaxNode) -> Expression {
        self.constant = true;
        let expression = self.expression(written);
        self.constant = false;
        expression
    }

    /// The result of a function, which sees its parameters and nothing else.
    pub(crate) fn within_function(
        &mut self,
        name: &Name,
        parameters: Vec<Name>,
        result: syntax::SyntaxNode,
    ) -> Expression {
        let slots = std::mem::replace(&mut self.slots, parameters);
        let closed = self.closed.replace(RestrictedScope::Function(name.clone()));
        let within = self.functions.within.replace(name.clone());
        let result = self.expression(result);
        (self.slots, self.closed, self.functions.within) = (slots, closed, within);
        result
    }

    /// A reference by itself, as in `depends_on`.
    pub(crate) fn reference(&mut self, written: syntax::SyntaxNode) -> Option<Reference> {
        let at = written.at;
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

    /// A reference by itself whose instance key may have to be worked out, and that key.
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
                let behind = static_steps(&each);
                let source = match source.kind {
                    Written::Root(_) | Written::Attribute(..) | Written::Index(..) => {
                        self.chain(*source, &behind)
                    }
                    _ => self.node(*source),
                };
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
        self.made(at, kind)
    }

    /// What is on top of the stack.
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
        if matches!(key.kind, Written::Attribute(..) | Written::Index(..)) {
            self.problems.push(diagnostics::ambiguous_key(self.span(key.at)));
            let unknown = ExpressionKind::Literal(Value::unknown(Type::String, None));
            return (self.made(key.at, unknown), self.node(value));
        }
        (self.node(key), self.node(value))
    }

    fn each(&mut self, it: syntax::ForSyntax) -> ExpressionKind {
        let collection = self.node(it.collection);
        let keyed = it.key.is_some();
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
        let name = call.name.name.strip_prefix("core::").unwrap_or(&call.name.name);
        let is_tried = matches!(name, "try" | "can");
        self.trying += u32::from(is_tried);
        let arguments = match name {
            "ephemeralasnull" | "issensitive" | "can" => self.cleared(call.arguments),
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

    /// The arguments of a function out of which nothing comes that must not be kept.
    fn cleared(&mut self, arguments: Vec<syntax::SyntaxNode>) -> Box<[ExpressionNode]> {
        let outer = (std::mem::take(&mut self.references), std::mem::take(&mut self.seen));
        let arguments = arguments.into_iter().map(|it| self.node(it)).collect();
        let inner = std::mem::take(&mut self.references);
        (self.references, self.seen) = outer;
        for reference in inner {
            let before = self.references.len();
            // What was read elsewhere before is none of these, and what is read elsewhere later is
            // taken off them.
            self.enter(reference);
            if let Some(new) = self.references.get(before) {
                self.cleared.push(new.clone());
            }
        }
        arguments
    }

    /// A name with the attributes and indices behind it. `tail` are static steps that follow in a
    /// splat.
    fn chain(&mut self, written: syntax::SyntaxNode, tail: &[PathStep]) -> ExpressionNode {
        let mut steps = Vec::new();
        let mut base = written;
        loop {
            let at = base.at;
            match base.kind {
                Written::Attribute(inner, word) => {
                    steps.push((at, ReferenceStep::Attribute(word)));
                    base = *inner;
                }
                Written::Index(inner, key) => {
                    steps.push((at, ReferenceStep::Index(*key)));
                    base = *inner;
                }
                kind => {
                    base = syntax::SyntaxNode { at, kind };
                    break;
                }
            }
        }
        steps.reverse();
        let mut steps = steps.into_iter().peekable();
        let node = match base.kind {
            Written::Root(name) => match self.slots.iter().rposition(|it| *it == name) {
                Some(slot) => self.made(
                    base.at,
                    ExpressionKind::Slot(u32::try_from(slot).unwrap_or(u32::MAX), name),
                ),
                None => match self.target(&name, base.at, &mut steps) {
                    Some(found) => self.outside(found, &mut steps, tail),
                    None => {
                        steps.by_ref().for_each(drop);
                        self.made(base.at, ExpressionKind::Literal(Value::unknown(Type::Any, None)))
                    }
                },
            },
            _ => self.node(base),
        };
        steps.fold(node, |node, (at, step)| self.step(node, at, step))
    }

    fn step(&mut self, node: ExpressionNode, at: ByteSpan, step: ReferenceStep) -> ExpressionNode {
        let kind = match step {
            ReferenceStep::Attribute(word) => {
                ExpressionKind::Attribute(Box::new((node, word.name, self.within_file(word.at))))
            }
            ReferenceStep::Index(key) => ExpressionKind::Index(Box::new([node, self.node(key)])),
        };
        self.made(at, kind)
    }

    /// The node of a target, with its reference recorded. Takes the instance key of a block off the
    /// steps.
    fn outside(
        &mut self,
        ResolvedName { target, at, name }: ResolvedName,
        steps: &mut std::iter::Peekable<std::vec::IntoIter<(ByteSpan, ReferenceStep)>>,
        tail: &[PathStep],
    ) -> ExpressionNode {
        let instance = match &target {
            ReferenceTarget::Block(_) | ReferenceTarget::Module(_) => {
                steps.next_if(|(_, it)| matches!(it, ReferenceStep::Index(_)))
            }
            _ => None,
        };
        let mut end = instance.as_ref().map_or(at, |(at, _)| *at);
        let key = match &instance {
            Some((_, ReferenceStep::Index(written))) => literal_key(written),
            _ => None,
        };
        let rest: Vec<(ByteSpan, ReferenceStep)> = steps.collect();
        let mut path = Path::with_capacity(rest.len());
        let mut all_static = true;
        for (at, step) in &rest {
            match step {
                ReferenceStep::Attribute(word) => path.push_name(word.name.clone()),
                ReferenceStep::Index(written) => match static_step(written) {
                    Some(PathStep::Name(name)) => path.push_name(name),
                    Some(PathStep::Index(index)) => path.push_index(index),
                    None => {
                        all_static = false;
                        break;
                    }
                },
            }
            end = *at;
        }
        if all_static
            && rest.is_empty()
            && instance.is_none()
            && matches!(target, ReferenceTarget::Block(_) | ReferenceTarget::Module(_))
        {
            for step in tail {
                match step {
                    PathStep::Name(name) => path.push_name(name.clone()),
                    PathStep::Index(index) => path.push_index(*index),
                }
            }
        }
        let span = self.span(end);
        let step = rest.first().filter(|_| !path.steps().is_empty()).map(|(_, step)| match step {
            ReferenceStep::Attribute(word) => word.at,
            ReferenceStep::Index(written) => written.at,
        });
        let (name, step) = (self.within_file(name), step.map(|it| self.within_file(it)));
        let (indexed, tried) = (instance.is_some(), self.trying > 0);
        self.record(Reference {
            target: target.clone(),
            path,
            key,
            indexed,
            tried,
            span,
            name,
            step,
        });
        let node = match (target, instance) {
            (ReferenceTarget::Block(block), Some((at, ReferenceStep::Index(key)))) => {
                let key = self.node(key);
                self.made(at, ExpressionKind::Instance(Box::new((block, key))))
            }
            (target, instance) => {
                let node = self.made(at, ExpressionKind::Target(Box::new(target)));
                match instance {
                    Some((at, step)) => self.step(node, at, step),
                    None => node,
                }
            }
        };
        rest.into_iter().fold(node, |node, (at, step)| self.step(node, at, step))
    }

    fn record(&mut self, reference: Reference) {
        self.cleared.retain(|it| it.identity() != reference.identity());
        self.enter(reference);
    }

    fn enter(&mut self, reference: Reference) {
        let known = |it: &Reference| it.identity() == reference.identity();
        if self.references.len() < FEW {
            if let Some(known) = self.references.iter_mut().find(|it| known(it)) {
                known.tried &= reference.tried;
                return;
            }
        } else {
            let identity =
                |it: &Reference| (it.target.clone(), it.path.clone(), it.key.clone(), it.indexed);
            if self.seen.is_empty() {
                self.seen = self.references.iter().map(identity).collect();
            }
            if !self.seen.insert(identity(&reference)) {
                if !reference.tried {
                    self.references
                        .iter_mut()
                        .filter(|it| it.tried && known(it))
                        .for_each(|it| it.tried = false);
                }
                return;
            }
        }
        self.references.push(reference);
    }

    /// What a first name and the attributes behind it name.
    fn target(
        &mut self,
        root: &Name,
        at: ByteSpan,
        steps: &mut std::iter::Peekable<std::vec::IntoIter<(ByteSpan, ReferenceStep)>>,
    ) -> Option<ResolvedName> {
        let mut next = || match steps.next_if(|(_, it)| matches!(it, ReferenceStep::Attribute(_))) {
            Some((at, ReferenceStep::Attribute(word))) => Some((at, word)),
            _ => None,
        };
        if let Some(closed) = &self.closed {
            let span = self.span(at);
            self.problems.push(match closed {
                RestrictedScope::Template => {
                    diagnostics::reference::no_such_template_variable(root, span, &self.slots)
                }
                RestrictedScope::Function(name) => {
                    diagnostics::function::outside_of_function(root, name, span, &self.slots)
                }
            });
            return None;
        }
        let found = match &**root {
            "var" => next().map(|(at, word)| ResolvedName {
                target: ReferenceTarget::Variable(word.name),
                at,
                name: word.at,
            }),
            "local" => next().map(|(at, word)| ResolvedName {
                target: ReferenceTarget::Local(word.name),
                at,
                name: word.at,
            }),
            "module" => next().map(|(at, word)| ResolvedName {
                target: ReferenceTarget::Module(word.name),
                at,
                name: word.at,
            }),
            "self" => Some(ResolvedName { target: ReferenceTarget::SelfValue, at, name: at }),
            "each" | "count" | "path" | "ha" | "terraform" => match next() {
                Some((end, word)) => {
                    let target = match (&**root, &*word.name) {
                        ("each", "key") => ReferenceTarget::EachKey,
                        ("each", "value") => ReferenceTarget::EachValue,
                        ("count", "index") => ReferenceTarget::CountIndex,
                        ("path", "module") => ReferenceTarget::PathModule,
                        ("path", "root") => ReferenceTarget::PathRoot,
                        ("path", "cwd") => ReferenceTarget::PathCwd,
                        ("ha" | "terraform", "workspace") => ReferenceTarget::Workspace,
                        _ => {
                            self.problems.push(diagnostics::reference::no_such_builtin(
                                root,
                                &word.name,
                                self.span(word.at),
                            ));
                            return None;
                        }
                    };
                    Some(ResolvedName { target, at: end, name: word.at })
                }
                None => None,
            },
            "data" => block(ResourceMode::Data, next(), &mut next),
            "resource" => block(ResourceMode::Managed, next(), &mut next),
            _ => block(
                ResourceMode::Managed,
                Some((at, SourceWord { name: root.clone(), at })),
                &mut next,
            ),
        };
        if found.is_none() {
            let span = self.span(at);
            match &mut self.bare {
                Some(bare) if !self.constant => bare.push((root.clone(), span)),
                _ => self.problems.push(diagnostics::reference::incomplete_reference(root, span)),
            }
        }
        found
    }
}

fn block(
    mode: ResourceMode,
    kind: Option<(ByteSpan, SourceWord)>,
    next: &mut impl FnMut() -> Option<(ByteSpan, SourceWord)>,
) -> Option<ResolvedName> {
    let (_, kind) = kind?;
    let (at, name) = next()?;
    Some(ResolvedName {
        target: ReferenceTarget::Block(BlockName { mode, kind: kind.name, name: name.name }),
        at,
        name: at,
    })
}

fn literal_key(written: &syntax::SyntaxNode) -> Option<InstanceKey> {
    match &written.kind {
        Written::Literal(Value::String(name)) => Some(InstanceKey::Name(name.clone())),
        Written::Literal(Value::Number(number)) => {
            Some(InstanceKey::Index(u64::try_from(number.as_i64()?).ok()?))
        }
        _ => None,
    }
}

fn static_step(written: &syntax::SyntaxNode) -> Option<PathStep> {
    match literal_key(written)? {
        InstanceKey::Name(name) => Some(PathStep::Name(name)),
        InstanceKey::Index(index) => Some(PathStep::Index(usize::try_from(index).ok()?)),
        InstanceKey::None => None,
    }
}

/// The same without the instance key that has to be worked out, and that key.
fn without_key(written: syntax::SyntaxNode) -> (syntax::SyntaxNode, Option<syntax::SyntaxNode>) {
    let syntax::SyntaxNode { at, kind } = written;
    match kind {
        Written::Index(of, key) if literal_key(&key).is_none() => (*of, Some(*key)),
        Written::Index(of, key) => {
            let (of, found) = without_key(*of);
            (syntax::SyntaxNode { at, kind: Written::Index(Box::new(of), key) }, found)
        }
        Written::Attribute(of, word) => {
            let (of, found) = without_key(*of);
            (syntax::SyntaxNode { at, kind: Written::Attribute(Box::new(of), word) }, found)
        }
        kind => (syntax::SyntaxNode { at, kind }, None),
    }
}

/// The steps done with each element of a splat, as far as they are static.
fn static_steps(each: &syntax::SyntaxNode) -> Vec<PathStep> {
    fn gather(each: &syntax::SyntaxNode, steps: &mut Vec<PathStep>) -> bool {
        match &each.kind {
            Written::Element => true,
            Written::Attribute(inner, word) => {
                let open = gather(inner, steps);
                if open {
                    steps.push(PathStep::Name(word.name.clone()));
                }
                open
            }
            Written::Index(inner, key) => {
                let open = gather(inner, steps);
                match static_step(key).filter(|_| open) {
                    Some(step) => {
                        steps.push(step);
                        true
                    }
                    None => false,
                }
            }
            Written::Splat(inner, _) => {
                gather(inner, steps);
                false
            }
            _ => false,
        }
    }
    let mut steps = Vec::new();
    gather(each, &mut steps);
    steps
}
