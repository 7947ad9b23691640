//! What relays do for links: they let in while its issuer sleeps, keep a sealed key for whoever redeems one, and who asked.
//!
//! Deliberately absent: what this device itself answers to who redeems a link (`joins`, `requests`).

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_protocol::wire::{Deposit, Request, Response};

use super::mail::Step;
use super::network::Sent;
use super::{Actor, random};
use crate::api::ApiError;

impl Actor {
    /// Asks a relay who asked there to be let in, where this device is an owner's and a link by request is open.
    pub(super) fn fetch_requests(&mut self, relay: DeviceId, id: WorkspaceId) {
        if self.hears_requests(&id) {
            let request = Request::Asked { workspace: id, declined: self.declined(&id) };
            self.request(relay, Sent::Mail(id, Step::Asked), &request);
        }
    }

    /// Relays that keep a workspace hear what was declined.
    pub(super) fn tell_declined(&mut self, id: &WorkspaceId) {
        for relay in self.mail.met.keys().copied().collect::<Vec<_>>() {
            if self.keeps(&relay, id) {
                self.fetch_requests(relay, *id);
            }
        }
    }

    pub(super) fn on_asked_there(&mut self, id: WorkspaceId, response: Option<Response>) {
        let Some(Response::Asked(asked)) = response else { return };
        for (invite, redemption) in asked {
            let Some(room) = self.rooms.get(&id) else { return };
            let by_request = room.space.replica.invites().get(&invite).is_some_and(|invite| invite.approve);
            if let Some(op) = room.space.op_bytes(&self.store, &[invite]).pop().filter(|_| by_request) {
                // Judged as if its author had asked here; what it is told it hears from the relay.
                self.answer_join(id, redemption.device, &op, &redemption, None);
            }
        }
    }

    /// Shows pending invitations to the relays: those that are named as attesters let in, others let through.
    pub(super) fn knock(&mut self) {
        for (workspace, invite, answers, request) in self.pending_redemptions() {
            for relay in self.mail.met.keys().copied().collect::<Vec<_>>() {
                let knock = Sent::Mail(workspace, Step::Knock(invite));
                let sent = if answers(&relay) { Sent::Join(invite) } else { knock };
                self.request(relay, sent, &request);
            }
        }
    }

    /// What a relay says of an invitation by which somebody else admits matters only if it is final.
    pub(super) fn on_knocked(&mut self, relay: DeviceId, invite: OpId, response: Option<Response>) {
        match response {
            Some(Response::Refused(why)) if why.is_final() => self.on_join_refused(invite, relay, why),
            Some(Response::Refused(why)) => tracing::debug!(code = why.code(), "an invitation was shown"),
            _ => {}
        }
    }

    /// Has a key lie at the relay that attests an invite, for joining while no member is there.
    pub(super) fn deposit_key(&mut self, id: WorkspaceId, invite: OpId, relay: DeviceId) -> Result<(), ApiError> {
        let entropy: [u8; 32] = random()?;
        let replica = &mut self.room(&id)?.space.replica;
        let Some(of) = replica.invites().get(&invite).map(|invite| invite.key) else { return Ok(()) };
        let Some(key) = replica.epoch_key() else { return Ok(()) };
        let Some(seal) = key.seal_to(&id, &of, &entropy) else { return Ok(()) };
        if replica.is_deposited(&invite) != Some(true) {
            self.say(&id, Body::Deposit { invite, key: key.id() })?;
        }
        self.mail.deposits.insert(invite, (id, relay, Deposit { key: key.id(), seal: seal.bytes }));
        self.mail.look_due = 0;
        Ok(())
    }

    /// The present key shall lie at the relays that attest this device's open links: after a new epoch began, and after a
    /// restart, for what was under way is not kept.
    pub(super) fn renew_deposits(&mut self, id: &WorkspaceId) {
        let me = self.me;
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let open = replica.invites().iter().filter_map(|(invite, asked)| {
            let relay = asked.attester.filter(|a| replica.role(a) == Role::None)?;
            let state = replica.judge().invite_state(replica.judge().node(&invite.0)?)?;
            let lies = replica.epoch().is_none_or(|key| self.mail.laid.get(invite) == Some(&key));
            let due = state.open() && state.issuer == me.0 && !lies;
            due.then_some((*invite, relay))
        });
        for (invite, relay) in open.collect::<Vec<_>>() {
            if let Err(error) = self.deposit_key(*id, invite, relay) {
                tracing::warn!(%error, "a key was not deposited for a link");
            }
        }
    }

    /// Keys go to a relay once it knows the invite.
    pub(super) fn send_deposits(&mut self, relay: DeviceId) {
        let due: Vec<(OpId, WorkspaceId, Deposit)> = self
            .mail
            .deposits
            .iter()
            .filter(|(_, (_, at, _))| *at == relay)
            .map(|(invite, (id, _, deposit))| (*invite, *id, *deposit))
            .collect();
        for (invite, id, deposit) in due {
            let known = self.rooms.get(&id).is_some_and(|room| {
                let behind = room.space.replica.behind(&relay);
                behind == Some(0)
            });
            if known && self.post(&relay, &id).is_some_and(|post| !post.under_way) {
                let request = Request::Deposit { workspace: id, invite, deposit };
                self.request(relay, Sent::Mail(id, Step::Deposit(invite)), &request);
            }
        }
    }
}
