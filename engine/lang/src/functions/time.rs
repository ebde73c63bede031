//! Functions of dates and times.

use std::time::SystemTime;

use ha_value::Value;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::{
    Function, FunctionBody, FunctionError, FunctionResult, ParameterKind, string_argument, text,
};
use crate::environment::{EvaluationContext, MachineFact};
use ParameterKind::{Number, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "formatdate",
        "A time in a format such as \"DD MMM YYYY hh:mm ZZZ\".",
        &[text("format"), text("time")],
        Text,
        FunctionBody::Plain(formatdate),
    ),
    Function::new(
        "plantimestamp",
        "The time of the plan, which does not change when the plan is applied.",
        &[],
        Text,
        FunctionBody::Outside(plantimestamp),
    ),
    Function::new(
        "timeadd",
        "The time plus a duration such as \"1h30m\", which may be negative.",
        &[text("time"), text("duration")],
        Text,
        FunctionBody::Plain(timeadd),
    ),
    Function::new(
        "timecmp",
        "Whether a time is before (-1), equal to (0) or after (1) another.",
        &[text("a"), text("b")],
        Number,
        FunctionBody::Plain(timecmp),
    ),
    Function::new(
        "timestamp",
        "The time of apply; unknown while planning.",
        &[],
        Text,
        FunctionBody::Outside(timestamp),
    ),
];

/// A parsed RFC 3339 time: the local time and its offset from UTC, which results keep.
struct ParsedTime {
    clock: DateTime,
    offset: Offset,
    utc: bool,
}

impl ParsedTime {
    fn from_argument(arguments: &[Value], index: usize) -> Result<Self, FunctionError> {
        let text = string_argument(arguments, index);
        let wrong = || {
            FunctionError::argument(
                index,
                format!("\"{text}\" is not a time; write it as 2006-01-02T15:04:05Z"),
            )
        };
        let bytes = text.as_bytes();
        // The parser of `jiff` accepts more notations than RFC 3339, so the punctuation is checked
        // first.
        let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if bytes.len() < 20 || punctuation.iter().any(|(at, it)| bytes[*at] != *it) {
            return Err(wrong());
        }
        // The offset is parsed apart from the clock, since formats print both as they were written.
        let utc = text.ends_with('Z');
        let (clock, offset) = match utc {
            true => (&text[..text.len() - 1], 0),
            false => {
                let (clock, zone) = text.split_at_checked(text.len() - 6).ok_or_else(wrong)?;
                let part = |range: std::ops::Range<usize>| {
                    zone.get(range).and_then(|it| it.parse::<i32>().ok())
                };
                let (Some(hours), Some(minutes), Some(b':')) =
                    (part(1..3), part(4..6), zone.as_bytes().get(3))
                else {
                    return Err(wrong());
                };
                let sign = match zone.as_bytes()[0] {
                    b'+' => 1,
                    b'-' => -1,
                    _ => return Err(wrong()),
                };
                (clock, sign * (hours * 3600 + minutes * 60))
            }
        };
        let clock: DateTime = clock.parse().map_err(|_| wrong())?;
        Ok(Self {
            clock,
            offset: Offset::from_seconds(offset).map_err(|_| wrong())?,
            utc: offset == 0,
        })
    }

    fn instant(&self) -> Result<Timestamp, FunctionError> {
        self.offset
            .to_timestamp(self.clock)
            .map_err(|_| FunctionError::new("the time is out of range"))
    }

