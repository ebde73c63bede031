//! Attributes, indices and splats, also of unknown and sensitive values.

use std::sync::Arc;

use ha_value::{InstanceKey, Name, Number, Type, Value, convert};

use super::each::unmarked;
use super::{EvaluationError, EvaluationResult, Evaluator};
use crate::compiled_expression::{BlockName, ExpressionKind, ExpressionNode, ReferenceTarget};
use crate::diagnostics::value as mistakes;
use crate::diagnostics::value::NamePlace;
use crate::syntax::ByteSpan;

impl Evaluator<'_> {
    /// The value of one instance of a block, without building those of the others.
    pub(super) fn instance(
        &mut self,
        block: &BlockName,
        key_node: &ExpressionNode,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        let key = self.node(key_node)?;
        if key.is_null() {
            return Err(self.fail(key_node, mistakes::null_index()));
        }
        let (plain, sensitive) = key.unmark();
        let key = match &plain {
            Value::Unknown(it) => {
                self.record_uncertainty();
                let unknown = Value::unknown(Type::Any, it.cause.clone());
                return Ok(if sensitive { unknown.sensitive() } else { unknown });
            }
            Value::String(name) => InstanceKey::Name(name.clone()),
            Value::Number(number) => match number.as_i64().and_then(|it| u64::try_from(it).ok()) {
                // A key that is no index can still be one of `for_each`, whose keys are strings.
                Some(index) => InstanceKey::Index(index),
                None => InstanceKey::Name(number.to_string().into()),
            },
            Value::Bool(it) => InstanceKey::Name(it.to_string().into()),
            other => return Err(self.fail(key_node, mistakes::no_instance_key(other))),
        };
        let value = self.environment.scope.instance(block, &key);
        // The diagnostic of the scope names the key, which is a secret here.
        let value = value.map_err(|problem| match sensitive || self.secret {
            true => self.fail(node, mistakes::no_instance_of_secret_key(block)),
            false => self.outside_problem(*problem, node.at),
        })?;
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// The value of `of.name`. `place` is the place of the name, if it is literal.
    pub(super) fn attribute(
        &mut self,
        of: &Value,
        name: &Name,
        place: Option<ByteSpan>,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        match of {
            Value::Object(items) | Value::Map(items) => match items.get(name) {
                Some(value) => Ok(value.clone()),
                // The names that exist are part of the secret, so that none is suggested.
                None if self.secret => Err(self.fail(node, mistakes::not_in_secret())),
                None => {
                    let known = items.keys().map(|it| &**it);
                    let place = place.map(|it| self.name_place(it, node));
                    let problem = match (of, self.with_for_each(node)) {
                        (_, Some(target)) if is_no_attribute(items.values().next(), name) => {
                            mistakes::no_instance_named(target, name, place, items.keys())
                        }
                        (_, Some(target)) => mistakes::attribute_of_instances(
                            target,
                            name,
                            place,
                            items.keys().next(),
                        ),
                        (Value::Map(_), _) => mistakes::no_such_key(name, place, known),
                        _ => mistakes::no_such_attribute(name, place, known),
                    };
                    Err(self.fail(node, problem))
                }
            },
            Value::Sensitive(inner) => {
                Ok(self.with_secret(true, |it| it.attribute(inner, name, place, node))?.sensitive())
            }
            Value::Unknown(it) => {
                let ty = match &it.ty {
                    Type::Any => &Type::Any,
                    Type::Map(element) => element,
                    Type::Object(attributes) => match attributes.get(name) {
                        Some(attribute) => &attribute.ty,
                        None => {
                            let known = attributes.keys().map(|it| &**it);
                            let place = place.map(|it| self.name_place(it, node));
                            return Err(
                                self.fail(node, mistakes::no_such_attribute(name, place, known))
                            );
                        }
                    },
                    _ => return Err(self.fail(node, mistakes::no_attributes(of, name))),
                };
                // The value can turn out to be null or, for a map, to lack the attribute.
                self.record_uncertainty();
                Ok(Value::unknown(ty.clone(), it.cause.clone()))
            }
            Value::Null(_) => Err(self.fail(node, mistakes::attribute_of_null(name))),
            Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
                Err(self.fail(node, mistakes::attribute_of_list(of, name)))
            }
            _ => Err(self.fail(node, mistakes::no_attributes(of, name))),
        }
    }

    /// The block or module with `for_each` whose attribute a node takes.
    fn with_for_each<'n>(&self, node: &'n ExpressionNode) -> Option<&'n ReferenceTarget> {
        let ExpressionKind::Attribute(it) = &node.kind else { return None };
        let ExpressionKind::Target(target) = &it.0.kind else { return None };
        self.environment.scope.has_for_each(target).then_some(target)
    }

    /// The place of the name of an attribute, which is behind a dot or in brackets.
    fn name_place(&self, name: ByteSpan, node: &ExpressionNode) -> NamePlace {
        let behind_point = match &node.kind {
            ExpressionKind::Attribute(it) => Some(ByteSpan { start: it.0.at.end, ..name }),
            _ => None,
        };
        // A suggestion can replace the dot together with the name only if nothing is between them.
        let with_point =
            behind_point.filter(|it| it.start + 1 == name.start).map(|it| self.span(it));
        NamePlace { name: self.span(name), is_quoted: behind_point.is_none(), with_point }
    }

    /// The value of `of[key]`. `place` is the place of the key, if it is literal.
    pub(super) fn index(
        &mut self,
        of: &Value,
        key: &Value,
        place: Option<ByteSpan>,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        if let Value::Sensitive(inner) = of {
            return Ok(self.with_secret(true, |it| it.index(inner, key, place, node))?.sensitive());
        }
        // The chosen element reveals a secret key, so that it is marked as well.
        let (key, sensitive) = key.unmark();
        if sensitive {
            return Ok(self.with_secret(true, |it| it.index(of, &key, place, node))?.sensitive());
        }
        if of.is_null() {
            return Err(self.fail(node, mistakes::index_of_null()));
        }
        if key.is_null() {
            return Err(self.fail(node, mistakes::null_index()));
        }
        if !of.is_known() || !key.is_known() {
            self.record_uncertainty();
        }
        if let Value::Unknown(it) = of {
            return match &it.ty {
                Type::List(_) | Type::Tuple(_) if convert(&key, &Type::Number).is_err() => {
                    Err(self.fail(node, mistakes::index_is_no_number(&key, of)))
                }
                // Neither the type of the element nor whether there is one is known.
                Type::Any => Ok(of.clone()),
                Type::List(element) | Type::Map(element) => {
                    Ok(Value::unknown((**element).clone(), it.cause.clone()))
                }
                Type::Tuple(items) => match convert(&key, &Type::Number) {
                    Ok(Value::Number(number)) => {
                        let place = self.place_among(&number, items.len(), node)?;
                        Ok(Value::unknown(items[place].clone(), it.cause.clone()))
                    }
                    _ => Ok(Value::unknown(Type::Any, it.cause.clone())),
                },
                Type::Object(_) => match &key {
                    Value::String(name) => self.attribute(of, name, place, node),
                    _ => Ok(Value::unknown(Type::Any, it.cause.clone())),
                },
                _ => Err(self.fail(node, mistakes::not_indexed(of))),
            };
        }
        match of {
            Value::List(items) | Value::Tuple(items) => {
                let number = match convert(&key, &Type::Number) {
                    Ok(it) => it,
                    Err(_) => return Err(self.fail(node, mistakes::index_is_no_number(&key, of))),
                };
                match &number {
                    Value::Number(number) => {
                        Ok(items[self.place_among(number, items.len(), node)?].clone())
                    }
                    _ => Ok(Value::unknown(common(items.iter()), key.cause())),
                }
            }
            Value::Map(items) | Value::Object(items) => {
                let name = match convert(&key, &Type::String) {
                    Ok(it) => it,
                    Err(_) => return Err(self.fail(node, mistakes::key_is_no_text(&key))),
                };
                match (&name, of) {
                    (Value::String(name), _) => self.attribute(of, name, place, node),
                    (_, Value::Map(_)) => Ok(Value::unknown(common(items.values()), key.cause())),
                    _ => Ok(Value::unknown(Type::Any, key.cause())),
                }
            }
            _ => Err(self.fail(node, mistakes::not_indexed(of))),
        }
    }

    /// The index below `length` that a number is.
    fn place_among(
        &mut self,
        number: &Number,
        length: usize,
        node: &ExpressionNode,
    ) -> Result<usize, EvaluationError> {
        match usize_of(number) {
            Some(index) if index < length => Ok(index),
            _ if self.secret => Err(self.fail(node, mistakes::not_in_secret())),
            Some(_) => Err(self.fail(node, mistakes::index_too_great(number, length))),
            None => Err(self.fail(node, mistakes::index_is_no_position(number))),
        }
    }

    /// `source[*]…`
    pub(super) fn splat(
        &mut self,
        source: &ExpressionNode,
        each: &ExpressionNode,
    ) -> EvaluationResult {
        let value = self.node(source)?;
        let (plain, sensitive) = match &value {
            Value::Sensitive(inner) => (&**inner, true),
            it => (it, false),
        };
        // A null list is an error. Any other null is an empty tuple, which is how a splat turns an
        // optional value into a list, as in Terraform.
        if let Value::Null(of) = plain
            && matches!(of.known(), Some(Type::List(_) | Type::Set(_) | Type::Tuple(_)))
        {
            return Err(self.fail(source, mistakes::iteration_over_null()));
        }
        self.splat_of_instances(plain, source, each)?;
        let result = self.with_secret(sensitive, |it| it.splatted(plain, each))?;
        Ok(if sensitive { result.sensitive() } else { result })
    }

    /// Refuses a splat over the instances of `for_each`. These are an object, which a splat takes for
    /// a list of one, so that the attribute would be looked up in the wrong value.
    fn splat_of_instances(
        &mut self,
        plain: &Value,
        source: &ExpressionNode,
        each: &ExpressionNode,
    ) -> Result<(), EvaluationError> {
        let (ExpressionKind::Target(target), Value::Object(items)) = (&source.kind, plain) else {
            return Ok(());
        };
        match first_attribute(each) {
            Some((name, at, node))
                if !items.contains_key(name) && self.environment.scope.has_for_each(target) =>
            {
                let place = Some(self.name_place(at, node));
                let problem =
                    mistakes::attribute_of_instances(target, name, place, items.keys().next());
                Err(self.fail(node, problem))
            }
            _ => Ok(()),
        }
    }

    fn splatted(&mut self, plain: &Value, each: &ExpressionNode) -> EvaluationResult {
        Ok(match plain {
            Value::Null(_) => Value::tuple([]),
            Value::Unknown(it) => {
                self.record_uncertainty();
                let ty = match &it.ty {
                    Type::List(of) | Type::Set(of) => {
                        self.slots.push(Value::unknown((**of).clone(), it.cause.clone()));
                        let element = self.node(each);
                        self.slots.pop();
                        Type::List(Arc::new(Type::of_value(&element?)))
                    }
                    // The result is an empty tuple if the value is null, and otherwise one element.
                    Type::Bool | Type::Number | Type::String => {
                        self.slots.push(plain.clone());
                        let element = self.node(each);
                        self.slots.pop();
                        let element = element?;
                        if it.is_not_null() {
                            return Ok(Value::tuple([element]));
                        }
                        Type::Any
                    }
                    _ => Type::Any,
                };
                let unknown = Value::unknown(ty, it.cause.clone());
                if matches!(it.ty, Type::List(_) | Type::Set(_)) {
                    unknown.not_null()
                } else {
                    unknown
                }
            }
            Value::List(items) if items.is_empty() => {
                self.of_none(plain, items.declaration().ty(), each)?
            }
            Value::Set(items) if items.is_empty() => {
                self.of_none(plain, items.declaration().ty(), each)?
            }
            Value::List(items) => Value::list(self.each_element(items.iter(), each)?),
            open if super::each::is_open(open) => {
                self.record_uncertainty();
                Value::unknown(Type::List(Arc::new(Type::Any)), open.cause())
            }
            Value::Set(items) => Value::list(self.each_element(items.iter(), each)?),
            Value::Tuple(items) => Value::tuple(self.each_element(items.iter(), each)?),
            // Any other value is taken for a list with this one element.
            one => Value::tuple(self.each_element(std::iter::once(one), each)?),
        })
    }

    /// The empty list that a splat makes of an empty collection. Its element type is found by
    /// evaluating the splat for an unknown element.
    fn of_none(&mut self, of: &Value, ty: Type, each: &ExpressionNode) -> EvaluationResult {
        let leaned = self.uncertainties;
        self.slots.push(Value::unknown(ty, of.cause()));
        let element = self.node(each);
        self.slots.pop();
        self.uncertainties = leaned;
        Ok(Value::list_of(&Type::of_value(&element?), Vec::new()))
    }

    fn each_element<'v>(
        &mut self,
        items: impl Iterator<Item = &'v Value>,
        each: &ExpressionNode,
    ) -> Result<Vec<Value>, EvaluationError> {
        let mut results = Vec::with_capacity(items.size_hint().0);
        for item in items {
            self.spend(each)?;
            self.slots.push(item.clone());
            let result = self.node(each);
            self.slots.pop();
            // The other elements would repeat the diagnostic.
            results.push(result?);
        }
        Ok(results)
    }
}

