//! What JSON says as blocks, arguments and expressions.

use ha_diagnostics::{Diagnostic, Span};
use ha_value::Value;

use super::read::{self, Kind, Node, Text};
use crate::SourceFile;
use crate::diagnostics::file as mistakes;
use crate::parse;
use crate::syntax::{self, Argument, At, Block, Body, Placed, Word, composed};

/// The blocks that may stand in a block: their names, how many labels they have, and what may stand in them.
struct Inside {
    blocks: &'static [(&'static str, usize, &'static Inside)],
    /// The arguments that are references or the like, which are texts in JSON.
    written: &'static [&'static str],
    /// The arguments whose texts are no templates.
    literal: Texts,
}

/// Some arguments by name, or all.
enum Texts {
    Of(&'static [&'static str]),
    All,
}

impl Texts {
    fn has(&self, name: &str) -> bool {
        match self {
            Texts::Of(names) => names.contains(&name),
            Texts::All => true,
        }
    }
}

const NONE: Texts = Texts::Of(&[]);
static VALUES: Inside = Inside { blocks: &[], written: &[], literal: Texts::All };
static PLAIN: Inside = Inside { blocks: &[], written: &[], literal: NONE };
static LIFECYCLE: Inside = Inside {
    blocks: &[("precondition", 0, &PLAIN), ("postcondition", 0, &PLAIN)],
    written: &["ignore_changes", "replace_triggered_by"],
    literal: NONE,
};
static CONTENT: Inside = Inside { blocks: &[("dynamic", 1, &DYNAMIC)], written: &[], literal: NONE };
static DYNAMIC: Inside = Inside { blocks: &[("content", 0, &CONTENT)], written: &["iterator"], literal: NONE };
static RESOURCE: Inside = Inside {
    blocks: &[("lifecycle", 0, &LIFECYCLE), ("dynamic", 1, &DYNAMIC), ("provisioner", 1, &PLAIN), ("connection", 0, &PLAIN)],
    written: &["depends_on"],
    literal: NONE,
};
static SETTINGS: Inside = Inside {
    blocks: &[
        ("required_providers", 0, &PLAIN),
        ("backend", 1, &CONTENT),
        ("encryption", 0, &CONTENT),
        ("cloud", 0, &PLAIN),
        ("provider_meta", 1, &PLAIN),
    ],
    written: &[],
    literal: NONE,
};
static FILE: Inside = Inside {
    blocks: &[
        ("variable", 1, &Inside { blocks: &[("validation", 0, &PLAIN)], written: &["type"], literal: Texts::Of(&["default"]) }),
        ("locals", 0, &PLAIN),
        ("output", 1, &Inside { blocks: &[("precondition", 0, &PLAIN)], written: &["depends_on"], literal: NONE }),
        ("resource", 2, &RESOURCE),
        ("data", 2, &RESOURCE),
        ("ephemeral", 2, &RESOURCE),
        ("provider", 1, &CONTENT),
        ("module", 1, &Inside { blocks: &[("lifecycle", 0, &LIFECYCLE)], written: &["depends_on"], literal: NONE }),
        ("moved", 0, &Inside { blocks: &[], written: &["from", "to"], literal: NONE }),
        (
            "removed",
            0,
            &Inside { blocks: &[("lifecycle", 0, &PLAIN), ("provisioner", 1, &PLAIN)], written: &["from"], literal: NONE },
        ),
        ("import", 0, &Inside { blocks: &[], written: &["to"], literal: NONE }),
        ("check", 1, &Inside { blocks: &[("data", 2, &RESOURCE), ("assert", 0, &PLAIN)], written: &[], literal: NONE }),
        ("function", 1, &Inside { blocks: &[], written: &["params", "variadic_param"], literal: NONE }),
        ("ha", 0, &SETTINGS),
        ("terraform", 0, &SETTINGS),
    ],
    written: &[],
    literal: NONE,
};

/// The name of an entry that is a comment.
const COMMENT: &str = "//";

/// A whole file, as far as it can be read.
pub(crate) fn body(file: &SourceFile) -> (Body, Vec<Diagnostic>) {
    let mut reader = Reader { file, problems: Vec::new() };
    let mut body = Body::default();
    if let Some(root) = reader.root() {
        reader.blocks(root, &mut |it, entries| it.inside(entries, &FILE, &mut body));
    }
    (body, reader.problems)
}

/// A file of values. Texts are no templates there.
pub(crate) fn values(file: &SourceFile) -> (Body, Vec<Diagnostic>) {
    let mut reader = Reader { file, problems: Vec::new() };
    let mut body = Body::default();
    if let Some(root) = reader.root() {
        reader.blocks(root, &mut |it, entries| it.inside(entries, &VALUES, &mut body));
    }
    (body, reader.problems)
}

/// What is in an object.
type Entries = Vec<(Text, Node)>;

