//! Values of variables: from the environment, files and the command line, later ones in the place
//! of earlier ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::{
    BlockName, Condition, Configuration, EvaluationContext, FileFamily, FileSource,
    ReferenceTarget, SourceFile, ValueScope, VariableBlock, value_of_text, values_file,
};
use ha_value::{Name, Type, Value, closest, convert};

use crate::workspace::selected::workspace;

/// More names of variables are not listed in a message.
const MOST_NAMES: usize = 8;

/// Where values come from, in the order in which they count.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariableValues {
    /// How files and variables of the environment are named.
    pub(crate) family: FileFamily,
    /// The environment's name, where it has one.
    pub(crate) workspace: Option<String>,
    /// `HA_VAR_name`, without the front.
    pub(crate) environment: Vec<(String, String)>,
    /// `ha.hclvars`, then `*.auto.hclvars`, then those of the environment asked for.
    pub(crate) found: Vec<SourceFile>,
    /// `--var` and `--var-file`.
    pub(crate) asked: Vec<RequestedValue>,
}

/// A value asked for on the command line.
#[derive(Clone, Debug)]
pub(crate) enum RequestedValue {
    /// `--var name=value`.
    Value(String, String),
    /// `--var-file`.
    File(SourceFile),
}

/// What variables are, as far as they could be worked out.
#[derive(Debug, Default)]
pub(crate) struct ResolvedVariables {
    /// Every variable of the configuration.
    pub(crate) values: BTreeMap<Name, Value>,
    /// All that is wrong, and what is worth a look.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What was given for sensitive variables, whether it will do or not.
    pub(crate) secrets: Vec<Value>,
}

/// A value as it was given.
struct CandidateValue {
    value: Result<Value, Vec<Diagnostic>>,
    /// Where, in words.
    origin: String,
    span: Option<SourceSpan>,
}

/// Works out what every variable is.
pub(crate) fn variables(
    configuration: &Configuration,
    given: &VariableValues,
    files: &dyn FileSource,
) -> ResolvedVariables {
    let mut found = ResolvedVariables::default();
    let mut candidates: BTreeMap<Name, CandidateValue> = BTreeMap::new();
    let mut undeclared: Vec<(Name, Arc<str>)> = Vec::new();
    let mut put = |name: &str,
                   of: &dyn Fn(&Type) -> CandidateValue,
                   undeclared: &mut dyn FnMut()| match configuration
        .variables
        .get(name)
    {
        Some(variable) => {
            let candidate = of(if variable.typed { &variable.ty } else { &Type::String });
            if variable.sensitive {
                found.secrets.extend(candidate.value.iter().map(|it| it.clone().sensitive()));
            }
            candidates.insert(variable.name.clone(), candidate);
        }
        None => undeclared(),
    };
    let text = |text: &str, ty: &Type, origin: String| CandidateValue {
        value: value_of_text(text, ty),
        origin,
        span: None,
    };
    for (name, value) in &given.environment {
        // Programs share their environment: what is not ours is somebody else's.
        put(
            name,
            &|ty| {
                text(
                    value,
                    ty,
                    format!("the environment's `{}{name}`", given.family.variable_prefix()),
                )
            },
            &mut || {},
        );
    }
    let mut wrong = Vec::new();
    let of_files = given.found.iter().map(|it| RequestedValue::File(it.clone()));
    for asked in of_files.chain(given.asked.iter().cloned()) {
        match asked {
            RequestedValue::Value(name, value) => {
                let of = |ty: &Type| text(&value, ty, format!("`--var {name}=…`"));
                put(&name, &of, &mut || wrong.push(no_such_variable(&name, configuration)));
            }
            RequestedValue::File(file) => {
                let (values, diagnostics) = values_file(&file);
                wrong.extend(diagnostics);
                for (name, (value, span)) in values {
                    let candidate = |_: &Type| CandidateValue {
                        value: Ok(value.clone()),
                        origin: format!("`{}`", file.name),
                        span: Some(span.clone()),
                    };
                    put(&name, &candidate, &mut || {
                        undeclared.push((name.clone(), span.file.clone()))
                    });
                }
            }
        }
    }
    found.diagnostics = wrong;
    found.diagnostics.extend(not_declared(&undeclared));
    for (name, variable) in &configuration.variables {
        match settle(variable, candidates.get(name), given.family) {
            Ok(value) => {
                found.values.insert(name.clone(), value);
            }
            Err(diagnostics) => found.diagnostics.extend(diagnostics),
        }
    }
    // Conditions are looked at when everything has a value: they may read other variables.
    if !found.diagnostics.iter().any(Diagnostic::is_error) {
        found.diagnostics.extend(violations(
            configuration,
            &found.values,
            given,
            &candidates,
            files,
        ));
    }
    found
}

