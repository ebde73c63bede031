//! Powers and logarithms of doubles that agree with Go's `math` package, and so with Terraform, in
//! the last bit. The functions of the C library round some results differently, which a comparison
//! of plans would show as a change.

use std::f64::consts::FRAC_1_SQRT_2;

/// The high bits of the natural logarithm of 2. The low bits of the mantissa are zero, so that a
/// product with any exponent of a double is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
/// The remainder of the logarithm of 2 below `LN_2_HIGH`.
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// The coefficients of the minimax polynomial in FreeBSD's `e_log.c`, which Go uses.
const LOG_COEFFICIENTS: [f64; 7] = [
    f64::from_bits(0x3fe5_5555_5555_5593),
    f64::from_bits(0x3fd9_9999_9997_fa04),
    f64::from_bits(0x3fd2_4924_9422_9359),
    f64::from_bits(0x3fcc_71c5_1d8e_78af),
    f64::from_bits(0x3fc7_4664_96cb_03de),
    f64::from_bits(0x3fc3_9a09_d078_c69f),
    f64::from_bits(0x3fc2_f112_df3e_5244),
];

/// A finite number other than 0 as a fraction in [1/2, 1) and an exponent of two, as C's `frexp`.
fn split(number: f64) -> (f64, i32) {
    // A subnormal number has no implicit leading one; scaling by 2^52 makes it normal.
    let (scaled, down) =
        if number.abs() < f64::MIN_POSITIVE { (number * 2f64.powi(52), -52) } else { (number, 0) };
    let power = i32::try_from((scaled.to_bits() >> 52) & 0x7ff).unwrap_or(0) - 1022;
    (f64::from_bits(scaled.to_bits() & !(0x7ff << 52) | 1022 << 52), power + down)
}

/// `2^power` for a power in the range of normal doubles.
fn two_to(power: i32) -> f64 {
    f64::from_bits(u64::try_from(power + 1023).unwrap_or(0) << 52)
}

/// `number * 2^power`, rounded once, as C's `ldexp`.
fn scaled(number: f64, power: i32) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let (fraction, more) = split(number);
    match power.saturating_add(more) {
        1025.. => f64::INFINITY.copysign(fraction),
        power @ -1021.. => fraction * 2.0 * two_to(power - 1),
        // A subnormal result is rounded by the last multiplication only; the first one is exact.
        power @ -1074.. => fraction * two_to(power + 100) * two_to(-100),
        _ => 0f64.copysign(fraction),
    }
}

/// The natural logarithm: NaN for negative numbers, negative infinity for zero.
pub(super) fn logarithm(number: f64) -> f64 {
    if number.is_nan() || number == f64::INFINITY {
        return number;
    }
    if number < 0.0 {
        return f64::NAN;
    }
    if number == 0.0 {
        return f64::NEG_INFINITY;
    }
    let (mut fraction, mut power) = split(number);
    if fraction < FRAC_1_SQRT_2 {
        fraction *= 2.0;
        power -= 1;
    }
    // The order of the operations below is that of Go's `log`; another order would round
    // differently.
    let (above_one, power) = (fraction - 1.0, f64::from(power));
    let s = above_one / (2.0 + above_one);
    let square = s * s;
    let fourth = square * square;
    let [l1, l2, l3, l4, l5, l6, l7] = LOG_COEFFICIENTS;
    let odd = square * (l1 + fourth * (l3 + fourth * (l5 + fourth * l7)));
    let even = fourth * (l2 + fourth * (l4 + fourth * l6));
    let half = 0.5 * above_one * above_one;
    power * LN_2_HIGH - ((half - (s * (half + (odd + even)) + power * LN_2_LOW)) - above_one)
}

/// A number to a power, by the method of Go's `Pow`: repeated squaring for the integer part of the
/// power, and the exponential function for its fraction.
pub(super) fn power(number: f64, power: f64) -> f64 {
    if power == 0.0 || number == 1.0 {
        return 1.0;
    }
    if power == 1.0 {
        return number;
    }
    if power == 0.5 {
        return number.sqrt();
    }
    if power == -0.5 {
        return 1.0 / number.sqrt();
    }
    let (mut integer, mut fraction_of_power) = (power.abs().trunc(), power.abs().fract());
    // IEEE 754 defines the results for zero, infinities and NaN, and a huge power can only give
    // zero, one or infinity, so that all libraries agree here.
    if number == 0.0
        || !number.is_finite()
        || !power.is_finite()
        || (fraction_of_power != 0.0 && number < 0.0)
        || integer >= 2f64.powi(63)
    {
        return number.powf(power);
    }
    let mut fraction = 1.0;
    if fraction_of_power > 0.0 {
        if fraction_of_power > 0.5 {
            fraction_of_power -= 1.0;
            integer += 1.0;
        }
        fraction = (fraction_of_power * logarithm(number)).exp();
    }
    // Mantissa and exponent are multiplied separately, so that no intermediate square overflows.
    let (mut exponent, (mut square, mut square_exponent)) = (0_i32, split(number));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a non-negative integer below 2^63"
    )]
    let mut bits = integer as u64;
    while bits != 0 {
        if square_exponent.abs() > 1 << 12 {
            exponent = exponent.saturating_add(square_exponent);
            break;
        }
        if bits & 1 == 1 {
            fraction *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if power < 0.0 {
        fraction = 1.0 / fraction;
        exponent = -exponent;
    }
    scaled(fraction, exponent)
}

#[cfg(test)]
mod tests {
    use super::{logarithm, power, scaled, split};

    #[test]
    fn split_and_scaled_are_inverse() {
        for number in [1.0, -0.75, 3.0, 1e308, f64::MIN_POSITIVE, 5e-324, 2.5e-310, f64::MAX] {
            let (fraction, power) = split(number);
            assert!((0.5..1.0).contains(&fraction.abs()), "{number}");
            assert_eq!(scaled(fraction, power), number);
        }
        assert_eq!((scaled(0.5, 1026), scaled(-0.5, -1080)), (f64::INFINITY, 0.0));
    }

    #[test]
    fn powers_of_integers_are_exact() {
        assert_eq!(power(2.0, 64.0), 18_446_744_073_709_551_616.0);
        assert_eq!(power(-3.0, 3.0), -27.0);
        assert_eq!(power(10.0, -2.0), 0.01);
        assert_eq!(power(4.0, 0.5), 2.0);
        assert_eq!(power(2.0, 1e5), f64::INFINITY);
        assert_eq!(power(2.0, -1e5), 0.0);
        assert!(power(-8.0, 1.0 / 3.0).is_nan());
    }

    #[test]
    fn logarithms_match_powers() {
        assert_eq!(logarithm(8.0) / logarithm(2.0), 3.0);
        assert_eq!(logarithm(1.0), 0.0);
        assert_eq!(logarithm(0.0), f64::NEG_INFINITY);
        assert!(logarithm(-1.0).is_nan());
    }
}
