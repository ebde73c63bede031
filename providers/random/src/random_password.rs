use ha_provider::Secret;

use crate::drawn::{DrawnCharacters, DrawnKind};

/// The resource type `random_password`.
pub(crate) type RandomPassword = DrawnCharacters<SecretString>;

#[derive(Clone)]
pub(crate) struct SecretString;

impl DrawnKind for SecretString {
    const KIND: &'static str = "random_password";
    const DOC: &'static str = "A password, drawn once and stored sealed in the state. Any change of an argument draws another.";
    type Result = Secret<String>;

    fn id(_: &str) -> String {
        "none".to_owned()
    }
}
