//! A spool whose disk a test can look at, and break.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use federation::{MemorySpool, Spool};

/// What a test sees of a spool, and does to it.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<State>);

#[derive(Debug, Default)]
struct State {
    kept: AtomicUsize,
    full: AtomicBool,
    unreadable: AtomicBool,
}

impl Disk {
    /// A spool on this disk.
    pub fn spool(&self) -> Box<dyn Spool> {
        Box::new(TestSpool { disk: self.clone(), memory: MemorySpool::default() })
    }

    /// Updates on it.
    pub fn kept(&self) -> usize {
        self.0.kept.load(Ordering::Relaxed)
    }

    /// Whether nothing more can be written.
    pub fn set_full(&self, full: bool) {
        self.0.full.store(full, Ordering::Relaxed);
    }

    /// Whether nothing can be read.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.0.unreadable.store(unreadable, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct TestSpool {
    disk: Disk,
    memory: MemorySpool,
}

impl Spool for TestSpool {
    fn append(&mut self, update: &[u8]) -> io::Result<()> {
        if self.disk.0.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.0.kept.fetch_add(1, Ordering::Relaxed);
        self.memory.append(update)
    }

    fn read(&mut self, update: usize, offset: usize, into: &mut [u8]) -> io::Result<()> {
        if self.disk.0.unreadable.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is broken"));
        }
        self.memory.read(update, offset, into)
    }

    fn clear(&mut self) {
        self.disk.0.kept.store(0, Ordering::Relaxed);
        self.memory.clear();
    }
}
