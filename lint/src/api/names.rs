//! The syntax of names, keys, values, addresses and paths, with the server's own limits.
//! Says why a text is wrong; where it stands is for the caller.

use std::net::{IpAddr, Ipv6Addr};

/// Why a text does not have a syntax; nothing when it has.
pub(super) type Fault = Option<String>;

fn fault(wrong: bool, reason: impl Into<String>) -> Fault {
    wrong.then(|| reason.into())
}

/// A text of at most some characters.
pub(super) fn longer_than(text: &str, limit: usize) -> Fault {
    fault(text.len() > limit, format!("at most {limit} characters are allowed, it has {}", text.len()))
}

fn is_alphanumeric_at_ends(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(text.chars().next()) && ends(text.chars().next_back())
}

fn is_label(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.chars().all(allowed) && is_alphanumeric_at_ends(text)
}

/// One part of a DNS name, such as the name of a container.
pub(super) fn dns_label(text: &str) -> Fault {
    longer_than(text, 63).or_else(|| {
        fault(
            !is_label(text),
            "only lower case letters, digits and `-` are allowed, with a letter or digit at both ends",
        )
    })
}

/// A DNS name, such as the name of a Secret.
pub(super) fn dns_subdomain(text: &str) -> Fault {
    longer_than(text, 253).or_else(|| {
        fault(
            !text.split('.').all(is_label),
            "only lower case letters, digits, `-` and `.` are allowed, with a letter or digit at both ends of each part",
        )
    })
}

/// The start of a DNS name to which more is added: a `-` at the end, and what is before it, do not count.
pub(super) fn start_of_subdomain(text: &str) -> Fault {
    start_of(text, dns_subdomain)
}

/// The start of a name to which more is added. The server cuts a byte, which leaves no name of a longer character.
pub(super) fn start_of(text: &str, syntax: fn(&str) -> Fault) -> Fault {
    let rest = text.strip_suffix('-').and_then(|rest| rest.strip_suffix(|c: char| c.is_ascii()));
    match rest {
        Some(rest) => syntax(&format!("{rest}a")),
        None => syntax(text),
    }
}

/// A name that the server makes of a start: it cuts the start, and adds five characters of its own.
pub(super) fn generated(start: &str) -> String {
    const LONGEST_START: usize = 58;
    start.chars().take(LONGEST_START).chain("aaaaa".chars()).collect()
}

/// A DNS name of at most some characters.
pub(super) fn shorter_subdomain(text: &str, limit: usize) -> Fault {
    longer_than(text, limit).or_else(|| dns_subdomain(text))
}

fn is_name_part(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().all(allowed) && is_alphanumeric_at_ends(text)
}

/// A key of a label or annotation, the type of a condition, the name of a resource: a name, with or without a prefix.
pub(super) fn qualified_name(text: &str) -> Fault {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if name.contains('/') {
        return fault(true, "at most one `/` is allowed, between a DNS prefix and the name");
    }
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return fault(true, "there is nothing before the `/`");
        }
        if let Some(reason) = dns_subdomain(prefix) {
            return fault(true, format!("what is before the `/` is no DNS name: {reason}"));
        }
    }
    fault(name.is_empty(), "the name is empty").or_else(|| longer_than(name, 63)).or_else(|| {
        fault(
            !is_name_part(name),
            "only letters, digits, `-`, `_` and `.` are allowed in the name, with a letter or digit at both ends",
        )
    })
}

