//! Which proxy a connection goes through: `proxy-url`, or what the environment says, by the rules that kubectl has from Go.
//! Pure: the variables come from the caller.

use std::net::IpAddr;

use http::Uri;

/// The proxy for a server, by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or in small letters); nothing for a connection of
/// its own.
///
/// # Errors
/// The variable that is no URL, and why.
pub(super) fn from_environment(server: &Uri, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Uri>, String> {
    let said = |name: &str| {
        let small = || variable(&name.to_ascii_lowercase()).filter(|value| !value.is_empty());
        variable(name).filter(|value| !value.is_empty()).or_else(small)
    };
    let is_https = server.scheme_str() == Some("https");
    let name = if is_https { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let Some(proxy) = said(name) else { return Ok(None) };
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    if goes_directly(&host, port, &said("NO_PROXY").unwrap_or_default()) {
        return Ok(None);
    }
    let proxy = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    proxy.parse().map(Some).map_err(|error| format!("{name} is no URL: {error}"))
}

/// Whether no proxy is asked for a host: this machine, or what `NO_PROXY` lists.
fn goes_directly(host: &str, port: u16, listed: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    listed.split(',').map(|item| item.trim().to_ascii_lowercase()).filter(|item| !item.is_empty()).any(|item| {
        if item == "*" {
            return true;
        }
        if let (Some((network, bits)), Some(address)) = (item.split_once('/'), address) {
            return network.parse().is_ok_and(|network| within(address, network, bits.parse().unwrap_or(u32::MAX)));
        }
        let (name, only) = match item.rsplit_once(':') {
            Some((name, only)) if !name.contains(':') || name.ends_with(']') => {
                (name.trim_matches(['[', ']']), only.parse().ok())
            }
            _ => (item.as_str(), None::<u16>),
        };
        if only.is_some_and(|only| only != port) {
            return false;
        }
        if let Some(address) = address {
            return name.parse() == Ok(address);
        }
        let name = name.strip_prefix('*').unwrap_or(name);
        match name.strip_prefix('.') {
            Some(_) => host.ends_with(name),
            None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

/// Whether an address is in a network of so many bits.
fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        from_environment(&server.parse().unwrap(), value).map(|proxy| proxy.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_variable_of_the_scheme_counts() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2")];
        assert_eq!(proxy("https://k8s.example.com", &both), Ok(Some("http://s:1/".to_owned())));
        assert_eq!(proxy("http://k8s.example.com", &both), Ok(Some("http://p:2/".to_owned())));
        assert_eq!(proxy("https://k8s.example.com", &[("HTTP_PROXY", "p")]), Ok(None));
        assert_eq!(proxy("https://k8s.example.com", &[("HTTPS_PROXY", "")]), Ok(None));
        assert!(
            proxy("https://k8s.example.com", &[("HTTPS_PROXY", "http://a b")]).unwrap_err().contains("HTTPS_PROXY")
        );
    }

    #[test]
    fn what_is_listed_and_this_machine_go_directly() {
        for (server, listed, directly) in [
            ("https://localhost:6443", "", true),
            ("https://127.0.0.1:6443", "", true),
            ("https://[::1]:6443", "", true),
            ("https://k8s.example.com", "other.com, example.com", true),
            ("https://k8s.example.com", ".example.com", true),
            ("https://k8s.example.com", "*.example.com", true),
            ("https://example.com", ".example.com", false),
            ("https://badexample.com", "example.com", false),
            ("https://k8s.example.com:6443", "k8s.example.com:6443", true),
            ("https://k8s.example.com", "k8s.example.com:6443", false),
            ("https://10.1.2.3:6443", "10.0.0.0/8", true),
            ("https://11.1.2.3:6443", "10.0.0.0/8", false),
            ("https://10.1.2.3", "10.1.2.3", true),
            ("https://[fd00::5]:6443", "fd00::/16", true),
            ("https://[fd00::5]:6443", "[fd00::5]:6443", true),
            ("https://k8s.example.com", "*", true),
            ("https://k8s.example.com", "10.0.0.0/8, ,", false),
        ] {
            let seen = proxy(server, &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", listed)]).unwrap();
            assert_eq!(seen.is_none(), directly, "{server} {listed}");
        }
    }
}
