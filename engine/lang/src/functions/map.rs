//! Functions of maps and objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_value::{AttributeType, Name, Object, Type, Value, convert};

use super::ParameterKind::{Any, Text};
use super::collection::{unknown_of, with_mark, without_own_mark};
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, element_type, list, map, text,
};

const MAP: Parameter = any("map").accepting(AcceptedTypes::Maps);
const MAPS: Parameter = any("maps").nullable();

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "keys",
        "The names of the attributes or elements, in order.",
        &[MAP],
        Any,
        FunctionBody::Whole(keys),
    ),
    Function::new(
        "lookup",
        "The element or attribute of this name, or the default.",
        &[MAP, text("key")],
        Any,
        FunctionBody::Whole(lookup),
    )
    .nullable()
    .many(&const { any("default").nullable() }),
    Function::new(
        "merge",
        "All attributes and elements; later ones replace earlier ones of the same name.",
        &[],
        Any,
        FunctionBody::Whole(merge),
    )
    .many(&MAPS),
    Function::new(
        "transpose",
        "The map of lists with keys and values exchanged.",
        &[map("values", &ParameterKind::List(&Text))],
        ParameterKind::Map(&ParameterKind::List(&Text)),
        FunctionBody::Plain(transpose),
    ),
    Function::new(
        "values",
        "The values of the attributes or elements, in the order of their names.",
        &[MAP],
        Any,
        FunctionBody::Whole(values),
    ),
    Function::new(
        "zipmap",
        "A map from each key to the value at the same position.",
        &[list("keys", &Text), const { any("values").accepting(AcceptedTypes::Lists) }],
        Any,
        FunctionBody::Whole(zipmap),
    ),
];

