//! Pieces of the runnable hosts.
#![allow(clippy::print_stdout, reason = "these programs talk to people")]

pub mod provider;
pub mod queue;
pub mod quickstart;
pub mod web;
