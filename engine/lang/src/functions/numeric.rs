//! Numbers.

use ha_value::{Number, Value};

use super::double;
use super::{Answer, Function, Kind, Parameter, Refusal, Run, Takes, any, number, whole_of};

const NUMBERS: Parameter = number("numbers");
const NUMBER: &[Parameter] = &[number("number")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abs", "The number without its sign.", NUMBER, Kind::Number, Run::Plain(abs)),
    Function::new("ceil", "The least whole number that is not less.", NUMBER, Kind::Number, Run::Plain(ceil)),
    Function::new("floor", "The greatest whole number that is not greater.", NUMBER, Kind::Number, Run::Plain(floor)),
    Function::new("log", "The logarithm to a base.", &[number("number"), number("base")], Kind::Number, Run::Plain(log)),
    Function::new("max", "The greatest of the numbers.", &[], Kind::Number, Run::Plain(max)).many(&NUMBERS),
    Function::new("min", "The least of the numbers.", &[], Kind::Number, Run::Plain(min)).many(&NUMBERS),
    Function::new(
        "parseint",
        "The whole number that a text means in a base from 2 to 62.",
        &[const { any("number").taking(Takes::Texts) }, number("base")],
        Kind::Number,
        Run::Plain(parseint),
    ),
    Function::new("pow", "The number to a power.", &[number("number"), number("power")], Kind::Number, Run::Plain(pow)),
    Function::new("signum", "-1, 0 or 1: the sign of a whole number.", NUMBER, Kind::Number, Run::Plain(signum)),
];

fn number_of(arguments: &[Value], index: usize) -> Result<&Number, Refusal> {
    match arguments.get(index) {
        Some(Value::Number(it)) => Ok(it),
        _ => Err(Refusal::of(index, "a number is required")),
    }
}

fn abs(arguments: &[Value]) -> Answer {
    Ok(Value::Number(number_of(arguments, 0)?.magnitude()))
}

fn ceil(arguments: &[Value]) -> Answer {
    Ok(Value::Number(number_of(arguments, 0)?.ceil()))
}

fn floor(arguments: &[Value]) -> Answer {
    Ok(Value::Number(number_of(arguments, 0)?.floor()))
}

fn max(arguments: &[Value]) -> Answer {
    arguments.iter().max().cloned().ok_or_else(|| Refusal::new("at least one number is required"))
}

fn min(arguments: &[Value]) -> Answer {
    arguments.iter().min().cloned().ok_or_else(|| Refusal::new("at least one number is required"))
}

fn of_double(double: f64) -> Answer {
    Number::from_f64(double).map(Value::Number).ok_or_else(|| Refusal::new("the result is no number"))
}

fn log(arguments: &[Value]) -> Answer {
    let (number, base) = (number_of(arguments, 0)?.to_f64(), number_of(arguments, 1)?.to_f64());
    of_double(double::logarithm(number) / double::logarithm(base))
}

fn pow(arguments: &[Value]) -> Answer {
    let (number, power) = (number_of(arguments, 0)?.to_f64(), number_of(arguments, 1)?.to_f64());
    of_double(double::power(number, power))
}

fn parseint(arguments: &[Value]) -> Answer {
    let text = match arguments.first() {
        Some(Value::String(text)) => text,
        Some(other) => return Err(Refusal::of(0, format!("a text is required, not {}", crate::describe::a_kind(other)))),
        None => return Err(Refusal::new("two arguments are required")),
    };
    let base = whole_of(arguments, 1)?;
    let base = u32::try_from(base).ok().filter(|it| (2..=62).contains(it));
    let base = base.ok_or_else(|| Refusal::of(1, "it must be from 2 to 62"))?;
    let number = Number::from_digits(text, base);
    number.map(Value::Number).ok_or_else(|| Refusal::of(0, format!("\"{text}\" is no whole number in base {base}")))
}

fn signum(arguments: &[Value]) -> Answer {
    Ok(Value::from(whole_of(arguments, 0)?.signum()))
}
