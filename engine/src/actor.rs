//! The one event loop: owns the state, carries out what workspaces decide, never waits for a peer or the disk.
//!
//! `opening` brings workspaces in, `verbs` answers calls, `documents` serves windows, `network`, `gossip`, `exchange` and `answers` peers, `telling` says what goes out
//! by itself, `saving` makes things durable, `joins` brings this device into workspaces, `requests` keeps who asks its owner to be
//! let in, `people` shows who is there, `secrecy` has the keys follow the members.
//! Deliberately absent: rules (they are the replica's) and SQL.

mod answers;
mod deposits;
mod devices;
mod documents;
mod exchange;
mod gossip;
mod joins;
mod lag;
mod looked;
mod looks;
mod mail;
mod mailboxes;
mod near;
mod network;
mod opening;
mod patience;
mod people;
mod places;
mod recovery;
mod remembered;
mod requests;
mod saving;
mod secrecy;
mod snapshots;
mod standing;
mod telling;
mod verbs;
mod waiting;
pub(crate) mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::replica::Saying;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::api::ApiError;
use crate::engine::Options;
use crate::event::Event;
use crate::net::{GossipId, Net, NetEvent, Topic};
use crate::step_history::{Edits, FoldOrder};
use crate::store::{Batch, Store, StoreError, WorkspaceRow};
use crate::workspace::{DocumentSink, Effects, Workspace};
use joins::PendingJoin;
use network::Peer;
use recovery::Recovering;
use secrecy::Secrecy;

/// The sync state is told at most this often.
const STATE_EVERY_MS: u64 = 100;
/// The actor looks around at least this often.
const TICK_MS: u64 = 250;
/// The engine's own document follows this long after what windows were sent.
const FOLD_AFTER_MS: u64 = 50;

/// What the handle asks of the actor.
pub(crate) enum Command {
    Call { method: String, params: Value, reply: oneshot::Sender<Result<Value, ApiError>> },
    Open { workspace: String, sink: Box<dyn DocumentSink>, reply: oneshot::Sender<Result<(u32, u64, bool), ApiError>> },
    Push { document: u32, update: Vec<u8>, reply: oneshot::Sender<Result<u64, ApiError>> },
    Awareness { document: u32, state: Value, reply: oneshot::Sender<Result<(), ApiError>> },
    Close { document: u32 },
    FoldOrder { workspace: String, reply: oneshot::Sender<Result<FoldOrder, ApiError>> },
    Edits { workspace: WorkspaceId, ops: Vec<OpId>, reply: oneshot::Sender<Result<Edits, ApiError>> },
    Stop { reply: oneshot::Sender<()> },
}

/// A workspace with what the actor keeps beside it.
struct Room {
    space: Workspace,
    row: WorkspaceRow,
    presence: people::Room,
    topic: Topic,
    /// When the committed heads are to be announced, and which were announced last.
    heads_due: Option<u64>,
    heads_told: Vec<OpId>,
    near: near::Near,
    /// What is to be committed together, and when.
    gathered: Batch,
    commit_due: Option<u64>,
    /// When the engine's own document takes in what windows were sent.
    fold_due: Option<u64>,
    /// When a failed commit is tried again.
    retry_at: Option<u64>,
    /// Commits so far, and the one that carries what failed before it: those in between prove nothing.
    commits: u64,
    carrier: u64,
    /// When the sync state, which has changed, is to be told; and when it was told last.
    state_due: Option<u64>,
    state_told: u64,
    edits_today: people::Today,
    /// Devices whose heads were heard and not written down yet.
    heard_heads: BTreeSet<DeviceId>,
    patience: patience::Patience,
    title_stale: bool,
    /// When the list's row was written last.
    row_kept: u64,
    secrecy: Secrecy,
    /// The op that ended this device's membership, as it was told by somebody who serves it no more.
    told_off: Option<OpId>,
    /// A close, as a relay showed it that has dropped what came before.
    told_closed: Option<OpId>,
    /// Behind which row of the log the rows are to be checked that a snapshot spared reading; and when.
    scrub_from: Option<i64>,
    scrub_due: u64,
    /// What is to be shown before the history is there, while it comes in.
    look: Option<looks::Look>,
    /// The state that newcomers are shown.
    at_hand: Option<looks::AtHand>,
}

/// The engine's state.
pub(crate) struct Actor {
    key: DeviceKey,
    me: DeviceId,
    options: Options,
    store: Store,
    net: Option<Net>,
    net_events: Option<mpsc::Receiver<NetEvent>>,
    events: broadcast::Sender<Arc<Event>>,
    lag: lag::Lag,
    stored: (mpsc::UnboundedSender<saving::Stored>, mpsc::UnboundedReceiver<saving::Stored>),
    rooms: BTreeMap<WorkspaceId, Room>,
    documents: BTreeMap<u32, WorkspaceId>,
    next_document: u32,
    peers: BTreeMap<DeviceId, Peer>,
    requests: network::Requests,
    /// Gossip that is not handed on, and of which the network was not told yet.
    ignored: Vec<GossipId>,
    /// When peers are looked at again for what one side lacks.
    look_due: u64,
    joins: Vec<PendingJoin>,
    recoveries: BTreeMap<WorkspaceId, Recovering>,
    mail: mail::Mail,
    device_joins: Vec<devices::PendingDevice>,
    waiting: waiting::Reasons,
    listening: Vec<Multiaddr>,
    /// Relays in use beside those of the options.
    kept_relays: Vec<Multiaddr>,
    circuits: BTreeMap<Multiaddr, Multiaddr>,
    relays_health: ways::RelaysHealth,
    online: bool,
    profile: (String, String),
    started: Instant,
}

