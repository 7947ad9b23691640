//! Workspaces that are not in memory, but for the end of their logs: memory goes by what is in use, not by what is kept.
//!
//! A log leaves memory when nothing happened in its workspace for a while, or when nobody needed more of it than its end.
//! Who goes on where it ends, and who lacks only some of its end, is served by that (`Tail`); for anything else it is read
//! again. Deliberately absent: the reading, which takes as long as the log is long and is done beside the relay's task; who
//! asks waits for it, others do not.

use std::collections::BTreeSet;
use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::{Tail, Unsure};
use omniscope_protocol::wire::{MAX_HEADS, Refusal, Request, Response};

use super::ledger::{Commit, Ledger, Owed};
use super::room::read_ops;
use super::{Action, MAX_OWED, Mailbox, Room, Ticket};
use crate::store::{Store, StoreError, WorkspaceRow, Write};

/// Ops that are held of a workspace in use.
pub(super) const WINDOW: usize = 1024;
/// Ops that are held where nothing happens.
const IDLE_WINDOW: usize = 8;
/// Shorter logs stay in memory while their workspaces are in use: their ends would take as much.
const MIN_OPS: usize = 2 * WINDOW;

/// A workspace that is not in memory.
pub(super) struct Asleep {
    pub(super) row: WorkspaceRow,
    pub(super) members: BTreeSet<DeviceId>,
    pub(super) bytes: u64,
    pub(super) tail: Tail,
    pub(super) ledger: Ledger,
    touched_ms: u64,
    /// It is being read: what comes in now is not to be missed by that.
    waking: bool,
}

/// Whether whoever asks holds just what is kept here.
pub(super) fn is_in_step(request: &Request, kept: &BTreeSet<OpId>) -> bool {
    // Of more heads than can be named nobody knows whether they are the same.
    let same = |heads: &[OpId]| heads.len() == kept.len() && heads.iter().all(|head| kept.contains(head));
    kept.len() < MAX_HEADS && matches!(request, Request::Sync { heads, .. } if same(heads))
}

impl Asleep {
    fn of(room: Room, window: usize) -> Self {
        let tail = room.replica.tail(window);
        let (touched_ms, waking) = (room.touched_ms, false);
        Self { row: room.row, members: room.members, bytes: room.bytes, tail, ledger: room.ledger, touched_ms, waking }
    }

    /// Takes in ops that follow the end of the log; what is to be written. Of what does not follow nothing is taken in.
    fn take(&mut self, ops: &[Arc<[u8]>]) -> Result<Vec<Write>, Unsure> {
        let (len, mut writes, mut more) = (self.tail.len(), Vec::new(), 0);
        for bytes in ops {
            if self.tail.knows(&OpId(*blake3::hash(bytes).as_bytes())) {
                continue;
            }
            let op = match Op::decode(bytes) {
                Ok(op) => op,
                Err(error) => {
                    tracing::debug!(%error, "an op was refused");
                    continue;
                }
            };
            match self.tail.take(&op) {
                Ok(false) => {}
                Ok(true) => {
                    more += op.bytes.len() as u64;
                    writes.push(Write::Op { workspace: self.row.id, id: op.id.0, bytes: op.bytes });
                }
                Err(unsure) => {
                    self.tail.take_back(len);
                    return Err(unsure);
                }
            }
        }
        self.bytes += more;
        Ok(writes)
    }

    /// A commit went well. Says how many answers that gave.
    pub(super) fn on_committed(&mut self, commit: &Commit, out: &mut Vec<Action>) -> usize {
        self.ledger.on_committed(commit);
        self.tail.note_committed(commit.ops);
        self.tail.trim(WINDOW);
        self.ledger.answer(|| self.tail.committed_heads(), out)
    }

    fn read(&self, store: &Store, ids: &[OpId]) -> Vec<Arc<[u8]>> {
        let ids: Vec<[u8; 32]> = ids.iter().map(|id| id.0).collect();
        read_ops(store, &self.row.id, &ids)
    }
}

/// What reads a workspace again.
pub(crate) struct Waking {
    row: WorkspaceRow,
    generation: u64,
}

/// A workspace that was read again, or could not be.
pub(crate) struct Woken(WorkspaceId, Result<Room, StoreError>);

impl Waking {
    /// Reads the log, with all that was to be committed before. It takes its time.
    pub(crate) fn read(self, store: &Store) -> Woken {
        let id = WorkspaceId(self.row.id);
        Woken(id, store.commit_wait(Vec::new()).and_then(|()| Room::load(self.row, store, self.generation)))
    }
}

impl Woken {
    pub(crate) fn workspace(&self) -> WorkspaceId {
        self.0
    }
}