/// What every variable may be, where no one says what it is.
pub(crate) fn any_values(configuration: &Configuration) -> BTreeMap<Name, Value> {
    let any = |(name, variable): (&Name, &VariableBlock)| {
        let value = Value::unknown(variable.ty.clone(), Some(format!("var.{name}").into()));
        (name.clone(), variable.marked(value))
    };
    configuration.variables.iter().map(any).collect()
}

fn settle(
    variable: &VariableBlock,
    candidate: Option<&CandidateValue>,
    family: FileFamily,
) -> Result<Value, Vec<Diagnostic>> {
    let VariableBlock { name, ty, default, nullable, description, span, .. } = variable;
    let mark = |value: Value| variable.marked(value);
    let at = |diagnostic: Diagnostic, candidate: &CandidateValue| {
        diagnostic.at(candidate.span.clone().unwrap_or_else(|| span.clone()))
    };
    if let Some(candidate) = candidate {
        let value = candidate.value.clone().map_err(|problems| {
            let ty = &variable.ty;
            let why: Vec<String> = match variable.sensitive {
                true => vec![format!("it is not a value of the type {ty}")],
                false => problems.iter().map(|it| it.summary.clone()).collect(),
            };
            vec![
                at(
                    Diagnostic::error(format!(
                        "the value of `var.{name}` in {} cannot be read",
                        candidate.origin
                    ))
                    .code(code::NO_VALUE),
                    candidate,
                )
                .detail(why.join("; ")),
            ]
        })?;
        // Null stands for the default where it is not a value of its own.
        if !value.is_null() || *nullable {
            return convert(&value, ty).map(mark).map_err(|mismatch| {
                // A place within a secret is made of its keys.
                let hides_place = variable.sensitive || mismatch.path.steps().is_empty();
                let place =
                    if hides_place { String::new() } else { format!(" at `{}`", mismatch.path) };
                let summary =
                    format!("the value of `var.{name}` in {} is not of its type", candidate.origin);
                let label = format!("{}{place}", mismatch.message);
                vec![
                    at(Diagnostic::error(summary).code(code::NO_VALUE), candidate)
                        .label(label)
                        .help(format!("its type is {ty}")),
                ]
            });
        }
        if default.is_none() {
            let summary =
                format!("`var.{name}` must not be null, and {} makes it that", candidate.origin);
            return Err(vec![at(Diagnostic::error(summary).code(code::NO_VALUE), candidate)]);
        }
    }
    match default {
        Some(default) => Ok(mark(default.clone())),
        None => {
            let missing = Diagnostic::error(format!("no value for the variable `{name}`"))
                .code(code::NO_VALUE)
                .at(span.clone())
                .label("has no default");
            let missing = match description {
                Some(description) => missing.detail(description.clone()),
                None => missing,
            };
            Err(vec![missing.help(format!(
                "write `{name} = …` in `{}`, give `--var '{name}=…'`, or set `{}{name}`",
                family.values_file_name(),
                family.variable_prefix()
            ))])
        }
    }
}

/// Whether a name on the command line was meant as that of a variable. What was not may be a value
/// without its name.
pub(crate) fn is_meant_as_variable(name: &str, configuration: &Configuration) -> bool {
    let known = &configuration.variables;
    known.contains_key(name) || closest(name, known.keys().map(|it| &**it)).is_some()
}

fn no_such_variable(name: &str, configuration: &Configuration) -> Diagnostic {
    let known = || configuration.variables.keys().map(|it| &**it);
    let mistake = match is_meant_as_variable(name, configuration) {
        true => Diagnostic::error(format!("there is no variable `{name}`, which `--var` gives"))
            .closest(name, known()),
        false => {
            let names = known().take(MOST_NAMES).map(|it| format!("`{it}`")).collect::<Vec<_>>();
            let declared = match (names.len(), configuration.variables.len()) {
                (_, 0) => "the configuration declares no variables".to_owned(),
                (told, all) if told < all => {
                    format!("some of the {all} variables are {}", names.join(", "))
                }
                _ => format!("the variables are {}", names.join(", ")),
            };
            Diagnostic::error("`--var` gives a value to a variable that does not exist")
                .detail("What stands before its `=` is not repeated: it may be a value whose name was left out.")
                .help(format!("write it as `--var 'NAME=VALUE'`; {declared}"))
        }
    };
    mistake.code(code::NO_VALUE)
}

