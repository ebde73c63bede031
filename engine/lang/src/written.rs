//! What a source text says of which argument, told from its tokens alone, so that it can be told also of a text that is
//! wrong.

mod role;

use std::ops::Range;

use self::role::Role;
use crate::lexer::{Kind, Token, tokens};

/// A text, number or truth value in the value of an argument. What only leads to the value is none: a key, an index, a
/// separator, a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal<'a> {
    /// The names it is under, outermost first: those of the blocks and objects around it, and the argument's own. A
    /// block's labels are among them for variables and in JSON, where they are keys like others.
    pub path: Vec<&'a str>,
    /// Where it is written, without quotes.
    pub place: Range<usize>,
    /// Whether it is a stretch of a template, or a format: what the value is made with, and not a value by itself.
    pub is_piece: bool,
}

/// All that a source text gives to arguments literally, in order.
#[must_use]
pub fn literals(text: &str) -> Vec<Literal<'_>> {
    let mut reader =
        Reader { frames: vec![Frame::default()], quotes: Vec::new(), before: (Kind::Newline, ""), found: Vec::new() };
    for token in tokens(text) {
        let word = &text[token.at.start as usize..token.at.end as usize];
        reader.take(token, word);
        if token.kind != Kind::Comment {
            reader.before = (token.kind, word);
        }
    }
    reader.found.into_iter().map(|it| it.literal).collect()
}

/// What is open at some place: a body, an object, a list, a template's interpolation.
#[derive(Default)]
struct Frame<'a> {
    /// Under what it is, from the frame around it.
    names: Vec<&'a str>,
    /// The words of the statement so far.
    words: Vec<&'a str>,
    /// Whether its value has begun.
    is_value: bool,
    /// Whether an end of line goes on with the statement: between brackets.
    is_list: bool,
    /// How many literals there were when what stands here now began.
    start: usize,
    role: Role<'a>,
}

/// A text between quotes, or a heredoc.
struct Quote {
    /// How many literals there were before it.
    start: usize,
    /// Whether it is compared with something.
    is_compared: bool,
    /// How many frames there are around it.
    depth: usize,
    /// Whether something is put into it.
    is_template: bool,
}

struct Found<'a> {
    literal: Literal<'a>,
    /// How many frames there are around it.
    depth: usize,
}

struct Reader<'a> {
    frames: Vec<Frame<'a>>,
    quotes: Vec<Quote>,
    /// What came before, but for comments.
    before: (Kind, &'a str),
    found: Vec<Found<'a>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: Token, text: &'a str) {
        let (count, depth) = (self.found.len(), self.frames.len());
        let frame = self.frames.last_mut().expect("the outermost frame is never closed");
        match token.kind {
            Kind::Newline => {
                // A text that is still open here is closed nowhere.
                self.quotes.retain(|it| it.depth < depth);
                if !frame.is_list {
                    frame.next(count);
                }
            }
            Kind::Comma => frame.next(count),
            // A comment takes its line end with it.
            Kind::Comment if text.ends_with('\n') && !frame.is_list => frame.next(count),
            Kind::Identifier | Kind::Text if !frame.is_value => frame.words.push(text),
            Kind::Assign | Kind::Colon => {
                if !frame.is_value {
                    self.found.truncate(frame.start);
                }
                if frame.words.first() == Some(&"for") {
                    frame.words.clear();
                }
                (frame.is_value, frame.start) = (true, self.found.len());
            }
            // What was a condition or a key until here is no part of the value.
            Kind::Question | Kind::Arrow => self.found.truncate(frame.start),
            Kind::QuoteOpen | Kind::HeredocOpen => {
                self.quotes.push(Quote { start: count, is_compared: compares(self.before.0), depth, is_template: false });
            }
            Kind::QuoteClose | Kind::HeredocClose => self.end_of_quote(),
            kind if compares(kind) => self.forget_compared(),
            Kind::Identifier if !matches!(text, "true" | "false") => {}
            Kind::Text | Kind::Number | Kind::Identifier => self.literal(token),
            Kind::BraceOpen => {
                let names = if frame.is_value { Vec::new() } else { frame.head() };
                self.frames.push(Frame { names, start: count, ..Frame::default() });
            }
            Kind::BracketOpen | Kind::ParenthesisOpen | Kind::Interpolation | Kind::Directive => {
                if let (Kind::Interpolation | Kind::Directive, Some(quote)) = (token.kind, self.quotes.last_mut()) {
                    quote.is_template = true;
                }
                let role = Role::of(token.kind, self.before);
                self.frames.push(Frame { is_value: true, is_list: true, start: count, role, ..Frame::default() });
            }
            Kind::BraceClose | Kind::BracketClose | Kind::ParenthesisClose | Kind::SequenceEnd if depth > 1 => {
                self.frames.pop();
            }
            _ => {}
        }
    }

    fn literal(&mut self, token: Token) {
        let is_compared = compares(self.before.0) || self.quotes.iter().any(|it| it.is_compared);
        if is_compared || self.frames.iter().any(|it| it.role.leads()) {
            return;
        }
        let path = self.frames.iter().flat_map(|it| it.names.iter().copied().chain(it.argument())).collect();
        let is_piece = self.frames.last().is_some_and(|it| it.role.is_format());
        let literal = Literal { path, place: token.at.start as usize..token.at.end as usize, is_piece };
        self.found.push(Found { literal, depth: self.frames.len() });
    }

    /// What is put into a text is a value by itself, and what is around it is none.
    fn end_of_quote(&mut self) {
        if let Some(quote) = self.quotes.pop().filter(|it| it.is_template) {
            let inside = self.found.iter_mut().skip(quote.start).filter(|it| it.depth == quote.depth);
            inside.for_each(|it| it.literal.is_piece = true);
        }
    }

    /// What stands to the left of a comparison is no part of what comes of it.
    fn forget_compared(&mut self) {
        let start = self.frames.last().map_or(0, |it| it.start);
        if matches!(self.before.0, Kind::QuoteClose | Kind::Number) && self.found.len() > start {
            self.found.pop();
        }
    }
}

