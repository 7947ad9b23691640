//! One connection's side of a feed: frames out, answers in.
//!
//! Frames are as in `codec`: a 4-byte big-endian length, then the body. An answer's begins with a byte: so many messages
//! before this one had the answer that came last. Deliberately absent: timers. A connection is looked at with each of its
//! pings, which is often enough to notice that an answer is late.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::channel::mpsc;
use futures::{AsyncRead, AsyncWrite, StreamExt};
use libp2p::core::upgrade::{DeniedUpgrade, ReadyUpgrade};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};

use super::{Message, MessageId, Outcome, PROTOCOL};

/// Who answers later did not hear, if it must answer: few answers may be kept back.
const PATIENCE: Duration = Duration::from_secs(15);
/// Messages, and bytes of them, of which a member may keep the answers back.
const MAX_KEPT_BACK: usize = 16;
const MAX_KEPT_BACK_BYTES: usize = 16 * 1024;
/// Largest answer: how many messages before had the last one, whether a member knew what it was told, or a refusal.
const MAX_ANSWER_BYTES: usize = 64;
const LENGTH_BYTES: usize = 4;

/// The handler of one connection.
pub(crate) struct Line {
    state: State,
    messages: mpsc::UnboundedReceiver<Message>,
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
    frame: Vec<u8>,
    /// The answer that came last.
    answer: Option<Arc<[u8]>>,
    under_way: VecDeque<(MessageId, usize, Instant)>,
    bytes_under_way: usize,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Talk<T> {
    fn new(stream: T) -> Self {
        Self {
            stream,
            frames: Vec::new(),
            written: 0,
            frame: Vec::new(),
            answer: None,
            under_way: VecDeque::new(),
            bytes_under_way: 0,
        }
    }

    fn say(&mut self, message: &Message, now: Instant) {
        self.frames.extend_from_slice(&(message.body.len() as u32).to_be_bytes());
        self.frames.extend_from_slice(&message.body);
        self.under_way.push_back((message.id, message.body.len(), now));
        self.bytes_under_way += message.body.len();
    }

    /// Whether an answer that cannot have been kept back has not come.
    fn is_late(&self, now: Instant) -> bool {
        let must =
            self.answer.is_none() || self.under_way.len() > MAX_KEPT_BACK || self.bytes_under_way > MAX_KEPT_BACK_BYTES;
        must && self.under_way.front().is_some_and(|(_, _, said)| now.duration_since(*said) > PATIENCE)
    }

    /// So many messages were answered as the last one was, and the next one by this.
    fn hear(&mut self, same: u8, answer: &[u8]) -> io::Result<Outcome> {
        let before = self.answer.replace(answer.into());
        if answer.is_empty() || self.under_way.len() <= usize::from(same) || (before.is_none() && same > 0) {
            return Err(invalid("an answer to nothing"));
        }
        let answers = std::iter::repeat_n(before, same.into()).chain([self.answer.clone()]).flatten();
        let messages: Vec<(MessageId, usize, Instant)> = self.under_way.drain(..=usize::from(same)).collect();
        self.bytes_under_way -= messages.iter().map(|(_, bytes, _)| bytes).sum::<usize>();
        Ok(Outcome::Answered(messages.into_iter().map(|(id, _, _)| id).zip(answers).collect()))
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
            let wanted = match self.frame.first_chunk() {
                None => LENGTH_BYTES,
                Some(length) => LENGTH_BYTES + u32::from_be_bytes(*length) as usize,
            };
            if wanted > buffer.len() {
                return Poll::Ready(Err(invalid("an answer is too long")));
            }
            if self.frame.len() >= LENGTH_BYTES && self.frame.len() == wanted {
                let frame = std::mem::take(&mut self.frame);
                let Some((same, answer)) = frame[LENGTH_BYTES..].split_first() else {
                    return Poll::Ready(Err(invalid("an answer is empty")));
                };
                return Poll::Ready(self.hear(*same, answer));
            }
            let room = wanted - self.frame.len();
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer[..room]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                read => self.frame.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Line {
    pub(super) fn new(messages: mpsc::UnboundedReceiver<Message>) -> Self {
        Self { state: State::Closed, messages, waiting: VecDeque::new(), outcomes: VecDeque::new() }
    }

    /// What was said, and what was to be said, was not heard.
    fn fail(&mut self) {
        let said = match std::mem::take(&mut self.state) {
            State::Open(talk) => talk.under_way,
            _ => VecDeque::new(),
        };
        self.outcomes.extend(said.into_iter().map(|(id, _, _)| Outcome::Unanswered(id)));
        self.outcomes.extend(self.waiting.drain(..).map(|message| Outcome::Unanswered(message.id)));
    }
}

type ToConnection = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Outcome>;

impl ConnectionHandler for Line {
    type FromBehaviour = Infallible;
    type ToBehaviour = Outcome;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToConnection> {
        while let Poll::Ready(Some(message)) = self.messages.poll_next_unpin(cx) {
            match &mut self.state {
                State::Open(talk) => talk.say(&message, Instant::now()),
                _ => self.waiting.push_back(message),
            }
        }
        if let State::Open(talk) = &mut self.state {
            match (talk.poll_write(cx), talk.poll_answer(cx)) {
                (_, Poll::Ready(Ok(outcome))) => return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome)),
                (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                    tracing::debug!(%error, "a stream of news broke");
                    self.fail();
                }
                (Poll::Pending, Poll::Pending) if talk.is_late(Instant::now()) => self.fail(),
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
            ConnectionEvent::DialUpgradeError(DialUpgradeError { .. }) => self.fail(),
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

    fn message(n: u64) -> Message {
        Message { id: MessageId(n), body: [n as u8; 5].into() }
    }

    fn talk(read: &[&[u8]]) -> Talk<Wire> {
        Talk::new(Wire { read: read.iter().map(|piece| piece.to_vec()).collect(), written: Vec::new() })
    }

    #[test]
    fn answers_belong_to_messages_in_their_order_however_they_are_cut() {
        let mut cx = Context::from_waker(noop_waker_ref());
        let mut talk = talk(&[&[0, 0], &[0, 3, 0, 7, 8, 0, 0, 0], &[2], &[2, 9]]);
        for n in [1, 2, 3, 4] {
            talk.say(&message(n), Instant::now());
        }
        assert!(talk.poll_write(&mut cx).is_pending());
        assert_eq!(talk.stream.written[..18], [0, 0, 0, 5, 1, 1, 1, 1, 1, 0, 0, 0, 5, 2, 2, 2, 2, 2]);
        let known = |ids: std::ops::Range<u64>| ids.map(|n| (MessageId(n), Arc::from([7, 8])));
        for answers in [known(1..2).collect(), known(2..4).chain([(MessageId(4), Arc::from([9]))]).collect()] {
            assert!(
                matches!(talk.poll_answer(&mut cx), Poll::Ready(Ok(outcome)) if outcome == Outcome::Answered(answers))
            );
        }
        assert_eq!(talk.bytes_under_way, 0);
        assert!(talk.poll_answer(&mut cx).is_pending());
    }

    #[test]
    fn what_is_too_long_and_what_answers_nothing_breaks_the_stream() {
        let mut cx = Context::from_waker(noop_waker_ref());
        for wrong in
            [&[0, 0, 0, 65][..], &[255; 4], &[0, 0, 0, 2, 0, 7], &[0; 4], &[0, 0, 0, 1, 0], &[0, 0, 0, 2, 1, 7]]
        {
            assert!(matches!(talk(&[wrong]).poll_answer(&mut cx), Poll::Ready(Err(_))), "{wrong:?}");
        }
        let mut talk = talk(&[&[0, 0, 0, 2, 0, 7, 0, 0, 0, 2, 255, 7]]);
        talk.say(&message(1), Instant::now());
        assert!(matches!(talk.poll_answer(&mut cx), Poll::Ready(Ok(_))));
        assert!(matches!(talk.poll_answer(&mut cx), Poll::Ready(Err(_))), "more is answered than was said");
    }

    #[test]
    fn an_answer_is_late_after_a_while() {
        let (mut talk, now) = (talk(&[]), Instant::now());
        assert!(!talk.is_late(now + 2 * PATIENCE), "nothing is awaited");
        talk.say(&message(1), now);
        assert!(!talk.is_late(now + PATIENCE) && talk.is_late(now + 2 * PATIENCE));
        talk.answer = Some(Arc::from([7]));
        assert!(!talk.is_late(now + 2 * PATIENCE), "the answer may have been kept back");
        for n in 0..MAX_KEPT_BACK as u64 {
            talk.say(&message(n), now);
        }
        assert!(talk.is_late(now + 2 * PATIENCE));
    }
}
