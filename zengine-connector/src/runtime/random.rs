//! Randomness.

use std::fmt::Debug;

/// A source of randomness. Every draw is fresh; a generator is never cloned into a policy (rule 37).
pub trait Rng: Send + Sync + Debug + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);

    /// A number in `0.0..1.0`, uniform.
    fn unit(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        // The top 53 bits are what a double can hold exactly.
        #[allow(clippy::cast_precision_loss)]
        let number = (u64::from_le_bytes(bytes) >> 11) as f64;
        number * f64::EPSILON / 2.0
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness there are no owner tokens and no keys: nothing can be promised, so nothing may go on.
        #[allow(clippy::panic)]
        if let Err(error) = getrandom::fill(buffer) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}
