//! The network of one device: a libp2p swarm behind two bounded queues.
//!
//! [`Net`] takes [`NetCommand`]s, the receiver returned with it yields [`NetEvent`]s. This module knows bytes, devices,
//! topics and addresses, and keeps connections alive. Deliberately absent: ops, documents, membership, and every
//! decision about whom to trust or what to forward; those come from above as commands.

use std::sync::Arc;

use libp2p::gossipsub::MessageId;
use libp2p::{Multiaddr, PeerId, request_response};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

mod address;
mod backoff;
mod behaviour;
mod book;
mod bundle;
mod codec;
mod dials;
mod driver;
mod feed;
mod links;
mod listeners;
mod outbox;
pub mod probe;
mod pulse;
mod relays;
mod transport;
mod vantage;
mod wake;

pub use address::{device_at, device_of, peer_of};
pub use bundle::Mux;
pub use codec::{BytesCodec, PROTOCOL};
pub use feed::{Feed, Question};
pub use omniscope_protocol::identity::DeviceId;
pub use zeroize::Zeroizing;

/// Commands that may wait for the swarm task; a full queue is reported to the caller.
pub const MAX_COMMANDS: usize = 4096;
/// Events that may wait for the owner before gossip and requests are shed.
pub const MAX_EVENTS: usize = 4096;
/// Largest published gossip message; libp2p loses messages silently just above 64 KiB of frame.
pub const MAX_PUBLISH_BYTES: usize = 48 * 1024;
/// Largest request body.
pub const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// Largest response body.
pub const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Inbound requests that may wait for a response at one time, over all peers.
pub const MAX_OPEN_REQUESTS: usize = 256;
/// Outbound requests under way at one time, over all peers.
pub const MAX_SENT_REQUESTS: usize = 1024;
/// Addresses kept for one device.
pub const MAX_ADDRESSES_PER_DEVICE: usize = 16;
/// Devices in the address book; devices that are not supervised are dropped first.
pub const MAX_BOOK: usize = 1024;
/// Relays in use at one time.
pub const MAX_RELAYS: usize = 16;
/// Topics subscribed at one time, and topics remembered of one peer.
pub const MAX_TOPICS: usize = 256;

/// Says how a device takes part in the network.
pub struct NetConfig {
    /// Ed25519 seed of the device key, which is also the libp2p identity.
    pub secret: Zeroizing<[u8; 32]>,
    /// Addresses to listen on; empty means QUIC and TCP on every interface with ports chosen by the system.
    pub listen: Vec<Multiaddr>,
    /// What [`NetEvent::PortsChosen`] last told, to listen on the same ports as before.
    pub ports: Vec<Multiaddr>,
    /// Relays to reserve a circuit on; each ends in `/p2p/<peer id>`.
    pub relays: Vec<Multiaddr>,
    /// Looks for neighbours by multicast DNS.
    pub mdns: bool,
    /// Tells nobody but the relays where this device is: it does not listen, dials nobody else, and is reached by
    /// circuits alone.
    pub relay_only: bool,
    /// Starts online; otherwise waits for [`NetCommand::SetOnline`].
    pub online: bool,
    /// Takes part in gossip. Off only in tests, which show that the exchange of heads does without.
    pub gossip: bool,
    /// So many of 100 gossip messages are dropped on arrival: for tests, as `gossip`.
    pub gossip_loss_percent: u8,
}

impl NetConfig {
    /// Default listen addresses, no relays, mDNS and gossip on, online.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        let (listen, ports, relays) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            secret,
            listen,
            ports,
            relays,
            mdns: true,
            relay_only: false,
            online: true,
            gossip: true,
            gossip_loss_percent: 0,
        }
    }
}

/// A gossip topic: 32 bytes that reveal nothing about the workspace. On the wire it is their lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub [u8; 32]);

/// One gossip message that waits for a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipId {
    pub(crate) message: MessageId,
    pub(crate) source: PeerId,
}

impl GossipId {
    /// The first 20 bytes of the BLAKE3 hash of the message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.message.0
    }
}

/// What becomes of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it to others.
    Accept,
    /// Drop it without blame.
    Ignore,
    /// Drop it; its sender misbehaved.
    Reject,
}

/// How a device is reached. The order is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// A private, loopback or link-local address.
    Lan,
    /// A public address, hole-punched or not.
    Direct,
    /// Only through the circuit of a relay.
    Relayed,
}

impl Path {
    /// The stable name used in JSON: `lan`, `direct` or `relayed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Direct => "direct",
            Self::Relayed => "relayed",
        }
    }
}

