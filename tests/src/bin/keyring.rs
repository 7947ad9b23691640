//! Loads or makes the device key in the OS keyring and prints the outcome on one line. For the keyring tests.
//!
//! Arguments: `nothing` or `database` (what is recorded), then the account.

use omniscope_engine::keys::{KeyringVault, Recorded, unlock};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let recorded = match arguments.next().as_deref() {
        Some("nothing") => Recorded::Nothing,
        Some("database") => Recorded::Database,
        _ => anyhow::bail!("expected `nothing` or `database`"),
    };
    let vault = KeyringVault::new(arguments.next().unwrap_or_else(|| "test-folder".into()));
    match unlock(&vault, recorded) {
        Ok(key) => println!("key {}", key.id()),
        Err(error) => println!("error {error:?}"),
    }
    Ok(())
}