/// Whether an instance is known and has no such attribute.
fn is_no_attribute(instance: Option<&Value>, name: &str) -> bool {
    matches!(instance.map(|it| unmarked(it).0), Some(Value::Object(attributes)) if !attributes.contains_key(name))
}

/// The first attribute that a splat takes of each element: its name, place and node.
fn first_attribute(each: &ExpressionNode) -> Option<(&Name, ByteSpan, &ExpressionNode)> {
    let mut node = each;
    loop {
        node = match &node.kind {
            ExpressionKind::Attribute(it) if matches!(it.0.kind, ExpressionKind::Slot(..)) => {
                return Some((&it.1, it.2, node));
            }
            ExpressionKind::Attribute(it) => &it.0,
            ExpressionKind::Index(it) | ExpressionKind::Splat(it) => &it[0],
            _ => return None,
        };
    }
}

fn usize_of(number: &Number) -> Option<usize> {
    number.as_i64().and_then(|it| usize::try_from(it).ok())
}

/// The common type of all items; `Any` if they have none or if the type of one is unknown.
pub(crate) fn common<'v>(items: impl Iterator<Item = &'v Value>) -> Type {
    let types: Vec<Type> =
        match items.map(|it| (!has_open_type(it)).then(|| Type::of_value(it))).collect() {
            Some(types) => types,
            None => return Type::Any,
        };
    ha_value::unify(&types).unwrap_or(Type::Any)
}

/// Whether a value is an unknown of unknown type.
pub(crate) fn has_open_type(value: &Value) -> bool {
    matches!(unmarked(value).0, Value::Unknown(it) if it.ty == Type::Any)
}
