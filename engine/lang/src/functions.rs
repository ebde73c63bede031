//! The function library: one table, by theme. Adding a function is one entry.

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
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub doc: &'static str,
    /// What it takes, in order.
    pub parameters: &'static [Parameter],
    /// What it takes any number of after those.
    pub variadic: Option<&'static Parameter>,
    /// What it gives.
    pub returns: ParameterKind,
    /// The type of what it gives, where that depends on what it is given.
    typed: Option<fn(&[Value]) -> Type>,
    /// Whether it may give null.
    nullable: bool,
    pub(crate) run: FunctionBody,
}

/// One parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it holds; arguments are converted to that.
    pub kind: ParameterKind,
    /// Whether null is allowed.
    pub nullable: bool,
    /// What types it takes, where the function sees to it itself once everything is known.
    pub(crate) takes: Option<AcceptedTypes>,
}

/// Types among which a function chooses itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptedTypes {
    /// Lists and tuples.
    Lists,
    /// Lists, tuples and sets.
    Sequences,
    /// Maps and objects.
    Maps,
    /// Whatever has a length.
    Lengths,
    /// Strings, and not what converts to one.
    Texts,
}

impl AcceptedTypes {
    /// Whether values of a type may be among those.
    pub(crate) fn allows(self, ty: &Type) -> bool {
        match ty {
            Type::Any => true,
            Type::List(_) | Type::Tuple(_) => {
                !matches!(self, AcceptedTypes::Maps | AcceptedTypes::Texts)
            }
            Type::Set(_) => matches!(self, AcceptedTypes::Sequences | AcceptedTypes::Lengths),
            Type::Map(_) | Type::Object(_) => {
                matches!(self, AcceptedTypes::Maps | AcceptedTypes::Lengths)
            }
            Type::String => matches!(self, AcceptedTypes::Lengths | AcceptedTypes::Texts),
            Type::Bool | Type::Number => false,
        }
    }

    /// What is wanted, as a sentence without a period.
    pub(crate) fn wanted(self) -> &'static str {
        match self {
            AcceptedTypes::Lists => "a list is required",
            AcceptedTypes::Sequences => "a list or set is required",
            AcceptedTypes::Maps => "a map or object is required",
            AcceptedTypes::Texts => "a string is required",
            AcceptedTypes::Lengths => "a list, set, map, object or text is required",
        }
    }
}

/// A type, where a constant must be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Anything.
    Any,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// Elements in order.
    List(&'static ParameterKind),
    /// Different elements.
    Set(&'static ParameterKind),
    /// Elements by name.
    Map(&'static ParameterKind),
}

/// Why a function gives nothing.
pub(crate) struct FunctionError {
    /// Which argument is to blame, where one is.
    pub(crate) argument: Option<usize>,
    /// What is wrong, as a sentence without a period.
    pub(crate) message: String,
    /// Whether it may be shown even when arguments are secret.
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
    /// A message that shows nothing of what the arguments are.
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

/// How a function is run.
#[derive(Clone, Copy)]
pub(crate) enum FunctionBody {
    /// On arguments that are wholly known and bear no marks; anything unknown makes the result
    /// unknown, any mark marks it.
    Plain(fn(&[Value]) -> FunctionResult),
    /// On arguments without marks, of which not all need be known; any mark marks the result.
    Open(fn(&[Value]) -> FunctionResult),
    /// As plain, with a look at the files or the clock.
    Outside(fn(&[Value], &EvaluationContext<'_>) -> FunctionResult),
    /// On arguments as they are: it sees to unknowns and marks itself.
    Whole(fn(&[Value]) -> FunctionResult),
    /// As whole, with a look at the files.
    WholeOutside(fn(&[Value], &EvaluationContext<'_>) -> FunctionResult),
    /// On expressions, which it evaluates or not.
    Lazy(LazyCall),
}

/// A function of expressions, and the call that it is evaluated for.
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

    /// It may give null.
    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// The type of what it gives for these arguments.
    fn result_type(&self, arguments: &[Value]) -> Type {
        self.typed.map_or_else(|| self.returns.ty(), |it| it(arguments))
    }

    /// What it gives where that depends on something unknown.
    pub(crate) fn unknown(&self, arguments: &[Value], cause: Option<Arc<str>>) -> Value {
        let unknown = Value::unknown(self.result_type(arguments), cause);
        if self.nullable { unknown } else { unknown.not_null() }
    }

    /// What it gave, with the type that what is null, empty or unknown does not show by itself.
    pub(crate) fn declared(&self, value: Value, arguments: &[Value]) -> Value {
        match &value {
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

    /// The parameter that takes the argument at `index`.
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

    const fn taking(mut self, takes: AcceptedTypes) -> Self {
        self.takes = Some(takes);
        self
    }
}

impl ParameterKind {
    /// Whether a value is one as it stands.
    pub(crate) fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (ParameterKind::Any, _) => true,
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

    /// The type it stands for.
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

/// All functions, by name.
#[must_use]
pub fn functions() -> &'static [Function] {
    &ALL
}

/// The function of this name.
pub(crate) fn named(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}

/// The text of an argument that the table says is one.
fn str_of(arguments: &[Value], index: usize) -> &str {
    arguments.get(index).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of an argument that the table says has some.
fn items_of(arguments: &[Value], index: usize) -> Vec<&Value> {
    arguments.get(index).and_then(Value::elements).unwrap_or_default()
}

/// A number as a count or position.
fn whole_of(arguments: &[Value], index: usize) -> Result<i64, FunctionError> {
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
    fn every_function_has_one_name_and_a_sentence() {
        for two in functions().windows(2) {
            assert!(two[0].name < two[1].name, "{} is there twice", two[0].name);
        }
        for function in functions() {
            assert!(function.doc.ends_with('.') && function.doc.len() > 10, "{}", function.name);
        }
    }
}
