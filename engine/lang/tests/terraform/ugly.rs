//! Draws valid files with unusual spaces, comments and line ends.

use crate::draw::Draw;

/// A file of a few items.
pub(crate) fn file(draw: &mut Draw) -> String {
    let mut text = String::new();
    let mut writer = Writer { draw, text: &mut text, in_brackets: 0 };
    writer.body(3);
    if writer.draw.once_in(4) {
        text = text.replace('\n', "\r\n");
    }
    text
}

/// The same text with a few tokens too many or too few.
pub(crate) fn damaged(draw: &mut Draw, text: &str) -> String {
    const TOKENS: [&str; 40] = [
        "{", "}", "[", "]", "(", ")", "\"", "${", "%{", "~}", "\n", "\r\n", "=", "==", "=>", ",",
        ".", "...", ":", "::", "?", "*", "/", "/*", "*/", "#", "<<", "<<EOT\n", "EOT", "\\", "$",
        "'", ";", "~", "&", "|", "!", "for ", " in ", "0.1",
    ];
    let mut text = text.to_owned();
    for _ in 0..=draw.below(2) {
        let start = text.floor_char_boundary(draw.below(text.len() + 1));
        let end = text.ceil_char_boundary((start + draw.one(&[0, 0, 1, 1, 2, 7])).min(text.len()));
        text.replace_range(start..end, if draw.once_in(3) { "" } else { draw.one(&TOKENS) });
    }
    text
}

struct Writer<'a> {
    draw: &'a mut Draw,
    text: &'a mut String,
    in_brackets: usize,
}

