//! Numbers of the language: binary, rounded half to even, with small integers apart. Those that are
//! written keep 512 bits; those that a function counts 64, and those that it works out in doubles
//! 53. Of two, the more precise one decides.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// How many bits a number that is written keeps, and no number more.
const PRECISION: u16 = 512;
/// How many bits a number keeps that was counted.
const COUNTED: u16 = 64;
/// How many bits a double keeps.
const DOUBLE: u16 = 53;
/// The greatest power of two a number may reach; smaller than its inverse is nothing.
const GREATEST: i64 = 1 << 17;
/// Digits beyond these can only break a tie.
const SIGNIFICANT: usize = 1_500;

/// A number. Those of one value are equal, however many bits they keep.
#[derive(Clone)]
pub struct Number(NumberForm);

/// A value has one form only. Each comes with how many bits it keeps.
#[derive(Clone)]
enum NumberForm {
    /// An integer that fits.
    Small(u16, i64),
    /// Anything else.
    Big(u16, Arc<BigFloat>),
}

/// `mantissa * 2^exponent`, the mantissa odd.
#[derive(Clone, PartialEq, Eq, Hash)]
struct BigFloat {
    mantissa: BigInt,
    exponent: i64,
}

/// How many digits of a number are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalPrecision {
    /// As few as tell it from all other numbers.
    Shortest,
    /// As many as this behind the point.
    AfterPoint(usize),
    /// As many as this in all.
    Significant(usize),
}

/// A string that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberParseError;

impl fmt::Display for NumberParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number")
    }
}

impl std::error::Error for NumberParseError {}

impl Number {
    /// Nothing.
    pub const ZERO: Self = Self(NumberForm::Small(COUNTED, 0));

    /// An integer as it is written.
    #[must_use]
    pub const fn written(it: i64) -> Self {
        Self(NumberForm::Small(PRECISION, it))
    }

