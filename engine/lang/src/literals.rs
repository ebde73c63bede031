//! Finds the literals of a source text and the arguments that they are values of. It works on tokens
//! alone, so that secrets can be found also in text with syntax errors.

mod found;
mod frame;
mod reader;
mod role;
mod run;
mod values;

use std::ops::Range;

use self::reader::LiteralReader;

/// A string, number or bool in the value of an argument, or a mistake in place of one. Parts that do
/// not end up in the value are excluded: keys, indices, separators, conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal<'a> {
    /// The names of the blocks, objects and arguments around it, outermost first. The labels of a
    /// block are included only for variables, and in JSON, where they are keys like others.
    pub path: Vec<&'a str>,
    /// The types and labels of the blocks around it, outermost first.
    pub heads: Vec<&'a str>,
    /// The numbers of the bodies and objects around it, outermost first; 0 is the file.
    pub bodies: Vec<usize>,
    /// The place without quotes.
    pub place: Range<usize>,
    /// Whether it is part of a template or a format string, and so no value by itself.
    pub is_piece: bool,
    /// Whether it is an argument of `sensitive`, also if that is misspelt.
    pub is_marked: bool,
    /// The form.
    pub written: LiteralForm,
}

/// The form of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiteralForm {
    /// A valid literal.
    Soundly,
    /// Without quotes, or without `=` behind the name.
    Bare,
    /// A name with an attribute or index behind it, which is a reference or a string without quotes:
    /// `Hunter.2`.
    Reference,
    /// A label of a block.
    Label,
}

