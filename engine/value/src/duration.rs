//! Durations as Go and Terraform write them: `10m`, `1h30m`, `1.5h`, `0`.

use std::time::Duration;

/// The duration that a string names.
///
/// # Errors
/// Why it is none, as a sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; one looks like `10m`, `1h30m` or `90s`");
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut whole = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let is_figure = |it: char| it.is_ascii_digit() || it == '.';
        let figures = rest.find(|it| !is_figure(it)).ok_or_else(wrong)?;
        let number: f64 = rest[..figures].parse().map_err(|_| wrong())?;
        rest = &rest[figures..];
        let letters = rest.find(is_figure).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let part = Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())?;
        whole = whole.checked_add(part).filter(|it| *it <= LONGEST).ok_or_else(wrong)?;
        rest = &rest[letters..];
    }
    Ok(whole)
}

/// Go counts nanoseconds in 63 bits.
const LONGEST: Duration = Duration::from_nanos(i64::MAX.unsigned_abs());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(parse("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("1.5h"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("+.5m"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("7us"), Ok(Duration::from_micros(7)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        for wrong in [
            "",
            "10",
            "m",
            "1d",
            "-1m",
            "1h 30m",
            " 1m",
            "1..5h",
            ".h",
            "1e3s",
            "300000000h",
            "60 minutes",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