struct Reader<'a> {
    file: &'a SourceFile,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn root(&mut self) -> Option<Node> {
        if u32::try_from(self.file.text.len()).is_err() {
            self.problems.push(crate::diagnostics::too_large(&self.file.name));
            return None;
        }
        match read::value(&self.file.text) {
            Ok(root) => Some(root),
            Err(it) => {
                let problem = mistakes::not_json(it.message, self.span(it.at));
                self.problems.push(problem);
                None
            }
        }
    }

    fn span(&self, at: At) -> Span {
        Span::new(self.file.name.clone(), at.start as usize..at.end as usize)
    }

    fn word(&self, text: Text) -> Word {
        Word { name: composed(&text.value), at: text.at }
    }

    /// Calls `each` with the entries of every object that a value stands for: itself, or those in an array.
    fn blocks(&mut self, value: Node, each: &mut dyn FnMut(&mut Self, Entries)) {
        match value.kind {
            Kind::Object(entries) => each(self, entries),
            Kind::Array(items) => items.into_iter().for_each(|it| self.blocks(it, each)),
            // Nothing stands for no block.
            Kind::Null => {}
            _ => {
                let problem = mistakes::json_is_no_object("this is a block", self.span(value.at));
                self.problems.push(problem);
            }
        }
    }

    /// Sorts the entries of an object into blocks and arguments.
    fn inside(&mut self, entries: Entries, inside: &'static Inside, body: &mut Body) {
        for (name, value) in entries {
            if name.value == COMMENT {
                continue;
            }
            let block = inside.blocks.iter().find(|(block, ..)| *block == name.value);
            match block {
                Some((_, labels, inner)) => {
                    let kind = self.word(name);
                    self.labelled(kind, Vec::new(), *labels, inner, value, &mut body.blocks);
                }
                None => {
                    let value = match &*name.value {
                        it if inside.written.contains(&it) => self.written(value),
                        it if inside.literal.has(it) => self.literal(value),
                        _ => self.expression(value),
                    };
                    let name = self.word(name);
                    if body.arguments.iter().any(|it| it.name.name == name.name) {
                        let problem = mistakes::json_key_twice(&name.name, self.span(name.at));
                        self.problems.push(problem);
                        continue;
                    }
                    body.arguments.push(Argument { name, value });
                }
            }
        }
    }

    /// The blocks that a value stands for, behind so many labels.
    fn labelled(
        &mut self,
        kind: Word,
        labels: Vec<Word>,
        missing: usize,
        inner: &'static Inside,
        value: Node,
        blocks: &mut Vec<Block>,
    ) {
        let at = value.at;
        self.blocks(value, &mut |it, entries| {
            if missing == 0 {
                let mut body = Body::default();
                it.inside(entries, inner, &mut body);
                let head = labels.last().map_or(kind.at, |it| it.at);
                let at = head.to(at);
                blocks.push(Block { kind: kind.clone(), labels: labels.clone(), body, head, at });
                return;
            }
            for (label, value) in entries {
                if label.value == COMMENT {
                    continue;
                }
                let labels = labels.iter().cloned().chain([it.word(label)]).collect();
                it.labelled(kind.clone(), labels, missing - 1, inner, value, blocks);
            }
        });
    }

    /// A value whose texts and names are templates.
    fn expression(&mut self, value: Node) -> syntax::Node {
        self.with(value, &mut Self::template)
    }

    /// A value whose texts are expressions by themselves.
    fn written(&mut self, value: Node) -> syntax::Node {
        self.with(value, &mut |it, text| it.read(text, parse::expression))
    }

    /// A value whose texts are nothing but texts.
    fn literal(&mut self, value: Node) -> syntax::Node {
        self.with(value, &mut |_, text| {
            let value = Value::String(composed(&text.value));
            syntax::Node::new(text.at, syntax::Kind::Literal(value))
        })
    }

    fn with(&mut self, value: Node, text: &mut dyn FnMut(&mut Self, Text) -> syntax::Node) -> syntax::Node {
        let at = value.at;
        let kind = match value.kind {
            Kind::Null => syntax::Kind::Literal(Value::NULL),
            Kind::Bool(it) => syntax::Kind::Literal(Value::Bool(it)),
            Kind::Number(it) => syntax::Kind::Literal(Value::Number(it)),
            Kind::Text(it) => return text(self, it),
            Kind::Array(items) => syntax::Kind::Tuple(items.into_iter().map(|it| self.with(it, text)).collect()),
            Kind::Object(entries) => {
                let mut read = Vec::with_capacity(entries.len());
                for (name, value) in entries {
                    read.push((text(self, name), self.with(value, text)));
                }
                syntax::Kind::Object(read)
            }
        };
        syntax::Node::new(at, kind)
    }

    fn template(&mut self, text: Text) -> syntax::Node {
        if !text.value.contains("${") && !text.value.contains("%{") {
            let value = Value::String(composed(&text.value));
            return syntax::Node::new(text.at, syntax::Kind::Literal(value));
        }
        self.read(text, parse::template)
    }

    /// What a text says by itself, in its place.
    fn read(&mut self, text: Text, reading: fn(&SourceFile) -> Result<syntax::Node, Vec<Diagnostic>>) -> syntax::Node {
        let Text { value, at: whole, plain } = text;
        // Where the text is written with escapes only its place as a whole is sure.
        let to = |it: At| if plain { it.plus(whole.start) } else { whole };
        let file = SourceFile { name: self.file.name.clone(), text: value.into() };
        match reading(&file) {
            Ok(mut node) => {
                node.place(&to);
                node
            }
            Err(mut problems) => {
                for span in problems.iter_mut().filter_map(|it| it.span.as_mut()) {
                    *span = self.span(to(At::new(span.start, span.end)));
                }
                self.problems.append(&mut problems);
                syntax::Node::new(whole, syntax::Kind::Literal(Value::NULL))
            }
        }
    }
}