    /// The number as an integer, where it is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            NumberForm::Small(_, it) => Some(*it),
            NumberForm::Big(..) => None,
        }
    }

    /// The number as an integer of any size, where it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<BigInt> {
        match &self.0 {
            NumberForm::Small(_, it) => Some((*it).into()),
            NumberForm::Big(_, it) => (it.exponent >= 0).then(|| &it.mantissa << it.exponent),
        }
    }

    /// Whether it has no fraction.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            NumberForm::Small(..) => true,
            NumberForm::Big(_, it) => it.exponent >= 0,
        }
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            NumberForm::Small(_, it) => *it < 0,
            NumberForm::Big(_, it) => it.mantissa.is_negative(),
        }
    }

    /// The nearest double; infinite when too large for one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            NumberForm::Small(_, it) => *it as f64,
            NumberForm::Big(_, it) => {
                // With 64 bits and a sticky one the standard reader rounds once and rightly.
                let digits = self.keeping(PRECISION).to_string();
                digits.parse().unwrap_or(if it.mantissa.is_negative() {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                })
            }
        }
    }

    /// The number that a double is, which keeps as many bits as one; none for infinities and
    /// not-a-number.
    #[must_use]
    pub fn from_f64(it: f64) -> Option<Self> {
        if !it.is_finite() {
            return None;
        }
        let (mantissa, exponent) = parts_of(it);
        rounded(mantissa, exponent, false, DOUBLE)
    }

    /// How many bits it keeps, where those are fewer than those of a number that is written and
    /// that makes a difference to how it is written.
    #[must_use]
    pub fn kept_bits(&self) -> Option<u16> {
        match &self.0 {
            NumberForm::Small(bits, it) if fits(*it, *bits) => None,
            NumberForm::Small(bits, _) | NumberForm::Big(bits, _) => {
                Some(*bits).filter(|it| *it < PRECISION)
            }
        }
    }

    /// The same value, of which this many bits are kept from now on.
    #[must_use]
    pub fn keeping(&self, bits: u16) -> Self {
        Self(match &self.0 {
            NumberForm::Small(_, it) => NumberForm::Small(bits, *it),
            NumberForm::Big(_, it) => NumberForm::Big(bits, it.clone()),
        })
    }

    /// All of its digits.
    #[must_use]
    pub fn all_digits(&self) -> String {
        let (mantissa, exponent) = self.parts();
        let (digits, point) = scaled(mantissa.magnitude(), exponent, (-exponent).max(0));
        decimal(mantissa.is_negative(), &digits, point)
    }

    /// The number nearest to an integer of any size; none when it is out of range.
    #[must_use]
    pub fn from_integer(it: BigInt) -> Option<Self> {
        rounded(it, 0, false, PRECISION)
    }

    /// The sum; none when it is out of range.
    #[must_use]
    pub fn add(&self, other: &Self) -> Option<Self> {
        let bits = self.bits().max(other.bits());
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b).filter(|it| fits(*it, bits))
        {
            return Some(Self(NumberForm::Small(bits, sum)));
        }
        let (a, ea) = self.parts();
        let (b, eb) = other.parts();
        let exponent = ea.min(eb);
        rounded((a << (ea - exponent)) + (b << (eb - exponent)), exponent, false, bits)
    }

    /// The difference; none when it is out of range.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Option<Self> {
        self.add(&other.negated())
    }

    /// The product, which keeps as many bits as it has; none when it is out of range.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Option<Self> {
        let bits = self.bits().max(other.bits());
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b).filter(|it| fits(*it, bits))
        {
            return Some(Self(NumberForm::Small(bits, product)));
        }
        let (a, ea) = self.parts();
        let (b, eb) = other.parts();
        let product = rounded(a * b, ea + eb, false, PRECISION)?;
        let own = product.parts().0;
        let own = own.bits() - own.trailing_zeros().unwrap_or(0);
        Some(product.keeping(bits.max(u16::try_from(own).unwrap_or(PRECISION))))
    }

    /// The quotient; none when the divisor is nothing or the result out of range.
    #[must_use]
    pub fn div(&self, other: &Self) -> Option<Self> {
        let bits = self.bits().max(other.bits());
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && *b != 0
            && let Some(0) = a.checked_rem(*b)
            && fits(a / b, bits)
        {
            return Some(Self(NumberForm::Small(bits, a / b)));
        }
        let (a, ea) = self.parts();
        let (b, eb) = other.parts();
        quotient(a, &b, ea - eb, bits)
    }

    /// What is left after taking `other` away a whole number of times, with the sign of `self`;
    /// none when `other` is nothing or the result out of range. It keeps as many bits as `self`,
    /// and each step on the way to it no more.
    #[must_use]
    pub fn rem(&self, other: &Self) -> Option<Self> {
        let bits = self.bits();
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && fits(*a, bits)
            && let Some(rest) = a.checked_rem(*b)
        {
            return Some(Self(NumberForm::Small(bits, rest)));
        }
        let cut = |it: Self| {
            let (mantissa, exponent) = it.parts();
            rounded(mantissa, exponent, false, bits)
        };
        let times = cut(self.div(other)?.truncated())?;
        let (a, ea) = other.parts();
        let (b, eb) = times.parts();
        let taken = rounded(a * b, ea + eb, false, bits)?;
        self.sub(&taken)
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        match &self.0 {
            NumberForm::Small(bits, it) => match it.checked_neg() {
                Some(negated) => Self(NumberForm::Small(*bits, negated)),
                None => rounded(-BigInt::from(*it), 0, false, *bits)
                    .expect("a small integer is in range"),
            },
            // The least small integer has no positive twin, so the twin of that one is small.
            NumberForm::Big(bits, it) => rounded(-&it.mantissa, it.exponent, false, *bits)
                .expect("the sign changes nothing about the range"),
        }
    }

    /// The number without its sign.
    #[must_use]
    pub fn magnitude(&self) -> Self {
        if self.is_negative() { self.negated() } else { self.clone() }
    }

    /// The greatest integer that is not greater.
    #[must_use]
    pub fn floor(&self) -> Self {
        match &self.0 {
            NumberForm::Big(bits, it) if it.exponent < 0 => {
                rounded(&it.mantissa >> it.exponent.unsigned_abs(), 0, false, *bits)
                    .expect("nearer to nothing than before")
            }
            _ => self.clone(),
        }
    }

    /// The least integer that is not less.
    #[must_use]
    pub fn ceil(&self) -> Self {
        self.negated().floor().negated()
    }

    /// The integer part.
    #[must_use]
    pub fn truncated(&self) -> Self {
        if self.is_negative() { self.ceil() } else { self.floor() }
    }

    /// An integer written in a base from 2 to 62; none for what is not one.
    #[must_use]
    pub fn from_digits(text: &str, base: u32) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.is_empty() {
            return None;
        }
        let mut whole = BigUint::zero();
        for c in digits.bytes() {
            let digit = match c {
                b'0'..=b'9' => u32::from(c - b'0'),
                b'a'..=b'z' => u32::from(c - b'a') + 10,
                b'A'..=b'Z' if base <= 36 => u32::from(c - b'A') + 10,
                b'A'..=b'Z' => u32::from(c - b'A') + 36,
                _ => return None,
            };
            if digit >= base || whole.bits() > GREATEST.unsigned_abs() {
                return None;
            }
            whole = whole * base + digit;
        }
        let bits = u16::try_from(whole.bits()).unwrap_or(PRECISION).clamp(COUNTED, PRECISION);
        rounded(
            BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, whole),
            0,
            false,
            bits,
        )
    }

    /// The digits of its magnitude, rounded half to even where some are left out, and where in them
    /// the point goes: `("15", -1)` is 0.015. Nothing is `("0", 1)`, or no digits at all.
    #[must_use]
    pub fn digits(&self, wanted: DecimalPrecision) -> (String, i64) {
        let (mantissa, exponent) = self.parts();
        let mantissa = mantissa.magnitude();
        if mantissa.is_zero() {
            return ("0".into(), 1);
        }
        match wanted {
            DecimalPrecision::Shortest => {
                let zeros = mantissa.trailing_zeros().unwrap_or(0);
                shortest(
                    &(mantissa >> zeros),
                    exponent + i64::try_from(zeros).unwrap_or(0),
                    self.bits(),
                )
            }
            DecimalPrecision::AfterPoint(places) => {
                scaled(mantissa, exponent, i64::try_from(places).unwrap_or(i64::MAX))
            }
            DecimalPrecision::Significant(count) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                let (_, point) = self.digits(DecimalPrecision::Shortest);
                let (digits, point) = scaled(mantissa, exponent, count - point);
                match usize::try_from(count) {
                    // Rounding up has made it a digit longer.
                    Ok(count) if digits.len() > count => (digits[..count].to_owned(), point),
                    _ => (digits, point),
                }
            }
        }
    }

    /// How many bits it keeps.
    fn bits(&self) -> u16 {
        match &self.0 {
            NumberForm::Small(bits, _) | NumberForm::Big(bits, _) => *bits,
        }
    }

    fn parts(&self) -> (BigInt, i64) {
        match &self.0 {
            NumberForm::Small(_, it) => ((*it).into(), 0),
            NumberForm::Big(_, it) => (it.mantissa.clone(), it.exponent),
        }
    }
}

