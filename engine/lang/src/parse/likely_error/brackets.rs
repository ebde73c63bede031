//! What is between brackets, braces and quotes, and what is never closed.

use ha_diagnostics::Diagnostic;

use super::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::parse::ParseResult;
use crate::syntax::{ByteSpan, Operator, SyntaxKind as Written, SyntaxNode};
use crate::syntax_errors;

/// A missing quote is looked for in so many places of a line.
const MOST_PLACES: usize = 12;

/// What stands in brackets.
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
    /// Says what stands where what was opened should go on or be closed.
    pub(in crate::parse) fn not_closed<T>(
        &mut self,
        open: Token,
        inside: BracketKind,
    ) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.between(token, open, inside).or_else(|| self.wrong_end(token));
        let close = inside.close();
        match inside {
            BracketKind::List | BracketKind::Call => {
                self.told(problem, &format!("`,` or `{close}`"))
            }
            BracketKind::Object => self.told(problem, "`,`, the end of the line or `}`"),
            BracketKind::Parentheses | BracketKind::Index => {
                self.told(problem, &format!("`{close}`"))
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
        if let Some(problem) = self.sign(token) {
            return Some(problem);
        }
        let sign = self.written(token.at);
        let several = matches!(inside, BracketKind::List | BracketKind::Call | BracketKind::Object);
        match (token.kind, inside) {
            (TokenKind::Stray, _) if sign == ";" && several => {
                Some(self.mended("elements are separated by commas", token.at, ",", "write `,`"))
            }
            (TokenKind::Assign, BracketKind::Call) => Some(
                self.slip("arguments of functions have no names", token.at)
                    .help("they stand in the order that the function asks for"),
            ),
            (TokenKind::Assign | TokenKind::Colon, BracketKind::List) => Some(
                self.slip("elements of a list have no names", token.at)
                    .help("what has names stands in braces: `{ name = value }`"),
            ),
            (TokenKind::Colon, BracketKind::Index) => Some(
                self.slip("an index is one position", token.at)
                    .help("`slice(LIST, 0, 2)` gives the elements from 0 up to 2"),
            ),
            (TokenKind::Comma, BracketKind::Parentheses) => Some(
                self.slip("between parentheses there is one value", token.at)
                    .help("several stand in brackets: `[first, second]`"),
            ),
            (TokenKind::Identifier, BracketKind::List) if sign == "for" => Some(
                self.slip("a `for` stands before what it makes of each element", token.at)
                    .help("write `[for x in LIST : x]`"),
            ),
            _ if several && self.begins_value(token) && self.is_new_element(token) => {
                let end = self.before()?.at.end;
                let problem = self.slip("a comma is missing between these elements", token.at);
                Some(problem.suggest(self.gap(end), ",", "write it here"))
            }
            _ => None,
        }
    }

    /// Whether what begins there is an element, and not a word that stands for an operator.
    fn is_new_element(&self, token: Token) -> bool {
        let Some(before) = self.before() else { return false };
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

    /// Whether a token is on a new line and begins an argument or a block.
    fn begins_item(&self, token: Token) -> bool {
        let Some(before) = self.before() else { return false };
        let next = self.behind(1);
        let is_item = token.kind == TokenKind::Identifier
            && match next.kind {
                TokenKind::Assign => true,
                TokenKind::BraceOpen | TokenKind::QuoteOpen => self.on_one_line(token.at, next.at),
                _ => false,
            };
        is_item && !self.on_one_line(before.at, token.at)
    }

    /// What is said of something that is never closed.
    fn open(&self, open: Token, inside: BracketKind, found: Token) -> Diagnostic {
        let (sign, close) = (self.written(open.at), inside.close());
        let is_other_bracket = matches!(
            found.kind,
            TokenKind::BraceClose | TokenKind::BracketClose | TokenKind::ParenthesisClose
        );
        if is_other_bracket {
            let found_sign = self.written(found.at);
            let problem = self.slip(format!("`{sign}` is not closed by `{found_sign}`"), found.at);
            let problem = problem.related(self.span(open.at), "this is open");
            let end = self.before().map_or(found.at.start, |it| it.at.end);
            let gap = ByteSpan { start: end, end };
            if self.is_mended_by(found.at, close) {
                return problem.suggest(self.span(found.at), close, format!("write `{close}`"));
            }
            // It may be what closes something further out.
            if self.is_mended_by(gap, close) {
                return problem.suggest(self.span(gap), close, format!("close `{sign}` first"));
            }
            if self.on_one_line(open.at, found.at) {
                return problem.help(format!("close `{sign}` by `{close}`"));
            }
        }
        let problem = self
            .slip(format!("this `{sign}` is never closed"), open.at)
            .help(format!("close it by `{close}`"));
        match found.kind {
            TokenKind::End => problem,
            _ => problem.related(self.span(found.at), "something else begins here"),
        }
    }

    /// Says what stands where a `${` or `%{` should be closed.
    pub(in crate::parse) fn sequence_not_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let token = self.peek();
        if matches!(
            token.kind,
            TokenKind::End | TokenKind::QuoteOpen | TokenKind::QuoteClose | TokenKind::Newline
        ) || !self.on_one_line(open.at, token.at)
        {
            let sign = self.written(open.at).trim_end_matches('~');
            let problem = self.slip(format!("this `{sign}` is never closed"), open.at);
            return self.refuse(problem.help(format!(
                "close it by `}}`; for the characters themselves write `{}{sign}`",
                &sign[..1]
            )));
        }
        let is_else_if = self.written(token.at) == "if"
            && self.before().is_some_and(|it| self.written(it.at) == "else");
        let problem = match is_else_if {
            true => Some(self.no_else_if("else if", token.at)),
            false => self.wrong_end(token),
        };
        self.told(problem, "`}`")
    }

    /// What is said of a second condition of one directive.
    fn no_else_if(&self, written: &str, at: ByteSpan) -> Diagnostic {
        self.slip(format!("there is no `{written}`"), at).help(
            "an `if` stands within the `else`: `%{ else }%{ if CONDITION }…%{ endif }%{ endif }`",
        )
    }

    /// Says what stands where the word of a directive should be.
    pub(in crate::parse) fn no_directive<T>(
        &mut self,
        word: ByteSpan,
        wanted: &str,
    ) -> ParseResult<T> {
        let written = self.written(word);
        let problem = match written {
            "elseif" | "elsif" | "elif" => Some(self.no_else_if(written, word)),
            "while" | "foreach" | "each" | "loop" => Some(
                self.slip(format!("there is no `{written}`"), word)
                    .help("write `%{ for x in LIST }…%{ endfor }`"),
            ),
            "end" | "fi" | "done" => Some(
                self.slip(format!("there is no `{written}`"), word)
                    .help("an `if` ends with `endif`, a `for` with `endfor`"),
            ),
            _ => None,
        };
        let problem =
            problem.unwrap_or_else(|| syntax_errors::unexpected(written, wanted, self.span(word)));
        self.refuse(problem)
    }

    /// Says what stands where the text between quotes should be closed.
    pub(in crate::parse) fn quote_not_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let token = self.peek();
        if token.kind != TokenKind::End
            && !(token.kind == TokenKind::Stray && self.written(token.at).is_empty())
        {
            return self.unexpected("a closing quote");
        }
        let at = ByteSpan { end: token.at.start, ..open.at };
        let problem = syntax_errors::open_quote(self.span(at));
        let problem = match self.missing_quote(open.at) {
            Some(gap) => problem.suggest(self.span(gap), "\"", "a quote is missing here"),
            None => problem,
        };
        self.refuse(problem)
    }

    /// Where on a line a quote is missing, after which all can be read: at its end, or else behind
    /// one of its words.
    pub(super) fn missing_quote(&self, open: ByteSpan) -> Option<ByteSpan> {
        let begin = self.text[..open.start as usize].rfind('\n').map_or(0, |it| it + 1);
        let line = self.text[begin..].split('\n').next().unwrap_or_default().trim_end();
        let is_word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
        // Behind a word, and not before the quote that is there.
        let ends_word = |(at, sign): (usize, char)| {
            (sign != '"' && !is_word(sign) && line[..at].ends_with(is_word)).then_some(at)
        };
        // The nearest first: those behind the quote, then those before it.
        let (before, behind): (Vec<usize>, Vec<usize>) = line
            .char_indices()
            .filter_map(ends_word)
            .partition(|it| begin + it < open.start as usize);
        let places = [line.len()]
            .into_iter()
            .chain(behind)
            .chain(before.into_iter().rev())
            .take(MOST_PLACES);
        let gap = |at: usize| ByteSpan::new(begin + at, begin + at);
        places.map(gap).find(|it| self.is_mended_by(*it, "\""))
    }

    /// Says that a heredoc is never ended.
    pub(in crate::parse) fn heredoc_not_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let written = self.written(open.at);
        let word = written.trim_start_matches('<').trim_start_matches('-').trim();
        let at = ByteSpan {
            end: open.at.start + u32::try_from(written.trim_end().len()).unwrap_or(0),
            ..open.at
        };
        let problem = self.slip(
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
                true if self.level > 1 => problem.help("the last line of a file must end, too"),
                true => {
                    problem.suggest(self.gap(at.end), "\n", "end the last line of the file, too")
                }
                false => {
                    let help = format!("put what is behind `{word}` on the next line");
                    problem
                        .related(self.span(at), format!("there is something behind `{word}`"))
                        .help(help)
                }
            };
            return self.refuse(problem);
        }
        self.refuse(problem.help(format!("end it by a line with `{word}`")))
    }

    /// Says what stands behind a name in an object, where `=` should be.
    pub(in crate::parse) fn no_entry<T>(
        &mut self,
        open: Token,
        key: &SyntaxNode,
    ) -> ParseResult<T> {
        let token = self.peek();
        let problem = match (token.kind, &key.kind) {
            (TokenKind::End, _) => Some(self.open(open, BracketKind::Object, token)),
            (TokenKind::Arrow, _) => Some(self.mended("in an object a value is given by `=`", token.at, "=", "write `=`")),
            (TokenKind::BraceOpen, _) => Some(self.slip("within a value there are no blocks", key.at).suggest(
                self.gap(token.at.start),
                "= ",
                "give it as a value",
            )),
            (_, Written::Binary(Operator::Equal, two)) => {
                let between = ByteSpan { start: two[0].at.end, end: two[1].at.start };
                self.written(between).find("==").map(|at| {
                    let start = between.start as usize + at;
                    self.mended("`==` compares; a value is given by `=`", ByteSpan::new(start, start + 2), "=", "write `=`")
                })
            }
            (TokenKind::QuoteOpen | TokenKind::Number | TokenKind::Identifier, _) if self.on_one_line(key.at, token.at) => Some(
                self.slip("the `=` behind this name is missing", key.at).suggest(self.gap(token.at.start), "= ", "write it here"),
            ),
            (TokenKind::Comma | TokenKind::BraceClose | TokenKind::Newline, _) => Some(
                self.slip("this name has no value", key.at)
                    .help("write `name = value`; a list without names stands in brackets: `[first, second]`"),
            ),
            _ => None,
        };
        self.told(problem, "`=` and a value")
    }

    /// Says what stands where a sign of a `for` expression should be.
    pub(in crate::parse) fn no_for_sign<T>(&mut self, wanted: &'static str) -> ParseResult<T> {
        let token = self.peek();
        let sign = self.written(token.at);
        let problem = match (wanted, token.kind) {
            ("in", TokenKind::Identifier) if sign == "of" => Some(self.mended(
                "`for` goes over elements with `in`",
                token.at,
                "in",
                "write `in`",
            )),
            ("name", TokenKind::ParenthesisOpen) => Some(
                self.slip("the names of a `for` stand without parentheses", token.at)
                    .help("write `for k, v in MAP`"),
            ),
            (":", TokenKind::Arrow) => Some(self.mended(
                "what each element becomes stands behind `:`",
                token.at,
                ":",
                "write `:`",
            )),
            ("=>", TokenKind::Assign | TokenKind::Colon) => {
                let text =
                    if self.text[..token.at.start as usize].ends_with(' ') { "=>" } else { " =>" };
                Some(self.mended(
                    "in a `for` the value stands behind `=>`",
                    token.at,
                    text,
                    "write `=>`",
                ))
            }
            (":", TokenKind::BracketClose | TokenKind::BraceClose) => Some(
                self.slip("it is missing what each element becomes", token.at)
                    .help("for example `[for x in LIST : upper(x)]`"),
            ),
            _ => None,
        };
        let wanted = match wanted {
            "in" => "`in` and a collection",
            "name" => "a name for each element",
            ":" => "`:` and what each element becomes",
            _ => "`=>` and a value",
        };
        self.told(problem, wanted)
    }
}
