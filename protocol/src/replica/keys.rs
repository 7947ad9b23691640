//! The epoch keys of a workspace: which ones this device can open, who holds them, and under which one is sealed.
//!
//! A key's **holders** are the authors of the shares that name it and the devices that those seal it to. Sealed is only
//! under a key that an editor or owner named and whose holders are all members by all known ops, so nothing is ever
//! encrypted to somebody whom the author knows to be removed; among several such keys the deepest counts, so concurrent
//! rotations settle without a further one. Shares by who was cut there (Rule R11) count for nobody; what they seal may
//! still be opened. Where no key is left, an editor begins an epoch; members who lack the key are sealed to, and keys
//! that it does not lead to yet are wrapped under it, so that a newcomer reads all history from one seal.
//!
//! What others say of keys takes bounded room: of whoever seals to very many ([`MAX_SEALED_BY`]) it is not remembered to
//! whom, and no more older keys are taken from anybody than [`MAX_WRAPPED_BY`].
//!
//! Deliberately absent: signing and placing the shares (`authoring`), the ciphers (`sealing`).

use std::collections::{BTreeMap, BTreeSet};

use crate::causal::Node;
use crate::identity::{DeviceId, DeviceKey, KeyId, OpId, WorkspaceId};
use crate::judge::{Judge, Role};
use crate::op::{KeyShare, MAX_SEALS, MAX_WRAPPED, Op, Seal, Sealed, Wrapped};
use crate::sealing::EpochKey;

/// Seals of one device in a whole log that are remembered: a new key for 1,000 members, a thousand times.
pub(super) const MAX_SEALED_BY: usize = 1 << 20;
/// Older keys that are taken in from the shares of one device; what it wraps beyond has to be asked of others.
pub(super) const MAX_WRAPPED_BY: usize = 1 << 16;

/// A share that names a key.
#[derive(Debug)]
struct Given {
    at: Node,
    /// Who it is sealed to; none where its author sealed to too many to remember: it may be anybody.
    to: Option<Box<[DeviceId]>>,
}

/// What one device has shared.
#[derive(Debug, Default)]
struct Spent {
    seals: usize,
    wrapped: usize,
}

/// What is known of one key.
#[derive(Debug, Default)]
struct Epoch {
    secret: Option<EpochKey>,
    /// Every share that names it.
    shares: Vec<Given>,
    /// The invites for which it lies at their attesters, by the ops that say so.
    deposits: Vec<(Node, OpId)>,
    /// Keys that it was proven to lead to.
    leads_to: BTreeSet<KeyId>,
    /// Keys that it is said to wrap, until it is known itself.
    unproven: BTreeSet<Wrapped>,
}

/// What has to be shared before something can be sealed.
#[derive(Debug, Clone, Default)]
pub(super) struct Care {
    /// The key to seal under; none if an editor must begin an epoch.
    pub(super) current: Option<KeyId>,
    /// Members who lack it.
    lacking: Vec<DeviceId>,
    /// Known keys that it does not lead to.
    astray: Vec<KeyId>,
}

/// The keys of one workspace, on one device.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Who opens seals here; nobody on a device that only looks on.
    devices: Vec<DeviceKey>,
    epochs: BTreeMap<KeyId, Epoch>,
    spent: BTreeMap<DeviceId, Spent>,
    care: Option<Care>,
}

/// A share to be signed, and the key it is about.
pub(super) struct Due {
    pub(super) share: KeyShare,
    pub(super) key: EpochKey,
}

impl Keys {
    pub(super) fn of(device: &DeviceKey) -> Self {
        Self { devices: vec![device.clone()], ..Self::default() }
    }

    /// Opens from now on what is sealed to another key of the same person, too.
    pub(super) fn open_also_for(&mut self, device: &DeviceKey) {
        if !self.devices.iter().any(|known| known.id() == device.id()) {
            self.devices.push(device.clone());
        }
    }

    /// Opens what a share of `author` holds for this device, wherever it stands. True if a key became known.
    pub(super) fn learn(&mut self, workspace: &WorkspaceId, author: &DeviceId, share: &KeyShare) -> bool {
        let epoch = self.epochs.entry(share.key).or_default();
        let spent = self.spent.entry(*author).or_default();
        let new = share.older.iter().filter(|older| !epoch.leads_to.contains(&older.key));
        for older in new.take(MAX_WRAPPED_BY - spent.wrapped) {
            spent.wrapped += usize::from(epoch.unproven.insert(*older));
        }
        let known = epoch.secret.is_some();
        if !known {
            epoch.secret = self.devices.iter().find_map(|device| {
                let at = share.seals.binary_search_by_key(&device.id(), |s| s.device).ok()?;
                EpochKey::unseal(workspace, share.key, &share.seals[at], device)
            });
        }
        self.unwrap_from(share.key) || !known && self.knows(&share.key)
    }

