//! Numbers of the language: binary floating point, rounded half to even, with a separate form for
//! small integers. A literal has a precision of 512 bits, an integer that a function counts 64, and
//! a result computed in doubles 53. An operation on two numbers has the greater precision of the
//! two. These are the precisions of Terraform's number library (`cty` on Go's `big.Float`), and
//! they decide which digits are printed.

mod decimal;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

pub use decimal::{DecimalPrecision, NumberParseError};

/// Precision of a literal, in bits; no number has more.
const LITERAL_PRECISION: u16 = 512;
/// Precision of an integer that was counted, in bits.
const INTEGER_PRECISION: u16 = 64;
/// Precision of a double, in bits.
const DOUBLE_PRECISION: u16 = 53;
/// Greatest power of two a number may reach; a magnitude below its inverse becomes zero. The bound
/// keeps the digits of any number, and the shifts that align two exponents, small enough to compute
/// at once.
const MAX_EXPONENT: i64 = 1 << 17;

/// A number. Equality, order and hash ignore its precision.
#[derive(Clone)]
pub struct Number(NumberForm);

/// The forms of a number, each with its precision in bits. A value has exactly one form, so that
/// equality and hash need no arithmetic.
#[derive(Clone)]
enum NumberForm {
    /// An integer that fits into 64 bits.
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

impl Number {
    /// Zero.
    pub const ZERO: Self = Self(NumberForm::Small(INTEGER_PRECISION, 0));

    /// An integer with the precision of a literal.
    #[must_use]
    pub const fn written(it: i64) -> Self {
        Self(NumberForm::Small(LITERAL_PRECISION, it))
    }

