//! Where this device listens.
//!
//! A port chosen by the system is kept over offline phases, so that the addresses which others remember stay true.
//! Deliberately absent: circuits, which belong to `relays`.

use std::time::Instant;

use libp2p::Multiaddr;
use libp2p::core::transport::ListenerId;

use super::address::{port_of, with_port_of};
use super::backoff::{Backoff, Pace, jitter};

/// Failures in a row before one is told: a port that this device just left is not free at once.
const FAILURES_UNTOLD: u32 = 3;
/// Attempts at the old port before any port will do.
const ATTEMPTS_AT_OLD_PORT: u32 = 4;

struct Listener {
    configured: Multiaddr,
    /// `configured` with the port that the system chose.
    settled: Option<Multiaddr>,
    open: Option<ListenerId>,
    failures: u32,
    backoff: Backoff,
}

pub(super) struct Listeners {
    listeners: Vec<Listener>,
}

impl Listeners {
    pub(super) fn new(configured: Vec<Multiaddr>, now: Instant) -> Self {
        let configured = if configured.is_empty() { default_addresses() } else { configured };
        let listeners = configured
            .into_iter()
            .map(|configured| Listener {
                configured,
                settled: None,
                open: None,
                failures: 0,
                backoff: Backoff::new(Pace::Relay, now),
            })
            .collect();
        Self { listeners }
    }

    /// Addresses to listen on now, by index; each is noted as attempted.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(usize, Multiaddr)> {
        let mut due = Vec::new();
        for (index, listener) in self.listeners.iter_mut().enumerate() {
            if listener.open.is_none() && listener.backoff.is_due(now) {
                listener.backoff.attempted(now, jitter());
                let settled = listener.settled.as_ref().filter(|_| listener.failures < ATTEMPTS_AT_OLD_PORT);
                due.push((index, settled.unwrap_or(&listener.configured).clone()));
            }
        }
        due
    }

    pub(super) fn opened(&mut self, index: usize, id: ListenerId) {
        self.listeners[index].open = Some(id);
    }

    /// Notes a failure; true for the one that is worth telling: the first if it is `hopeless`, else one that lasts.
    pub(super) fn failed(&mut self, index: usize, hopeless: bool) -> bool {
        let listener = &mut self.listeners[index];
        listener.failures = listener.failures.saturating_add(1);
        listener.failures == if hopeless { 1 } else { FAILURES_UNTOLD }
    }

    /// The ports that are listened on, and whether each is QUIC's.
    pub(super) fn ports(&self) -> Vec<(bool, u16)> {
        let open = self.listeners.iter().filter(|listener| listener.open.is_some());
        open.filter_map(|listener| port_of(listener.settled.as_ref()?)).collect()
    }

    /// A listener got an address.
    pub(super) fn bound(&mut self, id: ListenerId, actual: &Multiaddr) {
        if let Some(listener) = self.listeners.iter_mut().find(|listener| listener.open == Some(id)) {
            listener.settled = Some(with_port_of(&listener.configured, actual));
            listener.failures = 0;
        }
    }

    /// A listener closed by itself; true if it was one of these.
    pub(super) fn closed(&mut self, id: ListenerId, now: Instant) -> bool {
        let Some(listener) = self.listeners.iter_mut().find(|listener| listener.open == Some(id)) else { return false };
        listener.open = None;
        listener.backoff.attempted(now, jitter());
        true
    }

    /// Forgets all open listeners and returns them to be closed.
    pub(super) fn reset(&mut self, now: Instant) -> Vec<ListenerId> {
        self.listeners
            .iter_mut()
            .filter_map(|listener| {
                listener.backoff.restart(now);
                listener.failures = 0;
                listener.open.take()
            })
            .collect()
    }
}

fn default_addresses() -> Vec<Multiaddr> {
    ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"]
        .iter()
        .map(|text| text.parse().expect("the default listen addresses are well-formed"))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_old_port_is_tried_first_and_given_up_at_last() {
        let mut now = Instant::now();
        let mut listeners = Listeners::new(vec!["/ip4/0.0.0.0/tcp/0".parse().unwrap()], now);
        assert_eq!(listeners.due(now)[0].1.to_string(), "/ip4/0.0.0.0/tcp/0");
        let id = ListenerId::next();
        listeners.opened(0, id);
        listeners.bound(id, &"/ip4/127.0.0.1/tcp/4242".parse().unwrap());
        assert_eq!(listeners.reset(now), [id]);
        for attempt in 1..=ATTEMPTS_AT_OLD_PORT {
            now += Duration::from_secs(30);
            assert_eq!(listeners.due(now)[0].1.to_string(), "/ip4/0.0.0.0/tcp/4242");
            assert_eq!(listeners.failed(0, false), attempt == FAILURES_UNTOLD, "told once, and not at once");
        }
        now += Duration::from_secs(30);
        assert_eq!(listeners.due(now)[0].1.to_string(), "/ip4/0.0.0.0/tcp/0");
    }
}
