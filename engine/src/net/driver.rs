//! The swarm task: commands in, events out, and the supervision of connections in between.
//!
//! Each step is immediate; nothing here awaits one peer. Deliberately absent: any judgement about content. Reactions
//! to libp2p's events are in `driver/events.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::gossipsub::{self, MessageAcceptance};
use libp2p::identity::Keypair;
use libp2p::request_response::OutboundRequestId;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, Swarm, TransportError};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::address::{device_of, ending_in, is_circuit, is_quic, last_peer, peer_of, relay_of};
use super::behaviour::{Behaviour, Manners, wire_topic};
use super::book::{Attempt, Book, Reach, Way};
use super::dials::Dials;
use super::links::Links;
use super::listeners::Listeners;
use super::outbox::Outbox;
use super::relays::Relays;
use super::transport;
use super::vantage::Vantage;
use super::wake::{Gap, Wake};
use super::{
    Channel, DeviceId, GossipId, MAX_OPEN_REQUESTS, MAX_PUBLISH_BYTES, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES,
    MAX_SENT_REQUESTS, MAX_TOPICS, NetCommand, NetConfig, NetError, NetEvent, PublishError, RequestError,
    ResponseToken, Topic, Verdict,
};

mod events;

/// How often supervision looks for what is due.
const TICK: Duration = Duration::from_millis(100);
/// Time for goodbyes at the end.
const FAREWELL: Duration = Duration::from_millis(500);
/// What was published last is on its way after this time; libp2p does not tell when.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Dials that the owner asked for and wants to hear about; more are still made, but not reported.
const MAX_REPORTED_DIALS: usize = 256;

pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    outbox: Outbox,
    local: PeerId,
    device: DeviceId,
    book: Book,
    links: Links,
    relays: Relays,
    listeners: Listeners,
    dials: Dials,
    vantage: Vantage,
    key: Keypair,
    manners: Manners,
    /// What is subscribed to, for a swarm that is built anew.
    topics: BTreeSet<Topic>,
    /// What `SetOnline` last said; while false nothing is dialled and what comes up is closed.
    online: bool,
    mdns: bool,
    gossip_loss_percent: u8,
    /// Requests under way, by libp2p's id: the owner's id and the device asked.
    sent: HashMap<OutboundRequestId, (u64, DeviceId)>,
    reported_dials: BTreeMap<ConnectionId, Multiaddr>,
    open_requests: Arc<Semaphore>,
    wake: Wake,
}

impl Driver {
    pub(super) fn new(config: NetConfig, outbox: Outbox) -> Result<Self, NetError> {
        let mut seed = config.secret.clone();
        let key = Keypair::ed25519_from_bytes(seed.as_mut_slice()).map_err(|error| NetError::Key(error.to_string()))?;
        let local = key.public().to_peer_id();
        let device = device_of(&local).ok_or_else(|| NetError::Key("the peer id holds no key".to_owned()))?;
        let now = Instant::now();
        let manners = Manners { gossip: config.gossip, relay_only: config.relay_only };
        let mut driver = Self {
            swarm: transport::build(&key, manners)?,
            outbox,
            local,
            device,
            book: Book::default(),
            links: Links::default(),
            relays: Relays::default(),
            listeners: Listeners::new(config.listen, config.ports, now),
            dials: Dials::default(),
            vantage: Vantage::default(),
            key,
            manners,
            topics: BTreeSet::new(),
            online: false,
            mdns: config.mdns,
            gossip_loss_percent: config.gossip_loss_percent,
            sent: HashMap::new(),
            reported_dials: BTreeMap::new(),
            open_requests: Arc::new(Semaphore::new(MAX_OPEN_REQUESTS)),
            wake: Wake::new(now),
        };
        for addr in config.relays {
            driver.add_relay(addr);
        }
        if config.online {
            driver.set_online(true);
        }
        Ok(driver)
    }

