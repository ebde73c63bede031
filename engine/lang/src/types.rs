//! Types as they are written in `type = …`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_value::{AttributeType, Name, Type, Value, convert};

use crate::diagnostics::types as mistakes;
use crate::environment::{EmptyScope, EvaluationContext};
use crate::resolve::NameResolver;
use crate::syntax::{CallSyntax, SyntaxKind, SyntaxNode};

/// The type that a `type` argument says.
pub(crate) fn constraint(written: SyntaxNode, resolver: &mut NameResolver) -> Type {
    let span = resolver.span(written.at);
    match written.kind {
        SyntaxKind::Parenthesis(inner) => constraint(*inner, resolver),
        SyntaxKind::Root(name) => match &*name {
            "any" => Type::Any,
            "bool" => Type::Bool,
            "number" => Type::Number,
            "string" => Type::String,
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
        _ => {
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

/// The value of an expression that refers to nothing, as one of `ty`.
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