fn keys(arguments: &[Value]) -> FunctionResult {
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = without_own_mark(value);
    let names = |it: &Object| it.keys().cloned().map(Value::String).collect::<Vec<_>>();
    let value = match plain {
        Value::Map(items) => Value::list_of(&Type::String, names(items)),
        Value::Object(items) => Value::tuple(names(items)),
        Value::Unknown(it) => match &it.ty {
            // The attributes of an unknown object are part of its type, so the names are known.
            Type::Object(attributes) => Value::tuple(attributes.keys().cloned().map(Value::String)),
            Type::Map(_) => unknown_of(plain, Type::List(Type::String.into())),
            _ => unknown_of(plain, Type::Any),
        },
        _ => {
            return Err(FunctionError::argument(
                0,
                format!("a map or object is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    Ok(with_mark(value, mark))
}

fn lookup(arguments: &[Value]) -> FunctionResult {
    let [map, key, default @ ..] = arguments else {
        return Err(FunctionError::new("two or three arguments are required"));
    };
    if default.len() > 1 {
        return Err(FunctionError::new("two or three arguments are required"));
    }
    let (plain, mark) = without_own_mark(map);
    let (key, key_mark) = key.unmark();
    let sensitive = mark || key_mark;
    let items = match plain {
        Value::Map(items) | Value::Object(items) => items,
        Value::Unknown(it) => {
            let Type::Map(of) = &it.ty else {
                return Ok(with_mark(unknown_of(plain, Type::Any), sensitive));
            };
            // A default of a wrong type is an error whichever keys the map turns out to have.
            if let Some(default) = default.first() {
                as_element(default, plain)?;
            }
            return Ok(with_mark(unknown_of(plain, (**of).clone()), sensitive));
        }
        _ => {
            return Err(FunctionError::argument(
                0,
                format!("a map is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    let Value::String(name) = &key else {
        let ty = if let Value::Map(_) = plain {
            element_type(&Type::of_value(plain))
        } else {
            Type::Any
        };
        return Ok(with_mark(unknown_of(&key, ty), sensitive));
    };
    match (items.get(name), default.first()) {
        (Some(item), default) => {
            if let (Value::Map(_), Some(default)) = (plain, default) {
                as_element(default, plain)?;
            }
            Ok(with_mark(item.clone(), sensitive))
        }
        (None, Some(default)) => {
            let default = if let Value::Map(_) = plain {
                as_element(default, plain)?
            } else {
                default.clone()
            };
            Ok(with_mark(default, sensitive))
        }
        // The name of the key would reveal a secret.
        (None, None) if sensitive => Err(FunctionError::argument(
            1,
            "there is no element of this (sensitive) name, and no default",
        )),
        (None, None) => Err(FunctionError::argument(
            1,
            format!("there is no element \"{name}\", and no default"),
        )),
    }
}

/// The default of a lookup, converted to the element type of the map.
fn as_element(default: &Value, map: &Value) -> FunctionResult {
    convert(default, &element_type(&Type::of_value(map)))
        .map_err(|_| FunctionError::argument(2, "it must have the type of the map's elements"))
}

fn merge(arguments: &[Value]) -> FunctionResult {
    let mut items = Object::new();
    let mut sensitive = false;
    let mut unknown = None;
    for (index, argument) in arguments.iter().enumerate() {
        let (plain, mark) = without_own_mark(argument);
        sensitive |= mark;
        match plain {
            Value::Null(of) if matches!(of.ty(), Type::Any | Type::Map(_) | Type::Object(_)) => {}
            // The first argument is cloned as a whole, which is much cheaper than inserting its
            // elements one by one.
            Value::Map(more) | Value::Object(more) => match items.is_empty() {
                true => items = (**more).clone(),
                false => items.extend(more.iter().map(|(name, it)| (name.clone(), it.clone()))),
            },
            Value::Unknown(it) if matches!(it.ty, Type::Any | Type::Map(_) | Type::Object(_)) => {
                unknown = unknown.or(Some(plain.clone()));
            }
            _ => {
                return Err(FunctionError::argument(
                    index,
                    format!("a map or object is required, not {}", crate::describe::a_kind(plain)),
                ));
            }
        }
    }
    let ty = merged_type(arguments, &items);
    let value = match (unknown, ty) {
        (Some(unknown), ty) => unknown_of(&unknown, ty),
        (None, Type::Map(of)) => Value::map_of(&of, items),
        (None, _) => Value::Object(Arc::new(items)),
    };
    Ok(with_mark(value, sensitive))
}

/// The type of a merge: that of the arguments where they have one type, otherwise an object type.
fn merged_type(arguments: &[Value], items: &Object) -> Type {
    let types: Vec<Type> = arguments.iter().map(Type::of_value).collect();
    match types.split_first() {
        Some((first, others)) if *first != Type::Any && others.iter().all(|it| it == first) => {
            first.clone()
        }
        _ if types.contains(&Type::Any) => Type::Any,
        // The keys of an unknown map are open, and with them the attributes of the result.
        _ if arguments.iter().any(is_unknown_map) => Type::Any,
        _ => {
            let of_unknown = types
                .iter()
                .filter_map(|it| if let Type::Object(of) = it { Some(&**of) } else { None });
            let mut attributes: BTreeMap<Name, AttributeType> =
                of_unknown.flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
            let known = items.iter().map(|(name, it)| {
                (
                    name.clone(),
                    AttributeType { ty: Type::of_value(it), optional: false, default: None },
                )
            });
            attributes.extend(
                known.filter(|(name, _)| !attributes.contains_key(name)).collect::<Vec<_>>(),
            );
            Type::Object(Arc::new(attributes))
        }
    }
}

/// Whether a value is a map, marked or not, whose elements are unknown.
fn is_unknown_map(value: &Value) -> bool {
    let (plain, _) = without_own_mark(value);
    matches!(plain, Value::Unknown(unknown) if matches!(unknown.ty, Type::Map(_)))
}

fn transpose(arguments: &[Value]) -> FunctionResult {
    let mut transposed: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    let Some(Value::Map(items)) = arguments.first() else {
        return Err(FunctionError::argument(0, "a map of lists is required"));
    };
    for (name, list) in items.iter() {
        let Some(items) = list.elements() else {
            return Err(FunctionError::argument(0, "a list among the values is null"));
        };
        for item in items {
            let Value::String(item) = item else {
                return Err(FunctionError::argument(0, "null cannot become a key"));
            };
            transposed.entry(item.clone()).or_default().push(name.clone());
        }
    }
    let lists = transposed
        .into_iter()
        .map(|(name, items)| (name, Value::list(items.into_iter().map(Value::String))));
    Ok(Value::Map(Arc::new(lists.collect())))
}

fn values(arguments: &[Value]) -> FunctionResult {
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = without_own_mark(value);
    let value = match plain {
        Value::Map(items) => {
            Value::list_of(&element_type(&Type::of_value(plain)), items.values().cloned().collect())
        }
        Value::Object(items) => Value::tuple(items.values().cloned()),
        Value::Unknown(it) => match &it.ty {
            Type::Map(of) => unknown_of(plain, Type::List(of.clone())),
            Type::Object(attributes) => Value::tuple(
                attributes.values().map(|attribute| unknown_of(plain, attribute.ty.clone())),
            ),
            _ => unknown_of(plain, Type::Any),
        },
        _ => {
            return Err(FunctionError::argument(
                0,
                format!("a map or object is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    Ok(with_mark(value, mark))
}

fn zipmap(arguments: &[Value]) -> FunctionResult {
    let [keys, values] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let ((keys, key_mark), (plain, mark)) = (keys.unmark(), without_own_mark(values));
    let sensitive = mark || key_mark || keys.contains_sensitive();
    // A key of a map cannot be marked, so a secret key makes the whole result secret.
    let keys = keys.revealed();
    if !keys.is_wholly_known() {
        let ty = if let Type::List(of) = Type::of_value(plain) { Type::Map(of) } else { Type::Any };
        return Ok(with_mark(unknown_of(&keys, ty), sensitive));
    }
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = if let Type::List(of) = &it.ty { Type::Map(of.clone()) } else { Type::Any };
            return Ok(with_mark(unknown_of(plain, ty), sensitive));
        }
        _ => {
            return Err(FunctionError::argument(
                1,
                format!("a list is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    let keys = keys.elements().unwrap_or_default();
    if keys.len() != items.len() {
        return Err(FunctionError::new(format!(
            "there are {} keys but {} values",
            keys.len(),
            items.len()
        )));
    }
    let mut zipped = Object::new();
    for (key, item) in keys.into_iter().zip(items.iter()) {
        let Value::String(name) = key else {
            return Err(FunctionError::argument(0, "null cannot be a key"));
        };
        zipped.insert(name.clone(), item.clone());
    }
    let value = match plain {
        Value::List(_) => Value::map_of(&element_type(&Type::of_value(plain)), zipped),
        _ => Value::Object(Arc::new(zipped)),
    };
    Ok(with_mark(value, sensitive))
}
