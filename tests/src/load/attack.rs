//! Outsiders who want a relay to be busy with them: half-open connections, streams that are filled and left, floods.
//!
//! Each comes from an address of its own (127.1.x.y), comes back when it is shut out, and goes on until it is dropped.
//! Deliberately absent: any proof of membership.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use futures::{AsyncWriteExt, FutureExt, StreamExt};
use libp2p::core::Endpoint;
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt, SubstreamBox};
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, PortUse, Transport};
use libp2p::core::upgrade::Version;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};
use omniscope_engine::net::{BytesCodec, PROTOCOL};
use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::wire::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::{Builder, Runtime};

/// What every conversation of libp2p begins with.
const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";
/// Streams of one connection that a relay negotiates at one time; those beyond lie unread.
const NEGOTIATED: usize = 128;
/// Streams that one outsider opens and leaves.
const STREAMS: usize = 250;
/// Bytes that one stream takes without being read.
const UNREAD_BYTES: usize = 250 * 1024;
/// Questions under way of one flood.
const AT_ONCE: usize = 8;
/// Between two bytes of who crawls.
const CRAWL: Duration = Duration::from_secs(1);
/// Before who was shut out comes again.
const PAUSE: Duration = Duration::from_secs(2);

/// Outsiders at work, on a thread of their own; they stop when it is dropped.
pub struct Attack {
    runtime: Option<Runtime>,
    counts: Arc<Counts>,
    came: u32,
}

/// What outsiders have done so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that were begun and never finished.
    pub half_open: AtomicUsize,
    /// Streams that were opened and left.
    pub streams: AtomicUsize,
    /// Questions that were answered, with a refusal.
    pub refusals: AtomicUsize,
}

impl Default for Attack {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Attack {
    /// Nobody yet.
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime: Some(runtime), counts: Arc::default(), came: 0 }
    }

    fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.runtime.as_ref().expect("it is there until it is dropped");
        drop(runtime.spawn(work));
    }

    /// What has been done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    fn next_origin(&mut self) -> Ipv4Addr {
        self.came += 1;
        Ipv4Addr::new(127, 1, (self.came / 8 / 250) as u8, (self.came / 8 % 250) as u8 + 1)
    }

    /// So many connections that say a byte now and then.
    pub fn half_open(&mut self, relay: &Multiaddr, count: usize) {
        let target = tcp_of(relay);
        for _ in 0..count {
            let (origin, counts) = (self.next_origin(), Arc::clone(&self.counts));
            self.begin(async move {
                loop {
                    // Refused, or cut off: it comes again.
                    let _ = crawl(origin, target, &counts).await;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
    }

    /// So many outsiders who open streams, fill those that nobody reads yet, and leave them.
    pub fn streams(&mut self, relay: &Multiaddr, count: usize) {
        for _ in 0..count {
            let (origin, relay, counts) = (self.next_origin(), relay.clone(), Arc::clone(&self.counts));
            self.begin(async move {
                loop {
                    let _ = fill(origin, &relay, &counts).await;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
    }

    /// So many outsiders who ask as fast as they are answered.
    pub fn flood(&mut self, relay: &Multiaddr, count: usize) {
        for _ in 0..count {
            let (origin, relay, counts) = (self.next_origin(), relay.clone(), Arc::clone(&self.counts));
            self.begin(ask_on(origin, relay, counts));
        }
    }
}

fn tcp_of(addr: &Multiaddr) -> SocketAddr {
    let mut parts = addr.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) => SocketAddrV4::new(ip, port).into(),
        _ => panic!("{addr} is no TCP address"),
    }
}

async fn crawl(origin: Ipv4Addr, target: SocketAddr, counts: &Counts) -> std::io::Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddrV4::new(origin, 0).into())?;
    let mut stream = socket.connect(target).await?;
    counts.half_open.fetch_add(1, Relaxed);
    for byte in GREETING {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(CRAWL).await;
    }
    std::future::pending().await
}

/// Connects from an address of one's own, with a new key.
async fn connect(origin: Ipv4Addr, relay: &Multiaddr) -> std::io::Result<StreamMuxerBox> {
    let key = libp2p::identity::Keypair::generate_ed25519();
    let plain = tcp::tokio::Transport::new(tcp::Config::default());
    let secure = plain.upgrade(Version::V1Lazy).authenticate(noise::Config::new(&key).unwrap());
    let mut transport: Boxed<(PeerId, StreamMuxerBox)> =
        secure.multiplex(yamux::Config::default()).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed();
    let own = Multiaddr::from(origin).with(Protocol::Tcp(0));
    transport.listen_on(ListenerId::next(), own).map_err(std::io::Error::other)?;
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::Reuse };
    let dial = transport.dial(relay.clone(), options).map_err(std::io::Error::other)?;
    Ok(dial.await?.1)
}

async fn fill(origin: Ipv4Addr, relay: &Multiaddr, counts: &Counts) -> std::io::Result<()> {
    let mut muxer = connect(origin, relay).await?;
    let (mut left, junk) = (Vec::new(), vec![7; UNREAD_BYTES]);
    while left.len() < STREAMS {
        let mut stream: SubstreamBox = std::future::poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = muxer.poll_unpin(cx) {
                return Poll::Ready(Err(error));
            }
            muxer.poll_outbound_unpin(cx)
        })
        .await?;
        let rest: &[u8] = if left.len() < NEGOTIATED { &[] } else { &junk };
        drive(&mut muxer, async {
            stream.write_all(GREETING).await?;
            stream.write_all(rest).await?;
            stream.flush().await
        })
        .await?;
        left.push(stream);
        counts.streams.fetch_add(1, Relaxed);
    }
    drive(&mut muxer, std::future::pending()).await
}

