//! Random bytes for what a host may send: a room's settings and commands. What passes is read back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{HostCommand, RoomConfig};

fuzz_target!(|input: &[u8]| {
    if let Ok(config) = serde_json::from_slice::<RoomConfig>(input)
        && config.check().is_ok()
    {
        let written = serde_json::to_vec(&config).expect("what was read can be written");
        let again: RoomConfig = serde_json::from_slice(&written).expect("what was written can be read");
        assert_eq!(again.check(), Ok(()));
        assert!(config.update_bytes() > 0 && config.model_bytes() >= config.update_bytes());
    }
    if let Ok(command) = serde_json::from_slice::<HostCommand>(input)
        && command.check().is_ok()
    {
        let written = serde_json::to_vec(&command).expect("what was read can be written");
        let again: HostCommand = serde_json::from_slice(&written).expect("what was written can be read");
        assert_eq!(again, command);
    }
});
