//! Lines of bounded length from any byte stream.
//!
//! Nothing is lost when a read is given up half-way: what was read stays in the buffer.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end.
    Text(Vec<u8>),
    /// A line over the limit; it was skipped up to its end.
    TooLong,
    /// The input has ended.
    End,
}

/// Reads lines of at most `max_bytes`.
pub(super) struct Lines<R> {
    reader: R,
    max_bytes: usize,
    kept: Vec<u8>,
    /// The line under way is over the limit; its rest is thrown away.
    skipping: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, max_bytes: usize) -> Self {
        Self { reader, max_bytes, kept: Vec::new(), skipping: false }
    }

    /// The next line. A last one without an end counts.
    pub(super) async fn next(&mut self) -> std::io::Result<Line> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(match (std::mem::take(&mut self.skipping), std::mem::take(&mut self.kept)) {
                    (true, _) => Line::TooLong,
                    (false, kept) if kept.is_empty() => Line::End,
                    (false, kept) => Line::Text(kept),
                });
            }
            let end = chunk.iter().position(|b| *b == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if self.kept.len() + part.len() > self.max_bytes {
                self.skipping = true;
                self.kept = Vec::new();
            }
            if !self.skipping {
                self.kept.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                let text = std::mem::take(&mut self.kept);
                return Ok(if std::mem::take(&mut self.skipping) { Line::TooLong } else { Line::Text(text) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded_and_the_next_one_is_read_all_the_same() {
        let long = "x".repeat(100);
        let text = format!("one\n{long}\n\ntwo\nlast");
        // A reader of three bytes makes every line come in pieces.
        let reader = tokio::io::BufReader::with_capacity(3, text.as_bytes());
        let mut lines = Lines::new(reader, 10);
        let text = |s: &str| Line::Text(s.as_bytes().to_vec());
        for expected in [text("one"), Line::TooLong, text(""), text("two"), text("last"), Line::End] {
            assert_eq!(lines.next().await.unwrap(), expected);
        }
    }
}
