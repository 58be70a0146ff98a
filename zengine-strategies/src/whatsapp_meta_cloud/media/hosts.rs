//! The hosts that may get the token.

use http::{Response, Uri, header::LOCATION};

/// Hosts of Meta's files; a leading dot stands for any host below.
const HOSTS: &[&str] = &["graph.facebook.com", ".fbsbx.com", ".fbcdn.net"];

/// Whether an address is one of Meta's hosts over https, or on the host that the application set (`root`), which gets the token anyway.
pub(super) fn is_trusted(address: &Uri, root: &str) -> bool {
    let Some(authority) = address.authority() else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let own = root.parse::<Uri>().ok();
    if own.is_some_and(|own| own.scheme() == address.scheme() && own.authority() == address.authority()) {
        return true;
    }
    let host = authority.host().to_ascii_lowercase();
    let listed = HOSTS.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known });
    address.scheme_str() == Some("https") && matches!(authority.port_u16(), None | Some(443)) && listed
}

/// The target of a redirect; a path stays on its host.
pub(super) fn next<T>(from: &Uri, response: &Response<T>) -> Option<Uri> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    if location.starts_with('/') && !location.starts_with("//") {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(location.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    location.parse().ok()
}