    /// The ids of the keys that can be opened here.
    pub(super) fn known(&self) -> BTreeSet<KeyId> {
        self.epochs.iter().filter(|(_, epoch)| epoch.secret.is_some()).map(|(id, _)| *id).collect()
    }

    /// Where the log speaks of keys: shares and deposits, ascending.
    pub(super) fn places(&self) -> BTreeSet<Node> {
        let of = |epoch: &Epoch| {
            let shares = epoch.shares.iter().map(|given| given.at);
            shares.chain(epoch.deposits.iter().map(|(node, _)| *node)).collect::<Vec<_>>()
        };
        self.epochs.values().flat_map(of).collect()
    }

    /// Takes in a key made here.
    pub(super) fn keep(&mut self, key: EpochKey) {
        let epoch = self.epochs.entry(key.id()).or_default();
        epoch.secret = Some(key);
    }

    /// Opens all that a key leads to. True if another key became known.
    fn unwrap_from(&mut self, key: KeyId) -> bool {
        let mut learned = false;
        let mut waiting = vec![key];
        while let Some(id) = waiting.pop() {
            let Some(epoch) = self.epochs.get_mut(&id) else { continue };
            let Some(secret) = epoch.secret.clone() else { continue };
            for wrapped in std::mem::take(&mut epoch.unproven) {
                let Some(older) = secret.unwrap_key(&wrapped) else { continue };
                self.epochs.entry(id).or_default().leads_to.insert(older.id());
                let older_epoch = self.epochs.entry(older.id()).or_default();
                if older_epoch.secret.is_none() {
                    waiting.push(older.id());
                    older_epoch.secret = Some(older);
                    learned = true;
                }
            }
        }
        learned
    }

    /// Notes a share that is in the log now. True if a key became known by it.
    pub(super) fn note(&mut self, op: &Op, share: &KeyShare, node: Node, judge: &Judge) -> bool {
        let learned = self.learn(&op.workspace(), &op.author, share);
        let spent = self.spent.entry(op.author).or_default();
        let before = spent.seals;
        spent.seals += share.seals.len();
        let within = spent.seals <= MAX_SEALED_BY;
        let to = within.then(|| share.seals.iter().map(|s| s.device).collect());
        self.epochs.entry(share.key).or_default().shares.push(Given { at: node, to });
        if before <= MAX_SEALED_BY && !within {
            let of_author = |given: &&mut Given| judge.author(given.at) == op.author.0;
            self.epochs.values_mut().flat_map(|e| &mut e.shares).filter(of_author).for_each(|given| given.to = None);
        }
        self.care = None;
        learned
    }

