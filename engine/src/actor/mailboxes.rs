//! Which relays keep a workspace: told by its members in the document, by links, and at the start (`--relay`).
//!
//! Deliberately absent: what is exchanged with them (`mail`), and how a connection to them stands (`ways`).

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, WorkspaceId};

use super::Actor;
use super::mail::Post;
use crate::answers::WorkspaceRelay;
use crate::api::ApiError;
use crate::doc::relays;
use crate::net::device_at;
use crate::store::{Batch, Write};

/// Relays that may keep one workspace.
pub(super) const MAX_MAILBOXES: usize = 8;

/// A relay of one workspace, as its members or this device named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) addr: Multiaddr,
    /// Registers the workspace there, where the operator asks for one.
    pub(super) token: Option<String>,
}

impl Actor {
    /// Reads which relays were kept for a workspace.
    pub(super) fn load_mailboxes(&mut self, id: &WorkspaceId) {
        let text = self.store.setting(&key_of(id)).ok().flatten().and_then(|v| String::from_utf8(v).ok());
        let kept = text.iter().flat_map(|text| text.lines()).filter_map(|line| {
            let (addr, token) = line.split_once(' ').unwrap_or((line, ""));
            Some(Kept { addr: addr.parse().ok()?, token: (!token.is_empty()).then(|| token.to_owned()) })
        });
        let kept: Vec<Kept> = kept.take(MAX_MAILBOXES).collect();
        for relay in &kept {
            self.use_relay(&relay.addr);
        }
        self.mail.kept.insert(*id, kept);
    }

    /// Uses relays for a workspace from now on; those that are known stay as they are.
    pub(super) fn use_mailboxes(&mut self, id: &WorkspaceId, relays: impl IntoIterator<Item = Multiaddr>) {
        for addr in relays {
            let kept = self.mail.kept.entry(*id).or_default();
            if kept.iter().all(|k| device_at(&k.addr) != device_at(&addr)) && kept.len() < MAX_MAILBOXES {
                kept.push(Kept { addr: addr.clone(), token: None });
                self.use_relay(&addr);
                self.keep_mailboxes(id);
            }
        }
    }

