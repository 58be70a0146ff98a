//! People as a webhook names them: phone digits, business-scoped ids, a username, in `contacts` or beside a message.
//!
//! | file | purpose |
//! |---|---|
//! | `spelling` | one id: its kind, and what spellings are the same number |
//! | `keys` | the members that name a person, by place |
//! | `names` | one person in one place, and the contact of the same person |
//! | `contacts` | the contacts of a change |

mod contacts;
mod keys;
mod names;
mod spelling;

pub(crate) use contacts::Contacts;
pub(crate) use keys::{Keys, name};
pub(crate) use names::{Contact, Names};
pub(crate) use spelling::{address, is_formatted, spelled};
