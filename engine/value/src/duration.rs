//! Durations in the notation of Go and Terraform: `10m`, `1h30m`, `1.5h`, `0`.

use std::time::Duration;

/// Parses a duration that is not negative.
///
/// # Errors
/// Where the string is not a duration, or longer than Go can represent; the error is a sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; one looks like `10m`, `1h30m` or `90s`");
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let is_digit = |it: char| it.is_ascii_digit() || it == '.';
        let number_end = rest.find(|it| !is_digit(it)).ok_or_else(wrong)?;
        let number: f64 = rest[..number_end].parse().map_err(|_| wrong())?;
        rest = &rest[number_end..];
        let unit_end = rest.find(is_digit).unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        // Timeouts need no exact fractions, so a double is precise enough, and it rejects overflow.
        let part = Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())?;
        total = total.checked_add(part).filter(|it| *it <= MAX_DURATION).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    Ok(total)
}

/// Longest duration: Go counts nanoseconds in an `int64`, about 292 years.
const MAX_DURATION: Duration = Duration::from_nanos(i64::MAX.unsigned_abs());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations() {
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
