//! Likely errors with signs that are not part of the language.

use ha_diagnostics::Diagnostic;

use super::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::syntax::ByteSpan;

impl TokenCursor<'_> {
    /// The diagnostic for a sign that is not part of the language, if its cause is known.
    pub(super) fn stray_sign(&self, token: Token) -> Option<Diagnostic> {
        // Conflict markers consist of valid tokens, so they are checked before everything else.
        if let Some(problem) = self.conflict(token) {
            return Some(problem);
        }
        if let Some(problem) = self.foreign_type(token) {
            return Some(problem);
        }
        if token.kind != TokenKind::Stray {
            return None;
        }
        let sign = self.written(token.at).chars().next()?;
        match sign {
            '\'' => Some(self.single_quoted(token)),
            '“' | '”' | '„' | '‟' | '«' | '»' | '‘' | '’' => {
                Some(self.typographic(token))
            }
            '$' => self.bare_interpolation(token),
            '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' | '\u{2003}' | '\u{2009}' => {
                let summary = format!("this is not a plain space (U+{:04X})", sign as u32);
                Some(self.error_with_fix(
                    summary,
                    token.at,
                    " ",
                    "write a plain space; such characters come from copied text",
                ))
            }
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {
                let summary =
                    format!("there is an invisible character here (U+{:04X})", sign as u32);
                Some(self.error_with_fix(
                    summary,
                    token.at,
                    "",
                    "remove it; such characters come from copied text",
                ))
            }
            '\\' => self.escaped_quotes(token),
            '^' if self.previous_token().is_some_and(|it| is_end_of_value(it.kind)) => {
                Some(self.power_operator(token.at))
            }
            '–' | '—' | '−' => Some(self.replaced(token, sign, "-")),
            '…' => Some(self.replaced(token, sign, "...")),
            '≥' => Some(self.replaced(token, sign, ">=")),
            '≤' => Some(self.replaced(token, sign, "<=")),
            '≠' => Some(self.replaced(token, sign, "!=")),
            // Full-width forms of ASCII characters, as East Asian input methods produce them, at a
            // constant distance.
            '\u{ff01}'..='\u{ff5e}' => {
                let plain = char::from_u32(sign as u32 - 0xfee0)?;
                Some(self.replaced(token, sign, &plain.to_string()))
            }
            _ => None,
        }
    }

    /// `\"text\"` within `${ }`.
    fn escaped_quotes(&self, token: Token) -> Option<Diagnostic> {
        let inside = self.line_from(token.at.end).strip_prefix('"')?;
        let summary = "within `${ }` quotes are not escaped";
        let Some(length) = inside.find("\\\"") else {
            return Some(self.error_at(summary, token.at).help("write `\"…\"`"));
        };
        let start = token.at.start as usize;
        let text = format!("\"{}\"", &inside[..length]);
        let help = format!("write `{text}`");
        Some(self.error_with_fix(summary, ByteSpan::new(start, start + 2 + length + 2), text, help))
    }

    /// `2 ** 3`, `2 ^ 3`
    pub(super) fn power_operator(&self, at: ByteSpan) -> Diagnostic {
        self.error_at("there is no operator for powers", at)
            .help("`pow(2, 3)` is 2 to the power of 3")
    }

    fn replaced(&self, token: Token, sign: char, plain: &str) -> Diagnostic {
        self.error_with_fix(
            format!("`{sign}` means nothing here"),
            token.at,
            plain,
            format!("write `{plain}`"),
        )
    }

    /// `'text'`
    fn single_quoted(&self, token: Token) -> Diagnostic {
        let line = self.line_from(token.at.end);
        let summary = "a string is written in double quotes";
        match line.find('\'') {
            Some(length) if !line[..length].contains('\\') => {
                let at = ByteSpan::new(token.at.start as usize, token.at.end as usize + length + 1);
                let text = format!("\"{}\"", line[..length].replace('"', "\\\""));
                let help = format!("write `{text}`");
                self.error_with_fix(summary, at, text, help)
            }
            _ => self.error_at(summary, token.at).help("write `\"…\"`"),
        }
    }

    /// `“text”`
    fn typographic(&self, token: Token) -> Diagnostic {
        let line = self.line_from(token.at.end);
        let summary = "these quotes are not part of the language";
        match line.find(['“', '”', '»', '«', '’', '‘']) {
            Some(length) if !line[..length].contains(['"', '\\']) => {
                let close = line[length..].chars().next().map_or(0, char::len_utf8);
                let at =
                    ByteSpan::new(token.at.start as usize, token.at.end as usize + length + close);
                let text = format!("\"{}\"", &line[..length]);
                let help = format!("write `{text}`; such quotes come from copied text");
                self.error_with_fix(summary, at, text, help)
            }
            _ => self
                .error_at(summary, token.at)
                .help("write `\"…\"`; such quotes come from copied text"),
        }
    }

    /// `${x}` outside of quotes, or `$x`.
    fn bare_interpolation(&self, token: Token) -> Option<Diagnostic> {
        let line = self.line_from(token.at.end);
        let Some(inside) = line.strip_prefix('{') else {
            let name: String =
                line.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
            let name = if name.is_empty() { "NAME".to_owned() } else { name };
            // `$var.x` only has to lose its sign; `$x` may be a variable or a local value, so both
            // are offered.
            let is_reference = line[name.len().min(line.len())..].starts_with('.');
            if is_reference
                && matches!(&*name, "var" | "local" | "module" | "data" | "each" | "count" | "path")
            {
                let at = ByteSpan::new(token.at.start as usize, token.at.end as usize + name.len());
                let help = format!("write `{name}`");
                return Some(self.error_with_fix("a name has no `$` in front", at, name, help));
            }
            return Some(
                self.error_at("a name has no `$` in front", token.at)
                    .help(format!("a variable is `var.{name}`, a local value `local.{name}`")),
            );
        };
        // The closing brace is found by counting, because an object may be inside.
        let mut depth = 1;
        let end = inside.char_indices().find(|(_, sign)| {
            depth += match sign {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        let summary = "`${ }` is allowed only in quotes";
        Some(match end {
            Some((length, _)) if !inside[..length].trim().is_empty() => {
                let at =
                    ByteSpan::new(token.at.start as usize, token.at.end as usize + 1 + length + 1);
                let text = inside[..length].trim().to_owned();
                let help = format!("outside of quotes write `{text}`");
                self.error_with_fix(summary, at, text, help)
            }
            _ => self
                .error_at(summary, token.at)
                .help("outside of quotes write the expression without `${ }`"),
        })
    }

    /// The markers that `git` writes around conflicting versions.
    fn conflict(&self, token: Token) -> Option<Diagnostic> {
        let start = token.at.start as usize;
        let begins_line = start == 0 || self.text.as_bytes()[start - 1] == b'\n';
        let line = self.line_from(token.at.start);
        let is_mark =
            ["<<<<<<< ", ">>>>>>> "].iter().any(|it| line.starts_with(it)) || line == "=======";
        (begins_line && is_mark).then(|| {
            let at = ByteSpan::new(start, start + line.len());
            self.error_at("this is a conflict marker of a merge", at).help(
                "keep one of the two versions, and remove the lines with `<<<<<<<`, \
                    `=======` and `>>>>>>>`",
            )
        })
    }
}

/// Whether a value can end with a token of this kind.
fn is_end_of_value(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Number
            | TokenKind::Identifier
            | TokenKind::QuoteClose
            | TokenKind::ParenthesisClose
            | TokenKind::BracketClose
    )
}
