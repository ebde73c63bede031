use ha_provider::{Error, ErrorContext};
use rcgen::KeyPair;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The algorithm of a key. Every TLS library of the last decade supports both. RSA is left out,
/// because the cryptography library generates no RSA keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum KeyAlgorithm {
    /// The curve that is supported everywhere.
    #[default]
    #[serde(rename = "ECDSA_P256")]
    EcdsaP256,
    /// A larger curve, where a policy requires it.
    #[serde(rename = "ECDSA_P384")]
    EcdsaP384,
}

impl KeyAlgorithm {
    /// A new key.
    pub(crate) fn generate(self) -> Result<KeyPair, Error> {
        let algorithm = match self {
            KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        };
        KeyPair::generate_for(algorithm).attempting("generate a private key")
    }
}
