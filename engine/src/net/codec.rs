//! The bytes of one request and one response: a 4-byte big-endian length, then the body.
//!
//! Deliberately absent: any meaning of the bodies.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response;

use super::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};

/// Memory is taken in steps of this many bytes, so that a length alone costs its sender's victim nothing.
const STEP_BYTES: u64 = 64 * 1024;

/// The protocol in which devices and relays ask each other.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/omniscope/1");

/// Bodies as they travel, within the limits of one request and one response.
#[derive(Debug, Clone, Default)]
pub struct BytesCodec;

pub(super) async fn read_body<T: AsyncRead + Unpin + Send>(io: &mut T, max: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > max {
        let text = format!("a body of {length} bytes was announced, at most {max} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut body = Vec::new();
    while body.len() < length {
        let step = ((length - body.len()) as u64).min(STEP_BYTES);
        let taken = (&mut *io).take(step).read_to_end(&mut body).await?;
        if taken == 0 {
            let text = format!("the stream ended after {} of {length} bytes", body.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
    }
    Ok(body)
}

pub(super) async fn write_body<T: AsyncWrite + Unpin + Send>(io: &mut T, body: &[u8], max: usize) -> io::Result<()> {
    if body.len() > max {
        let text = format!("a body of {} bytes, at most {max} are allowed", body.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    // One write for small bodies, so that they leave in one packet.
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    io.write_all(&frame).await?;
    io.flush().await
}

impl request_response::Codec for BytesCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_body(io, MAX_REQUEST_BYTES).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_body(io, MAX_RESPONSE_BYTES).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, body: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_body(io, &body, MAX_REQUEST_BYTES).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, body: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_body(io, &body, MAX_RESPONSE_BYTES).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    #[test]
    fn a_body_survives_the_frame() {
        for length in [0usize, 1, 65_536, 65_537, MAX_REQUEST_BYTES] {
            let body = vec![7; length];
            let mut io = Cursor::new(Vec::new());
            block_on(write_body(&mut io, &body, MAX_REQUEST_BYTES)).unwrap();
            io.set_position(0);
            assert_eq!(block_on(read_body(&mut io, MAX_REQUEST_BYTES)).unwrap(), body);
        }
    }

    #[test]
    fn lying_lengths_are_refused() {
        let mut huge = Cursor::new(vec![0xff; 64]);
        assert_eq!(block_on(read_body(&mut huge, 1024)).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut short = Cursor::new(vec![0, 0, 0, 9, 1, 2]);
        assert_eq!(block_on(read_body(&mut short, 1024)).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let mut empty = Cursor::new(Vec::new());
        assert!(block_on(read_body(&mut empty, 1024)).is_err());
        assert!(block_on(write_body(&mut Cursor::new(Vec::new()), &[0; 9], 8)).is_err());
    }
}
