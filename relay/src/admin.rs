//! The admin page: health, readiness, figures and a small status page, for loopback.
//!
//! Deliberately absent: anything that changes the relay (`control` has a socket for it), and any id or address.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// Serves the page until the task is dropped.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    if !addr.ip().is_loopback() {
        let text = format!("the admin page is for loopback only, {addr} is not; use a reverse proxy");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, text));
    }
    TcpListener::bind(addr).await
}

/// Answers on a listener from [`listen`]. The relay is ready once this is called.
///
/// # Errors
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let figures = |State(metrics): State<Arc<Metrics>>| async move {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.text()).into_response()
    };
    let page = |State(metrics): State<Arc<Metrics>>| async move {
        let rows = metrics.text();
        let rows = rows.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let rows: String =
            rows.map(|(name, value)| format!("<tr><td>{name}</td><td align=right>{value}</td></tr>")).collect();
        let version = env!("CARGO_PKG_VERSION");
        Html(format!(
            "<!doctype html><meta charset=utf-8><title>omniscope-relay</title><h1>omniscope-relay {version}</h1>\
             <table>{rows}</table>"
        ))
    };
    let routes = Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { "ready\n" }))
        .route("/metrics", get(figures))
        .with_state(metrics);
    axum::serve(listener, routes).await
}
