//! Durations for people.

use std::time::Duration;

/// `1.2s`, `48s`, `2m08s`, `1h02m`.
pub(crate) fn duration(it: Duration) -> String {
    let seconds = it.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", it.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let texts =
            [1.24, 9.94, 48.9, 128.0, 3720.0].map(|it| duration(Duration::from_secs_f64(it)));
        assert_eq!(texts, ["1.2s", "9.9s", "48s", "2m08s", "1h02m"]);
    }
}
