//! Character encodings of databases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of an encoding in the server's spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String", inline)]
pub(crate) struct Encoding(String);

/// The server's names of encodings, each with its aliases in lower case. The server ignores case and
/// every character that is no letter or digit.
const NAMES: &[(&str, &[&str])] = &[
    ("BIG5", &["windows950"]),
    ("EUC_CN", &[]),
    ("EUC_JIS_2004", &[]),
    ("EUC_JP", &[]),
    ("EUC_KR", &[]),
    ("EUC_TW", &[]),
    ("GBK", &["windows936"]),
    ("ISO_8859_5", &[]),
    ("ISO_8859_6", &[]),
    ("ISO_8859_7", &[]),
    ("ISO_8859_8", &[]),
    ("KOI8R", &["koi8"]),
    ("KOI8U", &[]),
    ("LATIN1", &["iso88591"]),
    ("LATIN2", &["iso88592"]),
    ("LATIN3", &["iso88593"]),
    ("LATIN4", &["iso88594"]),
    ("LATIN5", &["iso88599"]),
    ("LATIN6", &["iso885910"]),
    ("LATIN7", &["iso885913"]),
    ("LATIN8", &["iso885914"]),
    ("LATIN9", &["iso885915"]),
    ("LATIN10", &["iso885916"]),
    ("MULE_INTERNAL", &[]),
    ("SHIFT_JIS_2004", &[]),
    ("SJIS", &["mskanji", "shiftjis", "windows932"]),
    ("SQL_ASCII", &[]),
    ("UHC", &["windows949"]),
    ("UTF8", &["unicode"]),
    ("WIN866", &["alt", "windows866"]),
    ("WIN874", &["windows874"]),
    ("WIN1250", &["windows1250"]),
    ("WIN1251", &["win", "windows1251"]),
    ("WIN1252", &["windows1252"]),
    ("WIN1253", &["windows1253"]),
    ("WIN1254", &["windows1254"]),
    ("WIN1255", &["windows1255"]),
    ("WIN1256", &["windows1256"]),
    ("WIN1257", &["windows1257"]),
    ("WIN1258", &["abc", "tcvn", "tcvn5712", "vscii", "windows1258"]),
];

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

impl From<String> for Encoding {
    fn from(text: String) -> Self {
        let wanted = plain(&text);
        let is_it = |(name, others): &&(&str, &[&str])| {
            plain(name) == wanted || others.contains(&wanted.as_str())
        };
        Self(
            NAMES
                .iter()
                .find(is_it)
                .map_or_else(|| text.to_uppercase(), |(name, _)| (*name).to_owned()),
        )
    }
}

impl Encoding {
    /// The server's name of the encoding.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Encoding> for String {
    fn from(it: Encoding) -> Self {
        it.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_become_the_servers_name() {
        for (given, name) in [
            ("UTF8", "UTF8"),
            ("utf-8", "UTF8"),
            ("Unicode", "UTF8"),
            ("latin1", "LATIN1"),
            ("ISO_8859-1", "LATIN1"),
            ("Windows-1252", "WIN1252"),
            ("sql_ascii", "SQL_ASCII"),
            ("euc-jp", "EUC_JP"),
            ("iso88595", "ISO_8859_5"),
            ("new1", "NEW1"),
        ] {
            assert_eq!(String::from(Encoding::from(given.to_owned())), name, "{given}");
        }
    }
}
