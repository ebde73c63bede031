//! Finds the literals of a source text that must be covered where its lines are shown: certain
//! secrets, and literals that may be secret because their argument is misspelt or their line cannot
//! be parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use ha_lang::{FileRole, Literal, LiteralForm, identifiers, literals};
use ha_value::closest;

use super::import_ids::ImportIds;
use super::secrets::{
    Fields, closest_holder, fields_of_holder, is_exact_kind, is_kind, is_open_argument,
    is_secret_argument, is_secret_local, is_unknown_within, sounds_secret,
};
use super::similar_words::SimilarWords;

/// A range of a source text that is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoveredStretch {
    pub(crate) place: Range<usize>,
    /// Whether the range is only one part of a secret, such as the literal part of a template.
    pub(crate) is_piece: bool,
    /// Whether the range is certainly secret. A possible secret is covered in its own line and in
    /// the messages about that line only.
    pub(crate) is_sure: bool,
}

/// The declarations of all source texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceDeclarations {
    /// Names of sensitive and ephemeral variables.
    pub(crate) sensitive: BTreeSet<String>,
    /// Names of all variables.
    variables: BTreeSet<String>,
    /// Names of local values and resource types.
    names: BTreeSet<String>,
    /// Labels of all blocks.
    labels: BTreeSet<String>,
    /// Directories of the files; empty for the root module.
    directories: BTreeSet<String>,
}

/// Block types at the top level of a configuration.
const BLOCKS: [&str; 16] = [
    "check",
    "data",
    "ephemeral",
    "function",
    "ha",
    "import",
    "locals",
    "module",
    "moved",
    "output",
    "provider",
    "removed",
    "resource",
    "state",
    "terraform",
    "variable",
];

/// Arguments and blocks of a variable or an output that are never its value.
const OF_DECLARATIONS: [&str; 12] = [
    "assert",
    "condition",
    "depends_on",
    "deprecated",
    "description",
    "ephemeral",
    "error_message",
    "nullable",
    "precondition",
    "sensitive",
    "type",
    "validation",
];

/// Words of type constraints.
const TYPES: [&str; 10] =
    ["any", "bool", "list", "map", "number", "object", "optional", "set", "string", "tuple"];

/// Arguments of a `module` block that are not variables of the called module.
const OF_MODULES: [&str; 8] =
    ["count", "depends_on", "enabled", "for_each", "lifecycle", "providers", "source", "version"];

/// First words of references, apart from resource types.
const ROOTS: [&str; 12] = [
    "count",
    "data",
    "each",
    "ephemeral",
    "ha",
    "local",
    "module",
    "path",
    "resource",
    "self",
    "terraform",
    "var",
];

static SIMILAR_BLOCKS: LazyLock<SimilarWords> = LazyLock::new(|| SimilarWords::new(BLOCKS));
static SIMILAR_ROOTS: LazyLock<SimilarWords> = LazyLock::new(|| SimilarWords::new(ROOTS));

impl SourceDeclarations {
    /// Adds the declarations of a source text.
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        self.directories.insert(directory(file).to_owned());
        for literal in literals(text) {
            let names = Names::of(&literal);
            if literal.written == LiteralForm::Label {
                self.labels.insert(text[literal.place.clone()].to_owned());
            }
            match (names.block, names.inner) {
                (Some("variable"), [name, rest @ ..]) => {
                    self.variables.insert((*name).to_owned());
                    if is_flag(rest, &text[literal.place.clone()]) {
                        self.sensitive.insert((*name).to_owned());
                    }
                }
                (Some("variable"), []) if literal.written == LiteralForm::Label => {
                    self.variables.insert(text[literal.place.clone()].to_owned());
                }
                (Some("locals"), [name, ..]) => drop(self.names.insert((*name).to_owned())),
                (Some("resource" | "data"), _) => {
                    let kind = literal.heads.get(1).or_else(|| literal.path.get(1));
                    self.names.extend(kind.map(|it| (*it).to_owned()));
                }
                _ => {}
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.variables.contains(name) || self.names.contains(name)
    }

    /// Whether a word is a segment of addresses: a variable, a local value or a label of a block.
    pub(crate) fn is_in_addresses(&self, word: &str) -> bool {
        self.has(word) || self.labels.contains(word)
    }

    /// Whether references begin with a word.
    pub(crate) fn begins_reference(&self, word: &str) -> bool {
        ROOTS.contains(&word) || word == "output" || is_exact_kind(word)
    }
}

/// All covered ranges of a source text.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// Ordered by start.
    all: Vec<CoveredStretch>,
    /// For each index, the largest end of the ranges up to it. The list is sorted, so that a range
    /// which began long before is found by binary search.
    reach: Vec<usize>,
}

