//! Likely errors inside brackets, braces and quotes, and delimiters that are never closed.

use ha_diagnostics::Diagnostic;

use super::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::parse::ParseResult;
use crate::syntax::{ByteSpan, Operator, SyntaxKind as Written, SyntaxNode};
use crate::syntax_errors;

/// Most positions of a line at which a missing quote is tried. Each try parses the item again.
const MAX_QUOTE_POSITIONS: usize = 12;

/// The construct that a pair of brackets delimits.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::parse) enum BracketKind {
    List,
    Call,
    Object,
    Parentheses,
    Index,
}

impl BracketKind {
    fn close(self) -> &'static str {
        match self {
            BracketKind::List | BracketKind::Index => "]",
            BracketKind::Call | BracketKind::Parentheses => ")",
            BracketKind::Object => "}",
        }
    }
}

impl TokenCursor<'_> {
    /// Reports a token inside brackets that neither continues nor closes them.
    pub(in crate::parse) fn unexpected_in_brackets<T>(
        &mut self,
        open: Token,
        inside: BracketKind,
    ) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.between(token, open, inside).or_else(|| self.likely_end_error(token));
        let close = inside.close();
        match inside {
            BracketKind::List | BracketKind::Call => {
                self.refuse_or_expect(problem, &format!("`,` or `{close}`"))
            }
            BracketKind::Object => {
                self.refuse_or_expect(problem, "`,`, the end of the line or `}`")
            }
            BracketKind::Parentheses | BracketKind::Index => {
                self.refuse_or_expect(problem, &format!("`{close}`"))
            }
        }
    }

    fn between(&self, token: Token, open: Token, inside: BracketKind) -> Option<Diagnostic> {
        let is_closer = matches!(
            token.kind,
            TokenKind::BraceClose
                | TokenKind::BracketClose
                | TokenKind::ParenthesisClose
                | TokenKind::SequenceEnd
                | TokenKind::QuoteClose
        );
        if token.kind == TokenKind::End || is_closer || self.begins_item(token) {
            return Some(self.open(open, inside, token));
        }
        if let Some(problem) = self.stray_sign(token) {
            return Some(problem);
        }
        let sign = self.written(token.at);
        let several = matches!(inside, BracketKind::List | BracketKind::Call | BracketKind::Object);
        match (token.kind, inside) {
            (TokenKind::Stray, _) if sign == ";" && several => Some(self.error_with_fix(
                "elements are separated by commas",
                token.at,
                ",",
                "write `,`",
            )),
            (TokenKind::Assign, BracketKind::Call) => Some(
                self.error_at("arguments of functions have no names", token.at)
                    .help("write them in the order of the parameters"),
            ),
            (TokenKind::Assign | TokenKind::Colon, BracketKind::List) => Some(
                self.error_at("elements of a list have no names", token.at)
                    .help("values with names are written in braces: `{ name = value }`"),
            ),
            (TokenKind::Colon, BracketKind::Index) => Some(
                self.error_at("an index is one position", token.at)
                    .help("`slice(LIST, 0, 2)` gives the elements from 0 up to 2"),
            ),
            (TokenKind::Comma, BracketKind::Parentheses) => Some(
                self.error_at("between parentheses there is one value", token.at)
                    .help("write several values in brackets: `[first, second]`"),
            ),
            (TokenKind::Identifier, BracketKind::List) if sign == "for" => Some(
                self.error_at("a `for` is written before the result for each element", token.at)
                    .help("write `[for x in LIST : x]`"),
            ),
            _ if several && self.begins_value(token) && self.is_new_element(token) => {
                let end = self.previous_token()?.at.end;
                let problem = self.error_at("a comma is missing between these elements", token.at);
                Some(problem.suggest(self.gap(end), ",", "write it here"))
            }
            _ => None,
        }
    }

    /// Whether the token begins a new element, and is not a word that other languages use as an
    /// operator.
    fn is_new_element(&self, token: Token) -> bool {
        let Some(before) = self.previous_token() else { return false };
        let touches = before.at.end == token.at.start;
        let is_word = token.kind == TokenKind::Identifier
            && matches!(
                self.written(token.at),
                "and" | "or" | "is" | "in" | "if" | "then" | "unless" | "AND" | "OR"
            );
        let after_word = before.kind == TokenKind::Identifier
            && matches!(self.written(before.at), "if" | "not" | "for" | "lambda" | "new");
        !touches && !is_word && !after_word
    }

    fn begins_value(&self, token: Token) -> bool {
        matches!(
            token.kind,
            TokenKind::Number
                | TokenKind::Identifier
                | TokenKind::QuoteOpen
                | TokenKind::HeredocOpen
                | TokenKind::BraceOpen
                | TokenKind::Not
        )
    }

    /// Whether a token begins an argument or a block on a new line. Then the bracket before it was
    /// probably never closed.
    fn begins_item(&self, token: Token) -> bool {
        let Some(before) = self.previous_token() else { return false };
        let next = self.token_after(1);
        let is_item = token.kind == TokenKind::Identifier
            && match next.kind {
                TokenKind::Assign => true,
                TokenKind::BraceOpen | TokenKind::QuoteOpen => self.on_one_line(token.at, next.at),
                _ => false,
            };
        is_item && !self.on_one_line(before.at, token.at)
    }

    /// The diagnostic for a bracket that is never closed, or closed by one of another kind.
    fn open(&self, open: Token, inside: BracketKind, found: Token) -> Diagnostic {
        let (sign, close) = (self.written(open.at), inside.close());
        let is_other_bracket = matches!(
            found.kind,
            TokenKind::BraceClose | TokenKind::BracketClose | TokenKind::ParenthesisClose
        );
        if is_other_bracket {
            let found_sign = self.written(found.at);
            let problem =
                self.error_at(format!("`{sign}` is not closed by `{found_sign}`"), found.at);
            let problem = problem.related(self.span(open.at), "this is open");
            let end = self.previous_token().map_or(found.at.start, |it| it.at.end);
            let gap = ByteSpan { start: end, end };
            // Which fix is meant is found by trying: replacing the bracket, or closing the inner
            // one before it. A suggestion is made only where the whole item parses with it.
            if self.is_fixed_by(found.at, close) {
                return problem.suggest(self.span(found.at), close, format!("write `{close}`"));
            }
            // The bracket that was found may close an outer one.
            if self.is_fixed_by(gap, close) {
                return problem.suggest(self.span(gap), close, format!("close `{sign}` first"));
            }
            if self.on_one_line(open.at, found.at) {
                return problem.help(format!("close `{sign}` by `{close}`"));
            }
        }
        let problem = self
            .error_at(format!("this `{sign}` is never closed"), open.at)
            .help(format!("close it by `{close}`"));
        match found.kind {
            TokenKind::End => problem,
            _ => problem.related(self.span(found.at), "something else begins here"),
        }
    }

    /// Reports a token where a `${` or `%{` should be closed.
    pub(in crate::parse) fn sequence_not_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let token = self.peek();
        if matches!(
            token.kind,
            TokenKind::End | TokenKind::QuoteOpen | TokenKind::QuoteClose | TokenKind::Newline
        ) || !self.on_one_line(open.at, token.at)
        {
            let sign = self.written(open.at).trim_end_matches('~');
            let problem = self.error_at(format!("this `{sign}` is never closed"), open.at);
            return self.refuse(problem.help(format!(
                "close it by `}}`; for the characters themselves write `{}{sign}`",
                &sign[..1]
            )));
        }
        let is_else_if = self.written(token.at) == "if"
            && self.previous_token().is_some_and(|it| self.written(it.at) == "else");
        let problem = match is_else_if {
            true => Some(self.else_if("else if", token.at)),
            false => self.likely_end_error(token),
        };
        self.refuse_or_expect(problem, "`}`")
    }

    /// The diagnostic for a second condition in one directive.
    fn else_if(&self, written: &str, at: ByteSpan) -> Diagnostic {
        self.error_at(format!("there is no `{written}`"), at).help(
            "nest the second `if` in the `else`: `%{ else }%{ if CONDITION }…%{ endif }%{ endif }`",
        )
    }

    /// Reports a word that is not the name of a directive.
    pub(in crate::parse) fn unknown_directive<T>(
        &mut self,
        word: ByteSpan,
        wanted: &str,
    ) -> ParseResult<T> {
        let written = self.written(word);
        let problem = match written {
            "elseif" | "elsif" | "elif" => Some(self.else_if(written, word)),
            "while" | "foreach" | "each" | "loop" => Some(
                self.error_at(format!("there is no `{written}`"), word)
                    .help("write `%{ for x in LIST }…%{ endfor }`"),
            ),
            "end" | "fi" | "done" => Some(
                self.error_at(format!("there is no `{written}`"), word)
                    .help("an `if` ends with `endif`, a `for` with `endfor`"),
            ),
            _ => None,
        };
        let problem =
            problem.unwrap_or_else(|| syntax_errors::unexpected(written, wanted, self.span(word)));
        self.refuse(problem)
    }

    /// Reports a string that is not closed on its line.
    pub(in crate::parse) fn quote_not_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let token = self.peek();
        if token.kind != TokenKind::End
            && !(token.kind == TokenKind::Stray && self.written(token.at).is_empty())
        {
            return self.unexpected("a closing quote");
        }
        let at = ByteSpan { end: token.at.start, ..open.at };
        let problem = syntax_errors::open_quote(self.span(at));
        let problem = match self.missing_quote_position(open.at) {
            Some(gap) => problem.suggest(self.span(gap), "\"", "a quote is missing here"),
            None => problem,
        };
        self.refuse(problem)
    }

    /// The position on a line where a quote is missing: at its end, or else after one of its words,
    /// such that the item has no syntax error with a quote there.
    pub(super) fn missing_quote_position(&self, open: ByteSpan) -> Option<ByteSpan> {
        let begin = self.text[..open.start as usize].rfind('\n').map_or(0, |it| it + 1);
        let line = self.text[begin..].split('\n').next().unwrap_or_default().trim_end();
        let is_word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
        // After a word, and not directly before an existing quote.
        let ends_word = |(at, sign): (usize, char)| {
            (sign != '"' && !is_word(sign) && line[..at].ends_with(is_word)).then_some(at)
        };
        // The nearest positions are tried first: those after the open quote, then those before it.
        let (before, behind): (Vec<usize>, Vec<usize>) = line
            .char_indices()
            .filter_map(ends_word)
            .partition(|it| begin + it < open.start as usize);
        // The end of the line comes first: most often the closing quote was forgotten.
        let places = [line.len()]
            .into_iter()
            .chain(behind)
            .chain(before.into_iter().rev())
            .take(MAX_QUOTE_POSITIONS);
        let gap = |at: usize| ByteSpan::new(begin + at, begin + at);
        places.map(gap).find(|it| self.is_fixed_by(*it, "\""))
    }

    /// Reports a heredoc that is never ended.
    pub(in crate::parse) fn heredoc_not_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let written = self.written(open.at);
        let word = written.trim_start_matches('<').trim_start_matches('-').trim();
        let at = ByteSpan {
            end: open.at.start + u32::try_from(written.trim_end().len()).unwrap_or(0),
            ..open.at
        };
        let problem = self.error_at(
            format!("this heredoc is never ended: there is no line with `{word}` and nothing else"),
            at,
        );
        let body = &self.text[open.at.end as usize..];
        let mut start = open.at.end as usize;
        for line in body.split_inclusive('\n') {
            let bare = line.trim();
            let from = start + (line.len() - line.trim_start().len());
            start += line.len();
            let Some(rest) = bare
                .strip_prefix(word)
                .filter(|it| !it.starts_with(|it: char| it.is_alphanumeric() || it == '_'))
            else {
                continue;
            };
            let at = ByteSpan::new(from, from + bare.len());
            let problem = match rest.is_empty() {
                // The last line of the file.
                // Inside of brackets a line end alone would not complete the item, so no fix is
                // suggested.
                true if self.level > 1 => problem.help("the last line of a file must end, too"),
                true => {
                    problem.suggest(self.gap(at.end), "\n", "end the last line of the file, too")
                }
                false => {
                    let help = format!("put the text after `{word}` on the next line");
                    problem
                        .related(self.span(at), format!("there is text after `{word}`"))
                        .help(help)
                }
            };
            return self.refuse(problem);
        }
        self.refuse(problem.help(format!("end it by a line with `{word}`")))
    }

    /// Reports a token after a key of an object, where `=` should be.
    pub(in crate::parse) fn unexpected_after_key<T>(
        &mut self,
        open: Token,
        key: &SyntaxNode,
    ) -> ParseResult<T> {
        let token = self.peek();
        let problem = match (token.kind, &key.kind) {
            (TokenKind::End, _) => Some(self.open(open, BracketKind::Object, token)),
            (TokenKind::Arrow, _) => Some(self.error_with_fix(
                "in an object write `=` before a \
                value",
                token.at,
                "=",
                "write `=`",
            )),
            (TokenKind::BraceOpen, _) => {
                Some(self.error_at("a value cannot contain blocks", key.at).suggest(
                    self.gap(token.at.start),
                    "= ",
                    "write it as a value",
                ))
            }
            (_, Written::Binary(Operator::Equal, two)) => {
                let between = ByteSpan { start: two[0].at.end, end: two[1].at.start };
                self.written(between).find("==").map(|at| {
                    let start = between.start as usize + at;
                    self.error_with_fix(
                        "`==` compares; write `=` to set a value",
                        ByteSpan::new(start, start + 2),
                        "=",
                        "write `=`",
                    )
                })
            }
            (TokenKind::QuoteOpen | TokenKind::Number | TokenKind::Identifier, _)
                if self.on_one_line(key.at, token.at) =>
            {
                Some(self.error_at("the `=` after this name is missing", key.at).suggest(
                    self.gap(token.at.start),
                    "= ",
                    "write it here",
                ))
            }
            (TokenKind::Comma | TokenKind::BraceClose | TokenKind::Newline, _) => {
                Some(self.error_at("this name has no value", key.at).help(
                    "write `name = value`; a list without names is written in brackets: \
                        `[first, second]`",
                ))
            }
            _ => None,
        };
        self.refuse_or_expect(problem, "`=` and a value")
    }

    /// Reports a token in a `for` expression where `wanted` should be: `in`, `:`, `=>`, or the name
    /// of an element.
    pub(in crate::parse) fn unexpected_in_for<T>(
        &mut self,
        wanted: &'static str,
    ) -> ParseResult<T> {
        let token = self.peek();
        let sign = self.written(token.at);
        let problem = match (wanted, token.kind) {
            ("in", TokenKind::Identifier) if sign == "of" => Some(self.error_with_fix(
                "`for` iterates over elements with `in`",
                token.at,
                "in",
                "write `in`",
            )),
            ("name", TokenKind::ParenthesisOpen) => Some(
                self.error_at("the names of a `for` are written without parentheses", token.at)
                    .help("write `for k, v in MAP`"),
            ),
            (":", TokenKind::Arrow) => Some(self.error_with_fix(
                "the result for each element is written after `:`",
                token.at,
                ":",
                "write `:`",
            )),
            ("=>", TokenKind::Assign | TokenKind::Colon) => {
                let text =
                    if self.text[..token.at.start as usize].ends_with(' ') { "=>" } else { " =>" };
                Some(self.error_with_fix(
                    "in a `for` the value is written after `=>`",
                    token.at,
                    text,
                    "write `=>`",
                ))
            }
            (":", TokenKind::BracketClose | TokenKind::BraceClose) => Some(
                self.error_at("the result for each element is missing", token.at)
                    .help("for example `[for x in LIST : upper(x)]`"),
            ),
            _ => None,
        };
        let wanted = match wanted {
            "in" => "`in` and a collection",
            "name" => "a name for each element",
            ":" => "`:` and the result for each element",
            _ => "`=>` and a value",
        };
        self.refuse_or_expect(problem, wanted)
    }
}
