//! Telling connected members what was committed: the heads, and to who lacked what it was told lately, also the ops.
//!
//! News go out at once, as long as they are not too many a second for a relay; else what follows gathers for a moment. Whoever has left too much unanswered is
//! not told more: meanwhile what it is to be told gathers for it, and beyond a bound it is told the heads alone, and asks.
//! Deliberately absent: any account of what a member holds. Whether it hears of ops from others already, its answers say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::request_response::OutboundRequestId;
use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use omniscope_protocol::wire::{Request, Response};

use super::driver::Driver;
use crate::feed::MessageId;
use crate::names::peer_of;

/// So many members are told a second, all workspaces together: those in which much happens share that, and each waits
/// between two tellings for as long as telling all of their members takes.
const TOLD_PER_SECOND: u32 = 9000;
const MAX_PAUSE: Duration = Duration::from_millis(200);
/// Bytes of ops that gather for one message; where there are more, heads are told alone.
const MAX_OP_BYTES: usize = 32 * 1024;

/// News on the feed that one member may leave unanswered, and bytes of them: twice what it may keep answers back for.
const MAX_UNANSWERED: usize = 32;
const MAX_UNANSWERED_BYTES: usize = 32 * 1024;

/// Who lacked what it was told is given ops until so many news in a row were known to it: one that asks for what it
/// lacks may have been answered before the next news come.
const GIVEN_OPS: u8 = 16;

/// What is to be told, and who was told and has not answered.
#[derive(Default)]
pub(super) struct News {
    /// Workspaces of which something was told lately or is to be told.
    gathered: BTreeMap<WorkspaceId, Gathered>,
    listeners: BTreeMap<PeerId, BTreeMap<WorkspaceId, Listener>>,
    sent: HashMap<Told, (PeerId, WorkspaceId, usize)>,
    /// Who listens to the feed; others are told by requests.
    on_feed: BTreeSet<PeerId>,
}

/// Names news on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Told {
    Feed(MessageId),
    Request(OutboundRequestId),
}

/// What came since members were told last.
struct Gathered {
    /// The earliest moment of the next telling.
    next: Instant,
    /// How many members were told last.
    told: u32,
    /// Whether there is anything to tell.
    due: bool,
    batch: Batch,
    /// Who brought it: if it was one device, it knows.
    from: BTreeSet<Option<DeviceId>>,
}

/// Ops to tell, if they are all that came; else there is more to ask for.
#[derive(Default)]
struct Batch {
    ops: Vec<Arc<[u8]>>,
    bytes: usize,
    incomplete: bool,
}

/// A member as a listener to one workspace.
#[derive(Default)]
struct Listener {
    /// News that it has not answered, and their bytes.
    unanswered: usize,
    bytes: usize,
    /// Whether it was told again of what it did not hear, and nothing has come since, from it or for it.
    told_again: bool,
    /// What came while it could not be told.
    missed: Option<Batch>,
    /// How many more news it is given with their ops.
    lacks: u8,
}

impl Batch {
    /// Adds what came, in order; nothing means that there is something to ask for.
    fn add(&mut self, ops: &[Arc<[u8]>]) {
        self.bytes += ops.iter().map(|op| op.len()).sum::<usize>();
        self.incomplete |= ops.is_empty() || self.bytes > MAX_OP_BYTES;
        if self.incomplete { self.ops.clear() } else { self.ops.extend_from_slice(ops) }
    }
}

impl Gathered {
    fn new(next: Instant) -> Self {
        Self { next, told: 0, due: false, batch: Batch::default(), from: BTreeSet::new() }
    }

    /// Whether one device brought all of it.
    fn is_only_from(&self, device: DeviceId) -> bool {
        self.from.len() == 1 && self.from.contains(&Some(device))
    }
}

impl News {
    /// Something was committed, brought by `from`. Without ops, members are told to ask.
    pub(super) fn add(&mut self, workspace: WorkspaceId, ops: &[Arc<[u8]>], from: Option<DeviceId>, now: Instant) {
        let gathered = self.gathered.entry(workspace).or_insert_with(|| Gathered::new(now));
        gathered.due = true;
        gathered.from.insert(from);
        gathered.batch.add(ops);
    }

