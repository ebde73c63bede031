//! Lists, sets, maps and objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::{Name, Number, Object, Type, Value, convert, unify};

use super::Kind::{Any, Bool, Text};
use super::{Answer, Function, Kind, Parameter, Refusal, Run, any, items_of, list, map, number, set, text, whole_of};
use crate::evaluate::{common, sure_equal};

/// More numbers than these `range` does not make.
const RANGE: usize = 1_024;

const ANY: Parameter = any("value");
const LIST: Parameter = any("list");
const SEQUENCES: Parameter = any("lists");
const VALUES: Parameter = any("values").nullable();
const MAPS: Parameter = any("maps").nullable();
const SETS: Parameter = set("sets", &Any);
const NUMBERS: Parameter = number("limits");
const ANY_LIST: Parameter = list("list", &Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "alltrue",
        "Whether all elements are true; so it is for none.",
        &[list("list", &Bool)],
        Bool,
        Run::Plain(alltrue),
    ),
    Function::new("anytrue", "Whether any element is true.", &[list("list", &Bool)], Bool, Run::Plain(anytrue)),
    Function::new(
        "chunklist",
        "The list cut into lists of at most `size` elements.",
        &[ANY_LIST, number("size")],
        Kind::List(&Kind::List(&Any)),
        Run::Plain(chunklist),
    ),
    Function::new("coalesce", "The first value that is neither null nor an empty text.", &[], Any, Run::Whole(coalesce))
        .many(&VALUES),
    Function::new("coalescelist", "The first list that has elements.", &[], Any, Run::Whole(coalescelist)).many(&VALUES),
    Function::new(
        "compact",
        "The list without empty texts and nulls.",
        &[list("list", &Text)],
        Kind::List(&Text),
        Run::Plain(compact),
    ),
    Function::new("concat", "All lists, one after the other.", &[], Any, Run::Whole(concat)).many(&SEQUENCES),
    Function::new(
        "contains",
        "Whether the list or set has an element equal to `value`.",
        &[LIST, any("value")],
        Bool,
        Run::Whole(contains),
    ),
    Function::new(
        "distinct",
        "The list without elements that were there before.",
        &[ANY_LIST],
        Kind::List(&Any),
        Run::Plain(distinct),
    ),
    Function::new(
        "element",
        "The element at `index`, going round past the end.",
        &[LIST, number("index")],
        Any,
        Run::Whole(element),
    ),
    Function::new("flatten", "The elements of the lists in the list, however deep.", &[LIST], Any, Run::Whole(flatten)),
    Function::new(
        "index",
        "Where in the list the first element equal to `value` is.",
        &[LIST, any("value")],
        Kind::Number,
        Run::Plain(index),
    ),
    Function::new("keys", "The names of the attributes or elements, in order.", &[any("map")], Any, Run::Whole(keys)),
    Function::new("length", "How many elements, attributes or characters there are.", &[ANY], Kind::Number, Run::Whole(length)),
    Function::new(
        "lookup",
        "The element or attribute of this name, or the default.",
        &[any("map"), text("key")],
        Any,
        Run::Whole(lookup),
    )
    .many(&const { any("default").nullable() }),
    Function::new(
        "matchkeys",
        "The values whose key, at the same place in `keys`, is in `searchset`.",
        &[list("values", &Any), list("keys", &Any), list("searchset", &Any)],
        Kind::List(&Any),
        Run::Plain(matchkeys),
    ),
    Function::new(
        "merge",
        "All attributes and elements, the later ones in the place of the earlier.",
        &[],
        Any,
        Run::Whole(merge),
    )
    .many(&MAPS),
    Function::new("one", "The only element, or null when there is none.", &[LIST], Any, Run::Whole(one)),
    Function::new(
        "range",
        "Numbers from a start up or down to a limit, which is not among them, by a step.",
        &[],
        Kind::List(&Kind::Number),
        Run::Plain(range),
    )
    .many(&NUMBERS),
    Function::new("reverse", "The list from its end to its beginning.", &[LIST], Any, Run::Whole(reverse)),
    Function::new(
        "setintersection",
        "The elements that all sets have.",
        &[set("first", &Any)],
        Kind::Set(&Any),
        Run::Plain(setintersection),
    )
    .many(&SETS),
    Function::new("setproduct", "All ways to take one element of each.", &[], Any, Run::Plain(setproduct))
        .many(&const { any("sets") }),
    Function::new(
        "setsubtract",
        "The elements of `a` that are not in `b`.",
        &[set("a", &Any), set("b", &Any)],
        Kind::Set(&Any),
        Run::Plain(setsubtract),
    ),
    Function::new("setunion", "The elements that any set has.", &[set("first", &Any)], Kind::Set(&Any), Run::Plain(setunion))
        .many(&SETS),
    Function::new(
        "slice",
        "The elements from `start` up to `end`, which is not among them.",
        &[LIST, number("start"), number("end")],
        Any,
        Run::Whole(slice),
    ),
    Function::new(
        "sort",
        "The texts in the order of their characters.",
        &[list("list", &Text)],
        Kind::List(&Text),
        Run::Plain(sort),
    ),
    Function::new("sum", "The sum of the numbers.", &[LIST], Kind::Number, Run::Plain(sum)),
    Function::new(
        "transpose",
        "Keys for values and values for keys, of a map of lists.",
        &[map("values", &Kind::List(&Text))],
        Kind::Map(&Kind::List(&Text)),
        Run::Plain(transpose),
    ),
    Function::new(
        "values",
        "The values of the attributes or elements, in the order of their names.",
        &[any("map")],
        Any,
        Run::Whole(values),
    ),
    Function::new(
        "zipmap",
        "A map of the keys to the values at the same places.",
        &[list("keys", &Text), any("values")],
        Any,
        Run::Whole(zipmap),
    ),
];

