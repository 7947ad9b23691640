//! A seed wrapped under a passphrase: Argon2id for the key, XChaCha20-Poly1305 around the seed.
//!
//! Layout, 105 bytes: magic `OMNIKEY1` (8), memory in KiB, passes, lanes (u32 LE each), salt (16), nonce (24),
//! ciphertext with tag (48), plus one reserved byte of zero after the magic. All that precedes the nonce's end is
//! authenticated. Parameters read from a file are bounded before any memory is taken. There is no recovery of a
//! forgotten passphrase.

use std::path::PathBuf;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{KeyError, KeyVault, Seed, file};

const MAGIC: &[u8; 9] = b"OMNIKEY1\0";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = MAGIC.len() + 12 + SALT_BYTES + NONCE_BYTES;
const FILE_BYTES: usize = HEADER_BYTES + 32 + 16;

/// RFC 9106's second recommendation: 64 MiB, three passes, four lanes.
const COST: Cost = Cost { memory_kib: 64 << 10, passes: 3, lanes: 4 };

/// Most memory that a file may ask for: 1 GiB.
pub const MAX_WRAPPED_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

#[derive(Clone, Copy)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A key file that opens with a passphrase.
pub struct WrappedFile {
    path: PathBuf,
    passphrase: Zeroizing<String>,
}

impl std::fmt::Debug for WrappedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WrappedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl WrappedFile {
    /// The file at `path`, which need not exist, and the passphrase for it.
    pub fn new(path: impl Into<PathBuf>, passphrase: Zeroizing<String>) -> Self {
        WrappedFile { path: path.into(), passphrase }
    }

    fn invalid(&self, detail: &str) -> KeyError {
        KeyError::Invalid { detail: format!("{}: {detail}", self.path.display()) }
    }

    fn cipher(&self, cost: Cost, salt: &[u8]) -> Result<XChaCha20Poly1305, KeyError> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
            .map_err(|e| self.invalid(&format!("unusable Argon2 parameters ({e})")))?;
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.passphrase.as_bytes(), salt, &mut *key)
            .map_err(|e| self.invalid(&format!("Argon2 failed ({e})")))?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}

impl KeyVault for WrappedFile {
    fn load(&self) -> Result<Option<Seed>, KeyError> {
        let Some(bytes) = file::read_private(&self.path)? else { return Ok(None) };
        if bytes.len() != FILE_BYTES || !bytes.starts_with(MAGIC) {
            return Err(self.invalid("expected a wrapped key of version 1"));
        }
        let (header, ciphertext) = bytes.split_at(HEADER_BYTES);
        let number = |at: usize| {
            let at = MAGIC.len() + at * 4;
            u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes of a checked length"))
        };
        let cost = Cost { memory_kib: number(0), passes: number(1), lanes: number(2) };
        if cost.memory_kib > MAX_WRAPPED_MEMORY_KIB || cost.passes > MAX_PASSES || cost.lanes > MAX_LANES {
            return Err(self.invalid("its Argon2 parameters are beyond any that are written"));
        }
        let (rest, nonce) = header.split_at(HEADER_BYTES - NONCE_BYTES);
        let cipher = self.cipher(cost, &rest[rest.len() - SALT_BYTES..])?;
        let nonce = XNonce::try_from(nonce).expect("24 bytes of a checked length");
        let plain = cipher
            .decrypt(&nonce, Payload { msg: ciphertext, aad: header })
            .map(Zeroizing::new)
            .map_err(|_| KeyError::WrongPassphrase)?;
        let seed = plain.as_slice().try_into().map_err(|_| self.invalid("expected a seed of 32 bytes"))?;
        Ok(Some(Zeroizing::new(seed)))
    }

    fn store(&self, seed: &Seed) -> Result<(), KeyError> {
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        bytes.extend_from_slice(MAGIC);
        for number in [COST.memory_kib, COST.passes, COST.lanes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let mut random = [0u8; SALT_BYTES + NONCE_BYTES];
        super::fill_random(&mut random)?;
        bytes.extend_from_slice(&random);
        let (salt, nonce) = random.split_at(SALT_BYTES);
        let nonce = XNonce::try_from(nonce).expect("24 bytes by construction");
        let ciphertext = self
            .cipher(COST, salt)?
            .encrypt(&nonce, Payload { msg: seed.as_slice(), aad: &bytes })
            .map_err(|_| self.invalid("encryption failed"))?;
        bytes.extend_from_slice(&ciphertext);
        file::write_private(&self.path, &bytes)
    }

    fn place(&self) -> String {
        format!("the wrapped key file {}", self.path.display())
    }
}
