//! Random bytes for what reads model files: nothing but a whole file of the network that is asked for gets through.

#![no_main]

use libfuzzer_sys::fuzz_target;
use models::Architecture;

fuzz_target!(|input: &[u8]| {
    for architecture in Architecture::ALL {
        if let Ok(parameters) = model_file::parameters(input, architecture, 2) {
            assert_eq!(parameters.len(), architecture.parameters(2));
        }
    }
});
