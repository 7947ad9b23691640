//! Invitations: the link, and the proof that its holder redeems it.
//!
//! A link carries the signed invite op, the names to show (signed beside it, never inside it), the seed of the invite
//! key and addresses. It is verified before any network. A redemption is signed by the joining device and by the
//! invite key over (workspace, invite, device), so that a stolen one is worth nothing elsewhere. Who may admit, and how
//! often, are the judge's rules R13 to R18; expiry is the attester's to refuse, for no clock can be trusted.

use zeroize::Zeroizing;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, DeviceKey, OpId, Purpose, SIGNATURE_BYTES, WorkspaceId, verify};
use crate::judge::Role;
use crate::op::{Body, Invite, MAX_NAME_BYTES, MAX_OP_BYTES, Op};

/// What every link begins with; the rest is base64url without padding.
pub const LINK_PREFIX: &str = "omniscope://join#";
/// Characters of a link or of the message that it is pasted in.
pub const MAX_LINK_CHARS: usize = 16 * 1024;
/// Addresses in one link.
pub const MAX_LINK_ADDRESSES: usize = 16;
/// Bytes of one address.
pub const MAX_ADDRESS_BYTES: usize = 512;
const LINK_VERSION: u8 = 0;

/// The proof that a device holds a link, made for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// Who joins.
    pub device: DeviceId,
    device_signature: [u8; SIGNATURE_BYTES],
    invite_signature: [u8; SIGNATURE_BYTES],
}

impl Redemption {
    /// Redeems an invite for the device of `device`.
    pub fn new(workspace: &WorkspaceId, invite: &OpId, device: &DeviceKey, invite_key: &DeviceKey) -> Self {
        let text = Self::text(workspace, invite, &device.id());
        Self {
            device: device.id(),
            device_signature: device.sign(Purpose::RedeemDevice, &text),
            invite_signature: invite_key.sign(Purpose::RedeemInvite, &text),
        }
    }

    /// Whether both signatures are right for this invite.
    pub fn proves(&self, workspace: &WorkspaceId, invite_id: &OpId, invite: &Invite) -> bool {
        let text = Self::text(workspace, invite_id, &self.device);
        invite.bound_to.is_none_or(|d| d == self.device)
            && verify(&self.device, Purpose::RedeemDevice, &text, &self.device_signature)
            && verify(&invite.key, Purpose::RedeemInvite, &text, &self.invite_signature)
    }

    /// Whether both signatures are right for a device link of `person` with this key (Rule R19).
    pub fn proves_offer(&self, workspace: &WorkspaceId, person: &DeviceId, key: &DeviceId) -> bool {
        let text = Self::text(workspace, &crate::device_link::offer_id(person, key), &self.device);
        verify(&self.device, Purpose::RedeemDevice, &text, &self.device_signature)
            && verify(key, Purpose::RedeemInvite, &text, &self.invite_signature)
    }

    fn text(workspace: &WorkspaceId, invite: &OpId, device: &DeviceId) -> Vec<u8> {
        [&workspace.0[..], &invite.0, &device.0].concat()
    }

    /// Appends its canonical form: 160 bytes.
    pub fn write(&self, w: &mut Writer) {
        w.array(&self.device.0).array(&self.device_signature).array(&self.invite_signature);
    }

    /// Reads its canonical form. The signatures are checked by `proves`.
    ///
    /// # Errors
    /// When the bytes end early.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            device: DeviceId(r.array("joining device")?),
            device_signature: r.array("device signature")?,
            invite_signature: r.array("invite signature")?,
        })
    }
}

/// An opened and verified link.
#[derive(Clone, Debug)]
pub struct Link {
    /// The invite op.
    pub op: Op,
    /// What `op` grants.
    pub invite: Invite,
    /// The workspace's name when the link was made.
    pub workspace_name: String,
    /// The inviter's name when the link was made.
    pub inviter_name: String,
    /// Where to look for members or a relay, as multiaddrs.
    pub addresses: Vec<String>,
    secret: Zeroizing<[u8; 32]>,
    names_signature: [u8; SIGNATURE_BYTES],
}

/// Why a link cannot be used, told apart because people act differently on each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is cut off or no link at all.
    #[error("this is not a whole OmniScope link: {0}. Ask for it again, or copy it again from start to end")]
    Malformed(&'static str),
    /// Nothing in the text begins as such a link does.
    #[error(
        "this is not a whole OmniScope link: it does not begin with {0}. Ask for it again, or copy it again from start to end"
    )]
    Absent(&'static str),
    /// It was changed after it was signed.
    #[error("this link was not made by the person it names; do not use it")]
    Forged,
    /// It comes from a newer program.
    #[error("this link was made by a newer OmniScope; update this one first")]
    Newer,
}

impl LinkError {
    /// The stable code that callers branch on.
    pub fn code(&self) -> &'static str {
        match self {
            LinkError::Malformed(_) | LinkError::Absent(_) => "link_malformed",
            LinkError::Forged => "link_forged",
            LinkError::Newer => "link_newer",
        }
    }
}

impl Link {
    /// Makes the link of an invite op that `issuer` signed; none if `op` is no invite.
    pub fn new(
        op: Op,
        issuer: &DeviceKey,
        secret: [u8; 32],
        workspace_name: &str,
        inviter_name: &str,
        addresses: Vec<String>,
    ) -> Option<Self> {
        let Body::Invite(invite) = op.body.clone() else { return None };
        let names_signature = issuer.sign(Purpose::LinkNames, &names_text(&op.id, workspace_name, inviter_name));
        Some(Self {
            op,
            invite,
            workspace_name: workspace_name.to_owned(),
            inviter_name: inviter_name.to_owned(),
            addresses,
            secret: Zeroizing::new(secret),
            names_signature,
        })
    }

