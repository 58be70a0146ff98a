//! The address of a request before a router changed it.

use http::Uri;

/// The address of an inbound request as the host received it, in the request's extensions. A service that takes a part off the path,
/// such as `Orchestrator::service`, keeps it here.
///
/// Insert it yourself if a router in front takes off a prefix: providers that sign the address sign the whole one.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);

// Paths and queries carry tokens.
masked!(OriginalUri);
