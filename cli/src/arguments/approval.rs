use std::time::Duration;

use clap::{ArgAction, Args};

/// How a change is agreed to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApprovalArgs {
    /// Apply without asking for confirmation
    #[arg(long, visible_alias = "auto-approve")]
    pub(crate) yes: bool,
    /// Whether questions may be asked; `false` makes a question an error
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    pub(crate) input: bool,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    pub(crate) lock_timeout: Duration,
}

/// `90`, `30s`, `5m`, `1h`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.trim_end_matches(|it: char| it.is_ascii_alphabetic()) {
        number if number.len() < text.len() => (number, &text[number.len()..]),
        number => (number, "s"),
    };
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write it as `30s`, `5m` or `1h`".into()),
    };
    let number: f64 = number.parse().map_err(|_| "write it as `30s`, `5m` or `1h`".to_owned())?;
    Duration::try_from_secs_f64(number * seconds)
        .map_err(|_| "it must be a time that can pass".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1.5m"), Ok(Duration::from_secs(90)));
        assert!(time("soon").is_err() && time("5d").is_err() && time("-1s").is_err());
    }
}
