//! One connection's side of a feed: frames out, answers in.
//!
//! Frames are as in `codec`: a 4-byte big-endian length, then the body. Deliberately absent: timers. A connection is
//! looked at with each of its pings, which is often enough to notice that an answer is late.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::upgrade::{DeniedUpgrade, ReadyUpgrade};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};

use super::{Message, MessageId, Outcome, PROTOCOL};

/// Who answers later did not hear.
const PATIENCE: Duration = Duration::from_secs(15);
/// Largest answer: whether a member knew what it was told, or a refusal.
const MAX_ANSWER_BYTES: usize = 64;
const LENGTH_BYTES: usize = 4;

/// The handler of one connection.
#[derive(Default)]
pub(crate) struct Line {
    state: State,
    /// Messages for a stream that is not open yet.
    waiting: VecDeque<Message>,
    outcomes: VecDeque<Outcome>,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Opening,
    Open(Box<Talk<Stream>>),
}

/// An open stream, and the messages on it that have no answer.
struct Talk<T> {
    stream: T,
    frames: Vec<u8>,
    written: usize,
    /// What came of the next answer.
    answer: Vec<u8>,
    under_way: VecDeque<(MessageId, Instant)>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Talk<T> {
    fn new(stream: T) -> Self {
        Self { stream, frames: Vec::new(), written: 0, answer: Vec::new(), under_way: VecDeque::new() }
    }

    fn say(&mut self, message: &Message, now: Instant) {
        self.frames.extend_from_slice(&(message.body.len() as u32).to_be_bytes());
        self.frames.extend_from_slice(&message.body);
        self.under_way.push_back((message.id, now));
    }

    fn is_late(&self, now: Instant) -> bool {
        self.under_way.front().is_some_and(|(_, said)| now.duration_since(*said) > PATIENCE)
    }

    /// Sends what is to be said. Pending also means that all of it is sent.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Infallible>> {
        while self.written < self.frames.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.frames[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.frames.clear();
        self.written = 0;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        Poll::Pending
    }

    /// The next answer.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Outcome>> {
        let mut buffer = [0; LENGTH_BYTES + MAX_ANSWER_BYTES];
        loop {
            let wanted = match self.answer.first_chunk() {
                None => LENGTH_BYTES,
                Some(length) => LENGTH_BYTES + u32::from_be_bytes(*length) as usize,
            };
            if wanted > buffer.len() {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "an answer is too long")));
            }
            if self.answer.len() >= LENGTH_BYTES && self.answer.len() == wanted {
                let Some((id, _)) = self.under_way.pop_front() else {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to nothing")));
                };
                let answer = self.answer.split_off(LENGTH_BYTES);
                self.answer.clear();
                return Poll::Ready(Ok(Outcome::Answered { id, answer }));
            }
            let room = wanted - self.answer.len();
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer[..room]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                read => self.answer.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

impl Line {
    /// What was said, and what was to be said, was not heard.
    fn fail(&mut self, late: bool) {
        let said = match std::mem::take(&mut self.state) {
            State::Open(talk) => talk.under_way,
            _ => VecDeque::new(),
        };
        let unanswered = |id| Outcome::Unanswered { id, late };
        self.outcomes.extend(said.into_iter().map(|(id, _)| unanswered(id)));
        self.outcomes.extend(self.waiting.drain(..).map(|message| unanswered(message.id)));
    }
}

type ToConnection = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Outcome>;

impl ConnectionHandler for Line {
    type FromBehaviour = Message;
    type ToBehaviour = Outcome;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn on_behaviour_event(&mut self, message: Message) {
        match &mut self.state {
            State::Open(talk) => talk.say(&message, Instant::now()),
            _ => self.waiting.push_back(message),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToConnection> {
        if let State::Open(talk) = &mut self.state {
            match (talk.poll_write(cx), talk.poll_answer(cx)) {
                (_, Poll::Ready(Ok(outcome))) => return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome)),
                (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                    tracing::debug!(%error, "a stream of news broke");
                    self.fail(false);
                }
                (Poll::Pending, Poll::Pending) if talk.is_late(Instant::now()) => self.fail(true),
                (Poll::Pending, Poll::Pending) => {}
            }
        }
        if let Some(outcome) = self.outcomes.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome));
        }
        if matches!(self.state, State::Closed) && !self.waiting.is_empty() {
            self.state = State::Opening;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: mut stream, .. }) => {
                // Who only listens is no reason to keep a connection.
                stream.ignore_for_keep_alive();
                let mut talk = Talk::new(stream);
                for message in self.waiting.drain(..) {
                    talk.say(&message, Instant::now());
                }
                self.state = State::Open(Box::new(talk));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.fail(matches!(error, StreamUpgradeError::Timeout));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use futures::task::noop_waker_ref;

    /// Gives what is to be read in pieces, and keeps what was written.
    struct Wire {
        read: VecDeque<Vec<u8>>,
        written: Vec<u8>,
    }

    impl AsyncRead for Wire {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            let Some(mut piece) = self.read.pop_front() else { return Poll::Pending };
            let read = piece.len().min(buffer.len());
            buffer[..read].copy_from_slice(&piece[..read]);
            piece.drain(..read);
            if !piece.is_empty() {
                self.read.push_front(piece);
            }
            Poll::Ready(Ok(read))
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let some = bytes.len().min(3);
            self.written.extend_from_slice(&bytes[..some]);
            Poll::Ready(Ok(some))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn talk(read: &[&[u8]]) -> Talk<Wire> {
        Talk::new(Wire { read: read.iter().map(|piece| piece.to_vec()).collect(), written: Vec::new() })
    }

    #[test]
    fn answers_belong_to_messages_in_their_order_however_they_are_cut() {
        let mut cx = Context::from_waker(noop_waker_ref());
        let mut talk = talk(&[&[0, 0], &[0, 2, 7, 8, 0, 0, 0], &[1], &[9]]);
        for n in [1, 2] {
            talk.say(&Message { id: MessageId(n), body: vec![n as u8; 5] }, Instant::now());
        }
        assert!(talk.poll_write(&mut cx).is_pending());
        assert_eq!(talk.stream.written, [0, 0, 0, 5, 1, 1, 1, 1, 1, 0, 0, 0, 5, 2, 2, 2, 2, 2]);
        for (n, answer) in [(1, vec![7, 8]), (2, vec![9])] {
            let Poll::Ready(Ok(outcome)) = talk.poll_answer(&mut cx) else { panic!("an answer is there") };
            assert_eq!(outcome, Outcome::Answered { id: MessageId(n), answer });
        }
        assert!(talk.poll_answer(&mut cx).is_pending());
    }

    #[test]
    fn what_is_too_long_and_what_answers_nothing_breaks_the_stream() {
        let mut cx = Context::from_waker(noop_waker_ref());
        for wrong in [&[0, 0, 0, 65][..], &[255; 4], &[0, 0, 0, 1, 7]] {
            assert!(matches!(talk(&[wrong]).poll_answer(&mut cx), Poll::Ready(Err(_))), "{wrong:?}");
        }
    }

    #[test]
    fn an_answer_is_late_after_a_while() {
        let (mut talk, now) = (talk(&[]), Instant::now());
        assert!(!talk.is_late(now + 2 * PATIENCE), "nothing is awaited");
        talk.say(&Message { id: MessageId(1), body: Vec::new() }, now);
        assert!(!talk.is_late(now + PATIENCE) && talk.is_late(now + 2 * PATIENCE));
    }
}
