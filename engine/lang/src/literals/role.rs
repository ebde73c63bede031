//! The role of the content of brackets in a value.

use crate::lexer::TokenKind;

/// The role of the content of brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BracketRole<'a> {
    /// A part of the value.
    #[default]
    Value,
    /// An index: `drawn["circle"]`.
    Index,
    /// The argument of this function, by position.
    Argument(&'a str, usize),
}

/// The arguments of functions that are no part of the result, by first and last position: names,
/// separators, patterns, positions and lengths.
const LEADING: [(&str, usize, usize); 42] = [
    ("base64gzip", 1, 1),
    ("bcrypt", 1, 1),
    ("chunklist", 1, 1),
    ("cidrhost", 1, 1),
    ("cidrsubnet", 1, 2),
    ("contains", 0, 1),
    ("element", 1, 1),
    ("endswith", 0, 1),
    ("file", 0, 0),
    ("filebase64", 0, 0),
    ("filebase64sha256", 0, 0),
    ("filebase64sha512", 0, 0),
    ("fileexists", 0, 0),
    ("filemd5", 0, 0),
    ("fileset", 0, 1),
    ("filesha1", 0, 0),
    ("filesha256", 0, 0),
    ("filesha512", 0, 0),
    ("formatdate", 0, 0),
    ("indent", 0, 0),
    ("index", 0, 1),
    ("join", 0, 0),
    ("length", 0, 0),
    ("lookup", 1, 1),
    ("matchkeys", 1, 2),
    ("parseint", 1, 1),
    ("range", 0, 2),
    ("regex", 0, 0),
    ("regexall", 0, 0),
    ("replace", 1, 1),
    ("slice", 1, 2),
    ("split", 0, 0),
    ("startswith", 0, 1),
    ("strcontains", 0, 1),
    ("substr", 1, 2),
    ("templatefile", 0, 0),
    ("textdecodebase64", 1, 1),
    ("textencodebase64", 1, 1),
    ("trim", 1, 1),
    ("trimprefix", 1, 1),
    ("trimsuffix", 1, 1),
    ("zipmap", 0, 0),
];

impl<'a> BracketRole<'a> {
    /// The role of a bracket behind a token.
    pub(super) fn new(bracket: TokenKind, (before, word): (TokenKind, &'a str)) -> Self {
        let is_name =
            before == TokenKind::Identifier && !matches!(word, "in" | "if" | "for" | "else");
        match bracket {
            TokenKind::BracketOpen
                if is_name
                    || matches!(
                        before,
                        TokenKind::BracketClose | TokenKind::ParenthesisClose | TokenKind::Number
                    ) =>
            {
                BracketRole::Index
            }
            TokenKind::ParenthesisOpen if is_name => BracketRole::Argument(word, 0),
            _ => BracketRole::Value,
        }
    }

    /// Moves to the next argument of a call.
    pub(super) fn next(&mut self) {
        if let BracketRole::Argument(_, place) = self {
            *place += 1;
        }
    }

    /// Whether the content is no part of the value.
    pub(super) fn leads(self) -> bool {
        match self {
            BracketRole::Value => false,
            BracketRole::Index => true,
            BracketRole::Argument(function, place) => LEADING
                .iter()
                .any(|(name, first, last)| *name == function && (*first..=*last).contains(&place)),
        }
    }

    /// The function whose argument the content is.
    pub(super) fn function(self) -> Option<&'a str> {
        match self {
            BracketRole::Argument(function, _) => Some(function),
            BracketRole::Value | BracketRole::Index => None,
        }
    }

    /// Whether the content is a format string.
    pub(super) fn is_format(self) -> bool {
        matches!(self, BracketRole::Argument("format" | "formatlist" | "templatestring", 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_exists() {
        let known: Vec<&str> = crate::functions().iter().map(|it| it.name).collect();
        let unknown: Vec<&str> =
            LEADING.iter().map(|it| it.0).filter(|it| !known.contains(it)).collect();
        assert_eq!(unknown, [""; 0]);
        assert!(LEADING.is_sorted());
    }
}
