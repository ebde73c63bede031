//! Converts JSON to blocks, arguments and expressions. JSON has no blocks, so that the block types and
//! their numbers of labels must be known here.

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::Value;

use super::read::{self, JsonKind, JsonNode, JsonString};
use crate::SourceFile;
use crate::diagnostics::file as mistakes;
use crate::parse;
use crate::syntax::{
    self, ArgumentSyntax, BlockSyntax, BodySyntax, ByteSpan, SourceWord, SpanRelocator, composed,
};

/// The nested blocks of a block: their types, numbers of labels and own schemas.
struct NestedBlockSchema {
    blocks: &'static [(&'static str, usize, &'static NestedBlockSchema)],
    /// The arguments whose strings are expressions: references, types and names.
    written: &'static [&'static str],
    /// The arguments whose strings are no templates.
    literal: LiteralArguments,
}

/// Some arguments by name, or all.
enum LiteralArguments {
    Of(&'static [&'static str]),
    All,
}

impl LiteralArguments {
    fn has(&self, name: &str) -> bool {
        match self {
            LiteralArguments::Of(names) => names.contains(&name),
            LiteralArguments::All => true,
        }
    }
}

const NONE: LiteralArguments = LiteralArguments::Of(&[]);
static VALUES: NestedBlockSchema =
    NestedBlockSchema { blocks: &[], written: &[], literal: LiteralArguments::All };
static PLAIN: NestedBlockSchema = NestedBlockSchema { blocks: &[], written: &[], literal: NONE };
static LIFECYCLE: NestedBlockSchema = NestedBlockSchema {
    blocks: &[("precondition", 0, &PLAIN), ("postcondition", 0, &PLAIN)],
    written: &["ignore_changes", "replace_triggered_by"],
    literal: NONE,
};
static CONTENT: NestedBlockSchema =
    NestedBlockSchema { blocks: &[("dynamic", 1, &DYNAMIC)], written: &[], literal: NONE };
static DYNAMIC: NestedBlockSchema = NestedBlockSchema {
    blocks: &[("content", 0, &CONTENT)],
    written: &["iterator"],
    literal: NONE,
};
static RESOURCE: NestedBlockSchema = NestedBlockSchema {
    blocks: &[
        ("lifecycle", 0, &LIFECYCLE),
        ("dynamic", 1, &DYNAMIC),
        ("provisioner", 1, &PLAIN),
        ("connection", 0, &PLAIN),
    ],
    written: &["depends_on"],
    literal: NONE,
};
static SETTINGS: NestedBlockSchema = NestedBlockSchema {
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
static FILE: NestedBlockSchema = NestedBlockSchema {
    blocks: &[
        (
            "variable",
            1,
            &NestedBlockSchema {
                blocks: &[("validation", 0, &PLAIN)],
                written: &["type"],
                literal: LiteralArguments::Of(&["default"]),
            },
        ),
        ("locals", 0, &PLAIN),
        (
            "output",
            1,
            &NestedBlockSchema {
                blocks: &[("precondition", 0, &PLAIN)],
                written: &["depends_on"],
                literal: NONE,
            },
        ),
        ("resource", 2, &RESOURCE),
        ("data", 2, &RESOURCE),
        ("ephemeral", 2, &RESOURCE),
        ("provider", 1, &CONTENT),
        (
            "module",
            1,
            &NestedBlockSchema {
                blocks: &[("lifecycle", 0, &LIFECYCLE)],
                written: &["depends_on"],
                literal: NONE,
            },
        ),
        ("moved", 0, &NestedBlockSchema { blocks: &[], written: &["from", "to"], literal: NONE }),
        (
            "removed",
            0,
            &NestedBlockSchema {
                blocks: &[("lifecycle", 0, &PLAIN), ("provisioner", 1, &PLAIN)],
                written: &["from"],
                literal: NONE,
            },
        ),
        ("import", 0, &NestedBlockSchema { blocks: &[], written: &["to"], literal: NONE }),
        (
            "check",
            1,
            &NestedBlockSchema {
                blocks: &[("data", 2, &RESOURCE), ("assert", 0, &PLAIN)],
                written: &[],
                literal: NONE,
            },
        ),
        (
            "function",
            1,
            &NestedBlockSchema {
                blocks: &[],
                written: &["params", "variadic_param"],
                literal: NONE,
            },
        ),
        ("ha", 0, &SETTINGS),
        ("terraform", 0, &SETTINGS),
    ],
    written: &[],
    literal: NONE,
};

/// The name of members that are comments.
const COMMENT: &str = "//";

/// The body of a configuration file, as far as it can be read.
pub(crate) fn body(file: &SourceFile) -> (BodySyntax, Vec<Diagnostic>) {
    let mut reader = JsonBodyReader { file, problems: Vec::new() };
    let mut body = BodySyntax::default();
    if let Some(root) = reader.root() {
        reader.blocks(root, &mut |it, entries| it.inside(entries, &FILE, &mut body));
    }
    (body, reader.problems)
}

/// The body of a variable file, whose strings are no templates.
pub(crate) fn values(file: &SourceFile) -> (BodySyntax, Vec<Diagnostic>) {
    let mut reader = JsonBodyReader { file, problems: Vec::new() };
    let mut body = BodySyntax::default();
    if let Some(root) = reader.root() {
        reader.blocks(root, &mut |it, entries| it.inside(entries, &VALUES, &mut body));
    }
    (body, reader.problems)
}

/// The members of an object.
type ObjectMembers = Vec<(JsonString, JsonNode)>;

struct JsonBodyReader<'a> {
    file: &'a SourceFile,
    problems: Vec<Diagnostic>,
}

