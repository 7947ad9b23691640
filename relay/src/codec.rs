//! The bytes of one request and one response: a 4-byte big-endian length, then the body.
//!
//! All bodies on their way in share one budget of memory; what does not fit ends its stream. So neither many slow
//! senders nor large announcements take more than that. Deliberately absent: any meaning of the bodies.

use std::io;
use std::sync::Arc;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The same as the devices speak among themselves.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/omniscope/1");
/// Largest request body.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// Largest response body.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Memory is taken in steps that grow with what has come, so that a length alone costs next to nothing.
const FIRST_STEP_BYTES: usize = 4 * 1024;
const MAX_STEP_BYTES: usize = 64 * 1024;

/// A body with its part of the budget, which is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) body: Vec<u8>,
    _share: Option<OwnedSemaphorePermit>,
}

/// Reads within a budget of bytes.
#[derive(Debug, Clone)]
pub(crate) struct BytesCodec {
    budget: Arc<Semaphore>,
}

impl BytesCodec {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self { budget: Arc::new(Semaphore::new(budget_bytes.min(Semaphore::MAX_PERMITS))) }
    }

    /// Bytes of the budget that are free.
    pub(crate) fn free(&self) -> usize {
        self.budget.available_permits()
    }

    async fn read<T: AsyncRead + Unpin + Send>(&self, io: &mut T, max: usize) -> io::Result<Incoming> {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length) as usize;
        if length > max {
            let text = format!("a body of {length} bytes was announced, at most {max} are allowed");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let (mut body, mut share) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while body.len() < length {
            let step = (length - body.len()).min(body.len().clamp(FIRST_STEP_BYTES, MAX_STEP_BYTES));
            let more = Arc::clone(&self.budget).try_acquire_many_owned(step as u32);
            let more = more.map_err(|_| io::Error::new(io::ErrorKind::OutOfMemory, "too much is on its way in"))?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            let begun = body.len();
            body.resize(begun + step, 0);
            io.read_exact(&mut body[begun..]).await?;
        }
        Ok(Incoming { body, _share: share })
    }
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, body: &[u8], max: usize) -> io::Result<()> {
    if body.len() > max {
        let text = format!("a body of {} bytes, at most {max} are allowed", body.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    io.write_all(&frame).await?;
    io.flush().await
}

impl request_response::Codec for BytesCodec {
    type Protocol = StreamProtocol;
    type Request = Incoming;
    type Response = Incoming;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
    ) -> io::Result<Incoming> {
        self.read(io, MAX_REQUEST_BYTES).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
    ) -> io::Result<Incoming> {
        self.read(io, MAX_RESPONSE_BYTES).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
        request: Incoming,
    ) -> io::Result<()> {
        write(io, &request.body, MAX_REQUEST_BYTES).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
        response: Incoming,
    ) -> io::Result<()> {
        write(io, &response.body, MAX_RESPONSE_BYTES).await
    }
}

impl From<Vec<u8>> for Incoming {
    /// A body of the relay's own, outside the budget of what comes in.
    fn from(body: Vec<u8>) -> Self {
        Self { body, _share: None }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use futures::io::Cursor;

    #[tokio::test]
    async fn bodies_share_one_budget_and_lengths_alone_cost_nothing() {
        let codec = BytesCodec::new(100);
        let frame = |length: u32, body: usize| {
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.resize(4 + body, 7);
            Cursor::new(bytes)
        };
        let first = codec.read(&mut frame(60, 60), 1000).await.unwrap();
        assert_eq!((first.body.len(), codec.free()), (60, 40));
        let error = codec.read(&mut frame(60, 60), 1000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        drop(first);
        assert!(codec.read(&mut frame(60, 10), 1000).await.is_err(), "cut off");
        assert!(codec.read(&mut frame(2000, 0), 1000).await.is_err(), "too long");
        assert_eq!(codec.free(), 100, "all of it came back");
    }
}
