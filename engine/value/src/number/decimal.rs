//! Decimal notation of numbers: parsing, and the digits that are printed.

use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{
    INTEGER_PRECISION, LITERAL_PRECISION, MAX_EXPONENT, Number, NumberForm, fits, quotient, rounded,
};

/// Significant digits of a literal that are read exactly. 512 bits are 155 digits; a digit beyond
/// these can only break a tie between two neighbours, so that one digit that is not zero replaces
/// all of them.
const MAX_SIGNIFICANT_DIGITS: usize = 1_500;

/// How many digits of a number are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalPrecision {
    /// The fewest that identify the number among all numbers of its precision.
    Shortest,
    /// This many behind the decimal point.
    AfterPoint(usize),
    /// This many in total.
    Significant(usize),
}

/// The error of a string that is not a number, or one that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberParseError;

impl fmt::Display for NumberParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number")
    }
}

impl std::error::Error for NumberParseError {}

impl Number {
    /// All digits of the exact value, without an exponent.
    #[must_use]
    pub fn all_digits(&self) -> String {
        let (mantissa, exponent) = self.mantissa_and_exponent();
        let (digits, point) = digits_to_place(mantissa.magnitude(), exponent, (-exponent).max(0));
        with_point(mantissa.is_negative(), &digits, point)
    }

    /// Parses an integer in a base from 2 to 62; `None` where the string is not one. Up to base 36,
    /// letters have no case; above it, capitals follow the small letters.
    #[must_use]
    pub fn from_digits(text: &str, base: u32) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.is_empty() {
            return None;
        }
        let mut integer = BigUint::zero();
        for c in digits.bytes() {
            let digit = match c {
                b'0'..=b'9' => u32::from(c - b'0'),
                b'a'..=b'z' => u32::from(c - b'a') + 10,
                b'A'..=b'Z' if base <= 36 => u32::from(c - b'A') + 10,
                b'A'..=b'Z' => u32::from(c - b'A') + 36,
                _ => return None,
            };
            // The length is checked at each digit, so that a long string costs no big
            // multiplication.
            if digit >= base || integer.bits() > MAX_EXPONENT.unsigned_abs() {
                return None;
            }
            integer = integer * base + digit;
        }
        // Go's `big.Float.SetInt` gives an integer as many bits as it has, and at least 64.
        let bits = u16::try_from(integer.bits())
            .unwrap_or(LITERAL_PRECISION)
            .clamp(INTEGER_PRECISION, LITERAL_PRECISION);
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        rounded(BigInt::from_biguint(sign, integer), 0, false, bits)
    }

    /// The digits of the magnitude, rounded half to even where some are omitted, and the position
    /// of the decimal point in them: `("15", -1)` is 0.015. Zero is `("0", 1)`, or no digits at
    /// all.
    #[must_use]
    pub fn digits(&self, wanted: DecimalPrecision) -> (String, i64) {
        let (mantissa, exponent) = self.mantissa_and_exponent();
        let mantissa = mantissa.magnitude();
        if mantissa.is_zero() {
            return ("0".into(), 1);
        }
        match wanted {
            DecimalPrecision::Shortest => {
                let zeros = mantissa.trailing_zeros().unwrap_or(0);
                shortest_digits(
                    &(mantissa >> zeros),
                    exponent + i64::try_from(zeros).unwrap_or(0),
                    self.precision(),
                )
            }
            DecimalPrecision::AfterPoint(places) => {
                digits_to_place(mantissa, exponent, i64::try_from(places).unwrap_or(i64::MAX))
            }
            DecimalPrecision::Significant(count) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                let (_, point) = self.digits(DecimalPrecision::Shortest);
                let (digits, point) = digits_to_place(mantissa, exponent, count - point);
                match usize::try_from(count) {
                    // Rounding up can add a digit: 999.9 with three digits is 1000.
                    Ok(count) if digits.len() > count => (digits[..count].to_owned(), point),
                    _ => (digits, point),
                }
            }
        }
    }
}

impl FromStr for Number {
    type Err = NumberParseError;

