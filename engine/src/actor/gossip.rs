//! What is said to a whole topic: ops, ids of ops too large for it, and notes.
//!
//! A hint: whatever is lost here comes by the exchange of heads (`exchange`). Deliberately absent: what this device says itself
//! (`telling`).

use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Op;
use omniscope_protocol::wire::{Gossip, Note, NoteContent, Refusal, Request, Response};

use super::Actor;
use super::network::Sent;
use super::telling::members_among;
use crate::net::{Topic, Verdict};
use crate::workspace::Taken;

impl Actor {
    pub(super) fn on_gossip(&mut self, of: Topic, source: DeviceId, bytes: &[u8]) -> Verdict {
        let Some(id) = self.room_of(of) else { return Verdict::Ignore };
        let Ok(message) = Gossip::decode(bytes) else { return Verdict::Reject };
        match message {
            Gossip::Ops(ops) => {
                let (verdict, gap) = self.take_ops(&id, &ops);
                if gap {
                    self.doubt(&id, source);
                }
                let author = ops.first().and_then(|op| Op::claimed_author(op));
                if author == Some(source) { self.handed_on(&id, source, verdict) } else { verdict }
            }
            Gossip::Announce(ids) => {
                let Ok(room) = self.room(&id) else { return Verdict::Ignore };
                let unknown: Vec<OpId> = ids.into_iter().filter(|i| !room.space.replica.knows(i)).collect();
                if !unknown.is_empty() {
                    self.request(source, Sent::Fetch(id), &Request::Fetch { workspace: id, ids: unknown });
                }
                Verdict::Accept
            }
            Gossip::Note(note) => {
                let author = note.device;
                let verdict = self.on_note(&id, note, false);
                if author == source { self.handed_on(&id, source, verdict) } else { verdict }
            }
        }
    }

    /// What was heard from its author is not handed on when everybody else here hears that author too.
    fn handed_on(&mut self, id: &WorkspaceId, author: DeviceId, verdict: Verdict) -> Verdict {
        let now = self.now();
        let (Some(room), Verdict::Accept) = (self.rooms.get_mut(id), verdict) else { return verdict };
        let neighbours = || members_among(&self.peers, &room.space.replica);
        if room.near.all_hear(&author, neighbours, now) { Verdict::Ignore } else { verdict }
    }

    pub(super) fn room_of(&self, topic: Topic) -> Option<WorkspaceId> {
        self.rooms.iter().find(|(_, room)| room.topic == topic).map(|(id, _)| *id)
    }

    fn on_note(&mut self, id: &WorkspaceId, note: Note, private: bool) -> Verdict {
        let Ok(room) = self.room(id) else { return Verdict::Ignore };
        let outsider = room.space.replica.role(&note.device) == Role::None;
        if !note.is_genuine(id) {
            return Verdict::Reject;
        }
        match note.content {
            NoteContent::Near(devices) => self.note_near(id, note.device, devices, private),
            NoteContent::Presence(body) if outsider => self.hold_presence(id, note.device, body),
            NoteContent::Heads(_) if outsider => {}
            NoteContent::Presence(body) => {
                self.heard(&note.device);
                return self.on_presence(id, note.device, body);
            }
            NoteContent::Heads(heads) => {
                self.heard(&note.device);
                if self.note_heads(id, note.device, &heads) {
                    self.doubt(id, note.device);
                }
                return Verdict::Accept;
            }
        }
        Verdict::Ignore
    }

    /// What a device says to this one alone, because it has just come: as if the others had heard it before.
    pub(super) fn answer_notes(&mut self, id: WorkspaceId, device: DeviceId, notes: Vec<Note>) -> Response {
        if !self.rooms.contains_key(&id) {
            return Response::Refused(Refusal::UnknownWorkspace);
        }
        if notes.iter().any(|note| note.device != device) {
            return Response::Refused(Refusal::Forged);
        }
        let mut new = false;
        for note in notes {
            new |= self.on_note(&id, note, true) == Verdict::Accept;
        }
        Response::Heard { new }
    }

    /// Whom a neighbour hears is kept before the log tells that it is a member: it says so when it is met, and not again
    /// until somebody comes or goes. Only neighbours can spare anything by it.
    fn note_near(&mut self, id: &WorkspaceId, device: DeviceId, near: Vec<DeviceId>, private: bool) {
        self.heard(&device);
        let peers = &self.peers;
        if peers.contains_key(&device)
            && let Some(room) = self.rooms.get_mut(id)
        {
            room.near.hear(device, near, private, |other| peers.contains_key(other));
        }
    }

    /// Takes in foreign ops: the verdict about who sent them, and whether something is missing in between.
    pub(super) fn take_ops(&mut self, id: &WorkspaceId, ops: &[Arc<[u8]>]) -> (Verdict, bool) {
        let taken = self.with(id, |space, store, _, effects| Ok(space.take_in(ops, store, effects)));
        self.tend_look(id, false);
        let Ok(Taken { fault, unread, gap }) = taken else { return (Verdict::Ignore, false) };
        let verdict = match (fault, unread) {
            (true, _) => Verdict::Reject,
            (false, true) => Verdict::Ignore,
            (false, false) => Verdict::Accept,
        };
        (verdict, gap)
    }

    pub(super) fn note_heads(&mut self, id: &WorkspaceId, device: DeviceId, heads: &[OpId]) -> bool {
        let Ok(room) = self.room(id) else { return false };
        let before = (room.space.replica.common(&device), room.space.replica.is_ahead(&device));
        let ahead = room.space.replica.note_heads(device, heads);
        if before != (room.space.replica.common(&device), ahead) {
            room.heard_heads.insert(device);
            self.sync_state_changed(id);
        }
        ahead
    }
}
