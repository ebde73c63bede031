//! The function library: one table per theme. To add a function, add one entry to a table.

mod collection;
mod csv_read;
mod double;
mod encoding;
mod file;
mod format;
mod glob;
mod hash;
mod json;
mod list;
mod map;
mod marks;
mod network;
mod numeric;
mod pattern;
mod rsa;
mod set;
mod string;
mod time;
mod yaml_read;
mod yaml_write;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use ha_value::{Object, Type, Value};

use crate::compiled_expression::ExpressionNode;
use crate::environment::EvaluationContext;
use crate::evaluate::{EvaluationResult, Evaluator, TextTooLong, TooManyElements};

/// One function of the language.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name in a call.
    pub name: &'static str,
    /// A sentence for the documentation.
    pub doc: &'static str,
    /// The required parameters, in order.
    pub parameters: &'static [Parameter],
    /// The parameter that takes any number of further arguments, if any.
    pub variadic: Option<&'static Parameter>,
    /// The type of the result, as far as it does not depend on the arguments.
    pub returns: ParameterKind,
    /// Computes the type of the result where it depends on the arguments.
    typed: Option<fn(&[Value]) -> Type>,
    /// Whether the result may be null. A function that never returns null refines an unknown result
    /// as "not null".
    nullable: bool,
    pub(crate) run: FunctionBody,
}

/// One parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name in messages and the documentation.
    pub name: &'static str,
    /// The type that an argument is converted to.
    pub kind: ParameterKind,
    /// Whether null is allowed.
    pub nullable: bool,
    /// The types that the function itself accepts, where `kind` is `Any`. They allow an unknown
    /// argument of a wrong type to be rejected while planning.
    pub(crate) takes: Option<AcceptedTypes>,
}

/// Types among which a function distinguishes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptedTypes {
    /// Lists and tuples.
    Lists,
    /// Lists, tuples and sets.
    Sequences,
    /// Maps and objects.
    Maps,
    /// Collections and strings: everything with a length.
    Lengths,
    /// Strings only, without conversion.
    Strings,
}

impl AcceptedTypes {
    /// Whether a value of this type can be accepted.
    pub(crate) fn allows(self, ty: &Type) -> bool {
        match ty {
            Type::Any => true,
            Type::List(_) | Type::Tuple(_) => {
                !matches!(self, AcceptedTypes::Maps | AcceptedTypes::Strings)
            }
            Type::Set(_) => matches!(self, AcceptedTypes::Sequences | AcceptedTypes::Lengths),
            Type::Map(_) | Type::Object(_) => {
                matches!(self, AcceptedTypes::Maps | AcceptedTypes::Lengths)
            }
            Type::String => matches!(self, AcceptedTypes::Lengths | AcceptedTypes::Strings),
            // No set of accepted types contains a scalar except strings.
            Type::Bool | Type::Number => false,
        }
    }

    /// The message for a value of another type, as a sentence without a period.
    pub(crate) fn wanted(self) -> &'static str {
        match self {
            AcceptedTypes::Lists => "a list is required",
            AcceptedTypes::Sequences => "a list or set is required",
            AcceptedTypes::Maps => "a map or object is required",
            AcceptedTypes::Strings => "a string is required",
            AcceptedTypes::Lengths => "a list, set, map, object or string is required",
        }
    }
}

/// A type that can be written as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A value of any type.
    Any,
    /// A boolean.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A list of elements of this type.
    List(&'static ParameterKind),
    /// A set of elements of this type.
    Set(&'static ParameterKind),
    /// A map of elements of this type.
    Map(&'static ParameterKind),
}

/// Why a function has no result.
pub(crate) struct FunctionError {
    /// The index of the wrong argument, where it is one.
    pub(crate) argument: Option<usize>,
    /// What is wrong, as a sentence without a period.
    pub(crate) message: String,
    /// Whether the message may be shown even when arguments are secret.
    pub(crate) harmless: bool,
}

impl FunctionError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { argument: None, message: message.into(), harmless: false }
    }

    pub(crate) fn argument(argument: usize, message: impl Into<String>) -> Self {
        Self { argument: Some(argument), message: message.into(), harmless: false }
    }
}

impl FunctionError {
    /// An error whose message contains nothing of the arguments.
    pub(crate) fn harmless(message: impl Into<String>) -> Self {
        Self { harmless: true, ..Self::new(message) }
    }
}

impl From<TooManyElements> for FunctionError {
    fn from(_: TooManyElements) -> Self {
        Self::harmless(TooManyElements::MESSAGE)
    }
}

