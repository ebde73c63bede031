//! Compares the parser with `hcl-edit`: both must give the same tree for every configuration of the
//! repository and for random ones.
//!
//! Intentional differences, which are not compared:
//! - White space in strings: this parser outdents heredocs and strips at `~`; `hcl-edit` retains
//!   both to write the file again.
//! - `"${x}"` is `x` here and a template of one part there; neither is a string.
//! - Parentheses, some of which `hcl-edit` drops: the precedence shows in the tree.
//! - Whether a splat was written as `.*` or `[*]`: its operand shows which.

#![expect(
    clippy::disallowed_methods,
    reason = "the test reads the configurations of the repository"
)]

use std::fs;
use std::path::{Path, PathBuf};

use hcl_edit::expr::{Expression, FuncCall, ObjectKey, TraversalOperator};
use hcl_edit::structure::{BlockLabel, Body, Structure};
use hcl_edit::template::{Directive, Element};
use proptest::prelude::*;

use crate::SourceFile;
use crate::syntax::{self, SyntaxKind, SyntaxNode, TemplateSyntax};

/// A string in quotes without its white space.
fn string(text: &str) -> String {
    let bare: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    format!("{bare:?}")
}

fn number(written: &str) -> String {
    format!("{:e}", written.parse::<f64>().expect("it is a number"))
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// The parts of a template, with adjacent strings joined.
fn template(parts: Vec<Result<String, String>>, is_heredoc: bool) -> String {
    let mut joined: Vec<Result<String, String>> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(Ok(before)), Ok(text)) => *before += &text,
            (_, part) => joined.push(part),
        }
    }
    joined.retain(|it| it.as_ref().map_or(true, |text| !text.trim().is_empty()));
    match joined.as_slice() {
        [] => string(""),
        [Ok(text)] => string(text),
        [Err(only)] if !is_heredoc && only.starts_with("${") => only[2..only.len() - 1].to_owned(),
        _ => format!(
            "t({})",
            list(joined.into_iter().map(|it| it.map_or_else(|it| it, |text| string(&text))))
        ),
    }
}

// Ours.

fn our_body(body: &syntax::BodySyntax) -> Vec<String> {
    let arguments =
        body.arguments.iter().map(|it| format!("{} = {}", it.name.name, ours(&it.value)));
    let blocks = body.blocks.iter().map(|it| {
        let labels: String = it.labels.iter().map(|label| format!(" {:?}", &*label.name)).collect();
        format!("{}{labels} {{ {} }}", it.kind.name, our_body(&it.body).join("; "))
    });
    arguments.chain(blocks).collect()
}

fn our_pieces(pieces: &[TemplateSyntax]) -> Vec<Result<String, String>> {
    let each = |piece: &TemplateSyntax| match piece {
        TemplateSyntax::Text(text) => Ok(text.clone()),
        TemplateSyntax::Value(node) => Err(format!("${{{}}}", ours(node))),
        TemplateSyntax::If { condition, then, otherwise } => {
            let (then, otherwise) =
                (template(our_pieces(then), true), template(our_pieces(otherwise), true));
            Err(format!("if {} {then} else {otherwise}", ours(condition)))
        }
        TemplateSyntax::For { key, value, collection, body } => {
            let key = key.as_ref().map(|it| format!("{}, ", it.name)).unwrap_or_default();
            Err(format!(
                "for {key}{} in {} {}",
                value.name,
                ours(collection),
                template(our_pieces(body), true)
            ))
        }
    };
    pieces.iter().map(each).collect()
}

