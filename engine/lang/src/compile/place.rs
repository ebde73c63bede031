//! Addresses as they are written in `moved`, `removed` and `import` blocks.

use ha_value::{Key, Mode, Name, Place, Value};

use super::Compiler;
use crate::compiled_expression::{BlockName, Expression};
use crate::diagnostics::place as mistakes;
use crate::syntax::{Kind, Node};

/// One name of an address, with the key behind it.
struct Part {
    name: Name,
    key: Option<Node>,
}

/// An address whose keys may have to be worked out.
pub(super) struct Target {
    pub(super) module: Vec<(Name, Option<Expression>)>,
    pub(super) block: BlockName,
    pub(super) key: Option<Expression>,
}

/// An address with its keys as they are written.
struct Written {
    module: Vec<Part>,
    block: Option<(Mode, Name, Part)>,
}

impl Compiler<'_> {
    /// An address whose keys, where there are any, are written out.
    pub(super) fn place(&mut self, value: Node) -> Option<Place> {
        let span = self.resolver.span(value.at);
        let Some(Written { module, block }) = written(value) else {
            self.problem(mistakes::not_an_address(span));
            return None;
        };
        let literal = |part: Part| match part.key {
            None => Some((part.name, Key::None)),
            Some(Node { kind: Kind::Literal(Value::String(name)), .. }) => Some((part.name, Key::Name(name))),
            Some(Node { kind: Kind::Literal(Value::Number(number)), .. }) => {
                Some((part.name, Key::Index(u64::try_from(number.as_i64()?).ok()?)))
            }
            Some(_) => None,
        };
        let module: Option<Vec<(Name, Key)>> = module.into_iter().map(literal).collect();
        let block = block.map(|(mode, kind, part)| literal(part).map(|(name, key)| ((mode, kind, name), key)));
        let place = match (module, block) {
            (Some(module), None) => Some(Place { module: module.into(), block: None, key: Key::None }),
            (Some(module), Some(Some((block, key)))) => Some(Place { module: module.into(), block: Some(block), key }),
            _ => None,
        };
        if place.is_none() {
            self.problem(mistakes::key_is_worked_out(span));
        }
        place
    }

    /// An address of one instance, whose keys may be expressions.
    pub(super) fn target(&mut self, value: Node) -> Option<Target> {
        let span = self.resolver.span(value.at);
        let Some(Written { module, block: Some((mode, kind, part)) }) = written(value) else {
            self.problem(mistakes::not_an_instance(span));
            return None;
        };
        let mut key = |part: Part| (part.name, part.key.map(|it| self.resolver.expression(it)));
        let module = module.into_iter().map(&mut key).collect();
        let (name, key) = key(part);
        Some(Target { module, block: BlockName { mode, kind, name }, key })
    }
}

fn written(value: Node) -> Option<Written> {
    let mut parts = parts(value)?.into_iter().peekable();
    let mut module = Vec::new();
    while parts.next_if(|it| &*it.name == "module" && it.key.is_none()).is_some() {
        module.push(parts.next()?);
    }
    let Some(first) = parts.next() else {
        return (!module.is_empty()).then_some(Written { module, block: None });
    };
    let unkeyed = |part: Part| part.key.is_none().then_some(part.name);
    let first = unkeyed(first)?;
    let (mode, kind) = match &*first {
        "data" => (Mode::Data, unkeyed(parts.next()?)?),
        "resource" => (Mode::Managed, unkeyed(parts.next()?)?),
        _ => (Mode::Managed, first),
    };
    let name = parts.next()?;
    parts.next().is_none().then_some(Written { module, block: Some((mode, kind, name)) })
}

/// The names between dots.
fn parts(value: Node) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut node = value;
    loop {
        let (inner, key) = match node.kind {
            Kind::Index(of, key) => (*of, Some(*key)),
            kind => (Node { at: node.at, kind }, None),
        };
        match inner.kind {
            Kind::Attribute(of, word) => {
                parts.push(Part { name: word.name, key });
                node = *of;
            }
            Kind::Root(name) => {
                parts.push(Part { name, key });
                parts.reverse();
                return Some(parts);
            }
            _ => return None,
        }
    }
}
