//! The one event loop: owns the state, carries out what workspaces decide, never waits for a peer or the disk.
//!
//! `verbs` answers calls, `network` what peers send, `joins` brings this device into workspaces, `requests` keeps who asks
//! its owner to be let in, `people` shows who is there, `secrecy` has the keys follow the members. Deliberately absent: rules (they are the replica's) and SQL.

mod devices;
mod joins;
mod looked;
mod looks;
mod mail;
mod network;
mod patience;
mod people;
mod places;
mod recovery;
mod remembered;
mod requests;
mod secrecy;
mod snapshots;
mod standing;
mod verbs;
mod waiting;
pub(crate) mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::{AuthorError, Replica, Saying};
use omniscope_protocol::wire::{Gossip, MAX_GOSSIP_BYTES, MAX_NEAR, Note, NoteContent, topic};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::api::ApiError;
use crate::engine::Options;
use crate::event::Event;
use crate::net::{Net, NetCommand, NetEvent, Topic};
use crate::store::{Batch, Committed, Store, StoreError, WorkspaceRow, WorkspaceState, Write};
use crate::workspace::{DocumentMessage, DocumentSink, Effects, Workspace};
use joins::PendingJoin;
use network::Peer;
use recovery::Recovering;
use secrecy::Secrecy;

/// How long receipts gather before the committed heads are announced: this for each peer that hears it, up to a bound.
/// All of them do so, so what everybody hears grows with their number, not with its square.
const HEADS_AFTER_MS: u64 = 120;
const MAX_HEADS_AFTER_MS: u64 = 6000;
/// How long changes of who is connected gather before they are announced.
const NEAR_AFTER_MS: u64 = 250;
/// A row of the list whose time alone changed is written at most this often.
const ROW_EVERY_MS: u64 = 5000;
/// Others' ops gather this long for one commit: they are safe with their authors, and showing them goes first.
const COMMIT_AFTER_MS: u64 = 30;
/// So many bytes of them are committed at once.
const MAX_GATHERED_BYTES: usize = 256 * 1024;
/// Pause before a failed commit is tried again.
const RETRY_COMMIT_MS: u64 = 1000;
/// The sync state is told at most this often.
const STATE_EVERY_MS: u64 = 100;
/// The actor looks around at least this often.
const TICK_MS: u64 = 250;

/// What the handle asks of the actor.
pub(crate) enum Command {
    Call { method: String, params: Value, reply: oneshot::Sender<Result<Value, ApiError>> },
    Open { workspace: String, sink: Box<dyn DocumentSink>, reply: oneshot::Sender<Result<(u32, u64, bool), ApiError>> },
    Push { document: u32, update: Vec<u8>, reply: oneshot::Sender<Result<u64, ApiError>> },
    Awareness { document: u32, state: Value, reply: oneshot::Sender<Result<(), ApiError>> },
    Close { document: u32 },
    Stop { reply: oneshot::Sender<()> },
}