/// All literals of a source text, in source order.
#[must_use]
pub fn literals(text: &str) -> Vec<Literal<'_>> {
    LiteralReader::new(text).read()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let found = |it: &Literal<'_>| {
            let sign = if it.is_piece { "~" } else { "=" };
            format!("{}{sign}{}", it.path.join("."), &text[it.place.clone()])
        };
        literals(text).iter().filter(|it| it.written == LiteralForm::Soundly).map(found).collect()
    }

    /// What is no literal of the language, each under its names.
    fn slipped(text: &str) -> String {
        let found = |it: &Literal<'_>| format!("{}={}", it.path.join("."), &text[it.place.clone()]);
        let all = literals(text);
        let slips =
            all.iter().filter(|it| matches!(it.written, LiteralForm::Bare | LiteralForm::Label));
        slips.map(found).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn invalid_literals_have_the_names_of_their_arguments() {
        for (text, expected) in [
            ("p = Secret\n", "p=Secret"),
            ("p = 'Sec ret' # no\n", "p=Sec ret | p= no"),
            ("p = Sec#ret\n", "p=Sec#ret"),
            ("p = \u{201c}Sec ret\u{201d}\n", "p=Sec ret"),
            ("p = 12ab!\nq = 1", "p=12ab!"),
            ("p \"Secret\"\n", "p=Secret | p=Secret"),
            ("p Secret word\n", "p=Secret word | p=Secret | p=word"),
            ("p =\nSecret\n", "p=Secret"),
            ("p = <<\"E\"\nSecret\nE\nq = 1\n", "p=\"\nSecret\n"),
            ("p = \"a\" Secret\n", "p=Secret"),
            ("p = f_of_it(x)\n", "p=f_of_it | p=x"),
            ("p = upper(Secret)\n", "p=Secret"),
            ("p = [for it in [1] : it]\n", ""),
            ("p = { for k, v in m : k => v }\n", ""),
            ("p = null\n", ""),
            ("p \"Secret\" {\n}\n", "p=Secret"),
            ("{ 'p': 'Secret' }", "p=Secret"),
            ("{ \"p\" \"Secret\" }", "p=Secret | p=Secret"),
            (
                "p = \"a\nSecret words\nmore\nq = 1\n",
                "p=Secret | p.Secret=words | p.Secret=words | p=more",
            ),
        ] {
            assert_eq!(slipped(text), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_sign_begins_a_value_as_well() {
        for text in [
            "p == \"a\"",
            "p := \"a\"",
            "p => \"a\"",
            "p -> \"a\"",
            "p += \"a\"",
            "p(\"a\")",
            "p[\"a\"]",
            "p\n= \"a\"",
            "p =\n\"a\"",
            "x = upper(\"b\"\np = \"a\"",
            "x = 1 p = \"a\"",
            "{ \"x\": 1 \"p\": \"a\" }",
        ] {
            assert!(found(text).contains(&"p=a".to_owned()), "{text}: {:?}", found(text));
        }
        assert!(found("x = f(p = \"a\")").contains(&"x.p=a".to_owned()));
    }

    #[test]
    fn arguments_of_sensitive_are_marked_also_if_it_is_misspelt() {
        let marked = |text: &str| {
            literals(text)
                .iter()
                .filter(|it| it.is_marked)
                .map(|it| text[it.place.clone()].to_owned())
                .collect::<Vec<_>>()
        };
        for text in [
            "p = sensitive(\"a\")",
            "p = sensitve(\"a\"",
            "sensitive \"a\"",
            "p = sensitive[\"a\"]",
            "p = sensitive(\n  v = \"a\")",
        ] {
            assert!(marked(text).contains(&"a".to_owned()), "{text}");
        }
        assert_eq!(marked("p = nonsensitive(\"a\")\nq = \"b\""), [""; 0]);
    }

    #[test]
    fn each_literal_has_the_names_of_its_argument() {
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
        assert_eq!(found(text), expected);
    }

    #[test]
    fn a_literal_behind_a_surplus_bracket_is_also_found_within_the_block() {
        for (text, expected) in [
            ("a \"b\" {\n}\np = \"x\"\n", "p=x a.p=x"),
            ("a {\n  c {\n  }\n  }\n  p = \"x\"\n}\n", "p=x a.p=x"),
            ("a {\n  c {\n  }\n  p = \"x\"\n}\n}\n", "a.p=x a.c.p=x"),
            ("a {\n  c {\n  }\n  p = \"x\"\n}\n", "a.p=x"),
            ("{\"a\": {\"b\": {}}, \"p\": \"x\"}}}", "p=x a.p=x a.b.p=x"),
            ("{\"a\": {}, \"p\": \"x\"}", "p=x"),
            ("t = {}\np = \"x\"\n", "p=x"),
        ] {
            assert_eq!(found(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn unclosed_text_hides_no_declaration() {
        for open in [
            "/* ",
            "x = \"${",
            "x = \"${f(\n",
            "x = [\n",
            "x = \"%{ if (\n",
            "x = f(\"${\"\n",
            "/* /* 'a'\n",
        ] {
            let text = format!("{open}\nvariable \"p\" {{\n  sensitive = true\n}}\n");
            assert!(
                found(&text).contains(&"variable.p.sensitive=true".to_owned()),
                "{text}: {:?}",
                found(&text)
            );
        }
    }

    #[test]
    fn the_line_of_an_unclosed_comment_is_a_literal() {
        for (text, expected) in [
            ("p = 1 /* \"Secret\" word\n", "p= \"Secret\" word"),
            ("a {\n  /* Secret\n}\n", "a= Secret | a.Secret="),
            ("a = 1 /* closed */\n", ""),
        ] {
            let all = slipped(text);
            let line = expected.split(" | ").next().unwrap_or_default();
            assert!(all.contains(line) && (line.is_empty() == all.is_empty()), "{text}: {all}");
        }
    }

    #[test]
    fn literals_beyond_the_depth_limit_have_the_names_around_them() {
        let text =
            format!("p = {}\"a\"", "[".repeat(50_000)) + &"]".repeat(50_000) + "\nq = \"b\"\n";
        assert_eq!(found(&text), ["p=a", "q=b"]);
        let text = "{a=".repeat(50_000) + "\"b\"";
        assert!(literals(&text).iter().all(|it| it.path.len() < 200));
    }

    #[test]
    fn json_is_read_like_objects() {
        let text = r#"{"variable": {"pin": {"default": "a"}}, "x": [{"password": "b"}, 5]}"#;
        assert_eq!(found(text), ["variable.pin.default=a", "x.password=b", "x=5"]);
    }

    #[test]
    fn keys_indices_and_conditions_are_no_literals() {
        let found = |expression: &str| found(&format!("p = {expression}\n")).join(" ");
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
            assert_eq!(found(expression), expected, "{expression}");
        }
    }

    #[test]
    fn finds_literals_in_unclosed_text() {
        assert_eq!(found("password = \"abc\nother = 1\n"), ["password=abc", "other=1"]);
        assert_eq!(found("}}} password = \"abc"), ["password=abc"]);
        assert_eq!(found("a {\n  password = (\"abc"), ["a.password=abc"]);
    }
}
