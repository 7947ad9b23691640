//! The stream on which a member hears news: one for each connection, opened for the first of them and kept.
//!
//! A request costs a stream of its own, with an agreement about its protocol and a goodbye, several times what it
//! carries. Here a message is one frame, and its answer another, in the order of the messages. Deliberately absent: what
//! the messages say, and who is told what (`server/news`).

mod line;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol};

pub(crate) use line::Line;

/// What a member's device says that listens to this.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/omniscope/news/1");

/// Names a message that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId(u64);

/// A message on its way to a connection.
#[derive(Debug)]
pub(crate) struct Message {
    id: MessageId,
    body: Vec<u8>,
}

/// What became of a message. Each has one end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered {
        id: MessageId,
        answer: Vec<u8>,
    },
    /// The stream broke, or (`late`) no answer came in time.
    Unanswered {
        id: MessageId,
        late: bool,
    },
}

/// Hands messages to connections.
#[derive(Default)]
pub(crate) struct Feed {
    connections: BTreeMap<PeerId, BTreeSet<ConnectionId>>,
    under_way: BTreeMap<ConnectionId, BTreeSet<MessageId>>,
    next: u64,
    out: VecDeque<ToSwarm<Outcome, Message>>,
}

impl Feed {
    /// Sends a message to a device; what became of it is told later. Who sends waits for answers, so that few are under
    /// way.
    pub(crate) fn send(&mut self, peer: PeerId, body: Vec<u8>) -> MessageId {
        self.next += 1;
        let id = MessageId(self.next);
        match self.connections.get(&peer).and_then(BTreeSet::first) {
            Some(connection) => {
                self.under_way.entry(*connection).or_default().insert(id);
                let (handler, event) = (NotifyHandler::One(*connection), Message { id, body });
                self.out.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event });
            }
            None => self.out.push_back(ToSwarm::GenerateEvent(Outcome::Unanswered { id, late: false })),
        }
        id
    }

    fn opened(&mut self, peer: PeerId, id: ConnectionId) -> Line {
        self.connections.entry(peer).or_default().insert(id);
        Line::default()
    }

    fn closed(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(connections) = self.connections.get_mut(&peer) {
            connections.remove(&connection);
            if connections.is_empty() {
                self.connections.remove(&peer);
            }
        }
        for id in self.under_way.remove(&connection).unwrap_or_default() {
            self.out.push_back(ToSwarm::GenerateEvent(Outcome::Unanswered { id, late: false }));
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
        let (Outcome::Answered { id, .. } | Outcome::Unanswered { id, .. }) = &event;
        if self.under_way.get_mut(&connection).is_some_and(|under_way| under_way.remove(id)) {
            self.out.push_back(ToSwarm::GenerateEvent(event));
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // Whoever sends polls the swarm next.
        self.out.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