fn ours(node: &SyntaxNode) -> String {
    match &node.kind {
        SyntaxKind::Literal(ha_value::Value::Null(_)) => "null".into(),
        SyntaxKind::Literal(ha_value::Value::Bool(it)) => it.to_string(),
        SyntaxKind::Literal(ha_value::Value::Number(it)) => number(&it.to_string()),
        SyntaxKind::Literal(other) => string(other.as_str().unwrap_or_default()),
        SyntaxKind::Root(name) => name.to_string(),
        SyntaxKind::Attribute(of, word) => format!("{}.{}", ours(of), word.name),
        SyntaxKind::Index(of, key) => format!("{}[{}]", ours(of), ours(key)),
        SyntaxKind::Splat(of, each) => format!("{}[*]{}", ours(of), ours(each)),
        SyntaxKind::Element => String::new(),
        SyntaxKind::Template(pieces) => template(our_pieces(pieces), false),
        SyntaxKind::Tuple(items) => format!("[{}]", list(items.iter().map(ours))),
        SyntaxKind::Object(entries) => {
            format!(
                "{{{}}}",
                list(entries.iter().map(|(key, value)| format!("{} = {}", ours(key), ours(value))))
            )
        }
        SyntaxKind::Parenthesis(inner) => ours(inner),
        SyntaxKind::Conditional(it) => {
            format!("<{} ? {} : {}>", ours(&it[0]), ours(&it[1]), ours(&it[2]))
        }
        SyntaxKind::Not(it) => format!("!{}", ours(it)),
        SyntaxKind::Negative(it) => format!("-{}", ours(it)),
        SyntaxKind::Binary(operator, it) => {
            format!("<{} {} {}>", ours(&it[0]), operator.sign(), ours(&it[1]))
        }
        SyntaxKind::Call(call) => {
            let dots = if call.spread { "..." } else { "" };
            format!("{}({}{dots})", call.name.name, list(call.arguments.iter().map(ours)))
        }
        SyntaxKind::For(it) => {
            let key = it.key.as_ref().map(|it| format!("{}, ", it.name)).unwrap_or_default();
            let result_key =
                it.result_key.as_ref().map(|it| format!("{} => ", ours(it))).unwrap_or_default();
            let dots = if it.grouping { "..." } else { "" };
            let condition =
                it.condition.as_ref().map(|it| format!(" if {}", ours(it))).unwrap_or_default();
            let (value, collection, result) =
                (&it.value.name, ours(&it.collection), ours(&it.result));
            format!("[for {key}{value} in {collection} : {result_key}{result}{dots}{condition}]")
        }
    }
}

// Theirs.

fn their_body(body: &Body) -> Vec<String> {
    let arguments =
        body.attributes().map(|it| format!("{} = {}", it.key.as_str(), theirs(&it.value)));
    let blocks = body.iter().filter_map(Structure::as_block).map(|it| {
        let label = |label: &BlockLabel| format!(" {:?}", label.as_str());
        let labels: String = it.labels.iter().map(label).collect();
        format!("{}{labels} {{ {} }}", it.ident.as_str(), their_body(&it.body).join("; "))
    });
    arguments.chain(blocks).collect()
}

fn their_elements<'e>(elements: impl Iterator<Item = &'e Element>) -> Vec<Result<String, String>> {
    let each = |element: &Element| match element {
        Element::Literal(text) => Ok(text.to_string()),
        Element::Interpolation(it) => Err(format!("${{{}}}", theirs(&it.expr))),
        Element::Directive(it) => match &**it {
            Directive::If(it) => {
                let then = template(their_elements(it.if_expr.template.iter()), true);
                let otherwise = it
                    .else_expr
                    .as_ref()
                    .map(|it| their_elements(it.template.iter()))
                    .unwrap_or_default();
                Err(format!(
                    "if {} {then} else {}",
                    theirs(&it.if_expr.cond_expr),
                    template(otherwise, true)
                ))
            }
            Directive::For(it) => {
                let it = &it.for_expr;
                let key =
                    it.key_var.as_ref().map(|it| format!("{}, ", it.as_str())).unwrap_or_default();
                let body = template(their_elements(it.template.iter()), true);
                Err(format!(
                    "for {key}{} in {} {body}",
                    it.value_var.as_str(),
                    theirs(&it.collection_expr)
                ))
            }
        },
    };
    elements.map(each).collect()
}

