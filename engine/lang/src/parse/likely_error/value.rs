//! Likely errors at the beginning and the end of a value.

use ha_diagnostics::Diagnostic;

use super::TokenCursor;
use crate::lexer::{Token, TokenKind, is_identifier};
use crate::parse::ParseResult;
use crate::syntax::ByteSpan;
use crate::syntax_errors;

const CONDITIONAL_HELP: &str = "write a condition as `CONDITION ? VALUE : OTHER`";

impl TokenCursor<'_> {
    /// Reports a token that cannot begin a value.
    pub(in crate::parse) fn unexpected_instead_of_value<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.stray_sign(token).or_else(|| self.likely_value_error(token));
        self.refuse_or_expect(problem, "a value")
    }

    fn likely_value_error(&self, token: Token) -> Option<Diagnostic> {
        let next = self.token_after(1);
        let touches = next.at.start == token.at.end;
        // Operators of two signs first: each of the signs alone has another explanation below.
        if let Some(problem) = self.foreign_operator(token) {
            return Some(problem);
        }
        match (token.kind, next.kind) {
            (TokenKind::Dot | TokenKind::Slash, _)
                if touches
                    && matches!(
                        next.kind,
                        TokenKind::Slash | TokenKind::Identifier | TokenKind::Dot
                    ) =>
            {
                Some(self.unquoted_string(token.at.start, "a path is written in quotes"))
            }
            (TokenKind::Less, TokenKind::Less) if touches => Some(self.heredoc_error(token)),
            (TokenKind::Assign, _) => {
                Some(self.error_with_fix("there is an extra `=`", token.at, "", "remove it"))
            }
            (TokenKind::Dot, TokenKind::Number) if touches => {
                let text = format!("0{}{}", self.written(token.at), self.written(next.at));
                let help = format!("write `{text}`");
                Some(self.error_with_fix(
                    "a number begins with a digit",
                    token.at.to(next.at),
                    text,
                    help,
                ))
            }
            (TokenKind::Comma, _) => Some(self.error_with_fix(
                "a value is missing before this comma",
                token.at,
                "",
                "or remove the comma",
            )),
            (TokenKind::Plus, _) => {
                Some(self.error_with_fix("a number has no `+` in front", token.at, "", "remove it"))
            }
            (TokenKind::Percent, TokenKind::BraceOpen) if touches => Some(
                self.error_at("`%{ }` is allowed only in quotes and heredocs", token.at)
                    .help(CONDITIONAL_HELP),
            ),
            (TokenKind::Newline, _)
                if self.previous_token().is_some_and(|it| it.kind == TokenKind::Assign) =>
            {
                let at = self.previous_token()?.at;
                let problem = self.error_at("the value is missing", at);
                Some(match self.written(token.at).starts_with("#{") {
                    true => problem.help(
                        "`#` begins a comment: write what is between the braces \
                        without them, as in `var.x`",
                    ),
                    false => problem.help(
                        "write it on the line of the `=`; for no value write \
                        `null`",
                    ),
                })
            }
            _ => self.missing_operand(token),
        }
    }

    /// Operators of other languages. Their first sign is an operator here too, so the error occurs
    /// at the second one.
    fn foreign_operator(&self, token: Token) -> Option<Diagnostic> {
        let before = self.previous_token().filter(|it| it.at.end == token.at.start)?;
        let at = before.at.to(token.at);
        let sign = self.written(at);
        let problem = || self.error_at(format!("there is no `{sign}`"), at);
        Some(match sign {
            "??" | "?:" => {
                problem().help("`coalesce(FIRST, SECOND)` gives the first that is not null")
            }
            "?." => problem()
                .help("`try(VALUE.name, null)` gives null where there is no such attribute"),
            "<>" => self.error_with_fix("there is no `<>`", at, "!=", "write `!=`"),
            "**" => self.power_operator(at),
            "++" => problem().help("a value does not change; another one is `VALUE + 1`"),
            _ => return None,
        })
    }

    /// A missing value after an operator or between braces.
    fn missing_operand(&self, token: Token) -> Option<Diagnostic> {
        let before = self.previous_token()?;
        let sign = self.written(before.at);
        match (before.kind, token.kind) {
            (TokenKind::Interpolation | TokenKind::Directive, TokenKind::SequenceEnd) => {
                let problem = self.error_at("there is nothing between the braces", token.at);
                Some(problem.help(format!(
                    "write a value there, or `{}{sign}` for the literal characters",
                    &sign[..1]
                )))
            }
            (kind, TokenKind::Newline | TokenKind::End) if is_operator(kind) => {
                Some(self.error_at(format!("a value is missing after `{sign}`"), before.at).help(
                    "an expression continues on the next line only in parentheses or brackets",
                ))
            }
            (
                kind,
                TokenKind::SequenceEnd
                | TokenKind::BraceClose
                | TokenKind::BracketClose
                | TokenKind::ParenthesisClose,
            ) if is_operator(kind) => {
                let problem =
                    self.error_at(format!("a value is missing after `{sign}`"), before.at);
                Some(problem.help("write it there, or remove the operator"))
            }
            _ => None,
        }
    }

    /// A string without quotes, up to the next white space or closing bracket.
    fn unquoted_string(&self, start: u32, summary: &str) -> Diagnostic {
        let line = self.line_from(start);
        let length = line
            .find(|it: char| it.is_whitespace() || matches!(it, ',' | ')' | ']' | '}'))
            .unwrap_or(line.len());
        let at = ByteSpan::new(start as usize, start as usize + length);
        let text = format!("\"{}\"", &line[..length]);
        let help = format!("write `{text}`");
        self.error_with_fix(summary, at, text, help)
    }

    /// Reports an unknown escape sequence.
    pub(in crate::parse) fn unknown_escape<T>(&mut self, at: ByteSpan) -> ParseResult<T> {
        let written = self.written(at);
        let problem = syntax_errors::no_such_escape(written, self.span(at));
        let problem =
            problem.suggest(self.span(at), format!("\\{written}"), "write `\\\\` for a backslash");
        self.refuse(problem)
    }

    /// Reports a conditional without its second result.
    pub(in crate::parse) fn missing_false_result<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = match self.stray_sign(token) {
            Some(problem) => problem,
            None => self
                .error_at("the second result of this condition is missing", token.at)
                .help("write `CONDITION ? VALUE : OTHER`; write `null` for no value"),
        };
        self.refuse(problem)
    }

    /// Reports a token after a dot that is neither an attribute nor an index.
    pub(in crate::parse) fn unexpected_after_dot<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = match token.kind {
            TokenKind::Dot => Some(
                self.error_at("there are no ranges", token.at)
                    .help("`range(1, 6)` gives the numbers from 1 to 5"),
            ),
            TokenKind::QuoteOpen => Some(
                self.error_at("strings are not joined by `.`", token.at)
                    .help("write one template: `\"${FIRST}${SECOND}\"`"),
            ),
            _ => self.stray_sign(token),
        };
        self.refuse_or_expect(problem, "the name of an attribute")
    }

    /// `<<"EOT"`, `<<~EOT`, `<< EOT`, or text after the word.
    fn heredoc_error(&self, token: Token) -> Diagnostic {
        let line = self.line_from(token.at.start);
        let at = ByteSpan::new(token.at.start as usize, token.at.start as usize + line.len());
        let behind = line.trim_start_matches('<').trim_start();
        let (outdents, behind) = match behind.strip_prefix(['-', '~']) {
            Some(behind) => (true, behind.trim_start()),
            None => (false, behind),
        };
        let behind = behind.trim_start_matches(['"', '\'']);
        let length = behind
            .find(|it: char| !(it.is_alphanumeric() || it == '_' || it == '-'))
            .unwrap_or(behind.len());
        let (word, rest) = behind.split_at(length);
        let rest = rest.trim_start_matches(['"', '\'']).trim();
        let summary = "a heredoc begins with `<<WORD` or `<<-WORD`, and its line ends there";
        match is_identifier(word)
            && (rest.is_empty() || rest.starts_with('#') || rest.starts_with("//"))
        {
            true => {
                let text = format!("<<{}{word}", if outdents { "-" } else { "" });
                let help = format!("write `{text}`");
                self.error_with_fix(summary, at, text, help)
            }
            false => self
                .error_at(summary, token.at)
                .help("for example `<<-EOT`, lines of text, and a line with `EOT`"),
        }
    }

    /// The likely error at a token that neither continues an expression nor may follow one.
    pub(super) fn likely_end_error(&self, token: Token) -> Option<Diagnostic> {
        if let Some(problem) = self.stray_sign(token) {
            return Some(problem);
        }
        let before = self.previous_token()?;
        let touches = before.at.end == token.at.start;
        let word =
            |it: Token| if it.kind == TokenKind::Identifier { self.written(it.at) } else { "" };
        // Words before tokens: `a and b` would otherwise be reported as a missing operator.
        match (word(before), word(token)) {
            ("if" | "case" | "when", _) if token.kind != TokenKind::Newline => {
                return Some(
                    self.error_at(
                        format!("there is no `{}` in expressions", word(before)),
                        before.at,
                    )
                    .help(CONDITIONAL_HELP),
                );
            }
            ("not", it) if !it.is_empty() || token.kind == TokenKind::QuoteOpen => {
                let at = ByteSpan { start: before.at.start, end: token.at.start };
                return Some(self.error_with_fix("there is no `not`", at, "!", "write `!`"));
            }
            ("for", it) if !it.is_empty() => {
                return Some(
                    self.error_at("a `for` is written in brackets or braces", before.at)
                        .help("`[for x in LIST : x]` or `{ for k, v in MAP : k => v }`"),
                );
            }
            ("lambda" | "new" | "await", it) if !it.is_empty() => {
                return Some(
                    self.error_at(format!("there is no `{}`", word(before)), before.at)
                        .help("functions are declared by `function` blocks"),
                );
            }
            ("return", _) if token.kind != TokenKind::Newline => {
                return Some(self.error_with_fix(
                    "there is no `return`",
                    ByteSpan { start: before.at.start, end: token.at.start },
                    "",
                    "write only the value",
                ));
            }
            (_, "not") if self.written(self.token_after(1).at) == "in" => {
                return Some(
                    self.error_at("there is no `not in`", token.at.to(self.token_after(1).at))
                        .help("`!contains(LIST, VALUE)` checks whether a value is not in a list"),
                );
            }
            (_, "and" | "AND") => {
                return Some(self.error_with_fix(
                    "there is no `and`",
                    token.at,
                    "&&",
                    "write `&&`",
                ));
            }
            (_, "or" | "OR") => {
                return Some(self.error_with_fix("there is no `or`", token.at, "||", "write `||`"));
            }
            (_, "is") => {
                return Some(self.error_with_fix("there is no `is`", token.at, "==", "write `==`"));
            }
            (_, "in") => {
                return Some(
                    self.error_at("`in` is allowed only in `for` expressions", token.at)
                        .help("`contains(LIST, VALUE)` checks whether a value is in a list"),
                );
            }
            (_, it @ ("if" | "unless" | "then")) => {
                return Some(
                    self.error_at(format!("there is no `{it}` in expressions"), token.at)
                        .help(CONDITIONAL_HELP),
                );
            }
            _ => {}
        }
        match (before.kind, token.kind) {
            (TokenKind::Number, TokenKind::Identifier) if touches => {
                Some(self.number_error(before, token))
            }
            (TokenKind::QuoteClose, TokenKind::QuoteOpen) if touches => Some(
                self.error_at("a string of several lines is not written in `\"\"\"`", token.at)
                    .help("use a heredoc: `<<-EOT`, lines of text, and a line with `EOT`"),
            ),
            (TokenKind::QuoteClose, TokenKind::QuoteOpen) => Some(
                self.error_at("there are two adjacent strings", token.at)
                    .help("write one template: `\"${FIRST}${SECOND}\"`"),
            ),
            (TokenKind::QuoteClose, TokenKind::Identifier) if touches => {
                let problem = self.error_at("the string ended at the quote before", token.at);
                Some(match self.missing_quote_position(before.at) {
                    Some(gap) => problem.suggest(self.span(gap), "\"", "a quote is missing here"),
                    None => problem.help("a quote inside a string is written `\\\"`"),
                })
            }
            (TokenKind::Identifier, TokenKind::ParenthesisOpen) if touches => {
                let problem = self.error_at("values have no methods", before.at);
                Some(match self.written(before.at) {
                    "map" | "filter" | "forEach" | "each" | "flatMap" => {
                        problem.help("write `[for x in LIST : x if CONDITION]`")
                    }
                    name => problem.help(format!("write `{name}(VALUE)`")),
                })
            }
            (TokenKind::Identifier, TokenKind::Colon)
                if self.written(self.token_after(1).at).starts_with("//") =>
            {
                Some(self.unquoted_string(before.at.start, "a string is written in quotes"))
            }
            (_, TokenKind::BracketClose | TokenKind::ParenthesisClose) => {
                let summary =
                    format!("there is no open bracket for this `{}`", self.written(token.at));
                Some(self.error_with_fix(summary, token.at, "", "remove it"))
            }
            // `abc"…"` is either a string with a missing quote or a prefix such as Python's `f"…"`;
            // the latter parses once the word is removed.
            (TokenKind::Identifier, TokenKind::QuoteOpen)
                if touches && !self.is_fixed_by(before.at, "") =>
            {
                let gap = ByteSpan { end: before.at.start, ..before.at };
                let problem = self.error_at("the quote before this string is missing", before.at);
                Some(problem.suggest(self.span(gap), "\"", "write it here"))
            }
            (TokenKind::Identifier, TokenKind::QuoteOpen) if touches => {
                let summary = format!("a string has no `{}` in front", self.written(before.at));
                Some(self.error_with_fix(
                    summary,
                    before.at,
                    "",
                    "remove it: `${ }` works in every string",
                ))
            }
            _ if token.kind == TokenKind::Identifier
                && self.token_after(1).kind == TokenKind::Assign =>
            {
                let problem = self.error_at("there are two arguments on one line", token.at);
                let between = self.span(ByteSpan { start: before.at.end, end: token.at.start });
                Some(problem.suggest(between, "\n", "write each on a separate line"))
            }
            (TokenKind::Identifier, TokenKind::Identifier) => Some(
                self.error_at(
                    format!("an operator is missing before `{}`", self.written(token.at)),
                    token.at,
                )
                .help("a string of several words is written in quotes"),
            ),
            _ => None,
        }
    }

    /// `0x1F`, `1_000`, `10GB`
    fn number_error(&self, number: Token, rest: Token) -> Diagnostic {
        let at = number.at.to(rest.at);
        let whole = self.written(at);
        let digits = whole.replace('_', "");
        if digits.bytes().all(|it| it.is_ascii_digit()) {
            let help = format!("write `{digits}`");
            return self.error_with_fix("a number has no `_` between its digits", at, digits, help);
        }
        let radix = match whole.get(..2) {
            Some("0x" | "0X") => Some(16),
            Some("0o" | "0O") => Some(8),
            Some("0b" | "0B") => Some(2),
            _ => None,
        };
        match radix {
            Some(radix) => {
                let text = format!("parseint(\"{}\", {radix})", &whole[2..]);
                let help = format!("write `{text}`");
                self.error_with_fix("numbers are decimal", at, text, help)
            }
            None => {
                let text = format!("\"{whole}\"");
                let help = format!("write `{text}` for a string");
                self.error_with_fix(format!("`{whole}` is not a number"), at, text, help)
            }
        }
    }
}

/// Whether a value must follow a token of this kind.
fn is_operator(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Star
            | TokenKind::Slash
            | TokenKind::Percent
            | TokenKind::And
            | TokenKind::Or
            | TokenKind::Not
            | TokenKind::Equal
            | TokenKind::NotEqual
            | TokenKind::Less
            | TokenKind::LessOrEqual
            | TokenKind::Greater
            | TokenKind::GreaterOrEqual
            | TokenKind::Question
            | TokenKind::Colon
    )
}
