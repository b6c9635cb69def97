//! The syntax of values that the server decodes from text: times and base64.
//! Must not know where they stand.

/// Whether a text is a time as RFC 3339 writes it, with capital `T` and `Z`, and a fraction after `.` or `,`.
pub(super) fn is_time(text: &str) -> bool {
    read_time(text).is_some()
}

fn read_time(text: &str) -> Option<()> {
    // An hour may have one digit, as nothing else may.
    if text.get(12..13) == Some(":") {
        return read_time(&format!("{}0{}", text.get(..11)?, text.get(11..)?));
    }
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let mark = |at: usize, mark: &str| (text.get(at..=at)? == mark).then_some(());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    mark(4, "-")?;
    mark(7, "-")?;
    mark(10, "T")?;
    mark(13, ":")?;
    mark(16, ":")?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = text.get(19..)?;
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (zone.len() < fraction.len()).then_some(zone)?
        }
        None => rest,
    };
    if rest == "Z" {
        return Some(());
    }
    let (hours, minutes) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
    let two = |digits: &str, most: u32| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && digits.parse::<u32>().ok()? <= most).then_some(())
    };
    two(hours, 24)?;
    two(minutes, 60)
}

/// The units of a duration in nanoseconds.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
/// About 292 years, the longest duration, in nanoseconds.
const LONGEST: f64 = 9.223_372_036e18;

/// Whether a text is a duration, such as `1h30m`.
pub(super) fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let Some((_, factor)) = UNITS.iter().find(|(known, _)| *known == unit) else { return false };
        let Ok(number) = number.parse::<f64>() else { return false };
        nanoseconds += number * factor;
        rest = behind;
    }
    nanoseconds <= LONGEST && text.contains(|c: char| c.is_ascii_digit())
}

/// Whether a text is base64.
pub(super) fn is_base64(text: &str) -> bool {
    base64(text).is_some()
}

/// What a text says in base64 in the standard alphabet, padded; line ends do not count.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let body = text.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    if !text.len().is_multiple_of(4) || text.len() - body > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.iter().take(body) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xfff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_server_reads_them() {
        for text in
            ["2027-03-31T12:00:00Z", "2027-03-31T2:00:00Z", "2024-02-29T23:59:59.5+01:00", "0000-01-01T00:00:00-00:00"]
        {
            assert!(is_time(text), "{text}");
        }
        for text in [
            "",
            "2027-03-31",
            "2027-02-29T12:00:00Z",
            "2027-13-01T12:00:00Z",
            "2027-03-31t12:00:00Z",
            "2027-03-31T12:00:00z",
            "2027-03-31T24:00:00Z",
            "2027-03-31T12:00:00",
            "2027-03-31T12:00:00.Z",
            "2027-03-31T12:00:00+1:00",
            "grün-03-31T12:00:00Z",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }

    #[test]
    fn durations_are_read_as_the_server_reads_them() {
        for text in ["1h30m", "0s", "-5m", "1.5h", ".5h", "1.h", "0", "-0", "1µs", "2562047h"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "5", "1x", "1h ", " 1h", "5m3", "h", ".h", "1d", "1H", "1h-5m", "1..5h", "+", "2562048h"] {
            assert!(!is_duration(text), "{text}");
        }
    }

    #[test]
    fn base64_is_read_as_the_server_reads_it() {
        for text in ["", "YQ==", "YWI=", "YWJj", "YWJj\nYQ==\n", "+/+/"] {
            assert!(is_base64(text), "{text}");
        }
        for text in ["a", "YQ", "YQ=", "Y===", "====", "-_-_", "Y Q=", "grün"] {
            assert!(!is_base64(text), "{text}");
        }
        assert_eq!(base64("e30=\nAAEC"), None, "what follows the padding");
        assert_eq!(base64("AAEC/+8=").unwrap(), [0, 1, 2, 0xff, 0xef]);
    }
}
