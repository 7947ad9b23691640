//! One workspace inside the actor: its replica, its document, the sessions that write into it, and what is owed.
//!
//! The way of an edit: bytes from a window or from a verb are parsed by the gate and gathered; a flush judges them,
//! signs them as one op and takes it into the replica; what the replica says to fold goes into the document and to the
//! windows; the batch goes to the store. "Saved" waits for the commit, sending does not.
//!
//! Deliberately absent: the network and the store themselves; `Effects` says what the actor must hand to them.

mod colors;
mod intake;
mod look;
mod snapshot;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use omniscope_protocol::gate::Update;
use omniscope_protocol::identity::{DeviceId, DeviceKey, KeyId, OpId, WorkspaceId};
use omniscope_protocol::op::{Body, Op, Part};
use omniscope_protocol::replica::{AuthorError, LocalSession, Output, Replica, Saying};

use crate::api::ApiError;
use crate::doc::Document;
use crate::event::Shown;
use crate::store::{Committed, Store, Write};

pub(crate) use colors::{is_color, wished as wished_color};
pub(crate) use intake::Taken;
pub(crate) use look::{Coming, Settled, hashes};
pub(crate) use views::{Stated, nameless, role_name};

/// With peers online, edits that follow one within this span share an op.
pub(crate) const GATHER_ONLINE_MS: u64 = 30;
/// Alone, edits gather this long.
pub(crate) const GATHER_ALONE_MS: u64 = 1000;
/// Bytes of edits gathered before they are signed at once.
const MAX_GATHERED_BYTES: usize = 128 * 1024;
/// Bytes of one edit's update, so that its op fits into gossip.
const MAX_PART_BYTES: usize = 40 * 1024;
/// Ops whose bytes are kept at hand for peers that are about to ask.
const MAX_RECENT_OPS: usize = 512;

/// Receives what a window must know about its document. Called on the actor's thread; must not block.
pub trait DocumentSink: Send {
    /// Hands over one message; false when nobody listens any more.
    fn send(&self, message: DocumentMessage) -> bool;
}

/// What a window is told about its document.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentMessage {
    /// The whole state as a v1 update.
    State(Vec<u8>),
    /// A remote change as a v1 update.
    Update(Vec<u8>),
    /// The document was replaced: open a new one with this client id; `State` follows.
    Reset { client: u64, reason: String },
    /// So many of this document's pushes are durable.
    Saved(u64),
    /// A presence entry of somebody changed.
    Awareness(Shown),
    /// A push was refused and is not part of the document.
    Refused { code: String, message: String },
}

/// A session that writes into the workspace: a window's, or the engine's own for verbs.
pub(crate) struct Writer {
    session: LocalSession,
    gathered: Option<Update>,
    /// When the gathered edits are due, in milliseconds of the actor's clock.
    due: u64,
    last_signed: u64,
    pushes: u64,
    sink: Option<Box<dyn DocumentSink>>,
}

/// What the actor must do after a workspace changed.
#[derive(Default)]
pub(crate) struct Effects {
    /// Rows to commit together.
    pub(crate) writes: Vec<Write>,
    /// Ops of this device, to be published.
    pub(crate) publish: Vec<Arc<[u8]>>,
    /// Whose edits were folded.
    pub(crate) folded: BTreeSet<DeviceId>,
    /// How many ops were folded.
    pub(crate) folds: usize,
    pub(crate) membership: bool,
    pub(crate) profiles: bool,
    /// Keys were shared.
    pub(crate) keys: bool,
    /// The document was rebuilt.
    pub(crate) rebuilt: bool,
    /// How many edits of whom count no more.
    pub(crate) gone: BTreeMap<DeviceId, usize>,
}

/// The key under which verbs write.
const OWN: u32 = 0;

/// One open workspace.
pub(crate) struct Workspace {
    pub(crate) replica: Replica,
    pub(crate) document: Document,
    writers: BTreeMap<u32, Writer>,
    recent: BTreeMap<OpId, Arc<[u8]>>,
    recent_order: std::collections::VecDeque<OpId>,
    pub(crate) stated: Stated,
    /// Whether the last commit failed; nothing is called saved until one goes through.
    pub(crate) unsaved: Vec<Write>,
    /// Why an edit of a verb, which had been answered, was dropped before it was signed; to be told once.
    pub(crate) dropped: Option<String>,
    /// Pushes by writer that wait for the commit of the first n ops.
    owed: Vec<(u32, u32, u64)>,
    /// While loading: edits that were read and not folded yet.
    unfolded: BTreeMap<OpId, Update>,
    /// While loading: what was folded so far is not what counts.
    misfolded: bool,
    /// While loading: a key came in after what it opens.
    locked_out: bool,
    /// How many ops the last snapshot rests on, and whether any is to be written.
    snapshot_at: usize,
    pub(crate) snapshots: bool,
    /// What is shown in the document's place until the history is there.
    look: Option<look::Shown>,
}