/// The value without its own mark, and whether it had one.
fn peeled(value: &Value) -> (&Value, bool) {
    match value {
        Value::Sensitive(inner) => (inner, true),
        it => (it, false),
    }
}

fn marked(value: Value, sensitive: bool) -> Value {
    if sensitive { value.sensitive() } else { value }
}

fn unknown_like(value: &Value, ty: Type) -> Value {
    Value::unknown(ty, value.cause())
}

/// A list or a tuple of these, as `like` is one.
fn same_kind(like: &Value, items: Vec<Value>) -> Value {
    match like {
        Value::Tuple(_) => Value::tuple(items),
        _ => Value::list(items),
    }
}

fn count(length: usize) -> Value {
    Value::from(i64::try_from(length).unwrap_or(i64::MAX))
}

fn alltrue(arguments: &[Value]) -> Answer {
    Ok(Value::Bool(items_of(arguments, 0).into_iter().all(|it| *it == Value::Bool(true))))
}

fn anytrue(arguments: &[Value]) -> Answer {
    Ok(Value::Bool(items_of(arguments, 0).into_iter().any(|it| *it == Value::Bool(true))))
}

fn chunklist(arguments: &[Value]) -> Answer {
    let items: Vec<Value> = items_of(arguments, 0).into_iter().cloned().collect();
    let size = usize::try_from(whole_of(arguments, 1)?).map_err(|_| Refusal::of(1, "it must not be negative"))?;
    let size = if size == 0 { items.len().max(1) } else { size };
    Ok(Value::list(items.chunks(size).map(|it| Value::list(it.to_vec()))))
}

fn coalesce(arguments: &[Value]) -> Answer {
    let types: Vec<Type> = arguments.iter().map(Type::of).collect();
    let ty = unify(&types).filter(|_| !arguments.is_empty());
    let ty = ty.ok_or_else(|| Refusal::new("all arguments must have one type"))?;
    let mut sensitive = false;
    for argument in arguments {
        let argument = convert(argument, &ty).map_err(|it| Refusal::new(crate::mistake::at(&it)))?;
        let (plain, mark) = argument.unmark();
        match &plain {
            // A text that has known characters cannot turn out empty.
            Value::Unknown(_) if !matches!(&argument, Value::Composed(parts) if parts.iter().any(clear)) => {
                return Ok(marked(unknown_like(&plain, ty), sensitive || mark));
            }
            Value::Null => {}
            Value::String(text) if text.is_empty() => sensitive |= mark,
            _ => return Ok(marked(argument, sensitive)),
        }
    }
    Err(Refusal::new("all arguments are null or empty"))
}

