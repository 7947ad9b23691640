//! Asks a relay, once and from outside, whether it is one and would keep a workspace.
//!
//! A probe has a swarm of its own under the device's key, so that the answer is about this device and nothing that is
//! under way is disturbed. It tells no address but the one that it calls from. Deliberately absent: using the relay;
//! and registering anything: a registration without a founding op asks only whether there could be one.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, OutboundFailure};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{DialError, SwarmEvent};
use libp2p::{Multiaddr, identify, ping, relay};
use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::wire::{Refusal, Request, Response};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::address::{is_circuit, last_peer};
use super::behaviour::{BehaviourEvent, Manners};
use super::{NetError, transport};

/// Probes under way at one time.
const MAX_PROBES: usize = 2;
/// A probe ends within this time, whatever the other side does.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a round trip is waited for once all else is known.
const PING_PATIENCE: Duration = Duration::from_secs(1);

/// What was found out about a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It serves this device and, with this token, would keep a workspace.
    Serves,
    /// Nobody answers at this address.
    NotReached,
    /// Another than the address names answers there.
    OtherPeer,
    /// Whoever answers there is no relay of OmniScope.
    NoRelay,
    /// It answered, and then fell silent.
    Silent,
    /// It refuses.
    Refused(Refusal),
    /// Other probes are under way.
    Busy,
}

/// What a probe found, and how long a round trip took in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probed {
    pub finding: Finding,
    pub latency_ms: Option<f64>,
}

/// Makes probes under one key.
#[derive(Clone)]
pub struct Prober {
    secret: Zeroizing<[u8; 32]>,
    slots: Arc<Semaphore>,
}

impl Prober {
    /// A prober for the device with this seed.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { secret, slots: Arc::new(Semaphore::new(MAX_PROBES)) }
    }

    /// Asks the relay at `addr`, which ends in `/p2p/…`. Dropping the future ends the probe.
    ///
    /// # Errors
    /// When this machine cannot set a network up.
    pub async fn probe(&self, addr: Multiaddr, token: Vec<u8>) -> Result<Probed, NetError> {
        let Ok(_slot) = self.slots.try_acquire() else {
            return Ok(Probed { finding: Finding::Busy, latency_ms: None });
        };
        let mut seed = self.secret.clone();
        let key = Keypair::ed25519_from_bytes(seed.as_mut_slice()).map_err(|e| NetError::Key(e.to_string()))?;
        let mut found = Probed { finding: Finding::NotReached, latency_ms: None };
        // What was found until then stands.
        tokio::time::timeout(PATIENCE, ask(&key, addr, token, &mut found)).await.unwrap_or(Ok(()))?;
        Ok(found)
    }
}

/// Whether a relay can be at an address: it names its peer, and leads through no other relay.
pub fn may_be_relay(addr: &Multiaddr) -> bool {
    last_peer(addr).is_some() && !is_circuit(addr)
}

async fn ask(key: &Keypair, addr: Multiaddr, token: Vec<u8>, found: &mut Probed) -> Result<(), NetError> {
    let mut swarm = transport::build(key, Manners { gossip: false, relay_only: true })?;
    let Some(peer) = last_peer(&addr).filter(|_| !is_circuit(&addr)) else { return Ok(()) };
    if swarm.dial(DialOpts::peer_id(peer).addresses(vec![addr]).build()).is_err() {
        return Ok(());
    }
    let mut answered = false;
    while !answered || found.latency_ms.is_none() {
        let next = swarm.select_next_some();
        let event = match answered {
            false => next.await,
            true => match tokio::time::timeout(PING_PATIENCE, next).await {
                Ok(event) => event,
                Err(_) => return Ok(()),
            },
        };
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } if peer_id == peer => found.finding = Finding::Silent,
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                if matches!(error, DialError::WrongPeerId { .. } | DialError::LocalPeerId { .. }) {
                    found.finding = Finding::OtherPeer;
                }
                return Ok(());
            }
            // What it said before it hung up stands.
            SwarmEvent::ConnectionClosed { .. } => return Ok(()),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { info, .. })) => {
                if !info.protocols.contains(&relay::HOP_PROTOCOL_NAME) {
                    found.finding = Finding::NoRelay;
                    return Ok(());
                }
                // There is no workspace of this name, and without a founding op there will be none.
                let workspace = WorkspaceId([0; 32]);
                let question = Request::Register { workspace, genesis: Arc::from([]), token: token.clone() };
                swarm.behaviour_mut().requests.send_request(&peer, question.encode());
            }
            SwarmEvent::Behaviour(BehaviourEvent::Pulse(ping::Event { result: Ok(rtt), .. })) => {
                found.latency_ms = Some(rtt.as_secs_f64() * 1000.0);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => {
                if let Some(finding) = finding_of(event) {
                    (found.finding, answered) = (finding, true);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the relay's answer to the question means; nothing for what is no answer.
fn finding_of(event: request_response::Event<Vec<u8>, Vec<u8>>) -> Option<Finding> {
    match event {
        request_response::Event::Message { message: Message::Response { response, .. }, .. } => {
            Some(match Response::decode(&response) {
                Ok(Response::Refused(Refusal::Malformed)) => Finding::Serves,
                Ok(Response::Refused(why)) => Finding::Refused(why),
                _ => Finding::NoRelay,
            })
        }
        request_response::Event::OutboundFailure { error, .. } => Some(match error {
            OutboundFailure::UnsupportedProtocols => Finding::NoRelay,
            _ => Finding::Silent,
        }),
        _ => None,
    }
}
