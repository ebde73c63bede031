//! Types of values, as written in `type = …` and as carried by unknown values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Value;

/// A type of the language. `Any` stands for a type not known yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Not known yet, or anything.
    Any,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A text.
    String,
    /// Any number of elements of one type, in order.
    List(Arc<Type>),
    /// Any number of different elements of one type.
    Set(Arc<Type>),
    /// Elements of one type by name.
    Map(Arc<Type>),
    /// A fixed number of elements, each of its own type.
    Tuple(Arc<Vec<Type>>),
    /// Named attributes, each of its own type.
    Object(Arc<BTreeMap<Arc<str>, Attribute>>),
}

/// One attribute of an object type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attribute {
    /// The attribute's type.
    pub ty: Type,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// What it is when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl Type {
    /// The type of a value; `Any` for null and for what holds nothing.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let common = |items: &mut dyn Iterator<Item = &Value>| {
            let mut types: Vec<Type> = items.map(Type::of).filter(|it| *it != Type::Any).collect();
            types.dedup();
            Arc::new(if types.len() == 1 { types.remove(0) } else { Type::Any })
        };
        match value {
            Value::Null => Type::Any,
            Value::Bool(_) => Type::Bool,
            Value::Number(_) => Type::Number,
            Value::String(_) | Value::Composed(_) => Type::String,
            Value::List(items) => Type::List(common(&mut items.iter())),
            Value::Set(items) => Type::Set(common(&mut items.iter())),
            Value::Map(items) => Type::Map(common(&mut items.values())),
            Value::Tuple(items) => Type::Tuple(Arc::new(items.iter().map(Type::of).collect())),
            Value::Object(items) => {
                let attribute = |ty| Attribute { ty, optional: false, default: None };
                Type::Object(Arc::new(items.iter().map(|(k, v)| (k.clone(), attribute(Type::of(v)))).collect()))
            }
            Value::Unknown(unknown) => unknown.ty.clone(),
            Value::Sensitive(inner) => Type::of(inner),
        }
    }
}

/// The type as a person would write it in `type = …`.
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
