//! Who may connect, before anything is asked: so many connections in all, of one device, from one address, under way at
//! one time; and few of strangers, who are neither members here nor have shown an invitation.
//!
//! A connection that is refused here costs a handshake at most. Deliberately absent: what a stranger may send on its
//! connection (`screen`), and how often anybody may ask (`rates`).

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};

use crate::Limits;
use crate::admission::Gate;

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    UnderWay,
    Relay,
    Device,
    Address,
    Strangers,
}

impl std::fmt::Display for Crowded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UnderWay => "too many connections are being set up",
            Self::Relay => "the relay has too many connections",
            Self::Device => "the device has too many connections",
            Self::Address => "the address has too many connections",
            Self::Strangers => "there are too many connections of strangers",
        })
    }
}

impl std::error::Error for Crowded {}

/// Connections of one address.
#[derive(Debug, Default, Clone, Copy)]
struct Visits {
    under_way: u32,
    open: u32,
    strangers: u32,
}

/// One connection; its device once that is proven.
#[derive(Debug)]
struct Visit {
    ip: Option<IpAddr>,
    peer: Option<PeerId>,
    stranger: bool,
}

/// Counts connections and refuses those that are too many.
pub(crate) struct Doors {
    limits: Limits,
    gate: Gate,
    visits: HashMap<ConnectionId, Visit>,
    by_ip: HashMap<IpAddr, Visits>,
    by_peer: HashMap<PeerId, Vec<ConnectionId>>,
    total: Visits,
}

impl Doors {
    pub(crate) fn new(limits: Limits, gate: Gate) -> Self {
        let (visits, by_ip, by_peer) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { limits, gate, visits, by_ip, by_peer, total: Visits::default() }
    }

    /// Where a connection comes from.
    pub(crate) fn origin(&self, id: &ConnectionId) -> Option<IpAddr> {
        self.visits.get(id)?.ip
    }

    /// A device is no stranger any more: its connections take no stranger's place.
    pub(crate) fn welcome(&mut self, peer: &PeerId) {
        for id in self.by_peer.get(peer).into_iter().flatten() {
            let Some(visit) = self.visits.get_mut(id).filter(|visit| visit.stranger) else { continue };
            visit.stranger = false;
            self.total.strangers -= 1;
            if let Some(visits) = visit.ip.and_then(|ip| self.by_ip.get_mut(&ip)) {
                visits.strangers -= 1;
            }
        }
    }

    fn knock(&mut self, id: ConnectionId, ip: Option<IpAddr>) -> Result<(), Crowded> {
        let (limits, from) = (&self.limits, self.from(ip));
        if self.total.under_way >= limits.pending_connections || from.under_way >= limits.pending_per_ip {
            return Err(Crowded::UnderWay);
        }
        if from.open >= limits.connections_per_ip {
            return Err(Crowded::Address);
        }
        self.visits.insert(id, Visit { ip, peer: None, stranger: false });
        self.count(ip, |visits| visits.under_way += 1);
        Ok(())
    }

    fn enter(&mut self, id: ConnectionId, peer: PeerId) -> Result<(), Crowded> {
        let Some(visit) = self.visits.get(&id) else { return Ok(()) };
        let (limits, from) = (&self.limits, self.from(visit.ip));
        let stranger = !self.gate.may_connect(&peer, Instant::now());
        if self.total.open >= limits.connections {
            return Err(Crowded::Relay);
        }
        if from.open >= limits.connections_per_ip {
            return Err(Crowded::Address);
        }
        if self.by_peer.get(&peer).map_or(0, Vec::len) >= limits.connections_per_peer as usize {
            return Err(Crowded::Device);
        }
        if stranger && (self.total.strangers >= limits.strangers || from.strangers >= limits.strangers_per_ip) {
            return Err(Crowded::Strangers);
        }
        let ip = visit.ip;
        self.visits.insert(id, Visit { ip, peer: Some(peer), stranger });
        self.by_peer.entry(peer).or_default().push(id);
        self.count(ip, |visits| {
            visits.under_way -= 1;
            visits.open += 1;
            visits.strangers += u32::from(stranger);
        });
        Ok(())
    }

