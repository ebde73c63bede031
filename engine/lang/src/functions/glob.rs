//! Glob patterns of paths: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any number of directories.

use regex::Regex;

/// A glob pattern, compiled to a regular expression.
pub(super) struct PathGlob(Regex);

impl PathGlob {
    /// Compiles a pattern; the error is a sentence.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("this is not a pattern: {what}");
        let mut out = String::from("^");
        let mut chars = pattern.chars().peekable();
        let mut open = 0usize;
        while let Some(c) = chars.next() {
            match c {
                // `**/` also matches no directory at all, so that `**/*.txt` includes the files at
                // the top.
                '*' if chars.next_if_eq(&'*').is_some() => match chars.next_if_eq(&'/') {
                    Some(_) => out.push_str("(?:[^/]+/)*"),
                    None => out.push_str(".*"),
                },
                '*' => out.push_str("[^/]*"),
                '?' => out.push_str("[^/]"),
                '{' => {
                    open += 1;
                    out.push_str("(?:");
                }
                ',' if open > 0 => out.push('|'),
                '}' if open > 0 => {
                    open -= 1;
                    out.push(')');
                }
                '[' => {
                    out.push('[');
                    if chars.next_if(|it| matches!(it, '!' | '^')).is_some() {
                        out.push('^');
                    }
                    loop {
                        match chars.next() {
                            Some(']') => break,
                            // These signs have a meaning in a set of the `regex` crate, but not in
                            // a glob.
                            Some(c @ ('[' | '&' | '~' | '\\')) => out.extend(['\\', c]),
                            Some(c) => out.push(c),
                            None => return Err(wrong("a `[` is not closed")),
                        }
                    }
                    out.push(']');
                }
                '\\' => match chars.next() {
                    Some(c) => out.push_str(&regex::escape(&c.to_string())),
                    None => return Err(wrong("it ends with `\\`")),
                },
                c => out.push_str(&regex::escape(&c.to_string())),
            }
        }
        if open > 0 {
            return Err(wrong("a `{` is not closed"));
        }
        out.push('$');
        Regex::new(&out)
            .map(Self)
            .map_err(|_| wrong("a set of characters is empty or in descending order"))
    }

    /// Whether a path matches the pattern.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::PathGlob;

    #[test]
    fn patterns_match_paths() {
        let matches = |pattern: &str, path: &str| PathGlob::new(pattern).unwrap().matches(path);
        assert!(matches("*.txt", "a.txt") && !matches("*.txt", "b/a.txt"));
        assert!(
            matches("**", "b/a.txt")
                && matches("**/*.txt", "a.txt")
                && matches("**/*.txt", "b/c/a.txt")
        );
        assert!(matches("{a,b}?.[a-c]x", "b1.bx") && !matches("[!a]", "a"));
        assert!(PathGlob::new("[a").is_err() && PathGlob::new("{a").is_err());
    }
}
