//! Types of values: the type constraints of variables, and the types of unknown values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::element_types::DeclaredType;

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Any type: `any` in a constraint, or the open type of an unknown value.
    Any,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// Any number of elements of one type, in order.
    List(Arc<Type>),
    /// Any number of distinct elements of one type.
    Set(Arc<Type>),
    /// Elements of one type by name.
    Map(Arc<Type>),
    /// A fixed number of elements, each of its own type.
    Tuple(Arc<Vec<Type>>),
    /// Named attributes, each of its own type.
    Object(Arc<BTreeMap<Arc<str>, AttributeType>>),
}

/// One attribute of an object type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttributeType {
    /// The attribute's type.
    pub ty: Type,
    /// Whether the attribute may be omitted.
    #[serde(default)]
    pub optional: bool,
    /// The value of an omitted attribute; null where there is no default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl Type {
    /// The type of a value. A null or an empty collection has its declared type, or `Any`.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        match value {
            Value::Null(of) => of.ty(),
            Value::Bool(_) => Type::Bool,
            Value::Number(_) => Type::Number,
            Value::String(_) | Value::Composed(_) => Type::String,
            Value::Set(items) => items
                .ty(|| Type::Set(Arc::new(element_type(&mut items.iter(), items.declaration())))),
            Value::List(items) => {
                let element = || element_type(&mut items.iter(), items.declaration());
                match items.ty(|| Type::List(Arc::new(element()))) {
                    // Lists and tuples share the storage of elements, and with it the cached type;
                    // here it was cached for a tuple.
                    Type::Tuple(_) => Type::List(Arc::new(element())),
                    ty => ty,
                }
            }
            Value::Tuple(items) => {
                let each = || Type::Tuple(Arc::new(items.iter().map(Type::of_value).collect()));
                match items.ty(each) {
                    Type::List(_) => each(),
                    ty => ty,
                }
            }
            Value::Map(items) => {
                let element = || element_type(&mut items.values(), items.declaration());
                match items.ty(|| Type::Map(Arc::new(element()))) {
                    Type::Object(_) => Type::Map(Arc::new(element())),
                    ty => ty,
                }
            }
            Value::Object(items) => {
                let attribute = |ty| AttributeType { ty, optional: false, default: None };
                let named =
                    |(name, it): (&Arc<str>, &Value)| (name.clone(), attribute(Type::of_value(it)));
                let all = || Type::Object(Arc::new(items.iter().map(named).collect()));
                match items.ty(all) {
                    Type::Map(_) => all(),
                    ty => ty,
                }
            }
            Value::Unknown(unknown) => unknown.ty.clone(),
            Value::Sensitive(inner) => Type::of_value(inner),
        }
    }
}

impl Value {
    /// Whether two values are equal and have the same type, including the declared types of nulls
    /// and empty collections, which equality ignores.
    #[must_use]
    pub fn is_identical(&self, other: &Self) -> bool {
        self == other && Type::of_value(self) == Type::of_value(other)
    }

    /// Whether the value is a null with a declared type.
    #[must_use]
    pub fn is_typed_null(&self) -> bool {
        matches!(self, Value::Null(of) if of.known().is_some())
    }
}

impl Type {
    /// Whether `Any` occurs anywhere in the type.
    #[must_use]
    pub fn has_any(&self) -> bool {
        match self {
            Type::Any => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(of) | Type::Set(of) | Type::Map(of) => of.has_any(),
            Type::Tuple(of) => of.iter().any(Type::has_any),
            Type::Object(of) => of.values().any(|it| it.ty.has_any()),
        }
    }
}

/// The common type of elements; the declared one where there are none, and `Any` where they differ
/// or one of them may turn out to be anything. A null without a type has no influence.
fn element_type(items: &mut dyn Iterator<Item = &Value>, declared: &DeclaredType) -> Type {
    // The loop ends at the first element of an open type: nothing that follows can change the
    // result.
    let mut common = None;
    for item in items {
        let ty = Type::of_value(item);
        if item.is_null() && ty == Type::Any {
            continue;
        }
        common = match common {
            _ if ty == Type::Any => return Type::Any,
            None => Some(ty),
            Some(known) if known == ty => Some(known),
            Some(known) => match combined(&known, &ty) {
                Some(both) => Some(both),
                None => return Type::Any,
            },
        };
    }
    common.unwrap_or_else(|| declared.ty())
}

/// The type with the stated parts of both; `None` where they contradict each other.
fn combined(a: &Type, b: &Type) -> Option<Type> {
    let both = |a: &Type, b: &Type| combined(a, b).map(Arc::new);
    Some(match (a, b) {
        (Type::Any, known) | (known, Type::Any) => known.clone(),
        (Type::List(a), Type::List(b)) => Type::List(both(a, b)?),
        (Type::Set(a), Type::Set(b)) => Type::Set(both(a, b)?),
        (Type::Map(a), Type::Map(b)) => Type::Map(both(a, b)?),
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => Type::Tuple(Arc::new(
            a.iter().zip(b.iter()).map(|(a, b)| combined(a, b)).collect::<Option<_>>()?,
        )),
        (Type::Object(a), Type::Object(b)) if a.keys().eq(b.keys()) => {
            let attribute = |((name, a), b): ((&Arc<str>, &AttributeType), &AttributeType)| {
                Some((
                    name.clone(),
                    AttributeType { ty: combined(&a.ty, &b.ty)?, optional: false, default: None },
                ))
            };
            Type::Object(Arc::new(a.iter().zip(b.values()).map(attribute).collect::<Option<_>>()?))
        }
        (a, b) => return (a == b).then(|| a.clone()),
    })
}

/// The type as a constraint in `type = …`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Bool => f.write_str("bool"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::List(of) => write!(f, "list({of})"),
            Type::Set(of) => write!(f, "set({of})"),
            Type::Map(of) => write!(f, "map({of})"),
            Type::Tuple(of) => {
                f.write_str("tuple([")?;
                for (index, ty) in of.iter().enumerate() {
                    write!(f, "{}{ty}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("])")
            }
            Type::Object(of) => {
                f.write_str("object({")?;
                for (index, (name, it)) in of.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    match it.optional {
                        true => write!(f, "{comma}{name} = optional({})", it.ty)?,
                        false => write!(f, "{comma}{name} = {}", it.ty)?,
                    }
                }
                f.write_str("})")
            }
        }
    }
}
