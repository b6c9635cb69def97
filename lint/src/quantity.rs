//! Quantities as Kubernetes writes them: `500m`, `1.5Gi`, `1e3`.
//! Compares them; whether one makes sense is for rules.

use crate::yaml::{NodeRef, Value};

/// The suffixes with their factors; a negative one is a power of ten.
const SUFFIXES: [(&str, i128); 15] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// A quantity as text; a number is one, too.
#[must_use]
pub fn text(node: NodeRef<'_>) -> Option<String> {
    match node.value() {
        Value::Str(text) => Some(text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A quantity in billionths; nothing for what is none.
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let suffix = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix));
    let (number, factor, exponent) = match suffix {
        Some((suffix, factor)) if *factor < 0 => (text.strip_suffix(suffix)?, 1, i32::try_from(*factor).ok()?),
        Some((suffix, factor)) => (text.strip_suffix(suffix)?, *factor, 0),
        None => match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, 1, exponent.parse().ok()?),
            None => (text, 1, 0),
        },
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    if !all_digits(unsigned) || !all_digits(fraction) || (unsigned.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits: i128 = format!("{unsigned}{fraction}").parse().ok()?;
    let shift = 9 + exponent - i32::try_from(fraction.len()).ok()?;
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    let scaled = digits.checked_mul(factor)?;
    let value = if shift >= 0 { scaled.checked_mul(power)? } else { scaled / power };
    Some(if whole.starts_with('-') { -value } else { value })
}

/// Whether two quantities are the same amount.
#[must_use]
pub fn are_equal(a: Option<&str>, b: Option<&str>) -> bool {
    let amount = |text: Option<&str>| text.and_then(parse);
    amount(a).is_some() && amount(a) == amount(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NANO: i128 = 1_000_000_000;

    #[test]
    fn amounts_are_compared_not_texts() {
        for (a, b) in [
            ("1", "1000m"),
            ("1", "1.0"),
            ("0.5", "500m"),
            ("1Gi", "1024Mi"),
            ("1e3", "1k"),
            ("1.5Gi", "1536Mi"),
            (".5", "500m"),
        ] {
            assert!(are_equal(Some(a), Some(b)), "{a} {b}");
        }
        for (a, b) in [("1", "2"), ("1M", "1Mi"), ("1m", "1M")] {
            assert!(!are_equal(Some(a), Some(b)), "{a} {b}");
        }
        for text in ["", "m", "one", "1.2.3", "--1", "1 Gi", "1eX"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("1"), Some(NANO));
        assert_eq!(parse("-1"), Some(-NANO));
    }
}
