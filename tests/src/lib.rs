//! What the end-to-end tests stand on: a real `chorus serve` on a free port, real browsers without a screen, and
//! real voices where the corpora lie beside the checkout.

pub mod browser;
pub mod devices;
pub mod model;
pub mod overheard;
pub mod program;
pub mod recorder;
pub mod sounds;
pub mod stand_in;
pub mod voices;
