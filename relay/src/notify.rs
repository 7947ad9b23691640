//! Tells systemd how the relay stands, by the datagram that `Type=notify` services send. Elsewhere it does nothing.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends one state, such as `READY=1` or `STOPPING=1`.
pub fn tell(state: &str) {
    let Ok(name) = std::env::var("NOTIFY_SOCKET") else { return };
    let sent = || -> std::io::Result<()> {
        let addr = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&name)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &addr).map(drop)
    };
    if let Err(error) = sent() {
        tracing::warn!(%error, state, "the service manager was not told");
    }
}
