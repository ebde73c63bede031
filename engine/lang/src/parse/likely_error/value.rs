//! Where a value should begin, or end.

use ha_diagnostics::Diagnostic;

use super::TokenCursor;
use crate::lexer::{Token, TokenKind, is_identifier};
use crate::parse::ParseResult;
use crate::syntax::ByteSpan;
use crate::syntax_errors;

const CONDITIONAL: &str = "a value is chosen by `CONDITION ? VALUE : OTHER`";

impl TokenCursor<'_> {
    /// Says what stands where a value should begin.
    pub(in crate::parse) fn no_value<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.sign(token).or_else(|| self.wrong_begin(token));
        self.told(problem, "a value")
    }

    fn wrong_begin(&self, token: Token) -> Option<Diagnostic> {
        let next = self.behind(1);
        let touches = next.at.start == token.at.end;
        if let Some(problem) = self.wrong_operator(token) {
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
                Some(self.bare_text(token.at.start, "a path stands in quotes"))
            }
            (TokenKind::Less, TokenKind::Less) if touches => Some(self.heredoc_slip(token)),
            (TokenKind::Assign, _) => {
                Some(self.mended("there is one `=` too many", token.at, "", "take it out"))
            }
            (TokenKind::Dot, TokenKind::Number) if touches => {
                let text = format!("0{}{}", self.written(token.at), self.written(next.at));
                let help = format!("write `{text}`");
                Some(self.mended("a number begins with a digit", token.at.to(next.at), text, help))
            }
            (TokenKind::Comma, _) => Some(self.mended(
                "a value is missing before this comma",
                token.at,
                "",
                "or take the comma out",
            )),
            (TokenKind::Plus, _) => {
                Some(self.mended("a number has no `+` in front", token.at, "", "take it out"))
            }
            (TokenKind::Percent, TokenKind::BraceOpen) if touches => Some(
                self.slip("`%{ }` stands within quotes and heredocs only", token.at)
                    .help(CONDITIONAL),
            ),
            (TokenKind::Newline, _)
                if self.before().is_some_and(|it| it.kind == TokenKind::Assign) =>
            {
                let at = self.before()?.at;
                let problem = self.slip("the value is missing", at);
                Some(match self.written(token.at).starts_with("#{") {
                    true => problem.help("`#` begins a comment: write what is between the braces without them, as in `var.x`"),
                    false => problem.help("it begins on the line of the `=`; for no value write `null`"),
                })
            }
            _ => self.missing_operand(token),
        }
    }

    /// Operators of other languages, of which the second sign is found where a value should begin.
    fn wrong_operator(&self, token: Token) -> Option<Diagnostic> {
        let before = self.before().filter(|it| it.at.end == token.at.start)?;
        let at = before.at.to(token.at);
        let sign = self.written(at);
        let problem = || self.slip(format!("there is no `{sign}`"), at);
        Some(match sign {
            "??" | "?:" => {
                problem().help("`coalesce(FIRST, SECOND)` gives the first that is not null")
            }
            "?." => problem()
                .help("`try(VALUE.name, null)` gives null where there is no such attribute"),
            "<>" => self.mended("there is no `<>`", at, "!=", "write `!=`"),
            "**" => self.no_power(at),
            "++" => problem().help("a value does not change; another one is `VALUE + 1`"),
            _ => return None,
        })
    }

    /// What is missing behind an operator, or between braces.
    fn missing_operand(&self, token: Token) -> Option<Diagnostic> {
        let before = self.before()?;
        let sign = self.written(before.at);
        match (before.kind, token.kind) {
            (TokenKind::Interpolation | TokenKind::Directive, TokenKind::SequenceEnd) => {
                let problem = self.slip("there is nothing between the braces", token.at);
                Some(problem.help(format!(
                    "write a value there, or `{}{sign}` for the signs themselves",
                    &sign[..1]
                )))
            }
            (kind, TokenKind::Newline | TokenKind::End) if is_operator(kind) => {
                Some(self.slip(format!("a value is missing behind `{sign}`"), before.at).help(
                    "an expression goes on with the next line only in parentheses or brackets",
                ))
            }
            (
                kind,
                TokenKind::SequenceEnd
                | TokenKind::BraceClose
                | TokenKind::BracketClose
                | TokenKind::ParenthesisClose,
            ) if is_operator(kind) => {
                let problem = self.slip(format!("a value is missing behind `{sign}`"), before.at);
                Some(problem.help("write it there, or take the operator out"))
            }
            _ => None,
        }
    }

    /// A string that stands without quotes from there on.
    fn bare_text(&self, start: u32, summary: &str) -> Diagnostic {
        let line = self.line_from(start);
        let length = line
            .find(|it: char| it.is_whitespace() || matches!(it, ',' | ')' | ']' | '}'))
            .unwrap_or(line.len());
        let at = ByteSpan::new(start as usize, start as usize + length);
        let text = format!("\"{}\"", &line[..length]);
        let help = format!("write `{text}`");
        self.mended(summary, at, text, help)
    }

    /// Says that a backslash is followed by something that it does not go with.
    pub(in crate::parse) fn no_escape<T>(&mut self, at: ByteSpan) -> ParseResult<T> {
        let written = self.written(at);
        let problem = syntax_errors::no_such_escape(written, self.span(at));
        let problem =
            problem.suggest(self.span(at), format!("\\{written}"), "write `\\\\` for a backslash");
        self.refuse(problem)
    }

    /// Says what stands where a condition's other value should be.
    pub(in crate::parse) fn no_otherwise<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = match self.sign(token) {
            Some(problem) => problem,
            None => self
                .slip("the other value of this condition is missing", token.at)
                .help("write `CONDITION ? VALUE : OTHER`; `null` stands for no value"),
        };
        self.refuse(problem)
    }

    /// Says what stands behind a point.
    pub(in crate::parse) fn no_attribute<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = match token.kind {
            TokenKind::Dot => Some(
                self.slip("there are no ranges", token.at)
                    .help("`range(1, 6)` gives the numbers from 1 to 5"),
            ),
            TokenKind::QuoteOpen => Some(
                self.slip("strings are not put together by `.`", token.at)
                    .help("put them into one: `\"${FIRST}${SECOND}\"`"),
            ),
            _ => self.sign(token),
        };
        self.told(problem, "the name of an attribute")
    }

    /// `<<"EOT"`, `<<~EOT`, `<< EOT`, or something behind the word.
    fn heredoc_slip(&self, token: Token) -> Diagnostic {
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
                self.mended(summary, at, text, help)
            }
            false => self
                .slip(summary, token.at)
                .help("for example `<<-EOT`, lines of text, and a line with `EOT`"),
        }
    }

    /// What is wrong where an expression should have ended, or an operator should stand.
    pub(super) fn wrong_end(&self, token: Token) -> Option<Diagnostic> {
        if let Some(problem) = self.sign(token) {
            return Some(problem);
        }
        let before = self.before()?;
        let touches = before.at.end == token.at.start;
        let word =
            |it: Token| if it.kind == TokenKind::Identifier { self.written(it.at) } else { "" };
        match (word(before), word(token)) {
            ("if" | "case" | "when", _) if token.kind != TokenKind::Newline => {
                return Some(
                    self.slip(format!("there is no `{}` in expressions", word(before)), before.at)
                        .help(CONDITIONAL),
                );
            }
            ("not", it) if !it.is_empty() || token.kind == TokenKind::QuoteOpen => {
                let at = ByteSpan { start: before.at.start, end: token.at.start };
                return Some(self.mended("there is no `not`", at, "!", "write `!`"));
            }
            ("for", it) if !it.is_empty() => {
                return Some(
                    self.slip("a `for` stands in brackets or braces", before.at)
                        .help("`[for x in LIST : x]` or `{ for k, v in MAP : k => v }`"),
                );
            }
            ("lambda" | "new" | "await", it) if !it.is_empty() => {
                return Some(
                    self.slip(format!("there is no `{}`", word(before)), before.at)
                        .help("functions are declared by `function` blocks"),
                );
            }
            ("return", _) if token.kind != TokenKind::Newline => {
                return Some(self.mended(
                    "there is no `return`",
                    ByteSpan { start: before.at.start, end: token.at.start },
                    "",
                    "an argument is given its value alone",
                ));
            }
            (_, "not") if self.written(self.behind(1).at) == "in" => {
                return Some(
                    self.slip("there is no `not in`", token.at.to(self.behind(1).at))
                        .help("`!contains(LIST, VALUE)` tells whether a value is not in a list"),
                );
            }
            (_, "and" | "AND") => {
                return Some(self.mended("there is no `and`", token.at, "&&", "write `&&`"));
            }
            (_, "or" | "OR") => {
                return Some(self.mended("there is no `or`", token.at, "||", "write `||`"));
            }
            (_, "is") => {
                return Some(self.mended("there is no `is`", token.at, "==", "write `==`"));
            }
            (_, "in") => {
                return Some(
                    self.slip("`in` stands in `for` expressions only", token.at)
                        .help("`contains(LIST, VALUE)` tells whether a value is in a list"),
                );
            }
            (_, it @ ("if" | "unless" | "then")) => {
                return Some(
                    self.slip(format!("there is no `{it}` in expressions"), token.at)
                        .help(CONDITIONAL),
                );
            }
            _ => {}
        }
        match (before.kind, token.kind) {
            (TokenKind::Number, TokenKind::Identifier) if touches => {
                Some(self.number_slip(before, token))
            }
            (TokenKind::QuoteClose, TokenKind::QuoteOpen) if touches => Some(
                self.slip("a string of several lines does not stand between `\"\"\"`", token.at)
                    .help("use a heredoc: `<<-EOT`, lines of text, and a line with `EOT`"),
            ),
            (TokenKind::QuoteClose, TokenKind::QuoteOpen) => Some(
                self.slip("two strings stand side by side", token.at)
                    .help("put them into one: `\"${FIRST}${SECOND}\"`"),
            ),
            (TokenKind::QuoteClose, TokenKind::Identifier) if touches => {
                let problem = self.slip("the string ended at the quote before", token.at);
                Some(match self.missing_quote(before.at) {
                    Some(gap) => problem.suggest(self.span(gap), "\"", "a quote is missing here"),
                    None => problem.help("a quote within a string is written `\\\"`"),
                })
            }
            (TokenKind::Identifier, TokenKind::ParenthesisOpen) if touches => {
                let problem = self.slip("values have no methods", before.at);
                Some(match self.written(before.at) {
                    "map" | "filter" | "forEach" | "each" | "flatMap" => {
                        problem.help("write `[for x in LIST : x if CONDITION]`")
                    }
                    name => problem.help(format!("write `{name}(VALUE)`")),
                })
            }
            (TokenKind::Identifier, TokenKind::Colon)
                if self.written(self.behind(1).at).starts_with("//") =>
            {
                Some(self.bare_text(before.at.start, "a string stands in quotes"))
            }
            (_, TokenKind::BracketClose | TokenKind::ParenthesisClose) => {
                let summary = format!(
                    "there is nothing open here that this `{}` could close",
                    self.written(token.at)
                );
                Some(self.mended(summary, token.at, "", "take it out"))
            }
            (TokenKind::Identifier, TokenKind::QuoteOpen)
                if touches && !self.is_mended_by(before.at, "") =>
            {
                let gap = ByteSpan { end: before.at.start, ..before.at };
                let problem = self.slip("the quote before this string is missing", before.at);
                Some(problem.suggest(self.span(gap), "\"", "write it here"))
            }
            (TokenKind::Identifier, TokenKind::QuoteOpen) if touches => {
                let summary = format!("strings have no `{}` in front", self.written(before.at));
                Some(self.mended(
                    summary,
                    before.at,
                    "",
                    "take it out: `${ }` works in every string",
                ))
            }
            _ if token.kind == TokenKind::Identifier
                && self.behind(1).kind == TokenKind::Assign =>
            {
                let problem = self.slip("two arguments stand on one line", token.at);
                let between = self.span(ByteSpan { start: before.at.end, end: token.at.start });
                Some(problem.suggest(between, "\n", "each stands on a line of its own"))
            }
            (TokenKind::Identifier, TokenKind::Identifier) => Some(
                self.slip(
                    format!("an operator is missing before `{}`", self.written(token.at)),
                    token.at,
                )
                .help("a string of several words stands in quotes"),
            ),
            _ => None,
        }
    }

    /// `0x1F`, `1_000`, `10GB`
    fn number_slip(&self, number: Token, rest: Token) -> Diagnostic {
        let at = number.at.to(rest.at);
        let whole = self.written(at);
        let digits = whole.replace('_', "");
        if digits.bytes().all(|it| it.is_ascii_digit()) {
            let help = format!("write `{digits}`");
            return self.mended("a number has no `_` between its digits", at, digits, help);
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
                self.mended("numbers are decimal", at, text, help)
            }
            None => {
                let text = format!("\"{whole}\"");
                let help = format!("write `{text}` for a string");
                self.mended(format!("`{whole}` is not a number"), at, text, help)
            }
        }
    }
}

/// Whether a value must follow.
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
