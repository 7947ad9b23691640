//! What the swarm task does when libp2p reports something.
//!
//! Deliberately absent: commands and timers, which are in the parent module.

use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::request_response::{self, InboundFailure, Message, OutboundFailure};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, dcutr, gossipsub, identify, mdns, ping, relay};

use super::Driver;
use crate::net::address::{device_of, ending_in, is_circuit};
use crate::net::behaviour::{BehaviourEvent, topic_of};
use crate::net::book::{Attempt, Way};
use crate::net::links::Change;
use crate::net::{
    Channel, GossipId, MAX_ADDRESSES_PER_DEVICE, NetEvent, Path, Question, RequestError, ResponseToken, Verdict,
};

type Requests = request_response::Event<Vec<u8>, Vec<u8>>;

impl Driver {
    pub(super) fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event, now),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_opened(peer_id, connection_id, &endpoint, now);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "closed");
                self.on_closed(peer_id, connection_id, now);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                tracing::debug!(?peer_id, %error, "dial failed");
                if let Some((peer, Way::Upgrade)) = self.dials.ended(connection_id) {
                    self.upgrade_otherwise(peer);
                }
                if let (Some(peer), DialError::WrongPeerId { address, .. } | DialError::LocalPeerId { address }) =
                    (peer_id, &error)
                {
                    self.book.is_wrong(&peer, address, now);
                    self.attempt_due(now);
                }
                if let Some(addr) = peer_id.and_then(|peer| self.relays.unreached(&peer)) {
                    self.outbox.push(NetEvent::RelayDown { addr, reason: "it could not be reached".to_owned() });
                }
                if let Some(addr) = self.reported_dials.remove(&connection_id) {
                    self.outbox.push(NetEvent::DialFailed { addr, reason: error.to_string() });
                }
            }
            SwarmEvent::NewListenAddr { listener_id, address } if !is_circuit(&address) => {
                if let Some(chosen) = self.listeners.bound(listener_id, &address) {
                    self.outbox.push(NetEvent::PortsChosen(chosen));
                }
                if let Some(addr) = ending_in(address, self.local) {
                    self.outbox.push(NetEvent::Listening { addr });
                }
                // A new interface may lead to everyone who was out of reach.
                self.look_around(now);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } if !is_circuit(&address) => {
                tracing::debug!(%address, "an address of this device is gone");
                if let Some(addr) = ending_in(address, self.local) {
                    self.outbox.push(NetEvent::NotListening { addr });
                }
                self.forget_vantage();
                self.look_around(now);
            }
            SwarmEvent::NewExternalAddrCandidate { address } if self.vantage.tell(&address) => {
                // Not before libp2p called it a candidate: what is certain already is no longer used to punch holes.
                self.swarm.add_external_address(address);
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                if let Some(addr) = self.relays.listener_closed(listener_id) {
                    let reason =
                        reason.err().map_or_else(|| "the relay closed the circuit".to_owned(), |e| super::whole(&e));
                    self.outbox.push(NetEvent::RelayDown { addr, reason });
                } else if self.listeners.closed(listener_id, now) {
                    tracing::warn!(?reason, "a listener closed and is opened again");
                }
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener"),
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent, now: Instant) {
        match event {
            BehaviourEvent::Gossip(event) => self.on_gossip(event),
            BehaviourEvent::Requests(event) => self.on_request_event(event),
            BehaviourEvent::Feed(Question { peer, body, answer }) => {
                self.on_question(peer, Channel::Feed(answer), body)
            }
            BehaviourEvent::Identify(identify::Event::Received { peer_id, connection_id, info }) => {
                self.relays.ready(&peer_id, connection_id, now);
                self.on_identified(peer_id, info.listen_addrs, info.observed_addr, now);
            }
            BehaviourEvent::Identify(_) => {}
            BehaviourEvent::Pulse(ping::Event { peer, connection, result }) => match result {
                Ok(rtt) => {
                    self.relays.heard(&peer, connection, now);
                    if let Some(device) = device_of(&peer).filter(|_| self.relays.contains(&peer)) {
                        // A figure that is lost is measured again.
                        let rtt_ms = rtt.as_secs_f64() * 1000.0;
                        let _ = self.outbox.offer(NetEvent::RelayHeard { device, rtt_ms });
                    }
                    let change = self.links.heard(&peer, connection, rtt, now);
                    self.tell(change);
                }
                // A peer without the ping protocol cannot be told from a dead one on TCP; ours all have it.
                Err(error) => tracing::debug!(%peer, %error, "ping"),
            },
            BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted { relay_peer_id, .. }) => {
                if let Some((addr, circuit_addr)) = self.relays.granted(&relay_peer_id, self.local) {
                    self.outbox.push(NetEvent::RelayUp { addr, circuit_addr });
                }
            }
            BehaviourEvent::Relay(_) => {}
            BehaviourEvent::Holes(dcutr::Event { remote_peer_id, result }) => match result {
                Ok(_) => tracing::debug!(peer = %remote_peer_id, "hole punched"),
                Err(error) => tracing::debug!(peer = %remote_peer_id, %error, "stays relayed"),
            },
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => self.on_discovered(found, now),
            BehaviourEvent::Mdns(mdns::Event::Expired(_)) => {}
        }
    }

    fn on_opened(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint, now: Instant) {
        self.reported_dials.remove(&id);
        self.dials.ended(id);
        if !self.online {
            self.swarm.close_connection(id);
            return;
        }
        if self.swarm.network_info().num_peers() == 1
            && self.swarm.network_info().connection_counters().num_established() == 1
        {
            self.look_around(now);
        }
        if self.relays.contains(&peer) {
            if let (true, Some(addr)) = (endpoint.is_dialer(), ending_in(endpoint.get_remote_address().clone(), peer)) {
                self.relays.opened(&peer, id, addr, now);
                self.meet_relays(now);
                if let Some(device) = device_of(&peer) {
                    self.outbox.push(NetEvent::RelayMet { device });
                }
            }
            return;
        }
        let Some(device) = device_of(&peer) else {
            // Every device key is Ed25519; anything else is not one of ours.
            self.swarm.close_connection(id);
            return;
        };
        let remote = shown_address(endpoint);
        if endpoint.is_dialer() {
            self.book.learn(peer, ending_in(remote.clone(), peer), now);
        }
        let change = self.links.opened(peer, device, id, &remote, now);
        self.tell(change);
    }

    fn on_closed(&mut self, peer: PeerId, id: ConnectionId, now: Instant) {
        let change = self.links.closed(&peer, id);
        if matches!(change, Some(Change::Down { .. })) {
            self.book.restart(&peer, now);
        }
        self.tell(change);
        if let Some((listener, held)) = self.relays.closed(&peer, id, now) {
            if let Some(device) = device_of(&peer) {
                self.outbox.push(NetEvent::RelayGone { device });
            }
            if let Some(listener) = listener {
                self.swarm.remove_listener(listener);
            }
            if let Some(addr) = held {
                self.outbox.push(NetEvent::RelayDown { addr, reason: "the connection was lost".to_owned() });
            }
        }
        if self.online {
            self.meet_relays(now);
            self.attempt_due(now);
        }
    }

    fn tell(&mut self, change: Option<Change>) {
        let event = match change {
            None => return,
            Some(Change::Up { device, path }) => NetEvent::Connected { device, path },
            Some(Change::Path { device, path, rtt_ms, lost }) => NetEvent::PathChanged { device, path, rtt_ms, lost },
            Some(Change::Down { device }) => NetEvent::Disconnected { device },
        };
        self.outbox.push(event);
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let id = GossipId { message: message_id, source: propagation_source };
                // A message's id is a hash, so its first byte is as good as a die.
                let die = u16::from(id.as_bytes().first().copied().unwrap_or_default()) * 100 / 256;
                if die < u16::from(self.gossip_loss_percent) {
                    return self.judge(&id, Verdict::Ignore);
                }
                let told = match (topic_of(&message.topic), self.links.device(&propagation_source)) {
                    (Some(topic), Some(source)) => {
                        let event = NetEvent::Gossip { topic, source, id: id.clone(), bytes: message.data };
                        self.outbox.offer(event).is_ok()
                    }
                    _ => false,
                };
                if !told {
                    self.judge(&id, Verdict::Ignore);
                }
            }
            gossipsub::Event::Subscribed { peer_id, topic } => {
                if let (Some(topic), Some(device)) = (topic_of(&topic), self.links.device(&peer_id)) {
                    self.outbox.push(NetEvent::Subscribed { device, topic });
                }
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } => {
                if let (Some(topic), Some(device)) = (topic_of(&topic), self.links.device(&peer_id)) {
                    self.outbox.push(NetEvent::Unsubscribed { device, topic });
                }
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => tracing::debug!(peer = %peer_id, "slow neighbour"),
            gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn on_question(&mut self, peer: PeerId, channel: Channel, body: Vec<u8>) {
        // Without a slot the token is dropped, which tells the other side to try later.
        let slot = self.open_requests.clone().try_acquire_owned();
        let relay = || device_of(&peer).filter(|_| self.relays.contains(&peer));
        if let (Ok(slot), Some(device)) = (slot, self.links.device(&peer).or_else(relay)) {
            let token = ResponseToken { channel, _slot: slot };
            let _ = self.outbox.offer(NetEvent::Request { device, token, body });
        }
    }

    fn on_request_event(&mut self, event: Requests) {
        match event {
            Requests::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.on_question(peer, Channel::Request(channel), request);
            }
            Requests::Message { peer, connection_id, message: Message::Response { request_id, response } } => {
                self.links.carried(&peer, connection_id);
                if let Some((id, device)) = self.sent.remove(&request_id) {
                    self.outbox.push(NetEvent::Response { id, device, result: Ok(response) });
                }
            }
            Requests::OutboundFailure { request_id, error, .. } => {
                if let Some((id, device)) = self.sent.remove(&request_id) {
                    self.outbox.push(NetEvent::Response { id, device, result: Err(request_error(error)) });
                }
            }
            Requests::InboundFailure { peer, error, .. } => match error {
                InboundFailure::Io(error) => tracing::debug!(%peer, %error, "unreadable request"),
                error => tracing::debug!(%peer, %error, "request not answered"),
            },
            Requests::ResponseSent { .. } => {}
        }
    }

    fn on_identified(&mut self, peer: PeerId, addrs: Vec<Multiaddr>, seen: Multiaddr, now: Instant) {
        if self.relays.contains(&peer) {
            if !self.manners.relay_only {
                self.vantage.seen(peer, seen, &self.listeners.ports());
            }
            self.book.restart_circuits(now);
            return self.attempt_due(now);
        }
        let Some(device) = self.links.device(&peer) else { return };
        let addrs: Vec<Multiaddr> =
            addrs.into_iter().take(MAX_ADDRESSES_PER_DEVICE).filter_map(|addr| ending_in(addr, peer)).collect();
        if self.book.learn(peer, addrs.iter().cloned(), now) {
            self.book.restart(&peer, now);
        }
        self.outbox.push(NetEvent::Addresses { device, addrs });
    }

    fn on_discovered(&mut self, found: Vec<(PeerId, Multiaddr)>, now: Instant) {
        let mut by_peer: Vec<(PeerId, Vec<Multiaddr>)> = Vec::new();
        for (peer, addr) in found {
            let Some(addr) = ending_in(addr, peer) else { continue };
            match by_peer.iter_mut().find(|(known, _)| *known == peer) {
                Some((_, addrs)) => addrs.push(addr),
                None => by_peer.push((peer, vec![addr])),
            }
        }
        for (peer, addrs) in by_peer {
            let Some(device) = device_of(&peer) else { continue };
            self.book.learn(peer, addrs.iter().cloned(), now);
            self.book.restart(&peer, now);
            // A neighbour reached around the world is reached here.
            if self.links.path(&peer) == Some(Path::Direct) {
                self.dial(Attempt { peer, addrs: addrs.clone(), way: Way::Upgrade });
            }
            self.outbox.push(NetEvent::Discovered { device, addrs });
        }
        self.attempt_due(now);
    }
}

/// The remote address of a connection, or the circuit it came through.
fn shown_address(endpoint: &ConnectedPoint) -> Multiaddr {
    match endpoint {
        ConnectedPoint::Dialer { address, .. } => address.clone(),
        ConnectedPoint::Listener { local_addr, .. } if is_circuit(local_addr) => local_addr.clone(),
        ConnectedPoint::Listener { send_back_addr, .. } => send_back_addr.clone(),
    }
}

fn request_error(error: OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::DialFailure => RequestError::NotConnected,
        OutboundFailure::Timeout => RequestError::TimedOut,
        OutboundFailure::ConnectionClosed => RequestError::Closed,
        OutboundFailure::UnsupportedProtocols => RequestError::Unsupported,
        OutboundFailure::Io(error) => RequestError::Stream(error.to_string()),
    }
}
