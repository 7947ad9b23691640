//! The relay's task: the swarm, the requests in their lines, the commits, the operator's orders.
//!
//! Deliberately absent: judgement about ops and members (`mailbox`) and reactions to libp2p's events (`events`).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt;
use libp2p::request_response::ResponseChannel;
use libp2p::{Multiaddr, PeerId, Swarm};
use omniscope_protocol::identity::{DeviceId, hex};
use omniscope_protocol::wire::{MAX_FOUND, MAX_FOUND_ADDRESSES, Request, Response};
use tokio::sync::{mpsc, oneshot};

use super::news::News;
use super::waking::Waking;
use super::{Order, STOP_WITHIN};
use crate::Config;
use crate::admission::Gate;
use crate::behaviour::Behaviour;
use crate::codec::{BytesCodec, Incoming};
use crate::config::Policy;
use crate::control::execute;
use crate::mailbox::{Action, Commit, Mailbox, Ticket, token_hash};
use crate::metrics::Metrics;
use crate::names::peer_of;
use crate::queue::Lines;
use crate::rates::Rates;
use crate::store::{Store, StoreError, Write};

/// What is to be told is looked at this often.
const TICK: Duration = Duration::from_millis(20);
/// The gauges are brought up to date this often.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// Workspaces that nobody uses are looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Time for goodbyes at the end, within the time to stop.
const FAREWELL: Duration = Duration::from_secs(1);
/// How much may come at once, in seconds of the average.
const BURST_SECONDS: u32 = 10;
const TOKEN_BYTES: usize = 16;

/// One request that waits for its turn.
pub(super) struct Job {
    pub(super) from: DeviceId,
    pub(super) ticket: Ticket,
    pub(super) request: Request,
    /// Holds the request's part of the budget until it is served.
    pub(super) _incoming: Incoming,
}

/// A commit, and whether it went well.
type Outcome = (Commit, bool);

pub(super) struct Driver {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) peer: PeerId,
    pub(super) config: Config,
    pub(super) mailbox: Mailbox,
    pub(super) store: Arc<Store>,
    pub(super) gate: Gate,
    codec: BytesCodec,
    pub(super) metrics: Arc<Metrics>,
    pub(super) announce: mpsc::Sender<Multiaddr>,
    pub(super) lines: Lines<Job>,
    next_ticket: Ticket,
    tickets: HashMap<Ticket, ResponseChannel<Incoming>>,
    pub(super) by_peer: Rates<[u8; 32]>,
    pub(super) by_ip: Rates<IpAddr>,
    /// What connected devices say about where they listen.
    pub(super) told: BTreeMap<PeerId, Vec<Multiaddr>>,
    pub(super) news: News,
    pub(super) waking: Waking,
    committed: (mpsc::UnboundedSender<Outcome>, mpsc::UnboundedReceiver<Outcome>),
    commits_under_way: usize,
    swept: Instant,
    gauged: Instant,
}