    /// The number as an `i64`; `None` for a fraction or an integer out of its range.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            NumberForm::Small(_, it) => Some(*it),
            NumberForm::Big(..) => None,
        }
    }

    /// The number as an integer of any size; `None` for a fraction.
    #[must_use]
    pub fn as_integer(&self) -> Option<BigInt> {
        match &self.0 {
            NumberForm::Small(_, it) => Some((*it).into()),
            NumberForm::Big(_, it) => (it.exponent >= 0).then(|| &it.mantissa << it.exponent),
        }
    }

    /// Whether the number has no fraction.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            NumberForm::Small(..) => true,
            NumberForm::Big(_, it) => it.exponent >= 0,
        }
    }

    /// Whether the number is less than zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            NumberForm::Small(_, it) => *it < 0,
            NumberForm::Big(_, it) => it.mantissa.is_negative(),
        }
    }

    /// The nearest double; infinite where the number is out of a double's range.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            NumberForm::Small(_, it) => *it as f64,
            NumberForm::Big(_, it) => {
                // Written with the full precision: digits that are shortest at a lower one may lie
                // nearer to another double. The standard parser then rounds once.
                let digits = self.keeping(LITERAL_PRECISION).to_string();
                digits.parse().unwrap_or(if it.mantissa.is_negative() {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                })
            }
        }
    }

    /// The exact value of a double, with a precision of 53 bits; `None` for infinities and NaN.
    #[must_use]
    pub fn from_f64(it: f64) -> Option<Self> {
        if !it.is_finite() {
            return None;
        }
        let (mantissa, exponent) = double_parts(it);
        rounded(mantissa, exponent, false, DOUBLE_PRECISION)
    }

    /// The precision in bits where it is below that of a literal and decides which digits are
    /// printed; otherwise `None`.
    #[must_use]
    pub fn kept_bits(&self) -> Option<u16> {
        match &self.0 {
            NumberForm::Small(bits, it) if fits(*it, *bits) => None,
            NumberForm::Small(bits, _) | NumberForm::Big(bits, _) => {
                Some(*bits).filter(|it| *it < LITERAL_PRECISION)
            }
        }
    }

    /// The same value with another precision, in bits. The value itself is not rounded.
    #[must_use]
    pub fn keeping(&self, bits: u16) -> Self {
        Self(match &self.0 {
            NumberForm::Small(_, it) => NumberForm::Small(bits, *it),
            NumberForm::Big(_, it) => NumberForm::Big(bits, it.clone()),
        })
    }

    /// The number nearest to an integer of any size, with the precision of a literal; `None` where
    /// it is out of range.
    #[must_use]
    pub fn from_integer(it: BigInt) -> Option<Self> {
        rounded(it, 0, false, LITERAL_PRECISION)
    }

    /// The sum; `None` where it is out of range.
    #[must_use]
    pub fn add(&self, other: &Self) -> Option<Self> {
        let bits = self.precision().max(other.precision());
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b).filter(|it| fits(*it, bits))
        {
            return Some(Self(NumberForm::Small(bits, sum)));
        }
        let (a, ea) = self.mantissa_and_exponent();
        let (b, eb) = other.mantissa_and_exponent();
        let exponent = ea.min(eb);
        rounded((a << (ea - exponent)) + (b << (eb - exponent)), exponent, false, bits)
    }

    /// The difference; `None` where it is out of range.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Option<Self> {
        self.add(&other.negated())
    }

    /// The product, with the precision that its own digits need where that is more than the factors
    /// have; `None` where it is out of range.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Option<Self> {
        let bits = self.precision().max(other.precision());
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b).filter(|it| fits(*it, bits))
        {
            return Some(Self(NumberForm::Small(bits, product)));
        }
        let (a, ea) = self.mantissa_and_exponent();
        let (b, eb) = other.mantissa_and_exponent();
        // `cty` multiplies with 512 bits and then cuts the precision to what the product needs, and
        // only here: sums and quotients are rounded to the precision of their operands.
        let product = rounded(a * b, ea + eb, false, LITERAL_PRECISION)?;
        let mantissa = product.mantissa_and_exponent().0;
        let needed = mantissa.bits() - mantissa.trailing_zeros().unwrap_or(0);
        Some(product.keeping(bits.max(u16::try_from(needed).unwrap_or(LITERAL_PRECISION))))
    }

    /// The quotient; `None` where the divisor is zero or the result is out of range.
    #[must_use]
    pub fn div(&self, other: &Self) -> Option<Self> {
        let bits = self.precision().max(other.precision());
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && *b != 0
            && let Some(0) = a.checked_rem(*b)
            && fits(a / b, bits)
        {
            return Some(Self(NumberForm::Small(bits, a / b)));
        }
        let (a, ea) = self.mantissa_and_exponent();
        let (b, eb) = other.mantissa_and_exponent();
        quotient(a, &b, ea - eb, bits)
    }

    /// The remainder of a division, with the sign of `self`; `None` where `other` is zero or the
    /// result is out of range. Each intermediate result is rounded to the precision of `self`, as
    /// `cty` does, so that the remainder of fractions is not exact.
    #[must_use]
    pub fn rem(&self, other: &Self) -> Option<Self> {
        let bits = self.precision();
        if let (NumberForm::Small(_, a), NumberForm::Small(_, b)) = (&self.0, &other.0)
            && fits(*a, bits)
            && let Some(rest) = a.checked_rem(*b)
        {
            return Some(Self(NumberForm::Small(bits, rest)));
        }
        let to_precision = |it: Self| {
            let (mantissa, exponent) = it.mantissa_and_exponent();
            rounded(mantissa, exponent, false, bits)
        };
        let times = to_precision(self.div(other)?.truncated())?;
        let (a, ea) = other.mantissa_and_exponent();
        let (b, eb) = times.mantissa_and_exponent();
        let subtrahend = rounded(a * b, ea + eb, false, bits)?;
        self.sub(&subtrahend)
    }

    /// The number with the opposite sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        match &self.0 {
            NumberForm::Small(bits, it) => match it.checked_neg() {
                Some(negated) => Self(NumberForm::Small(*bits, negated)),
                None => rounded(-BigInt::from(*it), 0, false, *bits)
                    .expect("a small integer is in range"),
            },
            // `i64::MIN` has no positive counterpart of 64 bits. Negating that counterpart, which
            // is big, must give the small form again.
            NumberForm::Big(bits, it) => rounded(-&it.mantissa, it.exponent, false, *bits)
                .expect("the sign changes nothing about the range"),
        }
    }

    /// The absolute value.
    #[must_use]
    pub fn magnitude(&self) -> Self {
        if self.is_negative() { self.negated() } else { self.clone() }
    }

    /// The greatest integer that is not above the number.
    #[must_use]
    pub fn floor(&self) -> Self {
        match &self.0 {
            NumberForm::Big(bits, it) if it.exponent < 0 => {
                rounded(&it.mantissa >> it.exponent.unsigned_abs(), 0, false, *bits)
                    .expect("the next integer of a number in range is in range")
            }
            _ => self.clone(),
        }
    }

    /// The least integer that is not below the number.
    #[must_use]
    pub fn ceil(&self) -> Self {
        self.negated().floor().negated()
    }

    /// The number without its fraction, rounded toward zero.
    #[must_use]
    pub fn truncated(&self) -> Self {
        if self.is_negative() { self.ceil() } else { self.floor() }
    }

    /// The precision, in bits.
    fn precision(&self) -> u16 {
        match &self.0 {
            NumberForm::Small(bits, _) | NumberForm::Big(bits, _) => *bits,
        }
    }

    /// The mantissa and the exponent of two.
    fn mantissa_and_exponent(&self) -> (BigInt, i64) {
        match &self.0 {
            NumberForm::Small(_, it) => ((*it).into(), 0),
            NumberForm::Big(_, it) => (it.mantissa.clone(), it.exponent),
        }
    }
}

