//! One light member: a key, a connection to the relay, the frontier of what it knows.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::upgrade::Version;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, Message, OutboundRequestId, ProtocolSupport};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, identify, noise, ping, relay, tcp};
use omniscope_engine::net::{BytesCodec, Feed, Mux, PROTOCOL, Question};
use omniscope_protocol::identity::{DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::op::{Body, Draft, MAX_DEPS, Op, Part, SessionId, place};
use omniscope_protocol::sealing::EpochKey;
use omniscope_protocol::wire::{MAX_PUSH_BYTES, Refusal, Request, Response};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{Board, Place};

/// What was refused or lost on the way is tried again this often.
const AGAIN: Duration = Duration::from_millis(500);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// As the devices have it.
const QUIC_IDLE_MS: u32 = 4000;
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(1);
/// As the devices have it: TCP has to be asked whether it lives.
const FAST_PINGS: Duration = Duration::from_secs(1);
const SLOW_PINGS: Duration = Duration::from_secs(5);
/// Bytes of an update that sets one value and moves one step.
const UPDATE_BYTES: usize = 120;

/// What all members do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Be there.
    Idle,
    /// Edit, each at its pace.
    Edit,
    /// No more edits, but what is under way arrives.
    Settle,
    /// Go.
    End,
}

#[derive(NetworkBehaviour)]
struct Talk {
    requests: request_response::Behaviour<BytesCodec>,
    feed: Toggle<Feed>,
    circuits: relay::client::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// A light member.
pub struct Member {
    swarm: Swarm<Talk>,
    relay: Multiaddr,
    relay_peer: PeerId,
    key: DeviceKey,
    secret: EpochKey,
    workspace: WorkspaceId,
    session: SessionId,
    seq: u64,
    prev: Option<OpId>,
    /// The ops that it knows and that none of the others it knows had seen.
    frontier: BTreeSet<OpId>,
    known: HashSet<OpId>,
    board: Arc<Board>,
    /// Own ops without a receipt.
    unsent: Vec<Op>,
    /// The push under way, and how many of `unsent` it carries.
    push: Option<(OutboundRequestId, usize)>,
    sync: Option<OutboundRequestId>,
    /// The relay said meanwhile that there is more.
    again: bool,
    answered: Option<(OutboundRequestId, Option<Response>)>,
    /// So many more news it does not hear.
    pub deaf: usize,
    /// Requests that the relay refused or did not answer.
    pub refused: u64,
    /// How often the connection was lost.
    pub lost: u64,
}

fn swarm(key: &DeviceKey, pings: ping::Config, feed: bool) -> Swarm<Talk> {
    let keypair = libp2p::identity::Keypair::ed25519_from_bytes(*key.seed()).unwrap();
    SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, Mux::default)
        .unwrap()
        .with_quic_config(|mut config| {
            config.max_idle_timeout = QUIC_IDLE_MS;
            config.keep_alive_interval = QUIC_KEEP_ALIVE;
            config
        })
        .with_relay_client(noise::Config::new, Mux::default)
        .unwrap()
        .with_behaviour(|key, circuits| Talk {
            requests: request_response::Behaviour::with_codec(
                BytesCodec,
                [(PROTOCOL, ProtocolSupport::Full)],
                request_response::Config::default().with_request_timeout(PATIENCE),
            ),
            feed: Toggle::from(feed.then(Feed::default)),
            circuits,
            identify: identify::Behaviour::new(identify::Config::new("/omniscope/1".to_owned(), key.public())),
            ping: ping::Behaviour::new(pings),
        })
        .unwrap()
        .with_swarm_config(|config| {
            let idle = Duration::from_secs(24 * 3600);
            config.with_idle_connection_timeout(idle).with_substream_upgrade_protocol_override(Version::V1Lazy)
        })
        .build()
}

impl Member {
    /// Connects with the relay.
    pub async fn meet(at: &Place, key: DeviceKey, workspace: WorkspaceId, board: Arc<Board>) -> Self {
        let Some(Protocol::P2p(relay_peer)) = at.relay.iter().last() else { panic!("{} names no peer", at.relay) };
        let session = blake3::hash(&key.id().0).as_bytes()[..16].try_into().unwrap();
        let quic = at.relay.iter().any(|part| matches!(part, Protocol::QuicV1));
        let pings = ping::Config::new().with_interval(if quic { SLOW_PINGS } else { FAST_PINGS });
        let mut member = Self {
            swarm: swarm(&key, pings, at.feed),
            relay: at.relay.clone(),
            relay_peer,
            secret: EpochKey::new(*blake3::hash(&workspace.0).as_bytes()),
            key,
            workspace,
            session: SessionId(session),
            seq: 0,
            prev: None,
            frontier: BTreeSet::new(),
            known: HashSet::new(),
            board,
            unsent: Vec::new(),
            push: None,
            sync: None,
            again: false,
            answered: None,
            deaf: 0,
            refused: 0,
            lost: 0,
        };
        member.dial();
        let connected = async {
            while !member.swarm.is_connected(&member.relay_peer) {
                let event = member.swarm.select_next_some().await;
                member.on_event(event);
            }
        };
        timeout(PATIENCE, connected).await.expect("the relay is reached");
        member
    }

