//! Two or three devices over real sockets on loopback.
//!
//! Deliberately absent: relays, which need a relay to talk to; those tests are in the `tests` crate.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt};

use super::*;

const PATIENCE: Duration = Duration::from_secs(15);
const TOPIC: Topic = Topic([9; 32]);

/// One device with its events.
struct Node {
    net: Net,
    events: mpsc::Receiver<NetEvent>,
    addrs: Vec<Multiaddr>,
}

impl Node {
    async fn start(seed: u8, change: impl FnOnce(&mut NetConfig)) -> Self {
        let mut config = NetConfig::new(Zeroizing::new([seed; 32]));
        config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        config.mdns = false;
        change(&mut config);
        let (online, wanted) = (config.online, config.listen.len());
        let (net, events) = Net::start(config).unwrap();
        let mut node = Self { net, events, addrs: Vec::new() };
        while online && node.addrs.len() < wanted {
            let addr = node.until(|event| match event {
                NetEvent::Listening { addr } => Some(addr),
                _ => None,
            });
            let addr = addr.await;
            node.addrs.push(addr);
        }
        node
    }

    /// The first wanted event; panics after [`PATIENCE`].
    async fn until<T>(&mut self, mut want: impl FnMut(NetEvent) -> Option<T>) -> T {
        let wanted = async {
            loop {
                if let Some(found) = want(self.events.recv().await.expect("the network runs")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.expect("the event comes in time")
    }

    fn tell(&self, command: NetCommand) {
        self.net.send(command).unwrap();
    }

    fn know(&self, other: &Node) {
        self.tell(NetCommand::Know { device: other.net.device(), addrs: other.addrs.clone() });
    }

    async fn connected(&mut self, other: DeviceId) -> Path {
        self.until(|event| match event {
            NetEvent::Connected { device, path } if device == other => Some(path),
            _ => None,
        })
        .await
    }

    async fn disconnected(&mut self, other: DeviceId) {
        self.until(|event| matches!(event, NetEvent::Disconnected { device } if device == other).then_some(())).await;
    }

    async fn subscribed(&mut self, other: DeviceId) {
        self.until(|event| matches!(event, NetEvent::Subscribed { device, .. } if device == other).then_some(())).await;
    }

    async fn gossip(&mut self) -> (GossipId, Vec<u8>) {
        self.until(|event| match event {
            NetEvent::Gossip { id, bytes, topic, .. } if topic == TOPIC => Some((id, bytes)),
            _ => None,
        })
        .await
    }

    async fn response(&mut self, wanted: u64) -> Result<Vec<u8>, RequestError> {
        self.until(|event| match event {
            NetEvent::Response { id, result, .. } if id == wanted => Some(result),
            _ => None,
        })
        .await
    }

    async fn request(&mut self) -> (ResponseToken, Vec<u8>) {
        self.until(|event| match event {
            NetEvent::Request { token, body, .. } => Some((token, body)),
            _ => None,
        })
        .await
    }
}

async fn pair(change: impl Fn(&mut NetConfig)) -> (Node, Node) {
    let mut ana = Node::start(1, &change).await;
    let mut ben = Node::start(2, &change).await;
    ben.know(&ana);
    assert_eq!(ben.connected(ana.net.device()).await, Path::Lan);
    ana.connected(ben.net.device()).await;
    (ana, ben)
}

fn tcp_only(config: &mut NetConfig) {
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
}

#[tokio::test]
async fn gossip_reaches_a_neighbour_and_is_forwarded_when_accepted() {
    let (mut ana, mut ben) = pair(|_| {}).await;
    let mut cat = Node::start(3, |_| {}).await;
    cat.know(&ana);
    ana.connected(cat.net.device()).await;
    for node in [&ana, &ben, &cat] {
        node.tell(NetCommand::Subscribe(TOPIC));
    }
    ben.subscribed(ana.net.device()).await;
    cat.subscribed(ana.net.device()).await;
    for verdict in [Verdict::Ignore, Verdict::Accept] {
        // Ben and Cat do not know each other: what Cat hears went through Ana.
        let bytes = format!("{verdict:?}").into_bytes();
        let heard = async {
            loop {
                // Repeated with a counter, because a mesh forms over a heartbeat or two.
                let (id, bytes) = ana.gossip().await;
                ana.tell(NetCommand::Judge { message: id, verdict });
                if bytes.ends_with(b"!") {
                    return;
                }
            }
        };
        for round in 0..20u8 {
            let mut bytes = bytes.clone();
            bytes.extend([round, if round == 19 { b'!' } else { b'.' }]);
            ben.tell(NetCommand::Publish { topic: TOPIC, bytes });
        }
        heard.await;
        if verdict == Verdict::Accept {
            assert!(cat.gossip().await.1.starts_with(b"Accept"), "what was ignored is not forwarded");
        }
    }
}

#[tokio::test]
async fn requests_are_answered_up_to_their_limits() {
    for change in [tcp_only as fn(&mut NetConfig), |_: &mut NetConfig| {}] {
        let (mut ana, mut ben) = pair(change).await;
        for (id, length) in [(1u64, 0usize), (2, 10), (3, MAX_REQUEST_BYTES)] {
            ben.tell(NetCommand::Request { device: ana.net.device(), id, body: vec![7; length] });
            let (token, body) = ana.request().await;
            assert_eq!(body.len(), length);
            ana.tell(NetCommand::Respond { token, body: vec![8; length * 4] });
            assert_eq!(ben.response(id).await.unwrap().len(), length * 4);
        }
        let device = ana.net.device();
        ben.tell(NetCommand::Request { device, id: 4, body: vec![0; MAX_REQUEST_BYTES + 1] });
        assert_eq!(ben.response(4).await, Err(RequestError::TooLarge(MAX_REQUEST_BYTES + 1)));
        ben.tell(NetCommand::Request { device: DeviceId([3; 32]), id: 5, body: Vec::new() });
        assert_eq!(ben.response(5).await, Err(RequestError::NotConnected));
        ben.tell(NetCommand::Request { device, id: 6, body: Vec::new() });
        drop(ana.request().await);
        assert!(ben.response(6).await.is_err(), "a dropped token ends the request");
        ben.tell(NetCommand::Request { device, id: 7, body: Vec::new() });
        let (token, _) = ana.request().await;
        ana.tell(NetCommand::Respond { token, body: vec![0; MAX_RESPONSE_BYTES + 1] });
        assert!(ben.response(7).await.is_err(), "an oversize response is not sent");
    }
}

#[tokio::test]
async fn known_devices_find_each_other_again_after_being_offline() {
    let both = |config: &mut NetConfig| {
        config.listen.push("/ip4/127.0.0.1/tcp/0".parse().unwrap());
    };
    let (mut ana, mut ben) = pair(both).await;
    let (a, b) = (ana.net.device(), ben.net.device());
    ana.tell(NetCommand::SetOnline(false));
    let gone = Instant::now();
    ben.disconnected(a).await;
    assert!(gone.elapsed() < Duration::from_secs(1), "a goodbye is heard at once");
    ana.disconnected(b).await;
    let probe = NetCommand::Dial { addr: ben.addrs[0].clone() };
    ana.tell(probe);
    ana.until(|event| matches!(event, NetEvent::DialFailed { .. }).then_some(())).await;
    ana.tell(NetCommand::SetOnline(true));
    let back = Instant::now();
    // Only Ben knows an address, so Ana must be back on the old one.
    ben.connected(a).await;
    ana.connected(b).await;
    assert!(back.elapsed() < Duration::from_secs(3), "back after {:?}", back.elapsed());
}

#[tokio::test]
async fn a_restarted_device_is_found_again_at_its_old_address() {
    for change in [tcp_only as fn(&mut NetConfig), |_: &mut NetConfig| {}] {
        let (ana, mut ben) = pair(change).await;
        let (device, addrs) = (ana.net.device(), ana.addrs.clone());
        ana.net.shutdown().await;
        ben.disconnected(device).await;
        let listen =
            vec![addrs[0].iter().take_while(|part| !matches!(part, libp2p::multiaddr::Protocol::P2p(_))).collect()];
        let _ana = Node::start(1, |config| config.listen = listen).await;
        ben.connected(device).await;
    }
}

#[tokio::test]
async fn without_gossip_requests_still_work() {
    let (mut ana, mut ben) = pair(|config| config.gossip = false).await;
    ana.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Publish { topic: TOPIC, bytes: b"unheard".to_vec() });
    ben.tell(NetCommand::Request { device: ana.net.device(), id: 1, body: b"?".to_vec() });
    let answered = async {
        loop {
            match ana.events.recv().await.unwrap() {
                NetEvent::Gossip { .. } | NetEvent::Subscribed { .. } => panic!("gossip is off"),
                NetEvent::Request { token, .. } => break ana.tell(NetCommand::Respond { token, body: b"!".to_vec() }),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
    assert_eq!(ben.response(1).await.unwrap(), b"!");
}

#[tokio::test]
async fn oversize_publish_is_refused_and_an_empty_room_is_no_error() {
    let mut ana = Node::start(1, |_| {}).await;
    ana.tell(NetCommand::Subscribe(TOPIC));
    ana.tell(NetCommand::Publish { topic: TOPIC, bytes: vec![0; MAX_PUBLISH_BYTES] });
    ana.tell(NetCommand::Publish { topic: TOPIC, bytes: vec![0; MAX_PUBLISH_BYTES + 1] });
    let error = ana.until(|event| match event {
        NetEvent::PublishFailed { error, .. } => Some(error),
        _ => None,
    });
    assert_eq!(error.await, PublishError::TooLarge(MAX_PUBLISH_BYTES + 1));
}

#[tokio::test]
async fn the_largest_publish_arrives() {
    let (ana, mut ben) = pair(|_| {}).await;
    ana.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Subscribe(TOPIC));
    let mut ana = ana;
    ana.subscribed(ben.net.device()).await;
    let bytes: Vec<u8> = (0..MAX_PUBLISH_BYTES).map(|n| (n % 251) as u8).collect();
    ana.tell(NetCommand::Publish { topic: TOPIC, bytes: bytes.clone() });
    assert_eq!(ben.gossip().await.1, bytes);
}

#[tokio::test]
async fn neighbours_are_discovered_by_mdns() {
    let with_mdns = |config: &mut NetConfig| {
        config.mdns = true;
        config.listen = vec!["/ip4/0.0.0.0/udp/0/quic-v1".parse().unwrap()];
    };
    let ana = Node::start(11, with_mdns).await;
    let mut ben = Node::start(12, with_mdns).await;
    let wanted = ana.net.device();
    let seen =
        ben.until(|event| matches!(event, NetEvent::Discovered { device, .. } if device == wanted).then_some(()));
    if tokio::time::timeout(Duration::from_secs(5), seen).await.is_err() {
        println!("skipped: multicast does not work on this machine");
    }
}

/// A stranger that writes raw bytes onto the request protocol.
#[derive(libp2p::swarm::NetworkBehaviour)]
struct Stranger {
    raw: libp2p::request_response::Behaviour<Raw>,
}

/// Writes what it is given, without a length, and reads whatever comes.
#[derive(Clone, Default)]
struct Raw;

impl libp2p::request_response::Codec for Raw {
    type Protocol = libp2p::StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: futures::AsyncRead + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        _: &mut T,
    ) -> std::io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn read_response<T: futures::AsyncRead + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
    ) -> std::io::Result<Vec<u8>> {
        let mut all = Vec::new();
        io.read_to_end(&mut all).await?;
        Ok(all)
    }

    async fn write_request<T: futures::AsyncWrite + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> std::io::Result<()> {
        io.write_all(&bytes).await
    }

    async fn write_response<T: futures::AsyncWrite + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        _: &mut T,
        _: Vec<u8>,
    ) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn garbage_on_the_request_protocol_harms_nobody() {
    use futures::StreamExt;
    use libp2p::request_response::{Behaviour, Config, Event, ProtocolSupport};

    let seed: u64 = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("SEED={seed}");
    let (mut ana, mut ben) = pair(|_| {}).await;
    let mut stranger = libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic()
        .with_behaviour(|_| Stranger {
            raw: Behaviour::new([(codec::PROTOCOL, ProtocolSupport::Full)], Config::default()),
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
        .build();
    stranger.dial(ana.addrs[0].clone()).unwrap();
    let mut ended = 0;
    let mut state = seed;
    let attack = async {
        loop {
            match stranger.select_next_some().await {
                libp2p::swarm::SwarmEvent::ConnectionEstablished { .. } => {
                    for round in 0..100u32 {
                        let mut bytes = Vec::new();
                        for _ in 0..round % 40 {
                            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                            bytes.push((state >> 56) as u8);
                        }
                        // Half of them announce a length that is too large, the rest lie about a small one.
                        let head = if round % 2 == 0 { 0xffff_ff00 | round } else { 60_000 };
                        let mut frame = head.to_be_bytes().to_vec();
                        frame.extend(bytes);
                        stranger.behaviour_mut().raw.send_request(&ana.net.peer(), frame);
                    }
                }
                libp2p::swarm::SwarmEvent::Behaviour(StrangerEvent::Raw(
                    Event::OutboundFailure { .. } | Event::Message { .. },
                )) => {
                    ended += 1;
                    if ended == 100 {
                        return;
                    }
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE * 2, attack).await.expect("every garbled request ends");
    ben.tell(NetCommand::Request { device: ana.net.device(), id: 1, body: b"well?".to_vec() });
    let (token, body) = ana.request().await;
    assert_eq!(body, b"well?", "no garbage came through");
    ana.tell(NetCommand::Respond { token, body: b"well".to_vec() });
    assert_eq!(ben.response(1).await.unwrap(), b"well");
}

/// Prints the figures; the bound is loose because the machine is shared.
#[tokio::test]
async fn gossip_between_neighbours_is_quick() {
    let (mut ana, mut ben) = pair(|_| {}).await;
    ana.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Subscribe(TOPIC));
    ana.subscribed(ben.net.device()).await;
    let mut times = Vec::new();
    for round in 0..300u32 {
        let mut bytes = vec![0; 200];
        bytes[..4].copy_from_slice(&round.to_be_bytes());
        let sent = Instant::now();
        ana.tell(NetCommand::Publish { topic: TOPIC, bytes });
        let (id, _) = ben.gossip().await;
        times.push(sent.elapsed());
        ben.tell(NetCommand::Judge { message: id, verdict: Verdict::Accept });
    }
    times.sort();
    println!("publish to gossip, 300 × 200 B on loopback: p50 {:?}, p99 {:?}", times[150], times[297]);
    assert!(times[150] < Duration::from_millis(50));
}
