//! Words of which AWS knows only some.

use ha_provider::ArgumentProblem;
use ha_value::Path;

/// What is wrong with a word that is said, where it is none of those that are known.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_words_are_told_with_the_known_ones() {
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