fn clear(part: &ha_kind::Part) -> bool {
    matches!(part, ha_kind::Part::Clear(it) | ha_kind::Part::Secret(it) if !it.is_empty())
}

fn coalescelist(arguments: &[Value]) -> Answer {
    if arguments.is_empty() {
        return Err(Refusal::new("at least one argument is required"));
    }
    for (index, argument) in arguments.iter().enumerate() {
        let (plain, mark) = peeled(argument);
        match plain {
            Value::Unknown(_) => return Ok(marked(unknown_like(plain, Type::Any), mark)),
            Value::Null => {}
            Value::List(items) | Value::Tuple(items) if items.is_empty() => {}
            Value::List(_) | Value::Tuple(_) => return Ok(argument.clone()),
            _ => return Err(Refusal::of(index, "it must be a list")),
        }
    }
    Err(Refusal::new("no argument has elements"))
}

fn compact(arguments: &[Value]) -> Answer {
    let full = |it: &&Value| it.as_str().is_some_and(|it| !it.is_empty());
    Ok(Value::list(items_of(arguments, 0).into_iter().filter(full).cloned()))
}

fn concat(arguments: &[Value]) -> Answer {
    if arguments.is_empty() {
        return Err(Refusal::new("at least one argument is required"));
    }
    let mut items = Vec::new();
    let (mut sensitive, mut all_lists) = (false, true);
    let mut unknown = None;
    for (index, argument) in arguments.iter().enumerate() {
        let (plain, mark) = peeled(argument);
        sensitive |= mark;
        match plain {
            Value::List(more) => items.extend(more.iter().cloned()),
            Value::Tuple(more) => {
                all_lists = false;
                items.extend(more.iter().cloned());
            }
            Value::Unknown(it) if matches!(it.ty, Type::Any | Type::List(_) | Type::Tuple(_)) => {
                unknown = unknown.or(Some((plain.clone(), it.ty.clone())));
            }
            _ => return Err(Refusal::of(index, format!("a list is required, not a {}", crate::shown::kind(plain)))),
        }
    }
    if let Some((cause, ty)) = unknown {
        let ty = match ty {
            Type::List(of) if all_lists => Type::List(Arc::new(unify([&*of, &common(items.iter())]).unwrap_or(Type::Any))),
            _ => Type::Any,
        };
        return Ok(marked(unknown_like(&cause, ty), sensitive));
    }
    if !all_lists {
        return Ok(marked(Value::tuple(items), sensitive));
    }
    let of = common(items.iter());
    match items.iter().map(|it| convert(it, &of)).collect::<Result<Vec<_>, _>>() {
        Ok(items) if of != Type::Any || items.is_empty() => Ok(marked(Value::list(items), sensitive)),
        _ => Ok(marked(Value::tuple(items), sensitive)),
    }
}

fn contains(arguments: &[Value]) -> Answer {
    let [list, wanted] = arguments else { return Err(Refusal::new("two arguments are required")) };
    let (plain, mark) = peeled(list);
    let sensitive = mark || wanted.contains_sensitive();
    if let Value::Unknown(_) = plain {
        return Ok(marked(unknown_like(plain, Type::Bool), sensitive));
    }
    let Some(items) = plain.elements() else {
        return Err(Refusal::of(0, format!("a list or set is required, not a {}", crate::shown::kind(plain))));
    };
    let sensitive = sensitive || items.iter().any(|it| it.contains_sensitive());
    let mut open = None;
    for item in items {
        match sure_equal(item, wanted) {
            Some(true) => return Ok(marked(Value::Bool(true), sensitive)),
            Some(false) => {}
            None => open = open.or(item.cause()).or(Some(Arc::from(""))),
        }
    }
    let value = match open {
        Some(cause) => Value::unknown(Type::Bool, Some(cause).filter(|it| !it.is_empty()).or_else(|| wanted.cause())),
        None => Value::Bool(false),
    };
    Ok(marked(value, sensitive))
}