/// Whether an integer is exact at a precision, in bits.
fn fits(integer: i64, bits: u16) -> bool {
    bits >= INTEGER_PRECISION || integer.unsigned_abs() >> bits == 0
}

/// A finite double as `mantissa * 2^exponent`.
fn double_parts(double: f64) -> (BigInt, i64) {
    // IEEE 754: 11 bits of exponent and 52 of fraction. An exponent field of zero means a subnormal
    // number, which has no implicit leading one. 1075 is the bias of 1023 and the 52 bits behind
    // the point.
    let bits = double.to_bits();
    let (power, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let (mantissa, power) = if power == 0 { (fraction, 1) } else { (fraction | 1 << 52, power) };
    let exponent = i64::try_from(power).unwrap_or(0) - 1075;
    (if double < 0.0 { -BigInt::from(mantissa) } else { mantissa.into() }, exponent)
}

/// `mantissa * 2^exponent` in its one form, rounded half to even to `precision` bits; `None` where
/// it is too large. `inexact` means that a remainder below the last bit was dropped already.
fn rounded(mantissa: BigInt, exponent: i64, inexact: bool, precision: u16) -> Option<Number> {
    let (sign, mut magnitude) = mantissa.into_parts();
    let mut exponent = exponent;
    let zero = Number(NumberForm::Small(precision, 0));
    if magnitude.is_zero() {
        return Some(zero);
    }
    let bits = magnitude.bits();
    if bits > precision.into() {
        let excess = bits - u64::from(precision);
        let half = magnitude.bit(excess - 1);
        let below_half = inexact || magnitude.trailing_zeros().is_some_and(|it| it < excess - 1);
        magnitude >>= excess;
        exponent += i64::try_from(excess).ok()?;
        if half && (below_half || magnitude.bit(0)) {
            magnitude += 1u32;
        }
    }
    let zeros = magnitude.trailing_zeros().unwrap_or(0);
    if zeros > 0 {
        magnitude >>= zeros;
        exponent += i64::try_from(zeros).ok()?;
    }
    let top = exponent + i64::try_from(magnitude.bits()).ok()?;
    if top > MAX_EXPONENT {
        return None;
    }
    if top < -MAX_EXPONENT {
        return Some(zero);
    }
    if exponent >= 0 && top <= 64 {
        let integer = BigInt::from_biguint(sign, &magnitude << exponent);
        if let Some(small) = integer.to_i64() {
            return Some(Number(NumberForm::Small(precision, small)));
        }
    }
    Some(Number(NumberForm::Big(
        precision,
        Arc::new(BigFloat { mantissa: BigInt::from_biguint(sign, magnitude), exponent }),
    )))
}

/// `a / b * 2^exponent`, rounded once.
fn quotient(a: BigInt, b: &BigInt, exponent: i64, precision: u16) -> Option<Number> {
    if b.is_zero() {
        return None;
    }
    // Two bits more than the precision: the rounding bit is then exact, and a remainder that is not
    // zero decides ties.
    let wanted = u64::from(precision) + 2 + b.bits();
    let shift = wanted.saturating_sub(a.bits());
    let (integer, remainder) = (a << shift).div_rem(b);
    rounded(integer, exponent - i64::try_from(shift).ok()?, !remainder.is_zero(), precision)
}

/// An integer with the precision of one that was counted: 64 bits.
impl From<i64> for Number {
    fn from(integer: i64) -> Self {
        Self(NumberForm::Small(INTEGER_PRECISION, integer))
    }
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
        let (a, ea) = self.mantissa_and_exponent();
        let (b, eb) = other.mantissa_and_exponent();
        a.sign().cmp(&b.sign()).then_with(|| {
            let exponent = ea.min(eb);
            (a << (ea - exponent)).cmp(&(b << (eb - exponent)))
        })
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
    fn equal_numbers_have_one_form() {
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
    fn orders_numbers_by_value() {
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
    fn floor_and_ceil_round_negative_numbers_too() {
        for (text, floor, ceil) in
            [("1.5", "1", "2"), ("-1.5", "-2", "-1"), ("7", "7", "7"), ("-0.1", "-1", "0")]
        {
            assert_eq!(n(text).floor(), n(floor));
            assert_eq!(n(text).ceil(), n(ceil));
        }
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
    fn the_greater_precision_of_two_decides() {
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
    fn a_number_is_small() {
        assert!(size_of::<Number>() <= 16);
    }
}