/// Whether so many bits are enough for an integer, whatever it is.
fn fits(it: i64, bits: u16) -> bool {
    bits >= COUNTED || it.unsigned_abs() >> bits == 0
}

/// A finite double as `mantissa * 2^exponent`.
fn parts_of(double: f64) -> (BigInt, i64) {
    let bits = double.to_bits();
    let (power, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let (mantissa, power) = if power == 0 { (fraction, 1) } else { (fraction | 1 << 52, power) };
    let exponent = i64::try_from(power).unwrap_or(0) - 1075;
    (if double < 0.0 { -BigInt::from(mantissa) } else { mantissa.into() }, exponent)
}

/// `mantissa * 2^exponent` in its one form, of so many bits, or none when it is too large.
/// `inexact` says that a little was cut off below the last bit.
fn rounded(mantissa: BigInt, exponent: i64, inexact: bool, precision: u16) -> Option<Number> {
    let (sign, mut magnitude) = mantissa.into_parts();
    let mut exponent = exponent;
    let zero = Number(NumberForm::Small(precision, 0));
    if magnitude.is_zero() {
        return Some(zero);
    }
    let bits = magnitude.bits();
    if bits > precision.into() {
        let cut = bits - u64::from(precision);
        let half = magnitude.bit(cut - 1);
        let below = inexact || magnitude.trailing_zeros().is_some_and(|it| it < cut - 1);
        magnitude >>= cut;
        exponent += i64::try_from(cut).ok()?;
        if half && (below || magnitude.bit(0)) {
            magnitude += 1u32;
        }
    }
    let zeros = magnitude.trailing_zeros().unwrap_or(0);
    if zeros > 0 {
        magnitude >>= zeros;
        exponent += i64::try_from(zeros).ok()?;
    }
    let top = exponent + i64::try_from(magnitude.bits()).ok()?;
    if top > GREATEST {
        return None;
    }
    if top < -GREATEST {
        return Some(zero);
    }
    if exponent >= 0 && top <= 64 {
        let whole = BigInt::from_biguint(sign, &magnitude << exponent);
        if let Some(small) = whole.to_i64() {
            return Some(Number(NumberForm::Small(precision, small)));
        }
    }
    Some(Number(NumberForm::Big(
        precision,
        Arc::new(BigFloat { mantissa: BigInt::from_biguint(sign, magnitude), exponent }),
    )))
}

/// The digits of `mantissa * 2^exponent` up to `places` behind the point, and where the point goes.
fn scaled(mantissa: &BigUint, exponent: i64, places: i64) -> (String, i64) {
    let ten = BigUint::from(10u32).pow(u32::try_from(places.unsigned_abs()).unwrap_or(u32::MAX));
    let two = |power: i64| BigUint::one() << usize::try_from(power.max(0)).unwrap_or(0);
    let numerator =
        mantissa * two(exponent) * if places >= 0 { ten.clone() } else { BigUint::one() };
    let denominator = two(-exponent) * if places < 0 { ten } else { BigUint::one() };
    let (mut whole, rest) = numerator.div_rem(&denominator);
    let twice = rest * 2u32;
    if twice > denominator || (twice == denominator && whole.bit(0)) {
        whole += 1u32;
    }
    let digits = whole.to_string();
    let point = i64::try_from(digits.len()).unwrap_or(i64::MAX) - places;
    (digits, point)
}

/// `a / b * 2^exponent`, rounded once.
fn quotient(a: BigInt, b: &BigInt, exponent: i64, precision: u16) -> Option<Number> {
    if b.is_zero() {
        return None;
    }
    let wanted = u64::from(precision) + 2 + b.bits();
    let shift = wanted.saturating_sub(a.bits());
    let (whole, rest) = (a << shift).div_rem(b);
    rounded(whole, exponent - i64::try_from(shift).ok()?, !rest.is_zero(), precision)
}

/// What was counted.
impl From<i64> for Number {
    fn from(it: i64) -> Self {
        Self(NumberForm::Small(COUNTED, it))
    }
}

impl FromStr for Number {
    type Err = NumberParseError;

    fn from_str(text: &str) -> Result<Self, NumberParseError> {
        if text.len() < 19
            && text.bytes().all(|it| it.is_ascii_digit())
            && let Ok(small) = text.parse::<i64>()
        {
            return Ok(Number::written(small));
        }
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (decimal, power) = match unsigned.split_once(['e', 'E']) {
            Some((decimal, power)) => (decimal, exponent(power)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let all_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(NumberParseError);
        }
        let mut digits = format!("{whole}{fraction}");
        let mut power = power - i64::try_from(fraction.len()).map_err(|_| NumberParseError)?;
        let leading = digits.len() - digits.trim_start_matches('0').len();
        digits.drain(..leading);
        if digits.len() > SIGNIFICANT {
            let dropped = digits.split_off(SIGNIFICANT);
            power += i64::try_from(dropped.len()).map_err(|_| NumberParseError)?;
            if dropped.bytes().any(|it| it != b'0') {
                digits.push('1');
                power -= 1;
            }
        }
        if digits.is_empty() {
            return Ok(Number::written(0));
        }
        // Far out of range either way; not worth computing the power.
        let size = power.saturating_add(i64::try_from(digits.len()).map_err(|_| NumberParseError)?);
        if size > GREATEST {
            return Err(NumberParseError);
        }
        if size < -GREATEST {
            return Ok(Number::written(0));
        }
        let digits = BigUint::from_str(&digits).map_err(|_| NumberParseError)?;
        let digits = BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, digits);
        let ten = BigInt::from(10)
            .pow(u32::try_from(power.unsigned_abs()).map_err(|_| NumberParseError)?);
        let number = match power >= 0 {
            true => rounded(digits * ten, 0, false, PRECISION),
            false => quotient(digits, &ten, 0, PRECISION),
        };
        number.ok_or(NumberParseError)
    }
}

/// A decimal exponent; one too long to read is as far out of range as one can be.
fn exponent(text: &str) -> Result<i64, NumberParseError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(NumberParseError);
    }
    Ok(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 }))
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (NumberForm::Small(_, a), NumberForm::Small(_, b)) => a == b,
            (NumberForm::Big(_, a), NumberForm::Big(_, b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            NumberForm::Small(_, it) => it.hash(state),
            NumberForm::Big(_, it) => it.hash(state),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        let (a, ea) = self.parts();
        let (b, eb) = other.parts();
        a.sign().cmp(&b.sign()).then_with(|| {
            let exponent = ea.min(eb);
            (a << (ea - exponent)).cmp(&(b << (eb - exponent)))
        })
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The shortest decimal that reads back as the same number, without an exponent.
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
        let (digits, point) = self.digits(DecimalPrecision::Shortest);
        f.write_str(&decimal(self.is_negative(), &digits, point))
    }
}