fn compares(kind: Kind) -> bool {
    use Kind::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    matches!(kind, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
}

impl<'a> Frame<'a> {
    /// Another statement, element or argument begins.
    fn next(&mut self, count: usize) {
        self.words.clear();
        self.is_value = self.is_list;
        self.start = count;
        self.role.next();
    }

    /// The name of the argument whose value has begun.
    fn argument(&self) -> Option<&'a str> {
        self.words.last().copied().filter(|_| self.is_value)
    }

    /// The names of a block that begins here. Other blocks than those of variables have labels that mean nothing.
    fn head(&self) -> Vec<&'a str> {
        match self.words.as_slice() {
            [first @ "variable", name, ..] => vec![first, name],
            words => words.first().copied().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let told = |it: &Literal<'_>| {
            let sign = if it.is_piece { "~" } else { "=" };
            format!("{}{sign}{}", it.path.join("."), &text[it.place.clone()])
        };
        literals(text).iter().map(told).collect()
    }

    #[test]
    fn each_literal_is_under_its_argument() {
        let text = r#"
variable "pin" {
  default   = "a" # "b"
  sensitive = true
}
resource "x" "password" {
  password = "c${upper("d")}e"
  nested {
    list = [
      "f", 7,
      { token = "g" },
    ]
    text = <<-END
      h
      END
  }
  after = "i"
}
"#;
        let expected = [
            "variable.pin.default=a",
            "variable.pin.sensitive=true",
            "resource.password~c",
            "resource.password=d",
            "resource.password~e",
            "resource.nested.list=f",
            "resource.nested.list=7",
            "resource.nested.list.token=g",
            "resource.nested.text=      h\n",
            "resource.after=i",
        ];
        assert_eq!(told(text), expected);
    }

    #[test]
    fn json_is_read_like_objects() {
        let text = r#"{"variable": {"pin": {"default": "a"}}, "x": [{"password": "b"}, 5]}"#;
        assert_eq!(told(text), ["variable.pin.default=a", "x.password=b", "x=5"]);
    }

    #[test]
    fn what_leads_to_a_value_is_no_part_of_it() {
        let told = |expression: &str| told(&format!("p = {expression}\n")).join(" ");
        for (expression, expected) in [
            (r#"drawn["circle"].result"#, ""),
            (r#"drawn[0].keys[1]["a"]"#, ""),
            (r#"f("a")["b"]"#, "p=a"),
            (r#"drawn["${var.a}-b"]"#, ""),
            (r#"[for it in ["a"] : it["b"]]"#, "p=a"),
            (r#"{ "a" = "b", ("c") = "d", e = ["f"] }"#, "p.a=b p=d p.e=f"),
            (r#"{ for it in ["a"] : "b-${it}" => "c" }"#, "p=c"),
            (r#"join("-", ["a", "b"])"#, "p=a p=b"),
            (r#"split(",", "a,b")[0]"#, "p=a,b"),
            (r#"lookup({ a = "b" }, "a", "c")"#, "p.a=b p=c"),
            (r#"replace("a", "b", upper("c"))"#, "p=a p=c"),
            (r#"substr("a", 0, 8)"#, "p=a"),
            (r#"file("a")"#, ""),
            (r#"trimspace(file("${path.module}/a"))"#, ""),
            (r#"format("a-%s", "b")"#, "p~a-%s p=b"),
            (r#"var.env == "a" ? "b" : "c""#, "p=b p=c"),
            (r#""a" != var.env && 1 < var.n ? "b" : var.x == 2 ? "c" : "d""#, "p=b p=c p=d"),
            (r#""a" == var.env"#, ""),
            (r#""a${var.x}b""#, "p~a p~b"),
            (r#""a${"b"}c${f("d${var.e}")}""#, "p~a p=b p~c p~d"),
            (r#"coalesce(var.a, "b")"#, "p=b"),
            (r#"sensitive("a")"#, "p=a"),
            ("(\n  \"a\"\n)", "p=a"),
        ] {
            assert_eq!(told(expression), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_not_closed_is_told_as_far_as_it_goes() {
        assert_eq!(told("password = \"abc\nother = 1\n"), ["password=abc", "other=1"]);
        assert_eq!(told("}}} password = \"abc"), ["password=abc"]);
        assert_eq!(told("a {\n  password = (\"abc"), ["a.password=abc"]);
    }
}
