//! Who may be reached through this relay, and who may reach others through it.
//!
//! libp2p asks at every reservation, also a renewed one, and at every circuit. The relay's driver keeps the answer up
//! to date from what the mailboxes judge. Deliberately absent: that judgement, and disconnecting (`server`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use libp2p::PeerId;

use crate::config::Policy;

/// Who has shown an invitation may open circuits for this long; it asks again by then.
const GUEST_FOR: Duration = Duration::from_secs(600);
/// Guests at one time; of more the one whose time ends first has to show its invitation again.
const MAX_GUESTS: usize = 4096;

/// Shared between the driver, which writes, and libp2p's relay behaviour, which asks.
#[derive(Clone)]
pub(crate) struct Gate {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    policy: Policy,
    members: HashSet<PeerId>,
    guests: HashMap<PeerId, Instant>,
}

impl Gate {
    pub(crate) fn new(policy: Policy) -> Self {
        let inner = Inner { policy, members: HashSet::new(), guests: HashMap::new() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Whether a device may be reached through this relay.
    pub(crate) fn may_reserve(&self, peer: &PeerId) -> bool {
        let inner = self.inner();
        inner.policy == Policy::Open || inner.members.contains(peer)
    }

    /// Whether a device may reach others through this relay.
    pub(crate) fn may_connect(&self, peer: &PeerId, now: Instant) -> bool {
        let inner = self.inner();
        inner.policy == Policy::Open
            || inner.members.contains(peer)
            || inner.guests.get(peer).is_some_and(|until| now < *until)
    }

    /// A device belongs to a workspace that is served here.
    pub(crate) fn admit(&self, peer: PeerId) {
        self.inner().members.insert(peer);
    }

    /// A device has shown an invitation to such a workspace.
    pub(crate) fn admit_guest(&self, peer: PeerId, now: Instant) {
        let mut inner = self.inner();
        if inner.guests.len() >= MAX_GUESTS {
            inner.guests.retain(|_, until| now < *until);
            let first = inner.guests.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer);
            if let Some(first) = first.filter(|_| inner.guests.len() >= MAX_GUESTS) {
                inner.guests.remove(&first);
            }
        }
        inner.guests.insert(peer, now + GUEST_FOR);
    }

    /// A device belongs to nothing here any more.
    pub(crate) fn expel(&self, peer: &PeerId) {
        let mut inner = self.inner();
        inner.members.remove(peer);
        inner.guests.remove(peer);
    }

    pub(crate) fn set_policy(&self, policy: Policy) {
        self.inner().policy = policy;
    }

    pub(crate) fn policy(&self) -> Policy {
        self.inner().policy
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing is half-written under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_reached_guests_reach_and_strangers_do_neither() {
        let now = Instant::now();
        let gate = Gate::new(Policy::Members);
        let [member, guest, stranger] = [(); 3].map(|()| PeerId::random());
        gate.admit(member);
        gate.admit_guest(guest, now);
        let may = |peer, at| (gate.may_reserve(&peer), gate.may_connect(&peer, at));
        assert_eq!(may(member, now), (true, true));
        assert_eq!(may(guest, now), (false, true));
        assert_eq!(may(guest, now + GUEST_FOR), (false, false));
        assert_eq!(may(stranger, now), (false, false));
        gate.expel(&member);
        assert_eq!(may(member, now), (false, false));
        gate.set_policy(Policy::Open);
        assert_eq!(may(stranger, now), (true, true));
    }

    #[test]
    fn guests_are_bounded() {
        let now = Instant::now();
        let gate = Gate::new(Policy::Members);
        let first = PeerId::random();
        gate.admit_guest(first, now);
        for n in 0..MAX_GUESTS as u64 {
            gate.admit_guest(PeerId::random(), now + Duration::from_millis(1 + n));
        }
        assert!(!gate.may_connect(&first, now));
        assert_eq!(gate.inner().guests.len(), MAX_GUESTS);
    }
}