    /// The key that redeems it.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&self.secret)
    }

    /// The workspace that it leads to.
    pub fn workspace(&self) -> WorkspaceId {
        self.op.workspace()
    }

    /// The link as text. Whoever reads it can use it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut w = Writer::new();
        w.u8(LINK_VERSION).bytes(&self.op.bytes).str(&self.workspace_name).str(&self.inviter_name);
        w.array(&self.names_signature).array(&*self.secret);
        w.list(&self.addresses, |w, a| {
            w.str(a);
        });
        encode_link(LINK_PREFIX, w.into_bytes())
    }

    /// Finds, opens and verifies the link in pasted text; text around it is passed over.
    ///
    /// # Errors
    /// `LinkError`, before anything else happens.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        parse_link(LINK_PREFIX, text, Self::read)?
    }

    fn read(bytes: &[u8]) -> Result<Result<Self, LinkError>, CodecError> {
        let mut r = Reader::new(bytes);
        let version = r.u8("version")?;
        if version != LINK_VERSION {
            return Err(CodecError::Unknown { what: "link version", value: version.into() });
        }
        let op = r.bytes("invite", MAX_OP_BYTES)?;
        let workspace_name = r.str("workspace name", MAX_NAME_BYTES)?.to_owned();
        let inviter_name = r.str("inviter name", MAX_NAME_BYTES)?.to_owned();
        let names_signature = r.array("signature")?;
        let secret = Zeroizing::new(r.array("secret")?);
        let addresses =
            r.list("addresses", MAX_LINK_ADDRESSES, |r| Ok(r.str("address", MAX_ADDRESS_BYTES)?.to_owned()))?;
        r.finish()?;
        let Ok(op) = Op::decode(op) else { return Ok(Err(LinkError::Forged)) };
        let invite = match op.body.clone() {
            Body::Invite(invite) => invite,
            Body::Newer { .. } => return Ok(Err(LinkError::Newer)),
            _ => return Ok(Err(LinkError::Malformed("it holds no invitation"))),
        };
        let names = names_text(&op.id, &workspace_name, &inviter_name);
        let genuine = verify(&op.author, Purpose::LinkNames, &names, &names_signature)
            && DeviceKey::from_seed(&secret).id() == invite.key
            && matches!(invite.role, Role::Viewer | Role::Editor);
        if !genuine {
            return Ok(Err(LinkError::Forged));
        }
        Ok(Ok(Self { op, invite, workspace_name, inviter_name, addresses, secret, names_signature }))
    }
}

/// A link of some kind as text: base64url of its bytes and of the first four of their hash.
pub(crate) fn encode_link(prefix: &str, bytes: Vec<u8>) -> Zeroizing<String> {
    let bytes = Zeroizing::new(bytes);
    let check = blake3::hash(&bytes);
    let whole = Zeroizing::new([&bytes[..], &check.as_bytes()[..4]].concat());
    Zeroizing::new(format!("{prefix}{}", base64::encode(&whole)))
}

/// What `read` makes of the link that begins with `prefix` somewhere in pasted text.
pub(crate) fn parse_link<T>(
    prefix: &'static str,
    text: &str,
    read: impl FnOnce(&[u8]) -> Result<T, CodecError>,
) -> Result<T, LinkError> {
    read(&decode_link(prefix, text)?).map_err(|e| match e {
        CodecError::Unknown { .. } => LinkError::Newer,
        _ => LinkError::Malformed("its parts do not fit together"),
    })
}

fn decode_link(prefix: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, LinkError> {
    if text.len() > MAX_LINK_CHARS {
        return Err(LinkError::Malformed("it is too long"));
    }
    let at = text.find(prefix).ok_or(LinkError::Absent(prefix))?;
    let rest = &text[at + prefix.len()..];
    let end = rest.find(|c: char| !base64::is_digit(c)).unwrap_or(rest.len());
    let mut whole = Zeroizing::new(base64::decode(&rest[..end]).ok_or(LinkError::Malformed("a character is missing"))?);
    let split = whole.len().checked_sub(4).ok_or(LinkError::Malformed("it is too short"))?;
    let (bytes, check) = whole.split_at(split);
    if blake3::hash(bytes).as_bytes()[..4] != *check {
        return Err(LinkError::Malformed("some of it is missing or was changed on the way"));
    }
    whole.truncate(split);
    Ok(whole)
}

fn names_text(invite: &OpId, workspace_name: &str, inviter_name: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(&invite.0).str(workspace_name).str(inviter_name);
    w.into_bytes()
}

/// URL-safe base64 without padding (RFC 4648, section 5), one form per value.
mod base64 {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    pub(super) fn is_digit(c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '-' || c == '_'
    }

    pub(super) fn encode(bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for chunk in bytes.chunks(3) {
            let value = chunk.iter().fold(0u32, |v, b| v << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            for i in 0..=chunk.len() {
                out.push(DIGITS[(value >> (18 - 6 * i)) as usize & 63] as char);
            }
        }
        out
    }

    pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len() * 3 / 4);
        for chunk in text.as_bytes().chunks(4) {
            let mut value = 0u32;
            for digit in chunk {
                value = value << 6 | DIGITS.iter().position(|d| d == digit)? as u32;
            }
            value <<= 6 * (4 - chunk.len());
            let bytes = chunk.len().checked_sub(1).filter(|n| *n > 0)?;
            if value & ((1u32 << (8 * (3 - bytes))) - 1) != 0 {
                return None;
            }
            out.extend_from_slice(&value.to_be_bytes()[1..=bytes]);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests;
