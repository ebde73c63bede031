//! Templates. The result is a string that keeps its parts, so that a secret or unknown part leaves
//! the others readable.

use ha_value::{Text, TextPart, Type, Value};
use unicode_normalization::UnicodeNormalization;

use super::{EvaluationError, EvaluationResult, Evaluator, each};
use crate::compiled_expression::{ExpressionNode, ForDirective, IfDirective, TemplatePiece};
use crate::diagnostics::value as mistakes;

/// The limit of the length of a string in bytes. A few nested loops can ask for more than any
/// machine holds.
const LONGEST: usize = 64 << 20;

/// A string under construction.
#[derive(Default)]
pub(crate) struct TextBuilder {
    /// The finished parts.
    parts: Vec<TextPart>,
    /// The clear text behind the finished parts.
    clear: String,
    /// The length of everything in bytes, including what was dropped after the limit.
    length: usize,
}

/// A string that is longer than the limit.
pub(crate) struct TextTooLong;

impl TextTooLong {
    /// The limit in bytes.
    pub(crate) const LIMIT: usize = LONGEST;
    /// The message for diagnostics.
    pub(crate) const MESSAGE: &str = "the text would be longer than 64 MiB";
}

impl TextBuilder {
    pub(crate) fn push_str(&mut self, text: &str) {
        self.length += text.len();
        if !self.is_full() {
            self.clear.push_str(text);
        }
    }

    /// Whether the limit is exceeded, so that nothing more is appended.
    pub(crate) fn is_full(&self) -> bool {
        self.length > LONGEST
    }

    pub(crate) fn push_part(&mut self, part: TextPart) {
        if let TextPart::Secret(text) = &part {
            self.length += text.len();
        }
        if self.is_full() {
            return;
        }
        if !self.clear.is_empty() {
            self.parts.push(TextPart::Clear(std::mem::take(&mut self.clear).into()));
        }
        self.parts.push(part);
    }

    pub(crate) fn push(&mut self, text: &Text) {
        for part in text.parts() {
            match part {
                TextPart::Clear(text) => self.push_str(text),
                part => self.push_part(part.clone()),
            }
        }
    }

    /// Appends text whose length is counted already.
    fn append(&mut self, text: &Text) {
        let length = self.length;
        self.length = 0;
        self.push(text);
        self.length = length;
    }

    pub(crate) fn finish(self) -> Result<Value, TextTooLong> {
        if self.is_full() {
            return Err(TextTooLong);
        }
        // Strings of the language are in normalisation form C. Two parts can combine to one
        // character at their border, so that the finished string is normalised and not its parts.
        // ASCII needs no normalisation.
        if self.parts.is_empty() {
            if self.clear.is_ascii() {
                return Ok(Value::String(self.clear.into()));
            }
            return Ok(Value::String(self.clear.nfc().collect::<String>().into()));
        }
        let mut text = Text::from_iter(self.parts);
        text.push_str(&self.clear);
        Ok(Value::from(text))
    }
}

