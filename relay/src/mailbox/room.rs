//! One workspace at a relay, in memory: its replica, and who belongs to it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, DeviceKey, KeyId, OpId, WorkspaceId};
use omniscope_protocol::invitation::Redemption;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::{JoinAnswer, Output, Replica};
use omniscope_protocol::wire::{Deposit, MAX_ASKED, Refusal, Request, Response};

use super::Action;
use super::ledger::{Commit, Ledger};
use super::sleep::is_in_step;
use crate::store::{Store, StoreError, WorkspaceRow, Write};

/// Sealed keys kept for the links of one workspace.
const MAX_DEPOSITS: usize = 256;

/// One workspace.
pub(super) struct Room {
    pub(super) row: WorkspaceRow,
    pub(super) replica: Replica,
    pub(super) members: BTreeSet<DeviceId>,
    pub(super) bytes: u64,
    /// When somebody asked about it last.
    pub(super) touched_ms: u64,
    /// When the whole log was needed last, as far as that is known.
    pub(super) needed_ms: u64,
    pub(super) ledger: Ledger,
    deposits: BTreeMap<OpId, Deposit>,
    /// Ops of which only husks are left.
    husks: BTreeSet<OpId>,
    /// Who asked to be let in by a link by request, for owners who come later, and whether one declined. In memory only:
    /// who still waits asks again.
    asked: BTreeMap<(OpId, DeviceId), (Redemption, bool)>,
}

impl Room {
    /// Reads a workspace's log. Rows that are not what their id says are passed over: a member brings them again.
    pub(super) fn load(row: WorkspaceRow, store: &Store, generation: u64) -> Result<Self, StoreError> {
        let mut replica = Replica::new(WorkspaceId(row.id));
        let (mut damaged, mut husks) = (0u32, BTreeSet::new());
        store.for_each_op(&row.id, |id, bytes| {
            let whole = blake3::hash(bytes).as_bytes() == &id;
            let op = if whole { Op::decode_trusted(bytes).ok() } else { Op::from_husk(OpId(id), bytes) };
            if !whole {
                husks.extend(op.as_ref().map(|op| op.id));
            }
            damaged += u32::from(op.is_none_or(|op| replica.load(&op, &mut Vec::new()).is_err()));
        })?;
        if damaged > 0 {
            tracing::warn!(damaged, "damaged rows of a mailbox are passed over; members bring their ops again");
        }
        let read = |(invite, epoch, seal): ([u8; 32], [u8; 32], Vec<u8>)| {
            Some((OpId(invite), Deposit { key: KeyId(epoch), seal: seal.try_into().ok()? }))
        };
        let deposits = store.deposits(&row.id)?.into_iter().filter_map(read).collect();
        let bytes = replica.bytes();
        Ok(Self { bytes, deposits, husks, ..Self::empty(row, replica, generation) })
    }

    fn empty(row: WorkspaceRow, replica: Replica, generation: u64) -> Self {
        let (members, husks) = (BTreeSet::new(), BTreeSet::new());
        let touched_ms = u64::try_from(row.used_ms).unwrap_or_default();
        Self {
            row,
            replica,
            members,
            bytes: 0,
            touched_ms,
            needed_ms: touched_ms,
            ledger: Ledger::new(generation),
            deposits: BTreeMap::new(),
            husks,
            asked: BTreeMap::new(),
        }
    }

    /// A workspace that is registered now, with its genesis.
    pub(super) fn found(
        id: WorkspaceId,
        registrar: DeviceId,
        genesis: &Op,
        now_ms: i64,
        generation: u64,
    ) -> (Self, Vec<Write>) {
        let row = WorkspaceRow { id: id.0, registrar: registrar.0, since_ms: now_ms, used_ms: now_ms };
        let mut room = Self::empty(row, Replica::new(id), generation);
        let mut writes = vec![Write::Workspace { id: id.0, registrar: registrar.0, now_ms }];
        writes.extend(room.take(std::slice::from_ref(&genesis.bytes)).0);
        (room, writes)
    }

    pub(super) fn id(&self) -> WorkspaceId {
        self.replica.workspace()
    }

    pub(super) fn len(&self) -> usize {
        self.replica.len()
    }

    /// Notes that somebody asked, and whether that may need more than the end of the log.
    pub(super) fn touch(&mut self, request: &Request, now_ms: u64) {
        if is_in_step(request, &self.replica.committed_heads().into_iter().collect()) {
            return;
        }
        self.touched_ms = now_ms;
        use Request::{Fetch, Lookup, Push, Sync};
        if !matches!(request, Sync { .. } | Fetch { .. } | Push { .. } | Lookup { .. }) {
            self.needed_ms = now_ms;
        }
    }