impl Actor {
    pub(crate) fn open(
        store: Store,
        key: DeviceKey,
        options: Options,
        net: Option<(Net, mpsc::Receiver<NetEvent>)>,
        events: broadcast::Sender<Arc<Event>>,
    ) -> Result<Self, ApiError> {
        let me = key.id();
        opening::check_identity(&store, &me)?;
        store.unlock(&key);
        let (net, net_events) = net.unzip();
        let mut actor = Self {
            me,
            online: net.is_some(),
            options: Options { relay_only: options.relay_only || ways::is_relay_only(&store), ..options },
            net,
            net_events,
            events,
            lag: lag::Lag::default(),
            stored: mpsc::unbounded_channel(),
            rooms: BTreeMap::new(),
            documents: BTreeMap::new(),
            next_document: 1,
            peers: BTreeMap::new(),
            requests: network::Requests::default(),
            ignored: Vec::new(),
            look_due: 0,
            joins: Vec::new(),
            recoveries: BTreeMap::new(),
            mail: mail::Mail::default(),
            device_joins: Vec::new(),
            waiting: BTreeMap::new(),
            listening: Vec::new(),
            kept_relays: ways::kept_relays(&store),
            circuits: BTreeMap::new(),
            relays_health: BTreeMap::new(),
            profile: people::load_profile(&store, &me),
            started: Instant::now(),
            key,
            store,
        };
        for row in actor.store.workspaces().map_err(store_error)? {
            actor.open_room(row)?;
        }
        // Ops whose workspace is missing from the list, as damage may leave them, are its workspace all the same.
        for id in actor.store.logged_workspaces().map_err(store_error)? {
            if !actor.rooms.contains_key(&WorkspaceId(id)) {
                actor.open_room(WorkspaceRow::found_again(id, unix_ms()))?;
            }
        }
        actor.load_joins()?;
        actor.seek_members();
        Ok(actor)
    }

    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        loop {
            let wait = Duration::from_millis(self.next_due().saturating_sub(self.now()));
            tokio::select! {
                command = queue.recv() => match command {
                    Some(Command::Stop { reply }) => {
                        self.stop().await;
                        // The folder is free before the caller hears of it; the caller may have gone.
                        drop(self);
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.on_command(command),
                    None => return self.stop().await,
                },
                Some(event) = next_event(&mut self.net_events) => {
                    self.on_net(event);
                    self.lag.note(Instant::now(), self.net_events.as_ref().map_or(0, mpsc::Receiver::len));
                }
                Some(stored) = self.stored.1.recv() => self.on_stored(stored),
                () = tokio::time::sleep(wait) => {}
            }
            self.on_tick();
        }
    }

