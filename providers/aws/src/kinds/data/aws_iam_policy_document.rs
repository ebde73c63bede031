//! An IAM policy written as blocks.

use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::policy::quoted;

/// An IAM policy, written as blocks. No service is called: the policy is known as soon as its
/// arguments are.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PolicyDocumentData {
    /// Id of the policy.
    policy_id: Option<Text>,
    /// Version of the policy language.
    #[serde(default = "version")]
    version: String,
    /// Statements of the policy.
    #[serde(default)]
    statement: Vec<PolicyStatement>,
    /// Policies, as JSON, whose statements come first. A later statement with the same `sid`
    /// replaces one of these.
    #[serde(default)]
    source_policy_documents: Vec<String>,
    /// Policies, as JSON, whose statements come last and replace those with the same `sid`.
    #[serde(default)]
    override_policy_documents: Vec<String>,
}

/// A statement of the policy.
#[derive(Debug, Deserialize, JsonSchema)]
struct PolicyStatement {
    /// Id of the statement, unique in the policy.
    sid: Option<String>,
    /// Effect: `Allow` or `Deny`.
    #[serde(default)]
    effect: StatementEffect,
    /// Actions, such as `s3:GetObject`.
    #[serde(default)]
    actions: Vec<Text>,
    /// All actions except these.
    #[serde(default)]
    not_actions: Vec<Text>,
    /// ARNs of the resources.
    #[serde(default)]
    resources: Vec<Text>,
    /// All resources except these.
    #[serde(default)]
    not_resources: Vec<Text>,
    /// Principals of the statement.
    #[serde(default)]
    principals: Vec<StatementPrincipal>,
    /// All principals except these.
    #[serde(default)]
    not_principals: Vec<StatementPrincipal>,
    /// Conditions, all of which must hold.
    #[serde(default)]
    condition: Vec<StatementCondition>,
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
enum StatementEffect {
    #[default]
    Allow,
    Deny,
}

/// Principals of the statement.
#[derive(Debug, Deserialize, JsonSchema)]
struct StatementPrincipal {
    /// Type: `AWS`, `Service`, `Federated`, `CanonicalUser`, or `*`.
    #[serde(rename = "type")]
    ty: String,
    /// Identifiers of accounts, users, roles or services.
    identifiers: Vec<Text>,
}

/// A condition of a statement.
#[derive(Debug, Deserialize, JsonSchema)]
struct StatementCondition {
    /// Operator, such as `StringEquals`.
    test: String,
    /// Condition key, such as `aws:SourceAccount`.
    variable: String,
    /// Values, any of which may match.
    values: Vec<Text>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PolicyDocumentOutputs {
    /// The policy as JSON over several lines.
    json: Text,
    /// The policy as JSON in one line.
    minified_json: Text,
}

fn version() -> String {
    "2012-10-17".into()
}

/// Fields in the order of the configuration.
type OrderedEntries<T> = Vec<(String, T)>;

/// JSON whose strings may have secret or unknown parts.
enum JsonText {
    Text(Text),
    List(Vec<JsonText>),
    Object(OrderedEntries<JsonText>),
    Plain(Json),
}

impl Document for PolicyDocumentData {
    const KIND: &'static str = "aws_iam_policy_document";
    type Outputs = PolicyDocumentOutputs;

    fn render(&self) -> Result<PolicyDocumentOutputs, Vec<ArgumentProblem>> {
        let mut problems = self.problems();
        let mut statements = Vec::new();
        self.take_over(
            "source_policy_documents",
            &self.source_policy_documents,
            &mut statements,
            &mut problems,
        );
        for statement in &self.statement {
            place(&mut statements, statement.sid.clone(), statement.node());
        }
        self.take_over(
            "override_policy_documents",
            &self.override_policy_documents,
            &mut statements,
            &mut problems,
        );
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut fields = vec![("Version".to_owned(), JsonText::Text(self.version.as_str().into()))];
        fields.extend(self.policy_id.clone().map(|it| ("Id".to_owned(), JsonText::Text(it))));
        fields.push((
            "Statement".to_owned(),
            JsonText::List(statements.into_iter().map(|(_, it)| it).collect()),
        ));
        let policy = JsonText::Object(fields);
        Ok(PolicyDocumentOutputs {
            json: written(&policy, Some(0)),
            minified_json: written(&policy, None),
        })
    }
}

impl PolicyDocumentData {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let mut problems = Vec::new();
        for (index, statement) in self.statement.iter().enumerate() {
            let at = Path::attribute("statement").index(index);
            let mut problem = |name: &str, message: &str| {
                problems.push(ArgumentProblem { path: at.name(name), message: message.to_owned() });
            };
            match (statement.actions.is_empty(), statement.not_actions.is_empty()) {
                (true, true) => problem("actions", "a statement has `actions` or `not_actions`"),
                (false, false) => {
                    problem("not_actions", "a statement has `actions` or `not_actions`, not both")
                }
                _ => {}
            }
            if !statement.resources.is_empty() && !statement.not_resources.is_empty() {
                problem(
                    "not_resources",
                    "a statement has `resources` or `not_resources`, not both",
                );
            }
            if !statement.principals.is_empty() && !statement.not_principals.is_empty() {
                problem(
                    "not_principals",
                    "a statement has `principals` or `not_principals`, not both",
                );
            }
            if statement
                .sid
                .as_ref()
                .is_some_and(|it| !it.chars().all(|it| it.is_ascii_alphanumeric()))
            {
                problem("sid", "a `sid` has only letters and digits");
            }
        }
        let sids: Vec<&String> = self.statement.iter().filter_map(|it| it.sid.as_ref()).collect();
        for (index, sid) in sids.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
            if sids[..index].contains(sid) {
                let message = format!("two statements have the `sid` `{sid}`");
                problems.push(ArgumentProblem { path: Path::attribute("statement"), message });
            }
        }
        problems
    }

