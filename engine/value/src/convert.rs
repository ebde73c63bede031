//! Conversion between types, by the language's rules.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use crate::element_types::DeclaredType;
use crate::facts::ValueFacts;
use crate::types::AttributeType;
use crate::value::Name;
use crate::{Number, Object, Path, PathStep, Text, Type, Value};

/// Why a value cannot be converted to a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionError {
    /// The place inside the value; the root where the value itself does not fit.
    pub path: Path,
    /// What is wrong there, as a sentence without a period. It never contains a value, which could
    /// be secret.
    pub message: String,
}

impl ConversionError {
    fn new(message: impl Into<String>) -> Self {
        Self { path: Path::root(), message: message.into() }
    }

    fn below(self, step: PathStep) -> Self {
        let mut path = Path::root();
        for it in std::iter::once(&step).chain(self.path.steps()) {
            match it {
                PathStep::Name(name) => path.push_name(name.clone()),
                PathStep::Index(index) => path.push_index(*index),
            }
        }
        Self { path, message: self.message }
    }
}

/// Converts a value to a type. A null without a type converts to every type; marks and unknowns
/// stay.
///
/// # Errors
/// Where the language has no conversion, or a string does not parse as the number or boolean.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConversionError> {
    // The first test is one pointer comparison. Without it a value that is passed through many
    // modules would be traversed at each one.
    if has_same_type_pointer(value, ty) || is_of(value, ty) {
        return Ok(value.clone());
    }
    match (value, ty) {
        (Value::Sensitive(inner), _) => convert(inner, ty).map(Value::sensitive),
        (Value::Unknown(it), _) => {
            let converted = converted_type(&it.ty, ty).ok_or_else(|| required(ty))?;
            // Bounds of the length survive between lists and sets, so that `length(toset(list))`
            // has bounds as well.
            let (least, most) = it.length();
            // Equal elements of a list become one element of the set.
            let least = if let Type::Set(_) = converted { least.min(1) } else { least };
            let is_sequence = |ty: &Type| matches!(ty, Type::List(_) | Type::Set(_));
            let keeps_length =
                (least, most) != (0, None) && is_sequence(&it.ty) && is_sequence(&converted);
            let unknown = it.of_type(converted);
            Ok(if keeps_length { unknown.of_length(least, most) } else { unknown })
        }
        (Value::Null(of), _) => {
            converted_type(&of.ty(), ty).map(|it| Value::null(&it)).ok_or_else(|| required(ty))
        }
        (Value::Number(_) | Value::Bool(_), Type::String) => {
            Ok(Value::from(Text::from_value(value).expect("numbers and truth values are strings")))
        }
        // A composed string is converted as a whole; the error of a secret must not contain its
        // value.
        (Value::Composed(_), _) => {
            let (plain, sensitive) = value.unmark();
            let converted =
                convert(&plain, ty).map_err(|it| if sensitive { required(ty) } else { it })?;
            Ok(if sensitive { converted.sensitive() } else { converted })
        }
        (Value::String(text), Type::Number) => {
            Number::from_str(text).map(Value::Number).map_err(|_| required(ty))
        }
        (Value::String(text), Type::Bool) => match &**text {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(required(ty)),
        },
        // Unknown elements of a set may turn out equal, so the length of the list is open.
        (Value::Set(items), Type::List(_)) if items.len() > 1 && !value.is_wholly_known() => {
            let ty = converted_type(&Type::of_value(value), ty).ok_or_else(|| required(ty))?;
            Ok(Value::unknown(ty, value.cause()).of_length(1, Some(items.len())))
        }
        (_, Type::List(_) | Type::Set(_) | Type::Map(_)) if is_empty(value) => {
            converted_empty(value, ty)
        }
        (Value::List(_) | Value::Tuple(_) | Value::Set(_), Type::List(of)) => {
            Ok(Value::list(converted_items(value, of)?))
        }
        (Value::List(_) | Value::Tuple(_) | Value::Set(_), Type::Set(of)) => {
            Ok(set_of_elements(converted_items(value, of)?))
        }
        // A set has no order, so it does not convert to a tuple.
        (Value::List(items) | Value::Tuple(items), Type::Tuple(of)) => {
            if items.len() != of.len() {
                return Err(required(ty));
            }
            let each = |(index, (item, ty)): (usize, (&Value, &Type))| {
                convert(item, ty).map_err(|it| it.below(PathStep::Index(index)))
            };
            Ok(Value::Tuple(Arc::new(
                items.iter().zip(of.iter()).enumerate().map(each).collect::<Result<_, _>>()?,
            )))
        }
        (Value::Map(items) | Value::Object(items), Type::Map(of)) => {
            let each = |(name, item): (&Name, &Value)| {
                let item =
                    convert(item, of).map_err(|it| it.below(PathStep::Name(name.clone())))?;
                Ok((name.clone(), item))
            };
            let mut items = items.iter().map(each).collect::<Result<Object, ConversionError>>()?;
            if let Some(ty) = shared_type(of, items.values(), unify_open)? {
                for item in items.values_mut() {
                    *item = convert(item, &ty)?;
                }
                require_one_type(&ty, items.values())?;
            }
            Ok(Value::Map(Arc::new(items)))
        }
        (Value::Map(items) | Value::Object(items), Type::Object(of)) => {
            let each = |(name, attribute): (&Name, &AttributeType)| {
                Ok((name.clone(), converted_attribute(items, name, attribute)?))
            };
            Ok(Value::Object(Arc::new(
                of.iter().map(each).collect::<Result<Object, ConversionError>>()?,
            )))
        }
        _ => Err(required(ty)),
    }
}