impl Cover {
    pub(crate) fn of(file: &str, text: &str, declared: &SourceDeclarations) -> Self {
        Self::new(covered(file, text, declared))
    }

    fn new(mut all: Vec<CoveredStretch>) -> Self {
        all.sort_by_key(|it| it.place.start);
        let farthest = |end: &mut usize, it: &CoveredStretch| {
            *end = it.place.end.max(*end);
            Some(*end)
        };
        let reach = all.iter().scan(0, farthest).collect();
        Self { all, reach }
    }

    /// Returns the ranges that are certainly secret.
    pub(crate) fn sure(&self) -> impl Iterator<Item = &CoveredStretch> {
        self.all.iter().filter(|it| it.is_sure)
    }

    /// Returns the covered ranges that overlap or touch a range.
    pub(crate) fn within(&self, place: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let first = self.reach.partition_point(|it| *it < place.start);
        let before_end = self.all[first..].iter().take_while(|it| it.place.start <= place.end);
        before_end.filter(|it| it.place.end >= place.start).map(|it| it.place.clone())
    }
}

/// The places of a source text's names: identifiers and labels of blocks. A word that may be a
/// value is not among them, such as a bare word where a string is expected.
pub(crate) fn names(
    file: &str,
    text: &str,
    declared: &SourceDeclarations,
    cover: &Cover,
) -> Vec<Range<usize>> {
    let literals = literals(text);
    let within = Within::new(file, text, declared, &literals);
    let (labels, values): (Vec<_>, Vec<_>) =
        literals.iter().partition(|it| it.written == LiteralForm::Label);
    let values = values.into_iter().filter(|it| !within.is_no_value(it)).map(|it| {
        let place = it.place.clone();
        CoveredStretch { place, is_piece: it.is_piece, is_sure: false }
    });
    let values = Cover::new(values.collect());
    let all = identifiers(text).into_iter().chain(labels.into_iter().map(|it| it.place.clone()));
    let overlaps = |cover: &Cover, name: &Range<usize>| {
        cover.within(name).any(|it| it.start < name.end && name.start < it.end)
    };
    let mut names: Vec<Range<usize>> =
        all.filter(|it| !overlaps(cover, it) && !overlaps(&values, it)).collect();
    names.sort_by_key(|it| it.start);
    names
}

/// Returns the covered ranges of a source text, in no order.
fn covered(file: &str, text: &str, declared: &SourceDeclarations) -> Vec<CoveredStretch> {
    let literals = literals(text);
    let within = Within::new(file, text, declared, &literals);
    let covered = literals.iter().filter_map(|it| {
        let is_sure = within.certainty(it)?;
        Some(CoveredStretch { place: it.place.clone(), is_piece: it.is_piece, is_sure })
    });
    // A private key is recognisable by its frame, whatever the argument is called.
    covered.chain(private_keys(text)).collect()
}

/// The block and argument names around a literal.
struct Names<'l> {
    /// The innermost top-level block type, with its spelling corrected.
    block: Option<&'l str>,
    /// The names inside of the block; for a variable its own name comes first.
    inner: &'l [&'l str],
    /// All names, beginning with that of the block.
    path: &'l [&'l str],
}

