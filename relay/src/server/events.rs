//! What the relay does when libp2p reports something.

use std::time::Instant;

use libp2p::request_response::{self, Message};
use libp2p::swarm::{ConnectionId, ListenError, SwarmEvent};
use libp2p::{PeerId, identify, ping, relay};
use omniscope_protocol::wire::{MAX_FOUND_ADDRESSES, Refusal, Request, Response, WIRE_VERSION};

use super::driver::{Driver, Job, now_ms};
use super::news::Told;
use crate::behaviour::BehaviourEvent;
use crate::codec::Incoming;
use crate::doors::Crowded;
use crate::feed::{self, Outcome};
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
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. }
                if device_of(&peer_id).is_none_or(|device| self.mailbox.is_blocked(&device)) =>
            {
                tracing::debug!("a device that is shut out is disconnected");
                self.swarm.close_connection(connection_id);
            }
            SwarmEvent::IncomingConnectionError { error: ListenError::Denied { cause }, .. } => {
                tracing::debug!(reason = ?cause.downcast::<Crowded>().ok(), "a connection is not let in");
                self.metrics.turned_away();
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.told.remove(&peer_id);
                self.news.gone(&peer_id);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result: Err(error), .. }))
                if !matches!(error, ping::Failure::Unsupported) =>
            {
                self.swarm.close_connection(connection);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Circuits(event)) => self.on_circuit(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.on_request_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Feed(outcome)) => self.on_outcome(outcome),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                if info.protocols.contains(&feed::PROTOCOL) {
                    self.news.listens(peer_id);
                }
                let addrs = info.listen_addrs.into_iter().take(MAX_FOUND_ADDRESSES);
                let addrs = addrs.filter_map(|addr| addr.with_p2p(peer_id).ok()).collect();
                self.told.insert(peer_id, addrs);
            }
            _ => {}
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
                Message::Response { request_id, response } => self.on_heard(Told::Request(request_id), &response.body),
            },
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                tracing::debug!(%error, "a member did not hear the news");
                self.on_unheard(Told::Request(request_id));
            }
            request_response::Event::InboundFailure { error, .. } => tracing::debug!(%error, "request not answered"),
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered(answers) => {
                for (id, answer) in answers {
                    self.on_heard(Told::Feed(id), &answer);
                }
            }
            Outcome::Unanswered(id) => self.on_unheard(Told::Feed(id)),
        }
    }

    fn on_request(&mut self, peer: PeerId, id: ConnectionId, ticket: u64, incoming: Incoming) {
        let now = Instant::now();
        let refuse = |driver: &mut Self, why| driver.respond(ticket, &Response::Refused(why));
        let Some(from) = device_of(&peer) else { return refuse(self, Refusal::NotMember) };
        let ip = self.swarm.behaviour().doors.origin(&id);
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
        let mut out = Vec::new();
        if self.mailbox.answer_in_step(&from, ticket, &request, now_ms(), &mut out) {
            self.metrics.request(&request);
            return self.carry_out(out);
        }
        let workspace = request.workspace();
        let job = Job { from, ticket, request, _incoming: incoming };
        if self.lines.push(workspace, job).is_err() {
            refuse(self, Refusal::Busy);
        }
    }
}
