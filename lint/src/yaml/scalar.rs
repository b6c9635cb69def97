//! Plain scalars as YAML 1.1 reads them, which is how Kubernetes does.
//! Knows one scalar at a time.

use super::{Value, Word};

/// A scalar as a mapping's key: booleans and numbers become their text.
pub(super) fn key_text(value: Value) -> Option<Word> {
    match value {
        Value::Str(text) => Some(text),
        Value::Bool(value) => Some(value.to_string().into()),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Float(number) => Some(number.to_string().into()),
        Value::Null => Some("null".into()),
        Value::Map(_) | Value::Seq(_) => None,
    }
}

/// Reads a plain scalar as YAML 1.1 does, which is how Kubernetes reads it (seen with kubectl 1.32).
pub(crate) fn resolve(text: &str) -> Value {
    let special = |byte: &u8| byte.is_ascii_digit() || b"~nNyYoOtTfF.+-".contains(byte);
    if !text.is_empty() && !text.as_bytes().first().is_some_and(special) {
        return Value::Str(text.into());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => return Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Value::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if !numeric {
        return Value::Str(text.into());
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits)).unwrap_or_else(|| Value::Str(text.into()))
}

fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some(_) if digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    let number = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let number = if negative { -number } else { number };
    #[expect(clippy::cast_precision_loss, reason = "beyond i64 only the size matters")]
    let large = number as f64;
    Some(i64::try_from(number).map_or(Value::Float(large), Value::Int))
}

fn float(text: &str) -> Option<Value> {
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    if !has_digit || !text.chars().all(allowed) {
        return None;
    }
    text.parse().ok().map(Value::Float)
}