fn distinct(arguments: &[Value]) -> Answer {
    let mut seen = std::collections::HashSet::new();
    Ok(Value::list(items_of(arguments, 0).into_iter().filter(|it| seen.insert(*it)).cloned()))
}

fn element(arguments: &[Value]) -> Answer {
    let [list, position] = arguments else { return Err(Refusal::new("two arguments are required")) };
    let (plain, mark) = peeled(list);
    let (position, position_mark) = position.unmark();
    let sensitive = mark || position_mark;
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = match &it.ty {
                Type::List(of) => (**of).clone(),
                _ => Type::Any,
            };
            return Ok(marked(unknown_like(plain, ty), sensitive));
        }
        _ => return Err(Refusal::of(0, format!("a list is required, not a {}", crate::shown::kind(plain)))),
    };
    if items.is_empty() {
        return Err(Refusal::of(0, "it has no elements"));
    }
    if !position.is_known() {
        return Ok(marked(unknown_like(&position, common(items.iter())), sensitive));
    }
    let index = whole_of(&[Value::Null, position], 1)?;
    let Ok(index) = usize::try_from(index) else { return Err(Refusal::of(1, "it must not be negative")) };
    Ok(marked(items[index % items.len()].clone(), sensitive))
}

fn flatten(arguments: &[Value]) -> Answer {
    let mut flat = Flat::default();
    let Some(value) = arguments.first() else { return Err(Refusal::new("an argument is required")) };
    let (plain, mark) = peeled(value);
    if let Value::Unknown(_) = plain {
        return Ok(marked(unknown_like(plain, Type::Any), mark));
    }
    if plain.elements().is_none() {
        return Err(Refusal::of(0, format!("a list is required, not a {}", crate::shown::kind(plain))));
    }
    flat.add(value);
    let value = match flat.unknown {
        Some(unknown) => unknown_like(&unknown, Type::Any),
        None => Value::tuple(flat.items),
    };
    Ok(marked(value, flat.sensitive))
}

#[derive(Default)]
struct Flat {
    items: Vec<Value>,
    sensitive: bool,
    unknown: Option<Value>,
}

impl Flat {
    fn add(&mut self, value: &Value) {
        let (plain, mark) = peeled(value);
        match plain {
            Value::List(items) | Value::Tuple(items) => {
                self.sensitive |= mark;
                items.iter().for_each(|it| self.add(it));
            }
            Value::Set(items) => {
                self.sensitive |= mark;
                items.iter().for_each(|it| self.add(it));
            }
            // It may turn out to be a list.
            Value::Unknown(it) if matches!(it.ty, Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
                self.sensitive |= mark;
                self.unknown.get_or_insert_with(|| plain.clone());
            }
            _ => self.items.push(value.clone()),
        }
    }
}

fn index(arguments: &[Value]) -> Answer {
    let [list @ (Value::List(_) | Value::Tuple(_)), wanted] = arguments else {
        return Err(Refusal::of(0, "a list is required"));
    };
    let items = list.elements().unwrap_or_default();
    match items.into_iter().position(|it| sure_equal(it, wanted) == Some(true)) {
        Some(position) => Ok(count(position)),
        None => Err(Refusal::of(1, "the list has no such element")),
    }
}

fn keys(arguments: &[Value]) -> Answer {
    let Some(value) = arguments.first() else { return Err(Refusal::new("an argument is required")) };
    let (plain, mark) = peeled(value);
    let names = |it: &Object| it.keys().cloned().map(Value::String).collect::<Vec<_>>();
    let value = match plain {
        Value::Map(items) => Value::list(names(items)),
        Value::Object(items) => Value::tuple(names(items)),
        Value::Unknown(it) => match &it.ty {
            Type::Object(attributes) => Value::tuple(attributes.keys().cloned().map(Value::String)),
            Type::Map(_) => unknown_like(plain, Type::List(Type::String.into())),
            _ => unknown_like(plain, Type::Any),
        },
        _ => return Err(Refusal::of(0, format!("a map or object is required, not a {}", crate::shown::kind(plain)))),
    };
    Ok(marked(value, mark))
}

