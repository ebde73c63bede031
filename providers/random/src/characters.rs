//! Draws characters so that every string that the recipe allows is equally likely, apart from the
//! guaranteed minimums.

use ha_provider::{ArgumentProblem, Error};
use ha_value::{Path, Value};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::Deserialize;

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const NUMERIC: &str = "0123456789";
const SPECIAL: &str = "!@#$%&*()-_=+[]{}<>:?";
const LONGEST: u32 = 4096;

/// The number of characters of a string, as a value of the argument `length`.
pub(crate) fn length(text: &str) -> Value {
    Value::from(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
}

/// The classes of characters that a string is drawn from, and its length.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CharacterRecipe {
    pub(crate) length: u32,
    #[serde(default = "yes")]
    pub(crate) upper: bool,
    #[serde(default = "yes")]
    pub(crate) lower: bool,
    #[serde(default = "yes")]
    pub(crate) numeric: bool,
    #[serde(default = "yes")]
    pub(crate) special: bool,
    #[serde(default)]
    pub(crate) min_upper: u32,
    #[serde(default)]
    pub(crate) min_lower: u32,
    #[serde(default)]
    pub(crate) min_numeric: u32,
    #[serde(default)]
    pub(crate) min_special: u32,
    #[serde(default)]
    pub(crate) override_special: Option<String>,
}

/// The arguments of a recipe. The drawn characters reveal something of each.
pub(crate) const ARGUMENTS: &[&str] = &[
    "length",
    "upper",
    "lower",
    "numeric",
    "special",
    "min_upper",
    "min_lower",
    "min_numeric",
    "min_special",
    "override_special",
];

pub(crate) fn yes() -> bool {
    true
}

struct CharacterClass {
    name: &'static str,
    characters: Vec<char>,
    wanted: bool,
    at_least: u32,
}

impl CharacterRecipe {
    fn classes(&self) -> [CharacterClass; 4] {
        let class = |name, characters: &str, wanted, at_least| {
            let mut distinct: Vec<char> = characters.chars().collect();
            // A character written twice would be drawn twice as often.
            distinct.sort_unstable();
            distinct.dedup();
            CharacterClass { name, characters: distinct, wanted, at_least }
        };
        let special =
            self.override_special.as_deref().filter(|it| !it.is_empty()).unwrap_or(SPECIAL);
        [
            class("upper", UPPER, self.upper, self.min_upper),
            class("lower", LOWER, self.lower, self.min_lower),
            class("numeric", NUMERIC, self.numeric, self.min_numeric),
            class("special", special, self.special, self.min_special),
        ]
    }

    /// The problems of the recipe: all of them, so that one plan reports everything.
    pub(crate) fn problems(&self) -> Vec<ArgumentProblem> {
        let mut problems = Vec::new();
        let mut problem = |name: &str, message: String| {
            problems.push(ArgumentProblem { path: Path::attribute(name), message })
        };
        if self.length == 0 || self.length > LONGEST {
            problem(
                "length",
                format!("`length` is {}, but must be between 1 and {LONGEST}", self.length),
            );
        }
        let classes = self.classes();
        if !classes.iter().any(|it| it.wanted) {
            problem(
                "length",
                "all of `upper`, `lower`, `numeric` and `special` are false, so there is nothing to draw from".into(),
            );
        }
        for class in classes.iter().filter(|it| !it.wanted && it.at_least > 0) {
            let name = class.name;
            problem(
                &format!("min_{name}"),
                format!("`min_{name}` asks for characters that `{name} = false` rules out"),
            );
        }
        let least: u64 = classes.iter().map(|it| u64::from(it.at_least)).sum();
        if least > u64::from(self.length) {
            problem(
                "length",
                format!("`length` is {}, but the minimums add up to {least}", self.length),
            );
        }
        problems
    }

    /// Draws a new string.
    pub(crate) fn draw(&self) -> Result<String, Error> {
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(Error::new("draw a random string", problem.message));
        }
        let classes = self.classes();
        let all: Vec<char> = classes
            .iter()
            .filter(|it| it.wanted)
            .flat_map(|it| it.characters.iter().copied())
            .collect();
        let mut drawn = Vec::with_capacity(self.length as usize);
        for class in &classes {
            for _ in 0..class.at_least {
                drawn.push(pick(&class.characters)?);
            }
        }
        while drawn.len() < self.length as usize {
            drawn.push(pick(&all)?);
        }
        // The guaranteed characters are drawn first, class by class. Without the shuffle the first
        // characters of each password would be of a known class.
        for last in (1..drawn.len()).rev() {
            drawn.swap(last, below(last + 1)?);
        }
        Ok(drawn.into_iter().collect())
    }
}

/// Random bytes from the operating system.
pub(crate) fn bytes(count: usize) -> Result<Vec<u8>, Error> {
    let mut drawn = vec![0; count];
    SysRng.try_fill_bytes(&mut drawn).map_err(|it| failed(&it))?;
    Ok(drawn)
}

fn pick(from: &[char]) -> Result<char, Error> {
    Ok(from[below(from.len())?])
}

/// A uniformly distributed number below `limit`. Draws from the incomplete last range are rejected,
/// because a plain remainder would favour small numbers.
fn below(limit: usize) -> Result<usize, Error> {
    let limit = u64::try_from(limit).expect("a length fits 64 bits");
    let fair = u64::MAX - u64::MAX % limit;
    loop {
        let drawn = SysRng.try_next_u64().map_err(|it| failed(&it))?;
        if drawn < fair {
            return Ok(usize::try_from(drawn % limit).expect("it is below a length"));
        }
    }
}

fn failed(error: &impl std::fmt::Display) -> Error {
    Error::new("draw random bytes from the operating system", error)
}
