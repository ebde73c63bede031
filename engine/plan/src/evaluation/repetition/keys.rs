//! Values that `for_each` does not accept.

use ha_diagnostics::Diagnostic;
use ha_lang::a_kind;
use ha_value::{AttributeType, Name, Type, Value};

/// Whether values of a type can be used for `for_each`.
pub(super) fn is_accepted(ty: &Type) -> bool {
    match ty {
        Type::Any | Type::Map(_) | Type::Object(_) => true,
        Type::Set(of) => matches!(**of, Type::Any | Type::String),
        _ => false,
    }
}

/// The error for a value that `for_each` does not accept, with a conversion for its type.
pub(super) fn rejected(at: impl Fn(&str) -> Diagnostic, value: &Value) -> Diagnostic {
    let problem = at(&format!("`for_each` takes a map or a set of strings, not {}", a_kind(value)));
    problem.help(instead(&Type::of_value(value)))
}

fn instead(ty: &Type) -> String {
    match ty {
        Type::String => "`toset([TEXT])` makes one instance of a string; `split` makes a list of one, for `toset`".into(),
        Type::Number => "`count = NUMBER` makes that many instances".into(),
        Type::Bool => "`count = CONDITION ? 1 : 0` makes an optional instance".into(),
        Type::Set(of) if is_text(of) => "`[for it in SET : tostring(it)]` within `toset(…)` makes strings of its elements".into(),
        Type::Set(of) => keyed("SET", Some(of)),
        Type::List(of) if is_text(of) => "`toset(LIST)` makes a set of it".into(),
        Type::Tuple(items) if items.iter().all(is_text) => "`toset(LIST)` makes a set of it".into(),
        Type::List(of) => keyed("LIST", Some(of)),
        Type::Tuple(items) => keyed("LIST", items.first()),
        _ => "`{ for it in LIST : it.NAME => it }` makes a map".into(),
    }
}

/// Whether values of a type become strings in a set of strings.
fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::Any | Type::Bool | Type::Number | Type::String)
}

/// Returns the expression that makes a map of a list or set, keyed by a naming attribute or by
/// position.
fn keyed(of: &str, element: Option<&Type>) -> String {
    match element.and_then(naming) {
        Some(name) => {
            format!("`{{ for it in {of} : it.{name} => it }}` makes a map of its elements")
        }
        None if of == "LIST" => {
            "`{ for index, it in LIST : index => it }` makes a map of its elements".into()
        }
        None => "`{ for it in SET : KEY => it }` makes a map of its elements".into(),
    }
}

/// Returns the attribute that most likely identifies objects of a type.
fn naming(element: &Type) -> Option<&Name> {
    let Type::Object(attributes) = element else { return None };
    let is_key = |(_, it): &(&Name, &AttributeType)| it.ty == Type::String;
    // Attributes named `name`, `key` or `id` are tried first, since they are unique more often
    // than other strings.
    let known =
        ["name", "key", "id"].iter().find_map(|it| attributes.get_key_value(*it)).filter(is_key);
    known.or_else(|| attributes.iter().find(is_key)).map(|(name, _)| name)
}