/// One attribute of the converted object. Both a missing attribute and null become the default, as
/// in Terraform's `optional(type, default)`.
fn converted_attribute(
    items: &Object,
    name: &Name,
    attribute: &AttributeType,
) -> Result<Value, ConversionError> {
    let below = |it: ConversionError| it.below(PathStep::Name(name.clone()));
    match items.get(name) {
        Some(item) if !(item.is_null() && attribute.default.is_some()) => {
            convert(item, &attribute.ty).map_err(below)
        }
        // The default is converted again, as it may itself be an object with optional attributes.
        _ if attribute.optional => match &attribute.default {
            Some(default) => convert(default, &attribute.ty).map_err(below),
            None => Ok(Value::null(&without_optional(&attribute.ty))),
        },
        _ => Err(ConversionError::new(format!("the attribute \"{name}\" is required"))),
    }
}

/// Whether `ty` is the cached type of the value, compared by pointer and without a traversal.
fn has_same_type_pointer(value: &Value, ty: &Type) -> bool {
    let facts = ValueFacts::compute(value);
    // Only nested values cache their type. An untyped null or an open unknown inside could still
    // convert to something else.
    if !facts.is_nested() || !facts.is_typed() {
        return false;
    }
    match (&Type::of_value(value), ty) {
        (Type::List(a), Type::List(b))
        | (Type::Set(a), Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => Arc::ptr_eq(a, b),
        (Type::Tuple(a), Type::Tuple(b)) => Arc::ptr_eq(a, b),
        (Type::Object(a), Type::Object(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

/// Whether a value has a type already, so that converting it changes nothing.
fn is_of(value: &Value, ty: &Type) -> bool {
    match (value, ty) {
        (_, Type::Any) => true,
        (Value::Null(of), ty) => of.known() == Some(ty),
        (Value::Bool(_), Type::Bool) | (Value::Number(_), Type::Number) => true,
        (Value::String(_) | Value::Composed(_), Type::String) => true,
        (Value::List(items), Type::List(of)) => {
            **of == Type::Any
                || is_declared(items.declaration(), of, items.is_empty())
                    && items.iter().all(|it| is_of(it, of))
        }
        (Value::Set(items), Type::Set(of)) => {
            **of == Type::Any
                || is_declared(items.declaration(), of, items.is_empty())
                    && items.iter().all(|it| is_of(it, of))
        }
        (Value::Map(items), Type::Map(of)) => {
            **of == Type::Any
                || is_declared(items.declaration(), of, items.is_empty())
                    && items.values().all(|it| is_of(it, of))
        }
        (Value::Tuple(items), Type::Tuple(of)) => {
            items.len() == of.len() && items.iter().zip(of.iter()).all(|(item, ty)| is_of(item, ty))
        }
        (Value::Object(items), Type::Object(of)) => {
            items.len() == of.len()
                && items.iter().zip(of.iter()).all(|((name, item), (known, attribute))| {
                    name == known
                        && is_of(item, &attribute.ty)
                        && !(item.is_null() && attribute.default.is_some())
                })
        }
        (Value::Unknown(it), ty) => it.ty == *ty,
        (Value::Sensitive(inner), _) => is_of(inner, ty),
        _ => false,
    }
}

/// Whether an empty collection declares this element type. One with elements has their type,
/// whatever it declares.
fn is_declared(declared: &DeclaredType, of: &Type, is_empty: bool) -> bool {
    !is_empty || declared.known() == Some(of)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) | Value::Tuple(items) => items.is_empty(),
        Value::Set(items) => items.is_empty(),
        Value::Map(items) | Value::Object(items) => items.is_empty(),
        _ => false,
    }
}

/// Converts an empty collection. It is separate because the element type comes from the
/// declaration, as there is no element to ask.
fn converted_empty(value: &Value, ty: &Type) -> Result<Value, ConversionError> {
    match converted_type(&Type::of_value(value), ty) {
        Some(Type::List(of)) => Ok(Value::list_of(&of, Vec::new())),
        Some(Type::Set(of)) => Ok(Value::set_of(&of, BTreeSet::new())),
        Some(Type::Map(of)) => Ok(Value::map_of(&of, Object::new())),
        _ => Err(required(ty)),
    }
}

/// The set of these elements. A secret element makes the whole set secret, because an element of a
/// set has no path to mark.
fn set_of_elements(items: Vec<Value>) -> Value {
    let (sensitive, length) = (items.iter().any(Value::contains_sensitive), items.len());
    let open = |it: &&Value| !it.is_wholly_known();
    let (many, cause) =
        (items.iter().filter(open).count(), items.iter().find(open).and_then(Value::cause));
    let plain: BTreeSet<Value> = if sensitive {
        items.iter().map(Value::revealed).collect()
    } else {
        items.into_iter().collect()
    };
    // Unknowns of one type compare as equal and become one element here, although their values may
    // turn out different. The length of the set is then open, and the set unknown.
    let collapsed = plain.iter().filter(open).count() < many;
    let set = match collapsed {
        true => {
            Value::unknown(Type::of_value(&Value::set(plain)), cause).of_length(1, Some(length))
        }
        false => Value::set(plain),
    };
    if sensitive { set.sensitive() } else { set }
}

fn converted_items(value: &Value, of: &Type) -> Result<Vec<Value>, ConversionError> {
    let each = |(index, item)| {
        convert(item, of).map_err(|it: ConversionError| it.below(PathStep::Index(index)))
    };
    let items = value.children().enumerate().map(each).collect::<Result<Vec<_>, _>>()?;
    let Some(ty) = shared_type(of, items.iter(), unify_elements)? else { return Ok(items) };
    let items = items.iter().map(|it| convert(it, &ty)).collect::<Result<Vec<_>, _>>()?;
    require_one_type(&ty, items.iter())?;
    Ok(items)
}

/// The common type of elements where the target, such as `list(any)`, leaves it open; `None` where
/// the target states it, or where an element may turn out to be anything.
fn shared_type<'a>(
    of: &Type,
    items: impl Iterator<Item = &'a Value> + Clone,
    unify: fn(&[Type]) -> Option<Type>,
) -> Result<Option<Type>, ConversionError> {
    if !of.has_any() || items.clone().any(Value::may_be_anything) {
        return Ok(None);
    }
    let types: Vec<Type> = items.clone().map(Type::of_value).collect();
    unify(&types).map(Some).ok_or_else(|| several_types(items))
}

/// Checks that converted elements have one type where the target leaves the type open.
fn require_one_type<'a>(
    to: &Type,
    items: impl Iterator<Item = &'a Value> + Clone,
) -> Result<(), ConversionError> {
    if !to.has_any() {
        return Ok(());
    }
    let mut types = items.clone().map(Type::of_value).filter(|it| *it != Type::Any);
    let first = types.next();
    if types.all(|it| Some(it) == first) { Ok(()) } else { Err(several_types(items)) }
}

fn several_types<'a>(mut items: impl Iterator<Item = &'a Value>) -> ConversionError {
    let is_bare = |it: &Value| it.is_null() && Type::of_value(it) == Type::Any;
    ConversionError::new(match items.any(is_bare) {
        true => {
            "all elements must have one type, and a plain null among collections or objects shows \
                none"
        }
        false => "all elements must have one type",
    })
}