/// The answer of the store's writer thread.
struct Stored {
    workspace: WorkspaceId,
    number: u64,
    ops: u32,
    result: Result<Committed, (StoreError, Vec<Write>)>,
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
    /// When those connected are to be announced.
    near_due: Option<u64>,
    /// Whom connected members are connected with, by what they say themselves.
    near: BTreeMap<DeviceId, BTreeSet<DeviceId>>,
    /// What is to be committed together, and when.
    gathered: Batch,
    commit_due: Option<u64>,
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
    stored: (mpsc::UnboundedSender<Stored>, mpsc::UnboundedReceiver<Stored>),
    rooms: BTreeMap<WorkspaceId, Room>,
    documents: BTreeMap<u32, WorkspaceId>,
    next_document: u32,
    peers: BTreeMap<DeviceId, Peer>,
    requests: network::Requests,
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
        check_identity(&store, &me)?;
        store.unlock(&key);
        let (net, net_events) = net.unzip();
        let mut actor = Self {
            me,
            online: net.is_some(),
            options: Options { relay_only: options.relay_only || ways::is_relay_only(&store), ..options },
            net,
            net_events,
            events,
            stored: mpsc::unbounded_channel(),
            rooms: BTreeMap::new(),
            documents: BTreeMap::new(),
            next_document: 1,
            peers: BTreeMap::new(),
            requests: network::Requests::default(),
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
                Some(event) = next_event(&mut self.net_events) => self.on_net(event),
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
                r.near_due,
                r.commit_due,
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
            Command::Stop { .. } => unreachable!("the loop takes it"),
        }
    }

    // ---- rooms

    fn open_room(&mut self, row: WorkspaceRow) -> Result<(), ApiError> {
        let id = WorkspaceId(row.id);
        let resumed = self.resume(&id)?;
        let scrub_from = resumed.is_some().then_some(0);
        let space = match resumed {
            Some(space) => space,
            None => self.load(&id)?,
        };
        self.add_room(space, row);
        if let Some(room) = self.rooms.get_mut(&id) {
            room.scrub_from = scrub_from;
        }
        self.recall_standing(&id);
        self.load_mailboxes(&id);
        self.recall_peers(&id)
    }

    /// A workspace from its snapshot and what its log holds beyond; none if there is no snapshot, or anything is damaged.
    fn resume(&self, id: &WorkspaceId) -> Result<Option<Workspace>, ApiError> {
        let Some((mut space, last)) = Workspace::resume(&self.store, id, &self.key, random()?) else { return Ok(None) };
        let whole = self.read_log(&mut space, last)?.is_empty();
        Ok((whole && space.finish_loading(&self.store).is_ok()).then_some(space))
    }

    /// A workspace from the whole of its log, which is repaired where it is damaged.
    fn load(&self, id: &WorkspaceId) -> Result<Workspace, ApiError> {
        let mut space = Workspace::new(Replica::for_device(*id, &self.key), &self.key, random()?);
        let damaged = self.read_log(&mut space, 0)?;
        if !damaged.is_empty() {
            tracing::warn!(count = damaged.len(), "damaged rows are dropped; their ops are fetched again from peers");
            self.store
                .repair(&id.0, &|id, bytes| {
                    blake3::hash(bytes).as_bytes() == id && !damaged.contains(id) && Op::decode_trusted(bytes).is_ok()
                })
                .map_err(store_error)?;
        }
        space.finish_loading(&self.store)?;
        Ok(space)
    }

    /// Has a workspace take in its log behind a row, the keys first; the ids of damaged rows.
    fn read_log(&self, space: &mut Workspace, after_row: i64) -> Result<BTreeSet<[u8; 32]>, ApiError> {
        let id = space.id();
        let learned = self.store.for_each_op(&id.0, after_row, |_, _, bytes| {
            if Op::may_share_keys(bytes)
                && let Ok(op) = Op::decode_trusted(bytes)
            {
                space.learn(&op);
            }
            true
        });
        learned.map_err(store_error)?;
        let mut damaged = BTreeSet::new();
        let loaded = self.store.for_each_op(&id.0, after_row, |_, op_id, bytes| {
            // The id is the hash of what was read.
            if !Op::decode_trusted(bytes).is_ok_and(|op| op.id.0 == op_id && space.load(&op)) {
                damaged.insert(op_id);
            }
            true
        });
        loaded.map_err(store_error)?;
        Ok(damaged)
    }

    fn add_room(&mut self, space: Workspace, row: WorkspaceRow) {
        let id = space.id();
        let presence = people::Room::new();
        let edits_today = people::Today::of(&space.replica, unix_ms());
        let room = Room {
            space,
            row,
            presence,
            topic: Topic(topic(&id)),
            heads_due: None,
            heads_told: Vec::new(),
            near_due: None,
            near: BTreeMap::new(),
            gathered: Batch::default(),
            commit_due: None,
            retry_at: None,
            commits: 0,
            carrier: 0,
            state_due: None,
            state_told: 0,
            edits_today,
            heard_heads: BTreeSet::new(),
            patience: patience::Patience::default(),
            title_stale: true,
            row_kept: 0,
            secrecy: Secrecy::default(),
            told_off: None,
            told_closed: None,
            scrub_from: None,
            scrub_due: 0,
            look: None,
            at_hand: None,
        };
        self.rooms.insert(id, room);
        self.command(NetCommand::Subscribe(Topic(topic(&id))));
    }

    /// Opens a workspace whose history is to come, under the name that is known of it; one that is open stays as it is.
    fn await_history(&mut self, id: &WorkspaceId, name: String) -> Result<(), ApiError> {
        if self.rooms.contains_key(id) {
            return Ok(());
        }
        let row = WorkspaceRow { name, state: WorkspaceState::Pending, ..WorkspaceRow::found_again(id.0, unix_ms()) };
        let space = Workspace::new(Replica::for_device(*id, &self.key), &self.key, random()?);
        self.add_room(space, row.clone());
        self.commit(id, vec![Write::Workspace(row)]);
        Ok(())
    }

    fn room(&mut self, id: &WorkspaceId) -> Result<&mut Room, ApiError> {
        self.rooms.get_mut(id).ok_or_else(|| ApiError::new("no_such_workspace", "there is no such workspace here"))
    }

    /// Runs `change` on a workspace and carries out what follows.
    fn with<T>(
        &mut self,
        id: &WorkspaceId,
        change: impl FnOnce(&mut Workspace, &Store, &DeviceKey, &mut Effects) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut effects = Effects::default();
        let room = self
            .rooms
            .get_mut(id)
            .ok_or_else(|| ApiError::new("no_such_workspace", "there is no such workspace here"))?;
        let result = change(&mut room.space, &self.store, &self.key, &mut effects);
        self.carry_out(id, effects);
        result
    }

    fn carry_out(&mut self, id: &WorkspaceId, effects: Effects) {
        let Effects { writes, publish, folded, folds, membership, profiles, keys, rebuilt, gone } = effects;
        let own = !publish.is_empty();
        let workspace = id.to_string();
        self.publish_ops(id, publish);
        let Some(room) = self.rooms.get_mut(id) else { return };
        if folds > 0 || rebuilt {
            room.row.updated_ms = unix_ms();
            room.edits_today.count(unix_ms(), folds);
            room.title_stale = true;
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
        if own || membership {
            self.commit(id, writes);
        } else if !writes.is_empty() {
            self.commit_soon(id, writes);
        }
        if own {
            self.post_soon(id);
        }
        if folds > 0 || rebuilt {
            let authors = folded.iter().map(ToString::to_string).collect();
            self.tell(Event::PipelineUpdated { workspace: workspace.clone(), ops: folds, authors });
            self.tell(Event::StateUpdated { workspace });
        }
        if membership {
            self.on_membership(id);
            // Only members are named as near, and only members are heeded.
            self.near_changed(id);
        }
        if membership || profiles {
            self.tell(Event::WorkspacesChanged {});
        }
        if membership || keys {
            self.tend_keys(id, own);
        }
    }

    /// Signs what is due by `now`.
    fn flush(&mut self, id: &WorkspaceId, now: u64) {
        let clock = self.now();
        // Flushing reports refusals to the window; there is nobody else to tell.
        let _ = self.with(id, |space, store, key, effects| {
            space.flush(store, key, now, clock, effects);
            Ok(())
        });
    }

    fn commit(&mut self, id: &WorkspaceId, writes: Vec<Write>) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let mut batch = Batch { writes: std::mem::take(&mut room.space.unsaved) };
        room.commits += 1;
        if !batch.writes.is_empty() {
            room.carrier = room.commits;
        }
        room.commit_due = None;
        batch.writes.append(&mut room.gathered.writes);
        batch.writes.extend(writes);
        let (workspace, number, ops) = (*id, room.commits, room.space.replica.len() as u32);
        let (sender, kept) = (self.stored.0.clone(), batch.clone());
        self.store.commit(batch, move |result| {
            let result = result.map_err(|e| (e, kept.writes));
            // An actor that is gone has nothing to tell anybody.
            let _ = sender.send(Stored { workspace, number, ops, result });
        });
    }

    /// Commits with what comes within a moment, unless something else is committed before.
    fn commit_soon(&mut self, id: &WorkspaceId, writes: Vec<Write>) {
        let now = self.now();
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.gathered.writes.extend(writes);
        room.commit_due.get_or_insert(now + COMMIT_AFTER_MS);
        if room.gathered.bytes() > MAX_GATHERED_BYTES {
            self.commit(id, Vec::new());
        }
    }

    /// Commits what has gathered.
    fn commit_gathered(&mut self, id: &WorkspaceId) {
        if self.rooms.get(id).is_some_and(|room| room.commit_due.is_some()) {
            self.commit(id, Vec::new());
        }
    }

    /// Waits until everything of a workspace is durable. A commit that failed before is tried once more.
    fn save(&mut self, id: &WorkspaceId) -> Result<(), ApiError> {
        self.commit_gathered(id);
        for _ in 0..2 {
            let flushed = self.store.flush();
            while let Ok(stored) = self.stored.1.try_recv() {
                self.on_stored(stored);
            }
            flushed.map_err(|e| ApiError::new("not_saved", e.to_string()))?;
            let room = self.room(id)?;
            if room.space.is_saved() {
                return Ok(());
            }
            if !room.space.unsaved.is_empty() {
                room.retry_at = None;
                self.commit(id, Vec::new());
            }
        }
        Err(ApiError::new("not_saved", "not saved on this computer; it is tried again by itself"))
    }

    /// How long after a commit the heads are announced.
    fn heads_after(&self) -> u64 {
        (HEADS_AFTER_MS * self.peers.len().max(1) as u64).min(MAX_HEADS_AFTER_MS)
    }

    fn on_stored(&mut self, stored: Stored) {
        let now = self.now();
        let heads_after = self.heads_after();
        let Some(room) = self.rooms.get_mut(&stored.workspace) else { return };
        match stored.result {
            Ok(proof) => {
                if room.space.unsaved.is_empty() && stored.number >= room.carrier {
                    room.space.committed(stored.ops, proof);
                }
                room.heads_due.get_or_insert(now + heads_after);
                self.answer_owed(&stored.workspace);
            }
            Err((error, writes)) => {
                tracing::error!(%error, "not saved");
                room.space.unsaved.splice(0..0, writes);
                room.retry_at = Some(now + RETRY_COMMIT_MS);
                let message = format!("Not saved on this computer: {error}");
                let workspace = Some(stored.workspace.to_string());
                self.tell(Event::Notice { code: "not_saved".into(), message, workspace });
            }
        }
        self.sync_state_changed(&stored.workspace);
    }

    fn on_tick(&mut self) {
        let now = self.now();
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let (due, heads, retry, state) = (room.space.next_due(), room.heads_due, room.retry_at, room.state_due);
            let near = room.near_due;
            let commit = room.commit_due;
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

    /// Keeps the list's row in step with the document's title.
    fn keep_row(&mut self, id: &WorkspaceId) {
        let now = self.now();
        let Some(room) = self.rooms.get_mut(id) else { return };
        if !room.title_stale {
            return;
        }
        let (name, description) = room.space.title();
        self.follow_named_mailboxes(id);
        let Some(room) = self.rooms.get_mut(id) else { return };
        let same = name.is_empty() || room.row.name == name && room.row.description == description;
        if same && now < room.row_kept + ROW_EVERY_MS {
            return;
        }
        (room.title_stale, room.row_kept) = (false, now);
        if !name.is_empty() && (room.row.name != name || room.row.description != description) {
            room.row.name = name;
            room.row.description = description;
            self.tell(Event::WorkspacesChanged {});
        }
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.is_shown() {
            room.note_looked();
        }
        let row = room.row.clone();
        self.commit(id, vec![Write::Workspace(row)]);
    }

    // ---- documents of windows

    fn open_document(&mut self, workspace: &str, sink: Box<dyn DocumentSink>) -> Result<(u32, u64, bool), ApiError> {
        let id = self.find(workspace)?;
        self.flush(&id, u64::MAX);
        let handle = self.next_document;
        self.next_document += 1;
        let seed = random()?;
        self.look_at(&id);
        let client = self.with(&id, |space, _, key, _| Ok(space.open_window(handle, key, seed, sink)))?;
        let writable = self.require(&id, Role::Editor).is_ok();
        self.documents.insert(handle, id);
        self.show_presence_to(&id);
        Ok((handle, client, writable))
    }

    fn push(&mut self, document: u32, update: &[u8]) -> Result<u64, ApiError> {
        let id = self.document(document)?;
        self.require(&id, Role::Editor)?;
        let (now, online) = (self.now(), self.has_company(&id));
        let number = self.with(&id, |space, _, _, _| space.push(document, update, now, online))?;
        self.on_tick();
        Ok(number)
    }

    fn close_document(&mut self, document: u32) {
        if let Some(id) = self.documents.remove(&document) {
            self.flush(&id, u64::MAX);
            self.end_presence(&id, document);
            self.look_at(&id);
            if let Some(room) = self.rooms.get_mut(&id) {
                room.space.close_window(document);
            }
        }
    }

    fn document(&self, document: u32) -> Result<WorkspaceId, ApiError> {
        let id = self.documents.get(&document).copied();
        id.ok_or_else(|| ApiError::new("no_document", "the document is closed"))
    }

    /// Refuses at the call what would be void everywhere.
    fn require(&mut self, id: &WorkspaceId, least: Role) -> Result<(), ApiError> {
        let me = self.me;
        let role = self.room(id)?.space.replica.role(&me);
        if self.room(id)?.row.state == WorkspaceState::Removed {
            let message =
                "you are no longer a member of this workspace; what you had stays, and can be saved as a file";
            return Err(ApiError::new("removed", message));
        }
        // Taking rights away stays possible: so are members removed who abuse version numbers (Rule R23).
        if let Some(version) = self.room(id)?.space.replica.newer_version().filter(|_| least == Role::Editor) {
            let error = AuthorError::Newer(version);
            return Err(ApiError::new(error.code(), error.to_string()));
        }
        if least == Role::Editor && self.room(id)?.is_closed() {
            return Err(ApiError::new(AuthorError::Closed.code(), AuthorError::Closed.to_string()));
        }
        if role >= least {
            if least == Role::Editor {
                // Whoever writes builds on what the log says.
                self.tend_look(id, true);
            }
            return Ok(());
        }
        if self.room(id)?.space.is_looked_at() {
            return Err(ApiError::new("arriving", "the history of this workspace is still coming in"));
        }
        let (has, needs) = (crate::workspace::role_name(role), crate::workspace::role_name(least));
        Err(ApiError::new("not_allowed", format!("this needs the role {needs}; yours here is {has}")))
    }

    // ---- sending

    /// Hands a command to the network; false when there is none or it does not keep up.
    fn command(&self, command: NetCommand) -> bool {
        let Some(net) = &self.net else { return false };
        let taken = net.send(command).is_ok();
        if !taken {
            tracing::warn!("the network does not keep up; a command was dropped, the next exchange of heads heals it");
        }
        taken
    }

    fn publish_ops(&self, id: &WorkspaceId, ops: Vec<Arc<[u8]>>) {
        let mut batch: Vec<Arc<[u8]>> = Vec::new();
        let mut bytes = 0;
        for op in ops {
            if op.len() + 64 > MAX_GOSSIP_BYTES {
                let id_of = OpId(*blake3::hash(&op).as_bytes());
                self.gossip(id, &Gossip::Announce(vec![id_of]));
                continue;
            }
            if bytes + op.len() + 64 > MAX_GOSSIP_BYTES {
                self.gossip(id, &Gossip::Ops(std::mem::take(&mut batch)));
                bytes = 0;
            }
            bytes += op.len() + 8;
            batch.push(op);
        }
        if !batch.is_empty() {
            self.gossip(id, &Gossip::Ops(batch));
        }
    }

    fn gossip(&self, id: &WorkspaceId, message: &Gossip) {
        let topic = self.rooms.get(id).map_or_else(|| Topic(topic(id)), |r| r.topic);
        self.command(NetCommand::Publish { topic, bytes: message.encode() });
    }

    fn note(&self, id: &WorkspaceId, content: NoteContent) {
        self.gossip(id, &Gossip::Note(Note::sign(id, content, &self.key)));
    }

    fn announce_heads(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.heads_due = None;
        let heads = room.space.replica.committed_heads();
        if room.row.state == WorkspaceState::Member && !heads.is_empty() && room.heads_told != heads {
            room.heads_told.clone_from(&heads);
            self.note(id, NoteContent::Heads(heads));
        }
    }

    /// Tells members whom this device hears directly. With one peer there is nobody to spare anything.
    fn announce_near(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.near_due = None;
        let replica = &room.space.replica;
        let members = self.peers.keys().filter(|d| replica.role(d) > Role::None);
        let near: Vec<DeviceId> = members.copied().take(MAX_NEAR).collect();
        if near.len() > 1 {
            self.note(id, NoteContent::Near(near));
        }
    }

    /// Has those connected announced soon.
    fn near_changed(&mut self, id: &WorkspaceId) {
        let now = self.now();
        if let Some(room) = self.rooms.get_mut(id) {
            room.near_due.get_or_insert(now + NEAR_AFTER_MS);
        }
    }

    /// Whether anybody watches events.
    fn is_watched(&self) -> bool {
        self.events.receiver_count() > 0
    }

    fn tell(&self, event: Event) {
        // Nobody watching is not an error.
        let _ = self.events.send(Arc::new(event));
    }

    fn tell_windows(&self, id: &WorkspaceId, message: &DocumentMessage) {
        if let Some(room) = self.rooms.get(id) {
            room.space.tell_windows(message);
        }
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

/// A database belongs to one device; its first engine writes down which.
fn check_identity(store: &Store, me: &DeviceId) -> Result<(), ApiError> {
    match store.setting("device").map_err(store_error)? {
        Some(recorded) if recorded == me.0 => Ok(()),
        Some(_) => Err(ApiError::new(
            "wrong_key",
            "this data folder belongs to another device key; open it with the key it was made with",
        )),
        None => {
            let write = Write::Setting { key: "device".into(), value: Some(me.0.to_vec()) };
            store.commit_wait(Batch::one(write)).map(|_| ()).map_err(store_error)
        }
    }
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
