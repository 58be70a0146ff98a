//! The desk of Pigeon Post, where people answer letters: a conversation is opened with `POST /desk`, and letters go through it.

mod fixture;
mod strategy;

pub(crate) use fixture::Desk;
