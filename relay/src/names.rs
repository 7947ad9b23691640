//! Device keys and peer ids: two names of one Ed25519 key.
//!
//! They are told from each other without a look at the key, for this is done for each member at each piece of news: who
//! connects has proven its key, and by a key that is none nobody connects.

use libp2p::PeerId;
use omniscope_protocol::identity::DeviceId;

/// Multihash code for "the digest is the data itself", which Ed25519 peer ids use.
const IDENTITY_HASH: u64 = 0;
/// How such a peer id begins: its hash code, the length of the digest, and what says in it that 32 bytes of an Ed25519 key
/// follow.
const BEGINNING: [u8; 6] = [IDENTITY_HASH as u8, 36, 8, 1, 18, 32];

/// The peer id of a device.
pub(crate) fn peer_of(device: &DeviceId) -> PeerId {
    let bytes: Vec<u8> = BEGINNING.iter().chain(&device.0).copied().collect();
    PeerId::from_bytes(&bytes).expect("an identity hash of 36 bytes is a peer id")
}

/// The device behind a peer id; `None` for peers with another kind of key.
pub(crate) fn device_of(peer: &PeerId) -> Option<DeviceId> {
    let hash = peer.as_ref();
    let key = hash.digest().strip_prefix(&BEGINNING[2..]).filter(|_| hash.code() == IDENTITY_HASH)?;
    Some(DeviceId(key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use libp2p::identity::Keypair;

    #[test]
    fn a_device_and_its_peer_id_name_each_other_and_other_kinds_of_keys_name_no_device() {
        let keypair = Keypair::generate_ed25519();
        let device = DeviceId(keypair.public().try_into_ed25519().unwrap().to_bytes());
        assert_eq!(peer_of(&device), keypair.public().to_peer_id());
        assert_eq!(device_of(&peer_of(&device)), Some(device));
        let hashed = PeerId::from_bytes(&[&[18, 32][..], &[7; 32]].concat()).unwrap();
        assert_eq!(device_of(&hashed), None);
        assert_eq!(device_of(&PeerId::random()), None);
    }
}
