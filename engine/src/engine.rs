//! The handle to a running engine: all that upper floors see.
//!
//! An engine is one actor on its own thread (8 MiB of stack, for deep documents) and a swarm on another.
//! Calls go in by a bounded queue, events come out by a broadcast. Waiting is done here, never in the actor.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceKey, OpId, WorkspaceId};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::actor::{Actor, Command, ways};
use crate::api::ApiError;
use crate::event::{Event, MAX_EVENTS_BEHIND};
use crate::net::probe::Prober;
use crate::net::{Net, NetConfig};
use crate::relay_test;
use crate::step_history::{self, Edits, FoldOrder};
use crate::store::Store;
use crate::workspace::DocumentSink;

/// Calls that may wait for the actor.
const MAX_COMMANDS: usize = 1024;
pub(crate) const STACK_BYTES: usize = 8 * 1024 * 1024;
/// How often a wait looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How an engine takes part in the world.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether there is a network at all; without it the engine works alone.
    pub network: bool,
    /// Addresses to listen on; empty means any.
    pub listen: Vec<Multiaddr>,
    /// Relays to reserve a circuit on.
    pub relays: Vec<Multiaddr>,
    /// Looks for neighbours by multicast DNS.
    pub mdns: bool,
    /// Is reached through relays alone and shows its address to nobody else, this time or, if it was set so, always.
    pub relay_only: bool,
    /// Switches gossip off, to show that the exchange of heads does without.
    pub no_gossip: bool,
    /// Loses so many of 100 gossip messages, to the same end.
    pub gossip_loss_percent: u8,
    /// The data folder, for `doctor`.
    pub data_dir: Option<PathBuf>,
}

/// A running engine. Clones are handles to the same one; it stops when the last is gone.
#[derive(Clone)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<Arc<Event>>,
    /// What is told before anybody watches, until somebody does.
    unheard: Arc<Mutex<Option<broadcast::Receiver<Arc<Event>>>>>,
    device: String,
    /// None without a network.
    prober: Option<Prober>,
    /// Held by whoever has a log folded for one step.
    step_history: Arc<tokio::sync::Mutex<()>>,
}

impl Engine {
    /// Starts an engine over an open store. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the network cannot start, the key does not fit the store, or a stored workspace cannot be opened.
    pub async fn start(store: Store, key: DeviceKey, options: Options) -> Result<Self, ApiError> {
        let device = key.id().to_string();
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let (events, unheard) = broadcast::channel(MAX_EVENTS_BEHIND);
        let prober = options.network.then(|| Prober::new(key.seed()));
        let net = if options.network {
            // How this device is to be reached is read before anything is sent. Another device's key opens nothing.
            store.unlock(&key);
            let config = NetConfig {
                listen: options.listen.clone(),
                ports: ways::kept_ports(&store),
                relays: options.relays.iter().cloned().chain(ways::kept_relays(&store)).collect(),
                mdns: options.mdns,
                relay_only: options.relay_only || ways::is_relay_only(&store),
                online: true,
                gossip: !options.no_gossip,
                gossip_loss_percent: options.gossip_loss_percent,
                ..NetConfig::new(key.seed())
            };
            Some(Net::start(config).map_err(|e| ApiError::new("network_failed", e.to_string()))?)
        } else {
            None
        };
        let (ready, opened) = oneshot::channel();
        let sender = events.clone();
        std::thread::Builder::new()
            .name("engine".into())
            .stack_size(STACK_BYTES)
            .spawn(move || run(store, key, options, net, queue, sender, ready))
            .map_err(|e| ApiError::new("engine_failed", e.to_string()))?;
        opened.await.map_err(|_| ApiError::new("engine_failed", "the engine stopped while it opened"))??;
        Ok(Self {
            commands,
            events,
            unheard: Arc::new(Mutex::new(Some(unheard))),
            device,
            prober,
            step_history: Arc::default(),
        })
    }

