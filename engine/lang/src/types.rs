//! Compiles the type constraints of variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_value::{AttributeType, Name, Type, Value, convert};

use crate::diagnostics::types as mistakes;
use crate::environment::{EmptyScope, EvaluationContext};
use crate::resolve::NameResolver;
use crate::syntax::{CallSyntax, Operator, SyntaxKind, SyntaxNode};

/// Compiles the value of a `type` argument; `any` after an error.
pub(crate) fn constraint(written: SyntaxNode, resolver: &mut NameResolver) -> Type {
    let span = resolver.span(written.at);
    match written.kind {
        SyntaxKind::Parenthesis(inner) => constraint(*inner, resolver),
        // Types are no values: they are read from the syntax tree and never evaluated.
        SyntaxKind::Root(name) => match &*name {
            "any" => Type::Any,
            "bool" => Type::Bool,
            "number" => Type::Number,
            "string" => Type::String,
            // `list` and `map` without element type are allowed for configurations of Terraform
            // 0.11.
            "list" => Type::List(Arc::new(Type::Any)),
            "map" => Type::Map(Arc::new(Type::Any)),
            "set" | "object" | "tuple" => {
                resolver.problems.push(mistakes::type_needs_argument(&name, span));
                Type::Any
            }
            _ => {
                resolver.problems.push(mistakes::no_such_type(&name, span));
                Type::Any
            }
        },
        SyntaxKind::Literal(Value::String(quoted)) => {
            resolver.problems.push(mistakes::quoted_type(&quoted, span));
            Type::Any
        }
        SyntaxKind::Call(call) => constructor(call, span, resolver),
        kind => {
            if let Some((summary, meant)) = foreign_notation(kind) {
                resolver.problems.push(mistakes::foreign_notation(summary, meant, span));
                return Type::Any;
            }
            resolver.problems.push(mistakes::not_a_type(span));
            Type::Any
        }
    }
}

fn constructor(
    call: CallSyntax,
    span: ha_diagnostics::SourceSpan,
    resolver: &mut NameResolver,
) -> Type {
    let mut arguments = call.arguments;
    let name = call.name.name;
    let named = resolver.span(call.name.at);
    if !matches!(&*name, "list" | "set" | "map" | "tuple" | "object") {
        let problem = match &*name {
            "optional" => mistakes::optional_outside_object(span),
            _ => mistakes::no_such_type(&name, named),
        };
        resolver.problems.push(problem);
        return Type::Any;
    }
    // The number of arguments is checked before their types, as the other ones would be ignored.
    if arguments.len() > 1 {
        resolver.problems.push(mistakes::one_argument(&name, arguments.len(), span));
        return Type::Any;
    }
    let Some(only) = arguments.pop() else {
        resolver.problems.push(mistakes::type_needs_argument(&name, span));
        return Type::Any;
    };
    match (&*name, only.kind) {
        ("tuple", SyntaxKind::Tuple(items)) => {
            Type::Tuple(Arc::new(items.into_iter().map(|it| constraint(it, resolver)).collect()))
        }
        ("object", SyntaxKind::Object(entries)) => {
            let mut attributes = BTreeMap::new();
            for (key, value) in entries {
                let Some(name) = key.text().map(Name::from) else {
                    resolver.problems.push(mistakes::not_a_type(resolver.span(key.at)));
                    continue;
                };
                if attributes.insert(name.clone(), attribute(value, resolver)).is_some() {
                    resolver
                        .problems
                        .push(mistakes::duplicate_attribute(&name, resolver.span(key.at)));
                }
            }
            Type::Object(Arc::new(attributes))
        }
        ("tuple" | "object", _) => {
            resolver.problems.push(mistakes::type_needs_argument(&name, span));
            Type::Any
        }
        (_, kind) => {
            let of = Arc::new(constraint(SyntaxNode { at: only.at, kind }, resolver));
            match &*name {
                "list" => Type::List(of),
                "set" => Type::Set(of),
                _ => Type::Map(of),
            }
        }
    }
}