    pub(super) fn local_device(&self) -> DeviceId {
        self.device
    }

    pub(super) fn local_peer(&self) -> PeerId {
        self.local
    }

    /// Runs until all handles are gone or one of them asks to stop.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<NetCommand>,
        mut stop: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let room = self.outbox.sender();
        let done = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(NetCommand::SetOnline(false)) => self.leave().await,
                    Some(NetCommand::SetRelayOnly(on)) => self.set_relay_only(on).await,
                    Some(command) => self.on_command(command),
                    None => break None,
                },
                event = self.swarm.select_next_some(), if !self.outbox.is_choked() => self.on_swarm_event(event),
                done = stop.recv() => break done,
                permit = room.reserve(), if self.outbox.has_backlog() => {
                    drop(permit);
                    self.outbox.flush();
                }
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        };
        // What was asked for before the stop is still said.
        while let Ok(command) = commands.try_recv() {
            self.on_command(command);
        }
        self.say_goodbye().await;
        if let Some(done) = done {
            // The asker may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Goes offline once the last words are out. Connections are tasks of their own and send meanwhile.
    async fn leave(&mut self) {
        if self.online && self.swarm.network_info().connection_counters().num_established() > 0 {
            tokio::time::sleep(LAST_WORDS).await;
        }
        self.set_online(false);
    }

    /// Begins a new swarm, because what it tells of this device is settled at its start.
    async fn set_relay_only(&mut self, relay_only: bool) {
        if self.manners.relay_only == relay_only {
            return;
        }
        let manners = Manners { relay_only, ..self.manners };
        let swarm = match transport::build(&self.key, manners) {
            Ok(swarm) => swarm,
            Err(error) => return tracing::error!(%error, "the network stays as it is"),
        };
        let online = self.online;
        self.say_goodbye().await;
        (self.swarm, self.manners) = (swarm, manners);
        for device in self.links.clear() {
            self.outbox.push(NetEvent::Disconnected { device });
        }
        let mut sent: Vec<(u64, DeviceId)> = self.sent.drain().map(|(_, sent)| sent).collect();
        sent.sort_unstable();
        for (id, device) in sent {
            self.outbox.push(NetEvent::Response { id, device, result: Err(RequestError::Closed) });
        }
        for device in self.relays.disconnect_all().iter().filter_map(device_of) {
            self.outbox.push(NetEvent::RelayGone { device });
        }
        self.dials = Dials::default();
        self.reported_dials.clear();
        for topic in std::mem::take(&mut self.topics) {
            self.subscribe(topic);
        }
        self.set_online(online);
    }

    async fn say_goodbye(&mut self) {
        self.leave().await;
        let closed = async {
            while self.swarm.network_info().connection_counters().num_established() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        // Whoever does not hear the goodbye notices the silence.
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }

    fn on_command(&mut self, command: NetCommand) {
        let now = Instant::now();
        match command {
            NetCommand::Subscribe(topic) => self.subscribe(topic),
            NetCommand::Unsubscribe(topic) => {
                self.topics.remove(&topic);
                if let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() {
                    gossip.unsubscribe(&wire_topic(topic));
                }
            }
            NetCommand::Publish { topic, bytes } => self.publish(topic, bytes),
            NetCommand::Request { device, id, body } => self.request(device, id, body),
            NetCommand::Respond { token, body } => self.respond(token, body),
            NetCommand::Judge { message, verdict } => self.judge(&message, verdict),
            NetCommand::Dial { addr } => self.dial_once(addr),
            NetCommand::Know { device, addrs } => {
                if let Some(peer) = peer_of(&device).filter(|peer| *peer != self.local) {
                    let addrs = addrs.into_iter().filter_map(|addr| ending_in(addr, peer)).collect();
                    self.book.supervise(peer, addrs, now);
                    self.attempt_due(now);
                }
            }
            NetCommand::Forget { device } => {
                if let Some(peer) = peer_of(&device) {
                    self.book.release(&peer);
                }
            }
            NetCommand::AddRelay(addr) => self.add_relay(addr),
            NetCommand::RemoveRelay(addr) => {
                let gone = self.relays.remove(&addr);
                self.relay_gone(gone);
            }
            NetCommand::LeaveRelay(device) => {
                let gone = peer_of(&device).and_then(|peer| self.relays.leave(&peer));
                self.relay_gone(gone);
            }
            NetCommand::SetOnline(online) => self.set_online(online),
            NetCommand::SetRelayOnly(_) => tracing::debug!("the network ends; how it is used matters no more"),
            NetCommand::Disconnect { device } => {
                if let Some(peer) = peer_of(&device) {
                    // An error means that there was no connection.
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
            }
        }
    }

    fn subscribe(&mut self, topic: Topic) {
        if self.topics.len() >= MAX_TOPICS && !self.topics.contains(&topic) {
            return tracing::warn!("not subscribed: {MAX_TOPICS} topics are already in use");
        }
        self.topics.insert(topic);
        let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() else { return };
        if let Err(error) = gossip.subscribe(&wire_topic(topic)) {
            tracing::warn!(%error, "not subscribed");
        }
    }

    fn publish(&mut self, topic: Topic, bytes: Vec<u8>) {
        if bytes.len() > MAX_PUBLISH_BYTES {
            let error = PublishError::TooLarge(bytes.len());
            return self.outbox.push(NetEvent::PublishFailed { topic, error });
        }
        let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() else { return };
        let error = match gossip.publish(wire_topic(topic), bytes) {
            Ok(_) => return,
            // Nobody listens yet, or everybody has it: the exchange of heads covers both.
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic | gossipsub::PublishError::Duplicate) => return,
            Err(gossipsub::PublishError::AllQueuesFull(_)) => PublishError::Overloaded,
            Err(other) => PublishError::Other(other.to_string()),
        };
        // Shed when the owner is behind: the message is lost as gossip may be.
        let _ = self.outbox.offer(NetEvent::PublishFailed { topic, error });
    }

    fn judge(&mut self, message: &GossipId, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        if let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() {
            gossip.report_message_validation_result(&message.message, &message.source, acceptance);
        }
    }

    fn request(&mut self, device: DeviceId, id: u64, body: Vec<u8>) {
        // A relay is asked like a device, though it is none and is not announced as connected.
        let peer = peer_of(&device).filter(|peer| self.swarm.is_connected(peer));
        let refusal = match peer {
            _ if body.len() > MAX_REQUEST_BYTES => RequestError::TooLarge(body.len()),
            _ if self.sent.len() >= MAX_SENT_REQUESTS => RequestError::Busy,
            None => RequestError::NotConnected,
            Some(peer) => {
                let sent = self.swarm.behaviour_mut().requests.send_request(&peer, body);
                self.sent.insert(sent, (id, device));
                return;
            }
        };
        self.outbox.push(NetEvent::Response { id, device, result: Err(refusal) });
    }

    fn respond(&mut self, token: ResponseToken, body: Vec<u8>) {
        if body.len() > MAX_RESPONSE_BYTES {
            // Dropping the token tells the other side that no response comes.
            tracing::error!(bytes = body.len(), "response not sent: at most {MAX_RESPONSE_BYTES} bytes are allowed");
            return;
        }
        let sent = match token.channel {
            Channel::Request(channel) => self.swarm.behaviour_mut().requests.send_response(channel, body),
            Channel::Feed(answer) => answer.send(body),
        };
        if sent.is_err() {
            tracing::debug!("response not sent: the connection is gone or 15 s have passed");
        }
    }

    fn dial_once(&mut self, addr: Multiaddr) {
        let opts = match last_peer(&addr) {
            Some(peer) if self.links.is_connected(&peer) => return,
            Some(peer) => {
                DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(vec![addr.clone()]).build()
            }
            None => DialOpts::unknown_peer_id().address(addr.clone()).build(),
        };
        let connection = opts.connection_id();
        let refusal = if !self.online {
            Some("offline".to_owned())
        } else if !self.may_dial(&addr) {
            Some("this device is reached through its own relays only".to_owned())
        } else {
            self.swarm.dial(opts).err().map(|error| error.to_string())
        };
        match refusal {
            Some(reason) => self.outbox.push(NetEvent::DialFailed { addr, reason }),
            None if self.reported_dials.len() < MAX_REPORTED_DIALS => {
                self.reported_dials.insert(connection, addr);
            }
            None => {}
        }
    }

    /// Whether whoever is at an address may see where this device is: with relays only, its own relays alone.
    fn may_dial(&self, addr: &Multiaddr) -> bool {
        !self.manners.relay_only || is_circuit(addr) && relay_of(addr).is_some_and(|relay| self.relays.contains(&relay))
    }

    fn add_relay(&mut self, addr: Multiaddr) {
        let now = Instant::now();
        match self.relays.add(addr.clone(), now) {
            Ok(peer) => {
                if self.swarm.is_connected(&peer) && !self.relays.is_connected(&peer) {
                    // It was met as a device; only a dial of its own shows on which connection it listens.
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
                self.meet_relays(now);
            }
            Err(reason) => self.outbox.push(NetEvent::RelayDown { addr, reason }),
        }
    }

    fn relay_gone(&mut self, gone: Option<(PeerId, Option<ListenerId>)>) {
        let Some((peer, listener)) = gone else { return };
        if let Some(device) = device_of(&peer) {
            self.outbox.push(NetEvent::RelayGone { device });
        }
        if let Some(listener) = listener {
            self.swarm.remove_listener(listener);
        }
        // An error means that there was no connection.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    fn set_online(&mut self, online: bool) {
        if self.online == online {
            return;
        }
        let now = Instant::now();
        self.online = online;
        let local = self.local;
        if online {
            // mDNS first, because it learns the listen addresses from the events that follow.
            self.swarm.behaviour_mut().set_mdns(self.mdns && !self.manners.relay_only, local);
            self.book.restart_all(now);
            self.relays.restart_all(now);
            self.links.excuse_all(now);
            self.relays.excuse_all(now);
            self.on_tick(now);
        } else {
            self.swarm.behaviour_mut().set_mdns(false, local);
            for (listener, held) in self.relays.reset(now) {
                if let Some(listener) = listener {
                    self.swarm.remove_listener(listener);
                }
                if let Some(addr) = held {
                    self.outbox.push(NetEvent::RelayDown { addr, reason: "offline".to_owned() });
                }
            }
            for listener in self.listeners.reset(now) {
                self.swarm.remove_listener(listener);
            }
            self.forget_vantage();
            self.disconnect_all();
        }
        self.outbox.push(NetEvent::Online(online));
    }

    fn disconnect_all(&mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that the connection closed by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    /// Seen from elsewhere this device may now be at other addresses.
    fn forget_vantage(&mut self) {
        for addr in self.vantage.clear() {
            self.swarm.remove_external_address(&addr);
        }
    }

    fn on_tick(&mut self, now: Instant) {
        let gap = self.wake.look(now);
        if !self.online {
            return;
        }
        if gap != Gap::None {
            self.links.excuse_all(now);
            self.relays.excuse_all(now);
            self.look_around(now);
        }
        if gap == Gap::Sleep {
            tracing::info!("woke up; all connections are made anew");
            self.forget_vantage();
            self.disconnect_all();
        }
        let local = self.local;
        let silent = self.links.silent(now).into_iter().chain(self.relays.silent(now));
        for connection in silent.chain(self.links.superfluous(&local, now)).collect::<Vec<_>>() {
            tracing::debug!(%connection, "closing a silent or superfluous connection");
            self.swarm.close_connection(connection);
        }
        self.listen(now);
        for listener in self.relays.stalled(now) {
            self.swarm.remove_listener(listener);
        }
        if self.swarm.network_info().num_peers() == 0 {
            self.book.probe(now);
        }
        self.meet_relays(now);
        self.attempt_due(now);
    }

    /// The surroundings changed, or there is life in them: everything that is out of reach is tried at once.
    fn look_around(&mut self, now: Instant) {
        self.book.restart_all(now);
        self.relays.restart_all(now);
    }

    fn listen(&mut self, now: Instant) {
        if self.manners.relay_only {
            return;
        }
        for (index, addr) in self.listeners.due(now) {
            match self.swarm.listen_on(addr.clone()) {
                Ok(id) => self.listeners.opened(index, id),
                Err(error) => {
                    let hopeless = matches!(error, TransportError::MultiaddrNotSupported(_));
                    if self.listeners.failed(index, hopeless) {
                        self.outbox.push(NetEvent::ListenFailed { addr, reason: whole(&error) });
                    }
                }
            }
        }
    }

    /// Dials relays and asks those that are connected for a reservation.
    fn meet_relays(&mut self, now: Instant) {
        if !self.online {
            return;
        }
        for (peer, addrs) in self.relays.due_dials(now) {
            // Of the one way and of the other, dials do not wait for each other.
            let way = if addrs.iter().any(is_quic) { Way::Direct } else { Way::Circuit };
            self.dial(Attempt { peer, addrs, way });
        }
        for (peer, circuit) in self.relays.due_reservations(now) {
            match self.swarm.listen_on(circuit) {
                Ok(id) => self.relays.listening(&peer, id, now),
                Err(error) => tracing::debug!(error = whole(&error), "no circuit on this relay"),
            }
        }
    }

    fn attempt_due(&mut self, now: Instant) {
        if !self.online {
            return;
        }
        let links = &self.links;
        for mut attempt in self.book.due(now, |peer| links.reach(peer)) {
            if attempt.way == Way::Circuit {
                let own = self.relays.circuits_to(attempt.peer, now);
                // The own connection to a relay serves, whichever address of it others named.
                attempt.addrs.retain(|addr| relay_of(addr).is_none_or(|relay| !self.relays.contains(&relay)));
                attempt.addrs.extend(own);
            }
            if attempt.way == Way::Upgrade {
                attempt.addrs.retain(is_quic);
                if attempt.addrs.is_empty() || self.relays.udp_is_blocked() {
                    self.upgrade_otherwise(attempt.peer);
                }
            }
            self.dial(attempt);
        }
    }

    /// A device that is reached through a relay is not reached by QUIC: tries the rest.
    fn upgrade_otherwise(&mut self, peer: PeerId) {
        if self.links.reach(&peer) == Reach::RelayedOnly {
            self.dial(Attempt { peer, addrs: self.book.without_quic(&peer), way: Way::UpgradeOtherwise });
        }
    }

    fn dial(&mut self, attempt: Attempt) {
        let Attempt { peer, mut addrs, way } = attempt;
        addrs.retain(|addr| self.may_dial(addr) || self.relays.contains(&peer));
        let now = Instant::now();
        if addrs.is_empty() || !self.dials.has_room(&peer, way, now) {
            return;
        }
        let opts = DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(addrs);
        // Two that dial each other's listening ports from their own at one moment open one TCP connection, and neither
        // takes the answering part. Hole punching sees to that, so that this must not get in its way.
        let opts = if way == Way::UpgradeOtherwise { opts.allocate_new_port() } else { opts }.build();
        let id = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => self.dials.began(id, peer, way, now),
            Err(error) => tracing::trace!(%error, "not dialled"),
        }
    }
}

/// An error with its causes: libp2p's outer ones say nothing.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let mut words: Vec<String> = causes.filter(|text| !text.is_empty()).collect();
    words.dedup();
    words.join(": ")
}
