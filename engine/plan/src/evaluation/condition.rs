//! Preconditions, postconditions and assertions.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{Condition, EvaluationContext, ResourceBlock};
use ha_provider::Error;
use ha_value::{Address, Text, TextPart, Type, Value};

use crate::evaluation::values::{EvaluationScope, EvaluationValues};
use crate::model::{CheckResult, CheckStatus};

/// The results of several conditions.
#[derive(Default)]
pub(crate) struct ConditionFindings {
    /// Conditions that do not hold.
    pub(crate) unmet: Vec<Diagnostic>,
    /// Errors of the evaluation.
    pub(crate) wrong: Vec<Diagnostic>,
    /// Whether some condition is not known yet.
    pub(crate) is_open: bool,
}

impl ConditionFindings {
    /// Returns all diagnostics as errors.
    pub(crate) fn all(mut self) -> Vec<Diagnostic> {
        self.wrong.append(&mut self.unmet);
        self.wrong
    }

    /// Returns errors and warnings. A condition of a `check` block that fails is a warning; an
    /// evaluation error is always an error.
    pub(crate) fn errors_and_warnings_in(
        self,
        block: &ResourceBlock,
    ) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        match &block.check {
            Some(_) => self.errors_and_warnings(),
            None => (self.all(), Vec::new()),
        }
    }

    /// Returns evaluation errors, and failed conditions as warnings.
    pub(crate) fn errors_and_warnings(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        (self.wrong, self.unmet.into_iter().map(Diagnostic::into_warning).collect())
    }

    /// Returns the status of all conditions together.
    pub(crate) fn status(&self, address: Address) -> CheckResult {
        let standing = match self {
            it if !it.wrong.is_empty() => CheckStatus::Error,
            it if !it.unmet.is_empty() => CheckStatus::Fail,
            it if it.is_open => CheckStatus::Unknown,
            _ => CheckStatus::Pass,
        };
        CheckResult {
            address,
            standing,
            problems: self.unmet.iter().map(|it| it.detail.clone()).collect(),
        }
    }
}

/// Evaluates conditions. Conditions that are not known yet are left open.
pub(crate) fn findings<'c>(
    world: &EvaluationValues,
    conditions: impl IntoIterator<Item = &'c Condition>,
    at: &EvaluationScope<'_>,
    of: &Address,
) -> ConditionFindings {
    let mut findings = ConditionFindings::default();
    for condition in conditions {
        match world.within(at, |environment| outcome(condition, environment)) {
            Ok(ConditionOutcome::Holds) => {}
            Ok(ConditionOutcome::Open) => findings.is_open = true,
            Ok(ConditionOutcome::Fails { message, values }) => {
                let diagnostic = Diagnostic::error("a condition does not hold")
                    .code(code::CONDITION)
                    .at(condition.condition.span().clone());
                findings
                    .unmet
                    .push(Diagnostic { values, ..diagnostic.detail(message).address(of) });
            }
            Err(more) => findings.wrong.extend(more),
        }
    }
    findings
}

/// The result of one condition.
pub(crate) enum ConditionOutcome {
    Holds,
    /// The value is not known yet.
    Open,
    /// The condition is false: its error message, and the values that it refers to.
    Fails {
        message: String,
        values: Vec<(String, String)>,
    },
}

/// Returns the text of an `error_message`, without unknown and secret parts.
#[must_use]
pub fn message_of(value: &Value) -> String {
    let Some(text) = Text::from_value(value) else {
        return "(the message is no string)".to_owned();
    };
    // A message that is secret as a whole would be shown as `(sensitive)` alone, which explains
    // nothing.
    if text.parts().iter().all(|it| matches!(it, TextPart::Secret(_))) && !text.is_empty() {
        return "(the message holds a secret)".to_owned();
    }
    let shown = |part: &TextPart| match part {
        TextPart::Clear(text) => text.to_string(),
        TextPart::Secret(_) => "(sensitive)".to_owned(),
        TextPart::Unknown { cause, secret, .. } => {
            let secret = if *secret { "sensitive, " } else { "" };
            let cause = cause.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
            format!("({secret}known after apply{cause})")
        }
    };
    text.parts().iter().map(shown).collect()
}

/// Evaluates a condition.
pub(crate) fn outcome(
    condition: &Condition,
    environment: &EvaluationContext<'_>,
) -> Result<ConditionOutcome, Vec<Diagnostic>> {
    let wrong = |message: String| {
        vec![
            Diagnostic::error(message)
                .code(code::WRONG_TYPE)
                .at(condition.condition.span().clone()),
        ]
    };
    // Whether a condition holds is visible in any case, so the mark of a secret condition is
    // dropped.
    let value = condition.condition.evaluate(environment)?.unmark().0;
    match ha_value::convert(&value, &Type::Bool)
        .map_err(|it| wrong(format!("a condition is true or false: {}", it.message)))?
    {
        Value::Bool(true) => Ok(ConditionOutcome::Holds),
        Value::Bool(false) => {
            // The message is evaluated only where it is needed: it may refer to values that a
            // condition that holds never reads.
            let message = condition.error_message.evaluate(environment)?;
            Ok(ConditionOutcome::Fails {
                message: message_of(&message),
                values: condition.condition.values(environment),
            })
        }
        Value::Null(_) => {
            Err(wrong("a condition is true or false, and this one is null".to_owned()))
        }
        _ => Ok(ConditionOutcome::Open),
    }
}

/// A warning that a data source in a `check` block could not be read. Only the check depends on
/// it.
pub(crate) fn unread(block: &ResourceBlock, address: &Address, error: Error) -> Diagnostic {
    let warning = Diagnostic::warning(format!("could not {}", error.attempted))
        .code(code::CONDITION)
        .at(block.head.clone());
    let warning = warning.detail(error.causes.join(": ")).address(address);
    error.help.into_iter().fold(warning, Diagnostic::help)
}
