//! The stream on which a relay tells news: it opens one for each connection and keeps it; each message is answered before
//! the next is read.
//!
//! A message is the body of a request and is treated as one; frames are as in `codec`. An answer that is the same as the
//! one before is kept back, and told with a later one: so hearing costs little more than reading. Deliberately absent:
//! what the messages say, and who may tell news; both are judged above.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{AsyncRead, AsyncWrite, FutureExt};
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

const PROTOCOL: StreamProtocol = StreamProtocol::new("/omniscope/news/2");

/// Messages, and bytes of them, of which the answers may be kept back. A relay tells on while twice as much is unanswered.
const MAX_KEPT_BACK: u8 = 16;
const MAX_KEPT_BACK_BYTES: usize = 16 * 1024;

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
    Reading(BoxFuture<'static, io::Result<(Talk<Stream>, Vec<u8>)>>),
    Asking(Talk<Stream>, oneshot::Receiver<Vec<u8>>),
    Answering(BoxFuture<'static, io::Result<Talk<Stream>>>),
}

/// An open stream, and the answers that were kept back.
struct Talk<T> {
    stream: T,
    /// The answer that was sent last.
    said: Option<Vec<u8>>,
    kept_back: u8,
    /// Bytes of the messages since.
    bytes: usize,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Talk<T> {
    fn new(stream: T) -> Self {
        Self { stream, said: None, kept_back: 0, bytes: 0 }
    }

    async fn read(mut self) -> io::Result<(Self, Vec<u8>)> {
        let body = read_body(&mut self.stream, MAX_REQUEST_BYTES).await?;
        self.bytes += body.len();
        Ok((self, body))
    }

    /// Answers a message: sends how many before it had the answer that was sent last, and this one's, or keeps that back.
    async fn answer(mut self, answer: Vec<u8>) -> io::Result<Self> {
        let same = self.said.as_ref() == Some(&answer);
        if same && self.kept_back < MAX_KEPT_BACK && self.bytes <= MAX_KEPT_BACK_BYTES {
            self.kept_back += 1;
            return Ok(self);
        }
        let body = [&[self.kept_back], &answer[..]].concat();
        write_body(&mut self.stream, &body, MAX_RESPONSE_BYTES).await?;
        (self.said, self.kept_back, self.bytes) = (Some(answer), 0, 0);
        Ok(self)
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
                    Poll::Ready(Ok((talk, body))) => {
                        let (answer, answered) = oneshot::channel();
                        self.state = State::Asking(talk, answered);
                        return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour((body, answer)));
                    }
                    Poll::Ready(Err(_)) => State::Closed,
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                },
                State::Asking(talk, mut answered) => match answered.poll_unpin(cx) {
                    Poll::Ready(Ok(answer)) => State::Answering(talk.answer(answer).boxed()),
                    Poll::Ready(Err(_)) => State::Closed,
                    Poll::Pending => {
                        self.state = State::Asking(talk, answered);
                        return Poll::Pending;
                    }
                },
                State::Answering(mut answering) => match answering.poll_unpin(cx) {
                    Poll::Ready(Ok(talk)) => State::Reading(talk.read().boxed()),
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
            self.state = State::Reading(Talk::new(stream).read().boxed());
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use futures::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_sent_when_it_is_another_and_else_with_a_later_one() {
        let mut talk = Talk::new(Cursor::new(Vec::new()));
        for answer in [7, 7, 7, 8, 8] {
            talk = talk.answer(vec![answer]).await.unwrap();
        }
        assert_eq!(talk.stream.get_ref()[..], [0, 0, 0, 2, 0, 7, 0, 0, 0, 2, 2, 8]);
        for _ in 0..MAX_KEPT_BACK {
            talk = talk.answer(vec![8]).await.unwrap();
        }
        assert_eq!(talk.stream.get_ref()[12..], [0, 0, 0, 2, MAX_KEPT_BACK, 8], "no more than so many are kept back");
        talk.bytes = MAX_KEPT_BACK_BYTES + 1;
        let talk = talk.answer(vec![8]).await.unwrap();
        assert_eq!(talk.stream.get_ref()[18..], [0, 0, 0, 2, 0, 8], "nor of larger messages");
    }
}
