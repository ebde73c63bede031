use ha_provider::ResourceHooks;

use crate::characters::ARGUMENTS;
use crate::drawn::{DrawnCharacters, DrawnKind};

/// The resource type `random_string`.
pub(crate) type RandomString = DrawnCharacters<PlainString>;

#[derive(Clone)]
pub(crate) struct PlainString;

impl DrawnKind for PlainString {
    const KIND: &'static str = "random_string";
    const DOC: &'static str = "A string that is no secret, such as the end of a name; for secrets there is `random_password`. \
                               Any change of an argument draws another.";
    type Result = String;

    fn id(characters: &str) -> String {
        characters.to_owned()
    }

    // Both outputs show characters of the classes that the arguments name.
    fn hooks(hooks: ResourceHooks) -> ResourceHooks {
        hooks.made_of(&["id", "result"], ARGUMENTS)
    }
}