impl Evaluator<'_> {
    pub(super) fn template(
        &mut self,
        pieces: &[TemplatePiece],
        node: &ExpressionNode,
    ) -> EvaluationResult {
        let mut text = TextBuilder::default();
        self.pieces(pieces, &mut text)?;
        let value =
            text.finish().map_err(|TextTooLong| self.fail(node, mistakes::text_too_long()))?;
        Ok(if let [TemplatePiece::Value(_)] = pieces { value } else { value.not_null() })
    }

    fn pieces(
        &mut self,
        pieces: &[TemplatePiece],
        text: &mut TextBuilder,
    ) -> Result<(), EvaluationError> {
        let mut outcome = Ok(());
        for piece in pieces {
            let piece = match piece {
                TemplatePiece::Text(it) => {
                    text.push_str(it);
                    Ok(())
                }
                TemplatePiece::Value(node) => self.piece(node, text),
                TemplatePiece::If(it) => self.if_directive(it, text),
                TemplatePiece::For(it) => self.for_directive(it, text),
            };
            outcome = outcome.and(piece);
            if text.is_full() {
                break;
            }
        }
        outcome
    }

    fn piece(
        &mut self,
        node: &ExpressionNode,
        text: &mut TextBuilder,
    ) -> Result<(), EvaluationError> {
        use std::fmt::Write as _;
        let value = self.node(node)?;
        match &value {
            Value::String(it) => text.push_str(it),
            Value::Number(it) => match it.as_i64().filter(|_| it.kept_bits().is_none()) {
                // Small integers are written directly into the buffer, as templates in loops
                // contain many.
                Some(small) => {
                    let before = text.clear.len();
                    write!(text.clear, "{small}").expect("a String takes all that is written");
                    text.length += text.clear.len() - before;
                }
                None => text.push_str(&it.to_string()),
            },
            Value::Bool(it) => text.push_str(if *it { "true" } else { "false" }),
            Value::Null(_) => return Err(self.fail(node, mistakes::null_in_text())),
            other => {
                if other.is_null() {
                    return Err(self.fail(node, mistakes::null_in_text()));
                }
                // A string that is known in part is not null; any other unknown can be null, which
                // would fail.
                if !other.is_known() && !matches!(other, Value::Composed(_)) {
                    self.record_uncertainty();
                }
                let unknown_text = matches!(other.unmark().0, Value::Unknown(it) if
                    matches!(it.ty, Type::Any | Type::String | Type::Number | Type::Bool));
                match Text::from_value(other) {
                    Some(it) if unknown_text || other.is_known() => text.push(&it),
                    _ => return Err(self.fail(node, mistakes::no_text(other))),
                }
            }
        }
        Ok(())
    }

    fn if_directive(
        &mut self,
        it: &IfDirective,
        text: &mut TextBuilder,
    ) -> Result<(), EvaluationError> {
        let (decided, sensitive) = self.evaluate_condition(&it.condition)?.unmark();
        let chosen = match decided {
            Value::Bool(true) => &it.then,
            Value::Bool(false) => &it.otherwise,
            unknown => {
                text.push_part(TextPart::unknown(unknown.cause(), sensitive));
                return Ok(());
            }
        };
        self.nested(chosen, sensitive, text)
    }

    fn nested(
        &mut self,
        pieces: &[TemplatePiece],
        sensitive: bool,
        text: &mut TextBuilder,
    ) -> Result<(), EvaluationError> {
        if !sensitive {
            return self.pieces(pieces, text);
        }
        // The text that a secret condition or collection selects is built apart, so that it can be
        // marked as a whole. Its length counts from that of the outer text, so that nested loops
        // share one limit.
        let mut inner = TextBuilder { length: text.length, ..TextBuilder::default() };
        self.pieces(pieces, &mut inner)?;
        text.length = inner.length;
        if let Ok(value) = inner.finish() {
            text.append(
                &Text::from_value(&value.sensitive())
                    .expect("a string stays one when it is marked"),
            );
        }
        Ok(())
    }

    fn for_directive(
        &mut self,
        it: &ForDirective,
        text: &mut TextBuilder,
    ) -> Result<(), EvaluationError> {
        let ForDirective { keyed, collection, body } = it;
        let value = self.node(collection)?;
        let (plain, sensitive) = each::unmarked(&value);
        if let Value::Unknown(it) = plain {
            if matches!(it.ty, Type::Bool | Type::Number | Type::String) {
                return Err(self.fail(collection, mistakes::not_iterable(plain)));
            }
            self.record_uncertainty();
            text.push_part(TextPart::unknown(it.cause.clone(), sensitive));
            return Ok(());
        }
        if each::is_open(plain) {
            self.record_uncertainty();
            text.push_part(TextPart::unknown(plain.cause(), sensitive));
            return Ok(());
        }
        if plain.is_null() {
            return Err(self.fail(collection, mistakes::iteration_over_null()));
        }
        let Some(items) = each::items(plain) else {
            return Err(self.fail(collection, mistakes::not_iterable(plain)));
        };
        // The number of parts shows below whether a loop over a secret added anything.
        let before = text.parts.len();
        for (key, item) in items {
            self.spend(collection)?;
            let bound = self.slots.len();
            if *keyed {
                self.slots.push(key);
            }
            self.slots.push(item);
            let outcome = self.with_secret(sensitive, |it| it.nested(body, sensitive, text));
            self.slots.truncate(bound);
            outcome?;
            if text.is_full() {
                break;
            }
        }
        if sensitive && text.parts.len() == before {
            // That a secret collection is empty is a secret as well.
            text.push_part(TextPart::Secret("".into()));
        }
        Ok(())
    }
}
