//! The headless peer: an engine with its network, JSON-RPC on stdin and stdout and on the folder's socket, HTTP if
//! asked for.
//!
//! It runs until SIGTERM or SIGINT, whether stdin is closed or not. Deliberately absent: the protocol of the lines
//! (`omniscope_engine::rpc`).

use std::time::Duration;

use omniscope_engine::Engine;
use omniscope_engine::rpc::{self, Manner};
use serde_json::{Value, json};
use tokio::io::BufReader;

use crate::command::peer::Peer;
use crate::failure::Failure;
use crate::holder::{OpenFailure, open_folder, options};
use crate::{Place, http, output};

/// Longest wait for the addresses of the first line; a machine without a network has none.
const ADDRESSES_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(crate) async fn run(place: &Place, peer: &Peer) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let opened = open_folder(place, "omniscope peer").await.map_err(|failure| match failure {
        OpenFailure::InUse(holder) => {
            Failure::machine("start a peer", format!("the data folder is in use by {holder}"))
        }
        OpenFailure::Other(failure) => failure,
    })?;
    let dir = place.data_dir()?;
    let engine = Engine::start(opened.store, opened.key, options(place, Some(&peer.network))?).await?;
    #[cfg(unix)]
    let _socket = rpc::SocketServer::start(engine.clone(), &dir)
        .map_err(|e| Failure::machine(&format!("serve the socket in {}", dir.display()), e))?;
    let http = match peer.http {
        Some(addr) => Some(http::Server::start(engine.clone(), &dir, addr, peer.http_public).await?),
        None => None,
    };
    announce(&engine, peer.network.listen.len(), http.as_ref().map(http::Server::url)).await?;
    let lines = tokio::spawn({
        let engine = engine.clone();
        async move {
            let manner = Manner { events: true, outlives_input: true };
            let served = rpc::serve(&engine, BufReader::new(tokio::io::stdin()), tokio::io::stdout(), manner).await;
            if let Err(error) = served {
                tracing::info!(%error, "stdin and stdout are no longer served; the peer goes on");
            }
        }
    });
    stop.await;
    lines.abort();
    engine.shutdown().await;
    Ok(())
}

/// Prints the first line: the peer is ready, and where it can be reached.
async fn announce(engine: &Engine, asked: usize, http: Option<String>) -> Result<(), Failure> {
    let deadline = tokio::time::Instant::now() + ADDRESSES_WITHIN;
    let listening = loop {
        let status = engine.call("network.status", json!({})).await?;
        let listening = status["listening"].as_array().cloned().unwrap_or_default();
        let wanted = if status["relay_only"] == true { 0 } else { asked.max(1) };
        if listening.len() >= wanted || tokio::time::Instant::now() >= deadline {
            break listening;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let mut params = json!({"device": engine.device(), "listening": listening});
    if let Some(url) = http {
        params["http"] = Value::String(url);
    }
    output::line(&json!({"jsonrpc": "2.0", "method": "ready", "params": params}).to_string());
    Ok(())
}

/// Completes at SIGTERM or SIGINT. Set up before anything is opened, so that no signal is missed.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|e| Failure::machine("listen for signals", e));
        let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without a console there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    })
}
