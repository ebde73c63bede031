//! Notations for types of other languages: `string?`, `string | null`, `string[]`, `list<string>`.

use ha_diagnostics::Diagnostic;

use super::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::syntax::ByteSpan;

/// How far before a `>` its `<` is looked for, so that a long file with many mistakes takes no longer
/// than a short one.
const GENERIC_TOKENS: usize = 16;
const NULLABLE: &str = "a variable may be null unless it has `nullable = false`";
const OPTIONAL: &str = "an attribute that may be left out, and is then null";

impl TokenCursor<'_> {
    /// The diagnostic for a token that continues a type as another language would; `None` where
    /// the tokens before it do not end with a type.
    pub(super) fn foreign_type(&self, token: Token) -> Option<Diagnostic> {
        if token.kind == TokenKind::Stray && self.written(token.at) == "|" {
            return self.union_type(token);
        }
        let last = self.index_before(self.next)?;
        match (self.tokens[last].kind, token.kind) {
            (TokenKind::Question, _) => self.nullable_type(last),
            (TokenKind::BracketOpen, TokenKind::BracketClose) => self.array_type(last, token),
            (TokenKind::Greater, _) => self.generic_type(last),
            // Both brackets of `map<list<string>>` end here; the first one has no operand.
            (_, TokenKind::Greater) => self.generic_type(self.next),
            _ => None,
        }
    }

    /// `string?`
    fn nullable_type(&self, question: usize) -> Option<Diagnostic> {
        let last = question.checked_sub(1)?;
        if self.tokens[last].at.end != self.tokens[question].at.start {
            return None;
        }
        let start = self.start_of_type(last)?;
        let ty = self.written(self.tokens[start].at.to(self.tokens[last].at));
        let at = self.tokens[start].at.to(self.tokens[question].at);
        Some(self.without_null("a type has no `?` behind it", at, ty, start))
    }

    /// `string | null`, `string | number`
    fn union_type(&self, bar: Token) -> Option<Diagnostic> {
        let last = self.index_before(self.next)?;
        let start = match self.written(self.tokens[last].at) {
            "null" => last,
            _ => self.start_of_type(last)?,
        };
        let next = self.token_after(1);
        let left = self.written(self.tokens[start].at.to(self.tokens[last].at));
        let right = self.written(next.at);
        let at = self.tokens[start].at.to(next.at);
        match (left, right) {
            (ty, "null") if ty != "null" => {
                Some(self.without_null("there are no unions of types", at, ty, start))
            }
            ("null", ty) if is_simple(ty) => {
                Some(self.without_null("there are no unions of types", at, ty, start))
            }
            (_, ty) if is_simple(ty) => {
                let others = self.token_after(2).kind == TokenKind::Stray;
                let problem = "there are no unions of types";
                let help = "write `any` for a value of one of several types, and check it by a \
                            `validation` block";
                Some(match others {
                    true => self.error_at(problem, at).help(help),
                    false => self.error_with_fix(problem, at, "any", help),
                })
            }
            _ => Some(self.error_at("there are no unions of types", bar.at).help(NULLABLE)),
        }
    }

    /// `string[]`
    fn array_type(&self, open: usize, close: Token) -> Option<Diagnostic> {
        let last = open.checked_sub(1)?;
        let start = self.start_of_type(last)?;
        let ty = self.written(self.tokens[start].at.to(self.tokens[last].at));
        let text = format!("list({ty})");
        let help = format!("write `{text}`");
        let at = self.tokens[start].at.to(close.at);
        Some(self.error_with_fix("a list type is not written with `[]`", at, text, help))
    }

    /// `list<string>`, up to the `>` of this index.
    fn generic_type(&self, close: usize) -> Option<Diagnostic> {
        let open = (close.saturating_sub(GENERIC_TOKENS)..close)
            .rev()
            .find(|&it| self.tokens[it].kind == TokenKind::Less)?;
        let name = open.checked_sub(1)?;
        let constructor = self.written(self.tokens[name].at);
        if !is_constructor(constructor) || close == open + 1 {
            return None;
        }
        let inner = self.tokens[open + 1].at.to(self.tokens[close - 1].at);
        let at = self.tokens[name].at.to(self.tokens[close].at);
        let summary = "a type takes its element type in parentheses";
        let inner = self.written(inner);
        Some(match is_simple(inner) && self.tokens[close].kind == TokenKind::Greater {
            true => {
                let text = format!("{constructor}({inner})");
                let help = format!("write `{text}`");
                self.error_with_fix(summary, at, text, help)
            }
            false => {
                self.error_at(summary, at).help("write `list(TYPE)`, `set(TYPE)` or `map(TYPE)`")
            }
        })
    }

    /// The diagnostic for a type that another language needs to mark as nullable. An attribute of
    /// an object has to be marked here as well; everything else may be null anyway.
    fn without_null(&self, summary: &str, at: ByteSpan, ty: &str, start: usize) -> Diagnostic {
        if self.is_in_object_type(start) && !ty.starts_with("optional(") {
            let text = format!("optional({ty})");
            let help = format!("write `{text}` for {OPTIONAL}");
            return self.error_with_fix(summary, at, text, help);
        }
        self.error_with_fix(summary, at, ty, format!("write `{ty}`; {NULLABLE}"))
    }

    /// The index of the first token of the type that ends with the token at `last`.
    fn start_of_type(&self, last: usize) -> Option<usize> {
        let token = self.tokens[last];
        if token.kind == TokenKind::Identifier {
            return is_simple(self.written(token.at)).then_some(last);
        }
        if token.kind != TokenKind::ParenthesisClose {
            return None;
        }
        let name = self.opener(last)?.checked_sub(1)?;
        is_constructor(self.written(self.tokens[name].at)).then_some(name)
    }

    /// Whether the token at `index` stands directly between the braces of `object({ … })`.
    fn is_in_object_type(&self, index: usize) -> bool {
        self.opener(index).is_some_and(|open| {
            self.tokens[open].kind == TokenKind::BraceOpen
                && open > 0
                && self.tokens[open - 1].kind == TokenKind::ParenthesisOpen
        })
    }

    /// The index of the innermost bracket that is open before the token at `index`.
    fn opener(&self, index: usize) -> Option<usize> {
        let mut depth = 0;
        (0..index).rev().find(|&it| {
            depth += self.tokens[it].kind.depth();
            depth > 0
        })
    }

    /// The index of the last token before the one at `index`, comments and line ends aside.
    fn index_before(&self, index: usize) -> Option<usize> {
        self.tokens[..index]
            .iter()
            .rposition(|it| !matches!(it.kind, TokenKind::Newline | TokenKind::Comment))
    }
}

/// Whether a word is a type by itself.
fn is_simple(word: &str) -> bool {
    matches!(word, "string" | "number" | "bool" | "any")
}

/// Whether a word takes other types in parentheses.
fn is_constructor(word: &str) -> bool {
    matches!(word, "list" | "set" | "map" | "object" | "tuple" | "optional")
}
