//! The configurations of reverse proxies in docs/relay.md, word by word, with the programs themselves where they are
//! installed: members join by wss at a proxy that ends TLS, and the relay counts their real addresses.
//!
//! Deliberately absent: installing the programs, which would start them as services on whatever machine this is.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use super::super::relay_tls::certificates;
use super::*;

const PAGE: &str = include_str!("../../../docs/relay.md");
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What stands on the page for a program.
fn configuration(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).expect("the page has such a block");
    rest.split_once("```").unwrap().0
}

/// The page's text with this test's places in it; each must stand there.
fn placed(text: &str, places: &[(&str, String)]) -> String {
    places.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} in {text}");
        text.replace(from, to)
    })
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(program: &str, arguments: &[&str], port: u16) -> Running {
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).spawn().unwrap();
    let running = Running(child);
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "{program} listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

/// A cable to `port` whose far end has an address of its own; gives the port of its near end.
async fn cable(from: Ipv4Addr, port: u16, tasks: &mut JoinSet<()>) -> u16 {
    let near = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = near.local_addr().unwrap().port();
    tasks.spawn(async move {
        let mut under_way = JoinSet::new();
        loop {
            let (mut client, _) = near.accept().await.unwrap();
            under_way.spawn(async move {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind((from, 0).into()).unwrap();
                let Ok(mut proxy) = socket.connect(([127, 0, 0, 1], port).into()).await else { return };
                // Either end may have gone.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut proxy).await;
            });
        }
    });
    at
}

/// Starts nginx as the page says.
fn nginx(folder: &Path, port: u16, relay: SocketAddr) -> Option<Running> {
    if !Path::new(STREAM_MODULE).is_file() || Command::new("nginx").arg("-v").output().is_err() {
        return None;
    }
    let path = |name: &str| folder.join(name).display().to_string();
    let block = placed(
        configuration("nginx"),
        &[
            ("443", format!("127.0.0.1:{port}")),
            ("/etc/ssl/relay.crt", path("relay.crt")),
            ("/etc/ssl/relay.key", path("relay.key")),
            ("127.0.0.1:8080", relay.to_string()),
        ],
    );
    let (pid, log) = (path("nginx.pid"), path("nginx.log"));
    let around = format!("load_module {STREAM_MODULE};\ndaemon off;\nmaster_process off;\npid {pid};\nevents {{}}\n");
    std::fs::write(folder.join("nginx.conf"), around + &block).unwrap();
    Some(start("nginx", &["-e", &log, "-c", &path("nginx.conf")], port))
}

/// Starts haproxy as the page says.
fn haproxy(folder: &Path, port: u16, relay: SocketAddr) -> Option<Running> {
    Command::new("haproxy").arg("-v").output().ok()?;
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    std::fs::write(folder.join("relay.pem"), read("relay.crt") + &read("relay.key")).unwrap();
    let text = placed(
        configuration("haproxy"),
        &[
            (":443", format!("127.0.0.1:{port}")),
            ("/etc/ssl/relay.pem", folder.join("relay.pem").display().to_string()),
            ("127.0.0.1:8080", relay.to_string()),
        ],
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, text).unwrap();
    Some(start("haproxy", &["-db", "-q", "-f", file.to_str().unwrap()], port))
}

/// Starts Caddy as the page says.
fn caddy(folder: &Path, port: u16, relay: SocketAddr) -> Option<Running> {
    Command::new("caddy").arg("version").output().ok()?;
    let path = |name: &str| folder.join(name).display().to_string();
    let block = placed(
        configuration("caddy"),
        &[
            ("relay.example.org:443", format!("https://localhost:{port}")),
            ("/etc/ssl/relay.crt", path("relay.crt")),
            ("/etc/ssl/relay.key", path("relay.key")),
            ("127.0.0.1:8080", relay.to_string()),
        ],
    );
    // Of its own accord it would listen on port 80, too, and keep things in the home of whoever runs this.
    let around = format!(
        "{{\nadmin off\npersist_config off\nauto_https disable_redirects\nstorage file_system {}\n}}\n",
        path("caddy")
    );
    let file = path("Caddyfile");
    std::fs::write(&file, around + &block).unwrap();
    Some(start("caddy", &["run", "--adapter", "caddyfile", "--config", &file], port))
}

/// Ana and Ben are served through a proxy from two addresses; Eve comes from Ben's, where one connection is all.
fn serves_by_real_addresses(proxy: impl Fn(&Path, u16, SocketAddr) -> Option<Running>) {
    let place = tempfile::tempdir().unwrap();
    let [authority, ..] = certificates(place.path());
    let runtime = Runtime::new().unwrap();
    let (server, at) = runtime.block_on(relay(&place.path().join("relay"), true));
    let port = free_port();
    let Some(_running) = proxy(place.path(), port, at) else { return };
    let mut cables = JoinSet::new();
    let mut through = |n| {
        let near = runtime.block_on(cable(Ipv4Addr::new(127, 9, 0, n), port, &mut cables));
        format!("/dns4/localhost/tcp/{near}/wss/p2p/{}", server.peer_id())
    };
    let [one, two] = [1, 2].map(&mut through);
    let start = |name: &'static str| {
        let inside = ["env".to_owned(), format!("SSL_CERT_FILE={}", authority.display())];
        Headless::start_with(name, &Home::of(place.path(), name), &LOOPBACK, None, &inside).unwrap()
    };
    let state =
        |p: &mut Headless, ws: &str| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"].take();
    let create = |p: &mut Headless, relay: &str| {
        let ws = p.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
        p.call("relay.add", json!({"workspace": ws, "addr": relay}));
        ws
    };
    let mut ana = start("Ana");
    let ws = create(&mut ana, &one);
    ana.until("it is kept through the proxy", |p| state(p, &ws) == "kept");
    let mut ben = start("Ben");
    let of_ben = create(&mut ben, &two);
    ben.until("it is kept through the proxy", |p| state(p, &of_ben) == "kept");
    assert_eq!(turned_away(&server), 0, "two addresses, one connection each");

    let mut eve = start("Eve");
    let of_eve = create(&mut eve, &two);
    eve.until("a second connection of an address is one too many", |_| turned_away(&server) > 0);
    assert_ne!(state(&mut eve, &of_eve), Value::from("kept"));
    ben.stop();
    eve.until("there is room again", |p| state(p, &of_eve) == "kept");
    ana.stop();
    eve.stop();
    runtime.block_on(server.stop());
}

#[test]
fn through_nginx_as_the_page_says() {
    serves_by_real_addresses(nginx);
}

#[test]
fn through_haproxy_as_the_page_says() {
    serves_by_real_addresses(haproxy);
}

#[test]
fn through_caddy_as_the_page_says() {
    serves_by_real_addresses(caddy);
}