/// The one type that all of these convert to, as the language chooses it for a list of mixed
/// elements or the two results of a conditional: numbers and booleans become strings beside a
/// string; tuples and objects unify element by element, or else become lists and maps. `Any` at the
/// top level is ignored, as it converts to every type; inside of collections see [`unify_open`].
#[must_use]
pub fn unify<'a>(types: impl IntoIterator<Item = &'a Type>) -> Option<Type> {
    unify_all(types.into_iter().filter(|it| **it != Type::Any).collect())
}

/// Like [`unify`], but `Any` is a value that may turn out to be anything: collections beside it are
/// not converted, and the result is `Any`.
#[must_use]
pub fn unify_open(types: &[Type]) -> Option<Type> {
    let known: Vec<&Type> = types.iter().filter(|it| **it != Type::Any).collect();
    if known.len() == types.len() {
        return unify_all(known);
    }
    let any = |is: fn(&Type) -> bool| known.iter().any(|it| is(it));
    let is_nested = |it: &Type| !matches!(it, Type::Bool | Type::Number | Type::String);
    // These cases are those of `cty`'s `convert.unify`: collections of one kind stay dynamic, an
    // object beside a tuple is an error, and among the rest the best convertible type wins.
    let of_one_kind = known
        .windows(2)
        .all(|two| std::mem::discriminant(two[0]) == std::mem::discriminant(two[1]));
    if known.first().is_none_or(|it| is_nested(it)) && of_one_kind {
        return Some(Type::Any);
    }
    if any(|it| matches!(it, Type::Object(_))) && any(|it| matches!(it, Type::Tuple(_))) {
        return None;
    }
    preferred(&types.iter().collect::<Vec<_>>())
}