impl Writer<'_> {
    fn write(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Spaces and comments that are allowed between two tokens.
    fn gap(&mut self) {
        let gap = self.draw.one(&["", "", "", " ", " ", "  ", "\t", " /* c */ "]);
        self.write(gap);
        if self.in_brackets > 0 && self.draw.once_in(12) {
            let line_end = self.draw.one(&[
                "\n",
                "\n\n",
                " # line\n",
                "  // é\n",
                "/* two\nlines */",
                "\n   ",
            ]);
            self.write(line_end);
        }
    }

    fn line_end(&mut self) {
        let end = self.draw.one(&[
            "\n",
            "\n",
            "\n",
            "\n\n",
            " # c\n",
            "// c\n",
            " /* c */\n",
            "   \n",
            "\n# c\n",
            "\n\n\n",
            "\n  \n",
        ]);
        self.write(end);
    }

    fn name(&mut self) {
        let name = self.draw.one(&[
            "a",
            "bb",
            "longer_name",
            "in",
            "for",
            "type",
            "é",
            "x-y",
            "if",
            "default",
        ]);
        self.write(name);
    }

    fn body(&mut self, depth: usize) {
        for _ in 0..self.draw.below(5) {
            let margin = self.draw.one(&["", "", " ", "    ", "\t"]);
            self.write(margin);
            match self.draw.below(if depth == 0 { 4 } else { 7 }) {
                0..=3 => self.argument(),
                _ => self.block(depth),
            }
            self.line_end();
        }
    }

    fn argument(&mut self) {
        self.name();
        let number = self.draw.below(1000);
        self.write(&format!("_{number}"));
        self.gap();
        self.write("=");
        self.gap();
        self.value(3);
    }

    fn block(&mut self, depth: usize) {
        let kind = self.draw.one(&["b", "variable", "long_block", "resource"]);
        self.write(kind);
        for _ in 0..self.draw.below(3) {
            let label = self.draw.one(&[" x", " \"x\"", "\"y z\"", "  \"é\"", " /* c */ l"]);
            self.write(label);
        }
        let before = self.draw.one(&["", " ", "   "]);
        self.write(before);
        match self.draw.below(5) {
            0 => self.write("{}"),
            1 => {
                self.write("{");
                let name = self.draw.one(&[
                    "type=string",
                    " a=1",
                    "type = \"list\" ",
                    "type=map",
                    " b = [ 1,2 ] ",
                    "a=\"${x}\"",
                ]);
                self.write(name);
                self.write("}");
            }
            _ => {
                self.write("{");
                let end = self.draw.one(&["\n", "\n", " # c\n", "\n\n", "  \n"]);
                self.write(end);
                self.body(depth - 1);
                let margin = self.draw.one(&["", " ", "    "]);
                self.write(margin);
                self.write("}");
            }
        }
    }

    fn value(&mut self, depth: usize) {
        match self.draw.below(if depth == 0 { 6 } else { 19 }) {
            0 => {
                let number = self.draw.one(&["1", "2.5", "1e3", "-3", "- 4", "0"]);
                self.write(number);
            }
            1 | 2 => {
                let name = self.draw.one(&[
                    "x", "var.x", "a . b", "c[0]", "c [ 0 ]", "d.*.e", "d[*].e", "f.0.g", "null",
                    "true",
                ]);
                self.write(name);
            }
            3 => {
                let text = self.draw.one(&[
                    "\"\"",
                    "\"x  y\"",
                    "\"é\"",
                    "\"$${x}\"",
                    "\"a\\\"b\"",
                    "\"#\"",
                    "\"# ${ \"}\" } \"",
                ]);
                self.write(text);
            }
            4 => {
                let sign = self.draw.one(&["!", "-", "- ", "! "]);
                self.write(sign);
                self.write("y");
            }
            5 => self.write("f()"),
            6 | 7 => self.binary(depth),
            8 => self.listed("[", "]", depth, Self::value),
            9 | 10 => self.object(depth),
            11 => {
                let name = self.draw.one(&["f", "g ", "h"]);
                self.write(name);
                self.listed("(", ")", depth, Self::value);
            }
            12 => self.bracketed("(", ")", |it| it.value(depth - 1)),
            13 => {
                self.value(depth - 1);
                self.gap();
                self.write("?");
                self.gap();
                self.value(depth - 1);
                self.gap();
                self.write(":");
                self.gap();
                self.value(depth - 1);
            }
            14 | 15 => self.template(depth),
            16 => self.heredoc(depth),
            17 => self.bracketed("[", "]", |it| it.each(depth, false)),
            _ => self.bracketed("{", "}", |it| it.each(depth, true)),
        }
    }

    fn binary(&mut self, depth: usize) {
        self.value(depth - 1);
        self.gap();
        let sign =
            self.draw.one(&["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]);
        self.write(sign);
        // A comment cannot begin with a sign before it.
        let apart = self.draw.one(&[" ", "  ", "\t"]);
        self.write(apart);
        self.gap();
        self.value(depth - 1);
    }

    fn bracketed(&mut self, open: &str, close: &str, inner: impl FnOnce(&mut Self)) {
        self.write(open);
        self.in_brackets += 1;
        self.gap();
        inner(self);
        self.gap();
        self.in_brackets -= 1;
        self.write(close);
    }

    fn listed(&mut self, open: &str, close: &str, depth: usize, item: fn(&mut Self, usize)) {
        let many = self.draw.below(4);
        self.bracketed(open, close, |it| {
            for index in 0..many {
                if index > 0 {
                    it.write(",");
                    it.gap();
                }
                item(it, depth - 1);
                it.gap();
            }
        });
    }

    fn object(&mut self, depth: usize) {
        let many = self.draw.below(4);
        let lines = self.draw.once_in(2);
        let outer = std::mem::take(&mut self.in_brackets);
        self.write("{");
        if lines {
            self.write("\n");
        }
        for _ in 0..many {
            match self.draw.below(4) {
                0 => self.write("(k)"),
                1 => self.write("\"${k}\""),
                _ => self.name(),
            }
            self.gap();
            let sign = self.draw.one(&["=", "=", "=", ":", "=>"]);
            // `=>` is for the results of `for` alone.
            self.write(if sign == "=>" { " = " } else { sign });
            self.gap();
            self.value(depth - 1);
            if lines { self.line_end() } else { self.write(",") }
        }
        self.write("}");
        self.in_brackets = outer;
    }

    fn each(&mut self, depth: usize, object: bool) {
        self.write("for");
        let names = self.draw.one(&[" v", " k,v", "  k , v"]);
        self.write(names);
        self.write(" in ");
        self.value(depth - 1);
        self.gap();
        self.write(":");
        self.gap();
        self.value(depth - 1);
        if object {
            self.gap();
            self.write("=>");
            self.gap();
            self.value(depth - 1);
            if self.draw.once_in(3) {
                self.write("...");
            }
        }
        if self.draw.once_in(3) {
            self.write(" if ");
            self.value(depth - 1);
        }
    }

    fn sequence(&mut self, depth: usize) {
        let open = self.draw.one(&["${", "${~", "${ "]);
        self.write(open);
        self.in_brackets += 1;
        self.value(depth - 1);
        self.in_brackets -= 1;
        let close = self.draw.one(&["}", "~}", " }"]);
        self.write(close);
    }

    fn template(&mut self, depth: usize) {
        self.write("\"");
        for _ in 0..=self.draw.below(2) {
            match self.draw.below(8) {
                0 => self.write(" text "),
                1 => {
                    self.write("%{ if x }");
                    self.sequence(depth);
                    self.write("%{  else ~}z%{endif}");
                }
                2 => self.write("%{for v in  w}${ v }%{ endfor }"),
                _ => self.sequence(depth),
            }
        }
        self.write("\"");
    }

    fn heredoc(&mut self, depth: usize) {
        let open = self.draw.one(&["<<EOT\n", "<<-EOT\n"]);
        self.write(open);
        for _ in 0..self.draw.below(4) {
            let margin = self.draw.one(&["", "  ", "      ", "\t"]);
            self.write(margin);
            match self.draw.below(5) {
                0 => self.write("text = { [ # no comment"),
                1 | 2 => self.sequence(depth),
                3 => self.write("\"quoted\" // "),
                _ => {}
            }
            self.write("\n");
        }
        let close = self.draw.one(&["EOT\n", "  EOT\n", "    EOT\n"]);
        self.write(close);
    }
}