impl Workspace {
    /// An open workspace around a replica whose ops were loaded or are to come.
    pub(crate) fn new(replica: Replica, key: &DeviceKey, seed: [u8; 32]) -> Self {
        let session = LocalSession::new(&replica.workspace(), key, seed);
        let document = Document::new(session.client());
        let own = Writer::new(session, None);
        Self {
            replica,
            document,
            writers: BTreeMap::from([(OWN, own)]),
            recent: BTreeMap::new(),
            recent_order: std::collections::VecDeque::new(),
            stated: Stated::default(),
            unsaved: Vec::new(),
            dropped: None,
            owed: Vec::new(),
            unfolded: BTreeMap::new(),
            misfolded: false,
            locked_out: false,
            snapshot_at: 0,
            snapshots: true,
            look: None,
        }
    }

    pub(crate) fn id(&self) -> WorkspaceId {
        self.replica.workspace()
    }

    /// Takes in an op of the log, in the log's order, and folds it if it counts as far as the log tells by then. False
    /// if it is damaged or its past is gone.
    pub(crate) fn load(&mut self, op: &Op) -> bool {
        let mut out = Vec::new();
        if self.replica.load(op, &mut out).is_err() {
            return false;
        }
        if let Some(update) = self.replica.take_update(&op.id) {
            self.unfolded.insert(op.id, update);
        }
        for output in out {
            match output {
                Output::Fold(id) => match self.unfolded.remove(&id).or_else(|| self.replica.take_update(&id)) {
                    Some(update) => fold(&mut self.document, &update.encode()),
                    None => self.misfolded = true,
                },
                Output::Rebuild(_) => self.misfolded = true,
                Output::Reopen => self.locked_out = true,
                _ => {}
            }
        }
        true
    }

    /// Before ops of a log are loaded: takes the keys out of them that they hold for this device.
    pub(crate) fn learn(&mut self, op: &Op) {
        if let Body::KeyShare(share) = &op.body {
            self.replica.learn(&op.author, share);
            self.locked_out |= self.replica.is_unlocked();
        }
    }

    /// After the last op of the log: the document is what counts.
    pub(crate) fn finish_loading(&mut self, store: &Store) -> Result<(), ApiError> {
        self.unfolded.clear();
        let locked_out = std::mem::take(&mut self.locked_out);
        if locked_out {
            self.reopen(store);
        }
        if std::mem::take(&mut self.misfolded) || locked_out {
            return self.rebuild(store);
        }
        self.recolor();
        Ok(())
    }

    /// Folds everything that is accepted, from the store, and what is not signed yet. After voids.
    pub(crate) fn rebuild(&mut self, store: &Store) -> Result<(), ApiError> {
        let mut document = Document::new(self.document.client_id());
        for update in self.updates(store, &self.replica.fold_order())? {
            fold(&mut document, &update);
        }
        self.document = document;
        self.fold_gathered();
        self.stated.meta = None;
        self.recolor();
        Ok(())
    }

    /// The document as it was when a version was named.
    pub(crate) fn at_version(&self, store: &Store, version: &OpId) -> Result<Document, ApiError> {
        let mut document = Document::new(1);
        self.fold_into(&mut document, store, &self.replica.fold_order_at(version))?;
        Ok(document)
    }

    /// The document as this device wrote it last, also where that does not count any more.
    pub(crate) fn as_written(&self, store: &Store, me: &DeviceId) -> Result<Document, ApiError> {
        let mut document = Document::new(1);
        self.fold_into(&mut document, store, &self.replica.fold_order_as_written(me))?;
        Ok(document)
    }

    /// Folds ops of the log, given in an order in which they can be folded, into a document of the caller's.
    pub(crate) fn fold_into(&self, document: &mut Document, store: &Store, ids: &[OpId]) -> Result<(), ApiError> {
        for update in self.updates(store, ids)? {
            fold(document, &update);
        }
        Ok(())
    }

