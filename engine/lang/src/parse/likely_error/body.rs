//! Where an argument or a block should begin, go on, or end.

use ha_diagnostics::Diagnostic;

use super::{Cursor, is_statement};
use crate::lexer::{Kind, Token, is_identifier};
use crate::parse::Read;
use crate::syntax::{At, Word};
use crate::syntax_errors;

const COMMENTS: &str = "comments begin with `#` or `//`, or stand between `/*` and `*/`";

impl Cursor<'_> {
    /// Says what stands where an argument or a block should begin. `inside` of a block, or of none.
    pub(in crate::parse) fn no_item<T>(&mut self, inside: bool) -> Read<T> {
        let token = self.peek();
        let problem = self.sign(token).or_else(|| self.wrong_item(token, inside));
        self.told(problem, if inside { "an argument, a block or `}`" } else { "a block or an argument" })
    }

    fn wrong_item(&self, token: Token, inside: bool) -> Option<Diagnostic> {
        let next = self.behind(1);
        let line = self.line_from(token.at.start);
        let at_line = At::new(token.at.start as usize, token.at.start as usize + line.len());
        Some(match token.kind {
            Kind::Less if line.starts_with("<!--") => self.slip("this is no comment", at_line).help(COMMENTS),
            Kind::Minus if line.starts_with("---") => {
                self.slip("this is no YAML", at_line).help("blocks are `KIND \"NAME\" { … }`, arguments `name = value`")
            }
            Kind::Minus if line.starts_with("--") => {
                let at = At { end: token.at.start + 2, ..token.at };
                self.mended("a comment does not begin with `--`", at, "#", COMMENTS)
            }
            Kind::Minus => self.slip("a list is not written with `-`", token.at).help("write `name = [first, second]`"),
            Kind::Percent => self.mended("a comment does not begin with `%`", token.at, "#", COMMENTS),
            Kind::Stray if line.starts_with(';') => self.mended("lines do not end with `;`", token.at, "", "take it out"),
            Kind::BraceOpen if !inside => {
                let extension = if self.is_terraform() { ".tf.json" } else { ".hcl.json" };
                self.slip("a block has a name before its `{`", token.at)
                    .help(format!("JSON is read from files whose names end in `{extension}`"))
            }
            Kind::BraceOpen => self.slip("a block has a name before its `{`", token.at).help("write `name {`"),
            Kind::QuoteOpen => self.quoted_name(token)?,
            Kind::BraceClose => self
                .slip("there is no block here that this `}` could end", token.at)
                .help("take it out, or look for a block above that was ended too early"),
            Kind::BracketClose | Kind::ParenthesisClose => {
                let summary = format!("there is nothing open here that this `{}` could close", self.written(token.at));
                self.slip(summary, token.at).help("take it out, or look for what was closed too early above")
            }
            Kind::Comma => self.mended(
                "arguments are not separated by commas",
                token.at,
                "",
                "take it out: each stands on a line of its own",
            ),
            Kind::Number if next.kind == Kind::Identifier || next.kind == Kind::Assign => {
                self.slip("a name does not begin with a digit", token.at).help("names begin with a letter or `_`")
            }
            Kind::Star => self.slip("this is no list", token.at).help("write `name = [first, second]`"),
            kind if inside && is_between_values(kind) => self
                .slip("an expression ends with its line", token.at)
                .help("put it in parentheses to go on with the next line, or end the line before with the operator"),
            _ => return None,
        })
    }

    /// `"name" = value`
    fn quoted_name(&self, open: Token) -> Option<Diagnostic> {
        let (text, close, sign) = (self.behind(1), self.behind(2), self.behind(3));
        if text.kind != Kind::Text || close.kind != Kind::QuoteClose {
            return None;
        }
        let name = self.written(text.at);
        let at = open.at.to(close.at);
        let summary = "the name of an argument stands without quotes";
        Some(match sign.kind {
            Kind::Colon if is_identifier(name) => {
                self.mended(summary, open.at.to(sign.at), format!("{name} ="), format!("write `{name} = …`"))
            }
            _ if is_identifier(name) => self.mended(summary, at, name, format!("write `{name}`")),
            _ => self
                .slip(summary, at)
                .help("a name has letters, digits, `_` and `-`; others can be keys in a value: `{ \"…\" = … }`"),
        })
    }

    /// Says what stands behind an argument or a block, where the line should end.
    pub(in crate::parse) fn no_line_end<T>(&mut self) -> Read<T> {
        let token = self.peek();
        let problem = self.wrong_line_end(token).or_else(|| self.wrong_end(token));
        self.told(problem, "the end of the line")
    }

    fn wrong_line_end(&self, token: Token) -> Option<Diagnostic> {
        let last_of_line = matches!(self.behind(1).kind, Kind::Newline | Kind::Comment | Kind::End);
        let sign = self.written(token.at);
        Some(match token.kind {
            Kind::Comma | Kind::Stray if sign == "," || sign == ";" => {
                let summary = format!("arguments are not separated by `{sign}`");
                match last_of_line {
                    true => self.mended(summary, token.at, "", "take it out"),
                    false => {
                        let end = self.behind(1).at.start;
                        self.mended(summary, At { end, ..token.at }, "\n", "each stands on a line of its own")
                    }
                }
            }
            Kind::Assign => self.mended("an argument has one value", token.at, "==", "to compare write `==`"),
            Kind::BraceClose if self.level > 0 => self.mended(
                "the `}` of a block of several lines stands on a line of its own",
                token.at,
                "\n}",
                "begin a new line",
            ),
            Kind::Arrow => {
                self.slip("`=>` stands in `for` expressions only", token.at).help("an argument is written `name = value`")
            }
            _ => return None,
        })
    }

    /// Says what stands behind the name of an argument or a block, and perhaps labels.
    pub(in crate::parse) fn no_assignment<T>(&mut self, name: &Word, labels: &[Word], inside: bool) -> Read<T> {
        let token = self.peek();
        let problem = match is_statement(&name.name) && token.kind != Kind::Newline {
            true => Some(self.statement(name)),
            false => self.sign(token).or_else(|| self.wrong_head(token, name, labels, inside)),
        };
        self.told(problem, if labels.is_empty() { "`=` or `{`" } else { "`{`" })
    }

    /// Says what stands behind the name of the one argument of a block on one line.
    pub(in crate::parse) fn no_assignment_on_line<T>(&mut self, name: &Word) -> Read<T> {
        let token = self.peek();
        let slip = match token.kind {
            Kind::BraceOpen | Kind::QuoteOpen | Kind::Identifier => None,
            _ => self.sign(token).or_else(|| self.wrong_head(token, name, &[], true)),
        };
        let problem = slip.unwrap_or_else(|| syntax_errors::block_in_one_line(&name.name, self.span(name.at)));
        self.refuse(problem)
    }

    /// Says what stands behind the one argument of a block on one line.
    pub(in crate::parse) fn no_end_of_one_line<T>(&mut self) -> Read<T> {
        let token = self.peek();
        let is_next = token.kind == Kind::Identifier && self.behind(1).kind == Kind::Assign;
        if is_next || token.kind == Kind::Comma || self.written(token.at) == ";" {
            let at = if is_next { token.at } else { self.behind(1).at };
            let problem = syntax_errors::several_in_one_line(self.span(at));
            return self.refuse(problem);
        }
        let problem = self.wrong_end(token);
        self.told(problem, "`}`, as a block on one line has one argument")
    }

    fn statement(&self, name: &Word) -> Diagnostic {
        let problem = self.slip(format!("there is no `{}` here", name.name), name.at);
        match &*name.name {
            "for" | "foreach" | "while" | "loop" => problem.help(
                "give a block `for_each` or `count`; blocks inside it are made by `dynamic`, values by `[for x in LIST : x]`",
            ),
            _ => problem
                .help("a value is chosen by `CONDITION ? VALUE : OTHER`; a block is there or not by `count = CONDITION ? 1 : 0`"),
        }
    }

    fn wrong_head(&self, token: Token, name: &Word, labels: &[Word], inside: bool) -> Option<Diagnostic> {
        let next = self.behind(1);
        let touches = next.at.start == token.at.end;
        let spaced = token.at.start > name.at.end;
        let assigned = |at: At, summary: &str| {
            let text = if spaced { "=" } else { " =" };
            self.mended(summary, at, text, format!("write `{} = …`", name.name))
        };
        Some(match (token.kind, labels) {
            (Kind::Colon, []) if touches && next.kind == Kind::Assign => assigned(token.at.to(next.at), "there is no `:=`"),
            (Kind::Colon, []) if next.kind == Kind::Newline => self
                .slip("an argument is written with `=`, not with `:`", token.at)
                .help(format!("write `{0} = …`, or `{0} {{` for a block", name.name)),
            (Kind::Colon, []) => assigned(token.at, "an argument is written with `=`, not with `:`"),
            (Kind::Equal, []) => assigned(token.at, "`==` compares; a value is given by `=`"),
            (Kind::Arrow, []) => assigned(token.at, "an argument is written with `=`, not with `=>`"),
            (Kind::Plus | Kind::Minus | Kind::Star | Kind::Question, []) if touches && next.kind == Kind::Assign => {
                let summary = format!("there is no `{}`", self.written(token.at.to(next.at)));
                self.slip(summary, token.at.to(next.at)).help("an argument is given its whole value: `name = value`")
            }
            (Kind::Assign, [keyword]) if matches!(&*name.name, "let" | "const" | "var" | "set" | "def" | "local") => self
                .slip(format!("values are not named by `{}`", name.name), name.at)
                .help(format!("write them into a `locals` block: `locals {{`, `{} = …`, `}}`", keyword.name)),
            (Kind::Assign, [_, ..]) if next.kind == Kind::BraceOpen => {
                let at = At { end: next.at.start, ..token.at };
                self.mended("a block has no `=` before its `{`", at, "", "take it out")
            }
            (Kind::Comma, [_, ..]) => self.mended("labels are not separated by commas", token.at, "", "take it out"),
            (Kind::Dot | Kind::BracketOpen, []) if !spaced => self
                .slip("the name of an argument is one word", name.at.to(token.at))
                .help(format!("what is inside of it goes into its value: `{} = {{ … = … }}`", name.name)),
            (Kind::Dot, [only]) if next.kind == Kind::Identifier && matches!(&*name.name, "resource" | "data") => {
                let text = format!("\"{}\" \"{}\"", only.name, self.written(next.at));
                let help = format!("write `{} {text} {{`", name.name);
                self.mended("the labels of a block are separated by spaces", only.at.to(next.at), text, help)
            }
            (Kind::Dot | Kind::BracketOpen | Kind::ParenthesisOpen, [only]) if inside => self.no_sign(name, only.at.start),
            (Kind::ParenthesisOpen, []) if !spaced => self
                .slip("a call of a function does not stand by itself", name.at)
                .help("give its value to an argument: `name = f(…)`"),
            (Kind::Number | Kind::BracketOpen | Kind::ParenthesisOpen | Kind::Minus | Kind::Not | Kind::HeredocOpen, []) => {
                self.no_sign(name, token.at.start)
            }
            (Kind::Newline | Kind::End | Kind::BraceClose, _) => self.no_brace(token, name, labels, inside)?,
            _ => return None,
        })
    }

    /// `name value`
    fn no_sign(&self, name: &Word, value: u32) -> Diagnostic {
        self.slip(format!("the `=` behind `{}` is missing", name.name), name.at).suggest(
            self.gap(value),
            "= ",
            format!("write `{} = …`", name.name),
        )
    }

    /// A line that ends where a `{` should be.
    fn no_brace(&self, token: Token, name: &Word, labels: &[Word], inside: bool) -> Option<Diagnostic> {
        let lines = (0..).map(|it| self.behind(it)).take_while(|it| it.kind == Kind::Newline).count();
        let brace = self.behind(lines);
        if token.kind == Kind::Newline && brace.kind == Kind::BraceOpen && self.written(token.at).trim().is_empty() {
            let at = token.at.to(brace.at);
            return Some(
                self.mended("the `{` of a block stands on the line of its name", at, " {", "put it there")
                    .at(self.span(brace.at)),
            );
        }
        match labels {
            [] => Some(
                self.slip(format!("`{}` has neither a value nor a `{{`", name.name), name.at)
                    .help(format!("write `{0} = …` for an argument, `{0} {{` for a block", name.name)),
            ),
            [only] if inside => Some(self.no_sign(name, only.at.start)),
            [.., last] => {
                let at = self.gap(last.at.end);
                Some(self.slip("the `{` of the block is missing", name.at.to(last.at)).suggest(at, " {", "write it here"))
            }
        }
    }
}

/// Whether a sign stands between two values.
fn is_between_values(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Plus
            | Kind::Slash
            | Kind::Question
            | Kind::Colon
            | Kind::And
            | Kind::Or
            | Kind::Equal
            | Kind::NotEqual
            | Kind::Less
            | Kind::LessOrEqual
            | Kind::Greater
            | Kind::GreaterOrEqual
            | Kind::Dot
    )
}
