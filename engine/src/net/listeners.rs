//! Where this device listens.
//!
//! A port chosen by the system is kept over offline phases and restarts, so that the addresses which others remember
//! stay true.
//! Deliberately absent: circuits, which belong to `relays`.

use std::net::IpAddr;
use std::time::Instant;

use libp2p::Multiaddr;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;

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
    /// That port was had in this run.
    own: bool,
    open: Option<ListenerId>,
    failures: u32,
    backoff: Backoff,
}

pub(super) struct Listeners {
    listeners: Vec<Listener>,
}

impl Listeners {
    /// `before` says what ports the system chose in an earlier run; they are tried first.
    pub(super) fn new(configured: Vec<Multiaddr>, mut before: Vec<Multiaddr>, now: Instant) -> Self {
        let configured = if configured.is_empty() { default_addresses() } else { configured };
        let mut listener = |configured: Multiaddr| {
            let at = before.iter().position(|addr| with_port_of(&configured, addr) == *addr);
            let settled = at.map(|at| before.swap_remove(at));
            Listener {
                configured,
                settled,
                own: false,
                open: None,
                failures: 0,
                backoff: Backoff::new(Pace::Relay, now),
            }
        };
        Self { listeners: configured.into_iter().map(&mut listener).collect() }
    }

    /// Addresses to listen on now, by index; each is noted as attempted.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(usize, Multiaddr)> {
        let mut due = Vec::new();
        for (index, listener) in self.listeners.iter_mut().enumerate() {
            if listener.open.is_none() && listener.backoff.is_due(now) {
                listener.backoff.attempted(now, jitter());
                let old = listener.failures < ATTEMPTS_AT_OLD_PORT;
                let settled = listener.settled.as_ref().filter(|addr| old && (listener.own || is_free(addr)));
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

    /// A listener got an address. Returns all ports that the system chose, if that changed any.
    pub(super) fn bound(&mut self, id: ListenerId, actual: &Multiaddr) -> Option<Vec<Multiaddr>> {
        let listener = self.listeners.iter_mut().find(|listener| listener.open == Some(id))?;
        let settled = with_port_of(&listener.configured, actual);
        listener.failures = 0;
        listener.own = true;
        if listener.settled.as_ref() == Some(&settled) {
            return None;
        }
        listener.settled = Some(settled);
        let chosen = self.listeners.iter().filter_map(|l| l.settled.as_ref().filter(|s| **s != l.configured));
        Some(chosen.cloned().collect())
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

/// Whether nobody listens on a TCP port. libp2p shares ports, for hole punching, so that without this a port that another
/// device got while this one was away would be both of theirs.
fn is_free(addr: &Multiaddr) -> bool {
    let mut parts = addr.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return true,
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => std::net::TcpListener::bind((ip, port)).is_ok(),
        _ => true,
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
    fn ports_of_an_earlier_run_are_tried_first() {
        let now = Instant::now();
        let read = |text: &str| text.parse::<Multiaddr>().unwrap();
        let configured =
            vec![read("/ip4/0.0.0.0/udp/0/quic-v1"), read("/ip4/0.0.0.0/tcp/0"), read("/ip4/0.0.0.0/tcp/9")];
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let old = read(&format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()));
        assert!(!is_free(&old));
        drop(taken);
        assert!(is_free(&old));
        let before = vec![read("/ip4/0.0.0.0/tcp/4242"), read("/ip6/::/udp/4243/quic-v1"), read("/ip4/0.0.0.0/tcp/7")];
        let mut listeners = Listeners::new(configured.clone(), before, now);
        let due: Vec<Multiaddr> = listeners.due(now).into_iter().map(|(_, addr)| addr).collect();
        assert_eq!(due, [configured[0].clone(), read("/ip4/0.0.0.0/tcp/4242"), configured[2].clone()]);
        let id = ListenerId::next();
        listeners.opened(0, id);
        let chosen = listeners.bound(id, &read("/ip4/127.0.0.1/udp/4244/quic-v1")).unwrap();
        assert_eq!(chosen, [read("/ip4/0.0.0.0/udp/4244/quic-v1"), read("/ip4/0.0.0.0/tcp/4242")]);
        assert_eq!(listeners.bound(id, &read("/ip4/10.0.0.1/udp/4244/quic-v1")), None, "told once");
    }

    #[test]
    fn the_old_port_is_tried_first_and_given_up_at_last() {
        let mut now = Instant::now();
        let mut listeners = Listeners::new(vec!["/ip4/0.0.0.0/tcp/0".parse().unwrap()], Vec::new(), now);
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