    fn leave(&mut self, id: ConnectionId) {
        let Some(Visit { ip, peer, stranger }) = self.visits.remove(&id) else { return };
        if let Some(peer) = peer
            && let Some(connections) = self.by_peer.get_mut(&peer)
        {
            connections.retain(|other| *other != id);
            if connections.is_empty() {
                self.by_peer.remove(&peer);
            }
        }
        self.count(ip, |visits| match peer {
            None => visits.under_way -= 1,
            Some(_) => {
                visits.open -= 1;
                visits.strangers -= u32::from(stranger);
            }
        });
        if let Some(ip) = ip
            && self.by_ip.get(&ip).is_some_and(|visits| visits.under_way + visits.open == 0)
        {
            self.by_ip.remove(&ip);
        }
    }

    fn from(&self, ip: Option<IpAddr>) -> Visits {
        ip.and_then(|ip| self.by_ip.get(&ip)).copied().unwrap_or_default()
    }

    fn count(&mut self, ip: Option<IpAddr>, change: impl Fn(&mut Visits)) {
        change(&mut self.total);
        if let Some(ip) = ip {
            change(self.by_ip.entry(ip).or_default());
        }
    }
}

/// The address of a connection's other end.
fn ip_of(addr: &Multiaddr) -> Option<IpAddr> {
    addr.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        _ => None,
    })
}

impl NetworkBehaviour for Doors {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.knock(id, ip_of(from)).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.enter(id, peer).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // A relay dials only to answer whether an address can be reached.
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.leave(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.leave(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn doors() -> Doors {
        let limits = Limits {
            connections: 8,
            connections_per_ip: 4,
            connections_per_peer: 2,
            pending_connections: 4,
            pending_per_ip: 2,
            strangers: 3,
            strangers_per_ip: 2,
            ..Limits::default()
        };
        Doors::new(limits, Gate::new(Policy::Members))
    }

    fn ip(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    /// Knocks and enters.
    fn come(doors: &mut Doors, id: usize, last: u8, peer: PeerId) -> Result<(), Crowded> {
        let id = ConnectionId::new_unchecked(id);
        doors.knock(id, ip(last))?;
        let entered = doors.enter(id, peer);
        if entered.is_err() {
            doors.leave(id);
        }
        entered
    }

    #[test]
    fn strangers_have_few_places_and_members_the_rest() {
        let mut doors = doors();
        let member = PeerId::random();
        doors.gate.admit(member);
        let guest = PeerId::random();
        for n in 0..2 {
            assert_eq!(come(&mut doors, n, 1, if n == 0 { guest } else { PeerId::random() }), Ok(()));
        }
        assert_eq!(come(&mut doors, 2, 1, PeerId::random()), Err(Crowded::Strangers), "of one address");
        assert_eq!(come(&mut doors, 3, 2, PeerId::random()), Ok(()));
        assert_eq!(come(&mut doors, 4, 3, PeerId::random()), Err(Crowded::Strangers), "of all addresses");
        assert_eq!(come(&mut doors, 5, 1, member), Ok(()));
        doors.welcome(&guest);
        assert_eq!(come(&mut doors, 6, 1, PeerId::random()), Ok(()), "a guest leaves its place to the next");
        assert_eq!(come(&mut doors, 7, 1, member), Err(Crowded::Address));
        assert_eq!(come(&mut doors, 8, 4, member), Ok(()));
        assert_eq!(come(&mut doors, 9, 5, member), Err(Crowded::Device));
    }

    #[test]
    fn connections_under_way_are_bounded_and_all_counts_end_at_nothing() {
        let mut doors = doors();
        let id = ConnectionId::new_unchecked;
        for (n, last) in [(0, 1), (1, 1), (2, 2)] {
            assert_eq!(doors.knock(id(n), ip(last)), Ok(()));
        }
        assert_eq!(doors.knock(id(3), ip(1)), Err(Crowded::UnderWay), "of one address");
        assert_eq!(doors.knock(id(4), ip(3)), Ok(()));
        assert_eq!(doors.knock(id(5), ip(4)), Err(Crowded::UnderWay), "of all addresses");
        let peer = PeerId::random();
        assert_eq!(doors.enter(id(0), peer), Ok(()));
        assert_eq!(doors.origin(&id(0)), ip(1));
        for n in 0..6 {
            doors.leave(id(n));
        }
        assert!(doors.visits.is_empty() && doors.by_ip.is_empty() && doors.by_peer.is_empty());
        assert_eq!((doors.total.under_way, doors.total.open, doors.total.strangers), (0, 0, 0));
    }
}
