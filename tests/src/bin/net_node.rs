//! One device of the network layer as a process, so that it can run in a network namespace.
//!
//! `net_node SEED LISTEN[,LISTEN…] RELAY [PEER_SEED]`: prints one event a line, answers each request with its own body,
//! publishes each stdin line that begins with `say `, and with `ask BYTES` sends a request of that size to the other
//! device. With PEER_SEED it keeps connected to that device through the relay. Deliberately absent: documents; the same
//! scenario with them drives `omniscope peer`.
#![allow(clippy::unwrap_used, reason = "tests")]

use libp2p::Multiaddr;
use omniscope_engine::net::{DeviceId, Net, NetCommand, NetConfig, NetEvent, Verdict, Zeroizing, device_of};
use omniscope_tests::net_node::TOPIC;
use tokio::io::{AsyncBufReadExt, BufReader};

fn device_with(seed: u8) -> DeviceId {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    device_of(&key.public().to_peer_id()).unwrap()
}

#[tokio::main]
async fn main() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut config = NetConfig::new(Zeroizing::new([arguments[0].parse().unwrap(); 32]));
    config.listen = arguments[1].split(',').map(|addr| addr.parse().unwrap()).collect();
    let relay: Multiaddr = arguments[2].parse().unwrap();
    config.relays = vec![relay];
    config.mdns = false;
    let (net, mut events) = Net::start(config).unwrap();
    net.send(NetCommand::Subscribe(TOPIC)).unwrap();
    let mut other = arguments.get(3).map(|seed| device_with(seed.parse().unwrap()));
    if let Some(device) = other {
        net.send(NetCommand::Know { device, addrs: Vec::new() }).unwrap();
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut asked = 0;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => show(&net, event, &mut other),
                None => return,
            },
            line = lines.next_line() => match line.unwrap() {
                None => return net.shutdown().await,
                Some(line) => {
                    if let Some(text) = line.strip_prefix("say ") {
                        net.send(NetCommand::Publish { topic: TOPIC, bytes: text.as_bytes().to_vec() }).unwrap();
                    } else if let (Some(bytes), Some(device)) = (line.strip_prefix("ask "), other) {
                        asked += 1;
                        let body = vec![7; bytes.parse().unwrap()];
                        net.send(NetCommand::Request { device, id: asked, body }).unwrap();
                    } else if let Some(state) = line.strip_prefix("online ") {
                        net.send(NetCommand::SetOnline(state == "true")).unwrap();
                    }
                }
            },
        }
    }
}

fn show(net: &Net, event: NetEvent, other: &mut Option<DeviceId>) {
    match event {
        NetEvent::RelayUp { .. } => println!("relay up"),
        NetEvent::RelayDown { reason, .. } => println!("relay down {reason}"),
        NetEvent::Connected { device, path } => {
            *other = Some(device);
            println!("connected {}", path.as_str());
        }
        NetEvent::PathChanged { path, lost, .. } => {
            println!("path {}{}", path.as_str(), if lost { ", a connection was lost" } else { "" });
        }
        NetEvent::Disconnected { .. } => println!("disconnected"),
        NetEvent::Subscribed { .. } => println!("subscribed"),
        NetEvent::Gossip { id, bytes, .. } => {
            println!("heard {}", String::from_utf8_lossy(&bytes));
            net.send(NetCommand::Judge { message: id, verdict: Verdict::Accept }).unwrap();
        }
        NetEvent::Request { token, body, .. } => net.send(NetCommand::Respond { token, body }).unwrap(),
        NetEvent::Response { result, .. } => match result {
            Ok(body) => println!("answer {}", body.len()),
            Err(error) => println!("no answer: {error}"),
        },
        _ => {}
    }
}