impl Driver {
    #[allow(clippy::too_many_arguments, reason = "the parts of a relay, put together once")]
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        config: Config,
        mailbox: Mailbox,
        store: Arc<Store>,
        gate: Gate,
        codec: BytesCodec,
        metrics: Arc<Metrics>,
        announce: mpsc::Sender<Multiaddr>,
    ) -> Self {
        for peer in mailbox.everybody().filter(|d| !mailbox.is_blocked(d)).map(peer_of) {
            gate.admit(peer);
        }
        let rates = |per_second: u32| (per_second, per_second.saturating_mul(BURST_SECONDS));
        let (peer_rate, peer_burst) = rates(config.limits.requests_per_peer);
        let (ip_rate, ip_burst) = rates(config.limits.requests_per_ip);
        Self {
            peer: *swarm.local_peer_id(),
            swarm,
            config,
            mailbox,
            store,
            gate,
            codec,
            metrics,
            announce,
            lines: Lines::default(),
            next_ticket: 0,
            tickets: HashMap::new(),
            by_peer: Rates::new(peer_rate, peer_burst),
            by_ip: Rates::new(ip_rate, ip_burst),
            told: BTreeMap::new(),
            news: News::default(),
            waking: Waking::default(),
            committed: mpsc::unbounded_channel(),
            commits_under_way: 0,
            swept: Instant::now(),
            gauged: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, mut stopped: oneshot::Receiver<()>, mut orders: mpsc::Receiver<Order>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((commit, ok)) = self.committed.1.recv() => self.on_committed(&commit, ok),
                Some(woken) = self.waking.woken.recv() => self.on_woken(woken),
                () = std::future::ready(()), if self.lines.is_ready() => self.serve_next(),
                Some(order) = orders.recv() => self.on_order(order),
                _ = tick.tick() => self.on_tick(Instant::now()),
                // Also when the handle was dropped.
                _ = &mut stopped => break,
            }
        }
        // Within the time to stop: what was asked is answered, what was promised is on the disk.
        let _ = tokio::time::timeout(STOP_WITHIN - 2 * FAREWELL, self.drain()).await;
        self.say_goodbye().await;
    }

    async fn drain(&mut self) {
        while self.lines.len() > 0 || self.commits_under_way > 0 {
            tokio::select! {
                // New requests are refused from here on, but answers still go out.
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((commit, ok)) = self.committed.1.recv() => self.on_committed(&commit, ok),
                Some(woken) = self.waking.woken.recv() => self.on_woken(woken),
                () = std::future::ready(()), if self.lines.is_ready() => self.serve_next(),
            }
        }
    }

    async fn say_goodbye(&mut self) {
        // Connections are tasks of their own: what was said last is on its way meanwhile.
        let _ = tokio::time::timeout(FAREWELL / 4, async {
            loop {
                self.swarm.select_next_some().await;
            }
        })
        .await;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that the connection closed by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.network_info().connection_counters().num_established() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        // Whoever does not hear the goodbye notices the silence.
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }

    /// Keeps the right to answer a request.
    pub(super) fn ticket(&mut self, channel: ResponseChannel<Incoming>) -> Ticket {
        self.next_ticket += 1;
        self.tickets.insert(self.next_ticket, channel);
        self.next_ticket
    }

    pub(super) fn respond(&mut self, ticket: Ticket, response: &Response) {
        let Some(channel) = self.tickets.remove(&ticket) else { return };
        if let Response::Refused(why) = response {
            self.metrics.refused(*why);
        }
        if self.swarm.behaviour_mut().requests.send_response(channel, response.encode().into()).is_err() {
            tracing::debug!("response not sent: the connection is gone or too much time has passed");
        }
    }

    fn serve_next(&mut self) {
        let Some(job) = self.lines.pop() else { return };
        let (workspace, mut out) = (job.request.workspace(), Vec::new());
        if self.mailbox.is_asleep(&workspace) {
            if !self.mailbox.handle_asleep(job.from, job.ticket, &job.request, now_ms(), &self.store, &mut out) {
                self.lines.put_back(workspace, job);
                return self.wake(workspace);
            }
            self.metrics.request(&job.request);
            return self.carry_out(out);
        }
        let Job { from, ticket, request, _incoming } = job;
        self.metrics.request(&request);
        self.mailbox.handle(from, ticket, request, now_ms(), &self.store, &mut out);
        self.carry_out(out);
    }

    pub(super) fn on_committed(&mut self, commit: &Commit, ok: bool) {
        self.commits_under_way -= 1;
        let mut out = Vec::new();
        self.mailbox.on_committed(commit, ok, &self.store, &mut out);
        self.carry_out(out);
    }

    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Respond(ticket, response) => self.respond(ticket, &response),
                Action::Commit(mut commit) => {
                    let (writes, sender) = (std::mem::take(&mut commit.writes), self.committed.0.clone());
                    self.commits_under_way += 1;
                    self.metrics.stored(&writes);
                    self.store.commit(writes, move |result| {
                        // A relay that is gone has nothing to answer.
                        let _ = sender.send((commit, result.is_ok()));
                    });
                }
                Action::Write(write) => self.write(write),
                Action::Tell { workspace, ops, from } => {
                    let now = Instant::now();
                    self.news.add(workspace, &ops, from, now);
                    self.tell_news(workspace, now);
                }
                Action::Locate(ticket, devices) => {
                    let found = devices.into_iter().filter_map(|device| Some((device, self.located(&device)?)));
                    let found = found.take(MAX_FOUND).collect();
                    self.respond(ticket, &Response::Found(found));
                }
                Action::Welcome { device, guest } => {
                    if self.mailbox.is_blocked(&device) {
                        continue;
                    }
                    let peer = peer_of(&device);
                    if guest {
                        self.gate.admit_guest(peer, Instant::now())
                    } else {
                        self.gate.admit(peer)
                    }
                    self.swarm.behaviour_mut().doors.welcome(&peer);
                }
                Action::Expel(device) => {
                    let peer = peer_of(&device);
                    self.gate.expel(&peer);
                    if self.gate.policy() == Policy::Members || self.mailbox.is_blocked(&device) {
                        tracing::info!("a device that belongs here no more is disconnected");
                        // An error means that it was not connected.
                        let _ = self.swarm.disconnect_peer_id(peer);
                    }
                }
            }
        }
    }

    fn located(&self, device: &DeviceId) -> Option<Vec<String>> {
        let peer = peer_of(device);
        if !self.swarm.is_connected(&peer) {
            return None;
        }
        let told = self.told.get(&peer).map(Vec::as_slice).unwrap_or_default();
        Some(told.iter().take(MAX_FOUND_ADDRESSES).map(ToString::to_string).collect())
    }

    fn write(&self, write: Write) {
        self.store.commit(vec![write], |result| {
            if let Err(error) = result {
                tracing::error!(%error, "a change was not written down");
            }
        });
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Control(command, reply) => {
                let mut out = Vec::new();
                let said = execute(&command, &mut self.mailbox, &self.store, now_ms(), &mut out);
                self.carry_out(out);
                // Whoever asked may have gone.
                let _ = reply.send(said);
            }
            Order::Reload(config) => {
                self.mailbox.set_rules(config.policy, config.mailbox);
                self.gate.set_policy(config.policy);
                (self.config.policy, self.config.mailbox) = (config.policy, config.mailbox);
                tracing::info!("the policy and the limits of mailboxes were read anew");
            }
        }
    }

    fn on_tick(&mut self, now: Instant) {
        self.tell_due(now);
        if now.duration_since(self.gauged) < GAUGES_EVERY {
            return;
        }
        self.gauged = now;
        let (ops, bytes) = self.mailbox.sizes();
        let network = self.swarm.network_info();
        self.metrics.gauges(&crate::metrics::Gauges {
            peers: network.num_peers() as u64,
            connections: u64::from(network.connection_counters().num_established()),
            workspaces: self.mailbox.len() as u64,
            awake: self.mailbox.awake() as u64,
            ops,
            op_bytes: bytes,
            database_bytes: self.store.file_bytes(),
            waiting_requests: self.lines.len() as u64,
            free_incoming_bytes: self.codec.free() as u64,
        });
        self.rest();
        let days = self.config.mailbox.retention_days;
        if days > 0 && now.duration_since(self.swept) >= SWEEP_EVERY {
            self.swept = now;
            let before = now_ms() as i64 - i64::from(days) * 86_400_000;
            for id in self.mailbox.unused_since(before) {
                tracing::info!(days, "a workspace that no member has used is dropped");
                let mut out = Vec::new();
                self.mailbox.unregister(&id, &mut out);
                self.carry_out(out);
            }
        }
    }
}

/// A token for the first registration, where nobody could make one otherwise.
pub(super) fn first_token(config: &Config, store: &Store) -> Result<Option<String>, StoreError> {
    if config.policy == Policy::Open || store.may_anybody_register()? || !store.workspaces()?.is_empty() {
        return Ok(None);
    }
    let token = new_token()?;
    store.commit_wait(vec![Write::Token {
        hash: token_hash(token.as_bytes()),
        uses: Some(1),
        now_ms: now_ms() as i64,
    }])?;
    Ok(Some(token))
}

/// A random token as text.
pub(crate) fn new_token() -> Result<String, StoreError> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Database { what: "make a token", detail: error.to_string() })?;
    Ok(hex(&bytes))
}

/// This relay's clock in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
