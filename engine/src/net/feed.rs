//! The stream on which a relay tells news: it opens one for each connection and keeps it; each message is answered before
//! the next is read.
//!
//! A message is the body of a request and is treated as one; frames are as in `codec`. Deliberately absent: what the
//! messages say, and who may tell news; both are judged above.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{DeniedUpgrade, ReadyUpgrade};
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};
use tokio::sync::oneshot;

use super::codec::{read_body, write_body};
use super::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/omniscope/news/1");

/// A message that waits for its answer. Dropping `answer` ends the stream.
#[derive(Debug)]
pub struct Question {
    /// Who asks.
    pub peer: PeerId,
    /// At most [`MAX_REQUEST_BYTES`].
    pub body: Vec<u8>,
    /// Takes at most [`MAX_RESPONSE_BYTES`].
    pub answer: oneshot::Sender<Vec<u8>>,
}

/// Listens on every connection.
#[derive(Debug, Default)]
pub struct Feed {
    asked: VecDeque<Question>,
}

/// The handler of one connection.
#[derive(Default)]
pub struct Ear {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Reading(BoxFuture<'static, io::Result<(Stream, Vec<u8>)>>),
    Asking(Stream, oneshot::Receiver<Vec<u8>>),
    Answering(BoxFuture<'static, io::Result<Stream>>),
}

impl State {
    fn read(mut stream: Stream) -> Self {
        let read = async move {
            let body = read_body(&mut stream, MAX_REQUEST_BYTES).await?;
            Ok((stream, body))
        };
        Self::Reading(read.boxed())
    }

    fn answer(mut stream: Stream, body: Vec<u8>) -> Self {
        let write = async move {
            write_body(&mut stream, &body, MAX_RESPONSE_BYTES).await?;
            Ok(stream)
        };
        Self::Answering(write.boxed())
    }
}

impl ConnectionHandler for Ear {
    type FromBehaviour = std::convert::Infallible;
    type ToBehaviour = (Vec<u8>, oneshot::Sender<Vec<u8>>);
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = DeniedUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        loop {
            self.state = match std::mem::take(&mut self.state) {
                State::Closed => return Poll::Pending,
                State::Reading(mut reading) => match reading.poll_unpin(cx) {
                    Poll::Ready(Ok((stream, body))) => {
                        let (answer, answered) = oneshot::channel();
                        self.state = State::Asking(stream, answered);
                        return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour((body, answer)));
                    }
                    Poll::Ready(Err(_)) => State::Closed,
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                },
                State::Asking(stream, mut answered) => match answered.poll_unpin(cx) {
                    Poll::Ready(Ok(body)) => State::answer(stream, body),
                    Poll::Ready(Err(_)) => State::Closed,
                    Poll::Pending => {
                        self.state = State::Asking(stream, answered);
                        return Poll::Pending;
                    }
                },
                State::Answering(mut answering) => match answering.poll_unpin(cx) {
                    Poll::Ready(Ok(stream)) => State::read(stream),
                    Poll::Ready(Err(_)) => State::Closed,
                    Poll::Pending => {
                        self.state = State::Answering(answering);
                        return Poll::Pending;
                    }
                },
            };
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {
        if let ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: mut stream, .. }) = event {
            stream.ignore_for_keep_alive();
            // A new stream takes the place of one before it.
            self.state = State::read(stream);
        }
    }
}

impl NetworkBehaviour for Feed {
    type ConnectionHandler = Ear;
    type ToSwarm = Question;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Ear::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Ear::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        let (body, answer) = event;
        self.asked.push_back(Question { peer, body, answer });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.asked.pop_front().map_or(Poll::Pending, |question| Poll::Ready(ToSwarm::GenerateEvent(question)))
    }
}
