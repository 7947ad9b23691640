//! A relay as a service manager runs it: told when it is ready and when it stops, its settings read anew on SIGHUP, its
//! end within ten seconds of SIGTERM with everything that it acknowledged on the disk.
//!
//! Deliberately absent: systemd itself; `docs/relay.md` says how the unit was tried.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::process::{PATIENCE, Process, program};
use omniscope_tests::relay::Relay;
use serde_json::json;

/// A relay that goes on after SIGTERM for longer than this is killed by its unit.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What stands in for the service manager.
struct Manager(UnixDatagram);

impl Manager {
    fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next state that it is told.
    fn told(&self) -> String {
        let mut text = [0; 256];
        let length = self.0.recv(&mut text).expect("the service manager is told");
        String::from_utf8(text[..length].to_vec()).unwrap()
    }
}

fn signal(process: &Process, name: &str) {
    assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
}

fn is_up(peer: &mut Headless) -> bool {
    let status = peer.call("network.status", json!({}));
    status["relays"].as_array().is_some_and(|all| all.iter().any(|relay| relay["state"] == "up"))
}

#[test]
fn a_service_manager_is_told_of_readiness_and_end_and_a_hangup_reads_the_settings_anew() {
    let Some(relay_program) = program("omniscope-relay") else { return };
    let place = tempfile::tempdir().unwrap();
    let (settings, socket) = (place.path().join("relay.toml"), place.path().join("notify"));
    let manager = Manager::bind(&socket);
    std::fs::write(&settings, "policy = \"members\"\n").unwrap();
    let mut command = Command::new(relay_program);
    command.arg("--config").arg(&settings).arg("--data-dir").arg(place.path().join("relay"));
    command.args(["--listen", "/ip4/127.0.0.1/tcp/0"]).env("NOTIFY_SOCKET", &socket);
    let log = place.path().join("log");
    command.stderr(std::fs::File::create(&log).unwrap());
    let relay = Process::spawn(command);
    assert_eq!(manager.told(), "READY=1");
    // It says so when it can be reached, not before.
    let addr = relay.until("/ip4/127.0.0.1/");
    let port: u16 = addr.split('/').nth(4).unwrap().parse().unwrap();
    drop(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());

    let mut ana = Headless::start_with("Ana", &Home::of(place.path(), "Ana"), &LOOPBACK, Some(&addr), &[]).unwrap();
    let logged = |text: &str| std::fs::read_to_string(&log).unwrap().contains(text);
    ana.until("a stranger is refused", |_| logged("reservation refused"));
    assert!(!is_up(&mut ana));
    std::fs::write(&settings, "polcy = \"open\"\n").unwrap();
    signal(&relay, "-HUP");
    ana.until("what is not in order changes nothing", |_| logged("the settings stay as they are"));
    std::fs::write(&settings, "policy = \"open\"\n").unwrap();
    signal(&relay, "-HUP");
    ana.until("the relay takes the new policy", is_up);

    signal(&relay, "-TERM");
    assert_eq!(manager.told(), "STOPPING=1");
}

#[test]
fn under_work_a_relay_ends_in_time_and_has_all_that_it_acknowledged() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let Some(relay) = Relay::start(&data, &["--policy", "open"]) else { return };
    let mut ana = Headless::start_with("Ana", &Home::of(place.path(), "Ana"), &LOOPBACK, None, &[]).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr}));
    ana.until("it is kept", |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"] == "kept");
    for n in 0..200 {
        ana.send("node.add", &json!({"workspace": ws, "type": "generic", "label": n.to_string()})).unwrap();
    }
    let place_of_it = relay.place().to_owned();
    let began = Instant::now();
    relay.stop();
    let stopped = began.elapsed();
    println!("stopped within {stopped:?}");
    assert!(stopped < STOP_WITHIN, "{stopped:?}");
    let behind = |p: &mut Headless| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["behind"].as_u64();
    ana.saved(&ws);
    let missing = behind(&mut ana).unwrap();
    let ops = |relay: &Relay| {
        let listed = relay.order(&["workspaces"]);
        listed.split_whitespace().nth(4).and_then(|n| n.parse::<u64>().ok()).unwrap_or_else(|| panic!("{listed}"))
    };
    let relay = Relay::start_at(&data, &place_of_it, &["--policy", "open"]).unwrap();
    let kept = ops(&relay);
    ana.until("it has the rest", |p| behind(p) == Some(0));
    // What Ana counted as missing is what was not acknowledged, and no more than that came anew.
    assert!(ops(&relay) - kept <= missing, "{kept} kept, {missing} missing, {} in the end", ops(&relay));
}