/// The way back of an answer.
#[derive(Debug)]
pub(crate) enum Channel {
    Request(request_response::ResponseChannel<Vec<u8>>),
    Feed(oneshot::Sender<Vec<u8>>),
}

/// The right to answer one request, once. Dropping it tells the other side that no answer comes.
#[derive(Debug)]
pub struct ResponseToken {
    pub(crate) channel: Channel,
    pub(crate) _slot: OwnedSemaphorePermit,
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("the device is not connected")]
    NotConnected,
    #[error("no response within 15 s")]
    TimedOut,
    #[error("the connection closed before the response")]
    Closed,
    #[error("the device does not speak this protocol")]
    Unsupported,
    #[error("the request has {0} bytes, at most {MAX_REQUEST_BYTES} are allowed")]
    TooLarge(usize),
    #[error("{MAX_SENT_REQUESTS} requests are already under way")]
    Busy,
    #[error("the stream failed: {0}")]
    Stream(String),
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    #[error("the message has {0} bytes, at most {MAX_PUBLISH_BYTES} are allowed")]
    TooLarge(usize),
    #[error("the send queues of all neighbours are full")]
    Overloaded,
    #[error("{0}")]
    Other(String),
}

/// What the owner asks of the network.
#[derive(Debug)]
pub enum NetCommand {
    /// Takes part in a topic.
    Subscribe(Topic),
    /// Leaves a topic.
    Unsubscribe(Topic),
    /// Sends bytes to whoever listens to the topic; nobody listening is not an error.
    Publish { topic: Topic, bytes: Vec<u8> },
    /// Sends a request to a connected device; exactly one [`NetEvent::Response`] with the same `id` follows.
    Request { device: DeviceId, id: u64, body: Vec<u8> },
    /// Answers a request.
    Respond { token: ResponseToken, body: Vec<u8> },
    /// Decides about a gossip message; without a verdict it is not forwarded.
    Judge { message: GossipId, verdict: Verdict },
    /// Dials an address once; a failure is reported as [`NetEvent::DialFailed`].
    Dial { addr: Multiaddr },
    /// Keeps a connection to a device: adds the addresses and redials, with growing pauses, until forgotten.
    Know { device: DeviceId, addrs: Vec<Multiaddr> },
    /// Stops redialling a device; an open connection stays.
    Forget { device: DeviceId },
    /// Keeps a reservation on a relay; the address ends in `/p2p/<peer id>`.
    AddRelay(Multiaddr),
    /// Gives up an address of a relay, and with its last address the reservation.
    RemoveRelay(Multiaddr),
    /// Gives up a relay with all of its addresses.
    LeaveRelay(DeviceId),
    /// `false` closes everything and stops listening, dialling and mDNS; `true` restores it.
    SetOnline(bool),
    /// Hides this device's addresses from all but its relays, or no more; see [`NetConfig::relay_only`]. Closes every
    /// connection, and makes those anew that are allowed then.
    SetRelayOnly(bool),
    /// Closes all connections to a device. A known device is redialled unless it is forgotten first.
    Disconnect { device: DeviceId },
}

/// What happened in the network.
#[derive(Debug)]
pub enum NetEvent {
    /// The device listens on this address, which ends in its own `/p2p/<peer id>`.
    Listening { addr: Multiaddr },
    /// The system chose ports: the listen addresses with them.
    PortsChosen(Vec<Multiaddr>),
    /// The device listens there no more, as when an interface or its address is gone.
    NotListening { addr: Multiaddr },
    /// A first connection to a device exists.
    Connected { device: DeviceId, path: Path },
    /// The last connection to a device is gone.
    Disconnected { device: DeviceId },
    /// The best path changed, or its round-trip time did noticeably, or (`lost`) one of several connections broke and
    /// took along what was under way on it.
    PathChanged { device: DeviceId, path: Path, rtt_ms: Option<f64>, lost: bool },
    /// A message arrived; `source` is the neighbour that handed it on, not its author.
    Gossip { topic: Topic, source: DeviceId, id: GossipId, bytes: Vec<u8> },
    /// A device asks; answer with [`NetCommand::Respond`] within 15 s.
    Request { device: DeviceId, token: ResponseToken, body: Vec<u8> },
    /// A request of ours ended.
    Response { id: u64, device: DeviceId, result: Result<Vec<u8>, RequestError> },
    /// A relay is connected and can be asked; it says so before there is a reservation, and without one.
    RelayMet { device: DeviceId },
    /// The last connection to a relay is gone.
    RelayGone { device: DeviceId },
    /// A relay answered a ping; told of each.
    RelayHeard { device: DeviceId, rtt_ms: f64 },
    /// A reservation holds; others reach us at `circuit_addr`.
    RelayUp { addr: Multiaddr, circuit_addr: Multiaddr },
    /// A relay was lost or refused; it is retried by itself.
    RelayDown { addr: Multiaddr, reason: String },
    /// mDNS saw a device. It is not dialled unless it is known.
    Discovered { device: DeviceId, addrs: Vec<Multiaddr> },
    /// A connected device told where it listens.
    Addresses { device: DeviceId, addrs: Vec<Multiaddr> },
    /// A device takes part in a topic.
    Subscribed { device: DeviceId, topic: Topic },
    /// A device left a topic.
    Unsubscribed { device: DeviceId, topic: Topic },
    /// A message was not published.
    PublishFailed { topic: Topic, error: PublishError },
    /// An address given with [`NetCommand::Dial`] could not be reached.
    DialFailed { addr: Multiaddr, reason: String },
    /// An address could not be listened on.
    ListenFailed { addr: Multiaddr, reason: String },
    /// The network is now online or offline as asked.
    Online(bool),
}