    /// The opened updates of edits, in the order of `ids`.
    ///
    /// # Errors
    /// `log_damaged` if one of them cannot be read.
    pub(crate) fn updates(&self, store: &Store, ids: &[OpId]) -> Result<Vec<Vec<u8>>, ApiError> {
        let mut updates = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(1024) {
            for bytes in self.op_bytes(store, chunk) {
                let op = Op::decode_trusted(&bytes).ok().filter(|op| matches!(op.body, Body::Edit { .. }));
                updates.extend(op.and_then(|op| self.replica.open(&op)));
            }
        }
        if updates.len() < ids.len() {
            return Err(ApiError::new("log_damaged", "some ops cannot be read from this computer's database"));
        }
        Ok(updates)
    }

    /// The bytes of ops, as far as they are at hand or stored.
    pub(crate) fn op_bytes(&self, store: &Store, ids: &[OpId]) -> Vec<Arc<[u8]>> {
        let stored: Vec<[u8; 32]> = ids.iter().filter(|id| !self.recent.contains_key(id)).map(|id| id.0).collect();
        let mut stored = match store.ops_by_id(&self.id().0, &stored) {
            Ok(rows) => rows.into_iter(),
            Err(error) => {
                tracing::error!(%error, "ops cannot be read");
                Vec::new().into_iter()
            }
        };
        let bytes = ids.iter().filter_map(|id| match self.recent.get(id) {
            Some(bytes) => Some(Arc::clone(bytes)),
            None => stored.next().flatten().map(Arc::from),
        });
        bytes.collect()
    }

    fn remember(&mut self, op: &Op) {
        if self.recent.insert(op.id, Arc::clone(&op.bytes)).is_none() {
            self.recent_order.push_back(op.id);
        }
    }

    /// Forgets bytes of ops that are committed and not recent.
    pub(crate) fn trim_recent(&mut self) {
        while self.replica.all_committed() && self.recent_order.len() > MAX_RECENT_OPS {
            if let Some(id) = self.recent_order.pop_front() {
                self.recent.remove(&id);
            }
        }
    }

    // ---- writing

    /// Opens a session for a window and hands it the state.
    pub(crate) fn open_window(
        &mut self,
        handle: u32,
        key: &DeviceKey,
        seed: [u8; 32],
        sink: Box<dyn DocumentSink>,
    ) -> u64 {
        let session = LocalSession::new(&self.id(), key, seed);
        let client = session.client();
        sink.send(DocumentMessage::State(self.document.state_update()));
        self.writers.insert(handle, Writer::new(session, Some(sink)));
        client
    }

    pub(crate) fn close_window(&mut self, handle: u32) {
        self.writers.remove(&handle);
    }