    fn zone(&self, separator: &str) -> String {
        let seconds = self.offset.seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        format!("{sign}{:02}{separator}{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
    }
}

/// A time in the notation of the language: `2006-01-02T15:04:05Z`.
///
/// # Errors
/// Where the time is after the year 9999.
pub fn written_time(time: SystemTime) -> Result<String, String> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let time = Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX));
    Ok(time.map_err(|_| "the clock is out of range")?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn timestamp(_: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let Some(now) = environment.now else {
        return Ok(Value::unknown(ha_value::Type::String, None));
    };
    written_time(now).map(Value::from).map_err(FunctionError::new)
}

fn plantimestamp(_: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    environment.files.machine(MachineFact::PlanTime).map(Value::String).map_err(FunctionError::new)
}

fn timeadd(arguments: &[Value]) -> FunctionResult {
    let time = ParsedTime::from_argument(arguments, 0)?;
    let text = string_argument(arguments, 1);
    let duration = duration(text).ok_or_else(|| {
        FunctionError::argument(
            1,
            format!("\"{text}\" is not a duration; write it in h, m, s, ms, us and ns: \"1h30m\""),
        )
    })?;
    let out_of_range = || FunctionError::new("the result is out of range");
    let later = time.instant()?.checked_add(duration).map_err(|_| out_of_range())?;
    // The result has the offset of the argument; `+00:00` becomes `Z`, as in Go.
    let zone = if time.offset.is_zero() { "Z".to_owned() } else { time.zone(":") };
    let later: Zoned = later.to_zoned(time.offset.to_time_zone());
    Ok(Value::from(format!("{}{zone}", later.strftime("%Y-%m-%dT%H:%M:%S"))))
}

/// Parses a duration such as `1h30m` or `-1.5s`. It counts nanoseconds in integers, so that the
/// result is exact, unlike a sum of doubles.
fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut nanoseconds: i128 = 0;
    loop {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, behind) = rest.split_at(end);
        let (unit, behind) = match behind.find(|it: char| it.is_ascii_digit() || it == '.') {
            Some(end) => behind.split_at(end),
            None => (behind, ""),
        };
        let unit: i128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
        if integer.len() + fraction.len() == 0 || fraction.contains('.') {
            return None;
        }
        let integer: i128 = if integer.is_empty() { 0 } else { integer.parse().ok()? };
        nanoseconds = nanoseconds.checked_add(integer.checked_mul(unit)?)?;
        let mut scale = unit;
        for digit in fraction.bytes() {
            scale /= 10;
            nanoseconds += i128::from(digit - b'0') * scale;
        }
        rest = behind;
        if rest.is_empty() {
            let signed = i64::try_from(if negative { -nanoseconds } else { nanoseconds }).ok()?;
            return Some(SignedDuration::from_nanos(signed));
        }
    }
}

fn timecmp(arguments: &[Value]) -> FunctionResult {
    let (a, b) = (
        ParsedTime::from_argument(arguments, 0)?.instant()?,
        ParsedTime::from_argument(arguments, 1)?.instant()?,
    );
    Ok(Value::from(a.cmp(&b) as i64))
}

fn formatdate(arguments: &[Value]) -> FunctionResult {
    let time = ParsedTime::from_argument(arguments, 1)?;
    let format = string_argument(arguments, 0);
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Text in single quotes is literal, and two quotes inside of it are one.
            '\'' => loop {
                match chars.next() {
                    Some('\'') if chars.next_if_eq(&'\'').is_some() => out.push('\''),
                    Some('\'') => break,
                    Some(c) => out.push(c),
                    None => return Err(FunctionError::argument(0, "a ' is not closed")),
                }
            },
            c if c.is_ascii_alphabetic() => {
                let mut length = 1;
                while chars.next_if_eq(&c).is_some() {
                    length += 1;
                }
                out.push_str(&verb(&time, c, length)?);
            }
            c => out.push(c),
        }
    }
    Ok(Value::from(out))
}

/// The replacement of a sequence of one letter in a format.
fn verb(time: &ParsedTime, letter: char, length: usize) -> Result<String, FunctionError> {
    let clock = time.clock;
    let two = |it: i8| if length == 2 { format!("{it:02}") } else { it.to_string() };
    let half = match clock.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let morning = clock.hour() < 12;
    Ok(match (letter, length) {
        ('Y', 2) => format!("{:02}", clock.year().rem_euclid(100)),
        ('Y', 4) => format!("{:04}", clock.year()),
        ('M', 1 | 2) => two(clock.month()),
        ('M', 3) => MONTHS[month(clock)][..3].to_owned(),
        ('M', 4) => MONTHS[month(clock)].to_owned(),
        ('D', 1 | 2) => two(clock.day()),
        ('E', 3) => weekday(clock.weekday())[..3].to_owned(),
        ('E', 4) => weekday(clock.weekday()).to_owned(),
        ('h', 1 | 2) => two(clock.hour()),
        ('H', 1 | 2) => two(half),
        ('A', 2) => if morning { "AM" } else { "PM" }.to_owned(),
        ('a', 2) => if morning { "am" } else { "pm" }.to_owned(),
        ('m', 1 | 2) => two(clock.minute()),
        ('s', 1 | 2) => two(clock.second()),
        ('Z', 1) if time.utc => "Z".to_owned(),
        ('Z', 3) if time.utc => "UTC".to_owned(),
        ('Z', 3 | 4) => time.zone(""),
        ('Z', 1 | 5) => time.zone(":"),
        _ => {
            let written: String = std::iter::repeat_n(letter, length).collect();
            let message = format!(
                "there is no `{written}`; there are YY, YYYY, M, MM, MMM, MMMM, D, DD, EEE, EEEE, h, \
                 hh, H, HH, AA, aa, m, mm, s, ss, Z, ZZZ, ZZZZ and ZZZZZ, and '…' for other letters"
            );
            return Err(FunctionError::argument(0, message));
        }
    })
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn month(clock: DateTime) -> usize {
    usize::try_from(clock.month() - 1).unwrap_or(0)
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