fn their_call(call: &FuncCall) -> String {
    let spaces: String =
        call.name.namespace.iter().map(|it| format!("{}::", it.as_str())).collect();
    let dots = if call.args.expand_final() { "..." } else { "" };
    format!("{spaces}{}({}{dots})", call.name.name.as_str(), list(call.args.iter().map(theirs)))
}

fn theirs(expression: &Expression) -> String {
    match expression {
        Expression::Null(_) => "null".into(),
        Expression::Bool(it) => it.to_string(),
        Expression::Number(it) => number(&it.to_string()),
        Expression::String(it) => string(it),
        Expression::Array(items) => format!("[{}]", list(items.iter().map(theirs))),
        Expression::Object(entries) => {
            let entry = |(key, value): (&ObjectKey, &hcl_edit::expr::ObjectValue)| {
                let key = match key {
                    ObjectKey::Ident(name) => string(name.as_str()),
                    // Keywords are names here as well.
                    ObjectKey::Expression(word @ (Expression::Null(_) | Expression::Bool(_))) => {
                        string(&theirs(word))
                    }
                    ObjectKey::Expression(it) => theirs(it),
                };
                format!("{key} = {}", theirs(value.expr()))
            };
            format!("{{{}}}", list(entries.iter().map(entry)))
        }
        Expression::StringTemplate(it) => template(their_elements(it.iter()), false),
        Expression::HeredocTemplate(it) => template(their_elements(it.template.iter()), true),
        Expression::Parenthesis(it) => theirs(it.inner()),
        Expression::Variable(name) => name.as_str().to_owned(),
        Expression::Conditional(it) => {
            format!(
                "<{} ? {} : {}>",
                theirs(&it.cond_expr),
                theirs(&it.true_expr),
                theirs(&it.false_expr)
            )
        }
        Expression::FuncCall(it) => their_call(it),
        Expression::Traversal(it) => {
            let step = |step: &TraversalOperator| match step {
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                    "[*]".to_owned()
                }
                TraversalOperator::GetAttr(name) => format!(".{}", name.as_str()),
                TraversalOperator::Index(key) => format!("[{}]", theirs(key)),
                TraversalOperator::LegacyIndex(index) => {
                    format!("[{}]", number(&index.to_string()))
                }
            };
            let steps: String = it.operators.iter().map(|it| step(it)).collect();
            format!("{}{steps}", theirs(&it.expr))
        }
        Expression::UnaryOp(it) => format!("{}{}", it.operator.as_str(), theirs(&it.expr)),
        Expression::BinaryOp(it) => {
            format!("<{} {} {}>", theirs(&it.lhs_expr), it.operator.as_str(), theirs(&it.rhs_expr))
        }
        Expression::ForExpr(it) => {
            let key = it
                .intro
                .key_var
                .as_ref()
                .map(|it| format!("{}, ", it.as_str()))
                .unwrap_or_default();
            let result_key =
                it.key_expr.as_ref().map(|it| format!("{} => ", theirs(it))).unwrap_or_default();
            let dots = if it.grouping { "..." } else { "" };
            let condition =
                it.cond.as_ref().map(|it| format!(" if {}", theirs(&it.expr))).unwrap_or_default();
            let (value, collection) =
                (it.intro.value_var.as_str(), theirs(&it.intro.collection_expr));
            format!(
                "[for {key}{value} in {collection} : {result_key}{}{dots}{condition}]",
                theirs(&it.value_expr)
            )
        }
    }
}

/// The first difference between the two trees, or that only one of the parsers accepts the text.
fn compared(name: &str, text: &str) -> Result<(), String> {
    let (body, problems) = super::body(&SourceFile::new(name, text));
    let theirs = hcl_edit::parser::parse_body(text.trim_start_matches('\u{feff}'));
    match (problems.as_slice(), theirs) {
        ([], Ok(theirs)) => {
            let (ours, theirs) = (our_body(&body), their_body(&theirs));
            match ours.iter().zip(&theirs).find(|(a, b)| a != b) {
                Some((a, b)) => Err(format!("{name}\n  ours   {a}\n  theirs {b}")),
                None if ours.len() == theirs.len() => Ok(()),
                None => {
                    Err(format!("{name}: {} items, and {} in the other", ours.len(), theirs.len()))
                }
            }
        }
        ([_, ..], Err(_)) => Ok(()),
        ([problem, ..], Ok(_)) => Err(format!(
            "{name}: only this parser rejects it: {} {:?}\n{text}",
            problem.summary, problem.span
        )),
        ([], Err(error)) => Err(format!("{name}: only `hcl-edit` rejects it: {error}\n{text}")),
    }
}