impl<'l> Names<'l> {
    fn of(literal: &'l Literal<'_>) -> Self {
        let path: &[&str] = &literal.path;
        // The blocks behind an unclosed one are parsed as its children. The last known block type
        // among the names is the one that was meant.
        let is_head = |it: &&str| BLOCKS.contains(it) && literal.heads.contains(it);
        let begin = path.iter().rposition(is_head).unwrap_or(0);
        let path = &path[begin..];
        let is_block = !literal.heads.is_empty() || path.len() > 1;
        let block = path.first().filter(|_| is_block).and_then(|it| block(it));
        Self { block, inner: path.get(1..).unwrap_or_default(), path }
    }

    /// Returns the argument of the declaration that a literal is in. In JSON the declaration's name
    /// comes before the argument.
    fn argument(&self, literal: &Literal<'_>) -> Option<&'l str> {
        let is_labelled = literal.heads.is_empty()
            || self.path.first() == Some(&"variable") && literal.heads.len() > 1;
        self.path.get(1 + usize::from(is_labelled)).copied()
    }
}

/// Returns the block type that a word at the top level means, also if it is misspelt.
fn block(word: &str) -> Option<&'static str> {
    let known = BLOCKS.iter().find(|it| **it == word);
    known.copied().or_else(|| {
        let meant = SIMILAR_BLOCKS.closest(word)?;
        BLOCKS.iter().find(|it| **it == meant).copied()
    })
}

/// Whether an argument and its value make a declaration sensitive.
fn is_flag(names: &[&str], text: &str) -> bool {
    let is_meant = |name: &str| {
        closest(name, ["sensitive", "ephemeral"]).is_some()
            || matches!(name, "sensitive" | "ephemeral")
    };
    names.last().is_some_and(|it| is_meant(it)) && !matches!(text, "false" | "null")
}

