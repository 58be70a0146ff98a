//! The quickstart: a host with two tenants, a provider, and a story.

mod arguments;
mod handler;
mod host;
mod story;

use zengine_connector::BoxError;

pub use arguments::Arguments;

/// Tells the whole story once.
///
/// # Errors
/// If the host cannot be set up.
pub async fn run(arguments: &Arguments) -> Result<(), BoxError> {
    let host = host::Host::start(arguments).await?;
    story::tell(&host).await?;
    host.stop().await;
    Ok(())
}
