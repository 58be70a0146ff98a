//! The addresses that may get the proof of a call.

use http::{Response, Uri, header::LOCATION};
use zengine_connector::error::NeedsReach;
use zengine_connector::{ErrorKind, SendError};

use crate::waba::gateway::is_id;

/// How the bytes of a file are fetched from the address that the provider gives.
pub(crate) enum Files {
    /// From the address itself, with the proof, on these hosts or the root's own; a leading dot stands for any host below.
    /// Redirects are followed while they stay there.
    Direct(&'static [&'static str]),
    /// From the root, with path and query of the address, which must be on exactly one of these hosts or the root's own, below
    /// [`FOLDER`]. The host itself is never called, and redirects are not followed: either would send the proof to whoever the answer names.
    Swapped(Vec<String>),
}

/// The folder of files at Meta's hosts. Any other path on the root would be a call of the provider's API with the proof.
const FOLDER: &str = "/whatsapp_business/attachments/";
/// Maximum number of redirects.
const REDIRECTS: usize = 3;

impl Files {
    /// The address to call for a file; an error if it may not get the proof.
    pub(super) fn address(&self, given: &Uri, root: &str) -> Result<Uri, NeedsReach> {
        match self {
            Self::Direct(hosts) if is_of(given, root) || is_on(given, hosts.iter().copied()) => Ok(given.clone()),
            Self::Direct(_) => Err(protocol("the file is on a host that is not the provider's")),
            Self::Swapped(hosts) => {
                if !is_of(given, root) && !is_on(given, hosts.iter().map(String::as_str)) {
                    return Err(protocol("the file is on a host that is not listed"));
                }
                // One segment of an id's characters: no dots, encoded or not, lead out of the folder.
                let inside = given.path().strip_prefix(FOLDER).is_some_and(|rest| rest.is_empty() || is_id(rest));
                let path = given.path_and_query().filter(|_| inside).ok_or_else(|| protocol("the file's path is not one of files"))?;
                if is_of(given, root) {
                    return Ok(given.clone());
                }
                format!("{root}{path}").parse().map_err(|_| protocol("the file has no address"))
            }
        }
    }

    /// Maximum number of redirects to follow.
    pub(super) fn redirects(&self) -> usize {
        if matches!(self, Self::Direct(_)) { REDIRECTS } else { 0 }
    }

    /// Whether bytes of another digest than the announced one are handed over, with a warning.
    pub(super) fn takes_other_digest(&self) -> bool {
        matches!(self, Self::Swapped(_))
    }
}

/// Whether an address is on the host that the application set, which gets the proof anyway.
fn is_of(address: &Uri, root: &str) -> bool {
    let own = root.parse::<Uri>().ok();
    !has_user(address) && own.is_some_and(|own| own.scheme() == address.scheme() && own.authority() == address.authority())
}

/// Whether an address is on one of the hosts, over https.
fn is_on<'h>(address: &Uri, mut hosts: impl Iterator<Item = &'h str>) -> bool {
    let Some(authority) = address.authority().filter(|_| !has_user(address)) else { return false };
    let host = authority.host().to_ascii_lowercase();
    let listed = hosts.any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == known });
    address.scheme_str() == Some("https") && matches!(authority.port_u16(), None | Some(443)) && listed
}

fn has_user(address: &Uri) -> bool {
    address.authority().is_none_or(|authority| authority.as_str().contains('@'))
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

pub(super) fn protocol(what: &'static str) -> NeedsReach {
    SendError::of(ErrorKind::Protocol, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "https://waba.example";

    fn swapped(address: &str) -> Result<String, String> {
        let files = Files::Swapped(vec!["lookaside.fbsbx.com".to_owned()]);
        files.address(&address.parse().unwrap(), ROOT).map(|uri| uri.to_string()).map_err(|error| error.not_sent().to_string())
    }

    #[test]
    fn a_swapped_address_keeps_path_and_query_on_the_root() {
        let found = swapped("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=a%2Fb").unwrap();
        assert_eq!(found, "https://waba.example/whatsapp_business/attachments/?mid=1&ext=2&hash=a%2Fb");
        assert_eq!(
            swapped("https://waba.example/whatsapp_business/attachments/?mid=1").unwrap(),
            "https://waba.example/whatsapp_business/attachments/?mid=1"
        );
        assert!(swapped("https://LOOKASIDE.fbsbx.com:443/whatsapp_business/attachments/file-1.bin?x").is_ok());
    }

    #[test]
    fn a_swapped_address_is_on_a_listed_host_over_https() {
        for odd in [
            "http://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            "https://lookaside.fbsbx.com:8443/whatsapp_business/attachments/?mid=1",
            "https://user@lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            "https://lookaside.fbsbx.com.evil.example/whatsapp_business/attachments/?mid=1",
            "https://a.lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            "https://evil.example/whatsapp_business/attachments/?mid=1",
            "/whatsapp_business/attachments/?mid=1",
        ] {
            assert!(swapped(odd).unwrap_err().contains("host"), "{odd}");
        }
    }

    #[test]
    fn a_swapped_address_leads_nowhere_but_to_files() {
        for odd in [
            "/whatsapp_business/attachments",
            "/messages",
            "/whatsapp_business/attachments/../../messages",
            "/whatsapp_business/attachments/..",
            "/whatsapp_business/attachments/%2e%2e/messages",
            "/whatsapp_business/attachments/%2E%2E",
            "/whatsapp_business/attachments/..%2fmessages",
            "/whatsapp_business/attachments/a/b",
            "/whatsapp_business/attachments//messages",
            "/whatsapp_business/attachments/a%5c..",
            "/WhatsApp_Business/attachments/",
            "//whatsapp_business/attachments/",
        ] {
            for host in ["lookaside.fbsbx.com", "waba.example"] {
                assert!(swapped(&format!("https://{host}{odd}")).unwrap_err().contains("path"), "{host}{odd}");
            }
        }
    }
}
