//! What the system says about this process: memory and files. Nothing where it does not say.

/// Memory that is held in RAM, bytes.
pub fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Files and sockets that are open.
pub fn open_files() -> Option<u64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

/// Files and sockets that may be open at one time.
#[cfg(unix)]
pub fn most_files() -> Option<u64> {
    rlimit::getrlimit(rlimit::Resource::NOFILE).ok().map(|(soft, _)| soft)
}

#[cfg(not(unix))]
pub fn most_files() -> Option<u64> {
    None
}

/// Asks for `wanted` open files and sockets; what there may be then. Many systems give a program 1,024 unless it asks.
#[cfg(unix)]
pub fn allow_files(wanted: u64) -> Option<u64> {
    rlimit::increase_nofile_limit(wanted).ok()
}

#[cfg(not(unix))]
pub fn allow_files(_wanted: u64) -> Option<u64> {
    None
}
