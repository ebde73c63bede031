//! What of a source text is covered where it is shown: what is secret for sure, and what may be
//! secret because nothing says what it is: a value behind a misspelt name, or on a line that cannot
//! be read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ha_lang::{FileRole, Literal, LiteralForm, literals};
use ha_value::closest;

use super::import_ids::ImportIds;
use super::secrets::{
    Fields, closest_holder, fields_of_holder, is_kind, is_open_argument, is_secret_argument,
    is_secret_local, is_unknown_within, sounds_secret,
};

/// A stretch of a source text that is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoveredStretch {
    pub(crate) place: Range<usize>,
    /// Whether it is only a stretch of what is secret.
    pub(crate) is_piece: bool,
    /// Whether it is secret for sure. What is not is covered where it stands, and in what is said
    /// of that place.
    pub(crate) is_sure: bool,
}

/// What source strings declare.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceDeclarations {
    /// The variables that are sensitive or ephemeral.
    pub(crate) sensitive: BTreeSet<String>,
    /// All variables.
    variables: BTreeSet<String>,
    /// Local values and kinds.
    names: BTreeSet<String>,
    /// Where the files are.
    directories: BTreeSet<String>,
}

/// What stands at the outermost level of a configuration.
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

/// What the declaration of a variable or an output says beside its value.
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

/// What types are made of.
const TYPES: [&str; 10] =
    ["any", "bool", "list", "map", "number", "object", "optional", "set", "string", "tuple"];

/// What the call of a module says beside the module's variables.
const OF_MODULES: [&str; 8] =
    ["count", "depends_on", "enabled", "for_each", "lifecycle", "providers", "source", "version"];

/// What references begin with, beside kinds.
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

impl SourceDeclarations {
    /// With what one more text declares.
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        self.directories.insert(directory(file).to_owned());
        for literal in literals(text) {
            let names = Names::of(&literal);
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
}

/// All that is covered of a string.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// In the order in which they begin.
    all: Vec<CoveredStretch>,
    /// How far each and those before it go.
    reach: Vec<usize>,
}

impl Cover {
    pub(crate) fn of(file: &str, text: &str, declared: &SourceDeclarations) -> Self {
        let mut all = covered(file, text, declared);
        all.sort_by_key(|it| it.place.start);
        let farthest = |end: &mut usize, it: &CoveredStretch| {
            *end = it.place.end.max(*end);
            Some(*end)
        };
        let reach = all.iter().scan(0, farthest).collect();
        Self { all, reach }
    }

    /// What is secret for sure.
    pub(crate) fn sure(&self) -> impl Iterator<Item = &CoveredStretch> {
        self.all.iter().filter(|it| it.is_sure)
    }

    /// What is covered in a stretch, or touches it.
    pub(crate) fn within(&self, place: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let first = self.reach.partition_point(|it| *it < place.start);
        let before_end = self.all[first..].iter().take_while(|it| it.place.start <= place.end);
        before_end.filter(|it| it.place.end >= place.start).map(|it| it.place.clone())
    }
}

/// What is covered of a string.
fn covered(file: &str, text: &str, declared: &SourceDeclarations) -> Vec<CoveredStretch> {
    let literals = literals(text);
    let within = Within {
        text,
        declared,
        directory: directory(file),
        is_values: FileRole::from_file_name(file).is_none() && file != "<console>",
        sensitive: sensitive_bodies(text, &literals),
        sources: sources(text, &literals),
        imports: ImportIds::of(
            text,
            literals.iter().filter(|it| Names::of(it).block == Some("import")),
        ),
    };
    let covered = literals.iter().filter_map(|it| {
        let is_sure = within.standing(it)?;
        Some(CoveredStretch { place: it.place.clone(), is_piece: it.is_piece, is_sure })
    });
    covered.chain(private_keys(text)).collect()
}

