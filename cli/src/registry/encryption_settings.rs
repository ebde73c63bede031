//! What the block `encryption` takes.

use std::path::PathBuf;

use ha_provider::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The key that the state, its journal, plans and copies are sealed with. One source is named, and
/// perhaps the one before it.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EncryptionSettings {
    #[serde(flatten)]
    pub(crate) source: KeySource,
    /// The key before: it opens what was sealed with it, and seals nothing any more.
    pub(crate) fallback: Option<KeySource>,
}

/// Where a key comes from. Just one of these is named.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct KeySource {
    /// A file with a key, from the configuration's directory; `ha state key --new` makes one.
    pub(crate) key_file: Option<PathBuf>,
    /// A passphrase of at least 16 characters, of which argon2id makes the key.
    pub(crate) passphrase: Option<Secret<String>>,
    /// A file with the passphrase, from the configuration's directory.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Whether the passphrase is asked for at the terminal.
    #[serde(default)]
    pub(crate) ask_passphrase: bool,
    /// A data key of AWS KMS, wrapped by a key that never leaves it.
    #[cfg(feature = "aws")]
    pub(crate) aws_kms: Option<ha_aws::KmsSettings>,
}

impl KeySource {
    /// The sources that are named.
    pub(crate) fn named(&self) -> Vec<&'static str> {
        let all = [
            ("key_file", self.key_file.is_some()),
            ("passphrase", self.passphrase.is_some()),
            ("passphrase_file", self.passphrase_file.is_some()),
            ("ask_passphrase", self.ask_passphrase),
            #[cfg(feature = "aws")]
            ("aws_kms", self.aws_kms.is_some()),
        ];
        all.into_iter().filter(|it| it.1).map(|it| it.0).collect()
    }
}
