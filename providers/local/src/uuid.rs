//! UUIDs in Terraform's form.

/// A UUID of version 4 from a token of 32 random hexadecimal digits.
pub(crate) fn of_token(token: &str) -> String {
    let variant = match token.as_bytes().get(16) {
        Some(b'0' | b'4' | b'8' | b'c') => '8',
        Some(b'1' | b'5' | b'9' | b'd') => '9',
        Some(b'2' | b'6' | b'a' | b'e') => 'a',
        _ => 'b',
    };
    let digit = |(at, digit): (usize, char)| match at {
        12 => '4',
        16 => variant,
        _ => digit,
    };
    let digits: String = token.chars().enumerate().map(digit).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::of_token;

    #[test]
    fn a_token_becomes_a_uuid() {
        assert_eq!(
            of_token("00112233445566778899aabbccddeeff"),
            "00112233-4455-4677-8899-aabbccddeeff"
        );
        assert_eq!(
            of_token("ffffffffffffffffffffffffffffffff"),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }
}
