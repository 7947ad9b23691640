//! What peers ask, and what they are answered: members are served, others are told why not.
//!
//! An answer that promises something waits for a commit. Deliberately absent: answers of a joining (`joins`), of keys (`secrecy`), of
//! states (`looks`) and to a relay (`mail`).

use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::{MAX_SHOWN, Refusal, Request, Response, WIRE_VERSION};

use super::Actor;
use crate::net::{NetCommand, ResponseToken};

/// Answers that wait for a commit.
const MAX_OWED: usize = 256;

/// An answer that promises something, and so waits for a commit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owed {
    /// What was pushed is held here.
    Receipt,
    /// The asking device was let in. Said before the commit, a crash could let a link for one in twice.
    Admission,
}

impl Actor {
    pub(super) fn on_request(&mut self, device: DeviceId, token: ResponseToken, body: &[u8]) {
        self.heard(&device);
        let request = match Request::decode(body) {
            Ok(request) => request,
            Err(_) if body.first().is_some_and(|v| *v > WIRE_VERSION) => {
                return self.respond(token, &Response::Unsupported { version: WIRE_VERSION });
            }
            Err(_) => return self.respond(token, &Response::Refused(Refusal::Malformed)),
        };
        match request {
            Request::News { workspace, heads, ops } if self.mail.is_met(&device) => {
                let response = self.answer_news(workspace, device, &heads, &ops);
                self.respond(token, &response);
            }
            // A relay reads what it is given, and asks for nothing.
            _ if self.mail.is_met(&device) => self.respond(token, &Response::Refused(Refusal::NotMember)),
            Request::Sync { workspace, heads, have } => {
                let response = self.answer_sync(workspace, device, &heads, &have);
                self.respond(token, &response);
            }
            Request::Fetch { workspace, ids } => {
                let response = match self.refusal(&workspace, &device) {
                    Some(refusal) => Response::Refused(refusal),
                    None => {
                        let space = &self.rooms[&workspace].space;
                        Response::Ops(space.op_bytes(&self.store, &space.replica.in_one_answer(&ids)))
                    }
                };
                self.respond(token, &response);
            }
            Request::Keys { workspace, keys } => {
                let response = self.answer_keys(workspace, device, &keys);
                self.respond(token, &response);
            }
            Request::State { workspace, by, from } => {
                let response = self.answer_state(workspace, device, by, from);
                self.respond(token, &response);
            }
            // Whoever is a member has no need of it; only a relay keeps keys for links, and tells news.
            Request::Deposit { .. }
            | Request::Register { .. }
            | Request::Lookup { .. }
            | Request::Asked { .. }
            | Request::News { .. } => self.respond(token, &Response::Refused(Refusal::NotAttester)),
            Request::Notes { workspace, notes } => {
                let response = self.answer_notes(workspace, device, notes);
                self.respond(token, &response);
            }
            Request::Push { workspace, ops } => self.answer_push(workspace, device, &ops, token),
            Request::Device { workspace, key, redemption } => {
                match self.answer_device(workspace, device, &key, &redemption) {
                    Response::Admitted { .. } => self.owe(workspace, Owed::Admission, token),
                    other => self.respond(token, &other),
                }
            }
            Request::Join { workspace, invite, redemption, name } => {
                match self.answer_join(workspace, device, &invite, &redemption, name.as_deref()) {
                    Response::Admitted { .. } => self.owe(workspace, Owed::Admission, token),
                    other => self.respond(token, &other),
                }
            }
        }
    }

    fn respond(&self, token: ResponseToken, response: &Response) {
        self.command(NetCommand::Respond { token, body: response.encode() });
    }

    /// Why a device is not served: only members read.
    pub(super) fn refusal(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Refusal> {
        let Some(room) = self.rooms.get(id) else { return Some(Refusal::UnknownWorkspace) };
        let replica = &room.space.replica;
        match replica.role(device) {
            Role::None if replica.was_member(device) => Some(Refusal::Removed),
            Role::None => Some(Refusal::NotMember),
            _ => None,
        }
    }

    /// Who is no member any more is shown why, and nothing else.
    fn removal_of(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Response> {
        let space = &self.rooms.get(id)?.space;
        let by = space.op_bytes(&self.store, &[space.replica.ended_by(device)?]).pop()?;
        Some(Response::Removed { by })
    }

    fn answer_sync(&mut self, id: WorkspaceId, device: DeviceId, heads: &[OpId], have: &[OpId]) -> Response {
        self.flush(&id, u64::MAX);
        if let Some(refusal) = self.refusal(&id, &device) {
            return self.removal_of(&id, &device).unwrap_or(Response::Refused(refusal));
        }
        // What it names it holds, but has not necessarily committed: no receipt is read into this.
        let ahead = heads.iter().any(|h| !self.rooms[&id].space.replica.knows(h));
        let space = &self.rooms[&id].space;
        let missing = space.replica.missing(heads, have);
        let ops = space.op_bytes(&self.store, &missing.ids);
        let gives = (!ops.is_empty()).then(|| self.now());
        let response = Response::Sync { ops, heads: space.replica.committed_heads(), more: missing.more };
        if let Some(peer) = self.peers.get_mut(&device) {
            let asked = peer.asked.entry(id).or_default();
            (asked.asks, asked.served) = (true, gives.or(asked.served));
        }
        if ahead {
            self.doubt(&id, device);
        }
        response
    }

    /// Ops from members, and from others their admission; the receipt waits for the commit.
    fn answer_push(&mut self, id: WorkspaceId, device: DeviceId, ops: &[Arc<[u8]>], token: ResponseToken) {
        match self.refusal(&id, &device) {
            Some(Refusal::NotMember | Refusal::Removed) if (1..=MAX_SHOWN).contains(&ops.len()) => {}
            Some(refusal) => return self.respond(token, &Response::Refused(refusal)),
            None => {}
        }
        if self.take_ops(&id, ops).1 {
            // Whoever pushes what builds on more than is known here has the rest: a restored copy of this log may have
            // lost even that its sender is a member.
            self.exchange_with(&id, device);
        }
        // What was shown must have made a member of whoever shows it; a receipt tells the heads.
        match self.refusal(&id, &device) {
            Some(refusal) => self.respond(token, &Response::Refused(refusal)),
            None => self.owe(id, Owed::Receipt, token),
        }
    }

    /// Promises somebody what holds once everything in the log is committed: at once, if it is.
    fn owe(&mut self, id: WorkspaceId, owed: Owed, token: ResponseToken) {
        if self.requests.owed.len() >= MAX_OWED {
            return self.respond(token, &Response::Refused(Refusal::Busy));
        }
        self.requests.owed.push((id, owed, token));
        self.commit_gathered(&id);
        self.answer_owed(&id);
    }

    /// After a commit: the answers that waited for it.
    pub(super) fn answer_owed(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get(id) else { return };
        if !room.space.replica.all_committed() {
            return;
        }
        let heads = room.space.replica.committed_heads();
        let (due, waiting): (Vec<_>, Vec<_>) = self.requests.owed.drain(..).partition(|(w, _, _)| w == id);
        self.requests.owed = waiting;
        for (_, owed, token) in due {
            let response = match owed {
                Owed::Receipt => Response::Receipt { heads: heads.clone() },
                Owed::Admission => Response::Admitted { deposit: None },
            };
            self.respond(token, &response);
        }
    }
}