    pub(crate) fn windows(&self) -> impl Iterator<Item = u32> + '_ {
        self.writers.keys().copied().filter(|h| *h != OWN)
    }

    /// Takes bytes that a window made. They are gathered; the number counts this window's pushes.
    pub(crate) fn push(&mut self, handle: u32, bytes: &[u8], now: u64, online: bool) -> Result<u64, ApiError> {
        let update = Update::parse(bytes).map_err(|e| ApiError::new(e.code(), e.to_string()))?;
        let writer =
            self.writers.get_mut(&handle).ok_or_else(|| ApiError::new("no_document", "the document is closed"))?;
        writer.gather(update, now, online);
        writer.pushes += 1;
        Ok(writer.pushes)
    }

    /// Takes an edit that was made on the engine's own document: all of its updates, or none.
    pub(crate) fn push_own(&mut self, updates: &[Vec<u8>], now: u64, online: bool) -> Result<(), ApiError> {
        let parse = |bytes: &Vec<u8>| Update::parse(bytes).map_err(|e| ApiError::new(e.code(), e.to_string()));
        let updates: Vec<Update> = updates.iter().filter(|u| !u.is_empty()).map(parse).collect::<Result<_, _>>()?;
        let Some(own) = self.writers.get_mut(&OWN) else { unreachable!("the engine's own writer is never closed") };
        for update in updates {
            own.gather(update, now, online);
            own.pushes += 1;
        }
        Ok(())
    }

    /// Takes back an edit that stands in the engine's own document and was not gathered. What was gathered before is
    /// signed first.
    pub(crate) fn take_back_own(&mut self, store: &Store, key: &DeviceKey, clock: u64, effects: &mut Effects) {
        self.flush(store, key, u64::MAX, clock, effects);
        self.renew(OWN, key);
        if let Err(error) = self.rebuild(store) {
            tracing::error!(%error, "the document cannot be rebuilt");
        }
    }

    /// When the next gathered edits are due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.writers.values().filter(|w| w.gathered.is_some()).map(|w| w.due).min()
    }

    /// Signs what is due by `now`; everything if `now` is `u64::MAX`.
    pub(crate) fn flush(&mut self, store: &Store, key: &DeviceKey, now: u64, clock: u64, effects: &mut Effects) {
        let due: Vec<u32> =
            self.writers.iter().filter(|(_, w)| w.gathered.is_some() && w.due <= now).map(|(h, _)| *h).collect();
        for handle in due {
            self.sign_gathered(handle, store, key, clock, effects);
        }
    }

    fn sign_gathered(&mut self, handle: u32, store: &Store, key: &DeviceKey, clock: u64, effects: &mut Effects) {
        let Some(writer) = self.writers.get_mut(&handle) else { return };
        let Some(update) = writer.gathered.take() else { return };
        writer.last_signed = clock;
        let mut session = writer.session.clone();
        if let Err(refusal) = self.replica.check_own(&session, &update) {
            self.refuse(handle, refusal.code(), &refusal.to_string(), store, key);
            return;
        }
        let parts = if update.encoded_len() > MAX_PART_BYTES { update.split(MAX_PART_BYTES) } else { vec![update] };
        let count = parts.len() as u16;
        let mut out = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            let part_of = Part { index: index as u16, count };
            let body = Saying::Edit { adopts: Vec::new(), part: part_of, update: part.encode() };
            if let Err(error) = self.replica.author(key, &mut session, body, crate::actor::now_ms(), &mut out) {
                self.carry_out(&out, Some(handle), store, effects);
                self.refuse(handle, error.code(), &error.to_string(), store, key);
                return;
            }
        }
        if let Some(writer) = self.writers.get_mut(&handle) {
            writer.session = session;
            self.owed.push((self.replica.len() as u32, handle, writer.pushes));
        }
        self.carry_out(&out, Some(handle), store, effects);
    }

    /// Signs an op of the engine's own session that is no edit.
    pub(crate) fn say(
        &mut self,
        saying: Saying,
        store: &Store,
        key: &DeviceKey,
        effects: &mut Effects,
    ) -> Result<OpId, ApiError> {
        self.sign_own(store, key, effects, |replica, session, out| {
            replica.author(key, session, saying.clone(), crate::actor::now_ms(), out)
        })
    }

    /// Gives the key to members who lack it, and begins an epoch where no key is left or `afresh` asks for it.
    pub(crate) fn share_keys(
        &mut self,
        afresh: bool,
        store: &Store,
        key: &DeviceKey,
        effects: &mut Effects,
    ) -> Result<(), ApiError> {
        self.sign_own(store, key, effects, |replica, session, out| {
            replica.share_keys(key, session, afresh, crate::actor::now_ms(), out)
        })
    }

    /// Seals a key to a member once more.
    pub(crate) fn share_again(
        &mut self,
        key: &KeyId,
        to: &DeviceId,
        store: &Store,
        own: &DeviceKey,
        effects: &mut Effects,
    ) -> Result<(), ApiError> {
        self.sign_own(store, own, effects, |replica, session, out| {
            replica.share_again(own, session, key, to, crate::actor::now_ms(), out)
        })
    }

    fn sign_own<T>(
        &mut self,
        store: &Store,
        key: &DeviceKey,
        effects: &mut Effects,
        sign: impl Fn(&mut Replica, &mut LocalSession, &mut Vec<Output>) -> Result<T, AuthorError>,
    ) -> Result<T, ApiError> {
        let mut out = Vec::new();
        let mut own = |space: &mut Self| {
            let Some(own) = space.writers.get_mut(&OWN) else {
                unreachable!("the engine's own writer is never closed")
            };
            sign(&mut space.replica, &mut own.session, &mut out)
        };
        let mut result = own(self);
        if matches!(result, Err(AuthorError::SessionOver)) {
            self.renew(OWN, key);
            result = own(self);
        }
        self.carry_out(&out, Some(OWN), store, effects);
        result.map_err(|e| ApiError::new(e.code(), e.to_string()))
    }

    /// A session that cannot go on is replaced; its window reloads from what counts.
    fn refuse(&mut self, handle: u32, code: &str, message: &str, store: &Store, key: &DeviceKey) {
        tracing::warn!(code, message, "an edit of this device was refused");
        if handle == OWN {
            self.dropped = Some(message.to_owned());
        }
        self.renew(handle, key);
        if let Err(error) = self.rebuild(store) {
            tracing::error!(%error, "the document cannot be rebuilt");
        }
        if let Some(Writer { sink: Some(sink), session, .. }) = self.writers.get(&handle) {
            sink.send(DocumentMessage::Refused { code: code.to_owned(), message: message.to_owned() });
            sink.send(DocumentMessage::Reset { client: session.client(), reason: message.to_owned() });
            sink.send(DocumentMessage::State(self.document.state_update()));
        }
    }

    fn renew(&mut self, handle: u32, key: &DeviceKey) {
        let mut seed = [0; 32];
        // Without randomness no session may open: two from one seed would be a fork.
        if getrandom::fill(&mut seed).is_err() {
            return;
        }
        let workspace = self.id();
        if let Some(writer) = self.writers.get_mut(&handle) {
            writer.session = LocalSession::new(&workspace, key, seed);
            writer.gathered = None;
            if handle == OWN {
                self.document = Document::new(writer.session.client());
            }
        }
    }

    // ---- folding

    /// Takes in foreign ops and carries out what follows.
    pub(crate) fn carry_out(&mut self, out: &[Output], from: Option<u32>, store: &Store, effects: &mut Effects) {
        let looked_at = self.is_looked_at();
        let (mut rebuild, mut unlocked) = (false, false);
        let mut last = None;
        for output in out {
            match output {
                Output::Persist(op) => {
                    self.remember(op);
                    last = Some(op);
                    effects.keys |= matches!(op.body, Body::KeyShare(_));
                    if from.is_some() {
                        effects.publish.push(Arc::clone(&op.bytes));
                    }
                    let (workspace, id) = (self.id().0, op.id.0);
                    effects.writes.push(Write::Op { workspace, id, bytes: Arc::clone(&op.bytes) });
                }
                Output::Fold(id) if !rebuild && !looked_at => {
                    let known = last.filter(|op| op.id == *id);
                    if let Some(author) = self.fold_op(id, known, from, store) {
                        effects.folded.insert(author);
                        effects.folds += 1;
                    }
                }
                Output::Rebuild(gone) => {
                    rebuild = true;
                    for author in gone.iter().filter_map(|id| self.replica.author_of(id)) {
                        *effects.gone.entry(author).or_default() += 1;
                    }
                }
                Output::Reopen => unlocked = true,
                Output::MembershipChanged => effects.membership = true,
                Output::ProfileChanged(_) => effects.profiles = true,
                Output::Fold(_) | Output::VersionNamed(_) => {}
            }
        }
        if unlocked && looked_at {
            self.reopen(store);
            effects.profiles = true;
        } else if unlocked {
            rebuild |= !self.unlock(rebuild, store, effects);
        }
        if effects.membership || effects.profiles {
            self.recolor();
        }
        if rebuild && !looked_at {
            effects.rebuilt = true;
            self.reset_all(store);
        }
    }

    /// Reads what keys opened. False if what was folded so far does not stand in what counts now.
    fn unlock(&mut self, rebuild: bool, store: &Store, effects: &mut Effects) -> bool {
        let before: BTreeSet<OpId> = self.replica.fold_order().into_iter().collect();
        self.reopen(store);
        effects.profiles = true;
        let after = self.replica.fold_order();
        let added: Vec<OpId> = after.iter().filter(|id| !before.contains(id)).copied().collect();
        if rebuild || added.len() + before.len() != after.len() {
            return false;
        }
        for id in added {
            if let Some(author) = self.fold_op(&id, None, None, store) {
                effects.folded.insert(author);
                effects.folds += 1;
            }
        }
        true
    }

    /// Has the replica read the log once more. What it says to fold is in its fold order.
    fn reopen(&mut self, store: &Store) {
        let (recent, workspace) = (&self.recent, self.replica.workspace());
        let fetch = |id: &OpId| match recent.get(id) {
            Some(bytes) => Op::decode_trusted(bytes).ok(),
            None => {
                let stored = store.ops_by_id(&workspace.0, std::slice::from_ref(&id.0)).ok()?;
                Op::decode_trusted(&stored.into_iter().next().flatten()?).ok()
            }
        };
        self.replica.reopen(fetch, &mut Vec::new());
    }

    fn fold_op(&mut self, id: &OpId, known: Option<&Op>, from: Option<u32>, store: &Store) -> Option<DeviceId> {
        let update = match (self.replica.take_update(id), known) {
            (Some(update), _) => update,
            (None, Some(op)) => Update::parse(&self.replica.open(op)?).ok()?,
            (None, None) => {
                let op = Op::decode_trusted(&self.op_bytes(store, &[*id]).pop()?).ok()?;
                Update::parse(&self.replica.open(&op)?).ok()?
            }
        };
        // The document and the windows get what the gate wrote, never what it read. People first.
        let update = update.encode();
        self.writers.retain(|handle, writer| {
            let listens = Some(*handle) != from && *handle != OWN;
            let sent = !listens || writer.sink.as_ref().is_none_or(|s| s.send(DocumentMessage::Update(update.clone())));
            sent || *handle == OWN
        });
        if from != Some(OWN) {
            fold(&mut self.document, &update);
        }
        self.stated.meta = None;
        self.replica.author_of(id)
    }

    /// Replaces the document by what counts now; windows go on in new sessions (`reset_windows`).
    fn reset_all(&mut self, store: &Store) {
        if let Err(error) = self.rebuild(store) {
            tracing::error!(%error, "the document cannot be rebuilt");
        }
    }

    /// Puts into a document that was just rebuilt what the engine's own verbs did and nobody signed yet. It goes only if
    /// it builds on what counts no more.
    fn fold_gathered(&mut self) {
        let Some(own) = self.writers.get_mut(&OWN) else { return };
        let Some(gathered) = &own.gathered else { return };
        match self.replica.check_own(&own.session, gathered) {
            Ok(()) => fold(&mut self.document, &gathered.encode()),
            Err(refusal) => {
                tracing::warn!(%refusal, "an edit that was not signed yet builds on what counts no more");
                own.gathered = None;
                self.dropped = Some(refusal.to_string());
            }
        }
    }

    /// After a rebuild: all windows go on in new sessions.
    pub(crate) fn reset_windows(&mut self, key: &DeviceKey, reason: &str) {
        for handle in self.windows().collect::<Vec<_>>() {
            self.renew(handle, key);
            if let Some(Writer { sink: Some(sink), session, .. }) = self.writers.get(&handle) {
                sink.send(DocumentMessage::Reset { client: session.client(), reason: reason.to_owned() });
                sink.send(DocumentMessage::State(self.document.state_update()));
            }
        }
    }

    /// Hands a presence entry to the windows.
    pub(crate) fn tell_windows(&self, message: &DocumentMessage) {
        for sink in self.writers.values().filter_map(|w| w.sink.as_ref()) {
            sink.send(message.clone());
        }
    }

    /// Notes a commit of the first `count` ops and tells windows what is durable: the only place that says so, and it
    /// takes the proof.
    pub(crate) fn committed(&mut self, count: u32, _: Committed) {
        self.replica.note_committed(count);
        let (done, waiting): (Vec<_>, Vec<_>) = self.owed.drain(..).partition(|(n, _, _)| *n <= count);
        self.owed = waiting;
        for (_, handle, pushes) in done {
            if let Some(sink) = self.writers.get(&handle).and_then(|w| w.sink.as_ref()) {
                sink.send(DocumentMessage::Saved(pushes));
            }
        }
        self.trim_recent();
    }

    /// Whether everything that was ever pushed is durable.
    pub(crate) fn is_saved(&self) -> bool {
        self.unsaved.is_empty() && self.replica.all_committed() && self.writers.values().all(|w| w.gathered.is_none())
    }
}

impl Writer {
    fn new(session: LocalSession, sink: Option<Box<dyn DocumentSink>>) -> Self {
        Self { session, gathered: None, due: 0, last_signed: 0, pushes: 0, sink }
    }

    /// With peers online the first edit after a pause is due at once; alone, edits gather longer.
    fn gather(&mut self, update: Update, now: u64, online: bool) {
        match &mut self.gathered {
            Some(gathered) => gathered.append(update),
            none => {
                let span = if online { GATHER_ONLINE_MS } else { GATHER_ALONE_MS };
                self.due = if online { (self.last_signed + span).max(now) } else { now + span };
                *none = Some(update);
            }
        }
        if self.gathered.as_ref().is_some_and(|g| g.encoded_len() > MAX_GATHERED_BYTES) {
            self.due = now;
        }
    }
}

pub(crate) fn fold(document: &mut Document, update: &[u8]) {
    if let Err(error) = document.apply(update) {
        // The gate and the replica let only what fits through, so this is a defect; the log stays the truth.
        tracing::error!(%error, "an accepted edit does not fit the document");
    }
}