    /// Takes in foreign ops; gives what is to be written, and whether roles changed. What cannot be taken in is said
    /// in the log and is no reason to refuse the rest.
    pub(super) fn take(&mut self, ops: &[Arc<[u8]>]) -> (Vec<Write>, bool) {
        let mut out = Vec::new();
        for bytes in ops {
            if let Err(error) = self.replica.receive(bytes, &mut out) {
                tracing::debug!(%error, "an op was refused");
            }
        }
        self.carry_out(out)
    }

    /// Judges a redemption; what follows is as with `take`.
    pub(super) fn admit(
        &mut self,
        key: &DeviceKey,
        invite: &Op,
        redemption: &Redemption,
        now_ms: u64,
    ) -> (JoinAnswer, Vec<Write>, bool) {
        let mut out = Vec::new();
        let answer = self.replica.admit(key, invite, redemption, now_ms, &mut out);
        let (writes, membership) = self.carry_out(out);
        (answer, writes, membership)
    }

    /// Keeps a sealed key for whoever redeems an invite that names this relay as its attester and is still open; from an
    /// owner, for others could put one there that opens nothing.
    pub(super) fn deposit(
        &mut self,
        me: &DeviceId,
        from: &DeviceId,
        invite: OpId,
        deposit: Deposit,
    ) -> Result<Write, Refusal> {
        if self.replica.judge().live_cap(&from.0).is_none() {
            return Err(Refusal::NotMember);
        }
        let of_mine = self.replica.invites().get(&invite).is_some_and(|i| i.attester == Some(*me));
        if !of_mine || !self.is_open(&invite) {
            return Err(Refusal::NotAttester);
        }
        if self.deposits.len() >= MAX_DEPOSITS && !self.deposits.contains_key(&invite) {
            return Err(Refusal::Full);
        }
        self.deposits.insert(invite, deposit);
        let (epoch, seal) = (deposit.key.0, deposit.seal.to_vec());
        Ok(Write::Deposit { workspace: self.row.id, invite: invite.0, epoch, seal })
    }

    /// The key that waits for whoever redeems an invite.
    pub(super) fn deposited(&self, invite: &OpId) -> Option<Deposit> {
        self.deposits.get(invite).copied()
    }

    /// Forgets the keys of invites that let nobody in any more.
    pub(super) fn drop_deposits(&mut self) -> Vec<Write> {
        let over: Vec<OpId> = self.deposits.keys().filter(|invite| !self.is_open(invite)).copied().collect();
        for invite in &over {
            self.deposits.remove(invite);
        }
        over.into_iter().map(|invite| Write::DropDeposit { invite: invite.0 }).collect()
    }

    /// Keeps what somebody asks by a link that is in order, but by which owners alone let in. The answer, and whether it is
    /// new.
    pub(super) fn hear_request(&mut self, invite: OpId, redemption: &Redemption) -> (Refusal, bool) {
        self.forget_requests();
        let full = self.asked.len() >= MAX_ASKED;
        match self.asked.entry((invite, redemption.device)) {
            Entry::Occupied(known) if known.get().1 => (Refusal::Declined, false),
            Entry::Occupied(_) => (Refusal::AwaitsApproval, false),
            Entry::Vacant(_) if full => (Refusal::Busy, false),
            Entry::Vacant(place) => {
                place.insert((redemption.clone(), false));
                (Refusal::AwaitsApproval, true)
            }
        }
    }

    /// What was asked here and is not answered, for an owner's device, which says what was declined.
    pub(super) fn show_requests(&mut self, owner: &DeviceId, declined: &[(OpId, DeviceId)]) -> Response {
        if self.replica.judge().live_cap(&owner.0).is_none() {
            return Response::Refused(Refusal::NotMember);
        }
        for asked in declined {
            if let Some((_, over)) = self.asked.get_mut(asked) {
                *over = true;
            }
        }
        self.forget_requests();
        let waiting = self.asked.iter().filter(|(_, (_, declined))| !declined);
        Response::Asked(waiting.map(|((invite, _), (redemption, _))| (*invite, redemption.clone())).collect())
    }

    /// Forgets requests of those who are members now, and by links that let nobody in any more.
    fn forget_requests(&mut self) {
        let judge = self.replica.judge();
        let open = |invite: &OpId| judge.invite_state(judge.node(&invite.0)?).map(|state| state.open());
        self.asked.retain(|(invite, device), _| judge.role(&device.0) == Role::None && open(invite) == Some(true));
    }

