//! What follows when ops were taken in: rows to keep, ops to send on, and a document that holds what counts.
//!
//! Deliberately absent: what counts, and in which order it is folded (the replica says).

use std::collections::BTreeSet;
use std::sync::Arc;

use omniscope_protocol::gate::Update;
use omniscope_protocol::identity::{DeviceId, OpId};
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::Output;

use super::lagging::fold;
use super::writing::OWN;
use super::{DocumentMessage, Effects, Workspace};
use crate::store::{Store, Write};

impl Workspace {
    /// Carries out what follows from ops that were taken in or written.
    pub(crate) fn carry_out(&mut self, out: &[Output], from: Option<u32>, store: &Store, effects: &mut Effects) {
        let looked_at = self.is_looked_at();
        let (mut rebuild, mut unlocked) = (false, false);
        let mut last = None;
        for output in out {
            match output {
                Output::Persist(op) => {
                    self.remember(op);
                    last = Some(op);
                    effects.keys |= matches!(op.body, Body::KeyShare(_));
                    if from.is_some() {
                        effects.publish.push(Arc::clone(&op.bytes));
                    }
                    let (workspace, id) = (self.id().0, op.id.0);
                    effects.writes.push(Write::Op { workspace, id, bytes: Arc::clone(&op.bytes) });
                }
                Output::Fold(id) if !rebuild && !looked_at => {
                    let known = last.filter(|op| op.id == *id);
                    if let Some(author) = self.fold_op(id, known, from, store) {
                        effects.folded.insert(author);
                        effects.folds += 1;
                    }
                }
                Output::Rebuild(gone) => {
                    rebuild = true;
                    for author in gone.iter().filter_map(|id| self.replica.author_of(id)) {
                        *effects.gone.entry(author).or_default() += 1;
                    }
                }
                Output::Reopen => unlocked = true,
                Output::MembershipChanged => effects.membership = true,
                Output::ProfileChanged(_) => effects.profiles = true,
                Output::VersionNamed(_) => effects.versions = true,
                Output::Fold(_) => {}
            }
        }
        if unlocked && looked_at {
            self.reopen(store);
            effects.profiles = true;
        } else if unlocked {
            rebuild |= !self.unlock(rebuild, store, effects);
        }
        if effects.membership || effects.profiles {
            self.recolor();
        }
        if rebuild && !looked_at {
            effects.rebuilt = true;
            self.reset_all(store);
        }
    }

    /// Reads what keys opened. False if what was folded so far does not stand in what counts now.
    fn unlock(&mut self, rebuild: bool, store: &Store, effects: &mut Effects) -> bool {
        let before: BTreeSet<OpId> = self.replica.fold_order().into_iter().collect();
        self.reopen(store);
        effects.profiles = true;
        let after = self.replica.fold_order();
        let added: Vec<OpId> = after.iter().filter(|id| !before.contains(id)).copied().collect();
        if rebuild || added.len() + before.len() != after.len() {
            return false;
        }
        for id in added {
            if let Some(author) = self.fold_op(&id, None, None, store) {
                effects.folded.insert(author);
                effects.folds += 1;
            }
        }
        true
    }

    /// Has the replica read the log once more. What it says to fold is in its fold order.
    pub(super) fn reopen(&mut self, store: &Store) {
        let (recent, workspace) = (&self.recent, self.replica.workspace());
        let fetch = |id: &OpId| match recent.get(id) {
            Some(bytes) => Op::decode_trusted(bytes).ok(),
            None => {
                let stored = store.ops_by_id(&workspace.0, std::slice::from_ref(&id.0)).ok()?;
                Op::decode_trusted(&stored.into_iter().next().flatten()?).ok()
            }
        };
        self.replica.reopen(fetch, &mut Vec::new());
    }

    fn fold_op(&mut self, id: &OpId, known: Option<&Op>, from: Option<u32>, store: &Store) -> Option<DeviceId> {
        let update = match (self.replica.take_update(id), known) {
            (Some(update), _) => update,
            (None, Some(op)) => Update::parse(&self.replica.open(op)?).ok()?,
            (None, None) => {
                let op = Op::decode_trusted(&self.op_bytes(store, &[*id]).pop()?).ok()?;
                Update::parse(&self.replica.open(&op)?).ok()?
            }
        };
        // The document and the windows get what the gate wrote, never what it read. People first.
        let update = update.encode();
        self.writers.retain(|handle, writer| {
            let listens = Some(*handle) != from && *handle != OWN;
            let sent = !listens || writer.sink.as_ref().is_none_or(|s| s.send(DocumentMessage::Update(update.clone())));
            sent || *handle == OWN
        });
        if from != Some(OWN) {
            self.document.put_off(update);
        }
        self.stated.meta = None;
        self.replica.author_of(id)
    }

    /// Replaces the document by what counts now; windows go on in new sessions (`reset_windows`).
    fn reset_all(&mut self, store: &Store) {
        if let Err(error) = self.rebuild(store) {
            tracing::error!(%error, "the document cannot be rebuilt");
        }
    }

    /// Puts into a document that was just rebuilt what the engine's own verbs did and nobody signed yet. It goes only if
    /// it builds on what counts no more.
    pub(super) fn fold_gathered(&mut self) {
        let Some(own) = self.writers.get_mut(&OWN) else { return };
        let Some(gathered) = &own.gathered else { return };
        match self.replica.check_own(&own.session, gathered) {
            Ok(()) => fold(self.document.now(), &gathered.encode()),
            Err(refusal) => {
                tracing::warn!(%refusal, "an edit that was not signed yet builds on what counts no more");
                own.gathered = None;
                self.dropped = Some(refusal.to_string());
            }
        }
    }
}
