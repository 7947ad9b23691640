//! TCP for the WebSocket listeners: what comes from a trusted reverse proxy says first for whom it comes.
//!
//! That is the PROXY protocol, version 1 or 2, before the first byte of HTTP. (The header `X-Forwarded-For` is of no use
//! here: libp2p tells who connects before it reads the request, and never shows its headers.) Deliberately absent: trust
//! in anybody else's word; a connection from elsewhere is taken as it comes.

mod header;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::tcp::tokio::{TcpStream, Transport as Tcp};

/// How long the first line may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections whose first line is awaited.
const MAX_AWAITED: usize = 512;

type Event = TransportEvent<<Tcp as Transport>::ListenerUpgrade, io::Error>;

/// TCP whose connections from trusted proxies name their real origin.
pub(super) struct Proxied {
    tcp: Tcp,
    trusted: Vec<IpAddr>,
    /// Connections of proxies on their way in; none when they do not say what they should.
    awaited: FuturesUnordered<BoxFuture<'static, Option<Event>>>,
}

impl Proxied {
    pub(super) fn new(tcp: Tcp, trusted: Vec<IpAddr>) -> Self {
        Self { tcp, trusted, awaited: FuturesUnordered::new() }
    }
}

impl Transport for Proxied {
    type Output = TcpStream;
    type Error = io::Error;
    type ListenerUpgrade = <Tcp as Transport>::ListenerUpgrade;
    type Dial = <Tcp as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.tcp.listen_on(id, addr)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.tcp.remove_listener(id)
    }

    fn dial(&mut self, addr: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        self.tcp.dial(addr, options)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Event> {
        let this = &mut *self;
        loop {
            if let Poll::Ready(Some(arrived)) = this.awaited.poll_next_unpin(cx) {
                match arrived {
                    Some(event) => return Poll::Ready(event),
                    None => continue,
                }
            }
            let event = std::task::ready!(Pin::new(&mut this.tcp).poll(cx));
            let TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } = event else {
                return Poll::Ready(event);
            };
            let proxy = socket_of(&send_back_addr).filter(|from| this.trusted.contains(&from.ip().to_canonical()));
            if proxy.is_none() {
                return Poll::Ready(TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr });
            }
            if this.awaited.len() >= MAX_AWAITED {
                tracing::debug!("too many connections of the proxy have not said for whom they come");
                continue;
            }
            this.awaited.push(Box::pin(async move {
                let mut stream = upgrade.await.ok()?;
                let read = tokio::time::timeout(PATIENCE, header::read(&mut stream)).await;
                let said = read.map_err(io::Error::from).and_then(|said| said);
                if let Err(error) = &said {
                    tracing::warn!(%error, "a connection of the trusted proxy does not say for whom it comes");
                }
                let send_back_addr = said.ok()?.map_or(send_back_addr, addr_of);
                let upgrade = futures::future::ready(Ok(stream));
                Some(TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr })
            }));
        }
    }
}

fn socket_of(addr: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = addr.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

fn addr_of(from: SocketAddr) -> Multiaddr {
    Multiaddr::from(from.ip().to_canonical()).with(Protocol::Tcp(from.port()))
}