    /// Seals and wrapped keys that are held in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        let seals = self.epochs.values().flat_map(|e| &e.shares).filter_map(|given| given.to.as_ref());
        (seals.map(|to| to.len()).sum(), self.epochs.values().map(|e| e.unproven.len()).sum())
    }

    /// Whether a device has sealed to so many that what it shares is of no use any more.
    pub(super) fn is_spent(&self, device: &DeviceId) -> bool {
        self.spent.get(device).is_some_and(|spent| spent.seals + MAX_SEALS > MAX_SEALED_BY)
    }

    /// Notes that a key lies at the attester of an invite.
    pub(super) fn note_deposit(&mut self, key: KeyId, invite: OpId, node: Node) {
        self.epochs.entry(key).or_default().deposits.push((node, invite));
        self.care = None;
    }

    /// Whether a key was said to lie at the attester of an invite, by somebody who counts.
    pub(super) fn is_deposited(&self, key: &KeyId, invite: &OpId, judge: &Judge) -> bool {
        self.epochs.get(key).is_some_and(|epoch| epoch.deposits(judge).any(|of| of == *invite))
    }

    /// Roles changed: who may hold what has to be looked at again.
    pub(super) fn forget_care(&mut self) {
        self.care = None;
    }

    /// A seal of a known key for a device.
    pub(super) fn seal_again(
        &self,
        workspace: &WorkspaceId,
        key: &KeyId,
        to: &DeviceId,
        entropy: &[u8; 32],
    ) -> Option<Seal> {
        self.epochs.get(key)?.secret.as_ref()?.seal_to(workspace, to, entropy)
    }

    /// Whether what is sealed under a key can be opened here.
    pub(super) fn knows(&self, key: &KeyId) -> bool {
        self.epochs.get(key).is_some_and(|e| e.secret.is_some())
    }

    /// Opens a sealed text; none while its key is not known, or if it was made for another place.
    pub(super) fn open(&self, place: &[u8], sealed: &Sealed) -> Option<Vec<u8>> {
        self.epochs.get(&sealed.key)?.secret.as_ref()?.open(place, sealed)
    }

    /// Seals a text under a known key.
    pub(super) fn seal_under(&self, key: &KeyId, place: &[u8], text: &[u8]) -> Option<Sealed> {
        Some(self.epochs.get(key)?.secret.as_ref()?.seal(place, text))
    }

    /// Where keys are sealed to a device, and where keys are shared at all after an op; ascending.
    pub(super) fn shares_for(&self, device: &DeviceId, after: Node) -> Vec<Node> {
        let to = |given: &Given| given.to.as_ref().is_none_or(|to| to.contains(device));
        let given = self.epochs.values().flat_map(|epoch| &epoch.shares);
        let mut shares: Vec<Node> = given.filter(|g| g.at > after || to(g)).map(|g| g.at).collect();
        shares.sort_unstable();
        shares
    }

    /// The key to seal under, if there is one.
    pub(super) fn current(&mut self, judge: &Judge) -> Option<&EpochKey> {
        let current = self.care(judge).current?;
        self.epochs.get(&current)?.secret.as_ref()
    }

    /// Whether there is nothing to share.
    pub(super) fn in_order(&mut self, judge: &Judge) -> bool {
        let care = self.care(judge);
        care.current.is_some() && care.lacking.is_empty() && care.astray.is_empty()
    }

    fn care(&mut self, judge: &Judge) -> &Care {
        if self.care.is_none() {
            self.care = Some(self.look(judge));
        }
        self.care.get_or_insert_default()
    }

    /// Who was given a key.
    pub(super) fn holders(&self, key: &KeyId, judge: &Judge) -> Option<BTreeSet<DeviceId>> {
        let epoch = self.epochs.get(key)?;
        epoch.depth(judge).map(|_| epoch.holders(judge))
    }

    /// Looks at everything anew.
    pub(super) fn look(&self, judge: &Judge) -> Care {
        let members: BTreeSet<DeviceId> = judge.members().iter().map(|m| DeviceId(m.author)).collect();
        let known = self.epochs.iter().filter(|(_, epoch)| epoch.secret.is_some());
        let mut named: Vec<(u32, KeyId)> = known.filter_map(|(id, epoch)| Some((epoch.depth(judge)?, *id))).collect();
        named.sort_unstable_by(|a, b| b.cmp(a));
        let current = named.into_iter().map(|(_, id)| id).find(|id| self.epochs[id].is_safe(judge, &members));
        let holders = current.map(|id| self.epochs[&id].holders(judge)).unwrap_or_default();
        Care {
            current,
            lacking: members.difference(&holders).filter(|d| d.agreement_key().is_some()).copied().collect(),
            astray: self.astray(current),
        }
    }

    /// Known keys from which all others can be opened that `current` does not lead to; the newest first.
    fn astray(&self, current: Option<KeyId>) -> Vec<KeyId> {
        let mut reached = BTreeSet::new();
        self.reach(&mut reached, current);
        let known = self.epochs.iter().filter(|(_, e)| e.secret.is_some());
        let mut known: Vec<_> = known.map(|(id, e)| (e.shares.first().map(|given| given.at), *id)).collect();
        known.sort_unstable_by(|a, b| b.cmp(a));
        let mut astray = Vec::new();
        for (_, id) in known {
            if self.reach(&mut reached, Some(id)) {
                astray.push(id);
            }
        }
        astray
    }

    /// Adds all that a key leads to; false if it was there.
    fn reach(&self, reached: &mut BTreeSet<KeyId>, key: Option<KeyId>) -> bool {
        let mut waiting: Vec<KeyId> = key.into_iter().filter(|id| reached.insert(*id)).collect();
        let added = !waiting.is_empty();
        while let Some(id) = waiting.pop() {
            let older = self.epochs.get(&id).into_iter().flat_map(|e| &e.leads_to);
            waiting.extend(older.filter(|id| reached.insert(**id)));
        }
        added
    }

    /// The next share that `me`, with the role that its next op will have, has to sign so that everybody can read what is sealed; none if there is nothing to
    /// share, or nothing that `me` may. `entropy` must be secret and used for one share only; `afresh` begins an epoch
    /// even though the current one would do.
    pub(super) fn due(
        &mut self,
        judge: &Judge,
        workspace: &WorkspaceId,
        (me, role): (&DeviceId, Role),
        entropy: [u8; 32],
        afresh: bool,
    ) -> Option<Due> {
        let mut care = self.care(judge).clone();
        if role == Role::None || self.is_spent(me) {
            return None;
        }
        let current = care.current.filter(|_| !afresh).and_then(|id| self.epochs.get(&id)?.secret.clone());
        let key = match current {
            Some(_) if care.lacking.is_empty() && care.astray.is_empty() => return None,
            Some(key) => key,
            None if role < Role::Editor => return None,
            None => {
                let members = judge.members();
                let members = members.iter().map(|m| DeviceId(m.author)).filter(|d| d.agreement_key().is_some());
                care.lacking = members.collect();
                // Oneself first: whoever begins an epoch must find its key again after a restart.
                care.lacking.sort_unstable_by_key(|d| (d != me, *d));
                care.astray.extend(care.current);
                EpochKey::new(blake3::derive_key("omniscope 2026 epoch key", &entropy))
            }
        };
        let seal = |device: &DeviceId| key.seal_to(workspace, device, &entropy);
        let mut seals: Vec<Seal> = care.lacking.iter().take(MAX_SEALS).filter_map(seal).collect();
        seals.sort_unstable_by_key(|s| s.device);
        let older = care.astray.iter().take(MAX_WRAPPED).filter_map(|id| self.epochs.get(id)?.secret.as_ref());
        let mut older: Vec<Wrapped> = older.map(|older| key.wrap(older)).collect();
        older.sort_unstable_by_key(|w| w.key);
        Some(Due { share: KeyShare { key: key.id(), seals, older }, key })
    }
}

