//! Draws expressions: usual ones, unusual ones, and some without a value.

use ha_lang::{Function, ParameterKind as Kind, functions};

use crate::draw::Draw;

/// Functions that depend on the time, randomness, files or keys, or that only one of the two has.
const LEFT_OUT: [&str; 24] = [
    "timestamp",
    "plantimestamp",
    "uuid",
    "bcrypt",
    "rsadecrypt",
    "file",
    "fileexists",
    "fileset",
    "filebase64",
    "filemd5",
    "filesha1",
    "filesha256",
    "filesha512",
    "filebase64sha256",
    "filebase64sha512",
    "templatefile",
    "templatestring",
    "sensitive",
    "nonsensitive",
    "issensitive",
    "ephemeralasnull",
    "abspath",
    "pathexpand",
    "type",
];

const TEXTS: [&str; 62] = [
    "",
    "a",
    "b",
    "abc",
    "k",
    "hello world",
    " pad ",
    "1",
    "1.5",
    "-7",
    "0x1f",
    "1e3",
    "true",
    "false",
    "null",
    "é",
    "e\\u0301",
    "👨‍👩‍👧",
    "ÀÉ ß",
    "日本語",
    "ﬁ",
    "İı",
    "2020-02-29T12:34:56Z",
    "2021-12-31T23:59:59+05:30",
    "1h30m",
    "-10s",
    "YYYY-MM-DD'T'hh:mm:ssZ",
    "EEE, DD MMM YY h:mm aa",
    "10.0.0.0/8",
    "192.168.1.1",
    "192.168.1.0/24",
    "fe80::/64",
    "2001:db8::1",
    "a,b,,c",
    "%s-%d",
    "%05.2f|%-6s|%q|%v",
    "%#v %t %x",
    "%[2]s %[1]s",
    "%5d%%",
    "[a-z]+",
    "(\\\\d+)-(?P<x>\\\\w)",
    "(a)(b)?",
    "^.*$",
    "/[aeiou]/",
    "a\\nb\\n",
    "  in\\n    more\\n",
    "\\t",
    "{\\\"a\\\":[1,2.50,{\\\"b\\\":null}]}",
    "[1,",
    "a: 1\\nb: [x, 010, yes, ~]\\n",
    "- 1\\n- {c: 'd'}\\n",
    "x,y\\n1,2\\n3,\\\"4,5\\\"\\n",
    "aGVsbG8=",
    "aGVsbG8",
    "_w==",
    "/usr/../tmp//x.tar.gz",
    "%",
    "$",
    "a.b",
    "UTF-8",
    "UTF-16LE",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
];

const NUMBERS: [&str; 34] = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-2",
    "10",
    "16",
    "36",
    "62",
    "64",
    "0.1",
    "0.2",
    "0.5",
    "1.5",
    "2.5",
    "-0.5",
    "-2.5",
    "1e3",
    "255",
    "256",
    "1e20",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "123456789012345678901234567890",
    "1e-7",
    "1.999999999999",
    "3.14159",
    "(1/3)",
    "1e30",
    "100",
    "7",
    "-0",
];

/// An expression.
pub(crate) fn expression(draw: &mut Draw) -> String {
    Writer { draw, names: 0, outside: &[] }.value(3)
}

/// An expression over values that have these names.
pub(crate) fn expression_of(draw: &mut Draw, outside: &[&'static str]) -> String {
    Writer { draw, names: 0, outside }.value(2)
}

struct Writer<'a> {
    draw: &'a mut Draw,
    /// The number of bound names.
    names: usize,
    /// The values outside of the expression.
    outside: &'a [&'static str],
}

