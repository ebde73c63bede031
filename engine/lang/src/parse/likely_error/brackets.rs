//! What is between brackets, braces and quotes, and what is never closed.

use ha_diagnostics::Diagnostic;

use super::Cursor;
use crate::lexer::{Kind, Token};
use crate::parse::Read;
use crate::syntax::{At, Kind as Written, Node, Operator};
use crate::syntax_errors;

/// A missing quote is looked for in so many places of a line.
const MOST_PLACES: usize = 12;

/// What stands in brackets.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::parse) enum Inside {
    List,
    Call,
    Object,
    Parentheses,
    Index,
}

impl Inside {
    fn close(self) -> &'static str {
        match self {
            Inside::List | Inside::Index => "]",
            Inside::Call | Inside::Parentheses => ")",
            Inside::Object => "}",
        }
    }
}

impl Cursor<'_> {
    /// Says what stands where what was opened should go on or be closed.
    pub(in crate::parse) fn not_closed<T>(&mut self, open: Token, inside: Inside) -> Read<T> {
        let token = self.peek();
        let problem = self.between(token, open, inside).or_else(|| self.wrong_end(token));
        let close = inside.close();
        match inside {
            Inside::List | Inside::Call => self.told(problem, &format!("`,` or `{close}`")),
            Inside::Object => self.told(problem, "`,`, the end of the line or `}`"),
            Inside::Parentheses | Inside::Index => self.told(problem, &format!("`{close}`")),
        }
    }

    fn between(&self, token: Token, open: Token, inside: Inside) -> Option<Diagnostic> {
        let is_closer = matches!(
            token.kind,
            Kind::BraceClose | Kind::BracketClose | Kind::ParenthesisClose | Kind::SequenceEnd | Kind::QuoteClose
        );
        if token.kind == Kind::End || is_closer || self.begins_item(token) {
            return Some(self.open(open, inside, token));
        }
        if let Some(problem) = self.sign(token) {
            return Some(problem);
        }
        let sign = self.written(token.at);
        let several = matches!(inside, Inside::List | Inside::Call | Inside::Object);
        match (token.kind, inside) {
            (Kind::Stray, _) if sign == ";" && several => {
                Some(self.mended("elements are separated by commas", token.at, ",", "write `,`"))
            }
            (Kind::Assign, Inside::Call) => Some(
                self.slip("arguments of functions have no names", token.at)
                    .help("they stand in the order that the function asks for"),
            ),
            (Kind::Assign | Kind::Colon, Inside::List) => Some(
                self.slip("elements of a list have no names", token.at)
                    .help("what has names stands in braces: `{ name = value }`"),
            ),
            (Kind::Colon, Inside::Index) => Some(
                self.slip("an index is one position", token.at).help("`slice(LIST, 0, 2)` gives the elements from 0 up to 2"),
            ),
            (Kind::Comma, Inside::Parentheses) => Some(
                self.slip("between parentheses there is one value", token.at)
                    .help("several stand in brackets: `[first, second]`"),
            ),
            (Kind::Identifier, Inside::List) if sign == "for" => Some(
                self.slip("a `for` stands before what it makes of each element", token.at).help("write `[for x in LIST : x]`"),
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
        let is_word = token.kind == Kind::Identifier
            && matches!(self.written(token.at), "and" | "or" | "is" | "in" | "if" | "then" | "unless" | "AND" | "OR");
        let after_word =
            before.kind == Kind::Identifier && matches!(self.written(before.at), "if" | "not" | "for" | "lambda" | "new");
        !touches && !is_word && !after_word
    }

    fn begins_value(&self, token: Token) -> bool {
        matches!(token.kind, Kind::Number | Kind::Identifier | Kind::QuoteOpen | Kind::HeredocOpen | Kind::BraceOpen | Kind::Not)
    }

    /// Whether a token is on a new line and begins an argument or a block.
    fn begins_item(&self, token: Token) -> bool {
        let Some(before) = self.before() else { return false };
        let next = self.behind(1);
        let is_item = token.kind == Kind::Identifier
            && match next.kind {
                Kind::Assign => true,
                Kind::BraceOpen | Kind::QuoteOpen => self.on_one_line(token.at, next.at),
                _ => false,
            };
        is_item && !self.on_one_line(before.at, token.at)
    }

    /// What is said of something that is never closed.
    fn open(&self, open: Token, inside: Inside, found: Token) -> Diagnostic {
        let (sign, close) = (self.written(open.at), inside.close());
        let is_other_bracket = matches!(found.kind, Kind::BraceClose | Kind::BracketClose | Kind::ParenthesisClose);
        if is_other_bracket {
            let found_sign = self.written(found.at);
            let problem = self.slip(format!("`{sign}` is not closed by `{found_sign}`"), found.at);
            let problem = problem.related(self.span(open.at), "this is open");
            let end = self.before().map_or(found.at.start, |it| it.at.end);
            let gap = At { start: end, end };
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
        let problem = self.slip(format!("this `{sign}` is never closed"), open.at).help(format!("close it by `{close}`"));
        match found.kind {
            Kind::End => problem,
            _ => problem.related(self.span(found.at), "something else begins here"),
        }
    }

    /// Says what stands where a `${` or `%{` should be closed.
    pub(in crate::parse) fn sequence_not_closed<T>(&mut self, open: Token) -> Read<T> {
        let token = self.peek();
        if matches!(token.kind, Kind::End | Kind::QuoteOpen | Kind::QuoteClose | Kind::Newline)
            || !self.on_one_line(open.at, token.at)
        {
            let sign = self.written(open.at).trim_end_matches('~');
            let problem = self.slip(format!("this `{sign}` is never closed"), open.at);
            return self
                .refuse(problem.help(format!("close it by `}}`; for the characters themselves write `{}{sign}`", &sign[..1])));
        }
        let is_else_if = self.written(token.at) == "if" && self.before().is_some_and(|it| self.written(it.at) == "else");
        let problem = match is_else_if {
            true => Some(self.no_else_if("else if", token.at)),
            false => self.wrong_end(token),
        };
        self.told(problem, "`}`")
    }

    /// What is said of a second condition of one directive.
    fn no_else_if(&self, written: &str, at: At) -> Diagnostic {
        self.slip(format!("there is no `{written}`"), at)
            .help("an `if` stands within the `else`: `%{ else }%{ if CONDITION }…%{ endif }%{ endif }`")
    }

    /// Says what stands where the word of a directive should be.
    pub(in crate::parse) fn no_directive<T>(&mut self, word: At, wanted: &str) -> Read<T> {
        let written = self.written(word);
        let problem = match written {
            "elseif" | "elsif" | "elif" => Some(self.no_else_if(written, word)),
            "while" | "foreach" | "each" | "loop" => {
                Some(self.slip(format!("there is no `{written}`"), word).help("write `%{ for x in LIST }…%{ endfor }`"))
            }
            "end" | "fi" | "done" => {
                Some(self.slip(format!("there is no `{written}`"), word).help("an `if` ends with `endif`, a `for` with `endfor`"))
            }
            _ => None,
        };
        let problem = problem.unwrap_or_else(|| syntax_errors::unexpected(written, wanted, self.span(word)));
        self.refuse(problem)
    }

    /// Says what stands where the text between quotes should be closed.
    pub(in crate::parse) fn quote_not_closed<T>(&mut self, open: Token) -> Read<T> {
        let token = self.peek();
        if token.kind != Kind::End && !(token.kind == Kind::Stray && self.written(token.at).is_empty()) {
            return self.unexpected("a closing quote");
        }
        let at = At { end: token.at.start, ..open.at };
        let problem = syntax_errors::open_quote(self.span(at));
        let problem = match self.missing_quote(open.at) {
            Some(gap) => problem.suggest(self.span(gap), "\"", "a quote is missing here"),
            None => problem,
        };
        self.refuse(problem)
    }

    /// Where on a line a quote is missing, after which all can be read: at its end, or else behind one of its words.
    pub(super) fn missing_quote(&self, open: At) -> Option<At> {
        let begin = self.text[..open.start as usize].rfind('\n').map_or(0, |it| it + 1);
        let line = self.text[begin..].split('\n').next().unwrap_or_default().trim_end();
        let is_word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
        // Behind a word, and not before the quote that is there.
        let ends_word =
            |(at, sign): (usize, char)| (sign != '"' && !is_word(sign) && line[..at].ends_with(is_word)).then_some(at);
        // The nearest first: those behind the quote, then those before it.
        let (before, behind): (Vec<usize>, Vec<usize>) =
            line.char_indices().filter_map(ends_word).partition(|it| begin + it < open.start as usize);
        let places = [line.len()].into_iter().chain(behind).chain(before.into_iter().rev()).take(MOST_PLACES);
        let gap = |at: usize| At::new(begin + at, begin + at);
        places.map(gap).find(|it| self.is_mended_by(*it, "\""))
    }

    /// Says that a heredoc is never ended.
    pub(in crate::parse) fn heredoc_not_closed<T>(&mut self, open: Token) -> Read<T> {
        let written = self.written(open.at);
        let word = written.trim_start_matches('<').trim_start_matches('-').trim();
        let at = At { end: open.at.start + u32::try_from(written.trim_end().len()).unwrap_or(0), ..open.at };
        let problem = self.slip(format!("this heredoc is never ended: there is no line with `{word}` and nothing else"), at);
        let body = &self.text[open.at.end as usize..];
        let mut start = open.at.end as usize;
        for line in body.split_inclusive('\n') {
            let bare = line.trim();
            let from = start + (line.len() - line.trim_start().len());
            start += line.len();
            let Some(rest) = bare.strip_prefix(word).filter(|it| !it.starts_with(|it: char| it.is_alphanumeric() || it == '_'))
            else {
                continue;
            };
            let at = At::new(from, from + bare.len());
            let problem = match rest.is_empty() {
                // The last line of the file.
                true if self.level > 1 => problem.help("the last line of a file must end, too"),
                true => problem.suggest(self.gap(at.end), "\n", "end the last line of the file, too"),
                false => {
                    let help = format!("put what is behind `{word}` on the next line");
                    problem.related(self.span(at), format!("there is something behind `{word}`")).help(help)
                }
            };
            return self.refuse(problem);
        }
        self.refuse(problem.help(format!("end it by a line with `{word}`")))
    }

    /// Says what stands behind a name in an object, where `=` should be.
    pub(in crate::parse) fn no_entry<T>(&mut self, open: Token, key: &Node) -> Read<T> {
        let token = self.peek();
        let problem = match (token.kind, &key.kind) {
            (Kind::End, _) => Some(self.open(open, Inside::Object, token)),
            (Kind::Arrow, _) => Some(self.mended("in an object a value is given by `=`", token.at, "=", "write `=`")),
            (Kind::BraceOpen, _) => Some(self.slip("within a value there are no blocks", key.at).suggest(
                self.gap(token.at.start),
                "= ",
                "give it as a value",
            )),
            (_, Written::Binary(Operator::Equal, two)) => {
                let between = At { start: two[0].at.end, end: two[1].at.start };
                self.written(between).find("==").map(|at| {
                    let start = between.start as usize + at;
                    self.mended("`==` compares; a value is given by `=`", At::new(start, start + 2), "=", "write `=`")
                })
            }
            (Kind::QuoteOpen | Kind::Number | Kind::Identifier, _) if self.on_one_line(key.at, token.at) => Some(
                self.slip("the `=` behind this name is missing", key.at).suggest(self.gap(token.at.start), "= ", "write it here"),
            ),
            (Kind::Comma | Kind::BraceClose | Kind::Newline, _) => Some(
                self.slip("this name has no value", key.at)
                    .help("write `name = value`; a list without names stands in brackets: `[first, second]`"),
            ),
            _ => None,
        };
        self.told(problem, "`=` and a value")
    }

    /// Says what stands where a sign of a `for` expression should be.
    pub(in crate::parse) fn no_for_sign<T>(&mut self, wanted: &'static str) -> Read<T> {
        let token = self.peek();
        let sign = self.written(token.at);
        let problem = match (wanted, token.kind) {
            ("in", Kind::Identifier) if sign == "of" => {
                Some(self.mended("`for` goes over elements with `in`", token.at, "in", "write `in`"))
            }
            ("name", Kind::ParenthesisOpen) => {
                Some(self.slip("the names of a `for` stand without parentheses", token.at).help("write `for k, v in MAP`"))
            }
            (":", Kind::Arrow) => Some(self.mended("what each element becomes stands behind `:`", token.at, ":", "write `:`")),
            ("=>", Kind::Assign | Kind::Colon) => {
                let text = if self.text[..token.at.start as usize].ends_with(' ') { "=>" } else { " =>" };
                Some(self.mended("in a `for` the value stands behind `=>`", token.at, text, "write `=>`"))
            }
            (":", Kind::BracketClose | Kind::BraceClose) => Some(
                self.slip("it is missing what each element becomes", token.at).help("for example `[for x in LIST : upper(x)]`"),
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
