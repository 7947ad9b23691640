//! What outsiders cannot read: payloads sealed under epoch keys, and epoch keys sealed to devices.
//!
//! A payload is sealed by XChaCha20-Poly1305 with its place (`Op` header, note) as associated data. Its nonce is derived
//! from key, place and text by keyed BLAKE3: two texts share a nonce only by a collision of the hash, and nothing here
//! needs randomness, so that simulations replay to the byte. An epoch key reaches a device by HPKE (RFC 9180, base
//! mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305). The X25519 key of a device is its Ed25519 key in
//! Montgomery form, so who can be named can be sealed to; that one key may serve both is shown by Thormarker (2021,
//! IACR ePrint 2021/509) for exactly this pair of schemes.
//!
//! Deliberately absent: who is given a key, and under which one is sealed (`replica`); forward secrecy of history.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng};
use zeroize::Zeroizing;

use crate::identity::{DeviceId, DeviceKey, KeyId, WorkspaceId};
use crate::op::{SEAL_BYTES, Seal, Sealed, WRAPPED_BYTES, Wrapped};

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const ENC_BYTES: usize = 32;
const INFO: &[u8] = b"omniscope 2026 epoch key for a device";

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The key of one epoch. Wiped from memory when dropped.
#[derive(Clone)]
pub struct EpochKey {
    secret: Zeroizing<[u8; 32]>,
    id: KeyId,
}

impl std::fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EpochKey({:?})", self.id)
    }
}

impl EpochKey {
    /// The key with these bytes, which must come from a secure source.
    pub fn new(secret: [u8; 32]) -> Self {
        let id = KeyId(blake3::derive_key("omniscope 2026 epoch key id", &secret));
        Self { secret: Zeroizing::new(secret), id }
    }

    /// Its name, which gives nothing away.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Seals `text` for one place: it opens there and nowhere else.
    pub fn seal(&self, place: &[u8], text: &[u8]) -> Sealed {
        Sealed { key: self.id, bytes: self.encrypt(place, text) }
    }

    /// Opens what `seal` made for the same place; none if it was made elsewhere, by another key, or changed.
    pub fn open(&self, place: &[u8], sealed: &Sealed) -> Option<Vec<u8>> {
        if sealed.key == self.id { self.decrypt(place, &sealed.bytes) } else { None }
    }

    /// Wraps an older key: who has this one gets that one too.
    pub fn wrap(&self, older: &EpochKey) -> Wrapped {
        let bytes = self.encrypt(&older.id.0, &*older.secret);
        Wrapped { key: older.id, bytes: bytes.try_into().expect("nonce, key and tag have a fixed length") }
    }

    /// The older key that was wrapped; none if it is not the one that is named.
    pub fn unwrap_key(&self, wrapped: &Wrapped) -> Option<EpochKey> {
        let secret = Zeroizing::new(self.decrypt(&wrapped.key.0, &wrapped.bytes)?);
        Self::named(&secret, wrapped.key)
    }

    /// Seals this key to a device. `entropy` must be secret, and another one for every seal.
    ///
    /// None if the device's id is no key that can be sealed to; no honest device has such an id.
    pub fn seal_to(&self, workspace: &WorkspaceId, device: &DeviceId, entropy: &[u8; 32]) -> Option<Seal> {
        let recipient = PublicKey::from_bytes(&device.agreement_key()?).ok()?;
        let place = seal_place(workspace, &self.id, device);
        let mut entropy = Entropy(blake3::Hasher::new_keyed(entropy).update(&place).finalize_xof());
        let (enc, text) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            INFO,
            &*self.secret,
            &place,
            &mut entropy,
        )
        .ok()?;
        let bytes = [enc.to_bytes().as_slice(), &text].concat();
        Some(Seal { device: *device, bytes: bytes.try_into().ok()? })
    }

    /// Opens a seal of the key `id` that was made for the device of `device`; none if it is bad.
    pub fn unseal(workspace: &WorkspaceId, id: KeyId, seal: &Seal, device: &DeviceKey) -> Option<EpochKey> {
        let private = PrivateKey::from_bytes(&*device.agreement_secret()).ok()?;
        let (enc, text) = seal.bytes.split_at(ENC_BYTES);
        let secret = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &EncappedKey::from_bytes(enc).ok()?,
            INFO,
            text,
            &seal_place(workspace, &id, &device.id()),
        )
        .ok()?;
        Self::named(&Zeroizing::new(secret), id)
    }

    fn named(secret: &[u8], id: KeyId) -> Option<EpochKey> {
        let key = Self::new(secret.try_into().ok()?);
        (key.id == id).then_some(key)
    }

    fn encrypt(&self, place: &[u8], text: &[u8]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(b"nonce").update(&(place.len() as u64).to_le_bytes()).update(place).update(text);
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&hasher.finalize().as_bytes()[..NONCE_BYTES]);
        let cipher = XChaCha20Poly1305::new((&*self.secret).into());
        let text = cipher.encrypt(&XNonce::from(nonce), Payload { msg: text, aad: place });
        let text = text.expect("texts are far below the cipher's limit");
        [&nonce[..], &text].concat()
    }

    fn decrypt(&self, place: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let cipher = XChaCha20Poly1305::new((&*self.secret).into());
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: place }).ok()
    }
}

