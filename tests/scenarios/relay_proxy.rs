//! A relay behind a reverse proxy that speaks the PROXY protocol: limits by address count the real addresses, and nobody
//! but the proxy is believed.
//!
//! The proxy here passes bytes on behind its header; `real` has nginx and haproxy. Deliberately absent: TLS, which such a
//! proxy ends.

mod real;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use omniscope_relay::{Config, Policy, Server};
use omniscope_tests::net_node::{NetNode, PATIENCE};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A proxy before `target` that says of every connection that it comes from `claim`; gives its port.
async fn proxy(target: SocketAddr, claim: &'static str, tasks: &mut JoinSet<()>) -> u16 {
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = front.local_addr().unwrap().port();
    tasks.spawn(async move {
        let mut under_way = JoinSet::new();
        loop {
            let (mut client, _) = front.accept().await.unwrap();
            under_way.spawn(async move {
                let Ok(mut relay) = TcpStream::connect(target).await else { return };
                let header = format!("PROXY TCP4 {claim} 192.0.2.254 {} 443\r\n", client.peer_addr().unwrap().port());
                if relay.write_all(header.as_bytes()).await.is_ok() {
                    // Either end may have gone.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut relay).await;
                }
            });
        }
    });
    port
}

async fn relay(folder: &std::path::Path, trusted: bool) -> (Server, SocketAddr) {
    let mut config = Config::new(folder.to_owned());
    config.listen = vec!["/ip4/127.0.0.1/tcp/0/ws".parse().unwrap()];
    config.policy = Policy::Open;
    config.limits.connections_per_ip = 1;
    config.trusted_proxies = if trusted { vec!["127.0.0.1".parse().unwrap()] } else { Vec::new() };
    let server = Server::start(config).await.unwrap();
    let port = server.addresses()[0].iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    (server, SocketAddr::from(([127, 0, 0, 1], port.unwrap())))
}

/// A device that reaches the relay at a port of this machine.
async fn device(server: &Server, seed: u8, port: u16) -> NetNode {
    let addr: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}/ws/p2p/{}", server.peer_id()).parse().unwrap();
    NetNode::start_unreachable(seed, vec![addr]).await
}

fn turned_away(server: &Server) -> u64 {
    let text = server.metrics().text();
    let line = text.lines().find_map(|line| line.strip_prefix("omniscope_relay_turned_away_total ")).unwrap();
    line.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_by_address_count_whom_a_trusted_proxy_names() {
    let folder = tempfile::tempdir().unwrap();
    let (server, at) = relay(folder.path(), true).await;
    let mut proxies = JoinSet::new();
    let one = proxy(at, "192.0.2.1", &mut proxies).await;
    let two = proxy(at, "192.0.2.2", &mut proxies).await;
    let mut ana = device(&server, 1, one).await;
    ana.relay_up().await;
    let mut ben = device(&server, 2, two).await;
    ben.relay_up().await;
    assert_eq!(turned_away(&server), 0, "two addresses, one connection each");
    let mut eve = device(&server, 3, two).await;
    eve.relay_down().await;
    let begun = Instant::now();
    while turned_away(&server) == 0 {
        assert!(begun.elapsed() < PATIENCE, "a second connection of an address is one too many");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Whoever comes from the proxy's address without its word is not let in.
    let mut local = device(&server, 4, at.port()).await;
    local.relay_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (server, at) = relay(folder.path(), false).await;
    let mut proxies = JoinSet::new();
    let liar = proxy(at, "192.0.2.1", &mut proxies).await;
    let mut eve = device(&server, 1, liar).await;
    eve.relay_down().await;
    let mut ana = device(&server, 2, at.port()).await;
    ana.relay_up().await;
}