/// The names that a literal is under, by the block that it is in.
struct Names<'l> {
    /// What the innermost block of the outermost level is called, as it was meant.
    block: Option<&'l str>,
    /// The names inside of it; of a variable its own first.
    inner: &'l [&'l str],
    /// All of them from the block's own on.
    path: &'l [&'l str],
}

impl<'l> Names<'l> {
    fn of(literal: &'l Literal<'_>) -> Self {
        let path: &[&str] = &literal.path;
        // What is within a block that was never closed is in its own.
        let is_head = |it: &&str| BLOCKS.contains(it) && literal.heads.contains(it);
        let begin = path.iter().rposition(is_head).unwrap_or(0);
        let path = &path[begin..];
        let is_block = !literal.heads.is_empty() || path.len() > 1;
        let block = path.first().filter(|_| is_block).and_then(|it| block(it));
        Self { block, inner: path.get(1..).unwrap_or_default(), path }
    }

    /// The argument of the declaration that a literal is in. In JSON the declaration's name stands
    /// before it.
    fn argument(&self, literal: &Literal<'_>) -> Option<&'l str> {
        let is_labelled = literal.heads.is_empty()
            || self.path.first() == Some(&"variable") && literal.heads.len() > 1;
        self.path.get(1 + usize::from(is_labelled)).copied()
    }
}

/// The block that a word at the outermost level means.
fn block(word: &str) -> Option<&'static str> {
    let known = BLOCKS.iter().find(|it| **it == word);
    known.copied().or_else(|| {
        let meant = closest(word, BLOCKS)?;
        BLOCKS.iter().find(|it| **it == meant).copied()
    })
}

/// Whether names and text are those of an argument that makes a declaration sensitive.
fn is_flag(names: &[&str], text: &str) -> bool {
    let is_meant = |name: &str| {
        closest(name, ["sensitive", "ephemeral"]).is_some()
            || matches!(name, "sensitive" | "ephemeral")
    };
    names.last().is_some_and(|it| is_meant(it)) && !matches!(text, "false" | "null")
}

