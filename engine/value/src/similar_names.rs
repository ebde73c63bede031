//! Suggestions for misspelt names.

/// The name of `known` that `given` most likely misspells; `None` where no name is close enough.
/// See [`slips`].
#[must_use]
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known = known.into_iter().filter(|it| *it != given);
    known.filter_map(|it| Some((slips(given, it)?, it))).min().map(|(_, best)| best.to_owned())
}

/// The number of typing errors (Damerau-Levenshtein distance) between two names; `None` where there
/// are too many for a misspelling. A third of the letters of each word may differ, and case and
/// separators do not count. A different, missing or additional word is not a typing error:
/// `aws_instance` does not misspell `aws_db_instance`.
#[must_use]
pub fn slips(given: &str, known: &str) -> Option<usize> {
    let (given, known) = (words(given), words(known));
    if given == known {
        return Some(0);
    }
    let joined = |words: &[String]| words.join("_");
    let slips = strsim::damerau_levenshtein(&joined(&given), &joined(&known));
    let is_few = slips <= max_slips(&joined(&given));
    let is_similar = match given.len() == known.len() {
        true => given.iter().zip(&known).all(|(given, known)| is_misspelt(given, known)),
        // A separator between two words is missing or superfluous.
        false => strsim::damerau_levenshtein(&given.concat(), &known.concat()) <= 1,
    };
    (is_few && is_similar).then_some(slips)
}

/// The words of a name in `snake_case`, `kebab-case` or `camelCase`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for sign in name.chars() {
        let begins = sign.is_uppercase() && before.is_lowercase();
        if begins || matches!(sign, '_' | '-') {
            words.push(String::new());
        }
        if !matches!(sign, '_' | '-') {
            words.last_mut().expect("there is one from the start").extend(sign.to_lowercase());
        }
        before = sign;
    }
    words
}

/// Most typing errors in a word: a third of its letters, and at least one.
fn max_slips(word: &str) -> usize {
    word.chars().count().max(3) / 3
}

/// Whether one word is the other with few typing errors. The first letter is seldom mistyped, so a
/// different one allows a single error: `ingress` is not `egress`.
fn is_misspelt(given: &str, known: &str) -> bool {
    let slips = strsim::damerau_levenshtein(given, known);
    let longest = given.chars().count().max(known.chars().count());
    let same_first_letter = given.chars().next() == known.chars().next();
    slips == 0 || slips < longest && slips <= if same_first_letter { max_slips(given) } else { 1 }
}
