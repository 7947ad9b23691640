//! Secrecy: epoch keys, what is sealed under them, and how they reach devices.
//!
//! A payload is XChaCha20-Poly1305 under an epoch key, bound to its place by associated data. An epoch key goes to a
//! device by HPKE (RFC 9180: base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305); its id is its hash, so that a seal
//! that holds something else is noticed, and no ciphertext opens under two keys.
//!
//! Deliberately absent: randomness. A new key comes in as bytes; nonces and ephemeral keys are derived from secrets and
//! from what is sealed, so that one nonce never serves two texts, whatever a bad source of randomness may do. Who may
//! be sealed to is the replica's to decide.

use std::convert::Infallible;
use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceKey, WorkspaceId, hex};

/// Bytes that sealing adds to a text, the key's id and the nonce included.
pub const SEALED_OVERHEAD: usize = 32 + NONCE_BYTES + 16;
/// Bytes of an epoch key sealed to one device.
pub const SEALED_KEY_BYTES: usize = 32 + 32 + 16;
/// Bytes of an epoch key wrapped under a later one.
pub const WRAPPED_KEY_BYTES: usize = NONCE_BYTES + 32 + 16;
const NONCE_BYTES: usize = 24;

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Names an epoch key: its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", hex(&self.0[..4]))
    }
}

/// The public half of a device's sealing key (X25519).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealingId(pub [u8; 32]);

/// The key by which a device receives epoch keys. It follows from the device key, so that nothing else is stored.
#[derive(Clone)]
pub struct SealingKey {
    private: PrivateKey,
    public: SealingId,
}

impl SealingKey {
    /// The sealing key of a device.
    pub fn of(device: &DeviceKey) -> Self {
        let ikm = Zeroizing::new(blake3::derive_key("omniscope 2026 device sealing key", &*device.seed()));
        let (private, public) = X25519HkdfSha256::derive_keypair(&*ikm);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&public.to_bytes());
        Self { private, public: SealingId(bytes) }
    }

    /// The public half.
    pub fn id(&self) -> SealingId {
        self.public
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", hex(&self.public.0[..4]))
    }
}

/// The key of one epoch of one workspace. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct EpochKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochKey({:?})", self.id())
    }
}

impl EpochKey {
    /// A key made of bytes that nobody else can guess.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { bytes }
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        KeyId(blake3::derive_key("omniscope 2026 epoch key id", &*self.bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.bytes))
    }

    /// A nonce that depends on the key, the place and the text: the same for equal ones only.
    fn nonce(&self, place: &[u8], text: &[u8]) -> [u8; NONCE_BYTES] {
        let secret = Zeroizing::new(blake3::derive_key("omniscope 2026 nonce secret", &*self.bytes));
        let mut hasher = blake3::Hasher::new_keyed(&secret);
        hasher.update(&(place.len() as u64).to_le_bytes()).update(place).update(text);
        let mut nonce = [0; NONCE_BYTES];
        hasher.finalize_xof().fill(&mut nonce);
        nonce
    }

    fn encrypt(&self, place: &[u8], text: &[u8]) -> ([u8; NONCE_BYTES], Vec<u8>) {
        let nonce = self.nonce(place, text);
        let payload = Payload { msg: text, aad: place };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        (nonce, sealed.expect("texts are far shorter than the cipher's limit"))
    }

    fn decrypt(&self, place: &[u8], nonce: [u8; NONCE_BYTES], sealed: &[u8]) -> Option<Vec<u8>> {
        self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: place }).ok()
    }

    /// Seals a text for one place; it opens nowhere else.
    pub fn seal(&self, place: &[u8], text: &[u8]) -> Sealed {
        let (nonce, bytes) = self.encrypt(place, text);
        Sealed { key: self.id(), nonce, bytes }
    }

    /// Opens what was sealed under this key for this place; none if it was not.
    pub fn open(&self, place: &[u8], sealed: &Sealed) -> Option<Vec<u8>> {
        if sealed.key != self.id() {
            return None;
        }
        self.decrypt(place, sealed.nonce, &sealed.bytes)
    }

    /// Wraps an older key, so that whoever holds this one can read what is older.
    pub fn wrap(&self, older: &EpochKey) -> [u8; WRAPPED_KEY_BYTES] {
        let (nonce, sealed) = self.encrypt(&older.id().0, &*older.bytes);
        let mut out = [0; WRAPPED_KEY_BYTES];
        out[..NONCE_BYTES].copy_from_slice(&nonce);
        out[NONCE_BYTES..].copy_from_slice(&sealed);
        out
    }

    /// Unwraps the older key of this name; none if the bytes hold another one.
    pub fn unwrap(&self, older: &KeyId, wrapped: &[u8; WRAPPED_KEY_BYTES]) -> Option<EpochKey> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_BYTES>()?;
        let bytes = Zeroizing::new(self.decrypt(&older.0, *nonce, sealed)?);
        let key = EpochKey::new(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?));
        (key.id() == *older).then_some(key)
    }

    /// Seals this key to a device for one workspace. `secret` is the sender's and makes the ephemeral key; none if the
    /// receiver's key is no point that can be sealed to.
    pub fn seal_to(
        &self,
        workspace: &WorkspaceId,
        receiver: &SealingId,
        secret: &[u8; 32],
    ) -> Option<[u8; SEALED_KEY_BYTES]> {
        let public = PublicKey::from_bytes(&receiver.0).ok()?;
        let mut stream = Stream::of(&[secret, &workspace.0, &receiver.0, &self.id().0]);
        let (encapped, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &seal_info(workspace),
            &*self.bytes,
            &self.id().0,
            &mut stream,
        )
        .ok()?;
        let mut out = [0; SEALED_KEY_BYTES];
        out[..32].copy_from_slice(&encapped.to_bytes());
        out[32..].copy_from_slice(&sealed);
        Some(out)
    }

    /// Opens a key that was sealed to a device; none if it is not the one named.
    pub fn open_seal(
        workspace: &WorkspaceId,
        name: &KeyId,
        receiver: &SealingKey,
        sealed: &[u8; SEALED_KEY_BYTES],
    ) -> Option<EpochKey> {
        let encapped = EncappedKey::from_bytes(&sealed[..32]).ok()?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &receiver.private,
            &encapped,
            &seal_info(workspace),
            &sealed[32..],
            &name.0,
        );
        let bytes = Zeroizing::new(opened.ok()?);
        let key = EpochKey::new(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?));
        (key.id() == *name).then_some(key)
    }
}