fn seal_place(workspace: &WorkspaceId, key: &KeyId, device: &DeviceId) -> Vec<u8> {
    [&workspace.0[..], &key.0, &device.0].concat()
}

/// The sender's ephemeral randomness of one HPKE seal, stretched from a secret.
struct Entropy(blake3::OutputReader);

impl TryRng for Entropy {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(dst);
        Ok(())
    }
}

impl TryCryptoRng for Entropy {}

const _: () = assert!(WRAPPED_BYTES == NONCE_BYTES + 32 + TAG_BYTES && SEAL_BYTES == ENC_BYTES + 32 + TAG_BYTES);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const W: WorkspaceId = WorkspaceId([7; 32]);

    fn key(n: u8) -> EpochKey {
        EpochKey::new([n; 32])
    }

    #[test]
    fn a_payload_opens_in_its_place_under_its_key_and_unchanged() {
        let sealed = key(1).seal(b"here", b"text");
        assert_eq!(key(1).open(b"here", &sealed).unwrap(), b"text");
        assert_eq!(key(1).open(b"there", &sealed), None);
        assert_eq!(key(2).open(b"here", &sealed), None);
        assert_eq!(key(2).open(b"here", &Sealed { key: key(2).id(), bytes: sealed.bytes.clone() }), None);
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(key(1).open(b"here", &changed), None, "byte {at}");
        }
        assert_eq!(key(1).open(b"here", &Sealed { key: key(1).id(), bytes: vec![0; 10] }), None);
    }

    #[test]
    fn nonces_differ_with_key_place_and_text() {
        let nonce = |k: u8, place: &[u8], text: &[u8]| key(k).seal(place, text).bytes[..NONCE_BYTES].to_vec();
        let first = nonce(1, b"ab", b"c");
        for other in [nonce(2, b"ab", b"c"), nonce(1, b"a", b"bc"), nonce(1, b"ab", b"d"), nonce(1, b"", b"abc")] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn an_epoch_key_reaches_the_device_it_is_sealed_to_and_no_other() {
        let (ana, ben) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let seal = key(5).seal_to(&W, &ana.id(), &[9; 32]).unwrap();
        let opened = EpochKey::unseal(&W, key(5).id(), &seal, &ana).unwrap();
        assert_eq!(opened.id(), key(5).id());
        assert!(EpochKey::unseal(&W, key(5).id(), &seal, &ben).is_none());
        assert!(EpochKey::unseal(&W, key(6).id(), &seal, &ana).is_none());
        assert!(EpochKey::unseal(&WorkspaceId([8; 32]), key(5).id(), &seal, &ana).is_none());
        assert_ne!(seal.bytes, key(5).seal_to(&W, &ana.id(), &[8; 32]).unwrap().bytes);
        assert_ne!(seal.bytes[..32], key(5).seal_to(&W, &ben.id(), &[9; 32]).unwrap().bytes[..32]);
    }

    #[test]
    fn who_has_a_key_gets_the_older_ones_it_wraps() {
        let wrapped = key(2).wrap(&key(1));
        assert_eq!(key(2).unwrap_key(&wrapped).unwrap().id(), key(1).id());
        assert!(key(3).unwrap_key(&wrapped).is_none());
        assert!(key(2).unwrap_key(&Wrapped { key: key(3).id(), bytes: wrapped.bytes }).is_none());
    }

    #[test]
    fn an_id_that_is_no_point_or_of_small_order_is_sealed_to_by_nobody() {
        let mut unsealable = 0;
        for byte in 0..=255u8 {
            // Foreign ids never make it panic.
            unsealable += u32::from(key(1).seal_to(&W, &DeviceId([byte; 32]), &[9; 32]).is_none());
        }
        assert!(unsealable > 0);
        assert!(key(1).seal_to(&W, &DeviceId([0; 32]), &[9; 32]).is_none());
    }
}