/// A DNS name and a path, such as `acme.io/foo`.
pub(super) fn domain_path(text: &str) -> Fault {
    let Some((domain, path)) = text.split_once('/') else {
        return fault(true, "a domain and a path are needed, such as `acme.io/foo`");
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
    dns_subdomain(domain).or_else(|| {
        fault(path.is_empty() || !path.chars().all(allowed), "the path has characters that are not allowed")
    })
}

/// A whole DNS name, of two parts at least.
pub(super) fn full_domain(text: &str) -> Fault {
    let name = text.strip_suffix('.').unwrap_or(text);
    dns_subdomain(name)
        .or_else(|| {
            fault(!name.contains('.'), "a whole name is needed, of two parts at least, such as `shop.example.com`")
        })
        .or_else(|| name.split('.').find_map(dns_label))
}

/// The value of a label.
pub(super) fn label_value(text: &str) -> Fault {
    longer_than(text, 63).or_else(|| {
        fault(
            !text.is_empty() && !is_name_part(text),
            "only letters, digits, `-`, `_` and `.` are allowed, with a letter or digit at both ends",
        )
    })
}

/// The name of a port.
pub(super) fn port_name(text: &str) -> Fault {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    longer_than(text, 15)
        .or_else(|| fault(!text.chars().all(allowed), "only lower case letters, digits and `-` are allowed"))
        .or_else(|| fault(!text.contains(|c: char| c.is_ascii_lowercase()), "at least one letter is needed"))
        .or_else(|| fault(text.contains("--"), "two `-` in a row are not allowed"))
        .or_else(|| fault(text.starts_with('-') || text.ends_with('-'), "a `-` is not allowed at its ends"))
}

/// The name of an environment variable, as Kubernetes 1.32 and later read it.
pub(super) fn variable_name(text: &str) -> Fault {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '=';
    fault(!text.chars().all(allowed), "only printable ASCII characters without `=` are allowed")
}

/// The name of an environment variable, as Kubernetes up to 1.31 reads it.
pub(super) fn strict_variable_name(text: &str) -> Fault {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    fault(
        !text.chars().all(allowed) || text.starts_with(|c: char| c.is_ascii_digit()),
        "only letters, digits, `-`, `_` and `.` are allowed, with no digit at the start",
    )
    .or_else(|| dots(text))
}

fn dots(text: &str) -> Fault {
    fault(text == "." || text.starts_with(".."), "it may not be `.` or start with `..`")
}

/// A key of a `ConfigMap` or Secret.
pub(super) fn config_key(text: &str) -> Fault {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    longer_than(text, 253)
        .or_else(|| {
            fault(text.is_empty() || !text.chars().all(allowed), "only letters, digits, `-`, `_` and `.` are allowed")
        })
        .or_else(|| dots(text))
}

/// The name of an HTTP header.
pub(super) fn http_header(text: &str) -> Fault {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    fault(text.is_empty() || !text.chars().all(allowed), "only letters, digits and `-` are allowed")
}

/// A path that stays below where it starts.
pub(super) fn inner_path(text: &str) -> Fault {
    fault(text.starts_with('/'), "the path must be relative").or_else(|| no_parent(text))
}

/// A path without `..`.
pub(super) fn no_parent(text: &str) -> Fault {
    fault(text.split('/').any(|part| part == ".."), "`..` is not allowed in the path")
}

/// A relative path of a file in a volume, where names that start with `..` are the kubelet's.
pub(super) fn file_path(text: &str) -> Fault {
    inner_path(text).or_else(|| fault(text.starts_with(".."), "a path that starts with `..` is reserved"))
}

/// An IP address; one of IPv4 that is written as one of IPv6 is one of IPv4.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    written_ip(text).map(|address| address.to_canonical())
}

/// An IP address as it is written, where IPv4 may have leading zeros as it always could.
fn written_ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let octet = |part: &&str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let stripped = part.trim_start_matches('0');
        if !digits {
            return None;
        }
        if stripped.is_empty() { Some(0) } else { stripped.parse::<u8>().ok() }
    };
    let octets: Vec<u8> = parts.iter().map(octet).collect::<Option<_>>()?;
    <[u8; 4]>::try_from(octets).ok().map(IpAddr::from)
}

/// An IP address.
pub(super) fn ip_address(text: &str) -> Fault {
    fault(ip(text).is_none(), "an IP address such as `10.9.8.7` or `2001:db8::ffff` is needed")
}

/// Why an address cannot be that of one machine in a network.
pub(super) fn special(address: IpAddr) -> Fault {
    let what = match address {
        address if address.is_unspecified() => "no address in particular",
        address if address.is_loopback() => "each machine's own",
        IpAddr::V4(address) if address.is_link_local() => "local to one link",
        IpAddr::V4(address) if address.octets().starts_with(&[224, 0, 0]) => "multicast on one link",
        IpAddr::V6(address) if address.is_unicast_link_local() => "local to one link",
        IpAddr::V6(address) if address.segments().first().is_some_and(|first| first & 0xff0f == 0xff02) => {
            "multicast on one link"
        }
        _ => return None,
    };
    fault(true, format!("this address is {what}"))
}

/// An IP address in the one form that Kubernetes 1.36 and later take: no leading zeros, no IPv4 in the form of IPv6.
pub(super) fn strict_ip_address(text: &str) -> Fault {
    let parsed = text.parse::<IpAddr>().ok();
    ip_address(text).or_else(|| fault(parsed.is_none(), "leading zeros are not allowed")).or_else(|| {
        let is_mapped = parsed.is_some_and(|address| address.to_canonical() != address);
        fault(is_mapped, "an IPv4 address in the form of an IPv6 one is not allowed")
    })
}