impl From<TextTooLong> for FunctionError {
    fn from(_: TextTooLong) -> Self {
        Self::harmless(TextTooLong::MESSAGE)
    }
}

pub(crate) type FunctionResult = Result<Value, FunctionError>;

/// How a function handles unknown values and marks.
#[derive(Clone, Copy)]
pub(crate) enum FunctionBody {
    /// Called with known arguments without marks. An unknown argument makes the result unknown, and
    /// a mark on an argument marks the result. Most functions are of this kind, so that they cannot
    /// leak a secret.
    Plain(fn(&[Value]) -> FunctionResult),
    /// Called with arguments without marks, some of which may be unknown; a mark on an argument
    /// marks the result.
    Open(fn(&[Value]) -> FunctionResult),
    /// Like `Plain`, with access to files and the clock.
    Outside(fn(&[Value], &EvaluationContext<'_>) -> FunctionResult),
    /// Called with the arguments as they are; the function handles unknowns and marks itself.
    Whole(fn(&[Value]) -> FunctionResult),
    /// Like `Whole`, with access to files.
    WholeOutside(fn(&[Value], &EvaluationContext<'_>) -> FunctionResult),
    /// Called with expressions, which the function evaluates itself or not at all.
    Lazy(LazyCall),
}

/// A function of expressions; the last parameter is the call itself.
pub(crate) type LazyCall =
    fn(&mut Evaluator<'_>, &[&ExpressionNode], &ExpressionNode) -> EvaluationResult;

impl std::fmt::Debug for FunctionBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run")
    }
}

impl Function {
    const fn new(
        name: &'static str,
        doc: &'static str,
        parameters: &'static [Parameter],
        returns: ParameterKind,
        run: FunctionBody,
    ) -> Self {
        Self { name, doc, parameters, variadic: None, returns, typed: None, nullable: false, run }
    }

    const fn many(mut self, parameter: &'static Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }

    const fn typed(mut self, typed: fn(&[Value]) -> Type) -> Self {
        self.typed = Some(typed);
        self
    }

    /// Declares that the result may be null.
    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// The type of the result for these arguments.
    fn result_type(&self, arguments: &[Value]) -> Type {
        self.typed.map_or_else(|| self.returns.ty(), |it| it(arguments))
    }

    /// The unknown result of a call with unknown arguments.
    pub(crate) fn unknown(&self, arguments: &[Value], cause: Option<Arc<str>>) -> Value {
        let unknown = Value::unknown(self.result_type(arguments), cause);
        if self.nullable { unknown } else { unknown.not_null() }
    }

    /// The result with its declared type, which a null, an empty collection or an unknown value
    /// does not have by itself.
    pub(crate) fn declared(&self, value: Value, arguments: &[Value]) -> Value {
        match &value {
            // Only values without a type of their own are changed: a type that the function's
            // result has is more precise than the declared one.
            Value::Sensitive(inner) => self.declared((**inner).clone(), arguments).sensitive(),
            Value::Unknown(it) if !self.nullable && !it.is_not_null() => value.not_null(),
            Value::Null(of) if of.known().is_none() => Value::null(&self.result_type(arguments)),
            Value::List(items) if items.is_empty() && !items.is_declared() => {
                match self.result_type(arguments) {
                    Type::List(of) => Value::list_of(&of, Vec::new()),
                    _ => value,
                }
            }
            Value::Set(items) if items.is_empty() && !items.is_declared() => {
                match self.result_type(arguments) {
                    Type::Set(of) => Value::set_of(&of, BTreeSet::new()),
                    _ => value,
                }
            }
            Value::Map(items) if items.is_empty() && items.declaration().known().is_none() => {
                match self.result_type(arguments) {
                    Type::Map(of) => Value::map_of(&of, Object::new()),
                    _ => value,
                }
            }
            _ => value,
        }
    }

    /// The parameter of the argument at `index`.
    pub(crate) fn parameter(&self, index: usize) -> Option<&Parameter> {
        self.parameters.get(index).or(self.variadic)
    }
}

impl Parameter {
    const fn new(name: &'static str, kind: ParameterKind) -> Self {
        Self { name, kind, nullable: false, takes: None }
    }

    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    const fn accepting(mut self, accepted: AcceptedTypes) -> Self {
        self.takes = Some(accepted);
        self
    }
}

impl ParameterKind {
    /// Whether a value has this type without a conversion. An empty collection does only where any
    /// element type fits, because its declared type may differ.
    pub(crate) fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (ParameterKind::Any, _) => true,
            // A null must be converted to get its type, unless it has exactly this one.
            (kind, Value::Null(of)) => of.known() == Some(&kind.ty()),
            (ParameterKind::Bool, Value::Bool(_)) | (ParameterKind::Number, Value::Number(_)) => {
                true
            }
            (ParameterKind::Text, Value::String(_) | Value::Composed(_)) => true,
            (ParameterKind::List(of), Value::List(items))
                if matches!(of, ParameterKind::Any) || !items.is_empty() =>
            {
                items.iter().all(|it| of.holds(it))
            }
            (ParameterKind::Set(of), Value::Set(items))
                if matches!(of, ParameterKind::Any) || !items.is_empty() =>
            {
                items.iter().all(|it| of.holds(it))
            }
            (ParameterKind::Map(of), Value::Map(items))
                if matches!(of, ParameterKind::Any) || !items.is_empty() =>
            {
                items.values().all(|it| of.holds(it))
            }
            _ => false,
        }
    }

    /// The type as a [`Type`].
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            ParameterKind::Any => Type::Any,
            ParameterKind::Bool => Type::Bool,
            ParameterKind::Number => Type::Number,
            ParameterKind::Text => Type::String,
            ParameterKind::List(of) => Type::List(Arc::new(of.ty())),
            ParameterKind::Set(of) => Type::Set(Arc::new(of.ty())),
            ParameterKind::Map(of) => Type::Map(Arc::new(of.ty())),
        }
    }
}

