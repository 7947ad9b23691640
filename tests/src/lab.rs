//! A network of two homes, each behind a NAT of its own, and a public place, in separate network namespaces.
//!
//! ```text
//!  home1 ── nat1 ──┐                ┌── nat2 ── home2
//!  10.77.1.2       203.0.113.11   203.0.113.12       10.77.2.2
//!                  └── public bridge ─┘
//!                    203.0.113.1
//! ```
//!
//! Needs root. Deliberately absent: delay and loss, for which this kernel has no netem.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::Process;

/// The address of the public place.
pub const PUBLIC_IP: &str = "203.0.113.1";

/// How a NAT chooses the outer port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
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
pub struct Lab {
    prefix: String,
}

impl Lab {
    /// `None`, with the reason printed, where the machine does not allow it.
    pub fn new(nats: [Nat; 2]) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("om{}x{}", std::process::id() % 100_000, NEXT.fetch_add(1, Ordering::Relaxed));
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

    pub fn name(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    pub fn inside(&self, part: &str, command: &str) {
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

    /// The words that make a command run in a namespace.
    pub fn prefix(&self, part: &str) -> Vec<String> {
        ["ip", "netns", "exec", &self.name(part)].map(str::to_owned).to_vec()
    }

    /// Starts a program in a namespace.
    pub fn spawn(&self, part: &str, program: &Path, arguments: &[&str]) -> Process {
        let prefix = self.prefix(part);
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program).args(arguments);
        Process::spawn(command)
    }

    /// Takes a home's cable out or puts it back.
    pub fn set_link(&self, home: &str, up: bool) {
        // The other end: routes and addresses inside the home stay.
        let gate = home.replace("home", "nat");
        self.inside(&gate, if up { "ip link set lan up" } else { "ip link set lan down" });
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