fn values(arguments: &[Value]) -> Answer {
    let Some(value) = arguments.first() else { return Err(Refusal::new("an argument is required")) };
    let (plain, mark) = peeled(value);
    let value = match plain {
        Value::Map(items) => Value::list(items.values().cloned()),
        Value::Object(items) => Value::tuple(items.values().cloned()),
        Value::Unknown(it) => match &it.ty {
            Type::Map(of) => unknown_like(plain, Type::List(of.clone())),
            _ => unknown_like(plain, Type::Any),
        },
        _ => return Err(Refusal::of(0, format!("a map or object is required, not a {}", crate::shown::kind(plain)))),
    };
    Ok(marked(value, mark))
}

fn length(arguments: &[Value]) -> Answer {
    use unicode_segmentation::UnicodeSegmentation;
    let Some(value) = arguments.first() else { return Err(Refusal::new("an argument is required")) };
    let (plain, mark) = value.unmark();
    let value = match &plain {
        Value::String(text) => count(text.graphemes(true).count()),
        Value::List(items) | Value::Tuple(items) => count(items.len()),
        // Elements that are not known yet may turn out to be one.
        Value::Set(items) if items.len() > 1 && !plain.is_wholly_known() => unknown_like(&plain, Type::Number),
        Value::Set(items) => count(items.len()),
        Value::Map(items) | Value::Object(items) => count(items.len()),
        Value::Unknown(it) => match &it.ty {
            Type::Tuple(of) => count(of.len()),
            Type::Object(of) => count(of.len()),
            Type::Number | Type::Bool => return Err(no_length(&plain)),
            _ => unknown_like(&plain, Type::Number),
        },
        _ => return Err(no_length(&plain)),
    };
    Ok(marked(value, mark))
}

fn no_length(value: &Value) -> Refusal {
    Refusal::of(0, format!("a list, set, map, object or text is required, not a {}", crate::shown::kind(value)))
}

fn lookup(arguments: &[Value]) -> Answer {
    let [map, key, default @ ..] = arguments else { return Err(Refusal::new("two or three arguments are required")) };
    if default.len() > 1 {
        return Err(Refusal::new("two or three arguments are required"));
    }
    let (plain, mark) = peeled(map);
    let (key, key_mark) = key.unmark();
    let sensitive = mark || key_mark;
    let items = match plain {
        Value::Map(items) | Value::Object(items) => items,
        Value::Unknown(it) => {
            let ty = match &it.ty {
                Type::Map(of) => (**of).clone(),
                _ => Type::Any,
            };
            return Ok(marked(unknown_like(plain, ty), sensitive));
        }
        _ => return Err(Refusal::of(0, format!("a map is required, not a {}", crate::shown::kind(plain)))),
    };
    let Value::String(name) = &key else {
        let ty = if let Value::Map(_) = plain { common(items.values()) } else { Type::Any };
        return Ok(marked(unknown_like(&key, ty), sensitive));
    };
    match (items.get(name), default.first()) {
        (Some(item), _) => Ok(marked(item.clone(), sensitive)),
        (None, Some(default)) => {
            let default = match plain {
                Value::Map(_) => convert(default, &common(items.values()))
                    .map_err(|_| Refusal::of(2, "it must have the type of the map's elements"))?,
                _ => default.clone(),
            };
            Ok(marked(default, sensitive))
        }
        (None, None) if sensitive => Err(Refusal::of(1, "there is no element of this (sensitive) name, and no default")),
        (None, None) => Err(Refusal::of(1, format!("there is no element \"{name}\", and no default"))),
    }
}

fn matchkeys(arguments: &[Value]) -> Answer {
    let (values, keys, wanted) = (items_of(arguments, 0), items_of(arguments, 1), items_of(arguments, 2));
    if values.len() != keys.len() {
        return Err(Refusal::of(1, format!("there must be as many as values: {}, not {}", values.len(), keys.len())));
    }
    let wanted: std::collections::HashSet<&Value> = wanted.into_iter().collect();
    let chosen = values.into_iter().zip(keys).filter(|(_, key)| wanted.contains(key));
    Ok(Value::list(chosen.map(|(value, _)| value.clone())))
}

