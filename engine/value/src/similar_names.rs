//! Names that are likely misspellings of others.

/// The one of `known` that `given` is most likely a misspelling of; see [`slips`].
#[must_use]
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known = known.into_iter().filter(|it| *it != given);
    known.filter_map(|it| Some((slips(given, it)?, it))).min().map(|(_, best)| best.to_owned())
}

/// How many slips of the hand lead from `known` to `given`, where they are few enough to be slips:
/// a third of the letters of each word may be other ones, and words may be written in other cases
/// or with other signs between them. Another word, a word too many or too few is no slip:
/// `aws_instance` is not `aws_db_instance`.
#[must_use]
pub fn slips(given: &str, known: &str) -> Option<usize> {
    let (given, known) = (words(given), words(known));
    if given == known {
        return Some(0);
    }
    let whole = |words: &[String]| words.join("_");
    let slips = strsim::damerau_levenshtein(&whole(&given), &whole(&known));
    let is_few = slips <= most_slips(&whole(&given));
    let is_alike = match given.len() == known.len() {
        true => given.iter().zip(&known).all(|(given, known)| is_misspelt(given, known)),
        // The sign between two words is missing, or one is too many.
        false => strsim::damerau_levenshtein(&given.concat(), &known.concat()) <= 1,
    };
    (is_few && is_alike).then_some(slips)
}

/// The words that a name is made of, in small letters.
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

fn most_slips(word: &str) -> usize {
    word.chars().count().max(3) / 3
}

/// Whether one word is the other with few slips in it. A first letter is seldom wrong: `ingress` is
/// not `egress`.
fn is_misspelt(given: &str, known: &str) -> bool {
    let slips = strsim::damerau_levenshtein(given, known);
    let longest = given.chars().count().max(known.chars().count());
    let is_begun_alike = given.chars().next() == known.chars().next();
    slips == 0 || slips < longest && slips <= if is_begun_alike { most_slips(given) } else { 1 }
}
