//! Telling connected members that there is something new, gently: changes gather for a moment, and nobody is told again
//! before it has answered.
//!
//! What is told are the committed heads; who knows them does nothing, who does not asks for what it lacks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use libp2p::request_response::OutboundRequestId;
use omniscope_protocol::identity::{DeviceId, WorkspaceId};

use super::driver::Driver;
use crate::names::peer_of;

/// How long changes of one workspace gather.
const GATHER: Duration = Duration::from_millis(80);

/// Who is to be told what, and who was told and has not answered.
#[derive(Default)]
pub(super) struct Pokes {
    due: BTreeMap<WorkspaceId, Due>,
    asked: BTreeSet<(WorkspaceId, DeviceId)>,
    sent: HashMap<OutboundRequestId, (WorkspaceId, DeviceId)>,
}

struct Due {
    at: Instant,
    /// Who brought all that is new, if it was one device: it knows.
    but: Option<DeviceId>,
}

impl Pokes {
    /// Something was committed, brought by `from`.
    pub(super) fn due(&mut self, workspace: WorkspaceId, from: Option<DeviceId>, now: Instant) {
        let due = self.due.entry(workspace).or_insert(Due { at: now + GATHER, but: from });
        if due.but != from {
            due.but = None;
        }
    }

    /// A member has answered, or cannot.
    pub(super) fn answered(&mut self, id: OutboundRequestId) {
        if let Some(key) = self.sent.remove(&id) {
            self.asked.remove(&key);
        }
    }

    /// A member that is connected did not answer in time: it is told again.
    pub(super) fn unheard(&mut self, id: OutboundRequestId, now: Instant) {
        if let Some(key) = self.sent.remove(&id) {
            self.asked.remove(&key);
            self.due(key.0, None, now);
        }
    }
}

impl Driver {
    pub(super) fn poke_due(&mut self, now: Instant) {
        let due: Vec<WorkspaceId> = self.pokes.due.iter().filter(|(_, d)| d.at <= now).map(|(id, _)| *id).collect();
        for workspace in due {
            let Some(Due { but, .. }) = self.pokes.due.remove(&workspace) else { continue };
            let Some(hint) = self.mailbox.hint(&workspace).map(|hint| hint.encode()) else { continue };
            let members: Vec<DeviceId> = self.mailbox.members_of(&workspace).copied().collect();
            let mut slow = false;
            for device in members.into_iter().filter(|device| Some(*device) != but) {
                let Some(peer) = peer_of(&device).filter(|peer| self.swarm.is_connected(peer)) else { continue };
                if !self.pokes.asked.insert((workspace, device)) {
                    slow = true;
                    continue;
                }
                let id = self.swarm.behaviour_mut().requests.send_request(&peer, hint.clone().into());
                self.pokes.sent.insert(id, (workspace, device));
            }
            if slow {
                self.pokes.due(workspace, but, now);
            }
        }
    }
}