/// Collects the configurations below a directory.
fn configurations(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(&*name, "target" | ".git" | ".ha") {
            configurations(&path, found);
        } else if [".hcl", ".tf", ".hclvars", ".tfvars"].iter().any(|it| name.ends_with(it)) {
            found.push(path);
        }
    }
}

#[test]
fn both_parsers_agree_on_the_configurations_of_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    configurations(&root, &mut all);
    let differ: Vec<String> = all
        .iter()
        .filter_map(|it| compared(&it.display().to_string(), &fs::read_to_string(it).ok()?).err())
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(all.len() > 10, "{}", all.len());
}

/// Random expressions with all constructs of the language.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (0_u32..100_000).prop_map(|it| it.to_string()),
        (0_u32..100, 0_u32..100).prop_map(|(a, b)| format!("{a}.{b}")),
        "[a-z][a-z0-9_]{0,5}".prop_filter("a word of the language", |it| !matches!(
            &**it,
            "for" | "in" | "if" | "null" | "true" | "false"
        )),
        "[a-zA-Zäß0-9 .:/-]{0,8}".prop_map(|it| format!("\"{it}\"")),
        Just(r#""a\n\"b\" \\ \u00e9 $${x} %%{y}""#.to_owned()),
    ];
    leaf.prop_recursive(4, 48, 4, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("{a} ? {b} : {c}")),
            inner.clone().prop_map(|it| format!("({it})")),
            inner.clone().prop_map(|it| format!("!({it})")),
            inner.clone().prop_map(|it| format!("-({it})")),
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|it| format!("[{}]", it.join(", "))),
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|it| format!("f({})", it.join(", "))),
            inner.clone().prop_map(|it| format!("core::g({it}...)")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{{ x = {a}, \"y z\" : {b} }}")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{{\n (k) = {a}\n y = {b}\n}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[for i in ({a}) : {b}]")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("{{ for k, v in ({a}) : k => {b}... if ({c}) }}")),
            inner.clone().prop_map(|it| format!("v.a[{it}].b")),
            Just("v.a[*].b[0]".to_owned()),
            Just("v.*.a.b".to_owned()),
            Just("v.0.a".to_owned()),
            inner.clone().prop_map(|it| format!("\"x ${{{it}}} y\"")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("\"%{{ if {a} }}x%{{ else }}${{{b}}}%{{ endif }}\"")),
            inner
                .clone()
                .prop_map(|it| format!("\"%{{ for k, v in {it} ~}} ${{v}} %{{~ endfor }}\"")),
        ]
    })
}

/// Random bodies of arguments, blocks and heredocs.
fn bodies() -> impl Strategy<Value = String> {
    let item = |at: usize, value: String| match at % 5 {
        0 => format!("a{at} = {value}\n"),
        1 => format!(
            "# remark\nb{at} \"x\" y {{\n  c = {value}\n  d {{ e = {value} }}\n  f {{}}\n}}\n"
        ),
        2 => format!("a{at} = <<EOT\ntext ${{{value}}} more\nEOT\n"),
        3 => format!("a{at} = <<-EOT\n    text\n      ${{{value}}}\n    EOT\n"),
        _ => format!("a{at} = [ // remark\n  {value}, /* remark */\n]\n"),
    };
    prop::collection::vec(expressions(), 1..6).prop_map(move |values| {
        values.into_iter().enumerate().map(|(at, value)| item(at, value)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_parsers_agree_on_random_bodies(text in bodies()) {
        if let Err(difference) = compared("random", &text) {
            prop_assert!(false, "{difference}\n{text}");
        }
    }
}
