//! A spawner that takes no task.

use crate::runtime::{BoxFuture, Spawner};

/// A spawner that takes no task, such as that of an executor that has shut down.
#[derive(Debug)]
pub struct NoTasks;

impl Spawner for NoTasks {
    fn spawn(&self, _: BoxFuture<'static, ()>) -> bool {
        false
    }
}
