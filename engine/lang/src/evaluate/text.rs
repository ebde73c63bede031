//! Templates: text made of parts, which keeps its parts.

use ha_kind::{Part, Text, Type, Value, convert};
use unicode_normalization::UnicodeNormalization;

use super::{Evaluator, Failed, Outcome, each};
use crate::mistake;
use crate::tree::{Node, Piece};

/// A text under construction.
#[derive(Default)]
pub(crate) struct Builder {
    /// What is finished: clear stretches and others.
    parts: Vec<Part>,
    /// The clear stretch at the end.
    clear: String,
}

impl Builder {
    pub(crate) fn push_str(&mut self, text: &str) {
        self.clear.push_str(text);
    }

    pub(crate) fn push_part(&mut self, part: Part) {
        if !self.clear.is_empty() {
            self.parts.push(Part::Clear(std::mem::take(&mut self.clear).into()));
        }
        self.parts.push(part);
    }

    pub(crate) fn push(&mut self, text: &Text) {
        for part in text.parts() {
            match part {
                Part::Clear(text) => self.push_str(text),
                part => self.push_part(part.clone()),
            }
        }
    }

    pub(crate) fn finish(self) -> Value {
        if self.parts.is_empty() {
            if self.clear.is_ascii() {
                return Value::String(self.clear.into());
            }
            return Value::String(self.clear.nfc().collect::<String>().into());
        }
        let mut text = Text::from_iter(self.parts);
        text.push_str(&self.clear);
        Value::from(text)
    }
}

impl Evaluator<'_> {
    pub(super) fn template(&mut self, pieces: &[Piece]) -> Outcome {
        let mut text = Builder::default();
        self.pieces(pieces, &mut text)?;
        Ok(text.finish())
    }

    fn pieces(&mut self, pieces: &[Piece], text: &mut Builder) -> Result<(), Failed> {
        let mut outcome = Ok(());
        for piece in pieces {
            let piece = match piece {
                Piece::Text(it) => {
                    text.push_str(it);
                    Ok(())
                }
                Piece::Value(node) => self.piece(node, text),
                Piece::If { condition, then, otherwise } => self.either(condition, then, otherwise, text),
                Piece::For { keyed, collection, body } => self.repeated(*keyed, collection, body, text),
            };
            outcome = outcome.and(piece);
        }
        outcome
    }

    fn piece(&mut self, node: &Node, text: &mut Builder) -> Result<(), Failed> {
        use std::fmt::Write as _;
        let value = self.node(node)?;
        match &value {
            Value::String(it) => text.push_str(it),
            Value::Number(it) => match it.as_i64() {
                Some(small) => write!(text.clear, "{small}").expect("a String takes all that is written"),
                None => text.push_str(&it.to_string()),
            },
            Value::Bool(it) => text.push_str(if *it { "true" } else { "false" }),
            Value::Null => return Err(self.fail(node, mistake::null_in_text())),
            other => {
                if other.is_null() {
                    return Err(self.fail(node, mistake::null_in_text()));
                }
                let unknown_text = matches!(other.unmark().0, Value::Unknown(it) if
                    matches!(it.ty, Type::Any | Type::String | Type::Number | Type::Bool));
                match Text::of(other) {
                    Some(it) if unknown_text || other.is_known() => text.push(&it),
                    _ => return Err(self.fail(node, mistake::no_text(other))),
                }
            }
        }
        Ok(())
    }

    fn either(&mut self, condition: &Node, then: &[Piece], otherwise: &[Piece], text: &mut Builder) -> Result<(), Failed> {
        let decided = self.node(condition)?;
        if decided.is_null() {
            return Err(self.fail(condition, mistake::null_condition()));
        }
        let decided = match convert(&decided, &Type::Bool) {
            Ok(it) => it,
            Err(_) => return Err(self.fail(condition, mistake::condition_is_no_bool(&decided))),
        };
        let (decided, sensitive) = decided.unmark();
        let chosen = match decided {
            Value::Bool(true) => then,
            Value::Bool(false) => otherwise,
            unknown => {
                text.push_part(Part::Unknown { cause: unknown.cause(), secret: sensitive });
                return Ok(());
            }
        };
        self.nested(chosen, sensitive, text)
    }

    fn nested(&mut self, pieces: &[Piece], sensitive: bool, text: &mut Builder) -> Result<(), Failed> {
        if !sensitive {
            return self.pieces(pieces, text);
        }
        let mut inner = Builder::default();
        self.pieces(pieces, &mut inner)?;
        text.push(&Text::of(&inner.finish().sensitive()).expect("a text stays one when it is marked"));
        Ok(())
    }

    fn repeated(&mut self, keyed: bool, collection: &Node, body: &[Piece], text: &mut Builder) -> Result<(), Failed> {
        let value = self.node(collection)?;
        let (plain, sensitive) = each::unmarked(&value);
        if let Value::Unknown(it) = plain {
            text.push_part(Part::Unknown { cause: it.cause.clone(), secret: sensitive });
            return Ok(());
        }
        if each::is_open(plain) {
            text.push_part(Part::Unknown { cause: plain.cause(), secret: sensitive });
            return Ok(());
        }
        let Some(items) = each::items(plain) else {
            return Err(self.fail(collection, mistake::not_iterable(plain)));
        };
        for (key, item) in items {
            let bound = self.slots.len();
            if keyed {
                self.slots.push(key);
            }
            self.slots.push(item);
            let outcome = self.nested(body, sensitive, text);
            self.slots.truncate(bound);
            outcome?;
        }
        Ok(())
    }
}
