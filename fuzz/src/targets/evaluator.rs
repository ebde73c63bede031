//! Expressions over known, unknown and secret values.

use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_lang::{
    BlockName, EvaluationContext, FileSource, ReferenceTarget as Name, SourceFile, ValueScope,
    expression,
};
use ha_value::{InstanceKey, Type, Value};

use super::problems::summaries;
use crate::target::{FuzzTarget, files, likeness};

pub(super) const TARGET: FuzzTarget = FuzzTarget { name: "evaluator", words: WORDS, seeds, run };

const WORDS: &[&str] = &[
    "local.text",
    "local.number",
    "local.list",
    "local.set",
    "local.map",
    "local.object",
    "local.null",
    "local.secret",
    "local.open",
    "local.open_list",
    "local.open_any",
    "local.part",
    "${",
    "}",
    "%{ for x in ",
    "%{ if ",
    "%{ endfor }",
    "%{ endif }",
    "[for x in ",
    " : x]",
    "{ for k, v in ",
    " : k => v... }",
    " if ",
    "[*]",
    ".*",
    ".a",
    "[0]",
    "[-1]",
    "...",
    "(",
    ")",
    "[",
    "]",
    "{",
    ",",
    "\"",
    " = ",
    " ? ",
    " : ",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " == ",
    " != ",
    " < ",
    " >= ",
    " && ",
    " || ",
    "!",
    "-",
    "null",
    "1e400",
    "0.1",
    "99999999999999999999",
    "try(",
    "can(",
    "templatestring(\"",
    "range(",
    "format(\"%v\", ",
    "jsonencode(",
    "jsondecode(",
    "yamldecode(",
    "setproduct(",
    "flatten(",
    "merge(",
    "concat(",
    "join(\",\", ",
    "split(",
    "replace(",
    "regexall(",
    "substr(",
    "cidrsubnet(",
    "formatdate(",
    "timeadd(",
    "csvdecode(",
    "base64decode(",
    "textencodebase64(",
    "toset(",
    "tomap(",
    "tolist(",
    "sensitive(",
    "nonsensitive(",
    "slice(",
    "chunklist(",
    "zipmap(",
    "element(",
    "lookup(",
    "transpose(",
    "pow(",
    "parseint(",
    "indent(",
    "file(\"a\")",
    "sort(",
    "sum(",
    "coalesce(",
    "matchkeys(",
];

fn seeds() -> Vec<Vec<u8>> {
    let tables = files("engine/lang/tests/language/cases");
    let lines = tables.iter().flat_map(|it| it.split(|it| *it == b'\n'));
    let expressions =
        lines.map(|it| it.windows(4).position(|it| it == b"  =>").map_or(it, |end| &it[..end]));
    expressions.filter(|it| !it.is_empty()).map(<[u8]>::to_vec).collect()
}

fn run(input: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(input);
    let file = SourceFile::new("<input>", &*text);
    let expression = match expression("<input>", &text) {
        Ok(expression) => expression,
        Err(problems) => return likeness(summaries(&problems, &file)),
    };
    let environment = EvaluationContext::new(&EvaluatorScope, &EvaluatorScope);
    let outcome = expression.evaluate(&environment);
    match &outcome {
        Ok(value) => likeness((
            Type::of_value(value).to_string(),
            value.contains_sensitive(),
            value.is_wholly_known(),
        )),
        Err(problems) => {
            assert!(!problems.is_empty(), "it has no value, and nothing is wrong");
            likeness(summaries(problems, &file))
        }
    }
}

struct EvaluatorScope;

impl ValueScope for EvaluatorScope {
    fn value(&self, target: &Name) -> Result<Value, Box<Diagnostic>> {
        let open = |ty: Type| Value::unknown(ty, Some("aws_x.y.id".into()));
        let texts = || [Value::from("b"), Value::from("a"), Value::from("é")];
        let object = || [("a".into(), Value::from(1)), ("b".into(), Value::from("x"))];
        Ok(match target.to_string().as_str() {
            "local.text" => Value::from("text"),
            "local.number" => Value::from(7),
            "local.list" => Value::list(texts()),
            "local.set" => Value::Set(Arc::new(texts().into_iter().collect())),
            "local.map" => {
                Value::Map(Arc::new([("a".into(), Value::from(1))].into_iter().collect()))
            }
            "local.object" => Value::object(object()),
            "local.null" => Value::NULL,
            "local.secret" => Value::from("hush").sensitive(),
            "local.open" => open(Type::String),
            "local.open_list" => open(Type::List(Arc::new(Type::Number))),
            "local.open_any" => open(Type::Any),
            "local.part" => Value::tuple([
                open(Type::String),
                Value::from(2).sensitive(),
                Value::object(object()),
            ]),
            other => {
                return Err(Box::new(Diagnostic::error(format!("nothing is known of `{other}`"))));
            }
        })
    }

    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        Err(Box::new(Diagnostic::error(format!("there is no `{block}{key}`"))))
    }
}

impl FileSource for EvaluatorScope {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        match path {
            "a" => Ok((*b"a ${x} %{ if true }b%{ endif }\xff").into()),
            _ => Err("there is no such file".into()),
        }
    }
}
