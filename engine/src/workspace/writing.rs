//! Who writes into a workspace: each window, and the engine itself for verbs, in a session of their own.
//!
//! Edits gather for a moment; a flush judges them and signs them as one op, or as a group where they are too large for one. What
//! is refused takes its session along, and its window is reloaded. Deliberately absent: when a flush is due (the actor asks).

use omniscope_protocol::gate::Update;
use omniscope_protocol::identity::{DeviceId, DeviceKey, KeyId, OpId};
use omniscope_protocol::op::Part;
use omniscope_protocol::replica::{AuthorError, LocalSession, Output, Replica, Saying};

use super::lagging::Lagging;
use super::{DocumentMessage, DocumentSink, Effects, Workspace};
use crate::api::ApiError;
use crate::doc::Document;
use crate::store::Store;

/// Alone, edits gather this long.
const GATHER_ALONE_MS: u64 = 1000;
/// Bytes of edits gathered before they are signed at once.
const MAX_GATHERED_BYTES: usize = 128 * 1024;
/// Bytes of one edit's update, so that its op fits into gossip.
const MAX_PART_BYTES: usize = 40 * 1024;

/// The key under which verbs write.
pub(super) const OWN: u32 = 0;

/// A session that writes into the workspace: a window's, or the engine's own for verbs.
pub(super) struct Writer {
    pub(super) session: LocalSession,
    pub(super) gathered: Option<Update>,
    /// When the gathered edits are due, in milliseconds of the actor's clock.
    pub(super) due: u64,
    pub(super) last_signed: u64,
    pub(super) pushes: u64,
    pub(super) sink: Option<Box<dyn DocumentSink>>,
}

impl Writer {
    pub(super) fn new(session: LocalSession, sink: Option<Box<dyn DocumentSink>>) -> Self {
        Self { session, gathered: None, due: 0, last_signed: 0, pushes: 0, sink }
    }

    /// With peers online the first edit after a `pause` is due at once, and those within it share an op; alone, edits
    /// gather longer.
    fn gather(&mut self, update: Update, now: u64, pause: Option<u64>) {
        match &mut self.gathered {
            Some(gathered) => gathered.append(update),
            none => {
                self.due = pause.map_or(now + GATHER_ALONE_MS, |pause| now.max(self.last_signed + pause));
                *none = Some(update);
            }
        }
        if self.gathered.as_ref().is_some_and(|g| g.encoded_len() > MAX_GATHERED_BYTES) {
            self.due = now;
        }
    }
}

impl Workspace {
    /// Takes bytes that a window made. They are gathered, with peers online for a `pause`; the number counts this window's
    /// pushes.
    pub(crate) fn push(&mut self, handle: u32, bytes: &[u8], now: u64, pause: Option<u64>) -> Result<u64, ApiError> {
        let update = Update::parse(bytes).map_err(|e| ApiError::new(e.code(), e.to_string()))?;
        let writer =
            self.writers.get_mut(&handle).ok_or_else(|| ApiError::new("no_document", "the document is closed"))?;
        writer.gather(update, now, pause);
        writer.pushes += 1;
        Ok(writer.pushes)
    }

    /// Takes an edit that was made on the engine's own document: all of its updates, or none.
    pub(crate) fn push_own(&mut self, updates: &[Vec<u8>], now: u64, pause: Option<u64>) -> Result<(), ApiError> {
        let parse = |bytes: &Vec<u8>| Update::parse(bytes).map_err(|e| ApiError::new(e.code(), e.to_string()));
        let updates: Vec<Update> = updates.iter().filter(|u| !u.is_empty()).map(parse).collect::<Result<_, _>>()?;
        let Some(own) = self.writers.get_mut(&OWN) else { unreachable!("the engine's own writer is never closed") };
        for update in updates {
            own.gather(update, now, pause);
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
            sink.send(DocumentMessage::State(self.document.now().state_update()));
        }
    }

    pub(super) fn renew(&mut self, handle: u32, key: &DeviceKey) {
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
                self.document = Lagging::new(Document::new(writer.session.client()));
            }
        }
    }
}
