use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ha_provider::{
    ArgumentProblem, Attempt, CreatedResource, Error, ExistingResource, Immutable, NoProvider,
    RecordedResource, Resource, ResourceHooks, ResourceReading,
};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::characters::bytes;

/// A random number in several encodings, for names that must be unique.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RandomId {
    /// The number of random bytes.
    byte_length: Immutable<u32>,
    /// A prefix of every output.
    prefix: Option<Immutable<String>>,
    /// Any strings; when one of them changes, another number is drawn.
    keepers: Option<Immutable<BTreeMap<String, String>>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RandomIdOutputs {
    /// Padded lower-case hexadecimal.
    hex: String,
    /// Decimal digits.
    dec: String,
    /// Base64 of the standard alphabet, padded.
    b64_std: String,
    /// Base64 of the alphabet for web addresses, not padded.
    b64_url: String,
}

/// The outputs that begin with the prefix.
const SPELLINGS: [&str; 4] = ["hex", "dec", "b64_std", "b64_url"];

#[derive(Deserialize)]
struct LengthArguments {
    byte_length: u32,
}

impl Resource for RandomId {
    const KIND: &'static str = "random_id";
    const PURE: bool = true;
    type Provider = NoProvider;
    type Outputs = RandomIdOutputs;

    fn hooks() -> ResourceHooks {
        let hooks = ResourceHooks::new()
            .made_of(&SPELLINGS, &["prefix", "byte_length"])
            .made_of(&["id"], &["byte_length"]);
        hooks.check(|LengthArguments { byte_length }| match byte_length {
            1..=1024 => Vec::new(),
            _ => {
                let message =
                    format!("`byte_length` is {byte_length}, but must be between 1 and 1024");
                vec![ArgumentProblem { path: Path::attribute("byte_length"), message }]
            }
        })
    }

    async fn create(
        &self,
        _: &NoProvider,
        _: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let drawn = bytes(*self.byte_length as usize)?;
        let outputs =
            RandomIdOutputs::new(&drawn, self.prefix.as_deref().map_or("", String::as_str));
        Ok(CreatedResource { id: URL_SAFE_NO_PAD.encode(&drawn), outputs })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let (prefix, number) =
            id.rsplit_once(',').map_or((None, id), |(prefix, number)| (Some(prefix), number));
        let wrong = |_| {
            format!(
                "the id is the number as `b64_url` spells it, `PREFIX,NUMBER` where there is a prefix; `{number}` is none"
            )
        };
        let drawn = URL_SAFE_NO_PAD.decode(number).map_err(wrong)?;
        let known = ExistingResource::by(number)
            .argument("byte_length", i64::try_from(drawn.len()).unwrap_or(i64::MAX));
        let known =
            prefix.into_iter().fold(known, |known, prefix| known.argument("prefix", prefix));
        let RandomIdOutputs { hex, dec, b64_std, b64_url } =
            RandomIdOutputs::new(&drawn, prefix.unwrap_or_default());
        Ok(known
            .output("hex", hex)
            .output("dec", dec)
            .output("b64_std", b64_std)
            .output("b64_url", b64_url))
    }

    async fn read(
        _: &NoProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        Ok(known
            .iter()
            .map(|it| ResourceReading::found(it.arguments.clone(), it.outputs.clone()))
            .collect())
    }

    async fn update(
        &self,
        _: &NoProvider,
        before: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<RandomIdOutputs, Error> {
        Ok(before.outputs.clone())
    }

    async fn delete(
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        Ok(())
    }
}

impl RandomIdOutputs {
    /// The encodings of a number.
    fn new(drawn: &[u8], prefix: &str) -> Self {
        let prefixed = |spelling: String| format!("{prefix}{spelling}");
        Self {
            hex: prefixed(drawn.iter().map(|it| format!("{it:02x}")).collect()),
            dec: prefixed(decimal(drawn)),
            b64_std: prefixed(STANDARD.encode(drawn)),
            b64_url: prefixed(URL_SAFE_NO_PAD.encode(drawn)),
        }
    }
}

/// The bytes, most significant first, as a decimal number without leading zeros.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = u8::try_from(carry % 10).expect("a digit is below ten");
            carry /= 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).expect("a digit is below ten"));
            carry /= 10;
        }
    }
    digits.iter().rev().map(|it| char::from(b'0' + it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_what_they_should_be() {
        assert_eq!(decimal(&[0]), "0");
        assert_eq!(decimal(&[1, 0]), "256");
        assert_eq!(decimal(&u128::MAX.to_be_bytes()), u128::MAX.to_string());
        assert_eq!(decimal(&1_000_000_007_u64.to_be_bytes()), "1000000007");
    }
}