fn seal_info(workspace: &WorkspaceId) -> Vec<u8> {
    [&b"omniscope epoch key seal"[..], &workspace.0].concat()
}

/// A text under an epoch key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The key that opens it.
    pub key: KeyId,
    nonce: [u8; NONCE_BYTES],
    bytes: Vec<u8>,
}

impl Sealed {
    /// Appends its canonical form.
    pub fn write(&self, w: &mut Writer) {
        w.array(&self.key.0).array(&self.nonce).bytes(&self.bytes);
    }

    /// Reads its canonical form; the text behind it may have at most `max` bytes.
    ///
    /// # Errors
    /// When the bytes end early or are too many.
    pub fn read(r: &mut Reader<'_>, what: &'static str, max: usize) -> Result<Self, CodecError> {
        let (key, nonce) = (KeyId(r.array("key id")?), r.array("nonce")?);
        Ok(Self { key, nonce, bytes: r.bytes(what, max + 16)?.to_vec() })
    }
}

/// Bytes that look random to everybody who lacks the secret that they come from.
struct Stream(blake3::OutputReader);

impl Stream {
    fn of(parts: &[&[u8; 32]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("omniscope 2026 ephemeral sealing key");
        parts.iter().for_each(|part| {
            hasher.update(*part);
        });
        Self(hasher.finalize_xof())
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(dst);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn key(n: u8) -> EpochKey {
        EpochKey::new(Zeroizing::new([n; 32]))
    }

    #[test]
    fn a_sealed_text_opens_with_its_key_at_its_place_and_nowhere_else() {
        let sealed = key(1).seal(b"here", b"text");
        assert_eq!(key(1).open(b"here", &sealed).unwrap(), b"text");
        assert_eq!(key(1).open(b"there", &sealed), None);
        assert_eq!(key(2).open(b"here", &sealed), None);
        let mut changed = sealed.clone();
        changed.bytes[0] ^= 1;
        assert_eq!(key(1).open(b"here", &changed), None);
    }

    #[test]
    fn a_nonce_serves_one_text_at_one_place() {
        let nonces = [(&b"a"[..], &b"x"[..]), (b"a", b"y"), (b"b", b"x"), (b"ax", b""), (b"", b"ax")];
        let nonces: std::collections::BTreeSet<_> = nonces.iter().map(|(p, t)| key(1).seal(p, t).nonce).collect();
        assert_eq!(nonces.len(), 5);
        assert_ne!(key(1).seal(b"a", b"x").nonce, key(2).seal(b"a", b"x").nonce);
    }

    #[test]
    fn an_epoch_key_reaches_the_device_it_is_sealed_to_and_no_other() {
        let (ben, cara) = (DeviceKey::from_seed(&[2; 32]), DeviceKey::from_seed(&[3; 32]));
        let (workspace, other) = (WorkspaceId([7; 32]), WorkspaceId([8; 32]));
        let sealed = key(1).seal_to(&workspace, &SealingKey::of(&ben).id(), &[9; 32]).unwrap();
        let open = |w, name: &EpochKey, device| EpochKey::open_seal(w, &name.id(), &SealingKey::of(device), &sealed);
        assert_eq!(open(&workspace, &key(1), &ben), Some(key(1)));
        assert_eq!(open(&workspace, &key(1), &cara), None);
        assert_eq!(open(&other, &key(1), &ben), None);
        assert_eq!(open(&workspace, &key(2), &ben), None);
    }

    #[test]
    fn a_later_key_unwraps_the_older_one_that_is_named() {
        let wrapped = key(2).wrap(&key(1));
        assert_eq!(key(2).unwrap(&key(1).id(), &wrapped), Some(key(1)));
        assert_eq!(key(2).unwrap(&key(3).id(), &wrapped), None);
        assert_eq!(key(3).unwrap(&key(1).id(), &wrapped), None);
    }

    #[test]
    fn hostile_points_are_refused() {
        assert_eq!(key(1).seal_to(&WorkspaceId([0; 32]), &SealingId([0; 32]), &[1; 32]), None);
    }
}