fn merge(arguments: &[Value]) -> Answer {
    let mut items = Object::new();
    let mut types = Vec::new();
    let (mut sensitive, mut all_maps, mut any_there) = (false, true, arguments.is_empty());
    let mut unknown = None;
    for (index, argument) in arguments.iter().enumerate() {
        let (plain, mark) = peeled(argument);
        sensitive |= mark;
        match plain {
            Value::Null => continue,
            Value::Map(more) | Value::Object(more) => {
                all_maps &= matches!(plain, Value::Map(_));
                if let (Value::Map(_), false) = (plain, more.is_empty()) {
                    types.push(common(more.values()));
                }
                match items.is_empty() {
                    true => items = (**more).clone(),
                    false => items.extend(more.iter().map(|(name, it)| (name.clone(), it.clone()))),
                }
            }
            Value::Unknown(it) if matches!(it.ty, Type::Any | Type::Map(_) | Type::Object(_)) => {
                unknown = unknown.or(Some(plain.clone()));
            }
            _ => return Err(Refusal::of(index, format!("a map or object is required, not a {}", crate::shown::kind(plain)))),
        }
        any_there = true;
    }
    types.dedup();
    let value = match unknown {
        Some(unknown) => unknown_like(&unknown, Type::Any),
        None if !any_there => Value::Null,
        None if all_maps && types.len() <= 1 && !arguments.is_empty() => Value::Map(Arc::new(items)),
        None => Value::Object(Arc::new(items)),
    };
    Ok(marked(value, sensitive))
}

fn one(arguments: &[Value]) -> Answer {
    let Some(value) = arguments.first() else { return Err(Refusal::new("an argument is required")) };
    let (plain, mark) = peeled(value);
    if let Value::Unknown(it) = plain {
        let ty = match &it.ty {
            Type::List(of) | Type::Set(of) => (**of).clone(),
            _ => Type::Any,
        };
        return Ok(marked(unknown_like(plain, ty), mark));
    }
    match plain.elements().as_deref() {
        Some([]) => Ok(marked(Value::Null, mark)),
        Some([only]) => Ok(marked((*only).clone(), mark)),
        Some(items) if matches!(plain, Value::Set(_)) && !plain.is_wholly_known() => {
            Ok(marked(unknown_like(plain, common(items.iter().copied())), mark))
        }
        Some(items) => Err(Refusal::of(0, format!("there must be one element or none, not {}", items.len()))),
        None => Err(Refusal::of(0, "a list, set or tuple of one element or none is required")),
    }
}

fn range(arguments: &[Value]) -> Answer {
    let numbers: Vec<&Number> =
        arguments.iter().filter_map(|it| if let Value::Number(it) = it { Some(it) } else { None }).collect();
    let zero = Number::ZERO;
    let (start, end) = match numbers.as_slice() {
        [end] => (&zero, *end),
        [start, end] | [start, end, _] => (*start, *end),
        _ => return Err(Refusal::new("one, two or three numbers are required")),
    };
    let down = end < start;
    let step = match numbers.get(2) {
        Some(step) => (*step).clone(),
        None => Number::from(if down { -1 } else { 1 }),
    };
    match (step > zero, step < zero) {
        (true, _) if down => return Err(Refusal::of(2, "the limit is below the start, so the step must be negative")),
        (_, true) if end > start => return Err(Refusal::of(2, "the limit is above the start, so the step must be positive")),
        (false, false) if start != end => return Err(Refusal::of(2, "a step of 0 never gets there")),
        _ => {}
    }
    let mut items = Vec::new();
    let mut next = start.clone();
    while if down { &next > end } else { &next < end } {
        if items.len() == RANGE {
            return Err(Refusal::new(format!("there would be more than {RANGE} numbers")));
        }
        items.push(Value::Number(next.clone()));
        next = next.add(&step).ok_or_else(|| Refusal::new("a number is out of range"))?;
    }
    Ok(Value::list(items))
}