    fn from_str(text: &str) -> Result<Self, NumberParseError> {
        // Nearly all numbers of a configuration are short integers; up to 18 digits fit into 64
        // bits.
        if text.len() < 19
            && text.bytes().all(|it| it.is_ascii_digit())
            && let Ok(small) = text.parse::<i64>()
        {
            return Ok(Number::written(small));
        }
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (decimal, power) = match unsigned.split_once(['e', 'E']) {
            Some((decimal, power)) => (decimal, exponent(power)?),
            None => (unsigned, 0),
        };
        let (integer, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let all_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
        if integer.len() + fraction.len() == 0 || !all_digits(integer) || !all_digits(fraction) {
            return Err(NumberParseError);
        }
        let mut digits = format!("{integer}{fraction}");
        let mut power = power - i64::try_from(fraction.len()).map_err(|_| NumberParseError)?;
        let leading = digits.len() - digits.trim_start_matches('0').len();
        digits.drain(..leading);
        if digits.len() > MAX_SIGNIFICANT_DIGITS {
            let dropped = digits.split_off(MAX_SIGNIFICANT_DIGITS);
            power += i64::try_from(dropped.len()).map_err(|_| NumberParseError)?;
            if dropped.bytes().any(|it| it != b'0') {
                digits.push('1');
                power -= 1;
            }
        }
        if digits.is_empty() {
            return Ok(Number::written(0));
        }
        // A power of ten far out of range is not computed: `1e999999999` must cost no memory.
        let size = power.saturating_add(i64::try_from(digits.len()).map_err(|_| NumberParseError)?);
        if size > MAX_EXPONENT {
            return Err(NumberParseError);
        }
        if size < -MAX_EXPONENT {
            return Ok(Number::written(0));
        }
        let digits = BigUint::from_str(&digits).map_err(|_| NumberParseError)?;
        let digits = BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, digits);
        let ten = BigInt::from(10)
            .pow(u32::try_from(power.unsigned_abs()).map_err(|_| NumberParseError)?);
        let number = match power >= 0 {
            true => rounded(digits * ten, 0, false, LITERAL_PRECISION),
            false => quotient(digits, &ten, 0, LITERAL_PRECISION),
        };
        number.ok_or(NumberParseError)
    }
}

/// A decimal exponent. One near or beyond the bounds of 64 bits becomes one that is out of range
/// either way, so that the additions that follow cannot overflow.
fn exponent(text: &str) -> Result<i64, NumberParseError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(NumberParseError);
    }
    let unreadable = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(text.parse().unwrap_or(unreadable).clamp(i64::MIN / 4, i64::MAX / 4))
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The shortest decimal that parses to the same number, without an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            NumberForm::Small(bits, it) if fits(*it, *bits) => return write!(f, "{it}"),
            NumberForm::Small(..) => {}
            NumberForm::Big(bits, big) => {
                let top = i64::try_from(big.mantissa.bits())
                    .unwrap_or(i64::MAX)
                    .saturating_add(big.exponent);
                if big.exponent >= 0 && top <= (*bits).into() {
                    return write!(f, "{}", &big.mantissa << big.exponent);
                }
            }
        }
        // What is not an exact integer at its precision has digits that the precision does not
        // support; those are printed as zeros, as Go prints them.
        let (digits, point) = self.digits(DecimalPrecision::Shortest);
        f.write_str(&with_point(self.is_negative(), &digits, point))
    }
}

/// Digits with their sign and decimal point, without an exponent.
fn with_point(is_negative: bool, digits: &str, point: i64) -> String {
    let sign = if is_negative { "-" } else { "" };
    match usize::try_from(point) {
        Ok(point) if point >= digits.len() => {
            format!("{sign}{digits}{}", "0".repeat(point - digits.len()))
        }
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
    }
}

/// The digits of `mantissa * 2^exponent` up to `places` behind the decimal point, and the position
/// of the point. Negative places round in front of it.
fn digits_to_place(mantissa: &BigUint, exponent: i64, places: i64) -> (String, i64) {
    let ten = BigUint::from(10u32).pow(u32::try_from(places.unsigned_abs()).unwrap_or(u32::MAX));
    let two = |power: i64| BigUint::one() << usize::try_from(power.max(0)).unwrap_or(0);
    let numerator =
        mantissa * two(exponent) * if places >= 0 { ten.clone() } else { BigUint::one() };
    let denominator = two(-exponent) * if places < 0 { ten } else { BigUint::one() };
    let (mut integer, remainder) = numerator.div_rem(&denominator);
    let twice = remainder * 2u32;
    if twice > denominator || (twice == denominator && integer.bit(0)) {
        integer += 1u32;
    }
    let digits = integer.to_string();
    let point = i64::try_from(digits.len()).unwrap_or(i64::MAX) - places;
    (digits, point)
}

