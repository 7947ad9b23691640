//! Device keys and peer ids: two names of one Ed25519 key.

use libp2p::PeerId;
use libp2p::identity::{PublicKey, ed25519};
use omniscope_protocol::identity::DeviceId;

/// Multihash code for "the digest is the data itself", which Ed25519 peer ids use.
const IDENTITY_HASH: u64 = 0;

/// The peer id of a device; `None` when the bytes are no Ed25519 point.
pub(crate) fn peer_of(device: &DeviceId) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&device.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The device behind a peer id; `None` for peers with another kind of key.
pub(crate) fn device_of(peer: &PeerId) -> Option<DeviceId> {
    let hash = peer.as_ref();
    if hash.code() != IDENTITY_HASH {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    Some(DeviceId(key.try_into_ed25519().ok()?.to_bytes()))
}
