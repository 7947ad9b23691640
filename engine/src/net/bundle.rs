//! What one turn of a connection says goes out together: one packet of Noise, one write to the socket.
//!
//! The multiplexer asks for each of its frames to be sent at once, and a short message is two of them at least. It reads
//! whenever it has no more to say, so what it has said leaves then. Deliberately absent: any delay, and any copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use libp2p::yamux;

/// Yamux, with few packets.
#[derive(Debug, Clone, Default)]
pub struct Mux(yamux::Config);

impl UpgradeInfo for Mux {
    type Info = <yamux::Config as UpgradeInfo>::Info;
    type InfoIter = <yamux::Config as UpgradeInfo>::InfoIter;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.protocol_info()
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<T> for Mux {
    type Output = yamux::Muxer<Bundle<T>>;
    type Error = io::Error;
    type Future = <yamux::Config as InboundConnectionUpgrade<Bundle<T>>>::Future;

    fn upgrade_inbound(self, stream: T, info: Self::Info) -> Self::Future {
        self.0.upgrade_inbound(Bundle::new(stream), info)
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<T> for Mux {
    type Output = yamux::Muxer<Bundle<T>>;
    type Error = io::Error;
    type Future = <yamux::Config as OutboundConnectionUpgrade<Bundle<T>>>::Future;

    fn upgrade_outbound(self, stream: T, info: Self::Info) -> Self::Future {
        self.0.upgrade_outbound(Bundle::new(stream), info)
    }
}

/// A stream that is flushed when it is read, or closed.
#[derive(Debug)]
pub struct Bundle<T> {
    stream: T,
    /// Whether anything was said that has not left.
    unsent: bool,
}

impl<T> Bundle<T> {
    fn new(stream: T) -> Self {
        Self { stream, unsent: false }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Bundle<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        // While the socket is full the rest waits: whoever reads here is woken when it has room.
        if this.unsent && Pin::new(&mut this.stream).poll_flush(cx)?.is_ready() {
            this.unsent = false;
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Bundle<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unsent = true;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
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
    use futures::io::{BufWriter, Cursor};
    use futures::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn frames_leave_together_before_the_next_read() {
        let mut bundle = Bundle::new(BufWriter::new(Cursor::new(Vec::new())));
        for sent in [0, 20] {
            for _ in 0..2 {
                bundle.write_all(&[7; 10]).await.unwrap();
                bundle.flush().await.unwrap();
            }
            assert_eq!(bundle.stream.get_ref().get_ref().len(), sent);
            assert_eq!(bundle.read(&mut [0; 4]).await.unwrap(), 0);
            assert_eq!(bundle.stream.get_ref().get_ref().len(), sent + 20);
        }
    }
}
