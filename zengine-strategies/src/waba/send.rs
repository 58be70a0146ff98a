//! Sending: checked, mapped, a file stored if it carries one, then one call.

use http::Method;
use zengine_connector::error::{Step, StepReach};
use zengine_connector::message::{Capabilities, Message as _};
use zengine_connector::{OutboundMessage, Receipt, SendContext, SendError};

use super::gateway::{Gateway, Limits, Payload};
use super::mapper::{self, Request, Rules};
use super::{answer, files};

/// The request of a message, before anything is called.
pub(crate) fn prepare<'m>(
    message: &'m OutboundMessage,
    capabilities: &Capabilities,
    rules: Rules,
    cx: &SendContext,
) -> Result<Request<'m>, SendError> {
    // Checked before already where the message comes through the orchestrator; not where somebody calls directly.
    message.validate(capabilities).map_err(answer::invalid)?;
    mapper::request(message, rules, cx.provider_key().as_str()).map_err(answer::invalid)
}

/// Carries a request out. `account`: the WhatsApp Business account, to whose usage a wait belongs; may be empty.
pub(crate) async fn carry(
    gateway: &Gateway<'_>,
    limits: &Limits,
    account: &str,
    mut request: Request<'_>,
    cx: &SendContext,
) -> Result<Receipt, SendError> {
    let mut uploaded = None;
    if let Some(file) = request.upload {
        let id = files::store_inline(gateway, limits, file, cx).await?;
        request.body[file.kind.as_str()]["id"] = id.as_str().into();
        uploaded = Some(Step::preparing("upload", StepReach::Accepted).with_id(id));
    }
    let timeout = limits.send.min(cx.remaining());
    let response = gateway.call(Method::POST, &gateway.paths.messages, Payload::Json(&request.body), timeout).await?;
    let receipt = if request.numbered { answer::message } else { answer::mark }(&response, cx, account)?;
    // The stored file's id: valid for another message too.
    Ok(match uploaded {
        Some(step) => receipt.with_step(step).with_step(Step::carrying("message", StepReach::Accepted)),
        None => receipt,
    })
}