/// Like [`unify_open`], for the elements of a list or set: `None` where elements with a type unify
/// to `Any`, because a collection must have one element type.
#[must_use]
pub fn unify_elements(types: &[Type]) -> Option<Type> {
    unify_open(types).filter(|it| *it != Type::Any || types.iter().all(|it| *it == Type::Any))
}

/// [`unify`] for types none of which is `Any`.
fn unify_all(types: Vec<&Type>) -> Option<Type> {
    let Some(first) = types.first() else { return Some(Type::Any) };
    if types.iter().all(|it| it == first) {
        return Some((*first).clone());
    }
    let elements = |ty: &&Type| -> Vec<Type> {
        match ty {
            Type::List(of) | Type::Set(of) | Type::Map(of) => vec![(**of).clone()],
            Type::Tuple(of) => of.to_vec(),
            Type::Object(of) => of.values().map(|it| it.ty.clone()).collect(),
            _ => Vec::new(),
        }
    };
    let all = |is: fn(&Type) -> bool| types.iter().all(|it| is(it));
    let any = |is: fn(&Type) -> bool| types.iter().any(|it| is(it));
    let shared = || {
        let all: Vec<Type> = types.iter().flat_map(elements).collect();
        unify_open(&all).map(Arc::new)
    };
    if all(|it| matches!(it, Type::Map(_) | Type::Object(_))) {
        match any(|it| matches!(it, Type::Map(_))) {
            true => shared().map(Type::Map).or_else(|| preferred(&types)),
            false => unify_objects(&types),
        }
    } else if all(|it| matches!(it, Type::List(_) | Type::Tuple(_))) {
        match any(|it| matches!(it, Type::List(_))) {
            true => shared().map(Type::List).or_else(|| preferred(&types)),
            false => unify_tuples(&types),
        }
    } else if all(|it| matches!(it, Type::Set(_))) {
        shared().map(Type::Set)
    } else {
        preferred(&types)
    }
}

