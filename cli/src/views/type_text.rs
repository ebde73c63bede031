//! Writes types on several lines.

use ha_value::Type;

/// Writes a type on as many lines as needed.
pub(crate) fn type_text(ty: &Type, indent: usize) -> String {
    let (outer, below) = (" ".repeat(indent), indent + 4);
    let inner = " ".repeat(below);
    match ty {
        Type::Any => "dynamic".into(),
        Type::List(of) => format!("list({})", type_text(of, indent)),
        Type::Set(of) => format!("set({})", type_text(of, indent)),
        Type::Map(of) => format!("map({})", type_text(of, indent)),
        Type::Tuple(of) if !of.is_empty() => {
            let items: String =
                of.iter().map(|it| format!("{inner}{},\n", type_text(it, below))).collect();
            format!("tuple([\n{items}{outer}])")
        }
        Type::Object(of) if !of.is_empty() => {
            let item = |(name, it): (&ha_value::Name, &ha_value::AttributeType)| {
                format!("{inner}{name}: {},\n", type_text(&it.ty, below))
            };
            format!("object({{\n{}{outer}}})", of.iter().map(item).collect::<String>())
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use ha_value::Value;

    use super::*;

    #[test]
    fn objects_and_tuples_are_set_out() {
        let of = |value: &Value| type_text(&Type::of_value(value), 0);
        let value = Value::object([
            ("a".into(), Value::from(1)),
            ("b".into(), Value::tuple([Value::from("x")])),
        ]);
        assert_eq!(
            of(&value),
            "object({\n    a: number,\n    b: tuple([\n        string,\n    ]),\n})"
        );
        assert_eq!(
            of(&Value::list([value.clone()])),
            "list(object({\n    a: number,\n    b: tuple([\n        string,\n    ]),\n}))"
        );
        assert_eq!(of(&Value::tuple([])), "tuple([])");
        assert_eq!(of(&Value::object([])), "object({})");
        assert_eq!(of(&Value::NULL), "dynamic");
    }
}
