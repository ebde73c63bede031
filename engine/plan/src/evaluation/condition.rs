//! What must hold: preconditions and postconditions.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{Condition, EvaluationContext, ResourceBlock};
use ha_provider::Error;
use ha_value::{Address, Text, TextPart, Type, Value};

use crate::evaluation::values::{EvaluationScope, EvaluationValues};
use crate::model::{CheckResult, CheckStatus};

/// What came of some conditions where they stand.
#[derive(Default)]
pub(crate) struct ConditionFindings {
    /// What does not hold.
    pub(crate) unmet: Vec<Diagnostic>,
    /// What has no value at all.
    pub(crate) wrong: Vec<Diagnostic>,
    /// Whether something is not known yet, and left for later.
    pub(crate) is_open: bool,
}

impl ConditionFindings {
    /// Everything that is not as it should be.
    pub(crate) fn all(mut self) -> Vec<Diagnostic> {
        self.wrong.append(&mut self.unmet);
        self.wrong
    }

    /// What a `check` block says warns; everything else is an error, and what has no value is one
    /// in any case.
    pub(crate) fn weighed(self, block: &ResourceBlock) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        match &block.check {
            Some(_) => self.parted(),
            None => (self.all(), Vec::new()),
        }
    }

    /// The errors and warnings of what stops nothing.
    pub(crate) fn parted(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        (self.wrong, self.unmet.into_iter().map(Diagnostic::into_warning).collect())
    }

    /// How things stand with what has the conditions.
    pub(crate) fn standing(&self, address: Address) -> CheckResult {
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

/// How some conditions stand, all of them. What is not known yet is left for later.
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

/// How one condition stands.
pub(crate) enum ConditionOutcome {
    Holds,
    /// It is not known yet.
    Open,
    /// It does not hold: what it says then, and what it looked at.
    Fails {
        message: String,
        values: Vec<(String, String)>,
    },
}

/// What an `error_message` says, as far as it is known and no secret.
#[must_use]
pub fn message_of(value: &Value) -> String {
    let Some(text) = Text::from_value(value) else {
        return "(the message is no string)".to_owned();
    };
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

/// How a condition stands.
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
    let value = condition.condition.evaluate(environment)?.unmark().0;
    match ha_value::convert(&value, &Type::Bool)
        .map_err(|it| wrong(format!("a condition is true or false: {}", it.message)))?
    {
        Value::Bool(true) => Ok(ConditionOutcome::Holds),
        Value::Bool(false) => {
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

/// What to say of a data source in a `check` block that could not be read. Nothing but the check
/// hangs on it.
pub(crate) fn unread(block: &ResourceBlock, address: &Address, error: Error) -> Diagnostic {
    let warning = Diagnostic::warning(format!("could not {}", error.attempted))
        .code(code::CONDITION)
        .at(block.head.clone());
    let warning = warning.detail(error.causes.join(": ")).address(address);
    error.help.into_iter().fold(warning, Diagnostic::help)
}