/// Objects with the same names unify name by name; others become maps.
fn unify_objects(types: &[&Type]) -> Option<Type> {
    let objects: Vec<_> = types
        .iter()
        .filter_map(|it| if let Type::Object(of) = it { Some(of) } else { None })
        .collect();
    let first = objects.first()?;
    // The keys of both maps are sorted, so comparing them in order suffices.
    if !objects.iter().all(|it| it.keys().eq(first.keys())) {
        let all: Vec<Type> =
            objects.iter().flat_map(|it| it.values().map(|it| it.ty.clone())).collect();
        return Some(Type::Map(Arc::new(unify_open(&all)?)));
    }
    let each = |name: &Name| {
        let ty = unify_open(&objects.iter().map(|it| it[name].ty.clone()).collect::<Vec<_>>())?;
        let optional = objects.iter().any(|it| it[name].optional);
        Some((name.clone(), AttributeType { ty, optional, default: None }))
    };
    Some(Type::Object(Arc::new(first.keys().map(each).collect::<Option<_>>()?)))
}

/// Tuples of one length unify place by place; others become lists.
fn unify_tuples(types: &[&Type]) -> Option<Type> {
    let tuples: Vec<_> = types
        .iter()
        .filter_map(|it| if let Type::Tuple(of) = it { Some(of) } else { None })
        .collect();
    let first = tuples.first()?;
    if !tuples.iter().all(|it| it.len() == first.len()) {
        let all: Vec<Type> = tuples.iter().flat_map(|it| it.iter().cloned()).collect();
        return Some(Type::List(Arc::new(unify_open(&all)?)));
    }
    let each =
        |index: usize| unify_open(&tuples.iter().map(|it| it[index].clone()).collect::<Vec<_>>());
    Some(Type::Tuple(Arc::new((0..first.len()).map(each).collect::<Option<_>>()?)))
}

/// The most preferred of the types that all others convert to; the first one among equals.
fn preferred(types: &[&Type]) -> Option<Type> {
    let mut by_preference = types.to_vec();
    by_preference.sort_by(|a, b| preference(a, b));
    let fits = |wanted: &&Type| types.iter().all(|it| converted_type(it, wanted).is_some());
    by_preference.into_iter().find(fits).cloned()
}

