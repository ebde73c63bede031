//! Where a value should begin, or end.

use ha_kind::Diagnostic;

use super::Cursor;
use crate::lexer::{Kind, Token, is_identifier};
use crate::parse::Read;
use crate::syntax::At;

const CONDITIONAL: &str = "a value is chosen by `CONDITION ? VALUE : OTHER`";

impl Cursor<'_> {
    /// Says what stands where a value should begin.
    pub(in crate::parse) fn no_value<T>(&mut self) -> Read<T> {
        let token = self.peek();
        let problem = self.sign(token).or_else(|| self.wrong_begin(token));
        self.told(problem, "a value")
    }

    fn wrong_begin(&self, token: Token) -> Option<Diagnostic> {
        let next = self.behind(1);
        let touches = next.at.start == token.at.end;
        match (token.kind, next.kind) {
            (Kind::Less, Kind::Less) if touches => Some(self.heredoc_slip(token)),
            (Kind::Assign, _) => Some(self.mended("there is one `=` too many", token.at, "", "take it out")),
            (Kind::Dot, Kind::Number) if touches => {
                let text = format!("0{}{}", self.written(token.at), self.written(next.at));
                let help = format!("write `{text}`");
                Some(self.mended("a number begins with a digit", token.at.to(next.at), text, help))
            }
            (Kind::Comma, _) => Some(self.mended("a value is missing before this comma", token.at, "", "or take the comma out")),
            (Kind::Plus, _) => Some(self.mended("a number has no `+` in front", token.at, "", "take it out")),
            (Kind::Percent, Kind::BraceOpen) if touches => {
                Some(self.slip("`%{ }` stands within quotes and heredocs only", token.at).help(CONDITIONAL))
            }
            (Kind::SequenceEnd, _) => Some(self.slip("there is nothing between the braces", token.at)),
            (Kind::Newline, _) if self.before().is_some_and(|it| it.kind == Kind::Assign) => {
                let at = self.before()?.at;
                let problem = self.slip("the value is missing", at);
                Some(problem.help("it begins on the line of the `=`; for no value write `null`"))
            }
            _ => None,
        }
    }

    /// Says what stands where a condition's other value should be.
    pub(in crate::parse) fn no_otherwise<T>(&mut self) -> Read<T> {
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
    pub(in crate::parse) fn no_attribute<T>(&mut self) -> Read<T> {
        let token = self.peek();
        let problem = match token.kind {
            Kind::Dot => Some(self.slip("there are no ranges", token.at).help("`range(1, 6)` gives the numbers from 1 to 5")),
            Kind::QuoteOpen => Some(
                self.slip("strings are not put together by `.`", token.at).help("put them into one: `\"${FIRST}${SECOND}\"`"),
            ),
            _ => self.sign(token),
        };
        self.told(problem, "the name of an attribute")
    }

    /// `<<"EOT"`, `<<~EOT`, `<< EOT`, or something behind the word.
    fn heredoc_slip(&self, token: Token) -> Diagnostic {
        let line = self.line_from(token.at.start);
        let at = At::new(token.at.start as usize, token.at.start as usize + line.len());
        let behind = line.trim_start_matches('<').trim_start();
        let (outdents, behind) = match behind.strip_prefix(['-', '~']) {
            Some(behind) => (true, behind.trim_start()),
            None => (false, behind),
        };
        let behind = behind.trim_start_matches(['"', '\'']);
        let length = behind.find(|it: char| !(it.is_alphanumeric() || it == '_' || it == '-')).unwrap_or(behind.len());
        let (word, rest) = behind.split_at(length);
        let rest = rest.trim_start_matches(['"', '\'']).trim();
        let summary = "a heredoc begins with `<<WORD` or `<<-WORD`, and its line ends there";
        match is_identifier(word) && (rest.is_empty() || rest.starts_with('#') || rest.starts_with("//")) {
            true => {
                let text = format!("<<{}{word}", if outdents { "-" } else { "" });
                let help = format!("write `{text}`");
                self.mended(summary, at, text, help)
            }
            false => self.slip(summary, token.at).help("for example `<<-EOT`, lines of text, and a line with `EOT`"),
        }
    }

    /// What is wrong where an expression should have ended, or an operator should stand.
    pub(super) fn wrong_end(&self, token: Token) -> Option<Diagnostic> {
        if let Some(problem) = self.sign(token) {
            return Some(problem);
        }
        let before = self.before()?;
        let touches = before.at.end == token.at.start;
        let word = |it: Token| if it.kind == Kind::Identifier { self.written(it.at) } else { "" };
        match (word(before), word(token)) {
            ("if" | "case" | "when", _) if token.kind != Kind::Newline => {
                return Some(self.slip(format!("there is no `{}` in expressions", word(before)), before.at).help(CONDITIONAL));
            }
            ("not", it) if !it.is_empty() || token.kind == Kind::QuoteOpen => {
                let at = At { start: before.at.start, end: token.at.start };
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
            (_, "and" | "AND") => return Some(self.mended("there is no `and`", token.at, "&&", "write `&&`")),
            (_, "or" | "OR") => return Some(self.mended("there is no `or`", token.at, "||", "write `||`")),
            (_, "is") => return Some(self.mended("there is no `is`", token.at, "==", "write `==`")),
            (_, "in") => {
                return Some(
                    self.slip("`in` stands in `for` expressions only", token.at)
                        .help("`contains(LIST, VALUE)` tells whether a value is in a list"),
                );
            }
            (_, it @ ("if" | "unless" | "then")) => {
                return Some(self.slip(format!("there is no `{it}` in expressions"), token.at).help(CONDITIONAL));
            }
            _ => {}
        }
        match (before.kind, token.kind) {
            (Kind::Number, Kind::Identifier) if touches => Some(self.number_slip(before, token)),
            (Kind::QuoteClose, Kind::QuoteOpen) if touches => Some(
                self.slip("a string of several lines does not stand between `\"\"\"`", token.at)
                    .help("use a heredoc: `<<-EOT`, lines of text, and a line with `EOT`"),
            ),
            (Kind::QuoteClose, Kind::QuoteOpen) => {
                Some(self.slip("two strings stand side by side", token.at).help("put them into one: `\"${FIRST}${SECOND}\"`"))
            }
            (Kind::QuoteClose, Kind::Identifier) if touches => Some(
                self.slip("the string ended at the quote before", token.at).help("a quote within a string is written `\\\"`"),
            ),
            (_, Kind::BracketClose | Kind::ParenthesisClose) => {
                let summary = format!("there is nothing open here that this `{}` could close", self.written(token.at));
                Some(self.mended(summary, token.at, "", "take it out"))
            }
            (Kind::Identifier, Kind::QuoteOpen) if touches => {
                let summary = format!("strings have no `{}` in front", self.written(before.at));
                Some(self.mended(summary, before.at, "", "take it out: `${ }` works in every string"))
            }
            _ if token.kind == Kind::Identifier && self.behind(1).kind == Kind::Assign => {
                let problem = self.slip("two arguments stand on one line", token.at);
                let between = self.span(At { start: before.at.end, end: token.at.start });
                Some(problem.suggest(between, "\n", "each stands on a line of its own"))
            }
            (Kind::Identifier, Kind::Identifier) => Some(
                self.slip(format!("an operator is missing before `{}`", self.written(token.at)), token.at)
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
