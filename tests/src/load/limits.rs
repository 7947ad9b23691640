//! A relay for load: one address may do what a thousand would.

use std::path::Path;

use super::Place;
use crate::relay::Relay;

/// Settings under which all members may come from one address.
const SETTINGS: &str = "[limits]\nconnections_per_ip = 8192\nrequests_per_ip = 1000000\n";

/// Starts a relay over a folder, with a settings file beside it; `None` where the program was not built.
pub fn relay_for_load(folder: &Path, listen: &str, seed: u64) -> Option<(Relay, Place)> {
    relay_with(folder, listen, seed, "")
}

/// The same with `more` at the end of its settings.
pub fn relay_with(folder: &Path, listen: &str, seed: u64, more: &str) -> Option<(Relay, Place)> {
    let settings = folder.with_extension("toml");
    std::fs::write(&settings, [SETTINGS, more].concat()).unwrap();
    let relay = Relay::start_at(folder, listen, &["--config", settings.to_str().unwrap()])?;
    let token = relay.order(&["register", "--uses", "0"]);
    let place = Place { relay: relay.addr.parse().unwrap(), token, seed, feed: true };
    Some((relay, place))
}
