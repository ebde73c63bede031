//! Where an argument or a block should begin, go on, or end.

use ha_diagnostics::Diagnostic;

use super::{TokenCursor, is_statement};
use crate::lexer::{Token, TokenKind, is_identifier};
use crate::parse::ParseResult;
use crate::syntax::{ByteSpan, SourceWord};
use crate::syntax_errors;

const COMMENTS: &str = "comments begin with `#` or `//`, or stand between `/*` and `*/`";

impl TokenCursor<'_> {
    /// Says what stands where an argument or a block should begin. `inside` of a block, or of none.
    pub(in crate::parse) fn no_item<T>(&mut self, inside: bool) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.sign(token).or_else(|| self.wrong_item(token, inside));
        self.told(
            problem,
            if inside { "an argument, a block or `}`" } else { "a block or an argument" },
        )
    }

    fn wrong_item(&self, token: Token, inside: bool) -> Option<Diagnostic> {
        let next = self.behind(1);
        let line = self.line_from(token.at.start);
        let at_line = ByteSpan::new(token.at.start as usize, token.at.start as usize + line.len());
        Some(match token.kind {
            TokenKind::Less if line.starts_with("<!--") => self.slip("this is no comment", at_line).help(COMMENTS),
            TokenKind::Minus if line.starts_with("---") => {
                self.slip("this is no YAML", at_line).help("blocks are `KIND \"NAME\" { … }`, arguments `name = value`")
            }
            TokenKind::Minus if line.starts_with("--") => {
                let at = ByteSpan { end: token.at.start + 2, ..token.at };
                self.mended("a comment does not begin with `--`", at, "#", COMMENTS)
            }
            TokenKind::Minus => self.slip("a list is not written with `-`", token.at).help("write `name = [first, second]`"),
            TokenKind::Percent => self.mended("a comment does not begin with `%`", token.at, "#", COMMENTS),
            TokenKind::Stray if line.starts_with(';') => self.mended("lines do not end with `;`", token.at, "", "take it out"),
            TokenKind::BraceOpen if !inside => {
                let extension = if self.is_terraform() { ".tf.json" } else { ".hcl.json" };
                self.slip("a block has a name before its `{`", token.at)
                    .help(format!("JSON is read from files whose names end in `{extension}`"))
            }
            TokenKind::BraceOpen => self.slip("a block has a name before its `{`", token.at).help("write `name {`"),
            TokenKind::QuoteOpen => self.quoted_name(token)?,
            TokenKind::BraceClose => self
                .slip("there is no block here that this `}` could end", token.at)
                .help("take it out, or look for a block above that was ended too early"),
            TokenKind::BracketClose | TokenKind::ParenthesisClose => {
                let summary = format!("there is nothing open here that this `{}` could close", self.written(token.at));
                self.slip(summary, token.at).help("take it out, or look for what was closed too early above")
            }
            TokenKind::Comma => self.mended(
                "arguments are not separated by commas",
                token.at,
                "",
                "take it out: each stands on a line of its own",
            ),
            TokenKind::Number if next.kind == TokenKind::Identifier || next.kind == TokenKind::Assign => {
                self.slip("a name does not begin with a digit", token.at).help("names begin with a letter or `_`")
            }
            TokenKind::Star => self.slip("this is no list", token.at).help("write `name = [first, second]`"),
            kind if inside && is_between_values(kind) => self
                .slip("an expression ends with its line", token.at)
                .help("put it in parentheses to go on with the next line, or end the line before with the operator"),
            _ => return None,
        })
    }

    /// `"name" = value`
    fn quoted_name(&self, open: Token) -> Option<Diagnostic> {
        let (text, close, sign) = (self.behind(1), self.behind(2), self.behind(3));
        if text.kind != TokenKind::Text || close.kind != TokenKind::QuoteClose {
            return None;
        }
        let name = self.written(text.at);
        let at = open.at.to(close.at);
        let summary = "the name of an argument stands without quotes";
        Some(match sign.kind {
            TokenKind::Colon if is_identifier(name) => {
                self.mended(summary, open.at.to(sign.at), format!("{name} ="), format!("write `{name} = …`"))
            }
            _ if is_identifier(name) => self.mended(summary, at, name, format!("write `{name}`")),
            _ => self
                .slip(summary, at)
                .help("a name has letters, digits, `_` and `-`; others can be keys in a value: `{ \"…\" = … }`"),
        })
    }

    /// Says what stands behind an argument or a block, where the line should end.
    pub(in crate::parse) fn no_line_end<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.wrong_line_end(token).or_else(|| self.wrong_end(token));
        self.told(problem, "the end of the line")
    }

    fn wrong_line_end(&self, token: Token) -> Option<Diagnostic> {
        let last_of_line =
            matches!(self.behind(1).kind, TokenKind::Newline | TokenKind::Comment | TokenKind::End);
        let sign = self.written(token.at);
        Some(match token.kind {
            TokenKind::Comma | TokenKind::Stray if sign == "," || sign == ";" => {
                let summary = format!("arguments are not separated by `{sign}`");
                match last_of_line {
                    true => self.mended(summary, token.at, "", "take it out"),
                    false => {
                        let end = self.behind(1).at.start;
                        self.mended(
                            summary,
                            ByteSpan { end, ..token.at },
                            "\n",
                            "each stands on a line of its own",
                        )
                    }
                }
            }
            TokenKind::Assign => {
                self.mended("an argument has one value", token.at, "==", "to compare write `==`")
            }
            TokenKind::BraceClose if self.level > 0 => self.mended(
                "the `}` of a block of several lines stands on a line of its own",
                token.at,
                "\n}",
                "begin a new line",
            ),
            TokenKind::Arrow => self
                .slip("`=>` stands in `for` expressions only", token.at)
                .help("an argument is written `name = value`"),
            _ => return None,
        })
    }

    /// Says what stands behind the name of an argument or a block, and perhaps labels.
    pub(in crate::parse) fn no_assignment<T>(
        &mut self,
        name: &SourceWord,
        labels: &[SourceWord],
        inside: bool,
    ) -> ParseResult<T> {
        let token = self.peek();
        let problem = match is_statement(&name.name) && token.kind != TokenKind::Newline {
            true => Some(self.statement(name)),
            false => self.sign(token).or_else(|| self.wrong_head(token, name, labels, inside)),
        };
        self.told(problem, if labels.is_empty() { "`=` or `{`" } else { "`{`" })
    }

    /// Says what stands behind the name of the one argument of a block on one line.
    pub(in crate::parse) fn no_assignment_on_line<T>(
        &mut self,
        name: &SourceWord,
    ) -> ParseResult<T> {
        let token = self.peek();
        let slip = match token.kind {
            TokenKind::BraceOpen | TokenKind::QuoteOpen | TokenKind::Identifier => None,
            _ => self.sign(token).or_else(|| self.wrong_head(token, name, &[], true)),
        };
        let problem = slip
            .unwrap_or_else(|| syntax_errors::block_in_one_line(&name.name, self.span(name.at)));
        self.refuse(problem)
    }

    /// Says what stands behind the one argument of a block on one line.
    pub(in crate::parse) fn no_end_of_one_line<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let is_next =
            token.kind == TokenKind::Identifier && self.behind(1).kind == TokenKind::Assign;
        if is_next || token.kind == TokenKind::Comma || self.written(token.at) == ";" {
            let at = if is_next { token.at } else { self.behind(1).at };
            let problem = syntax_errors::several_in_one_line(self.span(at));
            return self.refuse(problem);
        }
        let problem = self.wrong_end(token);
        self.told(problem, "`}`, as a block on one line has one argument")
    }

    fn statement(&self, name: &SourceWord) -> Diagnostic {
        let problem = self.slip(format!("there is no `{}` here", name.name), name.at);
        match &*name.name {
            "for" | "foreach" | "while" | "loop" => problem.help(
                "give a block `for_each` or `count`; blocks inside it are made by `dynamic`, values by `[for x in LIST : x]`",
            ),
            _ => problem
                .help("a value is chosen by `CONDITION ? VALUE : OTHER`; a block is there or not by `count = CONDITION ? 1 : 0`"),
        }
    }

    fn wrong_head(
        &self,
        token: Token,
        name: &SourceWord,
        labels: &[SourceWord],
        inside: bool,
    ) -> Option<Diagnostic> {
        let next = self.behind(1);
        let touches = next.at.start == token.at.end;
        let spaced = token.at.start > name.at.end;
        let assigned = |at: ByteSpan, summary: &str| {
            let text = if spaced { "=" } else { " =" };
            self.mended(summary, at, text, format!("write `{} = …`", name.name))
        };
        Some(match (token.kind, labels) {
            (TokenKind::Colon, []) if touches && next.kind == TokenKind::Assign => {
                assigned(token.at.to(next.at), "there is no `:=`")
            }
            (TokenKind::Colon, []) if next.kind == TokenKind::Newline => self
                .slip("an argument is written with `=`, not with `:`", token.at)
                .help(format!("write `{0} = …`, or `{0} {{` for a block", name.name)),
            (TokenKind::Colon, []) => {
                assigned(token.at, "an argument is written with `=`, not with `:`")
            }
            (TokenKind::Equal, []) => assigned(token.at, "`==` compares; a value is given by `=`"),
            (TokenKind::Arrow, []) => {
                assigned(token.at, "an argument is written with `=`, not with `=>`")
            }
            (TokenKind::Plus | TokenKind::Minus | TokenKind::Star | TokenKind::Question, [])
                if touches && next.kind == TokenKind::Assign =>
            {
                let summary = format!("there is no `{}`", self.written(token.at.to(next.at)));
                self.slip(summary, token.at.to(next.at))
                    .help("an argument is given its whole value: `name = value`")
            }
            (TokenKind::Assign, [keyword])
                if matches!(&*name.name, "let" | "const" | "var" | "set" | "def" | "local") =>
            {
                self.slip(format!("values are not named by `{}`", name.name), name.at).help(
                    format!(
                        "write them into a `locals` block: `locals {{`, `{} = …`, `}}`",
                        keyword.name
                    ),
                )
            }
            (TokenKind::Assign, [_, ..]) if next.kind == TokenKind::BraceOpen => {
                let at = ByteSpan { end: next.at.start, ..token.at };
                self.mended("a block has no `=` before its `{`", at, "", "take it out")
            }
            (TokenKind::Comma, [_, ..]) => {
                self.mended("labels are not separated by commas", token.at, "", "take it out")
            }
            (TokenKind::Dot | TokenKind::BracketOpen, []) if !spaced => self
                .slip("the name of an argument is one word", name.at.to(token.at))
                .help(format!(
                    "what is inside of it goes into its value: `{} = {{ … = … }}`",
                    name.name
                )),
            (TokenKind::Dot, [only])
                if next.kind == TokenKind::Identifier
                    && matches!(&*name.name, "resource" | "data") =>
            {
                let text = format!("\"{}\" \"{}\"", only.name, self.written(next.at));
                let help = format!("write `{} {text} {{`", name.name);
                self.mended(
                    "the labels of a block are separated by spaces",
                    only.at.to(next.at),
                    text,
                    help,
                )
            }
            (TokenKind::Dot | TokenKind::BracketOpen | TokenKind::ParenthesisOpen, [only])
                if inside =>
            {
                self.no_sign(name, only.at.start)
            }
            (TokenKind::ParenthesisOpen, []) if !spaced => self
                .slip("a call of a function does not stand by itself", name.at)
                .help("give its value to an argument: `name = f(…)`"),
            (
                TokenKind::Number
                | TokenKind::BracketOpen
                | TokenKind::ParenthesisOpen
                | TokenKind::Minus
                | TokenKind::Not
                | TokenKind::HeredocOpen,
                [],
            ) => self.no_sign(name, token.at.start),
            (TokenKind::Newline | TokenKind::End | TokenKind::BraceClose, _) => {
                self.no_brace(token, name, labels, inside)?
            }
            _ => return None,
        })
    }

    /// `name value`
    fn no_sign(&self, name: &SourceWord, value: u32) -> Diagnostic {
        self.slip(format!("the `=` behind `{}` is missing", name.name), name.at).suggest(
            self.gap(value),
            "= ",
            format!("write `{} = …`", name.name),
        )
    }

    /// A line that ends where a `{` should be.
    fn no_brace(
        &self,
        token: Token,
        name: &SourceWord,
        labels: &[SourceWord],
        inside: bool,
    ) -> Option<Diagnostic> {
        let lines =
            (0..).map(|it| self.behind(it)).take_while(|it| it.kind == TokenKind::Newline).count();
        let brace = self.behind(lines);
        if token.kind == TokenKind::Newline
            && brace.kind == TokenKind::BraceOpen
            && self.written(token.at).trim().is_empty()
        {
            let at = token.at.to(brace.at);
            return Some(
                self.mended(
                    "the `{` of a block stands on the line of its name",
                    at,
                    " {",
                    "put it there",
                )
                .at(self.span(brace.at)),
            );
        }
        match labels {
            [] => Some(
                self.slip(format!("`{}` has neither a value nor a `{{`", name.name), name.at).help(
                    format!("write `{0} = …` for an argument, `{0} {{` for a block", name.name),
                ),
            ),
            [only] if inside => Some(self.no_sign(name, only.at.start)),
            [.., last] => {
                let at = self.gap(last.at.end);
                Some(self.slip("the `{` of the block is missing", name.at.to(last.at)).suggest(
                    at,
                    " {",
                    "write it here",
                ))
            }
        }
    }
}

/// Whether a sign stands between two values.
fn is_between_values(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Plus
            | TokenKind::Slash
            | TokenKind::Question
            | TokenKind::Colon
            | TokenKind::And
            | TokenKind::Or
            | TokenKind::Equal
            | TokenKind::NotEqual
            | TokenKind::Less
            | TokenKind::LessOrEqual
            | TokenKind::Greater
            | TokenKind::GreaterOrEqual
            | TokenKind::Dot
    )
}
