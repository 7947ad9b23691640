//! Claims about keys in files, and the rule that no identity is minted over an old one. The keyring itself is
//! exercised against a real service in the scenarios.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn wrapped(path: &std::path::Path, passphrase: &str) -> WrappedFile {
    WrappedFile::new(path, Zeroizing::new(passphrase.to_owned()))
}

#[test]
fn a_key_is_made_once_and_stays() {
    let dir = dir();
    let vault = KeyFile::new(dir.path().join("sub/key"));
    let made = unlock(&vault, Recorded::Nothing).unwrap().id();
    assert_eq!(unlock(&vault, Recorded::Nothing).unwrap().id(), made);
    assert_eq!(unlock(&vault, Recorded::Device(made)).unwrap().id(), made);
    assert_eq!(unlock(&vault, Recorded::Database).unwrap().id(), made);
}

#[test]
fn beside_a_database_a_missing_key_is_an_error_and_nothing_is_made() {
    let dir = dir();
    let path = dir.path().join("key");
    let vault = KeyFile::new(&path);
    for recorded in [Recorded::Database, Recorded::Device(DeviceId([1; 32]))] {
        assert!(matches!(unlock(&vault, recorded), Err(KeyError::Missing { .. })));
        assert!(!path.exists());
    }
}

#[test]
fn a_key_of_another_device_is_refused() {
    let dir = dir();
    let vault = KeyFile::new(dir.path().join("key"));
    unlock(&vault, Recorded::Nothing).unwrap();
    let error = unlock(&vault, Recorded::Device(DeviceId([1; 32]))).unwrap_err();
    assert!(matches!(error, KeyError::OtherDevice { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn key_files_are_private_and_exposed_ones_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = dir();
    let path = dir.path().join("key");
    let vault = KeyFile::new(&path);
    unlock(&vault, Recorded::Nothing).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(vault.load(), Err(KeyError::Exposed { mode: 0o640, .. })));
}

#[test]
fn a_stored_key_is_never_replaced() {
    let dir = dir();
    let vault = KeyFile::new(dir.path().join("key"));
    vault.store(&Zeroizing::new([1; 32])).unwrap();
    assert!(vault.store(&Zeroizing::new([2; 32])).is_err());
    assert_eq!(*vault.load().unwrap().unwrap(), [1; 32]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no partial file stays behind");
}

#[test]
fn a_wrapped_key_opens_with_its_passphrase_only() {
    let dir = dir();
    let path = dir.path().join("key");
    let seed = Zeroizing::new([9; 32]);
    wrapped(&path, "correct horse").store(&seed).unwrap();
    assert_eq!(wrapped(&path, "correct horse").load().unwrap().unwrap(), seed);
    assert_eq!(wrapped(&path, "correct horsf").load().unwrap_err(), KeyError::WrongPassphrase);
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(8).any(|w| w == [9; 8]), "the seed does not stand in the file");
}

#[test]
fn no_flipped_bit_in_a_wrapped_key_goes_unnoticed() {
    let dir = dir();
    let path = dir.path().join("key");
    wrapped(&path, "p").store(&Zeroizing::new([9; 32])).unwrap();
    let good = std::fs::read(&path).unwrap();
    // Magic, memory (beyond the bound), passes, salt, nonce, ciphertext, tag.
    for at in [0, 12, 13, 21, 40, 62, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= if at == 13 { 4 } else { 0x80 };
        std::fs::write(&path, &bad).unwrap();
        assert!(wrapped(&path, "p").load().is_err(), "byte {at}");
    }
    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(matches!(wrapped(&path, "p").load(), Err(KeyError::Invalid { .. })));
}

#[test]
fn files_that_are_not_keys_are_errors_not_new_identities() {
    let dir = dir();
    for (n, text) in
        ["", "omniscope-device-key v1\n", "omniscope-device-key v2\n00", "\u{fffd}é\n\n"].iter().enumerate()
    {
        let path = dir.path().join(n.to_string());
        write_key(&path, text.as_bytes());
        assert!(matches!(unlock(&KeyFile::new(&path), Recorded::Nothing), Err(KeyError::Invalid { .. })), "{text:?}");
    }
    let path = dir.path().join("large");
    write_key(&path, &[b'0'; 10_000]);
    assert!(matches!(KeyFile::new(&path).load(), Err(KeyError::Invalid { .. })));
}

fn write_key(path: &std::path::Path, bytes: &[u8]) {
    file::write_private(path, bytes).unwrap();
}