/// One warning for all: shared files of values are common. No line is shown: nothing says which of
/// the values are secret.
fn not_declared(undeclared: &[(Name, Arc<str>)]) -> Option<Diagnostic> {
    let listed = |all: BTreeSet<&str>| all.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>();
    let names = listed(undeclared.iter().map(|(name, _)| &**name).collect());
    let files = listed(undeclared.iter().map(|(_, file)| &**file).collect()).join(", ");
    let warning = match names.as_slice() {
        [] => return None,
        [one] => Diagnostic::warning(format!(
            "{files} gives a value for {one}, but there is no such variable"
        )),
        many => {
            let summary =
                format!("{files} gives values for {} variables that do not exist", many.len());
            Diagnostic::warning(summary).detail(names.join(", "))
        }
    };
    Some(warning.code(code::NO_VALUE).help("remove them, or declare the variables"))
}

fn violations(
    configuration: &Configuration,
    values: &BTreeMap<Name, Value>,
    given: &VariableValues,
    candidates: &BTreeMap<Name, CandidateValue>,
    files: &dyn FileSource,
) -> Vec<Diagnostic> {
    let scope = VariableScope { values, workspace: workspace(given.workspace.as_deref()) };
    let environment = EvaluationContext::new(&scope, files);
    let mut violations = Vec::new();
    for (name, variable) in &configuration.variables {
        for condition in &variable.validations {
            violations.extend(violation(name, condition, &environment, candidates.get(name)));
        }
    }
    violations
}

fn violation(
    name: &Name,
    condition: &Condition,
    environment: &EvaluationContext<'_>,
    candidate: Option<&CandidateValue>,
) -> Vec<Diagnostic> {
    let holds = match condition.condition.evaluate(environment) {
        Ok(it) => it.unmark().0,
        Err(diagnostics) => return diagnostics,
    };
    // What reads more than variables cannot be known yet.
    if !holds.is_known() {
        return Vec::new();
    }
    match convert(&holds, &Type::Bool) {
        Ok(Value::Bool(true)) => return Vec::new(),
        Ok(Value::Bool(false)) => {}
        _ => {
            let summary = format!("a condition of `var.{name}` is neither true nor false");
            return vec![
                Diagnostic::error(summary)
                    .code(code::NO_VALUE)
                    .at(condition.condition.span().clone()),
            ];
        }
    }
    let message = match condition.error_message.evaluate(environment) {
        Ok(it) => ha_plan::message_of(&it),
        Err(diagnostics) => return diagnostics,
    };
    let from = candidate.map(|it| format!(" in {}", it.origin)).unwrap_or_default();
    let violation = Diagnostic::error(format!("the value of `var.{name}`{from} will not do"))
        .code(code::CONDITION)
        .detail(message);
    let rule = condition.condition.span().clone();
    let violation = match candidate.and_then(|it| it.span.clone()) {
        Some(given) => violation.at(given).related(rule, "this must hold"),
        None => violation.at(rule).label("this must hold"),
    };
    vec![Diagnostic { values: condition.condition.values(environment), ..violation }]
}

/// Variables, and nothing else that is known already.
struct VariableScope<'a> {
    values: &'a BTreeMap<Name, Value>,
    workspace: &'a str,
}

impl ValueScope for VariableScope<'_> {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        Ok(match target {
            ReferenceTarget::Variable(name) => {
                self.values.get(name).cloned().unwrap_or(Value::NULL)
            }
            ReferenceTarget::PathModule | ReferenceTarget::PathRoot => Value::from("."),
            ReferenceTarget::PathCwd => {
                Value::unknown(Type::String, Some(target.to_string().into()))
            }
            ReferenceTarget::Workspace => Value::from(self.workspace),
            other => Value::unknown(Type::Any, Some(other.to_string().into())),
        })
    }

    fn instance(
        &self,
        block: &BlockName,
        _: &ha_value::InstanceKey,
    ) -> Result<Value, Box<Diagnostic>> {
        self.value(&ReferenceTarget::Block(block.clone()))
    }
}

#[cfg(test)]
mod tests {
    use ha_lang::{EmptyScope, compile};
    use snapbox::str;

    use super::*;
    use crate::views::diagnostic::{RenderedDiagnostic, notices_text};
    use crate::views::secrets::SecretTexts;
    use crate::views::sources::SourceTexts;
    use crate::views::style::Painter;
    use crate::views::test_data::check;

