//! A network of two homes and a public place, in separate network namespaces. How each home is connected is chosen.
//!
//! ```text
//!  home1 ── nat1 ──┐                ┌── nat2 ── home2
//!  10.77.1.2       203.0.113.11   203.0.113.12       10.77.2.2
//!                  └── public bridge ─┘
//!                    203.0.113.1
//! ```
//!
//! Needs root. Deliberately absent: delay and loss, for which this kernel has no netem (`lossy` has them).
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{Process, program};

/// The address of the public place.
pub const PUBLIC_IP: &str = "203.0.113.1";
/// The port on which devices in a home listen, for TCP and QUIC.
pub const HOME_PORT: u16 = 4001;
/// Where devices in a home listen.
pub const HOME_LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"];

/// How a home is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// It has a public address of its own.
    Open,
    /// One outer port for one inner port, open to everybody, as a router with a port forwarded.
    FullCone,
    /// One outer port for one inner port, open to whom one has sent something: a hole can be punched. Most routers.
    Cone,
    /// A fresh random outer port for each destination.
    Symmetric,
    /// As `Cone`, and only TCP goes through.
    UdpBlocked,
    /// Two of `Cone` behind each other, as behind a provider's own NAT.
    Double,
}

impl Nat {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::FullCone, Self::Cone, Self::Symmetric, Self::UdpBlocked, Self::Double];
}

