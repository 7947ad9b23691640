//! How much a stranger may send on one connection, before it is cut off.
//!
//! Streams of a multiplexed connection are filled by their sender before anybody reads them, up to 256 KiB each and in
//! hundreds, so that one stranger could take all of a relay's memory. Who is neither a member nor has shown an
//! invitation has little to say: after [`STRANGER_BYTES`] its connection ends. The count is taken under the multiplexer and
//! above the encryption, where the device is proven. QUIC has windows for a whole connection instead (`transport`).
//! Here, too, what one turn of a connection says is put together: the multiplexer asks for each of its frames to be sent
//! at once, and a short message is two of them at least. It reads whenever it has no more to say, so what it has said
//! leaves then, as one packet. And nothing more is taken while a full packet has not left: what encrypts and sends it never
//! gives back the room that it once took, for as long as the connection lasts. Deliberately absent: limits of what members
//! send, and any delay.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use futures::{AsyncRead, AsyncWrite};
use libp2p::core::UpgradeInfo;
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use libp2p::{PeerId, noise};

use crate::admission::Gate;

/// What a stranger may send on one connection: a redemption, an admission, what a recovery key says, and room.
const STRANGER_BYTES: usize = 256 * 1024;
/// What is encrypted and has not left, at most.
const PACKET_BYTES: usize = 16 * 1024;

/// Noise, a count of what comes out of it, and few packets of what goes in.
#[derive(Clone)]
pub(crate) struct Screen {
    noise: noise::Config,
    gate: Gate,
}

impl Screen {
    pub(crate) fn new(noise: noise::Config, gate: Gate) -> Self {
        Self { noise, gate }
    }

    fn counted<T>(self, (peer, stream): (PeerId, T)) -> (PeerId, Counted<T>) {
        (peer, Counted { stream, peer, gate: self.gate, left: STRANGER_BYTES, unsent: 0 })
    }
}

impl UpgradeInfo for Screen {
    type Info = <noise::Config as UpgradeInfo>::Info;
    type InfoIter = <noise::Config as UpgradeInfo>::InfoIter;

    fn protocol_info(&self) -> Self::InfoIter {
        self.noise.protocol_info()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> InboundConnectionUpgrade<T> for Screen {
    type Output = (PeerId, Counted<noise::Output<T>>);
    type Error = noise::Error;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, socket: T, info: Self::Info) -> Self::Future {
        let noise = self.noise.clone();
        noise.upgrade_inbound(socket, info).map_ok(|proven| self.counted(proven)).boxed()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> OutboundConnectionUpgrade<T> for Screen {
    type Output = (PeerId, Counted<noise::Output<T>>);
    type Error = noise::Error;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, socket: T, info: Self::Info) -> Self::Future {
        let noise = self.noise.clone();
        noise.upgrade_outbound(socket, info).map_ok(|proven| self.counted(proven)).boxed()
    }
}

/// A connection of a proven device.
pub(crate) struct Counted<T> {
    stream: T,
    peer: PeerId,
    gate: Gate,
    /// Bytes that may come before it is asked again whether this is a stranger.
    left: usize,
    /// Bytes that were said and may not have left.
    unsent: usize,
}

impl<T: AsyncWrite + Unpin> Counted<T> {
    /// Sends what was said.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent > 0 {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unsent = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        // While the socket is full the rest waits: whoever reads here is woken when it has room.
        if let Poll::Ready(sent) = this.poll_send(cx) {
            sent?;
        }
        if this.left == 0 {
            if !this.gate.may_connect(&this.peer, Instant::now()) {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, "a stranger sent too much")));
            }
            this.left = STRANGER_BYTES;
        }
        let most = buffer.len().min(this.left);
        let read = Pin::new(&mut this.stream).poll_read(cx, &mut buffer[..most]);
        if let Poll::Ready(Ok(read)) = &read {
            this.left -= read;
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.unsent >= PACKET_BYTES {
            ready!(this.poll_send(cx))?;
        }
        let most = bytes.len().min(PACKET_BYTES - this.unsent);
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &bytes[..most]))?;
        this.unsent += written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::Policy;
    use futures::io::{BufWriter, Cursor};
    use futures::{AsyncReadExt, AsyncWriteExt};

    fn counted<T>(stream: T, gate: &Gate) -> Counted<T> {
        Counted { stream, peer: PeerId::random(), gate: gate.clone(), left: STRANGER_BYTES, unsent: 0 }
    }

    #[tokio::test]
    async fn a_stranger_is_cut_off_and_whoever_became_a_member_meanwhile_is_not() {
        let gate = Gate::new(Policy::Members);
        let mut stranger = counted(Cursor::new(vec![7; STRANGER_BYTES + 1]), &gate);
        let mut read = vec![0; STRANGER_BYTES];
        stranger.read_exact(&mut read).await.unwrap();
        assert_eq!(stranger.read(&mut read).await.unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        gate.admit(stranger.peer);
        assert_eq!(stranger.read(&mut read).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn what_one_turn_says_leaves_together_before_the_next_read() {
        let mut member = counted(BufWriter::new(Cursor::new(Vec::new())), &Gate::new(Policy::Open));
        for _ in 0..2 {
            member.write_all(&[7; 10]).await.unwrap();
            member.flush().await.unwrap();
        }
        assert!(member.stream.get_ref().get_ref().is_empty());
        assert_eq!(member.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(member.stream.get_ref().get_ref().len(), 20);
    }

    /// Takes all that is said, and sends it when it may.
    #[derive(Default)]
    struct Socket {
        said: usize,
        sent: usize,
        is_full: bool,
    }

    impl AsyncWrite for Socket {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.said += bytes.len();
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.is_full {
                return Poll::Pending;
            }
            self.sent = self.said;
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    #[test]
    fn no_more_than_a_packet_waits_for_a_socket_that_is_full() {
        let mut cx = Context::from_waker(futures::task::noop_waker_ref());
        let mut member = counted(Socket::default(), &Gate::new(Policy::Open));
        let answer = [7; 5 * PACKET_BYTES];
        for is_full in [false, true, false, true] {
            member.stream.is_full = is_full;
            let mut left = answer.len();
            while left > 0
                && let Poll::Ready(Ok(written)) = Pin::new(&mut member).poll_write(&mut cx, &answer[..left])
            {
                left -= written;
                assert!(member.stream.said - member.stream.sent <= PACKET_BYTES);
            }
            assert_eq!(left > 0, is_full, "it goes on once the socket has room, and not before");
        }
    }
}
