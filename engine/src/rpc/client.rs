//! The other end of a connection: asks whoever holds the data folder.
//!
//! One question at a time; notifications in between are passed over. Deliberately absent: reconnecting.

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::lines::{Line, Lines};
use crate::api::ApiError;

/// Longest answer that is read; documents are bounded far below.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// A connection to a serving engine.
pub struct Client {
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    asked: u64,
}

impl Client {
    /// A client over two halves of a stream.
    pub fn new(reader: Box<dyn AsyncRead + Send + Unpin>, writer: Box<dyn AsyncWrite + Send + Unpin>) -> Self {
        Self { lines: Lines::new(BufReader::new(reader), MAX_ANSWER_BYTES), writer, asked: 0 }
    }

    /// Connects to whoever holds `dir`.
    ///
    /// # Errors
    /// When nobody serves there.
    #[cfg(unix)]
    pub async fn connect(dir: &std::path::Path) -> std::io::Result<Self> {
        let (read, write) = super::socket::connect(dir).await?.into_split();
        Ok(Self::new(Box::new(read), Box::new(write)))
    }

    /// Calls a verb there.
    ///
    /// # Errors
    /// The verb's error, or `holder_gone` when the connection breaks.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError> {
        self.asked += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        self.writer.write_all(format!("{request}\n").as_bytes()).await.map_err(|e| gone(&e.to_string()))?;
        self.writer.flush().await.map_err(|e| gone(&e.to_string()))?;
        loop {
            let text = match self.lines.next().await.map_err(|e| gone(&e.to_string()))? {
                Line::Text(text) => text,
                Line::TooLong => return Err(gone("its answer is too long")),
                Line::End => return Err(gone("it closed the connection")),
            };
            let mut answer: Value = serde_json::from_slice(&text).map_err(|e| gone(&e.to_string()))?;
            if answer["id"] != self.asked {
                continue;
            }
            return match answer["error"].take() {
                Value::Null => Ok(answer["result"].take()),
                error => Err(ApiError::new(
                    error["data"]["code"].as_str().unwrap_or("failed"),
                    error["message"].as_str().unwrap_or("the holder of the data folder refused"),
                )),
            };
        }
    }
}

fn gone(detail: &str) -> ApiError {
    ApiError::new("holder_gone", format!("the process that holds the data folder did not answer: {detail}"))
}
