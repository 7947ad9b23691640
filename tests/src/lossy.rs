//! A wire with delay and loss: forwards UDP to one place and back, so that QUIC meets what a long way does to packets.
//!
//! Deliberately absent: TCP, reordering of its own, and limits of bandwidth.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::rows::Rng;

/// Larger than any datagram of QUIC here.
const MAX_DATAGRAM: usize = 65_535;

/// What the wire does to each packet, in each direction.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// Every packet takes this long.
    pub delay: Duration,
    /// So many of 1000 packets are lost.
    pub lost_per_mille: u64,
}

/// A running wire; it ends when dropped.
pub struct Lossy {
    addr: SocketAddr,
    task: JoinHandle<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    carried: AtomicU64,
    lost: AtomicU64,
}

impl Lossy {
    /// Listens on a free port of loopback and carries packets to `target`, each sender by a socket of its own.
    pub async fn start(target: SocketAddr, wire: Wire, seed: u64) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let addr = front.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(forward(front, target, wire, seed, counts.clone()));
        Self { addr, task, counts }
    }

    /// Where packets go in.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Packets carried and packets lost so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.carried.load(Ordering::Relaxed), self.counts.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(front: Arc<UdpSocket>, target: SocketAddr, wire: Wire, seed: u64, counts: Arc<Counts>) {
    let mut senders: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    // Ends the tasks that carry answers together with this one.
    let mut answers = tokio::task::JoinSet::new();
    let mut die = Rng(seed);
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        // An error is about an earlier packet to somebody who has gone.
        let Ok((length, from)) = front.recv_from(&mut buffer).await else { continue };
        #[allow(clippy::map_entry, reason = "a socket is awaited in between")]
        if !senders.contains_key(&from) {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            back.connect(target).await.unwrap();
            senders.insert(from, back.clone());
            let (front, counts, mut die) = (front.clone(), counts.clone(), Rng(die.next_u64()));
            answers.spawn(async move {
                let mut buffer = vec![0; MAX_DATAGRAM];
                loop {
                    let Ok(length) = back.recv(&mut buffer).await else { continue };
                    let (front, packet) = (front.clone(), buffer[..length].to_vec());
                    carry(wire, &mut die, &counts, async move { drop(front.send_to(&packet, from).await) });
                }
            });
        }
        let (back, packet) = (senders[&from].clone(), buffer[..length].to_vec());
        carry(wire, &mut die, &counts, async move { drop(back.send(&packet).await) });
    }
}

fn carry(wire: Wire, die: &mut Rng, counts: &Counts, send: impl Future<Output = ()> + Send + 'static) {
    if die.below(1000) < wire.lost_per_mille {
        counts.lost.fetch_add(1, Ordering::Relaxed);
        return;
    }
    counts.carried.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        tokio::time::sleep(wire.delay).await;
        send.await;
    });
}
