//! Version constraints of `required_version`.

use std::cmp::Ordering;

/// The version that `required_version` in `.hcl` files is about: that of `ha`.
pub(crate) const HA: &str = env!("CARGO_PKG_VERSION");
/// The version that `required_version` in `.tf` files is about: the Terraform whose language is read.
pub(crate) const TERRAFORM: &str = "1.11.4";

/// The numbers of a version, as many as are written.
type ParsedVersion = Vec<u64>;

/// Whether a version satisfies a constraint such as `>= 1.2, < 2`.
///
/// # Errors
/// The part of the constraint that cannot be parsed.
pub(crate) fn meets(version: &str, constraint: &str) -> Result<bool, String> {
    let version = numbers(version).ok_or_else(|| version.to_owned())?;
    let mut met = true;
    for part in constraint.split(',').map(str::trim) {
        met &= part_met(&version, part).ok_or_else(|| part.to_owned())?;
    }
    Ok(met)
}

fn part_met(version: &[u64], part: &str) -> Option<bool> {
    let end = part.find(|it: char| !"=!<>~".contains(it)).unwrap_or(part.len());
    let (operator, wanted) = part.split_at(end);
    let wanted = numbers(wanted.trim())?;
    let order = compared(version, &wanted);
    Some(match operator {
        "" | "=" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        ">" => order == Ordering::Greater,
        ">=" => order != Ordering::Less,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        // All numbers but the last must be equal; the last one may be greater.
        "~>" => {
            order != Ordering::Less
                && version.iter().zip(&wanted[..wanted.len() - 1]).all(|(it, wants)| it == wants)
        }
        _ => return None,
    })
}

fn numbers(text: &str) -> Option<ParsedVersion> {
    let text = text.strip_prefix('v').unwrap_or(text);
    text.split('.')
        .map(|it| it.bytes().all(|it| it.is_ascii_digit()).then(|| it.parse().ok())?)
        .collect()
}

/// Compares versions. Numbers that are not written count as 0.
fn compared(a: &[u64], b: &[u64]) -> Ordering {
    let at = |of: &[u64], index: usize| of.get(index).copied().unwrap_or(0);
    let orders = (0..a.len().max(b.len())).map(|index| at(a, index).cmp(&at(b, index)));
    orders.fold(Ordering::Equal, Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::meets;

    #[test]
    fn constraints_are_satisfied_as_in_terraform() {
        for constraint in [
            ">= 1.0",
            "~> 1.11",
            "~> 1.11.0",
            ">1, < 2",
            "= 1.11.4",
            "v1.11.4",
            "~> 1",
            "~>1.11.4",
            "1.11.4",
        ] {
            assert_eq!(meets("1.11.4", constraint), Ok(true), "{constraint}");
        }
        for constraint in ["1.11", "!= 1.11.4", ">= 1.12", "~> 1.10.0", "> 1, < 1.11", "~> 2"] {
            assert_eq!(meets("1.11.4", constraint), Ok(false), "{constraint}");
        }
        for (constraint, part) in [
            (">= x", ">= x"),
            ("", ""),
            (">=1.0,", ""),
            ("1.*", "1.*"),
            ("=> 1", "=> 1"),
            ("1.2-rc1", "1.2-rc1"),
        ] {
            assert_eq!(meets("1.11.4", constraint), Err(part.to_owned()), "{constraint}");
        }
    }
}