/// The fewest digits that lie nearer to `mantissa * 2^exponent` than to any neighbour of that
/// precision, and the position of the decimal point (the method of Steele and White, "How to Print
/// Floating-Point Numbers Accurately").
fn shortest_digits(mantissa: &BigUint, exponent: i64, precision: u16) -> (String, i64) {
    let padding = u64::from(precision).saturating_sub(mantissa.bits());
    let full = mantissa << padding;
    let exponent = exponent - i64::try_from(padding).unwrap_or(0);
    let even = !full.bit(0);
    // Below a power of two the neighbours lie half as far apart as above it. Terraform does not
    // halve the margin there, so neither does this; its digits are the ones to match.
    let up = usize::try_from(exponent.max(0)).unwrap_or(0);
    let down = usize::try_from((-exponent).max(0)).unwrap_or(0);
    let mut remainder: BigUint = &full << (up + 1);
    let mut scale: BigUint = BigUint::one() << (down + 1);
    let mut margin: BigUint = BigUint::one() << up;

    let bits = i64::try_from(full.bits()).unwrap_or(0) + exponent;
    // The position is estimated with a factor slightly below log10(2), so that it is never too
    // large and at most one too small; the loop below corrects it.
    let mut point = (bits - 1) * 30_102_999 / 100_000_000;
    if bits - 1 < 0 {
        point -= 1;
    }
    let ten = BigUint::from(10u32);
    let power = ten.pow(u32::try_from(point.unsigned_abs()).unwrap_or(0));
    if point >= 0 {
        scale *= power;
    } else {
        remainder *= &power;
        margin *= &power;
    }
    while if even { &remainder + &margin >= scale } else { &remainder + &margin > scale } {
        scale *= 10u32;
        point += 1;
    }
    let mut digits = String::new();
    loop {
        remainder *= 10u32;
        margin *= 10u32;
        let (digit, left) = remainder.div_rem(&scale);
        remainder = left;
        let mut digit = digit.to_u8().unwrap_or(0);
        // Enough digits: the rest, or what is missing to the next digit, is within the margin, so
        // that no other number of this precision lies between.
        let low = if even { remainder <= margin } else { remainder < margin };
        let high = if even { &remainder + &margin >= scale } else { &remainder + &margin > scale };
        if !low && !high {
            digits.push(char::from(b'0' + digit));
            continue;
        }
        if high && (!low || &remainder * 2u32 >= scale) {
            digit += 1;
        }
        digits.push(char::from(b'0' + digit));
        return (digits, point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn printed_numbers_parse_to_the_same_number() {
        for text in [
            "0.1",
            "-0.001",
            "123456789.000000001",
            "1e-30",
            "5e-324",
            "1e200",
            "340282366920938463463374607431768211456",
        ] {
            let number = n(text);
            assert_eq!(n(&number.to_string()), number, "{text}");
        }
        let third = n("1").div(&n("3")).unwrap();
        assert_eq!(n(&third.to_string()), third);
        assert_eq!(third.to_string(), format!("0.{}5", "3".repeat(154)));
        assert_eq!(n("1e200").to_string(), format!("1{}", "0".repeat(200)));
        let big = n("2").div(&n("3")).unwrap().mul(&n("1e300")).unwrap();
        assert_eq!(n(&big.to_string()), big);
    }

    #[test]
    fn rejects_strings_that_are_not_numbers() {
        for text in [
            "",
            "-",
            ".",
            "1e",
            "0x10",
            "1_000",
            " 1",
            "1 ",
            "one",
            "1.2.3",
            "e5",
            "--1",
            "1e999999999999999999999",
            "1.5e9223372036854775807",
        ] {
            assert_eq!(text.parse::<Number>(), Err(NumberParseError), "{text}");
        }
        assert_eq!(n("1e-999999999999999999999"), Number::ZERO);
        assert_eq!(n("1.5e-9223372036854775808"), Number::ZERO);
        assert_eq!(n(".5"), n("0.5"));
    }

    #[test]
    fn parses_digits_of_other_bases() {
        assert_eq!(Number::from_digits("ff", 16), Some(n("255")));
        assert_eq!(Number::from_digits("FF", 16), Some(n("255")));
        assert_eq!(Number::from_digits("-111", 2), Some(n("-7")));
        assert_eq!(Number::from_digits("aA", 62), Some(n("656")));
        assert_eq!(Number::from_digits("12", 2), None);
        assert_eq!(Number::from_digits("", 10), None);
    }

    #[test]
    fn rounds_the_last_digit_half_to_even() {
        let digits = |text: &str, wanted| n(text).digits(wanted);
        assert_eq!(digits("1.005", DecimalPrecision::AfterPoint(2)), ("100".into(), 1));
        assert_eq!(digits("0.25", DecimalPrecision::AfterPoint(1)), ("2".into(), 0));
        assert_eq!(digits("0.015", DecimalPrecision::Shortest), ("15".into(), -1));
        assert_eq!(digits("-999.9", DecimalPrecision::Significant(3)), ("100".into(), 4));
        assert_eq!(digits("123456", DecimalPrecision::Significant(2)), ("12".into(), 6));
        assert_eq!(digits("1200", DecimalPrecision::Shortest), ("12".into(), 4));
    }
}
