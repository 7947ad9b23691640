//! One workspace inside the actor: its replica, its document, the sessions that write into it, and what is owed.
//!
//! The way of an edit: bytes from a window or from a verb are parsed by the gate and gathered; a flush judges them,
//! signs them as one op and takes it into the replica; what the replica says to fold goes into the document and to the
//! windows; the batch goes to the store. "Saved" waits for the commit, sending does not.
//!
//! Deliberately absent: the network and the store themselves; `Effects` says what the actor must hand to them.

mod colors;
mod folding;
mod intake;
mod lagging;
mod look;
mod snapshot;
mod views;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use omniscope_protocol::gate::Update;
use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::{LocalSession, Output, Replica};

use crate::api::ApiError;
use crate::doc::Document;
use crate::event::Shown;
use crate::store::{Committed, Store, Write};

pub(crate) use colors::{is_color, wished as wished_color};
pub(crate) use intake::Taken;
use lagging::Lagging;
pub(crate) use lagging::fold;
pub(crate) use look::{Coming, Settled, hashes};
pub(crate) use views::{Stated, nameless, role_name};
use writing::{OWN, Writer};

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
    /// Versions were named or renamed.
    pub(crate) versions: bool,
    /// Keys were shared.
    pub(crate) keys: bool,
    /// The document was rebuilt.
    pub(crate) rebuilt: bool,
    /// How many edits of whom count no more.
    pub(crate) gone: BTreeMap<DeviceId, usize>,
}

/// One open workspace.
pub(crate) struct Workspace {
    pub(crate) replica: Replica,
    document: Lagging,
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
            document: Lagging::new(document),
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

    /// Folds what windows were sent before somebody asks for it.
    pub(crate) fn catch_up(&mut self) {
        self.document.now();
    }

    /// The document with everything that counts.
    pub(crate) fn document(&mut self) -> &mut Document {
        self.document.now()
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
                    Some(update) => fold(self.document.now(), &update.encode()),
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
        self.document = Lagging::new(document);
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
        sink.send(DocumentMessage::State(self.document.now().state_update()));
        self.writers.insert(handle, Writer::new(session, Some(sink)));
        client
    }

    pub(crate) fn close_window(&mut self, handle: u32) {
        self.writers.remove(&handle);
    }

    pub(crate) fn windows(&self) -> impl Iterator<Item = u32> + '_ {
        self.writers.keys().copied().filter(|h| *h != OWN)
    }

    /// After a rebuild: all windows go on in new sessions.
    pub(crate) fn reset_windows(&mut self, key: &DeviceKey, reason: &str) {
        for handle in self.windows().collect::<Vec<_>>() {
            self.renew(handle, key);
            if let Some(Writer { sink: Some(sink), session, .. }) = self.writers.get(&handle) {
                sink.send(DocumentMessage::Reset { client: session.client(), reason: reason.to_owned() });
                sink.send(DocumentMessage::State(self.document.now().state_update()));
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
