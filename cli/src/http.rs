//! HTTP for scripts: the original system's routes under `/api/collaboration`, and its events over a WebSocket.
//!
//! `docs/api.md` lists routes, bodies and answers. Every request proves that it comes from this user: it carries the
//! token that only this user can read. Deliberately absent: pages, cookies, TLS (the server listens on loopback unless
//! told otherwise), and knowledge of verbs (the engine's).

mod answer;
mod guard;
mod listener;
mod routes;
mod socket;
mod token;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use omniscope_engine::Engine;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use listener::Bounded;
use token::Token;

/// Where all routes begin.
const PREFIX: &str = "/api/collaboration";
/// WebSockets open at one time, fewer than connections, so that the routes stay reachable.
const MAX_SOCKETS: usize = 32;

/// What every request needs.
#[derive(Clone)]
struct Shared {
    engine: Engine,
    token: Arc<Token>,
    sockets: Arc<Semaphore>,
}

/// Serves HTTP until dropped.
pub(crate) struct Server {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds `addr` and serves `engine`. The token lies in `dir`; it is made there when there is none.
    ///
    /// # Errors
    /// When `addr` is reachable from other computers and `public` is not set, cannot be bound, or the token can be
    /// neither read nor written.
    pub(crate) async fn start(engine: Engine, dir: &Path, addr: SocketAddr, public: bool) -> Result<Self, Failure> {
        if !addr.ip().is_loopback() && !public {
            let message = format!("expected a loopback address such as 127.0.0.1:8330 for --http, found {addr}");
            return Err(Failure::usage(message)
                .hint("--http-public allows any address; the token then crosses the network unencrypted"));
        }
        let token = Arc::new(Token::load_or_create(dir)?);
        let listener =
            TcpListener::bind(addr).await.map_err(|e| Failure::machine(&format!("serve HTTP on {addr}"), e))?;
        let addr = listener.local_addr().map_err(|e| Failure::machine("learn the address of the HTTP server", e))?;
        let shared = Shared { engine, token, sockets: Arc::new(Semaphore::new(MAX_SOCKETS)) };
        let app = routes::router(shared);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(Bounded::new(listener), app).await {
                tracing::error!(%error, "HTTP is no longer served");
            }
        });
        Ok(Self { addr, task })
    }

    /// Where it serves, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