    fn dial(&mut self) {
        let to = DialOpts::peer_id(self.relay_peer).condition(PeerCondition::DisconnectedAndNotDialing);
        // It is being dialled, or connected, already.
        let _ = self.swarm.dial(to.addresses(vec![self.relay.clone()]).build());
    }

    /// What it shares with the others of its workspace.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Asks to be reached through the relay.
    pub fn reserve(&mut self) {
        self.swarm.listen_on(self.relay.clone().with(Protocol::P2pCircuit)).unwrap();
    }

    /// Sends a request and awaits the answer; one that says "busy" is asked again.
    pub async fn ask(&mut self, request: &Request) -> Response {
        let body = request.encode();
        loop {
            let asked = self.swarm.behaviour_mut().requests.send_request(&self.relay_peer, body.clone());
            let wait = async {
                loop {
                    let event = self.swarm.select_next_some().await;
                    self.on_event(event);
                    if let Some((_, answer)) = self.answered.take_if(|(id, _)| *id == asked) {
                        return answer;
                    }
                }
            };
            match timeout(PATIENCE, wait).await.expect("the relay answers") {
                Some(Response::Refused(Refusal::Busy)) | None => tokio::time::sleep(AGAIN).await,
                Some(response) => return response,
            }
            self.dial();
        }
    }

    /// Pushes ops that must be taken.
    pub async fn give(&mut self, ops: &[Op]) {
        let ops = ops.iter().map(|op| Arc::clone(&op.bytes)).collect();
        let answer = self.ask(&Request::Push { workspace: self.workspace, ops }).await;
        assert!(matches!(answer, Response::Receipt { .. }), "a push is acknowledged, found {answer:?}");
    }

    /// Reads all that the relay keeps.
    pub async fn catch_up(&mut self) {
        loop {
            match self.ask(&self.question()).await {
                Response::Sync { ops, more, .. } => {
                    self.take_all(&ops);
                    if !more {
                        return;
                    }
                }
                other => panic!("a member is served, found {other:?}"),
            }
        }
    }

    /// Listens until it knows an op.
    pub async fn hear_of(&mut self, op: &OpId) {
        let heard = async {
            while !self.known.contains(op) {
                self.listen().await;
            }
        };
        timeout(PATIENCE, heard).await.expect("the relay tells of it");
    }

    /// Takes in the next thing that happens.
    pub async fn listen(&mut self) {
        let event = timeout(PATIENCE, self.swarm.select_next_some()).await.expect("something happens");
        self.on_event(event);
    }

    /// Signs what it says next, upon all that it knows.
    pub fn say(&mut self, body: Body) -> Op {
        let deps = self.frontier.iter().copied().filter(|id| Some(*id) != self.prev).take(MAX_DEPS).collect();
        let (workspace, session, seq, prev) = (self.workspace, self.session, self.seq, self.prev);
        let op = Op::sign(Draft { workspace, session, seq, prev, deps, time_ms: 1, body }, &self.key);
        (self.seq, self.prev) = (seq + 1, Some(op.id));
        self.take(&op);
        op
    }

    /// An edit: sealed bytes of the length that a small change has.
    pub fn edit(&mut self) -> Op {
        let here = place(&self.workspace, &self.key.id(), &self.session, self.seq, 7);
        let update = self.secret.seal(&here, &[self.seq as u8; UPDATE_BYTES]);
        self.say(Body::Edit { adopts: Vec::new(), part: Part::WHOLE, update })
    }

    /// Knows an op from now on.
    pub fn take(&mut self, op: &Op) {
        for seen in op.seen() {
            self.frontier.remove(&seen);
        }
        self.frontier.insert(op.id);
        self.known.insert(op.id);
    }

    fn take_all(&mut self, ops: &[Arc<[u8]>]) {
        for bytes in ops {
            let op = Op::decode_trusted(bytes).unwrap();
            // What came before its past comes again: who names an op says that it holds all that was before it.
            if self.known.contains(&op.id) || !op.seen().all(|seen| self.known.contains(&seen)) {
                continue;
            }
            self.board.arrived(&op.id);
            self.take(&op);
        }
    }

    /// How many ops of its workspace it does not know.
    pub fn missing(&self) -> usize {
        self.board.missing(|op| self.known.contains(op))
    }

    fn question(&self) -> Request {
        Request::Sync { workspace: self.workspace, heads: self.frontier.iter().copied().collect(), have: Vec::new() }
    }

