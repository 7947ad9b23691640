//! A plain HTTP/1.1 client that can send what a well-behaved one would not, and its WebSocket.
//!
//! Deliberately absent: TLS, redirects, chunked requests, fragmented messages.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

/// A server and the token for it.
#[derive(Clone)]
pub struct Site {
    /// `IP:PORT`.
    pub addr: String,
    pub token: String,
}

impl Site {
    /// A request as it should be.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("Host", self.addr.as_str()), ("Authorization", &format!("Bearer {}", self.token))];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, body.as_bytes())
    }

    /// A request with exactly these headers, and the length of the body.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        (&stream).write_all(head.as_bytes()).unwrap();
        // A server may answer, and close, before it has read a body that is too long.
        let _ = (&stream).write_all(body);
        read_answer(&mut BufReader::new(stream))
    }

    /// A connection without a request.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Opens a WebSocket; gives the refusal if there is one.
    pub fn open(&self, path: &str) -> Result<Socket, Answer> {
        let stream = self.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            self.addr, self.token
        );
        (&stream).write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let answer = read_answer(&mut reader);
        if answer.status == 101 { Ok(Socket { reader }) } else { Err(answer) }
    }
}

fn read_answer(reader: &mut BufReader<TcpStream>) -> Answer {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.and_then(|l| l.trim().parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    Answer { status, head, body: serde_json::from_slice(&body).unwrap_or_default() }
}

impl Answer {
    /// The code of an error in JSON.
    pub fn code(&self) -> &str {
        assert!(self.body["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{self:?}");
        self.body["error"]["code"].as_str().unwrap()
    }
}

/// An open WebSocket.
pub struct Socket {
    reader: BufReader<TcpStream>,
}

impl Socket {
    /// Sends a text message.
    pub fn say(&mut self, text: &str) {
        self.frame(1, text.as_bytes());
    }

    /// Sends one frame, masked with zeros.
    pub fn frame(&mut self, kind: u8, body: &[u8]) {
        let mut frame = vec![0x80 | kind];
        match body.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(body);
        // The server may have closed the connection: then reading says so.
        let _ = self.reader.get_mut().write_all(&frame);
    }

    /// The next message as JSON; `None` when the connection has ended. Pings are passed over.
    pub fn message(&mut self) -> Option<Value> {
        loop {
            let mut head = [0; 2];
            self.reader.read_exact(&mut head).ok()?;
            let mut length = u64::from(head[1] & 0x7f);
            if length == 126 {
                let mut long = [0; 2];
                self.reader.read_exact(&mut long).ok()?;
                length = u64::from(u16::from_be_bytes(long));
            } else if length == 127 {
                let mut long = [0; 8];
                self.reader.read_exact(&mut long).ok()?;
                length = u64::from_be_bytes(long);
            }
            let mut body = vec![0; length as usize];
            self.reader.read_exact(&mut body).ok()?;
            match head[0] & 0x0f {
                1 => return Some(serde_json::from_slice(&body).unwrap()),
                8 => return None,
                _ => {}
            }
        }
    }

    /// The next message of this name.
    pub fn event(&mut self, name: &str) -> Value {
        loop {
            let message = self.message().unwrap_or_else(|| panic!("the connection ended before {name}"));
            if message["event"] == name {
                return message;
            }
        }
    }

    /// Asks and gives the answer, or the error's code.
    pub fn ask(&mut self, event: &str, data: Value) -> Result<Value, String> {
        self.say(&json!({"event": event, "id": event, "data": data}).to_string());
        loop {
            let mut message =
                self.message().unwrap_or_else(|| panic!("the connection ended before the answer to {event}"));
            match message["event"].as_str() {
                Some("answer") if message["id"] == event => return Ok(message["data"].take()),
                Some("error") => return Err(message["data"]["code"].as_str().unwrap().to_owned()),
                _ => {}
            }
        }
    }
}
