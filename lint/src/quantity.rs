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

/// A quantity as text, without the spaces around it, which the server drops; a number is one, too.
#[must_use]
pub fn text(node: NodeRef<'_>) -> Option<String> {
    match node.value() {
        Value::Str(text) => Some(text.trim_matches(' ').to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A quantity in billionths; nothing for what is none. As the server does, what is less than a billionth counts as one;
/// more than can be told apart here is the largest amount.
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let (is_negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (factor, exponent) = scale(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // No digit at all is nothing, as in `m`; nothing at all is no quantity.
    if fraction.contains('.') || text.is_empty() {
        return None;
    }
    let digits = [whole, fraction].concat();
    let shift = 9 + exponent - i64::try_from(fraction.len()).ok()?;
    let amount = scaled(digits.trim_start_matches('0'), factor, shift);
    let amount = if suffix.ends_with('i') { amount.min(MOST_BINARY) } else { amount };
    Some(if is_negative { -amount } else { amount })
}

/// What a suffix multiplies by: a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i64)> {
    if suffix.is_empty() {
        return Some((1, 0));
    }
    if let Some((_, factor)) = SUFFIXES.iter().find(|(known, _)| *known == suffix) {
        return Some(if *factor < 0 { (1, i64::try_from(*factor).ok()?) } else { (*factor, 0) });
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((1, i64::from(exponent.parse::<i32>().ok()?)))
}

/// The most that a quantity with a binary suffix is; the server reads `16Ei` as this, and knows no bound for the others.
const MOST_BINARY: i128 = i64::MAX as i128 * 1_000_000_000;
/// The largest amount, still a whole number.
const MOST: i128 = i128::MAX / 1_000_000_000 * 1_000_000_000;

/// Digits times a factor and a power of ten, rounded up, at most `MOST`.
fn scaled(digits: &str, factor: i128, shift: i64) -> i128 {
    // So many digits can be multiplied without overflow; of the others it matters only whether they are 0.
    let kept = digits.len().min(if factor == 1 { 28 } else { 19 });
    let (front, rest) = digits.split_at(kept);
    let shift = shift + i64::try_from(rest.len()).unwrap_or(i64::MAX / 2);
    let product = front.parse::<i128>().unwrap_or_default() * factor;
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|shift| 10_i128.checked_pow(shift));
    let is_more = rest.bytes().any(|byte| byte != b'0');
    let value = match (power, shift >= 0) {
        (Some(power), true) => product.saturating_mul(power),
        (Some(power), false) => product / power + i128::from(product % power > 0 || is_more),
        (None, true) if product > 0 => MOST,
        (None, _) => i128::from(product > 0),
    };
    value.min(MOST)
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
            ("0.1n", "1n"),
            ("1.0000000001", "1000000001n"),
            ("1.00000000000000000000000000000000001Ei", "1152921504606846976000000001n"),
            ("16Ei", "9223372036854775807"),
            ("1e300", "1e400"),
            ("1e-400", "1n"),
            ("0e400", "0"),
        ] {
            assert!(are_equal(Some(a), Some(b)), "{a} {b}");
        }
        for (a, b) in [("1", "2"), ("1M", "1Mi"), ("1m", "1M"), ("1e28", "9223372036854775807")] {
            assert!(!are_equal(Some(a), Some(b)), "{a} {b}");
        }
        for text in ["", "one", "1.2.3", "--1", "1 Gi", "1eX", "1e", "1E2E", "1e2147483648", "+-1", "1i"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for (text, amount) in [
            ("1e-10", 1),
            ("0.1n", 1),
            ("-0.0000000001", -1),
            ("-0", 0),
            ("5.", 5 * NANO),
            ("1e+3", 1000 * NANO),
            ("m", 0),
            ("-e3", 0),
            ("1Ei", (1 << 60) * NANO),
            ("1e30", MOST),
            ("1e999", MOST),
            ("000000000000000000000000000000000000000000000001", NANO),
        ] {
            assert_eq!(parse(text), Some(amount), "{text}");
        }
        assert_eq!(parse("1"), Some(NANO));
        assert_eq!(parse("-1"), Some(-NANO));
    }
}
