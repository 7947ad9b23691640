//! Ping at two speeds.
//!
//! QUIC notices a dead path by itself, so there a ping only measures. TCP and circuits do not, and are pinged every
//! second; the driver closes what stays silent. Deliberately absent: the closing.

use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, ping};

use super::address::{is_circuit, is_quic};

const FAST_INTERVAL: Duration = Duration::from_secs(1);
const FAST_TIMEOUT: Duration = Duration::from_secs(4);
const SLOW_INTERVAL: Duration = Duration::from_secs(5);
const SLOW_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether silence on this connection has to be noticed by pings.
pub(super) fn is_watched(remote: &Multiaddr) -> bool {
    is_circuit(remote) || !is_quic(remote)
}

pub(super) struct Pulse {
    fast: ping::Behaviour,
    slow: ping::Behaviour,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let config = |interval, timeout| ping::Config::new().with_interval(interval).with_timeout(timeout);
        Self {
            fast: ping::Behaviour::new(config(FAST_INTERVAL, FAST_TIMEOUT)),
            slow: ping::Behaviour::new(config(SLOW_INTERVAL, SLOW_TIMEOUT)),
        }
    }

    fn for_address(&mut self, remote: &Multiaddr) -> &mut ping::Behaviour {
        if is_watched(remote) { &mut self.fast } else { &mut self.slow }
    }
}

impl NetworkBehaviour for Pulse {
    type ConnectionHandler = <ping::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = ping::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // A circuit shows on the local address of the side that was dialled.
        let shown = if is_circuit(local) { local } else { remote };
        self.for_address(shown).handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        addr: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.for_address(addr).handle_established_outbound_connection(id, peer, addr, role, port)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        // Both behaviours only pass events on, so one of them can do it for both.
        self.fast.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.fast.poll(cx)
    }
}
