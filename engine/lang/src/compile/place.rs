//! The addresses in `moved`, `removed` and `import` blocks.

use ha_value::{InstanceKey, Name, ResourceMode, TargetAddress, Value};

use super::Compiler;
use crate::compiled_expression::{BlockName, Expression};
use crate::diagnostics::place as mistakes;
use crate::syntax::{SyntaxKind, SyntaxNode};

/// One name of an address, with the key behind it.
struct AddressPart {
    name: Name,
    key: Option<SyntaxNode>,
}

/// An address whose keys can be computed.
pub(super) struct AddressExpression {
    pub(super) module: Vec<(Name, Option<Expression>)>,
    pub(super) block: BlockName,
    pub(super) key: Option<Expression>,
}

/// An address whose keys are not compiled yet.
struct LiteralAddress {
    module: Vec<AddressPart>,
    block: Option<(ResourceMode, Name, AddressPart)>,
}

impl Compiler<'_> {
    /// Compiles an address whose keys must be literal.
    pub(super) fn place(&mut self, value: SyntaxNode) -> Option<TargetAddress> {
        let span = self.resolver.span(value.at);
        let Some(LiteralAddress { module, block }) = written(value) else {
            self.problem(mistakes::not_an_address(span));
            return None;
        };
        let literal = |part: AddressPart| match part.key {
            None => Some((part.name, InstanceKey::None)),
            Some(SyntaxNode { kind: SyntaxKind::Literal(Value::String(name)), .. }) => {
                Some((part.name, InstanceKey::Name(name)))
            }
            Some(SyntaxNode { kind: SyntaxKind::Literal(Value::Number(number)), .. }) => {
                Some((part.name, InstanceKey::Index(u64::try_from(number.as_i64()?).ok()?)))
            }
            Some(_) => None,
        };
        let module: Option<Vec<(Name, InstanceKey)>> = module.into_iter().map(literal).collect();
        let block = block
            .map(|(mode, kind, part)| literal(part).map(|(name, key)| ((mode, kind, name), key)));
        let place = match (module, block) {
            (Some(module), None) => {
                Some(TargetAddress { module: module.into(), block: None, key: InstanceKey::None })
            }
            (Some(module), Some(Some((block, key)))) => {
                Some(TargetAddress { module: module.into(), block: Some(block), key })
            }
            _ => None,
        };
        if place.is_none() {
            self.problem(mistakes::key_is_worked_out(span));
        }
        place
    }

    /// Compiles the address of one instance, whose keys can be expressions.
    pub(super) fn target(&mut self, value: SyntaxNode) -> Option<AddressExpression> {
        let span = self.resolver.span(value.at);
        let Some(LiteralAddress { module, block: Some((mode, kind, part)) }) = written(value)
        else {
            self.problem(mistakes::not_an_instance(span));
            return None;
        };
        let mut key =
            |part: AddressPart| (part.name, part.key.map(|it| self.resolver.expression(it)));
        let module = module.into_iter().map(&mut key).collect();
        let (name, key) = key(part);
        Some(AddressExpression { module, block: BlockName { mode, kind, name }, key })
    }
}

fn written(value: SyntaxNode) -> Option<LiteralAddress> {
    let mut parts = parts(value)?.into_iter().peekable();
    let mut module = Vec::new();
    // `module` itself has no key; the name behind it does.
    while parts.next_if(|it| &*it.name == "module" && it.key.is_none()).is_some() {
        module.push(parts.next()?);
    }
    let Some(first) = parts.next() else {
        return (!module.is_empty()).then_some(LiteralAddress { module, block: None });
    };
    let unkeyed = |part: AddressPart| part.key.is_none().then_some(part.name);
    let first = unkeyed(first)?;
    let (mode, kind) = match &*first {
        "data" => (ResourceMode::Data, unkeyed(parts.next()?)?),
        "resource" => (ResourceMode::Managed, unkeyed(parts.next()?)?),
        _ => (ResourceMode::Managed, first),
    };
    let name = parts.next()?;
    parts.next().is_none().then_some(LiteralAddress { module, block: Some((mode, kind, name)) })
}

/// The names between dots.
fn parts(value: SyntaxNode) -> Option<Vec<AddressPart>> {
    let mut parts = Vec::new();
    let mut node = value;
    loop {
        let (inner, key) = match node.kind {
            SyntaxKind::Index(of, key) => (*of, Some(*key)),
            kind => (SyntaxNode { at: node.at, kind }, None),
        };
        match inner.kind {
            SyntaxKind::Attribute(of, word) => {
                parts.push(AddressPart { name: word.name, key });
                node = *of;
            }
            SyntaxKind::Root(name) => {
                parts.push(AddressPart { name, key });
                parts.reverse();
                return Some(parts);
            }
            _ => return None,
        }
    }
}
