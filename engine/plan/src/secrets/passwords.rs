//! Passwords inside a string that is secret as a whole: a server may report them without the rest.

use super::escapes::without_percent;

/// Returns the passwords in a URL, `x://user:password@host`, or in parameters, `host=h
/// password=p`; none in a string with several lines.
#[must_use]
pub fn passwords(text: &str) -> Vec<String> {
    let all = match text.split_once("://") {
        _ if text.contains('\n') => Vec::new(),
        Some((_, rest)) => in_url(rest),
        None => in_parameters(text),
    };
    all.into_iter().filter(|it| !it.is_empty()).collect()
}

fn in_url(rest: &str) -> Vec<String> {
    // A password with an unescaped `@` may end at either of them, depending on the parser.
    let ends = rest.find('@').into_iter().chain(rest.rfind('@'));
    let of_user = ends.filter_map(|end| Some(rest[..end].split_once(':')?.1));
    let of_query = values(rest).map(|it| it.split('&').next().unwrap_or_default());
    of_user.chain(of_query).flat_map(|it| [it.to_owned(), without_percent(it)]).collect()
}

fn in_parameters(text: &str) -> Vec<String> {
    let value = |text: &str| {
        let text = text.trim_start();
        let quoted = text.strip_prefix('\'');
        let is_end = |it: char| if quoted.is_some() { it == '\'' } else { it.is_whitespace() };
        let (mut value, mut characters) = (String::new(), quoted.unwrap_or(text).chars());
        while let Some(character) = characters.next().filter(|it| !is_end(*it)) {
            if character == '\\' { value.extend(characters.next()) } else { value.push(character) }
        }
        value
    };
    values(text).map(value).collect()
}

/// Returns what follows each `password =`, up to the end of the string.
fn values(text: &str) -> impl Iterator<Item = &str> {
    const NAME: &str = "password";
    text.match_indices(NAME)
        .filter_map(|(at, _)| text[at + NAME.len()..].trim_start().strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::passwords;

    #[test]
    fn finds_passwords_in_urls() {
        assert_eq!(
            passwords("postgres://ops:pa%40ss%2Fword@h:5432/d?x=y")[..2],
            ["pa%40ss%2Fword", "pa@ss/word"]
        );
        assert!(passwords("postgres://ops:pa@ss/word@h/d").contains(&"pa@ss/word".to_owned()));
        assert!(
            passwords("postgres://h/d?user=u&password=pa%24s&x=y").contains(&"pa$s".to_owned())
        );
        for text in
            ["https://h:8080/d", "https://u@h/d", "no address: u:p@h", "a: b\nc: x://u:p@h\n"]
        {
            assert_eq!(passwords(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn finds_passwords_in_parameters() {
        assert_eq!(passwords(r"host=h password=p\\a$$ user=u"), [r"p\a$$"]);
        assert_eq!(passwords(r"host = h password = 'a \'b\\' user=u"), [r"a 'b\"]);
    }
}
