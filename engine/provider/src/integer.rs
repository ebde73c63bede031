//! Integer arguments.

use serde_json::Value as Json;

use crate::FieldShape;
use ha_value::Number;

/// Returns the problem of a number that must be an integer. The number may be secret and is not
/// shown.
pub(crate) fn misfit(number: &Number, least: i128, most: i128) -> Option<String> {
    match number.as_integer().map(|it| i128::try_from(&it)) {
        None => Some("a whole number is required, and this one has a fraction".into()),
        Some(Ok(it)) if (least..=most).contains(&it) => None,
        Some(_) => Some(format!("a whole number from {least} to {most} is required")),
    }
}

/// Returns the range of the field's integer type.
pub(crate) fn shape(schema: &Json) -> FieldShape {
    let (least, most) = match schema.get("format").and_then(Json::as_str) {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64" | "uint") => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    };
    // `minimum` and `maximum` narrow the range of the Rust type and never widen it.
    let limit = |key: &str| schema.get(key).and_then(Json::as_i64).map(i128::from);
    let (lower, upper) = (limit("minimum"), limit("maximum"));
    FieldShape::Integer {
        least: lower.map_or(least, |it| it.max(least)),
        most: upper.map_or(most, |it| it.min(most)),
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use crate::{Chosen, Immutable, Schema};
    use ha_value::{Object, Value};

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Outputs {}

    #[test]
    fn accepts_integers_in_the_range_of_the_type() {
        #[derive(Serialize, Deserialize, JsonSchema)]
        struct Numbers {
            small: Option<u8>,
            port: Option<Chosen<Immutable<u16>>>,
            signed: Option<i32>,
            long: Option<u64>,
            #[serde(default)]
            sizes: Vec<i64>,
            share: Option<f64>,
        }
        let schema = Schema::derive::<Numbers, Outputs>();
        let wrong = |name: &str, value: Value| {
            let given = Object::from([(name.into(), value)]);
            let problems = schema.conform(&given).err().unwrap_or_default();
            problems
                .into_iter()
                .map(|it| format!("{}: {}", it.path, it.message))
                .collect::<String>()
        };
        let number = |text: &str| Value::Number(text.parse().unwrap());
        for (name, fits) in [
            ("small", "255"),
            ("port", "65535"),
            ("signed", "-2147483648"),
            ("long", "18446744073709551615"),
            ("share", "0.5"),
        ] {
            assert_eq!(wrong(name, number(fits)), "");
            assert_eq!(wrong(name, fits.into()), "");
        }
        for (name, odd) in [
            ("small", "256"),
            ("port", "-1"),
            ("signed", "2147483648"),
            ("long", "18446744073709551616"),
        ] {
            assert!(
                wrong(name, number(odd)).starts_with(&format!("{name}: a whole number from ")),
                "{name}"
            );
        }
        for name in ["small", "port", "signed", "long"] {
            let with_fraction =
                format!("{name}: a whole number is required, and this one has a fraction");
            assert_eq!(wrong(name, number("5432.5")), with_fraction);
            assert_eq!(wrong(name, number("5432.5").sensitive()), with_fraction);
            assert_eq!(wrong(name, "5432.5".into()), with_fraction);
        }
        assert!(
            wrong("sizes", Value::tuple([1.into(), number("1.5")]))
                .starts_with("sizes[1]: a whole number")
        );
    }
}
