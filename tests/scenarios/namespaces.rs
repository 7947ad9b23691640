//! Two devices, each behind a NAT of its own, and a relay, in separate network namespaces.
//!
//! ```text
//!  home-a ── nat-a ──┐                    ┌── nat-b ── home-b
//!  10.77.1.2         203.0.113.11   203.0.113.12        10.77.2.2
//!                    └──── public bridge ─┘
//!                       203.0.113.1: relay
//! ```
//!
//! Needs root. Deliberately absent: delay and loss, for which this kernel has no netem.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use omniscope_relay::{Config, load_or_create};

const PATIENCE: Duration = Duration::from_secs(30);

/// How a NAT chooses the outer port.
#[derive(Clone, Copy, PartialEq)]
enum Nat {
    /// Keeps the port where it can, so that a hole can be punched.
    Cone,
    /// A fresh random port for each destination.
    Symmetric,
}

fn run(line: &str) {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let output = Command::new(parts[0]).args(&parts[1..]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The namespaces of one test; removed when dropped, also after a failure.
struct Lab {
    prefix: String,
}

impl Lab {
    /// `None`, with the reason printed, where the machine does not allow it.
    fn new(nats: [Nat; 2]) -> Option<Self> {
        let prefix = format!("om{}{}", std::process::id() % 100_000, if nats[0] == Nat::Cone { 'c' } else { 's' });
        let probe = format!("{prefix}probe");
        let allowed = Command::new("ip").args(["netns", "add", &probe]).output();
        if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
            assert!(std::env::var_os("CI").is_none(), "CI must run the network lab: {allowed:?}");
            println!("skipped: network namespaces need root and iproute2");
            return None;
        }
        run(&format!("ip netns del {probe}"));
        let lab = Self { prefix };
        lab.build(nats);
        Some(lab)
    }

    fn name(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    fn inside(&self, part: &str, command: &str) {
        run(&format!("ip netns exec {} {command}", self.name(part)));
    }

    fn build(&self, nats: [Nat; 2]) {
        run(&format!("ip netns add {}", self.name("pub")));
        self.inside("pub", "ip link add br0 type bridge");
        self.inside("pub", "ip addr add 203.0.113.1/24 dev br0");
        self.inside("pub", "ip link set br0 up");
        self.inside("pub", "ip link set lo up");
        for (index, nat) in nats.into_iter().enumerate() {
            let n = index + 1;
            let (gate, home) = (self.name(&format!("nat{n}")), self.name(&format!("home{n}")));
            run(&format!("ip netns add {gate}"));
            run(&format!("ip netns add {home}"));
            run(&format!("ip link add wan netns {gate} type veth peer name p{n} netns {}", self.name("pub")));
            self.inside("pub", &format!("ip link set p{n} master br0 up"));
            run(&format!("ip link add lan netns {gate} type veth peer name eth0 netns {home}"));
            let (gate, home) = (format!("nat{n}"), format!("home{n}"));
            self.inside(&gate, &format!("ip addr add 203.0.113.1{n}/24 dev wan"));
            self.inside(&gate, &format!("ip addr add 10.77.{n}.1/24 dev lan"));
            self.inside(&home, &format!("ip addr add 10.77.{n}.2/24 dev eth0"));
            for (part, link) in [(&gate, "lo"), (&gate, "wan"), (&gate, "lan"), (&home, "lo"), (&home, "eth0")] {
                self.inside(part, &format!("ip link set {link} up"));
            }
            self.inside(&home, &format!("ip route add default via 10.77.{n}.1"));
            self.inside(&gate, "sysctl -qw net.ipv4.ip_forward=1");
            self.translate(&gate, nat);
        }
    }

    fn translate(&self, gate: &str, nat: Nat) {
        let how = if nat == Nat::Cone { "masquerade" } else { "masquerade fully-random" };
        let rules = format!(
            "table ip nat {{\n\
               chain post {{\n type nat hook postrouting priority 100;\n oifname \"wan\" {how}\n }}\n\
             }}\n\
             table inet guard {{\n\
               chain forward {{\n type filter hook forward priority 0; policy drop;\n\
                 ct state established,related accept\n iifname \"lan\" accept\n }}\n\
               chain input {{\n type filter hook input priority 0; policy drop;\n\
                 ct state established,related accept\n }}\n\
             }}\n"
        );
        let mut nft = Command::new("ip")
            .args(["netns", "exec", &self.name(gate), "nft", "-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "nft refused the rules");
    }

    fn spawn(&self, part: &str, program: &std::path::Path, arguments: &[&str]) -> Process {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.name(part)])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Process { child, input, lines }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for part in ["home1", "home2", "nat1", "nat2", "pub"] {
            // A half-built lab lacks some of them.
            let _ = Command::new("ip").args(["netns", "del", &self.name(part)]).output();
        }
    }
}

/// A process in a namespace; killed when dropped.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The first line that begins with `wanted`.
    fn until(&self, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.starts_with(wanted) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line \"{wanted}…\", but {seen:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this workspace, beside the test binary.
fn program(name: &str) -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(|deps| deps.parent()).unwrap().join(name)
}

fn meet_through_the_relay(nats: [Nat; 2], direct: bool) {
    let relay_program = program("omniscope-relay");
    if !relay_program.exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must build omniscope-relay first");
        println!("skipped: cargo build -p omniscope-relay comes first");
        return;
    }
    let Some(lab) = Lab::new(nats) else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().to_owned());
    let peer = load_or_create(&config.data_dir).unwrap().public().to_peer_id();
    let data_dir = folder.path().to_str().unwrap();
    let listen = "/ip4/203.0.113.1/udp/4717/quic-v1";
    let relay = lab.spawn("pub", &relay_program, &["--listen", listen, "--data-dir", data_dir, "--log", "warn"]);
    let address = relay.until("/ip4/203.0.113.1/");
    assert_eq!(address, format!("{listen}/p2p/{peer}"));

    let node = std::path::Path::new(env!("CARGO_BIN_EXE_net_node"));
    let own = "/ip4/0.0.0.0/udp/4001/quic-v1";
    let mut ana = lab.spawn("home1", node, &["1", own, &address]);
    ana.until("relay up");
    let started = Instant::now();
    let mut ben = lab.spawn("home2", node, &["2", own, &address, "1"]);
    assert_eq!(ben.until("connected"), "connected relayed");
    // Whoever speaks must have heard that the other listens.
    ben.until("subscribed");
    ben.say("say first");
    ana.until("heard first");
    println!("an op through the relay after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(10));
    if direct {
        ana.until("path direct");
        println!("direct after {:?}", started.elapsed());
    }
    for size in [200_000, 900_000] {
        ben.say(&format!("ask {size}"));
        assert_eq!(ben.until("answer"), format!("answer {size}"));
    }
    ben.say("online false");
    ana.until("disconnected");
    ben.say("online true");
    ana.until("connected");
    ana.until("subscribed");
    ana.say("say welcome back");
    ben.until("heard welcome back");
}

#[test]
fn devices_behind_cone_nats_meet_and_punch_a_hole() {
    meet_through_the_relay([Nat::Cone, Nat::Cone], true);
}

#[test]
fn devices_behind_symmetric_nats_stay_on_the_relay() {
    meet_through_the_relay([Nat::Symmetric, Nat::Symmetric], false);
}