const fn any(name: &'static str) -> Parameter {
    Parameter::new(name, ParameterKind::Any)
}

const fn text(name: &'static str) -> Parameter {
    Parameter::new(name, ParameterKind::Text)
}

const fn number(name: &'static str) -> Parameter {
    Parameter::new(name, ParameterKind::Number)
}

const fn list(name: &'static str, of: &'static ParameterKind) -> Parameter {
    Parameter::new(name, ParameterKind::List(of))
}

const fn set(name: &'static str, of: &'static ParameterKind) -> Parameter {
    Parameter::new(name, ParameterKind::Set(of))
}

const fn map(name: &'static str, of: &'static ParameterKind) -> Parameter {
    Parameter::new(name, ParameterKind::Map(of))
}

static ALL: LazyLock<Vec<Function>> = LazyLock::new(|| {
    // An explicit list and not registration at link time: the functions are visible in one place, and
    // the order does not depend on the linker.
    let themes: [&[Function]; 12] = [
        collection::FUNCTIONS,
        encoding::FUNCTIONS,
        file::FUNCTIONS,
        hash::FUNCTIONS,
        list::FUNCTIONS,
        map::FUNCTIONS,
        marks::FUNCTIONS,
        network::FUNCTIONS,
        numeric::FUNCTIONS,
        set::FUNCTIONS,
        string::FUNCTIONS,
        time::FUNCTIONS,
    ];
    let mut all: Vec<Function> = themes.into_iter().flatten().cloned().collect();
    all.sort_by_key(|it| it.name);
    all
});

static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> =
    LazyLock::new(|| ALL.iter().map(|it| (it.name, it)).collect());

pub use time::written_time;

/// All functions, ordered by name.
#[must_use]
pub fn functions() -> &'static [Function] {
    &ALL
}

/// The function of this name.
pub(crate) fn named(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}

/// The string of an argument that was converted to one.
fn string_argument(arguments: &[Value], index: usize) -> &str {
    arguments.get(index).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of an argument that was converted to a collection.
fn element_arguments(arguments: &[Value], index: usize) -> Vec<&Value> {
    arguments.get(index).and_then(Value::elements).unwrap_or_default()
}

/// A number that must be an integer, such as a count or a position.
fn integer_of(arguments: &[Value], index: usize) -> Result<i64, FunctionError> {
    match arguments.get(index) {
        Some(Value::Number(number)) => number.as_i64().ok_or_else(|| {
            FunctionError::argument(index, format!("a whole number is required, not {number}"))
        }),
        _ => Err(FunctionError::argument(index, "a whole number is required")),
    }
}

/// The type of an argument.
fn type_of(arguments: &[Value], index: usize) -> Type {
    arguments.get(index).map_or(Type::Any, Type::of_value)
}

/// The type of the elements of a collection of a type.
fn element_type(ty: &Type) -> Type {
    match ty {
        Type::List(of) | Type::Set(of) | Type::Map(of) => (**of).clone(),
        Type::Tuple(of) => ha_value::unify(of.iter()).unwrap_or(Type::Any),
        _ => Type::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        for two in functions().windows(2) {
            assert!(two[0].name < two[1].name, "{} is there twice", two[0].name);
        }
        for function in functions() {
            assert!(function.doc.ends_with('.') && function.doc.len() > 10, "{}", function.name);
        }
    }
}
