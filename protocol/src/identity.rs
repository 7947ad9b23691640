//! Who speaks: device keys, device ids and signatures.
//!
//! A device is an Ed25519 key (RFC 8032). The same key is its libp2p identity and, under domain tags, its author
//! key; `verify_strict` is called here and nowhere else. Keys come in as 32 bytes and are not made here: this crate
//! has no randomness. How people call themselves travels in profile ops (see `op`).

use std::fmt;

use ed25519_dalek::{Signature as DalekSignature, Signer, SigningKey, VerifyingKey};

use crate::codec::{CodecError, Reader, Writer};
use crate::kept::Kept;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The first eight hex digits, for logs and messages.
            pub fn fmt_short(&self) -> String {
                hex(&self.0[..4])
            }

            /// Reads 64 lower- or upper-case hex digits.
            pub fn parse_hex(text: &str) -> Option<Self> {
                parse_hex(text).map(Self)
            }
        }

        impl Kept for $name {
            fn keep(&self, w: &mut Writer) {
                self.0.keep(w);
            }

            fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                Kept::regain(r).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.fmt_short())
            }
        }
    };
}

hash_id! {
    /// A device: its Ed25519 public key.
    DeviceId
}
impl DeviceId {
    /// The X25519 public key that epoch keys are sealed to: the Ed25519 key in Montgomery form (RFC 7748, section 4.1).
    /// None if the id is no key, or one with which nothing is secret.
    pub fn agreement_key(&self) -> Option<[u8; 32]> {
        let key = VerifyingKey::from_bytes(&self.0).ok().filter(|key| !key.is_weak());
        key.map(|key| key.to_montgomery().to_bytes())
    }
}

hash_id! {
    /// A workspace: the id of its genesis op.
    WorkspaceId
}
hash_id! {
    /// An op: the BLAKE3 hash of its canonical bytes, signature included.
    OpId
}

hash_id! {
    /// An epoch key: a hash of it, which gives nothing away.
    KeyId
}

/// Lower-case hex of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

/// Reads exactly 64 hex digits.
pub fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |d: u8| (d as char).to_digit(16);
        *byte = (nibble(pair[0])? * 16 + nibble(pair[1])?) as u8;
    }
    Some(out)
}

/// What a signature is made for. The tag is part of the signed bytes, so that a signature given for one purpose
/// is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An op of the kind with this tag byte.
    Op(u8),
    /// The names that an invitation link shows.
    LinkNames,
    /// A redemption, signed by the joining device.
    RedeemDevice,
    /// A redemption, signed by the key of the invitation.
    RedeemInvite,
    /// An ephemeral message: presence or heads.
    Ephemeral,
}

impl Purpose {
    fn message(self, bytes: &[u8]) -> Vec<u8> {
        let (tag, kind) = match self {
            Purpose::Op(kind) => (0u8, kind),
            Purpose::LinkNames => (1, 0),
            Purpose::RedeemDevice => (2, 0),
            Purpose::RedeemInvite => (3, 0),
            Purpose::Ephemeral => (4, 0),
        };
        let mut message = Vec::with_capacity(bytes.len() + 16);
        message.extend_from_slice(b"omniscope/sign");
        message.extend_from_slice(&[tag, kind]);
        message.extend_from_slice(bytes);
        message
    }
}

/// A signing key: of a device, or of an invitation. Wiped from memory when dropped.
#[derive(Clone)]
pub struct DeviceKey {
    signing: SigningKey,
}

impl DeviceKey {
    /// The key that this seed stands for. The seed must come from a secure source.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { signing: SigningKey::from_bytes(seed) }
    }

    /// The seed, to be kept in a key store.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.signing.to_bytes())
    }

    /// The public half.
    pub fn id(&self) -> DeviceId {
        DeviceId(self.signing.verifying_key().to_bytes())
    }

    /// The X25519 private key that belongs to `DeviceId::agreement_key`.
    pub fn agreement_secret(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.signing.to_scalar_bytes())
    }

    /// Signs `bytes` for one purpose. Deterministic.
    pub fn sign(&self, purpose: Purpose, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.signing.sign(&purpose.message(bytes)).to_bytes()
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.id().fmt_short())
    }
}

/// Tells whether `signature` is `device`'s own over `bytes` for `purpose`. Strict: no small-order keys, one form of
/// each signature.
pub fn verify(device: &DeviceId, purpose: Purpose, bytes: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&device.0) else { return false };
    key.verify_strict(&purpose.message(bytes), &DalekSignature::from_bytes(signature)).is_ok()
}

/// A device id as people compare it aloud: eight groups of four hex digits of its hash.
pub fn fingerprint(device: &DeviceId) -> String {
    let digits = hex(&blake3::hash(&device.0).as_bytes()[..16]);
    digits.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_serves_one_purpose_one_text_one_device() {
        let alice = DeviceKey::from_seed(&[1; 32]);
        let bob = DeviceKey::from_seed(&[2; 32]);
        let signature = alice.sign(Purpose::Op(3), b"text");
        assert!(verify(&alice.id(), Purpose::Op(3), b"text", &signature));
        assert!(!verify(&alice.id(), Purpose::Op(4), b"text", &signature));
        assert!(!verify(&alice.id(), Purpose::LinkNames, b"text", &signature));
        assert!(!verify(&alice.id(), Purpose::Op(3), b"texts", &signature));
        assert!(!verify(&bob.id(), Purpose::Op(3), b"text", &signature));
        assert!(!verify(&DeviceId([0; 32]), Purpose::Op(3), b"text", &signature));
    }

    #[test]
    fn hex_reads_what_it_writes_and_nothing_else() {
        let id = DeviceKey::from_seed(&[7; 32]).id();
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(DeviceId::parse_hex(&id.to_string()), Some(id));
        assert_eq!(DeviceId::parse_hex("zz"), None);
        assert_eq!(DeviceId::parse_hex(&"é".repeat(32)), None);
    }
}