    fn keep_mailboxes(&mut self, id: &WorkspaceId) {
        self.mail.look_due = 0;
        let kept = self.mail.kept.get(id).map(Vec::as_slice).unwrap_or_default();
        let line = |k: &Kept| format!("{} {}", k.addr, k.token.as_deref().unwrap_or_default());
        let text = kept.iter().map(line).collect::<Vec<_>>().join("\n");
        let write = Write::Setting { key: key_of(id), value: (!text.is_empty()).then(|| text.into_bytes()) };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "a workspace's relays were not kept");
            }
        });
    }

    /// Takes up the relays that members named in the document, under the addresses that they have there, and leaves those
    /// that members removed.
    pub(super) fn follow_named_mailboxes(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let named = relays::named(&room.space.document().root_json("meta"));
        for relay in named.iter().filter(|(_, addr)| addr.is_none()).map(|(relay, _)| relay) {
            self.leave_mailbox(id, relay);
        }
        for (relay, addr) in named {
            if let Some(addr) = addr {
                self.follow_mailbox(id, &relay, addr);
            }
        }
    }

    fn follow_mailbox(&mut self, id: &WorkspaceId, relay: &DeviceId, addr: Multiaddr) {
        let kept = self.mail.kept.entry(*id).or_default();
        match kept.iter_mut().find(|k| device_at(&k.addr) == Some(*relay)) {
            None => self.use_mailboxes(id, [addr]),
            Some(moved) if moved.addr != addr => {
                let before = std::mem::replace(&mut moved.addr, addr.clone());
                self.use_relay(&addr);
                self.drop_relay(&before);
                self.keep_mailboxes(id);
            }
            Some(_) => {}
        }
    }

    fn leave_mailbox(&mut self, id: &WorkspaceId, relay: &DeviceId) {
        let Some(used) = self.relays().find(|used| device_at(used) == Some(*relay)).cloned() else { return };
        let kept = self.mail.kept.entry(*id).or_default();
        let before = kept.len();
        kept.retain(|k| device_at(&k.addr) != Some(*relay));
        if kept.len() < before {
            self.keep_mailboxes(id);
        }
        self.drop_relay(&used);
    }

    /// Whether a relay keeps a workspace, as far as this device is told.
    pub(super) fn keeps(&self, relay: &DeviceId, id: &WorkspaceId) -> bool {
        let is = |addr: &Multiaddr| device_at(addr).as_ref() == Some(relay);
        self.options.relays.iter().any(is) || self.mail.kept.get(id).is_some_and(|k| k.iter().any(|k| is(&k.addr)))
    }

    /// The relays that were named for a workspace.
    pub(super) fn mailboxes_of(&self, id: &WorkspaceId) -> impl Iterator<Item = &Multiaddr> {
        self.mail.kept.get(id).into_iter().flatten().map(|k| &k.addr)
    }

    /// The relay that shall attest a link: the first that keeps the workspace.
    pub(super) fn attesting_relay(&self, id: &WorkspaceId) -> Result<Multiaddr, ApiError> {
        let first = self.mailboxes_of(id).chain(&self.options.relays).next().cloned();
        first.ok_or_else(|| ApiError::new("no_relay", "no relay keeps this workspace; add one first"))
    }

    /// The relays of a workspace, with how it stands there.
    pub(super) fn shown_mailboxes(&self, id: &WorkspaceId) -> Vec<WorkspaceRelay> {
        let mut all: Vec<&Multiaddr> = self.mailboxes_of(id).collect();
        all.extend(
            self.options
                .relays
                .iter()
                .filter(|r| !all.iter().any(|k| device_at(k) == device_at(r)))
                .collect::<Vec<_>>(),
        );
        let lacks = |relay: &DeviceId| self.rooms.get(id).and_then(|room| room.space.replica.behind(relay));
        let row = |addr: &&Multiaddr| {
            let relay = device_at(addr);
            let posts = relay.and_then(|relay| self.mail.met.get(&relay));
            let post = posts.and_then(|posts| posts.get(id));
            let state = match (posts, post) {
                (None, _) => "down",
                (_, Some(post)) if post.heads.is_some() => "kept",
                (_, Some(Post { refused: Some(_), .. })) => "refused",
                _ => "up",
            };
            WorkspaceRelay {
                addr: addr.to_string(),
                state,
                code: post.and_then(|post| post.refused).map(|refusal| refusal.code().to_owned()),
                behind: relay.and_then(|relay| lacks(&relay)),
            }
        };
        all.iter().map(row).collect()
    }

    /// Adds a relay to a workspace, for all of its members; in place of another address of the same relay.
    pub(super) fn add_mailbox(
        &mut self,
        id: &WorkspaceId,
        addr: &Multiaddr,
        token: Option<String>,
    ) -> Result<(), ApiError> {
        let Some(relay) = device_at(addr) else {
            return Err(ApiError::params(format!("expected an address that ends in /p2p/…, found {addr}")));
        };
        if self.mailboxes_of(id).filter(|kept| device_at(kept) != Some(relay)).count() >= MAX_MAILBOXES {
            return Err(ApiError::new("too_many_relays", format!("at most {MAX_MAILBOXES} relays keep a workspace")));
        }
        self.name_mailbox(id, &relay, Some(addr))?;
        self.follow_mailbox(id, &relay, addr.clone());
        let kept = self.mail.kept.entry(*id).or_default();
        if let Some(kept) = kept.iter_mut().find(|k| k.addr == *addr) {
            kept.token = token;
        }
        self.keep_mailboxes(id);
        if let Some(post) = self.post(&relay, id) {
            (post.due, post.failures) = (0, 0);
        }
        Ok(())
    }

    /// Takes a relay away from a workspace, for all of its members, if it is known by just this address. What it keeps stays
    /// there until its operator drops it.
    pub(super) fn remove_mailbox(&mut self, id: &WorkspaceId, addr: &Multiaddr) -> Result<bool, ApiError> {
        let relay = device_at(addr).filter(|_| self.mailboxes_of(id).any(|kept| kept == addr));
        let Some(relay) = relay else { return Ok(false) };
        self.name_mailbox(id, &relay, None)?;
        self.leave_mailbox(id, &relay);
        Ok(true)
    }

    /// Tells all members in the document at which address a relay keeps the workspace, or that it shall no more.
    fn name_mailbox(&mut self, id: &WorkspaceId, relay: &DeviceId, addr: Option<&Multiaddr>) -> Result<(), ApiError> {
        let entry = relays::entry(relay, addr);
        self.edit(id, |space, _| Ok((vec![space.document().set_meta(&entry)], ())))?;
        self.flush(id, u64::MAX);
        Ok(())
    }
}

fn key_of(id: &WorkspaceId) -> String {
    format!("mailboxes {id}")
}
