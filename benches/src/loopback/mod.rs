//! Whole sends over loopback, beside `reqwest` with JSON both ways in the same run. The server is a process on the second core,
//! the client stays on the first.
//!
//! | part | what |
//! |---|---|
//! | [`in_flight`] | 1, 64 and 256 sends in flight on the memory store: sends per second, CPU time per send |
//! | [`durable`] | the same sends on the embedded store, held to its durable writes |
//! | `steady` | the measuring of a client with a number of sends in flight |
//! | `sender`, `bare` | the two clients |
//! | `server`, `cores` | the provider's process, and the cores that both run on |
//! | `writes` | the count of writes that reach a store |

mod bare;
mod cores;
mod durable;
mod in_flight;
mod sender;
mod server;
mod steady;
mod writes;

use serde_json::{Value, json};
use zengine_connector::BoxError;

use crate::harness::{Row, Run};
pub(crate) use server::{SERVE, serve};

/// The path that the provider takes messages at.
const PATH: &str = "/v26.0/106540352242922/messages";

/// The text of every message.
const TEXT: &str = "Your order 4711 has left the warehouse and arrives tomorrow between nine and eleven.";

/// Rates, CPU times and latencies, each the median of rounds that are run in turns.
pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let server = server::Server::start()?;
    let mut rows = in_flight::rows(run, server.url())?;
    rows.extend(durable::rows(run, server.url())?);
    Ok(rows)
}

/// The request's body, as the strategy writes it.
fn body() -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "16505550001", "type": "text", "text": {"body": TEXT}})
}
