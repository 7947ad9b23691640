//! Fast joining: who comes in is shown the document at once, by a checkpoint of whoever made the link, while the history
//! is still on its way.
//!
//! An owner who makes a link, or lets somebody in, says a checkpoint if much has happened since the last one. Any member
//! makes the parts of its state from the log and serves them. Who joins asks one member after the other for what is
//! missing, believes nobody but the inviter that the link names, and asks for the history afterwards. Until it has it,
//! nothing can be written, and what is shown is not kept.
//!
//! Deliberately absent: the parts themselves (`workspace::look`); states at relays, which could not make them.

use std::collections::BTreeSet;
use std::sync::Arc;

use omniscope_protocol::checkpoint::Said;
use omniscope_protocol::identity::{DeviceId, KeyId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::wire::{MAX_ANSWER_BYTES, Request, Response};

use super::Actor;
use super::network::Sent;
use crate::event::Event;
use crate::workspace::{Coming, DocumentMessage, Settled, hashes};

/// Ops since the last checkpoint for which another one is worth a newcomer's while; with longer histories a share of them.
const MIN_OPS: usize = 1000;
const SHARE: usize = 8;
/// How many are asked for a state; when the inviter has none, nobody has one of it.
const MAX_ASKED: usize = 3;
/// How long one answer about a state may take before somebody else is asked.
const PATIENCE_MS: u64 = 10_000;
/// How long the history waits for the state; then both come in side by side.
const ALONE_MS: u64 = 5000;
/// How long the parts of a state are kept at hand after somebody asked for them.
const AT_HAND_MS: u64 = 60_000;

/// The state that a newcomer waits for.
pub(super) struct Look {
    /// Whose checkpoint is believed.
    by: DeviceId,
    /// Who was asked, and until when an answer is waited for.
    asked: BTreeSet<DeviceId>,
    until: u64,
    /// Until when the history waits.
    alone: u64,
    /// The checkpoint, the key it is sealed under, and what came of its state.
    coming: Option<(OpId, KeyId, Coming)>,
}

/// The parts of a checkpoint's state, made from the log; none if the log does not say what the checkpoint says.
pub(super) struct AtHand {
    checkpoint: OpId,
    parts: Vec<Arc<[u8]>>,
    used: u64,
}

impl Actor {
    // ---- serving

    /// Says a checkpoint if this device may and one is worth it.
    pub(super) fn tend_checkpoint(&mut self, id: &WorkspaceId) {
        let me = self.me;
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        if replica.role(&me) < Role::Owner || room.is_closed() || replica.newer_version().is_some() {
            return;
        }
        let last = replica.checkpoints().rev().find(|at| replica.author_of(at) == Some(me));
        let since = replica.len() - last.and_then(|at| replica.judge().node(&at.0)).map_or(0, |n| n.index());
        if since < MIN_OPS.max(replica.len() / SHARE) {
            return;
        }
        // Without it a newcomer waits for the history; nobody else needs it.
        if let Err(error) = self.checkpoint(id) {
            tracing::debug!(%error, "no checkpoint was said");
        }
    }

    /// Keeps the parts of a state at hand, for who asks next.
    pub(super) fn keep_at_hand(&mut self, id: &WorkspaceId, checkpoint: OpId, parts: Vec<Arc<[u8]>>) {
        let used = self.now();
        if let Some(room) = self.rooms.get_mut(id) {
            room.at_hand = Some(AtHand { checkpoint, parts, used });
        }
    }

    pub(super) fn answer_state(&mut self, id: WorkspaceId, device: DeviceId, by: DeviceId, from: u32) -> Response {
        if let Some(refusal) = self.refusal(&id, &device) {
            return Response::Refused(refusal);
        }
        let nothing = Response::State { checkpoint: None, shares: Vec::new(), parts: Vec::new() };
        let replica = &self.rooms[&id].space.replica;
        let newest = replica.checkpoints().rev().find(|at| replica.author_of(at) == Some(by));
        let Some(checkpoint) = newest else { return nothing };
        if self.rooms[&id].at_hand.as_ref().is_none_or(|at_hand| at_hand.checkpoint != checkpoint) {
            let parts = self.make_parts(&id, &checkpoint).unwrap_or_default();
            self.keep_at_hand(&id, checkpoint, parts);
        }
        let now = self.now();
        let Some(room) = self.rooms.get_mut(&id) else { return nothing };
        let Some(at_hand) = room.at_hand.as_mut().filter(|at_hand| !at_hand.parts.is_empty()) else { return nothing };
        at_hand.used = now;
        let mut bytes = 0;
        let fits = |part: &&Arc<[u8]>| {
            bytes += part.len();
            bytes <= MAX_ANSWER_BYTES
        };
        let parts = at_hand.parts.iter().skip(from as usize).take_while(fits).cloned().collect();
        let shares = if from == 0 { room.space.replica.shares_for(&device, &checkpoint) } else { Vec::new() };
        let shares = room.space.op_bytes(&self.store, &shares);
        Response::State { checkpoint: room.space.op_bytes(&self.store, &[checkpoint]).pop(), shares, parts }
    }

    /// The parts that a checkpoint vouches for, from the log; none if the log says something else by now.
    fn make_parts(&self, id: &WorkspaceId, checkpoint: &OpId) -> Option<Vec<Arc<[u8]>>> {
        let space = &self.rooms.get(id)?.space;
        let op = Op::decode_trusted(&space.op_bytes(&self.store, &[*checkpoint]).pop()?).ok()?;
        let said = space.replica.said(&op).filter(|said| !said.parts.is_empty())?;
        let edits = space.replica.state_before(checkpoint)?;
        let parts = space.state_parts(&self.store, &edits, &op.sealed()?.key).ok()?;
        (hashes(&parts) == said.parts).then_some(parts)
    }

    // ---- asking

    /// Asks for a look at a workspace of which nothing is known here yet, by a checkpoint of `by`. True if somebody is
    /// asked: then the history comes after it.
    pub(super) fn begin_look(&mut self, id: &WorkspaceId, by: DeviceId) -> bool {
        let alone = self.now() + ALONE_MS;
        let Some(room) = self.rooms.get_mut(id) else { return false };
        if !room.space.replica.is_empty() || room.look.is_some() || room.space.is_looked_at() {
            return false;
        }
        room.look = Some(Look { by, asked: BTreeSet::new(), until: 0, alone, coming: None });
        self.ask_for_state(id, None)
    }

    /// Whether the history is not asked for yet, because a state is.
    pub(super) fn awaits_state(&self, id: &WorkspaceId) -> bool {
        let now = self.now();
        self.rooms.get(id).and_then(|room| room.look.as_ref()).is_some_and(|look| now < look.alone)
    }

    /// Asks `device`, or else somebody who was not asked yet, for what is missing of a state. Where nobody is left, the
    /// history is asked for.
    fn ask_for_state(&mut self, id: &WorkspaceId, device: Option<DeviceId>) -> bool {
        let until = self.now() + PATIENCE_MS;
        let Some(look) = self.rooms.get_mut(id).and_then(|room| room.look.as_mut()) else { return false };
        let next = device.or_else(|| {
            // The inviter can make what it vouches for.
            let enough = look.asked.len() >= MAX_ASKED;
            let others = self.peers.keys().filter(|device| !enough && !look.asked.contains(*device));
            others.copied().min_by_key(|device| *device != look.by)
        });
        let Some(device) = next else {
            self.end_look(id);
            return false;
        };
        look.asked.insert(device);
        look.until = until;
        let from = look.coming.as_ref().map_or(0, |(.., coming)| coming.next());
        let request = Request::State { workspace: *id, by: look.by, from };
        self.request(device, Sent::State(*id), &request) || self.ask_for_state(id, None)
    }

    /// What somebody answered who was asked for a state; none if nothing came.
    pub(super) fn on_state(&mut self, id: WorkspaceId, device: DeviceId, response: Option<Response>) {
        let Some(look) = self.rooms.get(&id).and_then(|room| room.look.as_ref()) else { return };
        if device == look.by && matches!(response, Some(Response::State { checkpoint: None, .. })) {
            return self.end_look(&id);
        }
        let whole = match response {
            Some(Response::State { checkpoint: Some(checkpoint), shares, parts }) if !parts.is_empty() => {
                self.take_state(&id, &checkpoint, &shares, &parts)
            }
            _ => None,
        };
        match whole {
            Some(true) => self.show_state(&id),
            Some(false) => {
                self.ask_for_state(&id, Some(device));
            }
            None => {
                self.ask_for_state(&id, None);
            }
        }
    }

    /// Takes in parts of a state: whether it is whole now; none if what came is of no use.
    fn take_state(
        &mut self,
        id: &WorkspaceId,
        checkpoint: &[u8],
        shares: &[Arc<[u8]>],
        parts: &[Arc<[u8]>],
    ) -> Option<bool> {
        let room = self.rooms.get_mut(id)?;
        let look = room.look.as_mut()?;
        let op = Op::decode(checkpoint).ok().filter(|op| op.workspace() == *id && op.author == look.by)?;
        if !matches!(op.body, Body::Checkpoint(_)) {
            return None;
        }
        // Once for each checkpoint: keys that are no use are not gathered.
        let fresh = look.coming.is_none();
        let shares = shares.iter().filter(|_| fresh).filter_map(|bytes| Op::decode(bytes).ok());
        for share in shares.filter(|op| op.workspace() == *id) {
            if let Body::KeyShare(given) = &share.body {
                room.space.replica.learn(&share.author, given);
            }
        }
        // Another one has a newer checkpoint, or an older one: its parts are others.
        if look.coming.as_ref().is_none_or(|(at, ..)| *at != op.id) {
            let said: Said = room.space.replica.said(&op)?;
            look.coming = Some((op.id, op.sealed()?.key, room.space.expect_state(said)));
        }
        let (.., coming) = look.coming.as_mut()?;
        if parts.iter().all(|part| room.space.take_part(coming, part)) {
            return Some(coming.is_whole());
        }
        look.coming = None;
        None
    }

    fn show_state(&mut self, id: &WorkspaceId) {
        let coming = self.rooms.get_mut(id).and_then(|room| room.look.take()?.coming);
        if let (Some((checkpoint, key, coming)), Some(room)) = (coming, self.rooms.get_mut(id))
            && !room.space.replica.knows(&checkpoint)
        {
            if room.space.show_state(checkpoint, key, coming) {
                room.title_stale = true;
                let (workspace, code) = (id.to_string(), "arriving".to_owned());
                let message = "The workspace can be read already; its history is still coming in.".to_owned();
                self.tell(Event::JoinPending { workspace: workspace.clone(), code, message });
                self.tell(Event::WorkspacesChanged {});
                self.tell(Event::StateUpdated { workspace });
            } else {
                tracing::warn!("a checkpoint contradicts the state that it vouches for");
            }
        }
        self.end_look(id);
    }

    /// Goes on to the history.
    fn end_look(&mut self, id: &WorkspaceId) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.look = None;
        }
        for device in self.peers.keys().copied().collect::<Vec<_>>() {
            self.sync_with(id, device);
        }
    }

    // ---- afterwards

    /// Once the log holds what was shown, or `all_there` is of it, the log is what counts.
    pub(super) fn tend_look(&mut self, id: &WorkspaceId, all_there: bool) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let Some(checkpoint) = room.space.looked_at() else { return };
        if !all_there && !room.space.replica.knows(&checkpoint) {
            return;
        }
        room.title_stale = true;
        let known = room.space.replica.knows(&checkpoint);
        let settled = match room.space.settle_look(&self.store) {
            Ok(settled) => settled,
            Err(error) => return tracing::error!(%error, "the document cannot be rebuilt"),
        };
        if settled == Settled::Holds {
            let state = room.space.document().state_update();
            room.space.tell_windows(&DocumentMessage::Update(state));
        } else {
            let message = "What was shown at first is not what the history of this workspace says. The history counts.";
            room.space.reset_windows(&self.key, message);
            if known {
                let workspace = Some(id.to_string());
                self.tell(Event::Notice { code: "state_differs".into(), message: message.into(), workspace });
            }
        }
        self.tell(Event::WorkspacesChanged {});
        self.tell(Event::StateUpdated { workspace: id.to_string() });
    }

    pub(super) fn tick_looks(&mut self, now: u64) {
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            room.at_hand.take_if(|at_hand| at_hand.used + AT_HAND_MS <= now);
            if room.look.as_ref().is_some_and(|look| look.until <= now) {
                self.ask_for_state(&id, None);
            }
        }
    }
}
