//! A relay that ends TLS itself, with a certificate of an authority that the test makes by openssl as a lab would.
//!
//! Deliberately absent: reverse proxies, to which a relay is one that listens by plain WebSocket (`relay_operation`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::js::JsPeer;
use omniscope_tests::relay::Relay;
use serde_json::json;

/// A device that has not come through by then does not; one that is let in takes a fraction of a second.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);

/// Runs a line of `openssl` in a folder.
fn openssl(folder: &Path, line: &str) {
    let output = Command::new("openssl").args(line.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and a certificate of it for `localhost` with its key.
pub(super) fn certificates(folder: &Path) -> [PathBuf; 3] {
    let key = "-newkey rsa:2048 -nodes -days 2";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=Lab"));
    openssl(folder, &format!("req {key} -keyout relay.key -out relay.csr -subj /CN=localhost"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let signed = "x509 -req -in relay.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names";
    openssl(folder, &format!("{signed} -out relay.crt"));
    ["ca.crt", "relay.crt", "relay.key"].map(|name| folder.join(name))
}

#[test]
fn by_wss_a_relay_is_used_by_who_trusts_its_certificate_and_by_nobody_else() {
    let place = tempfile::tempdir().unwrap();
    let [authority, chain, key] = certificates(place.path());
    let tls = ["--tls-cert", chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap(), "--policy", "open"];
    let Some(relay) = Relay::start_at(&place.path().join("relay"), "/ip4/127.0.0.1/tcp/0/tls/ws", &tls) else { return };
    let named = relay.addr.replace("/ip4/127.0.0.1/", "/dns4/localhost/");
    let mut trusting = JsPeer::start(Some(&authority));
    assert!(trusting.call(json!({"ping": named}))["ms"].is_number());
    let circuits = trusting.listen(&[format!("{named}/p2p-circuit")]);
    let circuit = circuits.iter().find(|addr| addr.contains("/p2p-circuit")).expect("it has a reservation");
    let mut guest = JsPeer::start(Some(&authority));
    assert_eq!(guest.call(json!({"echo": circuit, "text": "by 443"})), json!({"text": "by 443", "limited": true}));
    JsPeer::start(None).refused(json!({"ping": named}));

    let kept = |name: &'static str, trusted: &Path| {
        let inside = ["env".to_owned(), format!("SSL_CERT_FILE={}", trusted.display())];
        let home = Home::of(place.path(), name);
        let mut peer = Headless::start_with(name, &home, &LOOPBACK, None, &inside).unwrap();
        let ws = peer.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
        peer.call("relay.add", json!({"workspace": ws, "addr": named}));
        let state = |p: &mut Headless| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"].take();
        let end = Instant::now() + REFUSED_WITHIN;
        while Instant::now() < end && state(&mut peer) != "kept" {
            std::thread::sleep(Duration::from_millis(20));
        }
        state(&mut peer) == "kept"
    };
    assert!(kept("Ana", &authority), "a device that trusts the authority is served");
    assert!(!kept("Ben", &chain), "one that trusts somebody else does not talk to it");
}

#[test]
fn a_relay_says_what_is_wrong_with_its_certificate() {
    let place = tempfile::tempdir().unwrap();
    let [_, chain, key] = certificates(place.path());
    let Some(program) = omniscope_tests::process::program("omniscope-relay") else { return };
    let said = |chain: &Path, key: &Path| {
        let mut command = Command::new(&program);
        command.args(["--listen", "/ip4/127.0.0.1/tcp/0/tls/ws", "--data-dir"]).arg(place.path().join("relay"));
        let output = command.arg("--tls-cert").arg(chain).arg("--tls-key").arg(key).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = place.path().join("nothing");
    assert!(said(&missing, &key).contains("cannot read") && said(&missing, &key).contains("nothing"));
    assert!(said(&key, &key).contains("no certificate in PEM form"));
    assert!(said(&chain, &chain).contains("no private key"));
}
