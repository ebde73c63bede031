//! References: a name with the attributes and indices behind it becomes a target, a path and, where
//! it is literal, an instance key.

use std::iter::Peekable;
use std::vec::IntoIter;

use ha_value::{InstanceKey, Name, Path, PathStep, ResourceMode, Type, Value};

use super::{NameResolver, RestrictedScope};
use crate::compiled_expression::{
    BlockName, ExpressionKind, ExpressionNode, Reference, ReferenceTarget,
};
use crate::diagnostics;
use crate::reference_words;
use crate::syntax::{self, ByteSpan, SourceWord, SyntaxKind as Written};

/// Up to this many references of an expression are compared one by one, which is faster than hashing
/// them; expressions with thousands of references need the hash to stay linear.
const FEW: usize = 8;

/// The target that a first name and the attributes behind it name.
struct ResolvedName {
    target: ReferenceTarget,
    /// The place of all of it, and of the name alone.
    at: ByteSpan,
    name: ByteSpan,
}

/// A step behind the first name of a reference.
enum ReferenceStep {
    Attribute(SourceWord),
    Index(syntax::SyntaxNode),
}

impl NameResolver {
    /// Resolves a name with the attributes and indices behind it. `tail` has the literal steps that
    /// follow in a splat, so that `aws_x.y[*].id` is known to read `id` only.
    pub(super) fn chain(
        &mut self,
        written: syntax::SyntaxNode,
        tail: &[PathStep],
    ) -> ExpressionNode {
        // The tree has the last step outermost, and the name that decides about the steps
        // innermost.
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
            // The innermost binding hides outer ones and targets of the same name: `[for var in [1]
            // : var]`.
            Written::Root(name) => match self.slots.iter().rposition(|it| *it == name) {
                Some(slot) => self.resolved(
                    base.at,
                    ExpressionKind::Slot(u32::try_from(slot).unwrap_or(u32::MAX), name),
                ),
                None => match self.target(&name, base.at, &mut steps) {
                    Some(found) => self.outside(found, &mut steps, tail),
                    None => {
                        // The root is reported; its steps would only add further diagnostics.
                        steps.by_ref().for_each(drop);
                        self.resolved(
                            base.at,
                            ExpressionKind::Literal(Value::unknown(Type::Any, None)),
                        )
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
        self.resolved(at, kind)
    }

    /// The node of a target, whose reference is recorded. Consumes the steps, of which the first one
    /// can be the instance key of a block or module.
    fn outside(
        &mut self,
        ResolvedName { target, at, name }: ResolvedName,
        steps: &mut Peekable<IntoIter<(ByteSpan, ReferenceStep)>>,
        tail: &[PathStep],
    ) -> ExpressionNode {
        let instance = match &target {
            // Only blocks and modules have instances. The index behind another target is a step of
            // its value.
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
        // With `aws_x.y[*].id` the splat goes over the instances of the block, so that `id` is an
        // attribute of the target. After other steps it goes over a value, whose attributes are not
        // those of the target.
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
                self.resolved(at, ExpressionKind::Instance(Box::new((block, key))))
            }
            (target, instance) => {
                let node = self.resolved(at, ExpressionKind::Target(Box::new(target)));
                match instance {
                    Some((at, step)) => self.step(node, at, step),
                    None => node,
                }
            }
        };
        rest.into_iter().fold(node, |node, (at, step)| self.step(node, at, step))
    }

    fn record(&mut self, reference: Reference) {
        // A reference that is read once outside of `ephemeralasnull` makes the value ephemeral,
        // wherever that is in the expression.
        self.cleared.retain(|it| it.identity() != reference.identity());
        self.enter(reference);
    }

    pub(super) fn enter(&mut self, reference: Reference) {
        let known = |it: &Reference| it.identity() == reference.identity();
        if self.references.len() < FEW {
            if let Some(known) = self.references.iter_mut().find(|it| known(it)) {
                // The target must have the attribute if it is read in only one place outside of
                // `try`.
                known.tried &= reference.tried;
                return;
            }
        } else {
            let identity =
                |it: &Reference| (it.target.clone(), it.path.clone(), it.key.clone(), it.indexed);
            // The table is filled when it is first needed: most expressions have few references.
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

    /// Resolves a first name; consumes the attributes behind it that belong to the target.
    fn target(
        &mut self,
        root: &Name,
        at: ByteSpan,
        steps: &mut Peekable<IntoIter<(ByteSpan, ReferenceStep)>>,
    ) -> Option<ResolvedName> {
        let mut next = || match steps.next_if(|(_, it)| matches!(it, ReferenceStep::Attribute(_))) {
            Some((at, ReferenceStep::Attribute(word))) => Some((at, word)),
            _ => None,
        };
        // A template or a function is not part of the module, so that no root has a meaning in it.
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
            word @ ("var" | "local" | "module") => next().and_then(|(at, name)| {
                let target = reference_words::target(word, &name.name)?;
                Some(ResolvedName { target, at, name: name.at })
            }),
            "self" => Some(ResolvedName { target: ReferenceTarget::SelfValue, at, name: at }),
            word if reference_words::is_builtin_root(word) => match next() {
                Some((end, attribute)) => {
                    let Some(target) = reference_words::target(word, &attribute.name) else {
                        self.problems.push(diagnostics::reference::no_such_builtin(
                            root,
                            &attribute.name,
                            self.span(attribute.at),
                        ));
                        return None;
                    };
                    Some(ResolvedName { target, at: end, name: attribute.at })
                }
                None => None,
            },
            "data" => block(ResourceMode::Data, next(), &mut next),
            // Terraform allows `resource.` before the address of a managed resource, where its type
            // could be mistaken for a root.
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
                // A word without root may be the name of a variable that is declared in a later
                // file. A constant can use no variable anyway.
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

/// Splits a computed instance key off a reference.
pub(super) fn without_key(
    written: syntax::SyntaxNode,
) -> (syntax::SyntaxNode, Option<syntax::SyntaxNode>) {
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

/// The literal steps that a splat takes of each element, up to the first one that is computed.
pub(super) fn static_steps(each: &syntax::SyntaxNode) -> Vec<PathStep> {
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