    /// Once a close counts, what is sealed in the committed ops is dropped. What is to be written for that, if anything.
    pub(super) fn purge(&mut self, store: &Store) -> Option<Write> {
        if !self.replica.judge().closed() || self.husks.len() == self.len() {
            return None;
        }
        let mut left = Vec::new();
        let mut dropped = 0;
        let read = store.for_each_op(&self.row.id, |id, bytes| {
            if !self.husks.contains(&OpId(id))
                && let Some(husk) = Op::decode_trusted(bytes).ok().and_then(|op| op.husk())
            {
                dropped += bytes.len().saturating_sub(husk.len()) as u64;
                left.push((id, husk));
            }
        });
        if let Err(error) = read {
            tracing::error!(%error, "a closed workspace is not purged yet");
            return None;
        }
        self.bytes = self.bytes.saturating_sub(dropped);
        self.husks.extend(left.iter().map(|(id, _)| OpId(*id)));
        (!left.is_empty()).then_some(Write::Purge { workspace: self.row.id, left })
    }

    /// Whether ops hold anything new that a closed workspace's mailbox takes no more.
    pub(super) fn refuses(&self, ops: &[Arc<[u8]>]) -> bool {
        let sealed = |bytes: &Arc<[u8]>| {
            let op = Op::decode_trusted(bytes).ok().filter(|op| !self.replica.knows(&op.id));
            op.is_some_and(|op| op.husk().is_some())
        };
        self.replica.judge().closed() && ops.iter().any(sealed)
    }

    /// What a member lacks. Where that was dropped, it is told of the closes instead.
    pub(super) fn answer_sync(&self, store: &Store, heads: &[OpId], have: &[OpId]) -> Response {
        let mut missing = self.replica.missing(heads, have);
        if missing.ids.iter().any(|id| self.husks.contains(id)) {
            let judge = self.replica.judge();
            missing.ids = judge.closes().map(|close| OpId(*judge.id(close))).collect();
            missing.more = false;
        }
        let ops = self.op_bytes(store, &missing.ids);
        Response::Sync { ops, heads: self.replica.committed_heads(), more: missing.more }
    }

    /// Whether all of it is on the disk, and nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        let done = self.ledger.is_quiet() && self.replica.all_committed();
        done && self.replica.waiting() == 0 && self.asked.is_empty()
    }

    fn is_open(&self, invite: &OpId) -> bool {
        let judge = self.replica.judge();
        judge.node(&invite.0).and_then(|node| judge.invite_state(node)).is_some_and(|state| state.open())
    }

    fn carry_out(&mut self, out: Vec<Output>) -> (Vec<Write>, bool) {
        let (mut writes, mut membership) = (Vec::new(), false);
        for output in out {
            match output {
                Output::Persist(op) => {
                    self.bytes += op.bytes.len() as u64;
                    writes.push(Write::Op { workspace: self.row.id, id: op.id.0, bytes: op.bytes });
                }
                Output::MembershipChanged => membership = true,
                // There is no document here, and names are none of a relay's business.
                _ => {}
            }
        }
        (writes, membership)
    }

    /// Who belongs to the workspace now. Until the log tells of it, so does the device that registered it: it brings
    /// the log.
    pub(super) fn refresh_members(&mut self) -> BTreeSet<DeviceId> {
        self.members = self.replica.members().iter().map(|m| DeviceId(m.author)).collect();
        let registrar = DeviceId(self.row.registrar);
        if !self.replica.was_member(&registrar) {
            self.members.insert(registrar);
        }
        self.members.clone()
    }

    /// The bytes of ops of the log.
    pub(super) fn op_bytes(&self, store: &Store, ids: &[OpId]) -> Vec<Arc<[u8]>> {
        let ids: Vec<[u8; 32]> = ids.iter().filter(|id| !self.husks.contains(id)).map(|id| id.0).collect();
        read_ops(store, &self.row.id, &ids)
    }

    /// Who is no member any more is shown why, and nothing else.
    pub(super) fn removal_of(&self, store: &Store, device: &DeviceId) -> Option<Response> {
        let by = self.op_bytes(store, &[self.replica.ended_by(device)?]).pop()?;
        Some(Response::Removed { by })
    }

    pub(super) fn commit(&mut self, writes: Vec<Write>, from: Option<DeviceId>) -> Commit {
        self.ledger.commit(self.id(), self.replica.len(), writes, from)
    }

    pub(super) fn on_committed(&mut self, commit: &Commit) {
        self.ledger.on_committed(commit);
        self.replica.note_committed(commit.ops as u32);
    }

    /// Gives the answers that wait for nothing any more. Says how many.
    pub(super) fn answer(&mut self, out: &mut Vec<Action>) -> usize {
        self.ledger.answer(|| self.replica.committed_heads(), out)
    }
}

/// The bytes of ops of a log.
pub(super) fn read_ops(store: &Store, workspace: &[u8; 32], ids: &[[u8; 32]]) -> Vec<Arc<[u8]>> {
    match store.ops_by_id(workspace, ids) {
        Ok(rows) => rows.into_iter().map(Arc::from).collect(),
        Err(error) => {
            tracing::error!(%error, "ops cannot be read");
            Vec::new()
        }
    }
}
