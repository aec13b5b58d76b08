//! Telling a person how far the work is.

/// Receives one call for every finished item of a stage, from any thread.
#[derive(Clone, Copy)]
pub struct Tick<'a>(&'a (dyn Fn(u64) + Sync));

impl<'a> Tick<'a> {
    /// Calls `f` with the number of items finished.
    pub fn new(f: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self(f)
    }

    /// Nobody listens.
    pub fn silent() -> Self {
        Self(&|_| {})
    }

    /// One more item is done.
    pub fn one(&self) {
        (self.0)(1);
    }

    /// `count` more items are done.
    pub fn add(&self, count: u64) {
        (self.0)(count);
    }
}