    /// Adds the statements of whole policies to the others.
    fn take_over(
        &self,
        at: &str,
        documents: &[String],
        statements: &mut Vec<(Option<String>, JsonText)>,
        problems: &mut Vec<ArgumentProblem>,
    ) {
        for (index, document) in
            documents.iter().enumerate().filter(|(_, it)| !it.trim().is_empty())
        {
            let policy = match crate::policy::NormalizedPolicy::parse(document) {
                Ok(policy) => policy,
                Err(message) => {
                    problems
                        .push(ArgumentProblem { path: Path::attribute(at).index(index), message });
                    continue;
                }
            };
            let mut policy: Json =
                serde_json::from_str(policy.as_str()).expect("a policy in normal form is JSON");
            let Some(Json::Array(of_it)) = policy.get_mut("Statement").map(Json::take) else {
                continue;
            };
            for statement in of_it {
                let sid = statement.get("Sid").and_then(Json::as_str).map(str::to_owned);
                place(statements, sid, JsonText::Plain(statement));
            }
        }
    }
}

/// Replaces the statement with the same `sid`, or appends the statement.
fn place(statements: &mut Vec<(Option<String>, JsonText)>, sid: Option<String>, node: JsonText) {
    let sid = sid.filter(|it| !it.is_empty());
    match statements.iter_mut().find(|(name, _)| name.is_some() && *name == sid) {
        Some((_, there)) => *there = node,
        None => statements.push((sid, node)),
    }
}

impl PolicyStatement {
    fn node(&self) -> JsonText {
        let mut fields = Vec::new();
        fields.extend(
            self.sid
                .as_deref()
                .filter(|it| !it.is_empty())
                .map(|it| ("Sid".to_owned(), JsonText::Text(it.into()))),
        );
        let effect = match self.effect {
            StatementEffect::Allow => "Allow",
            StatementEffect::Deny => "Deny",
        };
        fields.push(("Effect".to_owned(), JsonText::Text(effect.into())));
        for (name, principals) in
            [("Principal", &self.principals), ("NotPrincipal", &self.not_principals)]
        {
            fields.extend(
                (!principals.is_empty()).then(|| (name.to_owned(), of_principals(principals))),
            );
        }
        let texts = [
            ("Action", &self.actions),
            ("NotAction", &self.not_actions),
            ("Resource", &self.resources),
            ("NotResource", &self.not_resources),
        ];
        for (name, texts) in texts {
            fields.extend((!texts.is_empty()).then(|| (name.to_owned(), choices(texts))));
        }
        if !self.condition.is_empty() {
            let mut tests: OrderedEntries<OrderedEntries<Vec<Text>>> = Vec::new();
            for StatementCondition { test, variable, values } in &self.condition {
                let variables = entry(&mut tests, test);
                entry(variables, variable).extend(values.iter().cloned());
            }
            let of_test = |variables: OrderedEntries<Vec<Text>>| {
                JsonText::Object(
                    variables.into_iter().map(|(name, values)| (name, choices(&values))).collect(),
                )
            };
            let tests = tests.into_iter().map(|(test, variables)| (test, of_test(variables)));
            fields.push(("Condition".to_owned(), JsonText::Object(tests.collect())));
        }
        JsonText::Object(fields)
    }
}

fn of_principals(principals: &[StatementPrincipal]) -> JsonText {
    if let [StatementPrincipal { ty, identifiers }] = principals
        && ty == "*"
        && let [all] = identifiers.as_slice()
        && all.known().as_deref() == Some("*")
    {
        return JsonText::Text("*".into());
    }
    let mut by_type: OrderedEntries<Vec<Text>> = Vec::new();
    for StatementPrincipal { ty, identifiers } in principals {
        entry(&mut by_type, ty).extend(identifiers.iter().cloned());
    }
    JsonText::Object(by_type.into_iter().map(|(ty, names)| (ty, choices(&names))).collect())
}