/// The network could not start.
#[derive(Debug, Error)]
pub enum NetError {
    #[error("the device key is not an Ed25519 seed: {0}")]
    Key(String),
    #[error("the transports could not be set up: {0}")]
    Transport(String),
    #[error("gossip could not be set up: {0}")]
    Gossip(String),
}

/// The command queue is full or the network has stopped; the command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the network does not take commands at the moment")]
pub struct NetFull;

/// A handle to the swarm's thread. It ends when the last handle is gone or after [`Net::shutdown`].
#[derive(Clone)]
pub struct Net {
    commands: mpsc::Sender<NetCommand>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
    local: Arc<Local>,
}

struct Local {
    device: DeviceId,
    peer: PeerId,
}

impl Net {
    /// Starts the swarm on a thread of its own. What it does is many small steps that wake one another: on one thread
    /// they cost a queue, on several a system call each.
    ///
    /// # Errors
    /// When the key is none or the transports cannot be set up.
    pub fn start(config: NetConfig) -> Result<(Self, mpsc::Receiver<NetEvent>), NetError> {
        prepare();
        let (commands, command_queue) = mpsc::channel(MAX_COMMANDS);
        let (stop, stop_queue) = mpsc::channel(1);
        let (events, event_queue) = mpsc::channel(MAX_EVENTS);
        let (built, outcome) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(built.send(Err(transport::failed(&error)))),
            };
            let inside = runtime.enter();
            let driver = match driver::Driver::new(config, outbox::Outbox::new(events)) {
                Ok(driver) => driver,
                Err(error) => return drop(built.send(Err(error))),
            };
            drop(inside);
            let local = Local { device: driver.local_device(), peer: driver.local_peer() };
            if built.send(Ok(Arc::new(local))).is_ok() {
                runtime.block_on(driver.run(command_queue, stop_queue));
            }
        };
        std::thread::Builder::new().name("network".into()).spawn(work).map_err(|error| transport::failed(&error))?;
        let local = outcome.recv().map_err(|_| NetError::Transport("the network's thread ended".to_owned()))??;
        Ok((Self { commands, stop, local }, event_queue))
    }

    /// Hands a command to the swarm task without waiting.
    pub fn send(&self, command: NetCommand) -> Result<(), NetFull> {
        self.commands.try_send(command).map_err(|_| NetFull)
    }

    /// The own device id.
    pub fn device(&self) -> DeviceId {
        self.local.device
    }

    /// The own libp2p peer id, as it stands at the end of addresses.
    pub fn peer(&self) -> PeerId {
        self.local.peer
    }

    /// Closes all connections, tells the others so, and ends the task. Takes at most about a second.
    pub async fn shutdown(self) {
        let (done, wait) = oneshot::channel();
        if self.stop.send(done).await.is_ok() {
            // An error means that the task is already gone, which is what was wanted.
            let _ = wait.await;
        }
    }
}

/// Begins what takes its time before the first device can be reached, beside everything else: the generator behind
/// QUIC's handshakes gathers its entropy for some 50 ms, and certificates are read for 5. Who will start an engine with a
/// network calls this first, so that the start does not wait for it. Once a process; more calls do nothing.
pub fn prepare() {
    static BEGUN: std::sync::Once = std::sync::Once::new();
    BEGUN.call_once(|| {
        let work = || {
            if aws_lc_rs::rand::fill(&mut [0; 32]).is_err() {
                tracing::debug!("no entropy yet; the first handshake asks again");
            }
            transport::trust();
        };
        if let Err(error) = std::thread::Builder::new().name("prepare".into()).spawn(work) {
            tracing::debug!(%error, "the network's start prepares itself");
        }
    });
}

#[cfg(test)]
mod tests;