/// The order in which `cty` tries types as the common one: general types first, since more types
/// convert to them.
fn preference(a: &Type, b: &Type) -> Ordering {
    let rank = |ty: &Type| match ty {
        Type::String | Type::List(_) | Type::Map(_) => 0,
        Type::Set(_) => 1,
        Type::Any => 3,
        _ => 2,
    };
    match (a, b) {
        (Type::List(a), Type::List(b))
        | (Type::Set(a), Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => preference(a, b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// The type of a value of type `from` after a conversion to `to`; `None` where no value converts.
fn converted_type(from: &Type, to: &Type) -> Option<Type> {
    let elements = |of: &Type, items: &mut dyn Iterator<Item = &Type>| -> Option<Arc<Type>> {
        let items: Vec<&Type> = items.collect();
        match of {
            Type::Any => unify_open(&items.into_iter().cloned().collect::<Vec<_>>()).map(Arc::new),
            of => items
                .iter()
                .all(|it| converted_type(it, of).is_some())
                .then(|| Arc::new(without_optional(of))),
        }
    };
    match (from, to) {
        (_, Type::Any) => Some(from.clone()),
        // An unknown of an open type can still fail to convert once it is known; until then it has
        // the target type.
        (Type::Any, _) => Some(without_optional(to)),
        (Type::Bool | Type::Number | Type::String, Type::String) => Some(Type::String),
        (Type::Number | Type::String, Type::Number) => Some(Type::Number),
        (Type::Bool | Type::String, Type::Bool) => Some(Type::Bool),
        (Type::List(it) | Type::Set(it), Type::List(of)) => {
            Some(Type::List(Arc::new(converted_type(it, of)?)))
        }
        (Type::List(it) | Type::Set(it), Type::Set(of)) => {
            Some(Type::Set(Arc::new(converted_type(it, of)?)))
        }
        (Type::Map(it), Type::Map(of)) => Some(Type::Map(Arc::new(converted_type(it, of)?))),
        (Type::Tuple(items), Type::List(of)) => Some(Type::List(elements(of, &mut items.iter())?)),
        (Type::Tuple(items), Type::Set(of)) => Some(Type::Set(elements(of, &mut items.iter())?)),
        (Type::Object(items), Type::Map(of)) => {
            Some(Type::Map(elements(of, &mut items.values().map(|it| &it.ty))?))
        }
        (Type::Tuple(items), Type::Tuple(of)) if items.len() == of.len() => {
            let each = items.iter().zip(of.iter()).map(|(it, of)| converted_type(it, of));
            Some(Type::Tuple(Arc::new(each.collect::<Option<_>>()?)))
        }
        (Type::Map(it), Type::Object(of)) => {
            let each = |(name, attribute): (&Name, &AttributeType)| {
                Some((name.clone(), required_attribute(converted_type(it, &attribute.ty)?)))
            };
            Some(Type::Object(Arc::new(of.iter().map(each).collect::<Option<_>>()?)))
        }
        (Type::Object(items), Type::Object(of)) => {
            let each = |(name, attribute): (&Name, &AttributeType)| match items.get(name) {
                Some(it) => {
                    Some((name.clone(), required_attribute(converted_type(&it.ty, &attribute.ty)?)))
                }
                None => attribute
                    .optional
                    .then(|| (name.clone(), required_attribute(without_optional(&attribute.ty)))),
            };
            Some(Type::Object(Arc::new(of.iter().map(each).collect::<Option<_>>()?)))
        }
        _ => None,
    }
}

/// An attribute type that is required and has no default.
fn required_attribute(ty: Type) -> AttributeType {
    AttributeType { ty, optional: false, default: None }
}

/// The type without optional attributes: that of values after conversion, which have all
/// attributes.
fn without_optional(ty: &Type) -> Type {
    match ty {
        Type::List(of) => Type::List(Arc::new(without_optional(of))),
        Type::Set(of) => Type::Set(Arc::new(without_optional(of))),
        Type::Map(of) => Type::Map(Arc::new(without_optional(of))),
        Type::Tuple(of) => Type::Tuple(Arc::new(of.iter().map(without_optional).collect())),
        Type::Object(of) => Type::Object(Arc::new(
            of.iter()
                .map(|(name, it)| (name.clone(), required_attribute(without_optional(&it.ty))))
                .collect(),
        )),
        other => other.clone(),
    }
}

/// The error of a value that is not of the required type.
fn required(ty: &Type) -> ConversionError {
    ConversionError::new(match ty {
        Type::Object(_) => "an object is required".into(),
        Type::String | Type::Number | Type::Bool => format!("a {ty} is required"),
        Type::List(of) => format!("a list of {of} is required"),
        Type::Set(of) => format!("a set of {of} is required"),
        Type::Map(of) => format!("a map of {of} is required"),
        Type::Tuple(of) => format!("a tuple of {} is required", of.len()),
        Type::Any => "a value is required".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(ty: Type) -> Type {
        Type::List(Arc::new(ty))
    }

    fn object_of(attributes: &[(&str, Type)]) -> Type {
        Type::Object(Arc::new(
            attributes
                .iter()
                .map(|(name, ty)| ((*name).into(), required_attribute(ty.clone())))
                .collect(),
        ))
    }

    #[test]
    fn unifies_types_as_terraform_does() {
        use Type::{Bool, Number, String};
        let tuple = |types: &[Type]| Type::Tuple(Arc::new(types.to_vec()));
        let set = |ty: Type| Type::Set(Arc::new(ty));
        let map = |ty: Type| Type::Map(Arc::new(ty));
        let cases = [
            (vec![Number, String], Some(String)),
            (vec![Number, Bool], None),
            (vec![Number, Bool, String], Some(String)),
            (vec![Type::Any, Number], Some(Number)),
            (vec![tuple(&[Number]), tuple(&[String])], Some(tuple(&[String]))),
            (vec![tuple(&[]), tuple(&[Number])], Some(list_of(Number))),
            (vec![tuple(&[Number, Bool]), tuple(&[String])], Some(list_of(String))),
            (vec![list_of(Number), tuple(&[String])], Some(list_of(String))),
            (vec![set(Number), tuple(&[String])], Some(set(Number))),
            (vec![list_of(Number), set(String)], Some(list_of(Number))),
            (vec![set(Number), set(String)], Some(set(String))),
            (
                vec![object_of(&[("a", Number)]), object_of(&[("a", String)])],
                Some(object_of(&[("a", String)])),
            ),
            (vec![object_of(&[("a", Number)]), object_of(&[("b", Number)])], Some(map(Number))),
            (vec![object_of(&[("a", Number)]), object_of(&[("b", Bool)])], None),
            (vec![map(Number), object_of(&[("b", String)])], Some(map(String))),
            (vec![tuple(&[]), object_of(&[])], None),
        ];
        for (types, unified) in cases {
            assert_eq!(unify(&types), unified, "{types:?}");
        }
    }

    #[test]
    fn unknowns_get_the_converted_type() {
        let unknown = |ty: Type| Value::unknown(ty, Some("a.b.c".into()));
        let converted = |from: Type, to: &Type| convert(&unknown(from), to);
        let any_list = list_of(Type::Any);
        assert_eq!(converted(Type::Any, &any_list), Ok(unknown(any_list.clone())));
        let tuple = Type::Tuple(Arc::new(vec![Type::Number, Type::String]));
        assert_eq!(converted(tuple, &any_list), Ok(unknown(list_of(Type::String))));
        assert!(converted(Type::Number, &any_list).is_err());
        assert_eq!(converted(Type::String, &Type::Number), Ok(unknown(Type::Number)));
    }

    #[test]
    fn applies_defaults_at_all_depths() {
        let port =
            AttributeType { ty: Type::Number, optional: true, default: Some(Value::from(80)) };
        let name = AttributeType { ty: Type::String, optional: true, default: None };
        let inner = Type::Object(Arc::new([("port".into(), port), ("name".into(), name)].into()));
        let given = Value::tuple([Value::object([
            ("port".into(), Value::NULL),
            ("extra".into(), Value::from(1)),
        ])]);
        let wanted = Value::list([Value::object([
            ("port".into(), Value::from(80)),
            ("name".into(), Value::NULL),
        ])]);
        assert_eq!(convert(&given, &list_of(inner)), Ok(wanted));
    }

    #[test]
    fn a_secret_element_makes_the_whole_set_secret() {
        let items = Value::tuple([Value::from("a"), Value::from("b").sensitive()]);
        let set = convert(&items, &Type::Set(Arc::new(Type::String))).unwrap();
        assert!(matches!(&set, Value::Sensitive(inner) if !inner.contains_sensitive()));
    }

    #[test]
    fn an_error_has_the_path_of_the_wrong_element() {
        let value = Value::object([("a".into(), Value::tuple([Value::from(1), Value::from("x")]))]);
        let wrong = convert(&value, &Type::Map(Arc::new(list_of(Type::Number)))).unwrap_err();
        assert_eq!(
            (wrong.path.to_string().as_str(), wrong.message.as_str()),
            ("a[1]", "a number is required")
        );
        let secret = Value::from("hush").sensitive();
        assert_eq!(convert(&secret, &Type::Number).unwrap_err().message, "a number is required");
    }
}