    const MAIN: &str = r#"
variable "region" {
  type        = string
  description = "Where it all runs."
}
variable "sizes" {
  type    = list(number)
  default = [1]
}
variable "password" {
  type      = string
  sensitive = true
  default   = "a default password"
}
variable "hosts" {
  default  = 3
  nullable = false
  validation {
    condition     = var.hosts > 2
    error_message = "Three at least, not ${var.hosts}."
  }
  validation {
    condition     = var.hosts < 100
    error_message = "Not that many."
  }
}
"#;

    fn found(given: &VariableValues) -> ResolvedVariables {
        let (configuration, diagnostics) = compile(&[SourceFile::new("main.hcl", MAIN)]);
        assert_eq!(diagnostics, []);
        variables(&configuration, given, &EmptyScope)
    }

    fn told(given: &VariableValues) -> String {
        let found = found(given);
        let sources: SourceTexts = [("main.hcl", MAIN)]
            .into_iter()
            .chain(given.found.iter().map(|it| (&*it.name, &*it.text)))
            .collect();
        let notices: Vec<RenderedDiagnostic> =
            found.diagnostics.iter().map(RenderedDiagnostic::from).collect();
        notices_text(&notices, &sources, &SecretTexts::within(&found.secrets), Painter::PLAIN)
    }

    fn file(text: &str) -> SourceFile {
        SourceFile::new("ha.hclvars", text)
    }

    fn set(name: &str, value: &str) -> RequestedValue {
        RequestedValue::Value(name.into(), value.into())
    }

    #[test]
    fn later_ones_count() {
        let mut given = VariableValues {
            environment: vec![
                ("region".into(), "environment".into()),
                ("other".into(), "x".into()),
            ],
            ..VariableValues::default()
        };
        assert_eq!(found(&given).values["region"], Value::from("environment"));
        given.found = vec![file("region = \"file\""), file("region = \"auto\"")];
        assert_eq!(found(&given).values["region"], Value::from("auto"));
        given.asked = vec![
            set("region", "flag"),
            RequestedValue::File(file("region = \"flag file\"\nsizes = [1, \"2\"]")),
        ];
        let found = found(&given);
        assert_eq!(found.values["region"], Value::from("flag file"));
        assert_eq!(found.values["sizes"], Value::list([Value::from(1), Value::from(2)]));
        assert_eq!(found.values["password"], Value::from("a default password").sensitive());
        assert_eq!(found.diagnostics, []);
    }

    #[test]
    fn null_stands_for_the_default_where_it_may_not_be_null() {
        let given = VariableValues {
            found: vec![file("region = null\nhosts = null")],
            ..VariableValues::default()
        };
        let found = found(&given);
        assert_eq!(found.values["region"], Value::NULL);
        assert_eq!(found.values["hosts"], Value::from(3));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let given = VariableValues {
            found: vec![file(
                "sizes = [\"x\"]\nleft = 1\nover = 2\npassword = [\"another password\"]\n",
            )],
            asked: vec![set("regoin", "x")],
            ..VariableValues::default()
        };
        check(
            &told(&given),
            str![[r#"
error[HA0802]: the value of `var.sizes` in `ha.hclvars` is not of its type
 --> ha.hclvars:1:1
  |
1 | sizes = ["x"]
  | ^^^^^ a number is required at `[0]`
  |
  = help: its type is list(number)

error[HA0802]: the value of `var.password` in `ha.hclvars` is not of its type
 --> ha.hclvars:4:1
  |
4 | password = ["****************"]
  | ^^^^^^^^ a string is required
  |
  = help: its type is string

error[HA0802]: no value for the variable `region`
 --> main.hcl:2:1
  |
2 | variable "region" {
  | ^^^^^^^^^^^^^^^^^ has no default
  |
  = note: Where it all runs.
  = help: write `region = …` in `ha.hclvars`, give `--var 'region=…'`, or set `HA_VAR_region`

error[HA0802]: there is no variable `regoin`, which `--var` gives
 |
 = help: did you mean `region`?

warning[HA0802]: `ha.hclvars` gives values for 2 variables that do not exist
 |
 = note: `left`, `over`
 = help: remove them, or declare the variables


"#]],
        );
    }

    #[test]
    fn all_conditions_are_looked_at() {
        let given = VariableValues {
            found: vec![file("region = \"x\"\nhosts  = 1\n")],
            ..VariableValues::default()
        };
        check(
            &told(&given),
            str![[r#"
error[HA0407]: the value of `var.hosts` in `ha.hclvars` will not do
  --> ha.hclvars:2:1
   |
 2 | hosts  = 1
   | ^^^^^
   |
  ::: main.hcl:19:21
   |
19 |     condition     = var.hosts > 2
   |                     ------------- this must hold
   |
   = note: Three at least, not 1.
   = values: var.hosts is 1


"#]],
        );
    }
}