/// The bodies of declarations that call themselves sensitive.
fn sensitive_bodies(text: &str, literals: &[Literal<'_>]) -> BTreeSet<usize> {
    let flags = literals.iter().filter(|it| {
        let names = Names::of(it);
        let declares = names.block.is_none_or(|block| matches!(block, "variable" | "output"));
        declares && names.path.len() > 1 && is_flag(names.path, &text[it.place.clone()])
    });
    flags.filter_map(|it| it.bodies.last().copied()).filter(|it| *it > 0).collect()
}

/// The sources of modules, by the body that names them.
fn sources<'t>(text: &'t str, literals: &[Literal<'_>]) -> BTreeMap<usize, &'t str> {
    let named = literals
        .iter()
        .filter(|it| it.path.last() == Some(&"source") && Names::of(it).block == Some("module"));
    named.filter_map(|it| Some((*it.bodies.last()?, &text[it.place.clone()]))).collect()
}

struct Within<'a> {
    text: &'a str,
    declared: &'a SourceDeclarations,
    /// Where the file is.
    directory: &'a str,
    /// Whether it holds values of variables.
    is_values: bool,
    /// The bodies that are sensitive as a whole.
    sensitive: BTreeSet<usize>,
    sources: BTreeMap<usize, &'a str>,
    imports: ImportIds,
}

impl Within<'_> {
    /// Whether a literal is secret for sure, where it is covered.
    fn standing(&self, literal: &Literal<'_>) -> Option<bool> {
        if self.is_no_value(literal) {
            return None;
        }
        let names = Names::of(literal);
        // A misspelt block has its name among its labels.
        let is_default = names.block == Some("variable") && self.is_within_default(literal, &names);
        let of_label = || literal.heads.iter().any(|it| self.declared.sensitive.contains(*it));
        if literal.is_marked || self.is_secret(&names) || is_default && of_label() {
            return Some(true);
        }
        if names.block == Some("import") && names.path.len() > 1 {
            return self.imports.standing(literal, names.path);
        }
        if literal.bodies.iter().any(|it| self.sensitive.contains(it)) {
            let is_beside = names.argument(literal).is_some_and(|it| OF_DECLARATIONS.contains(&it));
            return (is_default || !is_beside).then_some(is_default);
        }
        // What makes a declaration sensitive may stand in a heredoc that is never closed.
        let opens = || self.text[..literal.place.start].trim_end_matches('-').ends_with("<<");
        let is_unclosed = || literal.written == LiteralForm::Bare && opens();
        let is_declared =
            matches!(names.block, Some("variable" | "output")) && names.path.len() > 1;
        let is_within = literal.written != LiteralForm::Label || !literal.heads.is_empty();
        let is_suspect = is_within && self.may_be_secret(literal, &names);
        (is_suspect || is_declared && is_unclosed()).then_some(false)
    }

    /// Whether it is in the default of a variable, or in one that its type gives to an attribute.
    fn is_within_default(&self, literal: &Literal<'_>, names: &Names<'_>) -> bool {
        let is_word = |it: &&str| TYPES.contains(it) || closest(it, TYPES).is_some();
        let in_type = || {
            names.argument(literal) == Some("type") && !is_word(&&self.text[literal.place.clone()])
        };
        names.path.contains(&"default") || in_type()
    }

    /// Whether what is no string means something that the strings declare.
    fn is_no_value(&self, literal: &Literal<'_>) -> bool {
        let written = &self.text[literal.place.clone()];
        match literal.written {
            LiteralForm::Soundly | LiteralForm::Label => false,
            LiteralForm::Bare => self.declared.has(written),
            LiteralForm::Reference => {
                let root = written.split(['.', '[']).next().unwrap_or_default();
                let is_misspelt = || root.len() > 2 && closest(root, ROOTS).is_some();
                ROOTS.contains(&root) || is_misspelt() || self.declared.has(root) || is_kind(root)
            }
        }
    }

    /// Whether it is given to a secret argument, also to a misspelt one, or to a variable that is
    /// sensitive.
    fn is_secret(&self, names: &Names<'_>) -> bool {
        let of_variable = |name: &str| self.declared.sensitive.contains(name);
        match (names.block, names.path) {
            (Some("variable"), [_, name, argument, ..]) => {
                *argument == "default" && of_variable(name)
            }
            // A file of values, or the arguments of a module. In JSON the module's name stands
            // before them.
            (_, [name, ..]) if of_variable(name) && !BLOCKS.contains(name) => true,
            (Some("module"), [_, name, ..]) if of_variable(name) => true,
            (Some("module"), [_, _, name, ..]) if of_variable(name) => true,
            // Locals have the names that people give them.
            (Some("locals"), [_, names @ ..]) => names.iter().any(|it| is_secret_local(it)),
            (_, names) => names.iter().any(|it| is_secret_argument(it)),
        }
    }

    /// Whether nothing says what it is, and it stands where secrets may stand.
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

    /// Whether variables of the module that is called may be sensitive.
    fn is_guarded(&self, literal: &Literal<'_>) -> bool {
        let source = literal.bodies.iter().rev().find_map(|it| self.sources.get(it));
        let is_read =
            |source: &&str| self.declared.directories.contains(&joined(self.directory, source));
        !self.declared.sensitive.is_empty() || source.filter(|it| is_read(it)).is_none()
    }

    /// Whether an argument is unknown to what it is given to, which has secret ones.
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
            return is_unknown_within(arguments, fields);
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

/// The arguments of the kind that a misspelt word means.
fn meant_holder(word: &str) -> Option<&'static Fields> {
    fields_of_holder(&closest_holder(word)?)
}

/// The stretches of a string that are private keys, wherever they stand.
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

/// The directory that a module's source names.
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
    fn what_touches_a_stretch_is_found_also_where_it_began_long_before() {
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
    fn so_are_those_of_sensitive_variables() {
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
    fn a_source_is_joined_to_where_it_is_named() {
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