impl Writer<'_> {
    fn value(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf();
        }
        match self.draw.below(24) {
            0 | 1 => self.leaf(),
            2 | 3 => self.collection(depth),
            4 => self.each(depth),
            5 => format!(
                "{} ? {} : {}",
                self.one(Kind::Bool, depth - 1),
                self.value(depth - 1),
                self.value(depth - 1)
            ),
            6 => self.template(depth),
            7 | 8 => self.operation(depth),
            9 => self.step(depth),
            10 => self.conversion(depth),
            _ => self.call(depth),
        }
    }

    fn leaf(&mut self) -> String {
        if self.names > 0 && self.draw.once_in(2) {
            let name = self.draw.below(self.names);
            return format!("v{name}");
        }
        if !self.outside.is_empty() && !self.draw.once_in(3) {
            return self.draw.one(self.outside).into();
        }
        match self.draw.below(12) {
            0..=3 => self.number(),
            4..=7 => self.text(),
            8 => self.draw.one(&["true", "false"]).into(),
            9 => "null".into(),
            10 => self.draw.one(&["[]", "{}", "tolist([])", "toset([])", "tomap({})"]).into(),
            _ => self
                .draw
                .one(&[
                    "[1, 2]",
                    "[\"b\", \"a\"]",
                    "{ a = 1, k = \"x\" }",
                    "toset([\"b\", \"a\"])",
                    "[[1], [2, 3]]",
                    "[null]",
                ])
                .into(),
        }
    }

    fn number(&mut self) -> String {
        if !self.outside.is_empty() && self.draw.once_in(4) {
            return self.draw.one(&["local.un", "local.nn"]).into();
        }
        self.draw.one(&NUMBERS).into()
    }

    fn text(&mut self) -> String {
        if !self.outside.is_empty() && self.draw.once_in(3) {
            return self
                .draw
                .one(&[
                    "local.us",
                    "local.id",
                    "local.ns",
                    "\"x-${local.id}\"",
                    "\"x-${local.us}\"",
                ])
                .into();
        }
        format!("\"{}\"", self.draw.one(&TEXTS).replace("%{", "%%{"))
    }

    /// An expression that usually has a value of this sort.
    fn one(&mut self, kind: Kind, depth: usize) -> String {
        if self.draw.once_in(9) {
            return self.value(depth);
        }
        let many = self.draw.below(4);
        match kind {
            Kind::Any => self.value(depth),
            Kind::Bool => match self.draw.below(4) {
                0 if depth > 0 => format!(
                    "{} {} {}",
                    self.value(depth - 1),
                    self.draw.one(&["==", "!="]),
                    self.value(depth - 1)
                ),
                1 if depth > 0 => {
                    format!(
                        "{} {} {}",
                        self.one(Kind::Number, depth - 1),
                        self.draw.one(&["<", "<=", ">", ">="]),
                        self.one(Kind::Number, depth - 1)
                    )
                }
                _ => self.draw.one(&["true", "false", "!true", "\"true\""]).into(),
            },
            Kind::Number => self.number(),
            Kind::Text => self.text(),
            Kind::List(_) if !self.outside.is_empty() && self.draw.once_in(2) => self
                .draw
                .one(&["local.ul", "local.pl", "local.el", "local.kl", "local.eo", "local.nl"])
                .into(),
            Kind::Set(_) if !self.outside.is_empty() && self.draw.once_in(2) => {
                self.draw.one(&["local.uset", "local.es"]).into()
            }
            Kind::Map(_) if !self.outside.is_empty() && self.draw.once_in(2) => {
                self.draw.one(&["local.um", "local.pm", "local.em", "local.km", "local.uo"]).into()
            }
            Kind::List(of) => {
                let items: Vec<String> =
                    (0..many).map(|_| self.one(*of, depth.saturating_sub(1))).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Set(of) => {
                let items: Vec<String> =
                    (0..many).map(|_| self.one(*of, depth.saturating_sub(1))).collect();
                format!("toset([{}])", items.join(", "))
            }
            Kind::Map(of) => {
                let items: Vec<String> = (0..many)
                    .map(|it| {
                        format!(
                            "{} = {}",
                            ["a", "b", "k", "é"][it],
                            self.one(*of, depth.saturating_sub(1))
                        )
                    })
                    .collect();
                format!("{{{}}}", items.join(", "))
            }
        }
    }

    fn collection(&mut self, depth: usize) -> String {
        let many = self.draw.below(4);
        let items: Vec<String> = (0..many).map(|_| self.value(depth - 1)).collect();
        if self.draw.once_in(2) {
            return format!("[{}]", items.join(", "));
        }
        let keys = ["a", "k", "\"x y\"", "(\"b\")", "null", "1"];
        let items: Vec<String> =
            items.into_iter().map(|it| format!("{} = {it}", self.draw.one(&keys))).collect();
        format!("{{ {} }}", items.join(", "))
    }

    fn each(&mut self, depth: usize) -> String {
        let collection = self.value(depth - 1);
        let keyed = self.draw.once_in(2);
        let bound = format!(
            "v{}{}",
            self.names,
            if keyed { format!(", v{}", self.names + 1) } else { String::new() }
        );
        self.names += 1 + usize::from(keyed);
        let result = self.value(depth - 1);
        let condition = if self.draw.once_in(3) {
            format!(" if {}", self.one(Kind::Bool, depth - 1))
        } else {
            String::new()
        };
        let written = if self.draw.once_in(2) {
            format!("[for {bound} in {collection} : {result}{condition}]")
        } else {
            let key = self.one(Kind::Text, depth - 1);
            let last = self.names - 1;
            let key = self
                .draw
                .one(&[&*key, &format!("v{last}"), &format!("\"${{v{last}}}\"")])
                .to_owned();
            format!(
                "{{ for {bound} in {collection} : {key} => {result}{}{condition} }}",
                self.draw.one(&["", "..."])
            )
        };
        self.names -= 1 + usize::from(keyed);
        written
    }

    fn template(&mut self, depth: usize) -> String {
        let value = self.value(depth - 1);
        let strip = self.draw.one(&["", "", "~"]);
        match self.draw.below(6) {
            0 => format!("\"${{{value}}}\""),
            1 => format!("\"x ${{{strip}{value}{strip}}} y\""),
            2 => format!(
                "\"%{{ if {} {strip}}} a ${{{value}}} %{{ else {strip}}}  b %{{{strip} endif }}\"",
                self.one(Kind::Bool, depth - 1)
            ),
            3 => {
                self.names += 1;
                let inner = self.value(depth - 1);
                self.names -= 1;
                format!(
                    "\"%{{ for v{} in {value} {strip}}} ${{{inner}}}, %{{ endfor }}\"",
                    self.names
                )
            }
            4 => format!("\"$${{a}} ${{{value}}}%%{{b}}$\""),
            _ => format!("\"${{{value}}}${{{}}}\"", self.value(depth - 1)),
        }
    }

    fn operation(&mut self, depth: usize) -> String {
        let sign = self.draw.one(&[
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "neg",
        ]);
        let kind = match sign {
            "==" | "!=" => Kind::Any,
            "&&" | "||" | "!" => Kind::Bool,
            _ => Kind::Number,
        };
        match sign {
            "!" => format!("!{}", self.one(kind, 0)),
            "neg" => format!("-{}", self.one(kind, 0)),
            _ => format!("({} {sign} {})", self.one(kind, depth - 1), self.one(kind, depth - 1)),
        }
    }

    fn step(&mut self, depth: usize) -> String {
        let of = self.value(depth - 1);
        let step = self.draw.one(&[
            ".a", "[0]", "[1]", "[\"a\"]", "[*]", ".*.a", "[*].a", ".0", "[-1]", "[*][0]",
            "[\"k\"]", "[0.5]", ".*", "[true]",
        ]);
        format!("({of}){step}")
    }

    fn conversion(&mut self, depth: usize) -> String {
        let name = self.draw.one(&["tostring", "tonumber", "tobool", "tolist", "toset", "tomap"]);
        format!("{name}({})", self.value(depth - 1))
    }

    fn call(&mut self, depth: usize) -> String {
        let all: Vec<&Function> =
            functions().iter().filter(|it| !LEFT_OUT.contains(&it.name)).collect();
        let function = all[self.draw.below(all.len())];
        let mut arguments: Vec<String> =
            function.parameters.iter().map(|it| self.one(it.kind, depth - 1)).collect();
        if let Some(more) = function.variadic {
            arguments.extend((0..self.draw.below(3)).map(|_| self.one(more.kind, depth - 1)));
        }
        if self.draw.once_in(40) {
            arguments.pop();
        }
        // Widths and counts are kept small, as memory is not what is compared.
        let spread = if !arguments.is_empty() && self.draw.once_in(20) { "..." } else { "" };
        format!("{}({}{spread})", function.name, arguments.join(", "))
    }
}