/// Carries out `work` on streams of a connection, which moves only when it is polled too.
async fn drive(muxer: &mut StreamMuxerBox, work: impl Future<Output = std::io::Result<()>>) -> std::io::Result<()> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|cx| {
        // What the relay opens is not taken.
        while let Poll::Ready(opened) = Pin::new(&mut *muxer).poll_inbound_unpin(cx) {
            drop(opened?);
        }
        if let Poll::Ready(Err(error)) = muxer.poll_unpin(cx) {
            return Poll::Ready(Err(error));
        }
        work.poll_unpin(cx)
    })
    .await
}

fn asker(origin: Ipv4Addr) -> Swarm<request_response::Behaviour<BytesCodec>> {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| {
            let protocols = [(PROTOCOL, ProtocolSupport::Full)];
            request_response::Behaviour::with_codec(BytesCodec, protocols, request_response::Config::default())
        })
        .unwrap()
        .build();
    swarm.listen_on(Multiaddr::from(origin).with(Protocol::Tcp(0))).unwrap();
    swarm
}

async fn ask_on(origin: Ipv4Addr, relay: Multiaddr, counts: Arc<Counts>) {
    let Some(Protocol::P2p(peer)) = relay.iter().last() else { panic!("{relay} names no peer") };
    let question = |n: usize| {
        let workspace = WorkspaceId([n as u8; 32]);
        let small = Request::Lookup { workspace };
        let large = Request::Push { workspace, ops: vec![vec![n as u8; 100_000].into()] };
        if n.is_multiple_of(4) { large.encode() } else { small.encode() }
    };
    let mut asked = 0;
    loop {
        // A device that was cut off comes back as another one.
        let mut swarm = asker(origin);
        if swarm.dial(relay.clone()).is_ok() {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::ConnectionEstablished { .. } => {
                        for _ in 0..AT_ONCE {
                            asked += 1;
                            swarm.behaviour_mut().send_request(&peer, question(asked));
                        }
                    }
                    SwarmEvent::Behaviour(request_response::Event::Message { message, .. }) => {
                        if let request_response::Message::Response { response, .. } = message {
                            let refused = matches!(Response::decode(&response), Ok(Response::Refused(_)));
                            assert!(refused, "an outsider is refused");
                            counts.refusals.fetch_add(1, Relaxed);
                        }
                        asked += 1;
                        swarm.behaviour_mut().send_request(&peer, question(asked));
                    }
                    SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. } => break,
                    _ => {}
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