fn reverse(arguments: &[Value]) -> Answer {
    let Some(value) = arguments.first() else { return Err(Refusal::new("an argument is required")) };
    let (plain, mark) = peeled(value);
    if let Value::Unknown(it) = plain {
        let ty = match &it.ty {
            Type::List(of) | Type::Set(of) => Type::List(of.clone()),
            _ => Type::Any,
        };
        return Ok(marked(unknown_like(plain, ty), mark));
    }
    let Some(items) = plain.elements() else {
        return Err(Refusal::of(0, format!("a list is required, not a {}", crate::shown::kind(plain))));
    };
    Ok(marked(same_kind(plain, items.into_iter().rev().cloned().collect()), mark))
}

fn set_of(items: BTreeSet<Value>) -> Value {
    Value::Set(Arc::new(items))
}

/// The sets as sets of one type.
fn unified_sets(arguments: &[Value]) -> Result<Vec<BTreeSet<Value>>, Refusal> {
    let types: Vec<Type> = (0..arguments.len()).map(|it| common(items_of(arguments, it).into_iter())).collect();
    let ty = unify(&types).ok_or_else(|| Refusal::new("all sets must have elements of one type"))?;
    let one = |index: usize| {
        let items = items_of(arguments, index).into_iter();
        items.map(|it| convert(it, &ty)).collect::<Result<_, _>>().map_err(|it| Refusal::of(index, crate::mistake::at(&it)))
    };
    (0..arguments.len()).map(one).collect()
}

fn setintersection(arguments: &[Value]) -> Answer {
    let sets = unified_sets(arguments)?;
    let shared = sets.into_iter().reduce(|a, b| a.intersection(&b).cloned().collect());
    Ok(set_of(shared.unwrap_or_default()))
}

fn setsubtract(arguments: &[Value]) -> Answer {
    let sets = unified_sets(arguments)?;
    Ok(set_of(sets.into_iter().reduce(|a, b| a.difference(&b).cloned().collect()).unwrap_or_default()))
}

fn setunion(arguments: &[Value]) -> Answer {
    Ok(set_of(unified_sets(arguments)?.into_iter().flatten().collect()))
}

fn setproduct(arguments: &[Value]) -> Answer {
    if arguments.len() < 2 {
        return Err(Refusal::new("at least two arguments are required"));
    }
    let mut columns: Vec<Vec<Value>> = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let Some(items) = argument.elements() else {
            return Err(Refusal::of(index, format!("a list or set is required, not a {}", crate::shown::kind(argument))));
        };
        let types: Vec<Type> = items.iter().map(|it| Type::of(it)).collect();
        let ty = unify(&types).ok_or_else(|| Refusal::of(index, "all elements must have one type"))?;
        let converted = items.into_iter().map(|it| convert(it, &ty)).collect::<Result<_, _>>();
        columns.push(converted.map_err(|it| Refusal::of(index, crate::mistake::at(&it)))?);
    }
    let rows = columns.iter().try_fold(1usize, |rows, it| rows.checked_mul(it.len())).filter(|it| *it <= 1 << 20);
    let Some(rows) = rows else { return Err(Refusal::new("there would be more than a million combinations")) };
    let mut product: Vec<Vec<Value>> = vec![Vec::new()];
    for column in &columns {
        let mut wider = Vec::with_capacity(rows);
        for row in &product {
            wider.extend(column.iter().map(|item| row.iter().cloned().chain([item.clone()]).collect::<Vec<_>>()));
        }
        product = wider;
    }
    let product = product.into_iter().map(Value::tuple);
    Ok(match arguments.iter().all(|it| matches!(it, Value::Set(_))) {
        true => set_of(product.collect()),
        false => Value::list(product),
    })
}

