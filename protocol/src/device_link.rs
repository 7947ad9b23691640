//! The link by which a person's device makes another one theirs too (Rule R19).
//!
//! It is used once, while the device that made it is on line, and holds the seed of a key. The new device proves with that
//! key, and with its own, that it wants to be a device of this person in this workspace. Deliberately absent: a signature,
//! since the new device asks only the device that the link names, and knows it by its key.

use zeroize::Zeroizing;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use crate::invitation::{LinkError, MAX_ADDRESS_BYTES, MAX_LINK_ADDRESSES, Redemption, encode_link, parse_link};
use crate::op::MAX_NAME_BYTES;

/// What every such link begins with; the rest is base64url without padding.
pub const DEVICE_LINK_PREFIX: &str = "omniscope://device#";
const VERSION: u8 = 0;

/// An opened link.
#[derive(Clone, Debug)]
pub struct DeviceLink {
    /// Where the device is wanted.
    pub workspace: WorkspaceId,
    /// Whose device it is to be, by the name of the first one.
    pub person: DeviceId,
    /// The device that made the link and answers it.
    pub adder: DeviceId,
    /// Unix seconds after which that one refuses.
    pub expires: u64,
    /// The workspace's name when the link was made.
    pub workspace_name: String,
    /// The person's name then.
    pub person_name: String,
    /// Where the adder may be reached, as multiaddrs.
    pub addresses: Vec<String>,
    /// The seed of the link's key.
    pub secret: Zeroizing<[u8; 32]>,
}

/// What a redemption of a device link is bound to in place of an invite: the person and the link's key.
pub fn offer_id(person: &DeviceId, key: &DeviceId) -> OpId {
    let mut hasher = blake3::Hasher::new_derive_key("omniscope 2026 device offer");
    OpId(*hasher.update(&person.0).update(&key.0).finalize().as_bytes())
}

impl DeviceLink {
    /// The key that redeems it.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&self.secret)
    }

    /// The proof that the device of `device` has the link and agrees.
    pub fn redeem(&self, device: &DeviceKey) -> Redemption {
        let key = self.key();
        Redemption::new(&self.workspace, &offer_id(&self.person, &key.id()), device, &key)
    }

    /// The link as text. Whoever reads it in time can become a device of the person.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut w = Writer::new();
        w.u8(VERSION).array(&self.workspace.0).array(&self.person.0).array(&self.adder.0).varint(self.expires);
        w.array(&*self.secret).str(&self.workspace_name).str(&self.person_name);
        w.list(&self.addresses, |w, a| {
            w.str(a);
        });
        encode_link(DEVICE_LINK_PREFIX, w.into_bytes())
    }

    /// Finds and opens the link in pasted text; text around it is passed over.
    ///
    /// # Errors
    /// `LinkError`, before anything else happens.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        parse_link(DEVICE_LINK_PREFIX, text, Self::read)
    }

    fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = Reader::new(bytes);
        let version = r.u8("version")?;
        if version != VERSION {
            return Err(CodecError::Unknown { what: "link version", value: version.into() });
        }
        let link = Self {
            workspace: WorkspaceId(r.array("workspace")?),
            person: DeviceId(r.array("person")?),
            adder: DeviceId(r.array("device")?),
            expires: r.varint("expiry")?,
            secret: Zeroizing::new(r.array("secret")?),
            workspace_name: r.str("workspace name", MAX_NAME_BYTES)?.to_owned(),
            person_name: r.str("person name", MAX_NAME_BYTES)?.to_owned(),
            addresses: r
                .list("addresses", MAX_LINK_ADDRESSES, |r| Ok(r.str("address", MAX_ADDRESS_BYTES)?.to_owned()))?,
        };
        r.finish()?;
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_device_link_is_read_as_it_was_made_and_not_when_cut_off() {
        let link = DeviceLink {
            workspace: WorkspaceId([9; 32]),
            person: DeviceId([1; 32]),
            adder: DeviceId([2; 32]),
            expires: 1_800_000_000,
            workspace_name: "RNA-seq".into(),
            person_name: "Ana".into(),
            addresses: vec!["/ip4/192.0.2.1/udp/4001/quic-v1".into()],
            secret: Zeroizing::new([3; 32]),
        };
        let text = link.to_text();
        let read = DeviceLink::parse(&format!("Open this: {}\n", &*text)).unwrap();
        assert_eq!(read.to_text(), text);
        for end in DEVICE_LINK_PREFIX.len()..text.len() {
            assert!(DeviceLink::parse(&text[..end]).is_err(), "cut off at {end}");
        }
        let device = DeviceKey::from_seed(&[5; 32]);
        let proof = read.redeem(&device);
        let key = read.key().id();
        assert!(proof.proves_offer(&link.workspace, &link.person, &key));
        assert!(!proof.proves_offer(&link.workspace, &DeviceId([7; 32]), &key), "of another person");
        assert!(!proof.proves_offer(&WorkspaceId([8; 32]), &link.person, &key), "elsewhere");
    }
}
