//! Conversion between types, by the language's rules.

use std::str::FromStr;
use std::sync::Arc;

use crate::{Number, Object, Path, Step, Text, Type, Value};

/// Why a value is not of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there, as a sentence without a period.
    pub message: String,
}

impl Mismatch {
    fn new(message: impl Into<String>) -> Self {
        Self { path: Path::root(), message: message.into() }
    }

    fn below(self, step: Step) -> Self {
        let mut path = Path::root();
        for it in std::iter::once(&step).chain(self.path.steps()) {
            match it {
                Step::Name(name) => path.push_name(name.clone()),
                Step::Index(index) => path.push_index(*index),
            }
        }
        Self { path, message: self.message }
    }
}

/// The value as one of `ty`. Null is of every type; marks and unknowns are kept.
///
/// # Errors
/// Where the value can be no such thing.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, Mismatch> {
    match (value, ty) {
        (_, Type::Any) | (Value::Null, _) => Ok(value.clone()),
        (Value::Sensitive(inner), _) => convert(inner, ty).map(Value::sensitive),
        (Value::Unknown(it), _) => Ok(Value::unknown(ty.clone(), it.cause.clone())),
        (Value::String(_) | Value::Composed(_), Type::String) => Ok(value.clone()),
        (Value::Number(_) | Value::Bool(_), Type::String) => {
            Ok(Value::from(Text::of(value).expect("numbers and truth values are texts")))
        }
        (Value::Composed(_), _) => {
            let (plain, sensitive) = value.unmark();
            let converted = convert(&plain, ty)?;
            Ok(if sensitive { converted.sensitive() } else { converted })
        }
        (Value::Number(_), Type::Number) | (Value::Bool(_), Type::Bool) => Ok(value.clone()),
        (Value::String(text), Type::Number) => {
            Number::from_str(text).map(Value::Number).map_err(|_| Mismatch::new("a number is required"))
        }
        (Value::String(text), Type::Bool) => match &**text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(Mismatch::new("a bool is required")),
        },
        (Value::List(_) | Value::Tuple(_) | Value::Set(_), Type::List(of)) => {
            Ok(Value::List(Arc::new(one_type(converted_items(value, of)?, of)?)))
        }
        (Value::List(_) | Value::Tuple(_) | Value::Set(_), Type::Set(of)) => {
            Ok(Value::Set(Arc::new(one_type(converted_items(value, of)?, of)?.into_iter().collect())))
        }
        (Value::List(_) | Value::Tuple(_), Type::Tuple(of)) => {
            let items = value.elements().unwrap_or_default();
            if items.len() != of.len() {
                return Err(Mismatch::new(format!("a tuple of {} is required", of.len())));
            }
            let each =
                |(index, (item, ty)): (usize, (&Value, &Type))| convert(item, ty).map_err(|it| it.below(Step::Index(index)));
            Ok(Value::Tuple(Arc::new(items.into_iter().zip(of.iter()).enumerate().map(each).collect::<Result<_, _>>()?)))
        }
        (Value::Map(items) | Value::Object(items), Type::Map(of)) => {
            let each = |(name, item): (&crate::Name, &Value)| {
                let item = convert(item, of).map_err(|it| it.below(Step::Name(name.clone())))?;
                Ok((name.clone(), item))
            };
            let items: Object = items.iter().map(each).collect::<Result<_, Mismatch>>()?;
            let names: Vec<crate::Name> = items.keys().cloned().collect();
            let values = one_type(items.into_values().collect(), of)?;
            Ok(Value::Map(Arc::new(names.into_iter().zip(values).collect())))
        }
        (Value::Map(items) | Value::Object(items), Type::Object(of)) => {
            let mut converted = Object::new();
            for (name, attribute) in of.iter() {
                let value = match items.get(name) {
                    Some(item) if !(item.is_null() && attribute.default.is_some()) => {
                        convert(item, &attribute.ty).map_err(|it| it.below(Step::Name(name.clone())))?
                    }
                    _ if attribute.optional => match &attribute.default {
                        Some(default) => convert(default, &attribute.ty).map_err(|it| it.below(Step::Name(name.clone())))?,
                        None => Value::Null,
                    },
                    _ => return Err(Mismatch::new(format!("attribute \"{name}\" is required"))),
                };
                converted.insert(name.clone(), value);
            }
            Ok(Value::Object(Arc::new(converted)))
        }
        _ => Err(Mismatch::new(format!("{} is required", with_article(ty)))),
    }
}