fn slice(arguments: &[Value]) -> Answer {
    let [list, start, end] = arguments else { return Err(Refusal::new("three arguments are required")) };
    let (plain, mark) = peeled(list);
    let ((start, start_mark), (end, end_mark)) = (start.unmark(), end.unmark());
    let sensitive = mark || start_mark || end_mark;
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = if let Type::List(_) = it.ty { it.ty.clone() } else { Type::Any };
            return Ok(marked(unknown_like(plain, ty), sensitive));
        }
        Value::Set(_) => return Err(Refusal::of(0, "a set has no order; make it a list by `tolist` first")),
        _ => return Err(Refusal::of(0, format!("a list is required, not a {}", crate::shown::kind(plain)))),
    };
    if let Some(unknown) = [&start, &end].into_iter().find(|it| !it.is_known()) {
        return Ok(marked(unknown_like(unknown, Type::Any), sensitive));
    }
    let given = [Value::Null, start, end];
    let (from, to) = (whole_of(&given, 1)?, whole_of(&given, 2)?);
    let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else {
        return Err(Refusal::of(if from < 0 { 1 } else { 2 }, "it must not be negative"));
    };
    if to > items.len() {
        return Err(Refusal::of(2, format!("it must not be greater than the number of elements, {}", items.len())));
    }
    if from > to {
        return Err(Refusal::of(1, "the start must not be behind the end"));
    }
    Ok(marked(same_kind(plain, items[from..to].to_vec()), sensitive))
}

fn sort(arguments: &[Value]) -> Answer {
    let mut items = items_of(arguments, 0);
    if items.iter().any(|it| it.is_null()) {
        return Err(Refusal::of(0, "null among the texts cannot be sorted"));
    }
    items.sort();
    Ok(Value::list(items.into_iter().cloned()))
}

fn sum(arguments: &[Value]) -> Answer {
    let Some(items) = arguments.first().and_then(Value::elements) else {
        return Err(Refusal::of(0, "a list of numbers is required"));
    };
    if items.is_empty() {
        return Err(Refusal::of(0, "there is no sum of no numbers"));
    }
    let mut sum = Number::ZERO;
    for item in items {
        match convert(item, &Type::Number) {
            Ok(Value::Number(number)) => sum = sum.add(&number).ok_or_else(|| Refusal::new("the sum is out of range"))?,
            _ => return Err(Refusal::of(0, "all elements must be numbers")),
        }
    }
    Ok(Value::Number(sum))
}

fn transpose(arguments: &[Value]) -> Answer {
    let mut turned: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let Some(Value::Map(items)) = arguments.first() else { return Err(Refusal::of(0, "a map of lists is required")) };
    for (name, list) in items.iter() {
        for item in list.elements().unwrap_or_default() {
            let Value::String(item) = item else { return Err(Refusal::of(0, "null cannot become a key")) };
            turned.entry(item.clone()).or_default().insert(name.clone());
        }
    }
    let lists = turned.into_iter().map(|(name, items)| (name, Value::list(items.into_iter().map(Value::String))));
    Ok(Value::Map(Arc::new(lists.collect())))
}

fn zipmap(arguments: &[Value]) -> Answer {
    let [keys, values] = arguments else { return Err(Refusal::new("two arguments are required")) };
    let ((keys, key_mark), (plain, mark)) = (keys.unmark(), peeled(values));
    let sensitive = mark || key_mark || keys.contains_sensitive();
    let keys = keys.revealed();
    if !keys.is_wholly_known() {
        return Ok(marked(unknown_like(&keys, Type::Any), sensitive));
    }
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = if let Type::List(of) = &it.ty { Type::Map(of.clone()) } else { Type::Any };
            return Ok(marked(unknown_like(plain, ty), sensitive));
        }
        _ => return Err(Refusal::of(1, format!("a list is required, not a {}", crate::shown::kind(plain)))),
    };
    let keys = keys.elements().unwrap_or_default();
    if keys.len() != items.len() {
        return Err(Refusal::new(format!("there are {} keys but {} values", keys.len(), items.len())));
    }
    let mut zipped = Object::new();
    for (key, item) in keys.into_iter().zip(items.iter()) {
        let Value::String(name) = key else { return Err(Refusal::of(0, "null cannot be a key")) };
        zipped.insert(name.clone(), item.clone());
    }
    let value = match plain {
        Value::List(_) => Value::Map(Arc::new(zipped)),
        _ => Value::Object(Arc::new(zipped)),
    };
    Ok(marked(value, sensitive))
}