impl Epoch {
    /// The invites at whose attesters it lies, as owners say: nobody else makes links, and so nobody else can have it said
    /// of a key that it lies where it should not.
    fn deposits<'a>(&'a self, judge: &'a Judge) -> impl Iterator<Item = OpId> + 'a {
        let by_owner = |node: &Node| judge.role_at(&judge.author(*node), *node) == Role::Owner;
        self.deposits.iter().filter(move |(node, _)| by_owner(node)).map(|(_, invite)| *invite)
    }

    /// A link that ended before its uses did may still open what lies there: who has it, and is no member, could read.
    fn deposits_are_safe(&self, judge: &Judge) -> bool {
        self.deposits(judge).all(|invite| {
            let state = judge.node(&invite.0).and_then(|n| judge.invite_state(n));
            state.is_some_and(|s| s.open() || s.max_uses.is_some_and(|max| s.used >= max))
        })
    }

    /// Shares that count, with their authors and the roles that these had there.
    fn counted<'a>(&'a self, judge: &'a Judge) -> impl Iterator<Item = (&'a Given, DeviceId, Role)> {
        let shares = self.shares.iter().map(move |given| {
            let author = judge.author(given.at);
            (given, DeviceId(author), judge.role_at(&author, given.at))
        });
        shares.filter(|(_, _, role)| *role > Role::None)
    }

    /// How deep an editor named the key first; none if no editor did.
    fn depth(&self, judge: &Judge) -> Option<u32> {
        let named = self.counted(judge).filter(|(_, _, role)| *role >= Role::Editor);
        named.map(|(given, _, _)| judge.causal().depth(given.at)).min()
    }

    /// Who holds it by all shares that count, as far as it is remembered.
    fn holders(&self, judge: &Judge) -> BTreeSet<DeviceId> {
        let held = self.counted(judge);
        held.flat_map(|(given, author, _)| given.to.iter().flatten().copied().chain([author])).collect()
    }

    /// Whether members hold it and nobody else.
    fn is_safe(&self, judge: &Judge, members: &BTreeSet<DeviceId>) -> bool {
        let by_members = |to: &[DeviceId]| to.iter().all(|device| members.contains(device));
        let mut held = self.counted(judge);
        held.all(|(given, author, _)| members.contains(&author) && given.to.as_deref().is_some_and(by_members))
            && self.deposits_are_safe(judge)
    }
}