/// The one type that all of these convert to, as the language picks it for a list of mixed elements or the two arms
/// of a conditional: strings absorb numbers and truth values, lists unify by element, and null or unknown go along.
#[must_use]
pub fn unify<'a>(types: impl IntoIterator<Item = &'a Type>) -> Option<Type> {
    types.into_iter().try_fold(Type::Any, |common, ty| unify_two(&common, ty))
}

fn unify_two(left: &Type, right: &Type) -> Option<Type> {
    use Type::{Any, Bool, List, Map, Number, Object, Set, String, Tuple};
    Some(match (left, right) {
        (Any, other) | (other, Any) => other.clone(),
        (a, b) if a == b => a.clone(),
        (String, Number | Bool) | (Number | Bool, String) => String,
        (List(a), List(b)) => List(unify_two(a, b)?.into()),
        (Set(a), Set(b)) => Set(unify_two(a, b)?.into()),
        (Map(a), Map(b)) => Map(unify_two(a, b)?.into()),
        (Tuple(items), List(of)) | (List(of), Tuple(items)) => List(unify(items.iter().chain([&**of]))?.into()),
        (Tuple(items), Set(of)) | (Set(of), Tuple(items)) => Set(unify(items.iter().chain([&**of]))?.into()),
        (List(a), Set(b)) | (Set(a), List(b)) => List(unify_two(a, b)?.into()),
        (Tuple(a), Tuple(b)) if a.len() == b.len() => {
            Tuple(Arc::new(a.iter().zip(b.iter()).map(|(a, b)| unify_two(a, b)).collect::<Option<_>>()?))
        }
        (Tuple(a), Tuple(b)) => List(unify(a.iter().chain(b.iter()))?.into()),
        (Object(fields), Map(of)) | (Map(of), Object(fields)) => {
            Map(unify(fields.values().map(|it| &it.ty).chain([&**of]))?.into())
        }
        (Object(a), Object(b)) if a.keys().eq(b.keys()) => {
            let each = |((name, a), b): ((&crate::Name, &crate::types::Attribute), &crate::types::Attribute)| {
                let ty = unify_two(&a.ty, &b.ty)?;
                Some((name.clone(), crate::types::Attribute { ty, optional: a.optional || b.optional, default: None }))
            };
            Object(Arc::new(a.iter().zip(b.values()).map(each).collect::<Option<_>>()?))
        }
        (Object(a), Object(b)) => Map(unify(a.values().chain(b.values()).map(|it| &it.ty))?.into()),
        _ => return None,
    })
}

fn converted_items(value: &Value, of: &Type) -> Result<Vec<Value>, Mismatch> {
    let each = |(index, item)| convert(item, of).map_err(|it: Mismatch| it.below(Step::Index(index)));
    value.elements().unwrap_or_default().into_iter().enumerate().map(each).collect()
}

/// Elements of a collection of `any` are brought to the one type they share.
fn one_type(items: Vec<Value>, of: &Type) -> Result<Vec<Value>, Mismatch> {
    if *of != Type::Any {
        return Ok(items);
    }
    let types: Vec<Type> = items.iter().map(Type::of).collect();
    match unify(&types) {
        Some(Type::Any) => Ok(items),
        Some(common) => items.iter().map(|it| convert(it, &common)).collect(),
        None => Err(Mismatch::new("all elements must have the same type")),
    }
}

fn with_article(ty: &Type) -> String {
    match ty {
        Type::Object(_) => "an object".into(),
        Type::String | Type::Number | Type::Bool => format!("a {ty}"),
        Type::List(of) => format!("a list of {of}"),
        Type::Set(of) => format!("a set of {of}"),
        Type::Map(of) => format!("a map of {of}"),
        Type::Tuple(of) => format!("a tuple of {}", of.len()),
        Type::Any => "a value".into(),
    }
}
