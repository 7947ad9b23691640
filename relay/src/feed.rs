//! The stream on which a member hears news: one for each connection, opened for the first of them and kept.
//!
//! A request costs a stream of its own, with an agreement about its protocol and a goodbye, several times what it
//! carries. Here a message is one frame, and one frame answers many, in the order of the messages. A message goes from
//! here to its connection without libp2p's help, which would look for that among all connections. Deliberately absent:
//! what the messages say, who is told what, and how much at once (`server/news`).

mod line;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::channel::mpsc;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol};

pub(crate) use line::Line;

/// What a member's device says that listens to this.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/omniscope/news/2");

/// Names a message that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId(u64);

/// A message on its way to a connection.
#[derive(Debug)]
pub(crate) struct Message {
    id: MessageId,
    body: Arc<[u8]>,
}

/// What became of a message. Each has one end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered(Vec<(MessageId, Arc<[u8]>)>),
    /// The stream broke, or no answer came in time.
    Unanswered(MessageId),
}

/// Hands messages to connections.
#[derive(Default)]
pub(crate) struct Feed {
    connections: BTreeMap<PeerId, BTreeMap<ConnectionId, mpsc::UnboundedSender<Message>>>,
    under_way: BTreeMap<ConnectionId, BTreeSet<MessageId>>,
    next: u64,
    out: VecDeque<Outcome>,
}

impl Feed {
    /// Sends a message to a device; what became of it is told later. Who sends waits for answers, so that few are under
    /// way.
    pub(crate) fn send(&mut self, peer: PeerId, body: Arc<[u8]>) -> MessageId {
        self.next += 1;
        let id = MessageId(self.next);
        match self.connections.get(&peer).and_then(BTreeMap::first_key_value) {
            Some((connection, line)) => {
                self.under_way.entry(*connection).or_default().insert(id);
                // A connection that has ended is about to be told of, and with it that this was not heard.
                let _ = line.unbounded_send(Message { id, body });
            }
            None => self.out.push_back(Outcome::Unanswered(id)),
        }
        id
    }

    fn opened(&mut self, peer: PeerId, id: ConnectionId) -> Line {
        let (sender, messages) = mpsc::unbounded();
        self.connections.entry(peer).or_default().insert(id, sender);
        Line::new(messages)
    }

    fn closed(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(connections) = self.connections.get_mut(&peer) {
            connections.remove(&connection);
            if connections.is_empty() {
                self.connections.remove(&peer);
            }
        }
        for id in self.under_way.remove(&connection).unwrap_or_default() {
            self.out.push_back(Outcome::Unanswered(id));
        }
    }
}

impl NetworkBehaviour for Feed {
    type ConnectionHandler = Line;
    type ToSwarm = Outcome;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.opened(peer, id))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.opened(peer, id))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.closed(closed.peer_id, closed.connection_id),
            // Another behaviour did not let it in.
            FromSwarm::ListenFailure(failure) => {
                if let Some(peer) = failure.peer_id {
                    self.closed(peer, failure.connection_id);
                }
            }
            FromSwarm::DialFailure(failure) => {
                if let Some(peer) = failure.peer_id {
                    self.closed(peer, failure.connection_id);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        let Some(under_way) = self.under_way.get_mut(&connection) else { return };
        match &event {
            Outcome::Answered(answers) => {
                for (id, _) in answers {
                    under_way.remove(id);
                }
            }
            Outcome::Unanswered(id) => {
                under_way.remove(id);
            }
        }
        self.out.push_back(event);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // Whoever sends polls the swarm next.
        self.out.pop_front().map_or(Poll::Pending, |outcome| Poll::Ready(ToSwarm::GenerateEvent(outcome)))
    }
}