fn attribute(written: SyntaxNode, resolver: &mut NameResolver) -> AttributeType {
    let span = resolver.span(written.at);
    let SyntaxKind::Call(call) = written.kind else {
        return AttributeType { ty: constraint(written, resolver), optional: false, default: None };
    };
    if &*call.name.name != "optional" {
        let ty = constructor(call, span, resolver);
        return AttributeType { ty, optional: false, default: None };
    }
    let mut arguments = call.arguments.into_iter();
    if arguments.len() > 2 {
        resolver.problems.push(mistakes::one_argument("optional", arguments.len(), span));
        return AttributeType { ty: Type::Any, optional: true, default: None };
    }
    let (Some(ty), default) = (arguments.next(), arguments.next()) else {
        resolver.problems.push(mistakes::type_needs_argument("optional", span));
        return AttributeType { ty: Type::Any, optional: true, default: None };
    };
    let ty = constraint(ty, resolver);
    let default = default.and_then(|it| constant(it, &ty, resolver));
    AttributeType { ty, optional: true, default }
}

/// Explains a type in the notation of another language: the mistake, and the equivalent type if there
/// is one.
fn foreign_notation(written: SyntaxKind) -> Option<(&'static str, Option<String>)> {
    match written {
        // `string || null`
        SyntaxKind::Binary(Operator::Or, sides) => {
            let summary = "there are no unions of types";
            let meant = match sides.map(|it| simple_type(&it)) {
                [Some("null"), Some(ty)] | [Some(ty), Some("null")] => Some(ty.to_owned()),
                [Some(_), Some(_)] => Some("any".to_owned()),
                _ => None,
            };
            Some((summary, meant.filter(|it| it != "null")))
        }
        // `List[string]`, `Optional[string]`
        SyntaxKind::Index(of, inner) => {
            let constructor = of.keyword()?.to_lowercase();
            let inner = simple_type(&inner)?;
            let meant = match &*constructor {
                "optional" | "nullable" => inner.to_owned(),
                "list" | "array" => format!("list({inner})"),
                "set" | "map" => format!("{constructor}({inner})"),
                _ => return None,
            };
            Some(("a type takes its element type in parentheses", Some(meant)))
        }
        // `[string]`
        SyntaxKind::Tuple(items) => {
            let meant = match items.as_slice() {
                [only] => simple_type(only).map(|it| format!("list({it})")),
                _ => None,
            };
            Some(("a list type is written `list(TYPE)`", meant))
        }
        // `{ name = string }`
        SyntaxKind::Object(entries) => {
            let attributes: Option<Vec<String>> = entries
                .iter()
                .map(|(key, value)| Some(format!("{} = {}", key.text()?, simple_type(value)?)))
                .collect();
            let meant = attributes.filter(|it| !it.is_empty());
            let meant = meant.map(|it| format!("object({{ {} }})", it.join(", ")));
            Some(("an object type is written `object({ NAME = TYPE })`", meant))
        }
        _ => None,
    }
}

/// The word that an expression is, where it is a type by itself or `null`.
fn simple_type(written: &SyntaxNode) -> Option<&'static str> {
    match &written.kind {
        SyntaxKind::Literal(Value::Null(_)) => Some("null"),
        SyntaxKind::Root(name) => {
            ["string", "number", "bool", "any"].into_iter().find(|it| **it == **name)
        }
        _ => None,
    }
}

/// The value of an expression that must be constant, converted to `ty`; `None` after an error.
pub(crate) fn constant(
    written: SyntaxNode,
    ty: &Type,
    resolver: &mut NameResolver,
) -> Option<Value> {
    let span = resolver.span(written.at);
    let before = resolver.problems.len();
    let expression = resolver.constant(written);
    if resolver.problems.len() > before {
        return None;
    }
    let outcome: Result<Value, Vec<Diagnostic>> =
        expression.evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope)).and_then(|it| {
            convert(&it, ty).map_err(|it| vec![mistakes::does_not_fit(&it, ty).at(span)])
        });
    match outcome {
        Ok(value) if !value.is_wholly_known() => {
            resolver.problems.push(mistakes::constant_is_not_known(expression.span().clone()));
            None
        }
        Ok(value) => Some(value),
        Err(problems) => {
            resolver.problems.extend(problems);
            None
        }
    }
}
