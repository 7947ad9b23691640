//! Figures of a relay, in the text format of Prometheus. No peer, no workspace, no address stands in them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use omniscope_protocol::wire::{Refusal, Request};

use crate::store::Write;

/// Numbers of refusals that are counted apart.
const REFUSALS: usize = 32;

/// What is true right now.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Gauges {
    pub(crate) peers: u64,
    pub(crate) connections: u64,
    pub(crate) workspaces: u64,
    pub(crate) awake: u64,
    pub(crate) ops: u64,
    pub(crate) op_bytes: u64,
    pub(crate) database_bytes: u64,
    pub(crate) waiting_requests: u64,
    pub(crate) free_incoming_bytes: u64,
}

/// The counters and gauges of one relay.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [AtomicU64; 13],
    refusals: [AtomicU64; REFUSALS],
    codes: [std::sync::OnceLock<&'static str>; REFUSALS],
    reservations: [AtomicU64; 2],
    circuits: [AtomicU64; 2],
    turned_away: AtomicU64,
    stored_ops: AtomicU64,
    stored_bytes: AtomicU64,
    gauges: [AtomicU64; 9],
}

const REQUESTS: [&str; 13] = [
    "sync", "fetch", "push", "join", "register", "lookup", "keys", "deposit", "device", "asked", "state", "news",
    "notes",
];
const GAUGES: [(&str, &str); 9] = [
    ("peers", "Devices connected."),
    ("connections", "Connections open."),
    ("workspaces", "Workspaces registered."),
    (
        "workspaces_in_memory",
        "Workspaces whose whole log is in memory; of the others the end is, and the rest is read when it is needed.",
    ),
    ("ops", "Ops kept."),
    ("op_bytes", "Bytes of ops kept."),
    ("database_bytes", "Bytes of the database file."),
    ("waiting_requests", "Requests that wait for their turn."),
    ("free_incoming_bytes", "Bytes left for requests on their way in."),
];

impl Metrics {
    pub(crate) fn request(&self, request: &Request) {
        let kind = match request {
            Request::Sync { .. } => 0,
            Request::Fetch { .. } => 1,
            Request::Push { .. } => 2,
            Request::Join { .. } => 3,
            Request::Register { .. } => 4,
            Request::Lookup { .. } => 5,
            Request::Keys { .. } => 6,
            Request::Deposit { .. } => 7,
            Request::Device { .. } => 8,
            Request::Asked { .. } => 9,
            Request::State { .. } => 10,
            Request::News { .. } => 11,
            Request::Notes { .. } => 12,
        };
        self.requests[kind].fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self, why: Refusal) {
        let at = (why as usize).min(REFUSALS - 1);
        self.codes[at].get_or_init(|| why.code());
        self.refusals[at].fetch_add(1, Relaxed);
    }

    pub(crate) fn reservation(&self, granted: bool) {
        self.reservations[usize::from(granted)].fetch_add(1, Relaxed);
    }

    pub(crate) fn circuit(&self, granted: bool) {
        self.circuits[usize::from(granted)].fetch_add(1, Relaxed);
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }

    pub(crate) fn stored(&self, writes: &[Write]) {
        for write in writes {
            if let Write::Op { bytes, .. } = write {
                self.stored_ops.fetch_add(1, Relaxed);
                self.stored_bytes.fetch_add(bytes.len() as u64, Relaxed);
            }
        }
    }

    pub(crate) fn gauges(&self, now: &Gauges) {
        let values = [
            now.peers,
            now.connections,
            now.workspaces,
            now.awake,
            now.ops,
            now.op_bytes,
            now.database_bytes,
            now.waiting_requests,
            now.free_incoming_bytes,
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.store(value, Relaxed);
        }
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((name, help), value) in GAUGES.iter().zip(&self.gauges) {
            head(&mut text, name, help, "gauge");
            line(&mut text, name, "", value);
        }
        head(&mut text, "requests_total", "Requests served, by kind.", "counter");
        for (kind, value) in REQUESTS.iter().zip(&self.requests) {
            line(&mut text, "requests_total", &format!("{{kind=\"{kind}\"}}"), value);
        }
        head(&mut text, "refusals_total", "Requests refused, by reason.", "counter");
        for (code, value) in self.codes.iter().zip(&self.refusals) {
            if let Some(code) = code.get() {
                line(&mut text, "refusals_total", &format!("{{reason=\"{code}\"}}"), value);
            }
        }
        for (name, help, counters) in [
            ("reservations_total", "Reservations asked for.", &self.reservations),
            ("circuits_total", "Circuits asked for.", &self.circuits),
        ] {
            head(&mut text, name, help, "counter");
            line(&mut text, name, "{result=\"refused\"}", &counters[0]);
            line(&mut text, name, "{result=\"granted\"}", &counters[1]);
        }
        head(&mut text, "turned_away_total", "Connections that were not let in, because of their number.", "counter");
        line(&mut text, "turned_away_total", "", &self.turned_away);
        head(&mut text, "stored_ops_total", "Ops handed to the database.", "counter");
        line(&mut text, "stored_ops_total", "", &self.stored_ops);
        head(&mut text, "stored_bytes_total", "Bytes of those.", "counter");
        line(&mut text, "stored_bytes_total", "", &self.stored_bytes);
        text
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "# HELP omniscope_relay_{name} {help}\n# TYPE omniscope_relay_{name} {kind}\n");
}

fn line(text: &mut String, name: &str, labels: &str, value: &AtomicU64) {
    let _ = writeln!(text, "omniscope_relay_{name}{labels} {}", value.load(Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use omniscope_protocol::identity::WorkspaceId;

    #[test]
    fn figures_carry_no_ids() {
        let metrics = Metrics::default();
        metrics.request(&Request::Lookup { workspace: WorkspaceId([0xab; 32]) });
        metrics.refused(Refusal::NotMember);
        metrics.gauges(&Gauges { peers: 3, ..Gauges::default() });
        let text = metrics.text();
        assert!(text.contains("omniscope_relay_requests_total{kind=\"lookup\"} 1\n"));
        assert!(text.contains("omniscope_relay_refusals_total{reason=\"not_member\"} 1\n"));
        assert!(text.contains("omniscope_relay_peers 3\n"));
        assert!(!text.contains("abab"));
    }
}
