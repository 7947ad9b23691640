//! The way of events to the owner, bounded.
//!
//! Hints (gossip) and requests are shed when the owner falls behind; what the owner must not miss waits in a backlog,
//! and while that is long the swarm is not polled, so that the pressure reaches the peers. Deliberately absent: any
//! coalescing of events.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::NetEvent;

/// Events that must not be lost and that wait for room; beyond it the swarm rests.
const MAX_BACKLOG: usize = 1024;

pub(super) struct Outbox {
    sender: mpsc::Sender<NetEvent>,
    backlog: VecDeque<NetEvent>,
}

impl Outbox {
    pub(super) fn new(sender: mpsc::Sender<NetEvent>) -> Self {
        Self { sender, backlog: VecDeque::new() }
    }

    /// Hands over an event that must arrive.
    pub(super) fn push(&mut self, event: NetEvent) {
        if let Err(event) = self.offer(event) {
            self.backlog.push_back(event);
        }
    }

    /// Hands over an event that may be shed, and gives it back when there is no room.
    #[allow(clippy::result_large_err, reason = "what comes back is the event itself, and it is kept")]
    pub(super) fn offer(&mut self, event: NetEvent) -> Result<(), NetEvent> {
        if !self.backlog.is_empty() {
            return Err(event);
        }
        match self.sender.try_send(event) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(event)) => Err(event),
            // Nobody listens any more; the loop ends when the handles are gone too.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Whether the swarm should rest until the owner has caught up.
    pub(super) fn is_choked(&self) -> bool {
        self.backlog.len() >= MAX_BACKLOG
    }

    pub(super) fn sender(&self) -> mpsc::Sender<NetEvent> {
        self.sender.clone()
    }

    /// Moves as much of the backlog as there is room for.
    pub(super) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => self.backlog.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn hints_are_shed_and_facts_keep_their_order() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        outbox.push(NetEvent::Online(true));
        assert!(outbox.offer(NetEvent::Online(true)).is_err());
        outbox.push(NetEvent::Online(false));
        assert!(outbox.has_backlog() && !outbox.is_choked());
        assert!(matches!(receiver.try_recv().unwrap(), NetEvent::Online(true)));
        assert!(outbox.offer(NetEvent::Online(true)).is_err(), "nothing overtakes the backlog");
        outbox.flush();
        assert!(matches!(receiver.try_recv().unwrap(), NetEvent::Online(false)));
        for _ in 0..=MAX_BACKLOG {
            outbox.push(NetEvent::Online(true));
        }
        assert!(outbox.is_choked());
    }
}
