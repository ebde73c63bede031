//! Arguments that AWS takes a few words for, and lists of names in messages.

use ha_provider::ArgumentProblem;
use ha_value::Path;

/// A problem of a value that is none of the known ones; `None` for a known or missing value.
pub(crate) fn problem(at: Path, said: Option<&str>, known: &[&str]) -> Option<ArgumentProblem> {
    let odd = said.filter(|it| !known.contains(it))?;
    Some(ArgumentProblem {
        path: at,
        message: format!("AWS knows {} here, not `{odd}`", written(known)),
    })
}

fn written(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

/// A list for a message: the first five items, and how many more there are.
pub(crate) fn some_of(items: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = items.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_ends_with_a_count() {
        assert_eq!(some_of(&["a", "b"]), "a, b");
        assert_eq!(some_of(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        let judged =
            |said| problem(Path::attribute("a"), said, &["on", "off"]).map(|it| it.message);
        assert_eq!(judged(Some("on")), None);
        assert_eq!(judged(None), None);
        assert_eq!(
            judged(Some("yes")).as_deref(),
            Some("AWS knows `on` and `off` here, not `yes`")
        );
    }
}