/// Digits with their point, without an exponent.
fn decimal(is_negative: bool, digits: &str, point: i64) -> String {
    let sign = if is_negative { "-" } else { "" };
    match usize::try_from(point) {
        Ok(point) if point >= digits.len() => {
            format!("{sign}{digits}{}", "0".repeat(point - digits.len()))
        }
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
    }
}

/// The fewest digits that lie nearer to `mantissa * 2^exponent` than to any neighbour at full
/// precision, and where the point goes (Steele and White's method).
fn shortest(mantissa: &BigUint, exponent: i64, precision: u16) -> (String, i64) {
    let widened = u64::from(precision).saturating_sub(mantissa.bits());
    let full = mantissa << widened;
    let exponent = exponent - i64::try_from(widened).unwrap_or(0);
    let even = !full.bit(0);
    // Below a power of two the neighbours lie half as far apart as above it. The language takes no
    // note of it.
    let up = usize::try_from(exponent.max(0)).unwrap_or(0);
    let down = usize::try_from((-exponent).max(0)).unwrap_or(0);
    let mut rest: BigUint = &full << (up + 1);
    let mut scale: BigUint = BigUint::one() << (down + 1);
    let mut margin: BigUint = BigUint::one() << up;

    let bits = i64::try_from(full.bits()).unwrap_or(0) + exponent;
    // log10(2), a little less; the estimate is at most one too small.
    let mut point = (bits - 1) * 30_102_999 / 100_000_000;
    if bits - 1 < 0 {
        point -= 1;
    }
    let ten = BigUint::from(10u32);
    let power = ten.pow(u32::try_from(point.unsigned_abs()).unwrap_or(0));
    if point >= 0 {
        scale *= power;
    } else {
        rest *= &power;
        margin *= &power;
    }
    while if even { &rest + &margin >= scale } else { &rest + &margin > scale } {
        scale *= 10u32;
        point += 1;
    }
    let mut digits = String::new();
    loop {
        rest *= 10u32;
        margin *= 10u32;
        let (digit, left) = rest.div_rem(&scale);
        rest = left;
        let mut digit = digit.to_u8().unwrap_or(0);
        let low = if even { rest <= margin } else { rest < margin };
        let high = if even { &rest + &margin >= scale } else { &rest + &margin > scale };
        if !low && !high {
            digits.push(char::from(b'0' + digit));
            continue;
        }
        if high && (!low || &rest * 2u32 >= scale) {
            digit += 1;
        }
        digits.push(char::from(b'0' + digit));
        return (digits, point);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn n(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn arithmetic_is_binary_and_prints_the_shortest_decimal() {
        assert_eq!(n("0.1").add(&n("0.2")).unwrap().to_string(), "0.3");
        let square = n("1.1").mul(&n("1.1")).unwrap().to_string();
        assert_eq!(square, format!("1.21{}1", "0".repeat(151)));
        assert_eq!(n("10").div(&n("4")).unwrap().to_string(), "2.5");
        assert_eq!(n("1").div(&n("3")).unwrap().mul(&n("3")).unwrap(), n("1"));
        assert_eq!(
            n("11").rem(&n("5.1")).unwrap().to_string(),
            format!("0.8{}24", "0".repeat(152))
        );
        assert_eq!(n("-10").rem(&n("3")).unwrap(), n("-1"));
        assert_eq!(n("1").div(&n("0")), None);
        assert_eq!(n("1").rem(&n("0")), None);
        assert_eq!(n("1").rem(&n("0.0")), None);
    }

    #[test]
    fn one_number_has_one_form() {
        let same = ["1000", "1e3", "1000.0", "10000e-1", "+1000"].map(n);
        assert_eq!(same.iter().collect::<HashSet<_>>().len(), 1);
        assert_eq!(
            n("9223372036854775807").add(&n("1")).unwrap().sub(&n("1")).unwrap().as_i64(),
            Some(i64::MAX)
        );
        assert_eq!(n("-9223372036854775808").as_i64(), Some(i64::MIN));
        assert_eq!(n("-9223372036854775808").negated().to_string(), "9223372036854775808");
        assert_eq!(n("9223372036854775808").negated().as_i64(), Some(i64::MIN));
        assert_eq!(
            n("-9223372036854775808").div(&n("-1")).unwrap().to_string(),
            "9223372036854775808"
        );
    }

    #[test]
    fn numbers_order_as_they_should() {
        let ascending = [
            "-1e400",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-400",
            "0.5",
            "1",
            "9223372036854775807",
            "1e30",
        ]
        .map(n);
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn whole_parts_go_the_right_way() {
        for (text, floor, ceil) in
            [("1.5", "1", "2"), ("-1.5", "-2", "-1"), ("7", "7", "7"), ("-0.1", "-1", "0")]
        {
            assert_eq!(n(text).floor(), n(floor));
            assert_eq!(n(text).ceil(), n(ceil));
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
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
    fn doubles_round_trip() {
        for double in [0.1, 1.5, -2.25e-7, f64::MAX, f64::MIN_POSITIVE, 1e22, 5e-324] {
            assert_eq!(Number::from_f64(double).unwrap().to_f64().to_bits(), double.to_bits());
        }
        assert_eq!(Number::from_f64(f64::NAN), None);
        assert_eq!(n("1e400").to_f64(), f64::INFINITY);
    }

    #[test]
    fn numbers_survive_json() {
        let third = n("1").div(&n("3")).unwrap();
        for number in [
            n("0.1"),
            n("-2.5e-7"),
            n("1e400"),
            n("1e22"),
            n("18446744073709551617"),
            n("-9223372036854775808"),
            third,
        ] {
            let json = serde_json::to_string(&crate::Value::Number(number.clone())).unwrap();
            assert_eq!(
                serde_json::from_str::<crate::Value>(&json).unwrap(),
                crate::Value::Number(number),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
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
        ] {
            assert_eq!(text.parse::<Number>(), Err(NumberParseError), "{text}");
        }
        assert_eq!(n("1e-999999999999999999999"), Number::ZERO);
        assert_eq!(n(".5"), n("0.5"));
    }

    #[test]
    fn the_more_precise_of_two_decides() {
        let double = |it: f64| Number::from_f64(it).unwrap();
        let (count, three) = (Number::from(1), Number::from(3));
        let cases = [
            (count.div(&three), "0.33333333333333333334"),
            (count.div(&three).unwrap().mul(&three), "1.00000000000000000003"),
            (double(4.0).div(&double(3.0)), "1.3333333333333333"),
            (double(0.1).add(&double(0.2)), "0.30000000000000004"),
            (double(0.1).add(&count), "1.1000000000000000056"),
            (double(1.5).mul(&double(1.25)), "1.875"),
            (double(3f64.powi(39)).add(&double(1.0)), "4052555153018976000"),
            (double(3f64.powi(40)).rem(&n("7")), "0"),
            (double(3f64.powi(40)).mul(&n("1")).unwrap().rem(&n("7")), "6"),
            (Number::from_digits("10", 10).unwrap().rem(&n("0.3")), "0.10000000000000000035"),
        ];
        for (result, wanted) in cases {
            assert_eq!(result.unwrap().to_string(), wanted);
        }
        assert_eq!(double(0.5), n("0.5"));
        assert_eq!(double(3f64.powi(39)).all_digits(), "4052555153018976256");
    }

    #[test]
    fn digits_of_other_bases() {
        assert_eq!(Number::from_digits("ff", 16), Some(n("255")));
        assert_eq!(Number::from_digits("FF", 16), Some(n("255")));
        assert_eq!(Number::from_digits("-111", 2), Some(n("-7")));
        assert_eq!(Number::from_digits("aA", 62), Some(n("656")));
        assert_eq!(Number::from_digits("12", 2), None);
        assert_eq!(Number::from_digits("", 10), None);
    }

    #[test]
    fn digits_are_rounded_where_they_are_cut() {
        let digits = |text: &str, wanted| n(text).digits(wanted);
        assert_eq!(digits("1.005", DecimalPrecision::AfterPoint(2)), ("100".into(), 1));
        assert_eq!(digits("0.25", DecimalPrecision::AfterPoint(1)), ("2".into(), 0));
        assert_eq!(digits("0.015", DecimalPrecision::Shortest), ("15".into(), -1));
        assert_eq!(digits("-999.9", DecimalPrecision::Significant(3)), ("100".into(), 4));
        assert_eq!(digits("123456", DecimalPrecision::Significant(2)), ("12".into(), 6));
        assert_eq!(digits("1200", DecimalPrecision::Shortest), ("12".into(), 4));
    }

    #[test]
    fn a_number_is_small() {
        assert!(size_of::<Number>() <= 16);
    }
}
