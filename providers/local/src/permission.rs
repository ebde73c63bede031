use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The permissions of a file in octal: `0640`. `640` is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", inline)]
pub(crate) struct FilePermission(pub(crate) u32);

impl FromStr for FilePermission {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let octal = text.len() <= 5
            && text.len() >= 3
            && text.bytes().all(|it| (b'0'..=b'7').contains(&it));
        match u32::from_str_radix(text, 8) {
            Ok(mode) if octal && mode <= 0o7777 => Ok(Self(mode)),
            _ => Err(format!("`{text}` is no permission; write it in octal, such as \"0640\"")),
        }
    }
}

impl TryFrom<String> for FilePermission {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FilePermission> for String {
    fn from(it: FilePermission) -> Self {
        it.to_string()
    }
}

impl fmt::Display for FilePermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_permissions_compare_equal_however_written() {
        assert_eq!("640".parse::<FilePermission>(), "0640".parse());
        assert_eq!("0640".parse::<FilePermission>().unwrap().to_string(), "0640");
        for wrong in ["", "6", "rw-r--r--", "0o640", "0888", "77777", "+640", "99999999999"] {
            assert!(wrong.parse::<FilePermission>().is_err(), "{wrong}");
        }
    }
}
