//! What a source text says of which argument, told from its tokens alone, so that it can be told also of a text that is
//! wrong.

use std::ops::Range;

use crate::lexer::{Kind, Token, tokens};

/// A text, number or truth value in the value of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal<'a> {
    /// The names it is under, outermost first: those of the blocks and objects around it, and the argument's own. A
    /// block's labels are among them for variables and in JSON, where they are keys like others.
    pub path: Vec<&'a str>,
    /// Where it is written, without quotes.
    pub place: Range<usize>,
}

/// All that a source text gives to arguments literally, in order.
#[must_use]
pub fn literals(text: &str) -> Vec<Literal<'_>> {
    let mut reader = Reader { text, frames: vec![Frame::default()], found: Vec::new() };
    tokens(text).into_iter().for_each(|it| reader.take(it));
    reader.found
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
}

struct Reader<'a> {
    text: &'a str,
    frames: Vec<Frame<'a>>,
    found: Vec<Literal<'a>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: Token) {
        let place = token.at.start as usize..token.at.end as usize;
        let text = &self.text[place.clone()];
        let frame = self.frames.last_mut().expect("the outermost frame is never closed");
        match token.kind {
            Kind::Newline if frame.is_list => {}
            Kind::Newline | Kind::Comma => frame.next(),
            // A comment takes its line end with it.
            Kind::Comment if text.ends_with('\n') && !frame.is_list => frame.next(),
            Kind::Identifier | Kind::Text if !frame.is_value => frame.words.push(text),
            Kind::Assign | Kind::Colon => frame.is_value = true,
            Kind::Identifier if !matches!(text, "true" | "false") => {}
            Kind::Text | Kind::Number | Kind::Identifier => {
                let path = self.frames.iter().flat_map(|it| it.names.iter().copied().chain(it.argument())).collect();
                self.found.push(Literal { path, place });
            }
            Kind::BraceOpen => {
                let names = if frame.is_value { Vec::new() } else { frame.head() };
                self.frames.push(Frame { names, ..Frame::default() });
            }
            Kind::BracketOpen | Kind::ParenthesisOpen | Kind::Interpolation | Kind::Directive => {
                self.frames.push(Frame { is_value: true, is_list: true, ..Frame::default() });
            }
            Kind::BraceClose | Kind::BracketClose | Kind::ParenthesisClose | Kind::SequenceEnd if self.frames.len() > 1 => {
                self.frames.pop();
            }
            _ => {}
        }
    }
}

impl<'a> Frame<'a> {
    /// Another statement begins.
    fn next(&mut self) {
        self.words.clear();
        self.is_value = self.is_list;
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
        literals(text).iter().map(|it| format!("{}={}", it.path.join("."), &text[it.place.clone()])).collect()
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
            "resource.password=c",
            "resource.password=d",
            "resource.password=e",
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
    fn what_is_not_closed_is_told_as_far_as_it_goes() {
        assert_eq!(told("password = \"abc\nother = 1\n"), ["password=abc", "other=1"]);
        assert_eq!(told("}}} password = \"abc"), ["password=abc"]);
        assert_eq!(told("a {\n  password = (\"abc"), ["a.password=abc"]);
    }
}
