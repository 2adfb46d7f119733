//! Where the updates of an open round wait until it closes, for the rules that need all of them at once.

use std::fmt::Debug;
use std::io;

/// A place for the updates of one open round, outside of memory where the shell has such a place. This crate has no file
/// of its own, so that the shell gives it.
///
/// What it holds need not outlive the program: an open round is lost with it anyway. A room keeps at most as many updates
/// as it may have clients, all of the same length.
pub trait Spool: Debug + Send {
    /// Keeps one more update, as a whole or not at all.
    ///
    /// # Errors
    /// It could not be kept; those that were kept before are as they were.
    fn append(&mut self, update: &[u8]) -> io::Result<()>;

    /// Fills `into` with the bytes from `offset` on of the update that was kept as number `update`, from 0.
    ///
    /// # Errors
    /// It could not be read, or there is no such update, or it is not so long.
    fn read(&mut self, update: usize, offset: usize, into: &mut [u8]) -> io::Result<()>;

    /// Forgets all updates, and frees what they took.
    fn clear(&mut self);
}

/// Updates in memory: for simulations and tests, whose models are small and whose rounds close at once.
#[derive(Debug, Default)]
pub struct MemorySpool(Vec<Vec<u8>>);

impl Spool for MemorySpool {
    fn append(&mut self, update: &[u8]) -> io::Result<()> {
        self.0.push(update.to_vec());
        Ok(())
    }

    fn read(&mut self, update: usize, offset: usize, into: &mut [u8]) -> io::Result<()> {
        let kept = self.0.get(update).and_then(|kept| kept.get(offset..)?.get(..into.len()));
        into.copy_from_slice(kept.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn clear(&mut self) {
        self.0 = Vec::new();
    }
}