fn run(line: &str) -> String {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let output = Command::new(parts[0]).args(&parts[1..]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The namespaces of one test; removed when dropped, also after a failure.
pub struct Lab {
    prefix: String,
    nats: [Nat; 2],
    one_lan: bool,
}

impl Lab {
    /// Two homes; `None`, with the reason printed, where the machine does not allow it.
    pub fn new(nats: [Nat; 2]) -> Option<Self> {
        let lab = Self { prefix: Self::allowed()?, nats, one_lan: false };
        lab.build_public();
        for (n, nat) in [(1, nats[0]), (2, nats[1])] {
            lab.build_home(n, nat);
        }
        Some(lab)
    }

    /// Two devices in one home, behind one NAT: `home1` is 10.77.1.2, `home2` is 10.77.1.3.
    pub fn one_lan() -> Option<Self> {
        let lab = Self { prefix: Self::allowed()?, nats: [Nat::Cone; 2], one_lan: true };
        lab.build_public();
        lab.build_gate("nat1", 1);
        lab.inside("nat1", "ip link add lan type bridge");
        for n in [1, 2] {
            let home = format!("home{n}");
            lab.add(&home);
            lab.join(("nat1", &format!("h{n}")), (&home, "eth0"));
            lab.inside("nat1", &format!("ip link set h{n} master lan up"));
            lab.settle(&home, "eth0", &format!("10.77.1.{}/24", n + 1), Some("10.77.1.1"));
        }
        lab.settle("nat1", "lan", "10.77.1.1/24", None);
        lab.translate("nat1", Nat::Cone, "10.77.1.2");
        Some(lab)
    }

    fn allowed() -> Option<String> {
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
        Some(prefix)
    }

    pub fn name(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    pub fn inside(&self, part: &str, command: &str) -> String {
        run(&format!("ip netns exec {} {command}", self.name(part)))
    }

    fn add(&self, part: &str) {
        run(&format!("ip netns add {}", self.name(part)));
        self.inside(part, "ip link set lo up");
    }

    /// A cable between two namespaces.
    fn join(&self, one: (&str, &str), two: (&str, &str)) {
        let (a, b) = (self.name(one.0), self.name(two.0));
        run(&format!("ip link add {} netns {a} type veth peer name {} netns {b}", one.1, two.1));
    }

    fn settle(&self, part: &str, link: &str, addr: &str, gateway: Option<&str>) {
        self.inside(part, &format!("ip addr add {addr} dev {link}"));
        self.inside(part, &format!("ip link set {link} up"));
        if let Some(gateway) = gateway {
            self.inside(part, &format!("ip route add default via {gateway}"));
        }
    }

    fn build_public(&self) {
        self.add("pub");
        self.inside("pub", "ip link add br0 type bridge");
        self.settle("pub", "br0", "203.0.113.1/24", None);
    }

    fn build_gate(&self, gate: &str, n: usize) {
        self.add(gate);
        self.join((gate, "wan"), ("pub", &format!("p{n}")));
        self.inside("pub", &format!("ip link set p{n} master br0 up"));
        self.settle(gate, "wan", &format!("203.0.113.1{n}/24"), None);
        self.inside(gate, "sysctl -qw net.ipv4.ip_forward=1");
    }

    fn build_home(&self, n: usize, nat: Nat) {
        let (gate, home) = (format!("nat{n}"), format!("home{n}"));
        self.add(&home);
        if nat == Nat::Open {
            self.join((&home, "eth0"), ("pub", &format!("p{n}")));
            self.inside("pub", &format!("ip link set p{n} master br0 up"));
            return self.settle(&home, "eth0", &format!("203.0.113.1{n}/24"), None);
        }
        self.build_gate(&gate, n);
        if nat == Nat::Double {
            let inner = format!("in{n}");
            self.add(&inner);
            self.join((&gate, "lan"), (&inner, "wan"));
            self.settle(&gate, "lan", &format!("100.64.{n}.1/24"), None);
            self.settle(&inner, "wan", &format!("100.64.{n}.2/24"), Some(&format!("100.64.{n}.1")));
            self.inside(&inner, "sysctl -qw net.ipv4.ip_forward=1");
            self.join((&inner, "lan"), (&home, "eth0"));
            self.settle(&inner, "lan", &format!("10.77.{n}.1/24"), None);
            self.translate(&inner, nat, &format!("10.77.{n}.2"));
        } else {
            self.join((&gate, "lan"), (&home, "eth0"));
            self.settle(&gate, "lan", &format!("10.77.{n}.1/24"), None);
        }
        self.settle(&home, "eth0", &format!("10.77.{n}.2/24"), Some(&format!("10.77.{n}.1")));
        self.translate(&gate, nat, &format!("10.77.{n}.2"));
    }

    /// Translation and filter of a gate. What is in the set `cut` is dropped both ways, and counted.
    fn translate(&self, gate: &str, nat: Nat, home: &str) {
        let how = if nat == Nat::Symmetric { "masquerade fully-random" } else { "masquerade" };
        let forward = |proto| format!("iifname \"wan\" {proto} dport {HOME_PORT} dnat to {home}:{HOME_PORT}\n");
        let open = if nat == Nat::FullCone { format!("{}{}", forward("udp"), forward("tcp")) } else { String::new() };
        let blocked = if nat == Nat::UdpBlocked { "meta l4proto udp drop\n" } else { "" };
        let rules = format!(
            "table ip nat {{\n\
               chain pre {{\n type nat hook prerouting priority -100;\n {open} }}\n\
               chain post {{\n type nat hook postrouting priority 100;\n oifname \"wan\" {how}\n }}\n\
             }}\n\
             table inet guard {{\n\
               set cut {{\n type ipv4_addr;\n }}\n\
               chain forward {{\n type filter hook forward priority 0; policy drop;\n\
                 ip daddr @cut counter drop\n ip saddr @cut counter drop\n {blocked}\
                 ct state established,related accept\n ct status dnat accept\n iifname \"lan\" accept\n }}\n\
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

    /// The address at which home `n` is seen in public.
    pub fn outer_ip(&self, n: usize) -> String {
        format!("203.0.113.1{}", if self.one_lan { 1 } else { n })
    }

    /// Drops everything between home 1, which is behind a NAT, and the outer address of home 2, or no more. Both stay
    /// connected with everybody else.
    pub fn cut(&self, on: bool) {
        let verb = if on { "add" } else { "delete" };
        self.inside("nat1", &format!("nft {verb} element inet guard cut {{ {} }}", self.outer_ip(2)));
    }

    /// Packets that were dropped by `cut`, both ways together.
    pub fn dropped(&self) -> u64 {
        let rules = self.inside("nat1", "nft list chain inet guard forward");
        let mut words = rules.split_whitespace();
        let mut sum = 0;
        while let Some(word) = words.next() {
            if word == "packets" {
                sum += words.next().unwrap().parse::<u64>().unwrap();
            }
        }
        sum
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

    /// Starts a relay in public, by QUIC and TCP; gives its addresses.
    pub fn relay(&self, folder: &Path) -> Option<(Process, Vec<String>)> {
        let program = program("omniscope-relay")?;
        let listen = [format!("/ip4/{PUBLIC_IP}/udp/4717/quic-v1"), format!("/ip4/{PUBLIC_IP}/tcp/4717")];
        let data = folder.join("relay");
        let mut arguments = vec!["--data-dir", data.to_str().unwrap(), "--policy", "open", "--log", "warn"];
        for addr in &listen {
            arguments.extend(["--listen", addr]);
        }
        let relay = self.spawn("pub", &program, &arguments);
        let addresses = listen.iter().map(|_| relay.until(&format!("/ip4/{PUBLIC_IP}/"))).collect();
        Some((relay, addresses))
    }

    /// Takes a home's cable out or puts it back.
    pub fn set_link(&self, home: &str, up: bool) {
        let n: usize = home.trim_start_matches("home").parse().unwrap();
        // The other end: routes and addresses inside the home stay.
        let (part, link) = match self.nats[n - 1] {
            _ if self.one_lan => ("nat1".to_owned(), format!("h{n}")),
            Nat::Open => ("pub".to_owned(), format!("p{n}")),
            Nat::Double => (format!("in{n}"), "lan".to_owned()),
            _ => (format!("nat{n}"), "lan".to_owned()),
        };
        self.inside(&part, &format!("ip link set {link} {}", if up { "up" } else { "down" }));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for part in ["home1", "home2", "in1", "in2", "nat1", "nat2", "pub"] {
            // Not every lab has all of them.
            let _ = Command::new("ip").args(["netns", "del", &self.name(part)]).output();
        }
    }
}
