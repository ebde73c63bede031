//! The words that a reference can begin with, and the targets that follow from them.

use ha_value::Name;

use crate::compiled_expression::ReferenceTarget;

/// Every target that is named by two fixed words. `terraform` and `ha` are the same, so that
/// configurations of Terraform keep their meaning.
static BUILTINS: [(&str, &str, ReferenceTarget); 8] = [
    ("each", "key", ReferenceTarget::EachKey),
    ("each", "value", ReferenceTarget::EachValue),
    ("count", "index", ReferenceTarget::CountIndex),
    ("path", "module", ReferenceTarget::PathModule),
    ("path", "root", ReferenceTarget::PathRoot),
    ("path", "cwd", ReferenceTarget::PathCwd),
    ("ha", "workspace", ReferenceTarget::Workspace),
    ("terraform", "workspace", ReferenceTarget::Workspace),
];

/// The target of `ROOT.NAME`; `None` where the language has no such pair of words. Blocks are not
/// among them, as a kind of resource can be any word.
pub(crate) fn target(root: &str, name: &Name) -> Option<ReferenceTarget> {
    match root {
        "var" => Some(ReferenceTarget::Variable(name.clone())),
        "local" => Some(ReferenceTarget::Local(name.clone())),
        "module" => Some(ReferenceTarget::Module(name.clone())),
        // The table is short, so that a search through it is as fast as hashing.
        _ => {
            let builtin =
                BUILTINS.iter().find(|(first, second, _)| *first == root && *second == &**name);
            builtin.map(|(_, _, target)| target.clone())
        }
    }
}

/// Whether a word begins references to fixed words alone.
pub(crate) fn is_builtin_root(root: &str) -> bool {
    BUILTINS.iter().any(|(first, _, _)| *first == root)
}

/// The words that may follow a word that begins references to fixed words.
pub(crate) fn builtin_attributes(root: &str) -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().filter(move |(first, _, _)| *first == root).map(|(_, second, _)| *second)
}