impl Mailbox {
    /// Puts out of memory the workspaces of which nobody asked since `idle_ms` for more than whether it is in step, and those
    /// of which nobody needed more than the end since `needed_ms`.
    pub(crate) fn rest(&mut self, idle_ms: u64, needed_ms: u64) {
        let idle = |room: &Room| room.touched_ms < idle_ms;
        let unneeded =
            |room: &Room| room.needed_ms < needed_ms && room.len() >= MIN_OPS && room.replica.has_plain_end();
        let due = self.rooms.iter().filter(|(_, room)| room.is_quiet() && (idle(room) || unneeded(room)));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(room) = self.rooms.remove(&id) else { continue };
            tracing::debug!(ops = room.len(), "a workspace leaves memory");
            let window = if idle(&room) { IDLE_WINDOW } else { WINDOW };
            self.asleep.insert(id, Asleep::of(room, window));
        }
        for asleep in self.asleep.values_mut().filter(|asleep| asleep.touched_ms < idle_ms) {
            asleep.tail.trim(IDLE_WINDOW);
        }
    }

    /// Answers at once a member who is in step with a workspace that is not in memory.
    pub(crate) fn answer_in_step(
        &mut self,
        from: &DeviceId,
        ticket: Ticket,
        request: &Request,
        now_ms: u64,
        out: &mut Vec<Action>,
    ) -> bool {
        let id = request.workspace();
        let Some(asleep) = self.asleep.get(&id) else { return false };
        let heads = asleep.tail.committed_heads();
        let served = !self.blocked.contains(from) && asleep.members.contains(from);
        if !served || !is_in_step(request, &heads.iter().copied().collect()) {
            return false;
        }
        out.push(Action::Respond(ticket, Response::Sync { ops: Vec::new(), heads, more: false }));
        self.note_use(&id, now_ms, out);
        true
    }

    /// Judges one request about a workspace that is asleep by the end of its log. False, and nothing is done, where the whole
    /// log is needed.
    pub(crate) fn handle_asleep(
        &mut self,
        from: DeviceId,
        ticket: Ticket,
        request: &Request,
        now_ms: u64,
        store: &Store,
        out: &mut Vec<Action>,
    ) -> bool {
        let (id, owed, limits) = (request.workspace(), self.owed, self.limits);
        let Some(asleep) = self.asleep.get_mut(&id).filter(|asleep| !asleep.waking) else { return false };
        if self.blocked.contains(&from) {
            out.push(Action::Respond(ticket, Response::Refused(Refusal::Blocked)));
            return true;
        }
        if !asleep.members.contains(&from) {
            return false;
        }
        asleep.touched_ms = now_ms;
        match request {
            Request::Sync { heads, have, .. } => {
                let Some(missing) = asleep.tail.missing(heads, have) else { return false };
                let ops = asleep.read(store, &missing.ids);
                let heads = asleep.tail.committed_heads();
                out.push(Action::Respond(ticket, Response::Sync { ops, heads, more: missing.more }));
                self.note_use(&id, now_ms, out);
            }
            Request::Fetch { ids, .. } => {
                let Some(ids) = asleep.tail.in_one_answer(ids) else { return false };
                out.push(Action::Respond(ticket, Response::Ops(asleep.read(store, &ids))));
            }
            Request::Lookup { .. } => {
                let others = asleep.members.iter().copied().filter(|device| *device != from);
                out.push(Action::Locate(ticket, others.collect()));
            }
            Request::Push { ops, .. } => {
                if limits.are_exceeded(asleep.tail.len(), asleep.bytes, ops) {
                    out.push(Action::Respond(ticket, Response::Refused(Refusal::Full)));
                } else if owed >= MAX_OWED {
                    out.push(Action::Respond(ticket, Response::Refused(Refusal::Busy)));
                } else {
                    let Ok(writes) = asleep.take(ops) else { return false };
                    asleep.ledger.owe(Owed::Receipt, ticket, &writes);
                    self.owed += 1;
                    self.commit_asleep(id, from, writes, out);
                }
            }
            _ => return false,
        }
        true
    }

    fn commit_asleep(&mut self, id: WorkspaceId, from: DeviceId, writes: Vec<Write>, out: &mut Vec<Action>) {
        let Some(asleep) = self.asleep.get_mut(&id) else { return };
        if writes.is_empty() {
            self.owed -= asleep.ledger.answer(|| asleep.tail.committed_heads(), out);
        } else {
            out.push(Action::Commit(asleep.ledger.commit(id, asleep.tail.len(), writes, Some(from))));
        }
    }

    /// What is to be read before requests about a workspace can be answered, if anything.
    pub(crate) fn wake(&mut self, id: &WorkspaceId) -> Option<Waking> {
        let asleep = self.asleep.get_mut(id)?;
        asleep.waking = true;
        Some(Waking { row: asleep.row.clone(), generation: asleep.ledger.generation })
    }

    /// Takes a workspace back that was read again. False when it cannot be read: it stays as it was.
    pub(crate) fn on_woken(&mut self, Woken(id, read): Woken, now_ms: u64) -> bool {
        match read {
            Ok(mut room) => {
                // It may have been unregistered meanwhile, or read for another reason.
                if let Some(asleep) = self.asleep.remove(&id) {
                    (room.touched_ms, room.needed_ms, room.ledger) = (now_ms, now_ms, asleep.ledger);
                    room.refresh_members();
                    self.rooms.insert(id, room);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "a mailbox cannot be read");
                if let Some(asleep) = self.asleep.get_mut(&id) {
                    asleep.waking = false;
                }
                false
            }
        }
    }

    /// Whether a workspace is served, but not in memory.
    pub(crate) fn is_asleep(&self, id: &WorkspaceId) -> bool {
        self.asleep.contains_key(id)
    }

    /// How many workspaces are in memory.
    pub(crate) fn awake(&self) -> usize {
        self.rooms.len()
    }
}