    async fn stop(&mut self) {
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.flush(&id, u64::MAX);
            self.remember_peers(&id);
            if self.rooms.get(&id).is_some_and(Room::is_shown) {
                self.look_at(&id);
            }
            if let Err(error) = self.save(&id) {
                tracing::error!(%error, "the last edits were not saved");
            }
            self.tend_snapshot(&id, true);
            self.leave_presence(&id);
        }
        if let Some(net) = self.net.take() {
            net.shutdown().await;
        }
    }

    /// Milliseconds since the engine started: never runs backwards.
    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn next_due(&self) -> u64 {
        let rooms = self.rooms.values();
        let due = rooms.flat_map(|r| {
            [
                r.space.next_due(),
                r.heads_due,
                r.near.next_due(),
                r.commit_due,
                r.fold_due,
                r.retry_at,
                r.state_due,
                r.secrecy.next_due(),
                r.patience.next_due(),
                r.presence.next_due(),
            ]
        });
        let due = due.flatten().min();
        due.unwrap_or(u64::MAX).min(self.now() + TICK_MS)
    }

    fn on_command(&mut self, command: Command) {
        // Whoever does not wait for an answer any more does not need it.
        match command {
            Command::Call { method, params, reply } => {
                let _ = reply.send(self.call(&method, params));
            }
            Command::Open { workspace, sink, reply } => {
                let _ = reply.send(self.open_document(&workspace, sink));
            }
            Command::Push { document, update, reply } => {
                let _ = reply.send(self.push(document, &update));
            }
            Command::Awareness { document, state, reply } => {
                let _ = reply.send(self.set_awareness(document, &state));
            }
            Command::Close { document } => self.close_document(document),
            Command::FoldOrder { workspace, reply } => {
                let _ = reply.send(self.fold_order(&workspace));
            }
            Command::Edits { workspace, ops, reply } => {
                let _ = reply.send(self.edits(&workspace, &ops));
            }
            Command::Stop { .. } => unreachable!("the loop takes it"),
        }
    }

    fn room(&mut self, id: &WorkspaceId) -> Result<&mut Room, ApiError> {
        self.rooms.get_mut(id).ok_or_else(not_here)
    }

    /// Runs `change` on a workspace and carries out what follows.
    fn with<T>(
        &mut self,
        id: &WorkspaceId,
        change: impl FnOnce(&mut Workspace, &Store, &DeviceKey, &mut Effects) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut effects = Effects::default();
        let room = self.rooms.get_mut(id).ok_or_else(not_here)?;
        let result = change(&mut room.space, &self.store, &self.key, &mut effects);
        self.carry_out(id, effects);
        result
    }

    fn carry_out(&mut self, id: &WorkspaceId, effects: Effects) {
        let Effects { writes, publish, folded, folds, membership, profiles, versions, keys, rebuilt, gone } = effects;
        let own = !publish.is_empty();
        let workspace = id.to_string();
        let fold_at = self.now() + FOLD_AFTER_MS;
        self.publish_ops(id, publish);
        let Some(room) = self.rooms.get_mut(id) else { return };
        if folds > 0 || rebuilt {
            room.row.updated_ms = unix_ms();
            room.edits_today.count(unix_ms(), folds);
            room.title_stale = true;
            room.fold_due.get_or_insert(fold_at);
        }
        if rebuilt {
            let reason = room.space.gone_words(&gone);
            room.space.reset_windows(&self.key, &reason);
            if !gone.is_empty() {
                let workspace = Some(workspace.clone());
                self.tell(Event::Notice { code: "edits_taken_out".into(), message: reason, workspace });
            }
        }
        if let Some(why) = self.rooms.get_mut(id).and_then(|room| room.space.dropped.take()) {
            let message = format!("A change that a program made here a moment ago was dropped: {why}.");
            self.tell(Event::Notice { code: "edit_dropped".into(), message, workspace: Some(workspace.clone()) });
        }
        if membership {
            self.commit(id, writes);
        } else if !writes.is_empty() {
            self.commit_soon(id, writes, own);
        }
        if own {
            self.post_soon(id);
        }
        if folds > 0 || rebuilt {
            let authors = folded.iter().map(ToString::to_string).collect();
            self.tell(Event::PipelineUpdated { workspace: workspace.clone(), ops: folds, authors });
            self.tell(Event::StateUpdated { workspace: workspace.clone() });
        }
        if versions {
            self.tell(Event::VersionsChanged { workspace });
        }
        if membership {
            self.on_membership(id);
            // Only members are named as near.
            self.near_changed(id);
        }
        if membership || profiles {
            self.tell(Event::WorkspacesChanged {});
        }
        if membership || keys {
            self.tend_keys(id, own);
        }
    }

    fn on_tick(&mut self) {
        let now = self.now();
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let (due, heads, retry, state) = (room.space.next_due(), room.heads_due, room.retry_at, room.state_due);
            let near = room.near.next_due();
            let commit = room.commit_due;
            if room.fold_due.is_some_and(|at| at <= now) {
                room.fold_due = None;
                room.space.catch_up();
            }
            if retry.is_some_and(|at| at <= now) {
                room.retry_at = None;
                self.commit(&id, Vec::new());
            }
            if commit.is_some_and(|at| at <= now) {
                self.commit_gathered(&id);
            }
            if due.is_some_and(|at| at <= now) {
                self.flush(&id, now);
            }
            if heads.is_some_and(|at| at <= now) {
                self.announce_heads(&id);
                self.remember_peers(&id);
                self.keep_row(&id);
            }
            if near.is_some_and(|at| at <= now) {
                self.announce_near(&id);
            }
            if state.is_some_and(|at| at <= now) {
                self.tell_sync_state(&id, now);
            }
        }
        self.tick_snapshots(now);
        self.tick_secrecy(now);
        self.tick_presence(now);
        self.tick_network(now);
        self.tick_mail(now);
        self.tick_joins(now);
        self.tick_looks(now);
        self.tick_recoveries(now);
        self.tick_devices(now);
    }

    fn say(&mut self, id: &WorkspaceId, saying: impl Into<Saying>) -> Result<OpId, ApiError> {
        let saying = saying.into();
        self.with(id, |space, store, key, effects| space.say(saying, store, key, effects))
    }
}

async fn next_event(events: &mut Option<mpsc::Receiver<NetEvent>>) -> Option<NetEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

fn not_here() -> ApiError {
    ApiError::new("no_such_workspace", "there is no such workspace here")
}

fn store_error(error: StoreError) -> ApiError {
    ApiError::new("store_failed", error.to_string())
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| ApiError::new("no_randomness", e.to_string()))?;
    Ok(bytes)
}

/// This computer's clock in Unix milliseconds, as ops carry it.
pub(crate) fn now_ms() -> u64 {
    unix_ms().max(0) as u64
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