    /// A device is connected no more.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.listeners.remove(peer);
        self.on_feed.remove(peer);
    }

    /// A device is told by the feed from now on.
    pub(super) fn listens(&mut self, peer: PeerId) {
        self.on_feed.insert(peer);
    }

    /// What came in a workspace, once it is time to tell it.
    fn take(&mut self, workspace: &WorkspaceId, now: Instant) -> Option<Gathered> {
        let gathered = self.gathered.get_mut(workspace).filter(|gathered| gathered.due && gathered.next <= now)?;
        Some(std::mem::replace(gathered, Gathered::new(now)))
    }

    /// So many members of a workspace are told now; the next time is then.
    fn pause(&mut self, workspace: &WorkspaceId, told: usize, now: Instant) {
        let lately = self.gathered.values().filter(|gathered| gathered.next > now).map(|gathered| gathered.told);
        let lately: u32 = lately.chain([told as u32]).sum();
        if let Some(gathered) = self.gathered.get_mut(workspace) {
            gathered.told = told as u32;
            gathered.next = now + (Duration::from_secs(lately.into()) / TOLD_PER_SECOND).min(MAX_PAUSE);
        }
    }

    /// The workspaces with something to tell now; those that were quiet for a while are forgotten.
    fn due(&mut self, now: Instant) -> Vec<WorkspaceId> {
        self.gathered.retain(|_, gathered| gathered.due || gathered.next > now);
        self.gathered.iter().filter(|(_, gathered)| gathered.due && gathered.next <= now).map(|(id, _)| *id).collect()
    }

    fn listener(&mut self, peer: PeerId, workspace: WorkspaceId) -> &mut Listener {
        self.listeners.entry(peer).or_default().entry(workspace).or_default()
    }

    /// Whether a member can be told now.
    fn has_room(&mut self, peer: PeerId, workspace: WorkspaceId) -> bool {
        let on_feed = self.on_feed.contains(&peer);
        let Listener { unanswered, bytes, .. } = *self.listener(peer, workspace);
        unanswered == 0 || on_feed && unanswered < MAX_UNANSWERED && bytes < MAX_UNANSWERED_BYTES
    }

    /// A member is told.
    fn told(&mut self, id: Told, peer: PeerId, workspace: WorkspaceId, bytes: usize) {
        let listener = self.listener(peer, workspace);
        listener.unanswered += 1;
        listener.bytes += bytes;
        self.sent.insert(id, (peer, workspace, bytes));
    }

    /// News are under way no more. To whom they went, unless it is connected no more.
    fn ended(&mut self, id: Told) -> Option<(PeerId, WorkspaceId, &mut Listener)> {
        let (peer, workspace, bytes) = self.sent.remove(&id)?;
        let listener = self.listeners.get_mut(&peer)?.get_mut(&workspace)?;
        // What went to it before it was connected anew is not among what it was told since.
        listener.unanswered = listener.unanswered.saturating_sub(1);
        listener.bytes = listener.bytes.saturating_sub(bytes);
        Some((peer, workspace, listener))
    }
}

impl Driver {
    /// Tells what is due, everywhere.
    pub(super) fn tell_due(&mut self, now: Instant) {
        for workspace in self.news.due(now) {
            self.tell_news(workspace, now);
        }
    }

    /// Tells the members of one workspace what is new there, unless they were told a moment ago.
    pub(super) fn tell_news(&mut self, workspace: WorkspaceId, now: Instant) {
        let Some(gathered) = self.news.take(&workspace, now) else { return };
        let Some(heads) = self.mailbox.heads(&workspace) else { return };
        let ops = gathered.batch.ops.clone();
        let short: Arc<[u8]> = Request::News { workspace, heads: heads.clone(), ops: Vec::new() }.encode().into();
        let whole: Arc<[u8]> = Request::News { workspace, heads, ops }.encode().into();
        let members = self.mailbox.members_of(&workspace).filter(|device| !gathered.is_only_from(**device));
        let peers: Vec<PeerId> = members.map(peer_of).filter(|peer| self.swarm.is_connected(peer)).collect();
        self.news.pause(&workspace, peers.len(), now);
        for peer in peers {
            let has_room = self.news.has_room(peer, workspace);
            let listener = self.news.listener(peer, workspace);
            if has_room {
                listener.told_again = false;
                let body = if listener.lacks > 0 { &whole } else { &short };
                self.tell(peer, workspace, Arc::clone(body));
            } else {
                // Who is told heads alone is so told of what it missed, too.
                let ops: &[_] = if listener.lacks > 0 { &gathered.batch.ops } else { &[] };
                listener.missed.get_or_insert_default().add(ops);
            }
        }
    }

    fn tell(&mut self, peer: PeerId, workspace: WorkspaceId, body: Arc<[u8]>) {
        let (behaviour, bytes) = (self.swarm.behaviour_mut(), body.len());
        let id = match self.news.on_feed.contains(&peer) {
            true => Told::Feed(behaviour.feed.send(peer, body)),
            false => Told::Request(behaviour.requests.send_request(&peer, body.to_vec().into())),
        };
        self.news.told(id, peer, workspace, bytes);
    }

    /// A member has answered what it was told.
    pub(super) fn on_heard(&mut self, id: Told, answer: &[u8]) {
        let lacks = Response::decode(answer) == Ok(Response::Heard { new: true });
        let Some((peer, workspace, listener)) = self.news.ended(id) else { return };
        listener.told_again = false;
        listener.lacks = if lacks { GIVEN_OPS } else { listener.lacks.saturating_sub(1) };
        if let Some(missed) = listener.missed.take() {
            self.tell_missed(peer, workspace, missed.ops);
        }
    }

    /// A member did not hear what it was told: where it is connected still, it is told of it again, once.
    pub(super) fn on_unheard(&mut self, id: Told) {
        let Some((peer, workspace, listener)) = self.news.ended(id) else { return };
        if listener.unanswered > 0 {
            return;
        }
        let missed = listener.missed.take().is_some();
        if !std::mem::replace(&mut listener.told_again, true) || missed {
            self.tell_missed(peer, workspace, Vec::new());
        }
    }

    fn tell_missed(&mut self, peer: PeerId, workspace: WorkspaceId, ops: Vec<Arc<[u8]>>) {
        if let Some(heads) = self.mailbox.heads(&workspace).filter(|_| self.swarm.is_connected(&peer)) {
            self.tell(peer, workspace, Request::News { workspace, heads, ops }.encode().into());
        }
    }
}
