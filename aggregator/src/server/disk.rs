//! Files and folders that are on the disk, whole and under their names, once a function here has returned. It knows no room.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Makes a folder where it is missing, which its owner alone may look into; its name is on the disk then, not only in memory.
pub fn make_folder(folder: &Path) -> Result<()> {
    let make = || -> std::io::Result<()> {
        if folder.is_dir() {
            return keep_private(folder);
        }
        let mut maker = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.recursive(true).create(folder)?;
        // Every folder on the way may be a new one.
        folder.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).try_for_each(sync_folder)
    };
    make().with_context(|| format!("cannot make {}", folder.display()))
}

/// Takes from others what they may do with a folder of ours, such as one that an earlier version of this program made.
pub fn keep_private(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut permissions = fs::metadata(folder)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(permissions.mode() & !0o077);
            match fs::set_permissions(folder, permissions) {
                // Somebody else's folder, in which this program may write, is theirs to open or close.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                other => return other,
            }
        }
    }
    let _ = folder;
    Ok(())
}

/// A folder's names last once it is on the disk itself.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // One that this program may pass through but not read has no new names of ours.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        other => return other,
    }
    let _ = folder;
    Ok(())
}

/// Reads a file that `replace` wrote, and checks that it is as it was written.
pub fn read_whole(path: &Path, checksum: u32) -> Result<Vec<u8>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(crc32fast::hash(&file) == checksum, "{} is damaged: its checksum is not the stored one", path.display());
    Ok(file)
}

/// Writes `parts` as one file that only its owner may read: to a temporary name, to the disk, and then into its place.
/// Returns the CRC-32 of the whole.
pub fn replace(path: &Path, parts: &[&[u8]]) -> Result<u32> {
    let temporary = path.with_extension("writing");
    let write = || -> std::io::Result<u32> {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut checksum = crc32fast::Hasher::new();
        let mut file = private_file().open(&temporary)?;
        for part in parts {
            checksum.update(part);
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), sync_folder)?;
        Ok(checksum.finalize())
    };
    let written = write();
    if written.is_err() {
        // Half a file on a full disk takes what others need; that it cannot be deleted says nothing new.
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write {}; is the disk full?", path.display()))
}

/// How a file is opened that only its owner may read: for writing, empty, made where it is missing.
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
