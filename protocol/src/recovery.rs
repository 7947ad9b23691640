//! Recovery: an owner's key that is kept offline, for when every device of the owners is lost.
//!
//! The key is a device like any other that was made an owner and never runs. Whoever has the text can make a new device
//! an owner: two ops signed by the key, which rest on nothing but its own grant, so that they can be made without the log
//! and shown to anybody who has it. Deliberately absent: how the text is kept (the user's), and the key's revocation,
//! which is removing that member.

use zeroize::Zeroizing;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use crate::invitation::{LinkError, MAX_ADDRESS_BYTES, MAX_LINK_ADDRESSES, encode_link, parse_link};
use crate::judge::Role;
use crate::op::{Body, Draft, MAX_NAME_BYTES, Op, SessionId};

/// What every recovery text begins with; the rest is base64url without padding.
pub const RECOVERY_PREFIX: &str = "omniscope://recover#";
/// In place of a colour in the profile that a recovery key gives itself: in lists it is no computer that nobody has seen.
pub const KEY_COLOR: &str = "key";
const VERSION: u8 = 0;

/// An opened recovery text.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its name when the text was made.
    pub workspace_name: String,
    /// The op that made the key an owner.
    pub grant: OpId,
    /// Where to look for members or a relay, as multiaddrs.
    pub addresses: Vec<String>,
    secret: Zeroizing<[u8; 32]>,
}

impl Recovery {
    /// The text for a key that `grant` made an owner.
    pub fn new(
        workspace: WorkspaceId,
        workspace_name: &str,
        grant: OpId,
        secret: [u8; 32],
        addresses: Vec<String>,
    ) -> Self {
        let (workspace_name, secret) = (workspace_name.to_owned(), Zeroizing::new(secret));
        Self { workspace, workspace_name, grant, addresses, secret }
    }

    /// The key.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&self.secret)
    }

    /// What makes `device` an owner, in order. `seed` must be random and secret, `now_ms` is this device's clock.
    pub fn ops(&self, device: DeviceId, seed: &[u8; 32], now_ms: u64) -> [Op; 2] {
        let session = SessionId::from_seed(seed);
        let sign = |seq, prev, deps, body| {
            let draft = Draft { workspace: self.workspace, session, seq, prev, deps, time_ms: now_ms, body };
            Op::sign(draft, &self.key())
        };
        let open = sign(0, None, vec![self.grant], Body::Open);
        let body = Body::SetRole { subject: device, role: Role::Owner, cap: self.grant };
        let grant = sign(1, Some(open.id), Vec::new(), body);
        [open, grant]
    }

    /// The text. Whoever reads it can become an owner.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut w = Writer::new();
        w.u8(VERSION).array(&self.workspace.0).str(&self.workspace_name).array(&self.grant.0).array(&*self.secret);
        w.list(&self.addresses, |w, address| {
            w.str(address);
        });
        encode_link(RECOVERY_PREFIX, w.into_bytes())
    }

    /// Finds and opens the text in what was pasted.
    ///
    /// # Errors
    /// `LinkError`, before anything else happens.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        parse_link(RECOVERY_PREFIX, text, Self::read)
    }

    fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = Reader::new(bytes);
        let version = r.u8("version")?;
        if version != VERSION {
            return Err(CodecError::Unknown { what: "recovery version", value: version.into() });
        }
        let recovery = Self {
            workspace: WorkspaceId(r.array("workspace")?),
            workspace_name: r.str("workspace name", MAX_NAME_BYTES)?.to_owned(),
            grant: OpId(r.array("grant")?),
            secret: Zeroizing::new(r.array("secret")?),
            addresses: r
                .list("addresses", MAX_LINK_ADDRESSES, |r| Ok(r.str("address", MAX_ADDRESS_BYTES)?.to_owned()))?,
        };
        r.finish()?;
        Ok(recovery)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn recovery() -> Recovery {
        let addresses = vec!["/ip4/192.0.2.1/udp/4001/quic-v1".to_owned()];
        Recovery::new(WorkspaceId([1; 32]), "RNA", OpId([2; 32]), [3; 32], addresses)
    }

    #[test]
    fn a_text_opens_to_what_it_was_made_of_also_inside_other_words() {
        let text = recovery().to_text();
        let read = Recovery::parse(&format!("keep this:\n{}\nfar away", *text)).unwrap();
        assert_eq!(
            (read.workspace, read.grant, read.key().id()),
            (WorkspaceId([1; 32]), OpId([2; 32]), recovery().key().id())
        );
        assert_eq!(read.to_text(), text);
    }

    #[test]
    fn a_text_with_a_letter_changed_or_missing_is_refused() {
        let text = recovery().to_text();
        for at in RECOVERY_PREFIX.len()..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            assert!(Recovery::parse(&format!("{}{other}{}", &text[..at], &text[at + 1..])).is_err(), "letter {at}");
            assert!(Recovery::parse(&text[..at]).is_err(), "{at} letters");
        }
    }

    #[test]
    fn its_ops_make_a_device_an_owner_under_the_keys_own_grant() {
        let device = DeviceKey::from_seed(&[9; 32]).id();
        let [open, grant] = recovery().ops(device, &[4; 32], 5);
        assert_eq!(open.deps, [OpId([2; 32])]);
        assert_eq!(grant.prev, Some(open.id));
        assert_eq!(grant.body, Body::SetRole { subject: device, role: Role::Owner, cap: OpId([2; 32]) });
        assert!([open, grant].iter().all(|op| Op::decode(&op.bytes).is_ok() && op.author == recovery().key().id()));
    }
}
