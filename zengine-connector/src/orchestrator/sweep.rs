//! Sweeps of sends that no duplicate resolves.

use super::Orchestrator;
use crate::{
    error::Error,
    pipeline::{self, Swept},
};

impl Orchestrator {
    /// Sweeps one page of sends, at most `limit`: ends those that are in doubt past their time, publishes pending events,
    /// reports what only a duplicate can complete, and gives up the dead letters for which no duplicate can come any more
    /// (rules 19, 29, 68 and 69). `after` is the [`next`](Swept::next) of the call before. Safe to run in several processes at
    /// once.
    ///
    /// A host with the embedded store sweeps by itself, every
    /// [`sweep_every`](super::OrchestratorBuilder::sweep_every). Any other host must call this on a schedule, such as once
    /// per hour.
    ///
    /// ```
    /// # use zengine_connector::{Error, Memory, Orchestrator, StrategyRegistry, pipeline::Swept};
    /// # async fn example(orchestrator: Orchestrator) -> Result<(), Error> {
    /// let mut swept = Swept::default();
    /// loop {
    ///     swept.add(orchestrator.sweep(swept.next.as_deref(), 100).await?);
    ///     if swept.next.is_none() {
    ///         break;
    ///     }
    /// }
    /// let attention = swept.overdue + swept.waiting_for_letter + swept.letters_given_up + swept.failed;
    /// println!("{} sends ended, {attention} need attention", swept.ended);
    /// # Ok(())
    /// # }
    /// # let _ = example;
    /// ```
    ///
    /// # Errors
    /// `Unsupported` if the claim store cannot find the records that are due, `Store` if it does not answer. A single send that
    /// cannot be completed is counted instead.
    pub async fn sweep(&self, after: Option<&str>, limit: usize) -> Result<Swept, Error> {
        pipeline::sweep(&self.engine, after, limit).await
    }
}
