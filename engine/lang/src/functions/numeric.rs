//! Functions of numbers.

use ha_value::{Number, Value};

use super::double;
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, integer_of, number,
};

const NUMBERS: Parameter = number("numbers");
const NUMBER: &[Parameter] = &[number("number")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "abs",
        "The absolute value.",
        NUMBER,
        ParameterKind::Number,
        FunctionBody::Plain(abs),
    ),
    Function::new(
        "ceil",
        "The number rounded up to an integer.",
        NUMBER,
        ParameterKind::Number,
        FunctionBody::Plain(ceil),
    ),
    Function::new(
        "floor",
        "The number rounded down to an integer.",
        NUMBER,
        ParameterKind::Number,
        FunctionBody::Plain(floor),
    ),
    Function::new(
        "log",
        "The logarithm to a base.",
        &[number("number"), number("base")],
        ParameterKind::Number,
        FunctionBody::Plain(log),
    ),
    Function::new(
        "max",
        "The greatest of the numbers.",
        &[],
        ParameterKind::Number,
        FunctionBody::Plain(max),
    )
    .many(&NUMBERS),
    Function::new(
        "min",
        "The least of the numbers.",
        &[],
        ParameterKind::Number,
        FunctionBody::Plain(min),
    )
    .many(&NUMBERS),
    Function::new(
        "parseint",
        "The integer that a string represents in a base from 2 to 62.",
        &[const { any("number").accepting(AcceptedTypes::Strings) }, number("base")],
        ParameterKind::Number,
        FunctionBody::Plain(parseint),
    ),
    Function::new(
        "pow",
        "The number to a power.",
        &[number("number"), number("power")],
        ParameterKind::Number,
        FunctionBody::Plain(pow),
    ),
    Function::new(
        "signum",
        "The sign of an integer: -1, 0 or 1.",
        NUMBER,
        ParameterKind::Number,
        FunctionBody::Plain(signum),
    ),
];

fn number_of(arguments: &[Value], index: usize) -> Result<&Number, FunctionError> {
    match arguments.get(index) {
        Some(Value::Number(it)) => Ok(it),
        _ => Err(FunctionError::argument(index, "a number is required")),
    }
}

fn abs(arguments: &[Value]) -> FunctionResult {
    Ok(Value::Number(number_of(arguments, 0)?.magnitude()))
}

fn ceil(arguments: &[Value]) -> FunctionResult {
    Ok(Value::Number(number_of(arguments, 0)?.ceil()))
}

fn floor(arguments: &[Value]) -> FunctionResult {
    Ok(Value::Number(number_of(arguments, 0)?.floor()))
}

fn max(arguments: &[Value]) -> FunctionResult {
    arguments
        .iter()
        .max()
        .cloned()
        .ok_or_else(|| FunctionError::new("at least one number is required"))
}

fn min(arguments: &[Value]) -> FunctionResult {
    arguments
        .iter()
        .min()
        .cloned()
        .ok_or_else(|| FunctionError::new("at least one number is required"))
}

/// A result that is computed in doubles, as `log` and `pow` are in Terraform.
fn of_double(double: f64) -> FunctionResult {
    Number::from_f64(double)
        .map(Value::Number)
        .ok_or_else(|| FunctionError::new("the result is not a finite number"))
}

fn log(arguments: &[Value]) -> FunctionResult {
    let (number, base) = (number_of(arguments, 0)?.to_f64(), number_of(arguments, 1)?.to_f64());
    of_double(double::logarithm(number) / double::logarithm(base))
}

fn pow(arguments: &[Value]) -> FunctionResult {
    let (number, power) = (number_of(arguments, 0)?.to_f64(), number_of(arguments, 1)?.to_f64());
    of_double(double::power(number, power))
}

fn parseint(arguments: &[Value]) -> FunctionResult {
    let text = match arguments.first() {
        Some(Value::String(text)) => text,
        Some(other) => {
            return Err(FunctionError::argument(
                0,
                format!("a string is required, not {}", crate::describe::a_kind(other)),
            ));
        }
        None => return Err(FunctionError::new("two arguments are required")),
    };
    let base = integer_of(arguments, 1)?;
    let base = u32::try_from(base).ok().filter(|it| (2..=62).contains(it));
    let base = base.ok_or_else(|| FunctionError::argument(1, "it must be from 2 to 62"))?;
    let number = Number::from_digits(text, base);
    number.map(Value::Number).ok_or_else(|| {
        FunctionError::argument(0, format!("\"{text}\" is not an integer in base {base}"))
    })
}

fn signum(arguments: &[Value]) -> FunctionResult {
    Ok(Value::from(integer_of(arguments, 0)?.signum()))
}
