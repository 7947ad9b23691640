//! The first bytes of a connection from a proxy: the PROXY protocol, versions 1 (a line of text) and 2 (binary).

use std::io;
use std::net::{IpAddr, SocketAddr};

use futures::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1, with its end.
const MAX_LINE: usize = 107;
/// Longest rest of version 2; beside addresses it may hold what nobody here reads.
const MAX_REST: usize = 2048;

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads the header and not a byte more. None when the proxy speaks for itself, as when it looks whether all is well.
///
/// # Errors
/// When there is no such header, or the connection ends in it.
pub(super) async fn read<T: AsyncRead + Unpin>(stream: &mut T) -> io::Result<Option<SocketAddr>> {
    let mut begin = [0; SIGNATURE.len()];
    stream.read_exact(&mut begin).await?;
    if begin == SIGNATURE {
        return read_binary(stream).await;
    }
    if !begin.starts_with(b"PROXY ") {
        return Err(bad("expected the PROXY protocol before anything else"));
    }
    let mut line = begin.to_vec();
    while line.last() != Some(&b'\n') {
        if line.len() >= MAX_LINE {
            return Err(bad("a line of the PROXY protocol has at most 107 bytes"));
        }
        let mut next = [0];
        stream.read_exact(&mut next).await?;
        line.push(next[0]);
    }
    let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", "TCP4" | "TCP6", from, _, port, _] => match (from.parse::<IpAddr>(), port.parse()) {
            (Ok(ip), Ok(port)) => Ok(Some(SocketAddr::new(ip, port))),
            _ => Err(bad("expected an address and a port in the line of the PROXY protocol")),
        },
        _ => Err(bad("expected PROXY TCP4, TCP6 or UNKNOWN, two addresses and two ports")),
    }
}

async fn read_binary<T: AsyncRead + Unpin>(stream: &mut T) -> io::Result<Option<SocketAddr>> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    let [command, family, high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_REST {
        return Err(bad("the rest of a PROXY header is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    let port = |at: usize| Some(u16::from_be_bytes(*rest.get(at..)?.first_chunk()?));
    let from = match (command, family) {
        // LOCAL: the proxy speaks for itself.
        (0x20, _) => return Ok(None),
        (0x21, 0x11) => rest.first_chunk::<4>().map(|ip| IpAddr::from(*ip)).zip(port(8)),
        (0x21, 0x21) => rest.first_chunk::<16>().map(|ip| IpAddr::from(*ip)).zip(port(32)),
        _ => return Err(bad("expected a PROXY header of version 2 for TCP")),
    };
    from.map(|(ip, port)| Some(SocketAddr::new(ip, port))).ok_or_else(|| bad("the PROXY header ends too early"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use futures::io::Cursor;

    async fn said(bytes: &[u8]) -> io::Result<Option<SocketAddr>> {
        let mut stream = Cursor::new([bytes, b"GET /"].concat());
        let said = read(&mut stream).await?;
        assert_eq!(stream.position(), bytes.len() as u64, "not a byte more is taken");
        Ok(said)
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        [&SIGNATURE[..], &[command, family], &(rest.len() as u16).to_be_bytes(), rest].concat()
    }

    #[tokio::test]
    async fn both_versions_tell_who_connects() {
        let four = Some("192.0.2.7:4242".parse().unwrap());
        let six = Some("[2001:db8::7]:4242".parse().unwrap());
        assert_eq!(said(b"PROXY TCP4 192.0.2.7 192.0.2.1 4242 443\r\n").await.unwrap(), four);
        assert_eq!(said(b"PROXY TCP6 2001:db8::7 2001:db8::1 4242 443\r\n").await.unwrap(), six);
        assert_eq!(said(b"PROXY UNKNOWN\r\n").await.unwrap(), None);
        let rest = [192, 0, 2, 7, 192, 0, 2, 1, 0x10, 0x92, 1, 0xbb, 0x04, 0, 1, 9];
        assert_eq!(said(&binary(0x21, 0x11, &rest)).await.unwrap(), four);
        let mut rest = vec![0; 36];
        rest[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        (rest[15], rest[32], rest[33]) = (7, 0x10, 0x92);
        assert_eq!(said(&binary(0x21, 0x21, &rest)).await.unwrap(), six);
        assert_eq!(said(&binary(0x20, 0, &[])).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_header_is_an_error() {
        let long = [&b"PROXY TCP4 "[..], &[b'1'; MAX_LINE]].concat();
        let short = binary(0x21, 0x11, &[192, 0, 2]);
        let udp = binary(0x21, 0x12, &[0; 12]);
        let bad: [&[u8]; 6] = [
            b"GET / HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 here there 1 2\r\n",
            b"PROXY TCP4 1.2.3.4\r\n",
            &long,
            &short,
            &udp,
        ];
        for bytes in bad {
            assert!(read(&mut Cursor::new(bytes)).await.is_err(), "{bytes:?}");
        }
    }
}