    /// Follows its workspace until the end, editing every `pace` while the phase says so, the first time after `first`.
    pub async fn work(mut self, pace: Duration, first: Duration, mut phase: watch::Receiver<Phase>) -> Self {
        let edits_from_now = || {
            let mut edits = interval_at(Instant::now() + first, pace);
            edits.set_missed_tick_behavior(MissedTickBehavior::Skip);
            edits
        };
        let mut edits = edits_from_now();
        let mut again = interval_at(Instant::now() + AGAIN, AGAIN);
        loop {
            let now = *phase.borrow();
            if now == Phase::End {
                return self;
            }
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                _ = edits.tick(), if now == Phase::Edit => {
                    let op = self.edit();
                    self.board.made(op.id);
                    self.unsent.push(op);
                    self.push_on();
                }
                _ = again.tick() => {
                    if !self.swarm.is_connected(&self.relay_peer) {
                        self.dial();
                    }
                    self.push_on();
                    if self.again {
                        self.sync_on();
                    }
                }
                changed = phase.changed() => match changed {
                    Ok(()) => {
                        edits = edits_from_now();
                        if *phase.borrow() == Phase::Settle {
                            self.board.rests();
                        }
                    }
                    Err(_) => return self,
                },
            }
        }
    }

    fn push_on(&mut self) {
        if self.push.is_some() || self.unsent.is_empty() || !self.swarm.is_connected(&self.relay_peer) {
            return;
        }
        let mut bytes = 0;
        let fits = self.unsent.iter().take_while(|op| {
            bytes += op.bytes.len();
            bytes <= MAX_PUSH_BYTES
        });
        let ops: Vec<Arc<[u8]>> = fits.map(|op| Arc::clone(&op.bytes)).collect();
        let count = ops.len();
        let body = Request::Push { workspace: self.workspace, ops }.encode();
        self.push = Some((self.swarm.behaviour_mut().requests.send_request(&self.relay_peer, body), count));
    }

    fn sync_on(&mut self) {
        if self.sync.is_some() || !self.swarm.is_connected(&self.relay_peer) {
            self.again = true;
            return;
        }
        self.again = false;
        let body = self.question().encode();
        self.sync = Some(self.swarm.behaviour_mut().requests.send_request(&self.relay_peer, body));
    }

    fn on_event(&mut self, event: SwarmEvent<TalkEvent>) {
        match event {
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => {
                self.lost += 1;
                // What was said meanwhile was not heard.
                self.again = true;
            }
            SwarmEvent::Behaviour(TalkEvent::Feed(Question { body, answer, .. })) => {
                self.board.heard(true);
                if let Some(heard) = self.hear(&body) {
                    // The connection may have gone.
                    let _ = answer.send(heard);
                }
            }
            SwarmEvent::Behaviour(TalkEvent::Requests(event)) => match event {
                request_response::Event::Message { message: Message::Request { request, channel, .. }, .. } => {
                    self.board.heard(false);
                    if let Some(heard) = self.hear(&request) {
                        // The relay may have gone.
                        let _ = self.swarm.behaviour_mut().requests.send_response(channel, heard);
                    }
                }
                request_response::Event::Message { message: Message::Response { request_id, response }, .. } => {
                    self.on_answer(request_id, Response::decode(&response).ok());
                }
                request_response::Event::OutboundFailure { request_id, .. } => self.on_answer(request_id, None),
                _ => {}
            },
            _ => {}
        }
    }

    /// Takes news in; what is to be answered.
    fn hear(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        if self.deaf > 0 {
            self.deaf -= 1;
            return None;
        }
        let Ok(Request::News { heads, ops, .. }) = Request::decode(body) else { return None };
        let lacks = |member: &Self| heads.iter().any(|head| !member.known.contains(head));
        let new = lacks(self);
        self.take_all(&ops);
        if lacks(self) {
            self.sync_on();
        }
        Some(Response::Heard { new }.encode())
    }

    fn on_answer(&mut self, id: OutboundRequestId, answer: Option<Response>) {
        if let Some((_, count)) = self.push.take_if(|(push, _)| *push == id) {
            match answer {
                Some(Response::Receipt { .. }) => {
                    for op in self.unsent.drain(..count) {
                        self.board.acknowledged(&op.id);
                    }
                    self.push_on();
                }
                _ => self.refused += 1,
            }
        } else if self.sync.take_if(|sync| *sync == id).is_some() {
            match answer {
                Some(Response::Sync { ops, more, .. }) => {
                    self.take_all(&ops);
                    if more || self.again {
                        self.sync_on();
                    }
                }
                _ => (self.refused, self.again) = (self.refused + 1, true),
            }
        } else {
            self.answered = Some((id, answer));
        }
    }
}
