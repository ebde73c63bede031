//! The backup and maintenance windows of RDS, as minutes of the day and of the week in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const SHORTEST: u32 = 30;

/// A daily window, such as `09:46-10:16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DailyWindow {
    start: u32,
    end: u32,
}

/// A weekly window, such as `sun:04:00-sun:04:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WeeklyWindow {
    start: u32,
    end: u32,
}

impl DailyWindow {
    /// Whether the window overlaps the weekly window on any day.
    pub(crate) fn overlaps(self, other: WeeklyWindow) -> bool {
        (0..7).any(|day| {
            let start = day * DAY + self.start;
            meet(
                (start, length(self.start, self.end, DAY)),
                (other.start, length(other.start, other.end, WEEK)),
            )
        })
    }
}

/// Whether two periods of the week overlap. Either may run over the end of the week.
fn meet((start, length): (u32, u32), (other_start, other_length): (u32, u32)) -> bool {
    (other_start + WEEK - start) % WEEK < length
        || (start + WEEK - other_start) % WEEK < other_length
}

fn length(start: u32, end: u32, period: u32) -> u32 {
    (end + period - start) % period
}

fn time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |it: &str| (it.len() == 2).then(|| it.parse::<u32>().ok()).flatten();
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn time_of_week(text: &str) -> Option<u32> {
    let (day, rest) = text.split_once(':')?;
    let day = DAYS.iter().position(|it| *it == day)?;
    Some(u32::try_from(day).ok()? * DAY + time(rest)?)
}

impl FromStr for DailyWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text
            .split_once('-')
            .and_then(|(start, end)| Some((time(start.trim())?, time(end.trim())?)));
        let (start, end) = read.ok_or_else(|| {
            format!("`{text}` is not a daily window; one looks like `09:46-10:16` (UTC)")
        })?;
        match length(start, end, DAY) {
            length if length < SHORTEST => {
                Err(format!("a window has at least {SHORTEST} minutes: `{text}`"))
            }
            _ => Ok(Self { start, end }),
        }
    }
}

impl FromStr for WeeklyWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        let read = lower.split_once('-').and_then(|(start, end)| {
            Some((time_of_week(start.trim())?, time_of_week(end.trim())?))
        });
        let wrong = || {
            format!("`{text}` is not a weekly window; one looks like `sun:04:00-sun:04:30` (UTC)")
        };
        let (start, end) = read.ok_or_else(wrong)?;
        match length(start, end, WEEK) {
            length if length < SHORTEST => {
                Err(format!("a window has at least {SHORTEST} minutes: `{text}`"))
            }
            length if length > DAY => Err(format!("a window has at most 24 hours: `{text}`")),
            _ => Ok(Self { start, end }),
        }
    }
}

impl fmt::Display for DailyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

impl fmt::Display for WeeklyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, moment) in [self.start, self.end].into_iter().enumerate() {
            let day = DAYS[usize::try_from(moment / DAY).expect("there are seven days")];
            let separator = if position == 0 { "" } else { "-" };
            write!(f, "{separator}{day}:{:02}:{:02}", moment % DAY / 60, moment % 60)?;
        }
        Ok(())
    }
}

macro_rules! as_text {
    ($($ty:ident),*) => {$(
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(DailyWindow, WeeklyWindow);
crate::string_schema::string_schema!(DailyWindow, WeeklyWindow);

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(backup: &str, maintenance: &str) -> bool {
        backup.parse::<DailyWindow>().unwrap().overlaps(maintenance.parse().unwrap())
    }

    #[test]
    fn windows_that_share_a_minute_overlap() {
        assert!(!overlap("02:00-03:00", "sun:04:00-sun:05:00"));
        assert!(!overlap("02:00-04:00", "sun:04:00-sun:05:00"));
        assert!(overlap("02:00-04:01", "sun:04:00-sun:05:00"));
        assert!(overlap("23:30-00:30", "mon:00:00-mon:01:00"));
        assert!(overlap("00:00-00:30", "sun:23:45-mon:00:15"));
        assert!(overlap("12:00-12:30", "mon:10:00-mon:14:00"));
    }

    #[test]
    fn windows_are_formatted_as_rds_does() {
        assert_eq!(
            "Sun:04:00-Sun:04:30".parse::<WeeklyWindow>().unwrap().to_string(),
            "sun:04:00-sun:04:30"
        );
        assert_eq!("09:46-10:16".parse::<DailyWindow>().unwrap().to_string(), "09:46-10:16");
        for wrong in ["9:46-10:16", "09:46", "09:46-09:50", "25:00-26:00", "sun:09:00-sun:10:00"] {
            assert!(wrong.parse::<DailyWindow>().is_err(), "{wrong}");
        }
        for wrong in ["sun:04:00-tue:04:00", "sunday:04:00-sunday:05:00", "04:00-05:00"] {
            assert!(wrong.parse::<WeeklyWindow>().is_err(), "{wrong}");
        }
    }
}
