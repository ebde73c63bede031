//! Likely errors in arguments and blocks.

use ha_diagnostics::Diagnostic;

use super::{TokenCursor, is_statement};
use crate::lexer::{Token, TokenKind, is_identifier};
use crate::parse::ParseResult;
use crate::syntax::{ByteSpan, SourceWord};
use crate::syntax_errors;

const COMMENT_HELP: &str = "comments begin with `#` or `//`, or are enclosed in `/*` and `*/`";

impl TokenCursor<'_> {
    /// Reports a token that cannot begin an argument or a block. `inside` means inside a block.
    pub(in crate::parse) fn unexpected_instead_of_item<T>(
        &mut self,
        inside: bool,
    ) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.stray_sign(token).or_else(|| self.likely_item_error(token, inside));
        self.refuse_or_expect(
            problem,
            if inside { "an argument, a block or `}`" } else { "a block or an argument" },
        )
    }

    fn likely_item_error(&self, token: Token, inside: bool) -> Option<Diagnostic> {
        let next = self.token_after(1);
        let line = self.line_from(token.at.start);
        let at_line = ByteSpan::new(token.at.start as usize, token.at.start as usize + line.len());
        Some(match token.kind {
            TokenKind::Less if line.starts_with("<!--") => {
                self.error_at("this is not a comment", at_line).help(COMMENT_HELP)
            }
            TokenKind::Minus if line.starts_with("---") => {
                self.error_at("this is not YAML", at_line).help(
                    "blocks are `KIND \"NAME\" { … }`, \
                    arguments `name = value`",
                )
            }
            TokenKind::Minus if line.starts_with("--") => {
                let at = ByteSpan { end: token.at.start + 2, ..token.at };
                self.error_with_fix("a comment does not begin with `--`", at, "#", COMMENT_HELP)
            }
            TokenKind::Minus => self
                .error_at("a list is not written with `-`", token.at)
                .help("write `name = [first, second]`"),
            TokenKind::Percent => self.error_with_fix(
                "a comment does not begin with `%`",
                token.at,
                "#",
                COMMENT_HELP,
            ),
            TokenKind::Stray if line.starts_with(';') => {
                self.error_with_fix("lines do not end with `;`", token.at, "", "remove it")
            }
            TokenKind::BraceOpen if !inside => {
                let extension = if self.is_terraform() { ".tf.json" } else { ".hcl.json" };
                self.error_at("a block has a name before its `{`", token.at)
                    .help(format!("JSON is read from files whose names end in `{extension}`"))
            }
            TokenKind::BraceOpen => {
                self.error_at("a block has a name before its `{`", token.at).help("write `name {`")
            }
            TokenKind::QuoteOpen => self.quoted_name(token)?,
            TokenKind::BraceClose => self
                .error_at("there is no open block for this `}`", token.at)
                .help("remove it, or look for a block above that was closed too early"),
            TokenKind::BracketClose | TokenKind::ParenthesisClose => {
                let summary =
                    format!("there is no open bracket for this `{}`", self.written(token.at));
                self.error_at(summary, token.at).help(
                    "remove it, or look for a bracket above \
                    that was closed too early",
                )
            }
            TokenKind::Comma => self.error_with_fix(
                "arguments are not separated by commas",
                token.at,
                "",
                "remove it: write each on a separate line",
            ),
            TokenKind::Number
                if next.kind == TokenKind::Identifier || next.kind == TokenKind::Assign =>
            {
                self.error_at("a name does not begin with a digit", token.at)
                    .help("names begin with a letter or `_`")
            }
            TokenKind::Star => {
                self.error_at("this is not a list", token.at).help("write `name = [first, second]`")
            }
            kind if inside && is_binary_operator(kind) => self
                .error_at("an expression ends with its line", token.at)
                .help("put it in parentheses, or end the line before with the operator"),
            _ => return None,
        })
    }

    /// `"name" = value`
    fn quoted_name(&self, open: Token) -> Option<Diagnostic> {
        let (text, close, sign) = (self.token_after(1), self.token_after(2), self.token_after(3));
        if text.kind != TokenKind::Text || close.kind != TokenKind::QuoteClose {
            return None;
        }
        let name = self.written(text.at);
        let at = open.at.to(close.at);
        let summary = "the name of an argument is written without quotes";
        Some(match sign.kind {
            TokenKind::Colon if is_identifier(name) => self.error_with_fix(
                summary,
                open.at.to(sign.at),
                format!("{name} ="),
                format!("write `{name} = …`"),
            ),
            _ if is_identifier(name) => {
                self.error_with_fix(summary, at, name, format!("write `{name}`"))
            }
            _ => self.error_at(summary, at).help(
                "a name consists of letters, digits, `_` and `-`; other names can be keys \
                    of an object: `{ \"…\" = … }`",
            ),
        })
    }

    /// Reports a token after an argument or a block, where the line should end.
    pub(in crate::parse) fn unexpected_after_item<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let problem = self.likely_line_end_error(token).or_else(|| self.likely_end_error(token));
        self.refuse_or_expect(problem, "the end of the line")
    }

    fn likely_line_end_error(&self, token: Token) -> Option<Diagnostic> {
        let last_of_line = matches!(
            self.token_after(1).kind,
            TokenKind::Newline | TokenKind::Comment | TokenKind::End
        );
        let sign = self.written(token.at);
        Some(match token.kind {
            TokenKind::Comma | TokenKind::Stray if sign == "," || sign == ";" => {
                let summary = format!("arguments are not separated by `{sign}`");
                match last_of_line {
                    true => self.error_with_fix(summary, token.at, "", "remove it"),
                    false => {
                        let end = self.token_after(1).at.start;
                        self.error_with_fix(
                            summary,
                            ByteSpan { end, ..token.at },
                            "\n",
                            "write each on a separate line",
                        )
                    }
                }
            }
            TokenKind::Assign => self.error_with_fix(
                "an argument has one value",
                token.at,
                "==",
                "to compare write `==`",
            ),
            TokenKind::BraceClose if self.level > 0 => self.error_with_fix(
                "the `}` of a block of several lines must be on a separate line",
                token.at,
                "\n}",
                "begin a new line",
            ),
            TokenKind::Arrow => self
                .error_at("`=>` is allowed only in `for` expressions", token.at)
                .help("an argument is written `name = value`"),
            _ => return None,
        })
    }

    /// Reports a token after the name or the labels of an argument or a block.
    pub(in crate::parse) fn unexpected_after_name<T>(
        &mut self,
        name: &SourceWord,
        labels: &[SourceWord],
        inside: bool,
    ) -> ParseResult<T> {
        let token = self.peek();
        // A word such as `if` may be an argument or a block of a kind, so it is reported only where
        // the syntax is wrong.
        let problem = match is_statement(&name.name) && token.kind != TokenKind::Newline {
            true => Some(self.statement(name)),
            false => self
                .stray_sign(token)
                .or_else(|| self.likely_head_error(token, name, labels, inside)),
        };
        self.refuse_or_expect(problem, if labels.is_empty() { "`=` or `{`" } else { "`{`" })
    }

    /// Reports a token after the name of the argument of a block on one line.
    pub(in crate::parse) fn unexpected_after_name_in_line<T>(
        &mut self,
        name: &SourceWord,
    ) -> ParseResult<T> {
        let token = self.peek();
        let slip = match token.kind {
            TokenKind::BraceOpen | TokenKind::QuoteOpen | TokenKind::Identifier => None,
            _ => self.stray_sign(token).or_else(|| self.likely_head_error(token, name, &[], true)),
        };
        let problem = slip
            .unwrap_or_else(|| syntax_errors::block_in_one_line(&name.name, self.span(name.at)));
        self.refuse(problem)
    }

    /// Reports a token after the argument of a block on one line.
    pub(in crate::parse) fn unexpected_after_argument_in_line<T>(&mut self) -> ParseResult<T> {
        let token = self.peek();
        let is_next =
            token.kind == TokenKind::Identifier && self.token_after(1).kind == TokenKind::Assign;
        if is_next || token.kind == TokenKind::Comma || self.written(token.at) == ";" {
            let at = if is_next { token.at } else { self.token_after(1).at };
            let problem = syntax_errors::several_in_one_line(self.span(at));
            return self.refuse(problem);
        }
        let problem = self.likely_end_error(token);
        self.refuse_or_expect(problem, "`}`, as a block on one line has one argument")
    }

    fn statement(&self, name: &SourceWord) -> Diagnostic {
        let problem = self.error_at(format!("there is no `{}` here", name.name), name.at);
        match &*name.name {
            "for" | "foreach" | "while" | "loop" => problem.help(
                "give a block `for_each` or `count`; generate blocks inside it with `dynamic`, \
                    values with `[for x in LIST : x]`",
            ),
            _ => problem.help(
                "write a condition as `CONDITION ? VALUE : OTHER`; make a block conditional \
                    by `count = CONDITION ? 1 : 0`",
            ),
        }
    }

    fn likely_head_error(
        &self,
        token: Token,
        name: &SourceWord,
        labels: &[SourceWord],
        inside: bool,
    ) -> Option<Diagnostic> {
        let next = self.token_after(1);
        let touches = next.at.start == token.at.end;
        let spaced = token.at.start > name.at.end;
        let assigned = |at: ByteSpan, summary: &str| {
            let text = if spaced { "=" } else { " =" };
            self.error_with_fix(summary, at, text, format!("write `{} = …`", name.name))
        };
        Some(match (token.kind, labels) {
            (TokenKind::Colon, []) if touches && next.kind == TokenKind::Assign => {
                assigned(token.at.to(next.at), "there is no `:=`")
            }
            (TokenKind::Colon, []) if next.kind == TokenKind::Newline => self
                .error_at("an argument is written with `=`, not with `:`", token.at)
                .help(format!("write `{0} = …`, or `{0} {{` for a block", name.name)),
            (TokenKind::Colon, []) => {
                assigned(token.at, "an argument is written with `=`, not with `:`")
            }
            (TokenKind::Equal, []) => assigned(token.at, "`==` compares; write `=` to set a value"),
            (TokenKind::Arrow, []) => {
                assigned(token.at, "an argument is written with `=`, not with `=>`")
            }
            (TokenKind::Plus | TokenKind::Minus | TokenKind::Star | TokenKind::Question, [])
                if touches && next.kind == TokenKind::Assign =>
            {
                let summary = format!("there is no `{}`", self.written(token.at.to(next.at)));
                self.error_at(summary, token.at.to(next.at))
                    .help("an argument is set to its complete value: `name = value`")
            }
            (TokenKind::Assign, [keyword])
                if matches!(&*name.name, "let" | "const" | "var" | "set" | "def" | "local") =>
            {
                self.error_at(format!("a value is not declared by `{}`", name.name), name.at).help(
                    format!(
                        "declare it in a `locals` block: `locals {{`, `{} = …`, `}}`",
                        keyword.name
                    ),
                )
            }
            (TokenKind::Assign, [_, ..]) if next.kind == TokenKind::BraceOpen => {
                let at = ByteSpan { end: next.at.start, ..token.at };
                self.error_with_fix("a block has no `=` before its `{`", at, "", "remove it")
            }
            (TokenKind::Comma, [_, ..]) => {
                self.error_with_fix("labels are not separated by commas", token.at, "", "remove it")
            }
            (TokenKind::Dot | TokenKind::BracketOpen, []) if !spaced => self
                .error_at("the name of an argument is one word", name.at.to(token.at))
                .help(format!("set the attributes in its value: `{} = {{ … = … }}`", name.name)),
            (TokenKind::Dot, [only])
                if next.kind == TokenKind::Identifier
                    && matches!(&*name.name, "resource" | "data") =>
            {
                let text = format!("\"{}\" \"{}\"", only.name, self.written(next.at));
                let help = format!("write `{} {text} {{`", name.name);
                self.error_with_fix(
                    "the labels of a block are separated by spaces",
                    only.at.to(next.at),
                    text,
                    help,
                )
            }
            (TokenKind::Dot | TokenKind::BracketOpen | TokenKind::ParenthesisOpen, [only])
                if inside =>
            {
                self.missing_assign(name, only.at.start)
            }
            (TokenKind::ParenthesisOpen, []) if !spaced => self
                .error_at("a function call is not a statement", name.at)
                .help("assign its result to an argument: `name = f(…)`"),
            (
                TokenKind::Number
                | TokenKind::BracketOpen
                | TokenKind::ParenthesisOpen
                | TokenKind::Minus
                | TokenKind::Not
                | TokenKind::HeredocOpen,
                [],
            ) => self.missing_assign(name, token.at.start),
            (TokenKind::Newline | TokenKind::End | TokenKind::BraceClose, _) => {
                self.missing_brace(token, name, labels, inside)?
            }
            _ => return None,
        })
    }

    /// `name value`
    fn missing_assign(&self, name: &SourceWord, value: u32) -> Diagnostic {
        self.error_at(format!("the `=` after `{}` is missing", name.name), name.at).suggest(
            self.gap(value),
            "= ",
            format!("write `{} = …`", name.name),
        )
    }

    /// The diagnostic for a line that ends where a `{` should be.
    fn missing_brace(
        &self,
        token: Token,
        name: &SourceWord,
        labels: &[SourceWord],
        inside: bool,
    ) -> Option<Diagnostic> {
        let lines = (0..)
            .map(|it| self.token_after(it))
            .take_while(|it| it.kind == TokenKind::Newline)
            .count();
        let brace = self.token_after(lines);
        if token.kind == TokenKind::Newline
            && brace.kind == TokenKind::BraceOpen
            && self.written(token.at).trim().is_empty()
        {
            let at = token.at.to(brace.at);
            return Some(
                self.error_with_fix(
                    "the `{` of a block must be on the line of its name",
                    at,
                    " {",
                    "move it there",
                )
                .at(self.span(brace.at)),
            );
        }
        match labels {
            [] => Some(
                self.error_at(format!("`{}` has neither a value nor a `{{`", name.name), name.at)
                    .help(format!(
                        "write `{0} = …` for an argument, `{0} {{` for a block",
                        name.name
                    )),
            ),
            [only] if inside => Some(self.missing_assign(name, only.at.start)),
            [.., last] => {
                let at = self.gap(last.at.end);
                Some(self.error_at("the `{` of the block is missing", name.at.to(last.at)).suggest(
                    at,
                    " {",
                    "write it here",
                ))
            }
        }
    }
}

/// Whether a token of this kind is only used between two values, so that a line cannot begin with
/// it.
fn is_binary_operator(kind: TokenKind) -> bool {
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
