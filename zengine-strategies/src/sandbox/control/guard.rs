//! Access rules of control calls: programs on this machine and pages from it are allowed. A page of any other origin could
//! otherwise control an emulator through its visitor's browser.

use http::{HeaderMap, HeaderValue, header};

/// The reason for refusing a control call.
pub(super) fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return Some("control calls are answered on loopback only: the Host header must be 127.0.0.1, localhost or [::1]");
    }
    match headers.get(header::ORIGIN) {
        Some(_) if origin(headers).is_none() => Some("control calls from pages of other origins than loopback are refused"),
        None if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") => {
            Some("control calls from other sites are refused")
        }
        _ => None,
    }
}

/// The origin of a page from this machine.
pub(super) fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    is_loopback(host).then_some(origin)
}

/// Whether a host, with or without a port, is a loopback address.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) if port.is_empty() || port.strip_prefix(':').is_some_and(is_port) => return name == "::1",
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_allowed() {
        for good in ["127.0.0.1", "127.0.0.1:80", "localhost:8080", "LOCALHOST", "[::1]", "[::1]:9", "127.9.9.9:1"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "127.0.0.1:80:80", "[::2]", "[::1]evil"]
        {
            assert!(!is_loopback(bad), "{bad}");
        }
        let headers = |host: &'static str, origin: Option<&'static str>| {
            let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
            headers
        };
        assert!(refusal(&headers("127.0.0.1:1", None)).is_none());
        assert!(refusal(&headers("127.0.0.1:1", Some("http://localhost:3000"))).is_none());
        assert!(refusal(&headers("evil.example", None)).is_some());
        for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://"] {
            assert!(refusal(&headers("127.0.0.1:1", Some(origin))).is_some(), "{origin}");
        }
    }
}