/// A range in the one form that Kubernetes 1.36 and later take: the first address of it, written as an address alone is.
pub(super) fn strict_cidr(text: &str) -> Fault {
    let (address, bits) = text.split_once('/').unwrap_or_default();
    cidr(text)
        .or_else(|| strict_ip_address(address))
        .or_else(|| fault(bits.len() > 1 && bits.starts_with('0'), "leading zeros are not allowed"))
        .or_else(|| {
            let first = range(text).map(|(address, bits)| first_of(address, bits));
            first.filter(|first| Some(*first) != ip(address)).map(|first| {
                format!("the range begins at `{first}/{bits}`; write that, or the one address with all its bits")
            })
        })
}

fn first_of(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// The name of a Service, up to Kubernetes 1.35: a DNS label that starts with a letter.
pub(super) fn dns_1035_label(text: &str) -> Fault {
    dns_label(text)
        .or_else(|| fault(!text.starts_with(|c: char| c.is_ascii_lowercase()), "it must start with a letter"))
}

/// A part of a URL's path, such as the name of a Role.
pub(super) fn path_segment(text: &str) -> Fault {
    fault(matches!(text, "." | ".."), "it may not be `.` or `..`").or_else(|| no_slash(text))
}

/// A text that can be within a part of a URL's path.
pub(super) fn no_slash(text: &str) -> Fault {
    fault(text.contains(['/', '%']), "`/` and `%` are not allowed")
}

/// A DNS name, or all names below one: `*.example.com`.
pub(super) fn host(text: &str) -> Fault {
    if !text.contains('*') {
        return dns_subdomain(text);
    }
    match text.strip_prefix("*.") {
        Some(domain) => longer_than(text, 253).or_else(|| dns_subdomain(domain)),
        None => fault(true, "`*` is allowed at the start only, as in `*.example.com`"),
    }
}

/// A range of addresses, such as `10.0.0.0/8`; nothing for what is none.
pub(super) fn range(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address = written_ip(address)?;
    let is_number = bits.len() <= 3 && !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits: u8 = is_number.then(|| bits.parse().ok())??;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

/// A range of addresses.
pub(super) fn cidr(text: &str) -> Fault {
    fault(range(text).is_none(), "a range such as `10.9.8.0/24` or `2001:db8::/64` is needed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    type Case = (fn(&str) -> Fault, &'static [&'static str], &'static [&'static str]);

    #[test]
    fn each_syntax_has_its_limits() {
        let cases: [Case; 11] = [
            (dns_label, &["web", "a-1", "1a"], &["", "-a", "a-", "A", "a.b", LONG]),
            (dns_subdomain, &["a.b", "web", LONG], &["", "a..b", ".a", "a_b"]),
            (qualified_name, &["app", "example.com/App_1", "a.b"], &["", "a/b/c", "/a", "a/", "-a", LONG, "A/b"]),
            (label_value, &["", "v1.2", "A_b"], &["a b", "-a", "a.", LONG]),
            (port_name, &["http", "h2-c", "1a"], &["", "80", "a--b", "-a", "a-very-long-port", "Http"]),
            (variable_name, &["A", "a b", "1.", "-"], &["A=B", "grün", "\u{7f}"]),
            (config_key, &["a.b", "_"], &["", ".", "..", "..a", "a b"]),
            (inner_path, &["a/b", "", "a..b"], &["/a", "..", "a/../b"]),
            (strict_ip_address, &["10.0.0.1", "::1", "0.0.0.0"], &["010.0.0.1", "::ffff:1.2.3.4", "1.2.3", ""]),
            (
                strict_cidr,
                &["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "2001:db8::/64"],
                &["10.1.2.3/8", "10.0.0.0/08", "010.0.0.0/8", "::ffff:10.0.0.0/104", "2001:db8::1/64", "10.0.0.0"],
            ),
            (
                ip_address,
                &["10.0.0.1", "010.0.0.1", "::1", "::ffff:1.2.3.4"],
                &["", "1.2.3", "256.1.1.1", "1.2.3.4.5", ":", "a"],
            ),
        ];
        for (syntax, good, bad) in cases {
            for text in good {
                assert_eq!(syntax(text), None, "{text}");
            }
            for text in bad {
                assert!(syntax(text).is_some(), "{text}");
            }
        }
    }
}