/// Returns the bodies of the declarations that are sensitive.
fn sensitive_bodies(text: &str, literals: &[Literal<'_>]) -> BTreeSet<usize> {
    let flags = literals.iter().filter(|it| {
        let names = Names::of(it);
        let declares = names.block.is_none_or(|block| matches!(block, "variable" | "output"));
        declares && names.path.len() > 1 && is_flag(names.path, &text[it.place.clone()])
    });
    flags.filter_map(|it| it.bodies.last().copied()).filter(|it| *it > 0).collect()
}

/// Returns the `source` of each module call, by the number of its body.
fn sources<'t>(text: &'t str, literals: &[Literal<'_>]) -> BTreeMap<usize, &'t str> {
    let named = literals
        .iter()
        .filter(|it| it.path.last() == Some(&"source") && Names::of(it).block == Some("module"));
    named.filter_map(|it| Some((*it.bodies.last()?, &text[it.place.clone()]))).collect()
}

struct Within<'a> {
    text: &'a str,
    declared: &'a SourceDeclarations,
    /// The directory of the file.
    directory: &'a str,
    /// Whether the file gives values to variables.
    is_values: bool,
    /// Bodies of sensitive declarations.
    sensitive: BTreeSet<usize>,
    sources: BTreeMap<usize, &'a str>,
    imports: ImportIds,
}

impl<'a> Within<'a> {
    fn new(
        file: &'a str,
        text: &'a str,
        declared: &'a SourceDeclarations,
        literals: &[Literal<'_>],
    ) -> Self {
        Self {
            text,
            declared,
            directory: directory(file),
            is_values: FileRole::from_file_name(file).is_none() && file != "<console>",
            sensitive: sensitive_bodies(text, literals),
            sources: sources(text, literals),
            imports: ImportIds::of(
                text,
                literals.iter().filter(|it| Names::of(it).block == Some("import")),
            ),
        }
    }
}

impl Within<'_> {
    /// Returns whether a covered literal is certainly secret; none if it is not covered.
    fn certainty(&self, literal: &Literal<'_>) -> Option<bool> {
        if self.is_no_value(literal) {
            return None;
        }
        // The text of an unclosed comment has no argument, so that in a block it may be any value.
        let is_comment = self.text[..literal.place.start].ends_with("/*");
        if is_comment && literal.written == LiteralForm::Bare && !literal.heads.is_empty() {
            return Some(false);
        }
        let names = Names::of(literal);
        // If the block type is misspelt, the variable's name is not in the path, only among the
        // labels.
        let is_default = names.block == Some("variable") && self.is_within_default(literal, &names);
        let of_label = || literal.heads.iter().any(|it| self.declared.sensitive.contains(*it));
        if literal.is_marked || self.is_secret(&names) || is_default && of_label() {
            return Some(true);
        }
        if names.block == Some("import") && names.path.len() > 1 {
            return self.imports.certainty(literal, names.path);
        }
        // In a sensitive declaration everything may be the value, unless it is in an argument that
        // never is, such as `description`.
        if literal.bodies.iter().any(|it| self.sensitive.contains(it)) {
            let is_beside = names.argument(literal).is_some_and(|it| OF_DECLARATIONS.contains(&it));
            return (is_default || !is_beside).then_some(is_default);
        }
        // An unclosed heredoc takes in the rest of the file, where `sensitive = true` may be
        // written.
        let opens = || self.text[..literal.place.start].trim_end_matches('-').ends_with("<<");
        let is_unclosed = || literal.written == LiteralForm::Bare && opens();
        let is_declared =
            matches!(names.block, Some("variable" | "output")) && names.path.len() > 1;
        let is_within = literal.written != LiteralForm::Label || !literal.heads.is_empty();
        let is_suspect = is_within && self.may_be_secret(literal, &names);
        (is_suspect || is_declared && is_unclosed()).then_some(false)
    }

    /// Whether a literal is in the default of a variable, or in a default within its type
    /// constraint.
    fn is_within_default(&self, literal: &Literal<'_>, names: &Names<'_>) -> bool {
        let is_word = |it: &&str| TYPES.contains(it) || closest(it, TYPES).is_some();
        let in_type = || {
            names.argument(literal) == Some("type") && !is_word(&&self.text[literal.place.clone()])
        };
        names.path.contains(&"default") || in_type()
    }

    /// Whether an unquoted word refers to a declared object.
    fn is_no_value(&self, literal: &Literal<'_>) -> bool {
        let written = &self.text[literal.place.clone()];
        match literal.written {
            LiteralForm::Soundly | LiteralForm::Label => false,
            LiteralForm::Bare => self.declared.has(written),
            LiteralForm::Reference => {
                let root = written.split(['.', '[']).next().unwrap_or_default();
                let is_misspelt = || root.len() > 2 && SIMILAR_ROOTS.closest(root).is_some();
                ROOTS.contains(&root) || is_misspelt() || self.declared.has(root) || is_kind(root)
            }
        }
    }

    /// Whether the literal belongs to a secret argument, also a misspelt one, or to a sensitive
    /// variable.
    fn is_secret(&self, names: &Names<'_>) -> bool {
        let of_variable = |name: &str| self.declared.sensitive.contains(name);
        match (names.block, names.path) {
            (Some("variable"), [_, name, argument, ..]) => {
                *argument == "default" && of_variable(name)
            }
            // A file of values, or the arguments of a module call. In JSON the module's name comes
            // before them.
            (_, [name, ..]) if of_variable(name) && !BLOCKS.contains(name) => true,
            (Some("module"), [_, name, ..]) if of_variable(name) => true,
            (Some("module"), [_, _, name, ..]) if of_variable(name) => true,
            // Users choose the names of locals, so that only exact names of secret arguments count
            // here: `tokens` as a list of names must stay visible.
            (Some("locals"), [_, names @ ..]) => names.iter().any(|it| is_secret_local(it)),
            (_, names) => names.iter().any(|it| is_secret_argument(it)),
        }
    }

    /// Whether the literal is in a place where secrets can be, and its argument is unknown.
    fn may_be_secret(&self, literal: &Literal<'_>, names: &Names<'_>) -> bool {
        let is_block = literal.heads.first().is_some_and(|it| block(it).is_some());
        let is_declared = |name: &str| self.declared.variables.contains(name);
        let Some(first) = names.path.first() else { return self.is_values };
        if self.is_values && !is_block {
            return !is_declared(first);
        }
        let is_json = literal.heads.is_empty();
        match names.block {
            Some("module") => {
                let name = if is_json { names.path.get(2) } else { names.path.get(1) };
                let is_of_call =
                    |name: &str| OF_MODULES.contains(&name) || closest(name, OF_MODULES).is_some();
                let is_unknown = |name: &&&str| !is_declared(name) && !is_of_call(name);
                name.filter(is_unknown)
                    .is_some_and(|it| sounds_secret(it) || self.is_guarded(literal))
            }
            Some("resource" | "data" | "ephemeral" | "provider" | "ha" | "terraform") | None
                if names.path.len() > 1 || !is_json =>
            {
                self.is_unknown_argument(literal, names)
            }
            None => {
                sounds_secret(first) || (!self.declared.sensitive.is_empty() && !is_declared(first))
            }
            Some(_) => false,
        }
    }

    /// Whether the called module may have sensitive variables.
    fn is_guarded(&self, literal: &Literal<'_>) -> bool {
        let source = literal.bodies.iter().rev().find_map(|it| self.sources.get(it));
        let is_read =
            |source: &&str| self.declared.directories.contains(&joined(self.directory, source));
        !self.declared.sensitive.is_empty() || source.filter(|it| is_read(it)).is_none()
    }

    /// Whether the argument is unknown to the block that it is in, and that block has secret
    /// arguments.
    fn is_unknown_argument(&self, literal: &Literal<'_>, names: &Names<'_>) -> bool {
        let is_json = literal.heads.is_empty();
        let words = || {
            literal.heads.iter().rev().chain(literal.path.iter().take(if is_json { 3 } else { 0 }))
        };
        let holder = words()
            .find_map(|it| fields_of_holder(it))
            .or_else(|| words().find_map(|it| meant_holder(it)));
        let labels = match (is_json, names.block) {
            (false, _) => 0,
            (true, Some("provider")) => 1,
            (true, _) => 2,
        };
        let arguments = names.inner.get(labels..).unwrap_or_default();
        if let Some(fields) = holder {
            // A bare word without an argument can be the value of any of them.
            let is_nameless = arguments.is_empty() && literal.written == LiteralForm::Bare;
            return is_nameless || is_unknown_within(arguments, fields);
        }
        let is_top = names.block.is_none() && names.path.len() == 1 && literal.heads.is_empty();
        let top = if is_top { names.path } else { arguments };
        let is_unknown =
            |it: &&str| !is_open_argument(it) && !self.declared.variables.contains(*it);
        top.iter().any(|it| sounds_secret(it) && !is_open_argument(it))
            || (is_top || names.block.is_none())
                && !self.declared.sensitive.is_empty()
                && top.iter().any(is_unknown)
    }
}

/// Returns the arguments of the resource type, provider or backend that a misspelt word means.
fn meant_holder(word: &str) -> Option<&'static Fields> {
    fields_of_holder(&closest_holder(word)?)
}