    /// The device's id in hex.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Events for who shows them to a person: to the first who asks all since the start, to others those from now on. What
    /// becomes of a join that was left waiting is told as soon as a relay is reached, and only once.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        let unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner).take();
        unheard.unwrap_or_else(|| self.subscribe())
    }

    /// Carries out a verb; see `docs/api.md`.
    ///
    /// # Errors
    /// A stable code and a sentence.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, ApiError> {
        let wait = params.get("wait_ms").and_then(Value::as_u64).map(Duration::from_millis);
        match (method, wait) {
            ("join" | "device.accept" | "recovery.use", Some(wait)) => self.join_and_wait(method, params, wait).await,
            ("workspace.sync", Some(wait)) => self.sync_and_wait(params, wait).await,
            ("history.list", _) if params.get("node").is_some_and(|node| !node.is_null()) => {
                let _one_at_a_time = self.step_history.lock().await;
                step_history::list(self, params).await
            }
            ("relay.test", _) => self.test_relay(params).await,
            _ => self.ask(method, params).await,
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Value, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Call { method: method.to_owned(), params, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// What `step_history` folds: the edits that count, in order, and how many ops there are.
    pub(crate) async fn fold_order(&self, workspace: String) -> Result<FoldOrder, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::FoldOrder { workspace, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Some of them, opened, and who made them.
    pub(crate) async fn edits(&self, workspace: WorkspaceId, ops: Vec<OpId>) -> Result<Edits, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Edits { workspace, ops, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    async fn send(&self, command: Command) -> Result<(), ApiError> {
        self.commands.send(command).await.map_err(|_| stopped())
    }

    async fn join_and_wait(&self, method: &str, params: Value, wait: Duration) -> Result<Value, ApiError> {
        let mut events = self.subscribe();
        let mut answer = self.ask(method, params).await?;
        let deadline = tokio::time::Instant::now() + wait;
        let wanted = answer["workspace"].as_str().unwrap_or_default().to_owned();
        while answer["status"] == "pending" {
            match tokio::time::timeout_at(deadline, events.recv()).await {
                Err(_) | Ok(Err(broadcast::error::RecvError::Closed)) => break,
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Ok(event)) => match &*event {
                    Event::Joined { workspace, role } if *workspace == wanted => {
                        answer = json!({"workspace": workspace, "role": role, "status": "member"});
                    }
                    Event::JoinPending { workspace, code, message } if *workspace == wanted => {
                        (answer["code"], answer["message"]) = (json!(code), json!(message));
                    }
                    Event::JoinFailed { workspace, code, message } if *workspace == wanted => {
                        return Err(ApiError::new(code, message.clone()));
                    }
                    _ => {}
                },
            }
        }
        Ok(answer)
    }

    async fn test_relay(&self, params: Value) -> Result<Value, ApiError> {
        let online = self.ask("network.status", json!({})).await?["online"] == true;
        let Some(prober) = self.prober.as_ref().filter(|_| online) else {
            return Err(ApiError::new("no_network", "this device is offline; go online to test a relay"));
        };
        relay_test::test(prober, params).await
    }

    async fn sync_and_wait(&self, params: Value, wait: Duration) -> Result<Value, ApiError> {
        let deadline = tokio::time::Instant::now() + wait;
        let mut events = self.subscribe();
        loop {
            let answer = self.ask("workspace.sync", params.clone()).await?;
            let done = answer["converged"] == true;
            let next = (tokio::time::Instant::now() + LOOK_AGAIN).min(deadline);
            if done || tokio::time::Instant::now() >= deadline {
                return Ok(answer);
            }
            // A change of the sync state is worth a look; so is the passing of time.
            let _ = tokio::time::timeout_at(next, async {
                while let Ok(event) = events.recv().await {
                    if matches!(&*event, Event::SyncState { .. }) {
                        break;
                    }
                }
            })
            .await;
        }
    }

    /// Opens a workspace's document for a window: its handle, its client id, and whether it may be written to. The
    /// state goes to `sink`.
    ///
    /// # Errors
    /// When there is no such workspace.
    pub async fn open_document(
        &self,
        workspace: &str,
        sink: Box<dyn DocumentSink>,
    ) -> Result<(u32, u64, bool), ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Open { workspace: workspace.to_owned(), sink, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Hands over a v1 update that a window made; answers with the number of this push.
    ///
    /// # Errors
    /// When the gate refuses the bytes or the device may not write.
    pub async fn push(&self, document: u32, update: Vec<u8>) -> Result<u64, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Push { document, update, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Shows others what a window is doing; null ends it.
    ///
    /// # Errors
    /// When the state is not what presence takes.
    pub async fn set_awareness(&self, document: u32, state: Value) -> Result<(), ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Awareness { document, state, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Closes a window's document.
    pub async fn close_document(&self, document: u32) {
        // An engine that has stopped has closed it.
        let _ = self.send(Command::Close { document }).await;
    }

    /// Signs and commits what is gathered, says good-bye to peers, and stops.
    pub async fn shutdown(&self) {
        let (reply, answer) = oneshot::channel();
        if self.send(Command::Stop { reply }).await.is_ok() {
            // An error means that it has stopped already.
            let _ = answer.await;
        }
    }
}

fn stopped() -> ApiError {
    ApiError::new("engine_stopped", "the engine has stopped")
}

type NetParts = (Net, mpsc::Receiver<crate::net::NetEvent>);

fn run(
    store: Store,
    key: DeviceKey,
    options: Options,
    net: Option<NetParts>,
    queue: mpsc::Receiver<Command>,
    events: broadcast::Sender<Arc<Event>>,
    ready: oneshot::Sender<Result<(), ApiError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody waiting means that the start was given up.
            let _ = ready.send(Err(ApiError::new("engine_failed", error.to_string())));
            return;
        }
    };
    match Actor::open(store, key, options, net, events) {
        Ok(actor) => {
            if ready.send(Ok(())).is_ok() {
                runtime.block_on(actor.run(queue));
            }
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}
