//! What a stolen disk does not give away: names, links, settings and snapshots are sealed under a key made from the
//! device key.
//!
//! Ops need no second seal: their payloads rest as they travelled. In the clear stay ids, times, sizes and who is a
//! member, as in the ops themselves, and the setting that says whose database this is. Deliberately absent: protection
//! from whoever can use the device key.

use omniscope_protocol::identity::{DeviceKey, KeyId};
use omniscope_protocol::op::Sealed;
use omniscope_protocol::sealing::EpochKey;

/// The one setting that must be read before the device key is known.
pub(super) const CLEAR_SETTING: &str = "device";

/// Seals and opens columns.
#[derive(Debug, Clone)]
pub(super) struct RestKey(EpochKey);

impl RestKey {
    pub(super) fn of(device: &DeviceKey) -> Self {
        Self(EpochKey::new(blake3::derive_key("omniscope 2026 database key", &*device.seed())))
    }

    /// Seals a value for one column. Equal values have equal seals, so that they can serve as keys.
    pub(super) fn seal(&self, column: &str, value: &[u8]) -> Vec<u8> {
        self.0.seal(column.as_bytes(), value).bytes
    }

    /// Opens it; none if it was sealed under another key, for another column, or is damaged.
    pub(super) fn open(&self, column: &str, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let key: KeyId = self.0.id();
        self.0.open(column.as_bytes(), &Sealed { key, bytes })
    }
}
