//! The updates of an open round on disk, for rooms whose aggregation needs all of them at once: one file a room, as large as
//! the room's clients times an update at most. It has no name, so that it goes when the room closes it, however the program
//! ends, and its space is free again after every round. Where the disk takes no more, a few small updates wait in memory: a round
//! that could close is not lost to a full disk, and its room is held until it can be stored.

use std::collections::BTreeMap;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use federation::Spool;
use protocol::{RoomCode, RoomConfig};

/// Bytes of a room's updates that may wait in memory where the disk takes none: those of 92 clients of `compact`.
const SPARE: u64 = 16 << 20;

/// A room's updates in a file.
#[derive(Debug)]
pub struct FileSpool {
    room: RoomCode,
    folder: PathBuf,
    /// Bytes of an update.
    update_bytes: u64,
    /// Updates that the file may hold.
    most: u64,
    /// Made with a round's first update, and closed when the round is over.
    file: Option<File>,
    /// Those that the disk would not take, by their number.
    spare: BTreeMap<u64, Vec<u8>>,
    kept: u64,
}

impl FileSpool {
    /// A spool for a room, with its file in `folder`. Nothing is written before the first update.
    pub fn new(folder: PathBuf, room: &RoomConfig) -> Self {
        Self {
            room: room.code.clone(),
            folder,
            update_bytes: room.update_bytes().into(),
            most: room.max_clients.into(),
            file: None,
            spare: BTreeMap::new(),
            kept: 0,
        }
    }

    fn write(&mut self, update: &[u8]) -> io::Result<()> {
        if update.len() as u64 != self.update_bytes || self.kept >= self.most {
            return Err(ErrorKind::InvalidInput.into());
        }
        if let Err(error) = self.write_to_disk(update) {
            if (self.spare.len() as u64 + 1) * self.update_bytes > SPARE {
                return Err(error);
            }
            self.spare.insert(self.kept, update.to_owned());
        }
        self.kept += 1;
        Ok(())
    }

    fn write_to_disk(&mut self, update: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        // What is left of a write that failed before is written over.
        file.seek(SeekFrom::Start(self.kept * self.update_bytes))?;
        file.write_all(update)
    }

    fn read_back(&mut self, update: u64, offset: u64, into: &mut [u8]) -> io::Result<()> {
        if update >= self.kept || offset + into.len() as u64 > self.update_bytes {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if let Some(kept) = self.spare.get(&update) {
            let from = offset as usize;
            into.copy_from_slice(kept.get(from..from + into.len()).ok_or(ErrorKind::UnexpectedEof)?);
            return Ok(());
        }
        let file = self.file.as_mut().ok_or(ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(update * self.update_bytes + offset))?;
        file.read_exact(into)
    }
}

impl Spool for FileSpool {
    fn append(&mut self, update: &[u8]) -> io::Result<()> {
        self.write(update).inspect_err(|error| {
            let (room, folder) = (&self.room, self.folder.display());
            tracing::error!(%room, "an update could not be kept in {folder} ({error}); is the disk full?");
        })
    }

    fn read(&mut self, update: usize, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.read_back(update as u64, offset as u64, into).inspect_err(|error| {
            let (room, folder) = (&self.room, self.folder.display());
            tracing::error!(%room, "an update that was kept in {folder} could not be read ({error}); the round is repeated");
        })
    }

    fn clear(&mut self) {
        (self.file, self.kept) = (None, 0);
        self.spare.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(folder: &std::path::Path) -> FileSpool {
        let code = RoomCode::parse("KMPXZ").unwrap();
        let mut room = RoomConfig::new(code, "tiny", 3, vec!["no".to_owned(), "yes".to_owned()]);
        room.max_clients = 2;
        FileSpool::new(folder.to_owned(), &room)
    }

    #[test]
    fn what_is_kept_is_read_back_and_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = spool(folder.path());
        spool.append(b"first update").unwrap();
        spool.append(b"second  one!").unwrap();
        let mut part = [0; 6];
        spool.read(1, 0, &mut part).unwrap();
        assert_eq!(&part, b"second");
        spool.read(0, 6, &mut part).unwrap();
        assert_eq!(&part, b"update");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "there is a file that somebody could find");
    }

    #[test]
    fn it_holds_no_more_than_the_room_may_have_clients() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = spool(folder.path());
        assert!(spool.append(b"short").is_err());
        spool.append(&[1; 12]).unwrap();
        spool.append(&[2; 12]).unwrap();
        assert!(spool.append(&[3; 12]).is_err());
        let mut part = [0; 12];
        for (update, offset) in [(2, 0), (1, 1)] {
            assert!(spool.read(update, offset, &mut part).is_err());
        }
        spool.clear();
        assert!(spool.read(0, 0, &mut part).is_err());
        spool.append(&[4; 12]).unwrap();
        spool.read(0, 0, &mut part).unwrap();
        assert_eq!(part, [4; 12]);
    }

    #[test]
    fn what_a_folder_does_not_take_waits_in_memory_as_long_as_it_is_little() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = spool(&folder.path().join("missing"));
        spool.append(b"first update").unwrap();
        let mut part = [0; 6];
        spool.read(0, 6, &mut part).unwrap();
        assert_eq!(&part, b"update");
        assert!(spool.read(0, 7, &mut part).is_err());
        spool.clear();
        assert!(spool.read(0, 6, &mut part).is_err());
        spool.update_bytes = SPARE / 2;
        let large = vec![1; spool.update_bytes as usize];
        spool.most = 3;
        assert!(spool.append(&large).is_ok() && spool.append(&large).is_ok() && spool.append(&large).is_err());
    }
}