/// Returns the ranges of all private keys, in any argument.
fn private_keys(text: &str) -> Vec<CoveredStretch> {
    const LAST: &str = "PRIVATE KEY-----";
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(length) = text[at..].find(LAST) {
        let (head, start) = (&text[at..at + length], at + length + LAST.len());
        let kind = head.rsplit_once("-----").map_or("", |(_, it)| it);
        at = start;
        if kind.starts_with("BEGIN") && !kind.contains('\n') {
            at += text[start..].find("-----END").unwrap_or(text.len() - start);
            found.push(CoveredStretch { place: start..at, is_piece: false, is_sure: false });
        }
    }
    found
}

fn directory(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Returns the directory that a module's source names.
fn joined(within: &str, source: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in within.split('/').chain(source.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|it| *it != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_hidden_to_their_end() {
        let key = "-----BEGIN EC PRIVATE KEY-----";
        for (text, expected) in [
            (format!("{key}\nab\n-----END EC PRIVATE KEY-----\n{key}cd"), vec!["\nab\n", "cd"]),
            (format!("{key}a{key}b"), vec!["a-----BEGIN EC PRIVATE KEY-----b"]),
            ("BEGIN\nPRIVATE KEY-----ab".to_owned(), vec![]),
            ("-----END PRIVATE KEY-----ab".to_owned(), vec![]),
        ] {
            assert_eq!(
                private_keys(&text).into_iter().map(|it| &text[it.place]).collect::<Vec<_>>(),
                expected
            );
        }
    }

    #[test]
    fn ranges_that_began_long_before_are_found() {
        let place = |place: Range<usize>| CoveredStretch { place, is_piece: false, is_sure: true };
        let all = vec![place(0..90), place(2..3), place(20..30), place(95..99)];
        let cover = Cover { reach: vec![90, 90, 90, 99], all };
        assert_eq!(cover.within(&(25..50)).collect::<Vec<_>>(), [0..90, 20..30]);
        assert_eq!(cover.within(&(90..95)).collect::<Vec<_>>(), [0..90, 95..99]);
        assert_eq!(cover.within(&(100..120)).count(), 0);
    }

    fn hidden(text: &str) -> Vec<&str> {
        let mut declared = SourceDeclarations::default();
        declared.add("main.hcl", text);
        covered("main.hcl", text, &declared).into_iter().map(|it| &text[it.place]).collect()
    }

    #[test]
    #[cfg(feature = "local")]
    fn literals_of_secret_arguments_are_hidden() {
        let text = "resource \"local_file\" \"a\" {\n  filename = \"b\"\n  sensitive_content = \"c ${upper(\"d\")}\"\n}\n";
        assert_eq!(hidden(text), ["c ", "d"]);
        assert_eq!(
            hidden("resource \"local_file\" \"a\" {\n  sensitve_content = \"no end\n"),
            ["no end"]
        );
    }

    #[test]
    fn literals_of_sensitive_variables_are_hidden() {
        let text = "variable \"pin\" {\n  default = \"1\"\n  sensitive = true\n}\nvariable \"port\" {\n  default = \"2\"\n}\n\
                    module \"m\" {\n  pin = \"3\"\n  port = \"4\"\n}\n";
        assert_eq!(hidden(text), ["1", "3"]);
        let json = r#"{"variable": {"pin": {"default": {"a": 1}, "sensitive": true}}}"#;
        assert_eq!(hidden(json), ["1"]);
    }

    #[test]
    #[cfg(all(feature = "local", feature = "postgresql"))]
    fn names_that_only_look_secret_hide_nothing() {
        for text in [
            "locals {\n  passwords = toset([\"circle\", \"billing\"])\n  tokens = { main = \"eu-west-1\" }\n}\n",
            "resource \"random_password\" \"a\" {\n  for_each = toset([\"circle\"])\n  length = 32\n}\n",
            "resource \"postgresql_role\" \"a\" {\n  password = random_password.drawn[\"circle\"].result\n}\n",
            "variable \"name\" {\n  sensitive = true\n}\nresource \"a\" \"b\" {\n  name = \"open\"\n}\n",
        ] {
            assert_eq!(hidden(text), ["true"; 0], "{text}");
        }
        assert_eq!(
            hidden("resource \"postgresql_role\" \"a\" {\n  pasword = \"hush\"\n}\n"),
            ["hush"]
        );
        assert_eq!(hidden("locals {\n  password = \"hush\"\n}\n"), ["hush"]);
    }

    #[test]
    fn values_of_sensitive_variables_are_hidden_wherever_they_are_given() {
        let mut declared = SourceDeclarations::default();
        declared.sensitive.insert("pin".into());
        for (file, text) in [
            ("a.hclvars", "pin = \"1\"\n"),
            ("a.hcl", "module \"m\" {\n  pin = \"1\"\n}\n"),
            ("a.hcl.json", r#"{"module": {"m": {"pin": "1"}}}"#),
            ("a.hclvars.json", r#"{"pin": "1"}"#),
        ] {
            assert_eq!(covered(file, text, &declared).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_source_is_relative_to_its_module() {
        for (within, source, expected) in [
            ("", "./m", "m"),
            ("a/b", "../c", "a/c"),
            ("", "../x", "../x"),
            ("..", "../y", "../../y"),
        ] {
            assert_eq!(joined(within, source), expected);
        }
    }
}
