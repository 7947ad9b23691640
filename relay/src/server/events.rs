//! What the relay does when libp2p reports something.

use std::net::IpAddr;
use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, Message};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify, ping, relay};
use omniscope_protocol::wire::{MAX_FOUND_ADDRESSES, Refusal, Request, Response, WIRE_VERSION};

use super::driver::{Driver, Job};
use crate::behaviour::BehaviourEvent;
use crate::codec::Incoming;
use crate::names::device_of;

impl Driver {
    pub(super) fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                if let Some(addr) = self.adopt(address) {
                    // A reader that fell so far behind does not read at all.
                    let _ = self.announce.try_send(addr);
                }
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.swarm.remove_external_address(&address),
            SwarmEvent::ListenerClosed { reason, .. } => tracing::error!(?reason, "a listener closed"),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_opened(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.on_closed(&peer_id, connection_id, num_established);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result: Err(error), .. }))
                if !matches!(error, ping::Failure::Unsupported) =>
            {
                self.swarm.close_connection(connection);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Circuits(event)) => self.on_circuit(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.on_request_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                let addrs = info.listen_addrs.into_iter().take(MAX_FOUND_ADDRESSES);
                let addrs = addrs.filter_map(|addr| addr.with_p2p(peer_id).ok()).collect();
                self.told.insert(peer_id, addrs);
            }
            _ => {}
        }
    }

    fn on_opened(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let shut_out = device_of(&peer).is_none_or(|device| self.mailbox.is_blocked(&device));
        let origin = ip_of(endpoint.get_remote_address());
        if let Some(ip) = origin {
            self.origins.insert(id, ip);
            *self.per_ip.entry(ip).or_default() += 1;
        }
        let crowded = origin.is_some_and(|ip| self.per_ip[&ip] > self.config.limits.connections_per_ip);
        if shut_out || crowded {
            tracing::debug!(shut_out, crowded, "a connection is closed again");
            self.swarm.close_connection(id);
        }
    }

    fn on_closed(&mut self, peer: &PeerId, id: ConnectionId, left: u32) {
        if let Some(ip) = self.origins.remove(&id)
            && let Some(count) = self.per_ip.get_mut(&ip)
        {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
        if left == 0 {
            self.told.remove(peer);
        }
    }

    fn on_circuit(&self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { renewed, .. } => {
                tracing::debug!(renewed, "reservation");
                self.metrics.reservation(true);
            }
            relay::Event::ReservationReqDenied { status, .. } => {
                tracing::info!(?status, "reservation refused");
                self.metrics.reservation(false);
            }
            relay::Event::CircuitReqAccepted { .. } => self.metrics.circuit(true),
            relay::Event::CircuitReqDenied { status, .. } => {
                tracing::info!(?status, "circuit refused");
                self.metrics.circuit(false);
            }
            other => tracing::debug!(event = ?other, "circuit"),
        }
    }

    fn on_request_event(&mut self, event: request_response::Event<Incoming, Incoming>) {
        match event {
            request_response::Event::Message { peer, connection_id, message } => match message {
                Message::Request { request, channel, .. } => {
                    let ticket = self.ticket(channel);
                    self.on_request(peer, connection_id, ticket, request);
                }
                Message::Response { request_id, .. } => self.pokes.answered(request_id),
            },
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                tracing::debug!(%error, "a member did not hear the news");
                self.pokes.answered(request_id);
            }
            request_response::Event::InboundFailure { error, .. } => tracing::debug!(%error, "request not answered"),
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_request(&mut self, peer: PeerId, id: ConnectionId, ticket: u64, incoming: Incoming) {
        let now = Instant::now();
        let refuse = |driver: &mut Self, why| driver.respond(ticket, &Response::Refused(why));
        let Some(from) = device_of(&peer) else { return refuse(self, Refusal::NotMember) };
        let ip = self.origins.get(&id).copied();
        if !self.by_peer.take(from.0, now) || ip.is_some_and(|ip| !self.by_ip.take(ip, now)) {
            return refuse(self, Refusal::Busy);
        }
        let request = match Request::decode(&incoming.body) {
            Ok(request) => request,
            Err(_) if incoming.body.first().is_some_and(|v| *v > WIRE_VERSION) => {
                return self.respond(ticket, &Response::Unsupported { version: WIRE_VERSION });
            }
            Err(_) => return refuse(self, Refusal::Malformed),
        };
        let workspace = match &request {
            Request::Sync { workspace, .. }
            | Request::Fetch { workspace, .. }
            | Request::Push { workspace, .. }
            | Request::Join { workspace, .. }
            | Request::Register { workspace, .. }
            | Request::Keys { workspace, .. }
            | Request::Deposit { workspace, .. }
            | Request::Device { workspace, .. }
            | Request::Asked { workspace, .. }
            | Request::Lookup { workspace } => *workspace,
        };
        let job = Job { from, ticket, request, _incoming: incoming };
        if self.lines.push(workspace, job).is_err() {
            refuse(self, Refusal::Busy);
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
