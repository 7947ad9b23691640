//! Joins that wait, as the list of workspaces shows them, and giving one up.
//!
//! Deliberately absent: trying them again (`joins` and `devices`). Why one waits is not kept over a restart: it is tried
//! anew then, and whoever is reached says it again.

use std::collections::BTreeMap;

use omniscope_protocol::identity::WorkspaceId;
use serde_json::{Value, json};

use super::Actor;
use super::joins::first_reason;
use crate::answers::{Reason, Status, Summary};
use crate::api::ApiError;
use crate::event::{Event, Person};
use crate::workspace::role_name;

/// Why a join waits: a code and a sentence, as in [`Event::JoinPending`].
pub(super) type Reasons = BTreeMap<WorkspaceId, (String, String)>;

impl Actor {
    /// A join goes on waiting, for a reason that somebody gave.
    pub(super) fn goes_on_waiting(&mut self, id: WorkspaceId, code: &str, message: &str) {
        let reason = (code.to_owned(), message.to_owned());
        let (code, message) = reason.clone();
        let news = self.waiting.insert(id, reason.clone()).is_none_or(|before| before != reason);
        self.tell(Event::JoinPending { workspace: id.to_string(), code, message });
        if news {
            self.tell(Event::WorkspacesChanged {});
        }
    }

    /// Adds the joins that wait to the list of workspaces: what is known of each is what its link says.
    pub(super) fn list_waiting(&self, list: &mut Vec<Summary>) {
        let invited = self.joins.iter().map(|join| {
            let link = join.link();
            let first = first_reason(link.invite.approve);
            (
                link.workspace(),
                &link.workspace_name,
                role_name(link.invite.role),
                link.op.author,
                &link.inviter_name,
                first,
            )
        });
        let devices = self.device_joins.iter().map(|join| {
            let link = join.link();
            (link.workspace, &link.workspace_name, "none", link.person, &link.person_name, first_reason(false))
        });
        for (id, name, role, inviter, inviter_name, first) in invited.chain(devices) {
            let heard = self.waiting.get(&id).map(|(code, message)| (code.as_str(), message.as_str()));
            let (code, message) = heard.unwrap_or(first);
            let waits = Some(Reason::new(code, message));
            let workspace = id.to_string();
            if let Some(row) = list.iter_mut().find(|row| row.workspace == workspace) {
                row.waits = waits;
                continue;
            }
            let owner = Person {
                device: inviter.to_string(),
                name: inviter_name.clone(),
                color: crate::workspace::wished_color("", &inviter),
            };
            list.push(Summary {
                workspace,
                name: name.clone(),
                description: String::new(),
                role,
                owner: Some(owner),
                created: None,
                updated: None,
                members: 0,
                online: 0,
                status: Status::Pending,
                unsent: 0,
                saved: true,
                unread: 0,
                bytes: 0,
                newer_version: None,
                waits,
            });
        }
    }

    /// Ends the joins of a workspace that wait; true if there was one.
    pub(super) fn give_up_joins(&mut self, id: &WorkspaceId) -> bool {
        let (joins, rest): (Vec<_>, Vec<_>) = self.joins.drain(..).partition(|j| j.link().workspace() == *id);
        self.joins = rest;
        let (devices, rest): (Vec<_>, Vec<_>) = self.device_joins.drain(..).partition(|j| j.link().workspace == *id);
        self.device_joins = rest;
        self.waiting.remove(id);
        let recovering = self.end_recovery(id);
        for link in joins.iter().map(|j| j.link().to_text()).chain(devices.iter().map(|j| j.link().to_text())) {
            self.forget_pending(link.to_string());
        }
        recovering || !joins.is_empty() || !devices.is_empty()
    }

    /// Ends a join that has brought no copy yet. `unknown` is said where there is none of this id.
    pub(super) fn delete_waiting(&mut self, wanted: &str, unknown: ApiError) -> Result<Value, ApiError> {
        match WorkspaceId::parse_hex(wanted) {
            Some(id) if self.give_up_joins(&id) => {
                self.tell(Event::WorkspacesChanged {});
                Ok(json!({"removed": id.to_string()}))
            }
            _ => Err(unknown),
        }
    }
}
