//! The libp2p protocols that a device speaks, and their settings.
//!
//! Deliberately absent: reactions to their events (`driver`) and the transports (`transport`).

use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{
    self, AllowAllSubscriptionFilter, IdentTopic, IdentityTransform, MaxCountSubscriptionFilter, Message,
    MessageAuthenticity, MessageId, TopicHash, ValidationMode,
};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, dcutr, identify, mdns, relay};

use super::codec::{BytesCodec, PROTOCOL};
use super::feed::Feed;
use super::pulse::Pulse;
use super::{DeviceId, MAX_TOPICS, NetError, Topic};

/// Frame limit of gossip; the payload limit that we check lies well below.
const MAX_FRAME_BYTES: usize = 64 * 1024;
/// Bytes of the BLAKE3 hash that name a gossip message.
const MESSAGE_ID_BYTES: usize = 20;
/// Repairs the mesh quickly after a change; costs one small frame per neighbour.
const HEARTBEAT: Duration = Duration::from_millis(700);
/// After a prune or a reconnect the mesh may be joined again soon: our meshes are small.
const PRUNE_BACKOFF: Duration = Duration::from_secs(5);
const UNSUBSCRIBE_BACKOFF: Duration = Duration::from_secs(2);
/// Messages for a slow neighbour are dropped after this time; the exchange of heads heals it.
const QUEUE_PATIENCE: Duration = Duration::from_secs(5);
const DUPLICATE_MEMORY: Duration = Duration::from_secs(120);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests open on one connection at one time, both directions together.
const MAX_STREAMS_PER_CONNECTION: usize = 64;
/// Hole punching may leave two direct connections beside two relayed ones, and both sides may have dialled.
const MAX_CONNECTIONS_PER_PEER: u32 = 8;
const MAX_CONNECTIONS: u32 = 512;
const MAX_PENDING: u32 = 128;

pub(super) type Gossip =
    gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<AllowAllSubscriptionFilter>>;

/// What of the protocols is switched on for as long as a swarm stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    pub(super) gossip: bool,
    /// No address of this device is told to anybody, and no hole is punched.
    pub(super) relay_only: bool,
}

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) gossip: Toggle<Gossip>,
    pub(super) requests: request_response::Behaviour<BytesCodec>,
    pub(super) feed: Feed,
    pub(super) identify: identify::Behaviour,
    pub(super) pulse: Pulse,
    pub(super) relay: relay::client::Behaviour,
    pub(super) holes: Toggle<dcutr::Behaviour>,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
}

impl Behaviour {
    pub(super) fn new(key: &Keypair, relay: relay::client::Behaviour, manners: Manners) -> Result<Self, NetError> {
        let Manners { gossip, relay_only } = manners;
        let local = key.public().to_peer_id();
        let limits = ConnectionLimits::default()
            .with_max_established(Some(MAX_CONNECTIONS))
            .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER))
            .with_max_pending_incoming(Some(MAX_PENDING))
            .with_max_pending_outgoing(Some(MAX_PENDING));
        let requests = request_response::Config::default()
            .with_request_timeout(REQUEST_TIMEOUT)
            .with_max_concurrent_streams(MAX_STREAMS_PER_CONNECTION);
        let identify = identify::Config::new("/omniscope/1".to_owned(), key.public())
            .with_agent_version(format!("omniscope/{}", env!("CARGO_PKG_VERSION")))
            .with_push_listen_addr_updates(true)
            .with_hide_listen_addrs(relay_only);
        Ok(Self {
            limits: connection_limits::Behaviour::new(limits),
            gossip: Toggle::from(if gossip { Some(new_gossip()?) } else { None }),
            requests: request_response::Behaviour::new([(PROTOCOL, ProtocolSupport::Full)], requests),
            feed: Feed::default(),
            identify: identify::Behaviour::new(identify),
            pulse: Pulse::new(),
            relay,
            // Whoever punches a hole tells the other side where it is seen.
            holes: Toggle::from((!relay_only).then(|| dcutr::Behaviour::new(local))),
            mdns: Toggle::from(None),
        })
    }

    /// Turns mDNS on or off. A machine without multicast simply has none.
    pub(super) fn set_mdns(&mut self, on: bool, local: PeerId) {
        self.mdns = Toggle::from(if on {
            mdns::tokio::Behaviour::new(mdns::Config::default(), local)
                .inspect_err(|error| tracing::warn!(%error, "mDNS is not available"))
                .ok()
        } else {
            None
        });
    }
}

fn new_gossip() -> Result<Gossip, NetError> {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix("/omniscope/gossip")
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(MAX_FRAME_BYTES)
        .flood_publish(true)
        .heartbeat_initial_delay(HEARTBEAT)
        .heartbeat_interval(HEARTBEAT)
        .prune_backoff(PRUNE_BACKOFF)
        .unsubscribe_backoff(UNSUBSCRIBE_BACKOFF)
        .graft_flood_threshold(PRUNE_BACKOFF / 2)
        // Nobody is told which messages there are: what was missed is learnt from heads, and each costs its name once more.
        .gossip_lazy(0)
        .gossip_factor(0.0)
        .publish_queue_duration(QUEUE_PATIENCE)
        .forward_queue_duration(QUEUE_PATIENCE)
        .duplicate_cache_time(DUPLICATE_MEMORY)
        .build()
        .map_err(|error| NetError::Gossip(error.to_string()))?;
    let filter = MaxCountSubscriptionFilter {
        filter: AllowAllSubscriptionFilter {},
        max_subscribed_topics: MAX_TOPICS,
        max_subscriptions_per_request: MAX_TOPICS,
    };
    // Ops carry their own signatures; an author on the frame would only tell more to those who listen.
    Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(|error| NetError::Gossip(error.to_owned()))
}

fn message_id(message: &Message) -> MessageId {
    MessageId::new(&blake3::hash(&message.data).as_bytes()[..MESSAGE_ID_BYTES])
}

/// The name of a topic on the wire.
pub(super) fn wire_topic(topic: Topic) -> IdentTopic {
    IdentTopic::new(DeviceId(topic.0).to_string())
}

/// The topic behind a name on the wire; `None` for names that are not ours.
pub(super) fn topic_of(hash: &TopicHash) -> Option<Topic> {
    omniscope_protocol::identity::parse_hex(hash.as_str()).map(Topic)
}