fn entry<'a, T: Default>(entries: &'a mut OrderedEntries<T>, name: &str) -> &'a mut T {
    let at = entries.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
        entries.push((name.to_owned(), T::default()));
        entries.len() - 1
    });
    &mut entries[at].1
}

/// A single value, or a list of several: the normal form of IAM.
fn choices(texts: &[Text]) -> JsonText {
    match texts {
        [one] => JsonText::Text(one.clone()),
        many => JsonText::List(many.iter().cloned().map(JsonText::Text).collect()),
    }
}

/// The JSON text, over several lines where an indentation is given.
fn written(node: &JsonText, depth: Option<usize>) -> Text {
    let inner = depth.map(|it| it + 1);
    let line = |text: &mut Text, depth: Option<usize>| {
        if let Some(depth) = depth {
            text.push_str(&format!("\n{}", "  ".repeat(depth)));
        }
    };
    let mut text = Text::new();
    match node {
        JsonText::Text(it) => text.push(&quoted(it)),
        JsonText::Plain(Json::String(it)) => text.push(&quoted(&it.as_str().into())),
        JsonText::Plain(Json::Array(items)) => {
            return written(
                &JsonText::List(items.iter().cloned().map(JsonText::Plain).collect()),
                depth,
            );
        }
        JsonText::Plain(Json::Object(items)) => {
            let items = items.iter().map(|(name, it)| (name.clone(), JsonText::Plain(it.clone())));
            return written(&JsonText::Object(items.collect()), depth);
        }
        JsonText::Plain(it) => text.push_str(&it.to_string()),
        JsonText::List(items) if items.is_empty() => text.push_str("[]"),
        JsonText::List(items) => {
            text.push_str("[");
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                line(&mut text, inner);
                text.push(&written(item, inner));
            }
            line(&mut text, depth);
            text.push_str("]");
        }
        JsonText::Object(items) if items.is_empty() => text.push_str("{}"),
        JsonText::Object(items) => {
            text.push_str("{");
            for (index, (name, item)) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                line(&mut text, inner);
                text.push(&quoted(&name.as_str().into()));
                text.push_str(if depth.is_some() { ": " } else { ":" });
                text.push(&written(item, inner));
            }
            line(&mut text, depth);
            text.push_str("}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> PolicyDocumentData {
        serde_json::from_str(json).unwrap()
    }

    fn json(json: &str) -> String {
        document(json).render().unwrap().json.known().unwrap()
    }

    #[test]
    fn blocks_become_a_policy() {
        let rendered = json(
            r#"{"statement": [{"sid": "Read", "actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/*", "arn:aws:s3:::b"],
            "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
            "condition": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}]}]}"#,
        );
        let expected = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Read",
      "Effect": "Allow",
      "Principal": {
        "Service": "ec2.amazonaws.com"
      },
      "Action": "s3:GetObject",
      "Resource": [
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::b"
      ],
      "Condition": {
        "Bool": {
          "aws:SecureTransport": "true"
        }
      }
    }
  ]
}"#;
        assert_eq!(rendered, expected);
    }

    #[test]
    fn unknown_values_become_parts_of_the_text() {
        let rendered = document(
            r#"{"statement": [{"actions": ["s3:*"], "resources": [{"$unknown": ["string", "aws_s3_bucket.b.arn"]}]}]}"#,
        );
        let rendered = rendered.render().unwrap();
        assert!(rendered.json.known().is_none());
        let clear: String =
            rendered.minified_json.parts().iter().map(|it| format!("{it:?}")).collect();
        assert!(clear.contains("aws_s3_bucket.b.arn") && clear.contains("s3:*"), "{clear}");
    }

    #[test]
    fn later_statements_replace_those_with_their_sid() {
        let rendered = json(
            r#"{"source_policy_documents": ["{\"Statement\": [{\"Sid\": \"A\", \"Effect\": \"Allow\", \"Action\": \"x:y\"}, {\"Effect\": \"Deny\", \"Action\": \"z:*\"}]}"],
            "statement": [{"sid": "A", "actions": ["new:action"]}]}"#,
        );
        assert!(
            rendered.contains("new:action")
                && rendered.contains("z:*")
                && !rendered.contains("x:y"),
            "{rendered}"
        );
    }

    #[test]
    fn names_the_argument_of_a_mistake() {
        let problems =
            document(r#"{"statement": [{"resources": ["*"]}], "source_policy_documents": ["{"]}"#)
                .render()
                .unwrap_err();
        let written: Vec<String> =
            problems.iter().map(|it| format!("{}: {}", it.path, it.message)).collect();
        assert_eq!(written.len(), 2, "{written:?}");
        assert!(written[0].starts_with("statement[0].actions"), "{written:?}");
    }
}