impl JsonBodyReader<'_> {
    fn root(&mut self) -> Option<JsonNode> {
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

    fn span(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.file.name.clone(), at.start as usize..at.end as usize)
    }

    fn word(&self, text: JsonString) -> SourceWord {
        SourceWord { name: composed(&text.value), at: text.at }
    }

    /// Calls `each` with the members of an object, or of each object in an array.
    fn blocks(&mut self, value: JsonNode, each: &mut dyn FnMut(&mut Self, ObjectMembers)) {
        match value.kind {
            JsonKind::Object(entries) => each(self, entries),
            JsonKind::Array(items) => items.into_iter().for_each(|it| self.blocks(it, each)),
            // A null is no block, so that generated JSON can leave a block out.
            JsonKind::Null => {}
            _ => {
                let problem = mistakes::json_is_no_object("this is a block", self.span(value.at));
                self.problems.push(problem);
            }
        }
    }

    /// Sorts the members of an object into blocks and arguments.
    fn inside(
        &mut self,
        entries: ObjectMembers,
        inside: &'static NestedBlockSchema,
        body: &mut BodySyntax,
    ) {
        for (name, value) in entries {
            if name.value == COMMENT {
                continue;
            }
            // A member that is a block type of the schema is a block even where its value is no
            // object, which is reported then.
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
                    body.arguments.push(ArgumentSyntax { name, value });
                }
            }
        }
    }

    /// Adds the blocks of a value; the first `missing` levels of objects have labels as names.
    fn labelled(
        &mut self,
        kind: SourceWord,
        labels: Vec<SourceWord>,
        missing: usize,
        inner: &'static NestedBlockSchema,
        value: JsonNode,
        blocks: &mut Vec<BlockSyntax>,
    ) {
        let at = value.at;
        self.blocks(value, &mut |it, entries| {
            if missing == 0 {
                let mut body = BodySyntax::default();
                it.inside(entries, inner, &mut body);
                let head = labels.last().map_or(kind.at, |it| it.at);
                let at = head.to(at);
                blocks.push(BlockSyntax {
                    kind: kind.clone(),
                    labels: labels.clone(),
                    body,
                    head,
                    at,
                });
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

    /// Converts a value whose strings and names are templates.
    fn expression(&mut self, value: JsonNode) -> syntax::SyntaxNode {
        self.with(value, &mut Self::template)
    }

    /// Converts a value whose strings are expressions.
    fn written(&mut self, value: JsonNode) -> syntax::SyntaxNode {
        self.with(value, &mut |it, text| it.read(text, parse::expression))
    }

    /// Converts a value whose strings are literal.
    fn literal(&mut self, value: JsonNode) -> syntax::SyntaxNode {
        self.with(value, &mut |_, text| {
            let value = Value::String(composed(&text.value));
            syntax::SyntaxNode::new(text.at, syntax::SyntaxKind::Literal(value))
        })
    }

    fn with(
        &mut self,
        value: JsonNode,
        text: &mut dyn FnMut(&mut Self, JsonString) -> syntax::SyntaxNode,
    ) -> syntax::SyntaxNode {
        let at = value.at;
        let kind = match value.kind {
            JsonKind::Null => syntax::SyntaxKind::Literal(Value::NULL),
            JsonKind::Bool(it) => syntax::SyntaxKind::Literal(Value::Bool(it)),
            JsonKind::Number(it) => syntax::SyntaxKind::Literal(Value::Number(it)),
            JsonKind::Text(it) => return text(self, it),
            JsonKind::Array(items) => {
                syntax::SyntaxKind::Tuple(items.into_iter().map(|it| self.with(it, text)).collect())
            }
            JsonKind::Object(entries) => {
                let mut read = Vec::with_capacity(entries.len());
                for (name, value) in entries {
                    read.push((text(self, name), self.with(value, text)));
                }
                syntax::SyntaxKind::Object(read)
            }
        };
        syntax::SyntaxNode::new(at, kind)
    }

    fn template(&mut self, text: JsonString) -> syntax::SyntaxNode {
        // Most strings have no template, and need no parser.
        if !text.value.contains("${") && !text.value.contains("%{") {
            let value = Value::String(composed(&text.value));
            return syntax::SyntaxNode::new(text.at, syntax::SyntaxKind::Literal(value));
        }
        self.read(text, parse::template)
    }

    /// Parses a string and shifts the places of the result to those of the file.
    fn read(
        &mut self,
        text: JsonString,
        reading: fn(&SourceFile) -> Result<syntax::SyntaxNode, Vec<Diagnostic>>,
    ) -> syntax::SyntaxNode {
        let JsonString { value, at: whole, plain } = text;
        // Escapes are longer than the characters that they are, so that only the place of the whole
        // string is right if there are any.
        let to = |it: ByteSpan| if plain { it.plus(whole.start) } else { whole };
        let file = SourceFile { name: self.file.name.clone(), text: value.into() };
        match reading(&file) {
            Ok(mut node) => {
                node.place(&to);
                node
            }
            // Diagnostics have the places of the string, and not of the file.
            Err(mut problems) => {
                for span in problems.iter_mut().filter_map(|it| it.span.as_mut()) {
                    *span = self.span(to(ByteSpan::new(span.start, span.end)));
                }
                self.problems.append(&mut problems);
                syntax::SyntaxNode::new(whole, syntax::SyntaxKind::Literal(Value::NULL))
            }
        }
    }
}
