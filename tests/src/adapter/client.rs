//! One client: an engine, a window's document on it, and what the benchmark waits for.
//!
//! The window has a thread of its own, as a page has: what the engine hands over is folded in there. Own edits are
//! pushed one after the other, each when the one before was taken, as the desktop window's outbox does.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use omniscope_engine::device::{self, KeySource};
use omniscope_engine::{DocumentMessage, DocumentSink, Engine, Options};
use omniscope_protocol::invitation::Link;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::page::{Page, Shown};
use super::stats::{Kind, Stats, now_us};
use super::trace::Traces;

/// Deep documents need as much stack as the engine gives them.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// How long an address to listen on may take to come up.
const LISTEN_PATIENCE: Duration = Duration::from_secs(5);
/// How often a client looks whether it is connected.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Edits of a bulk between two looks at whether the engine keeps up.
const BULK_STRIDE: u32 = 200;

/// What a client joins.
#[derive(Debug, Deserialize)]
pub struct Join {
    client: String,
    /// A link; a name for whoever creates.
    workspace: String,
    #[serde(default)]
    create: bool,
    #[serde(default)]
    peers: Vec<String>,
    dir: PathBuf,
    want: Option<Want>,
    timeout_ms: Option<u64>,
}

/// What somebody waits for; all of it must hold.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Want {
    text_len: Option<u32>,
    nodes: Option<u32>,
    key: Option<String>,
    val: Option<String>,
    hash: Option<String>,
}

/// An open loop of edits.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    what: String,
    rate: f64,
    count: u32,
    #[serde(default)]
    unique: bool,
}

/// The state behind a client's threads.
struct Window {
    id: String,
    page: Mutex<Page>,
    waits: Mutex<Vec<(Want, oneshot::Sender<u64>)>>,
    /// When a remote change was shown last, and in which round of counting.
    last_remote: Mutex<Option<(u64, u64)>>,
    stats: Arc<Mutex<Stats>>,
}

/// A client of the benchmark.
pub struct Client {
    engine: Engine,
    workspace: String,
    document: u32,
    window: Arc<Window>,
    pushes: mpsc::UnboundedSender<Push>,
    edits: Mutex<(u32, Dice)>,
}

enum Push {
    Update(Vec<u8>),
    /// Answered when everything before it was taken.
    Mark(oneshot::Sender<()>),
}

struct Sink(std::sync::mpsc::Sender<DocumentMessage>);

impl DocumentSink for Sink {
    fn send(&self, message: DocumentMessage) -> bool {
        self.0.send(message).is_ok()
    }
}

struct Dice(u32);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        self.0 % n.max(1)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread of the adapter panics")
}

impl Client {
    /// Starts the engine over the client's folder, creates, joins or reopens the workspace, and opens its document.
    ///
    /// # Errors
    /// When any of it fails, or `want` does not hold in time.
    pub async fn join(join: Join, stats: Arc<Mutex<Stats>>) -> anyhow::Result<(Self, Value)> {
        let began = now_us();
        let folder = join.dir.join("data");
        let key = KeySource::File(join.dir.join("key"));
        let device = tokio::task::spawn_blocking(move || device::open(&folder, "benchmark", &key)).await??;
        let listen = ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"];
        let listen = listen.iter().map(|a| a.parse()).collect::<Result<_, _>>()?;
        let options = Options { network: true, listen, ..Options::default() };
        let engine = Engine::start(device.store, device.key, options).await?;
        let addresses = listening(&engine).await?;
        tokio::spawn(watch_connections(engine.clone(), join.client.clone(), Arc::clone(&stats)));
        for peer in join.peers.iter().flat_map(|p| p.split(' ')) {
            engine.call("network.connect", json!({"addr": peer})).await?;
        }
        let link = if join.create { create(&engine, &join.workspace).await? } else { join.workspace.clone() };
        let workspace = Link::parse(&link)?.workspace().to_string();
        if !join.create && !is_member(&engine, &workspace).await? {
            let wait = join.timeout_ms.unwrap_or(60_000);
            let joined = engine.call("join", json!({"link": link, "wait_ms": wait})).await?;
            if joined["status"] != "member" {
                bail!("not admitted within {wait} ms");
            }
        }
        let client = Self::open(join.client, engine, workspace, stats).await?;
        if join.create {
            let update = lock(&client.window.page).make_body();
            client.push(update);
            client.drained().await?;
        }
        if let Some(want) = join.want {
            client.wait(want, join.timeout_ms).await?;
        }
        let ms = (now_us() - began) as f64 / 1000.0;
        let mut reply = json!({"ms": ms, "addr": addresses.join(" ")});
        if join.create {
            reply["workspace"] = json!(link);
        }
        Ok((client, reply))
    }

    async fn open(id: String, engine: Engine, workspace: String, stats: Arc<Mutex<Stats>>) -> anyhow::Result<Self> {
        let (sink, messages) = std::sync::mpsc::channel();
        let (document, session, _) = engine.open_document(&workspace, Box::new(Sink(sink))).await?;
        let Ok(DocumentMessage::State(state)) = messages.recv() else { bail!("expected the document's state first") };
        let seed = id.bytes().fold(12_345, |n: u32, byte| n.wrapping_mul(31).wrapping_add(byte.into()));
        let window = Arc::new(Window {
            id,
            page: Mutex::new(Page::new(session, &state)?),
            waits: Mutex::default(),
            last_remote: Mutex::default(),
            stats,
        });
        let shown = Arc::clone(&window);
        std::thread::Builder::new()
            .name("window".into())
            .stack_size(STACK_BYTES)
            .spawn(move || shown.live(&messages))?;
        let (pushes, queue) = mpsc::unbounded_channel();
        tokio::spawn(push_in_order(engine.clone(), document, queue));
        Ok(Self { engine, workspace, document, window, pushes, edits: Mutex::new((0, Dice(seed))) })
    }

    fn push(&self, update: Vec<u8>) {
        // A pusher that is gone has said why on stderr.
        let _ = self.pushes.send(Push::Update(update));
    }

    /// Waits until the engine has taken every edit so far.
    async fn drained(&self) -> anyhow::Result<()> {
        let (mark, reached) = oneshot::channel();
        let _ = self.pushes.send(Push::Mark(mark));
        reached.await.context("the engine refused an edit")
    }

    /// Waits until `want` holds, and tells when it did.
    ///
    /// # Errors
    /// When it does not within the time.
    pub async fn wait(&self, want: Want, timeout_ms: Option<u64>) -> anyhow::Result<u64> {
        let (tell, told) = oneshot::channel();
        lock(&self.window.waits).push((want.clone(), tell));
        self.window.check();
        let patience = Duration::from_millis(timeout_ms.unwrap_or(60_000));
        match tokio::time::timeout(patience, told).await {
            Ok(at) => at.context("the window closed"),
            Err(_) => Err(anyhow!("timeout waiting for {want:?}")),
        }
    }

    /// One edit.
    ///
    /// # Errors
    /// When the edit is none that the benchmark knows.
    pub async fn edit(&self, edit: &Value) -> anyhow::Result<()> {
        let number = |field: &str| edit[field].as_u64().unwrap_or_default() as u32;
        let text = |field: &str| edit[field].as_str().unwrap_or_default();
        let update = match text("op") {
            "set" => lock(&self.window.page).set(text("key"), text("val")),
            "insert" => lock(&self.window.page).insert(number("pos"), text("text")),
            "delete" => lock(&self.window.page).replace(number("pos"), number("n"), ""),
            other => bail!("unknown edit {other:?}"),
        };
        self.push(update);
        self.drained().await
    }

    /// Many edits as fast as possible, one transaction each.
    ///
    /// # Errors
    /// When the bulk is none that the benchmark knows, or its trace cannot be read.
    pub async fn bulk(&self, bulk: &Value, traces: &Traces) -> anyhow::Result<Value> {
        let number = |field: &str| bulk[field].as_u64().unwrap_or_default() as u32;
        let began = now_us();
        match bulk["op"].as_str().unwrap_or_default() {
            "seed" => {
                for i in 0..number("nodes") {
                    self.push(lock(&self.window.page).set(&format!("n{i}"), &format!("seed,{i},0,{i}.5,{i}.25")));
                }
                for at in (0..number("text")).step_by(50) {
                    let words = "the quick brown fox jumps over the lazy dog again ";
                    let piece = &words[..words.len().min((number("text") - at) as usize)];
                    self.push(lock(&self.window.page).insert(at, piece));
                }
            }
            "set" => {
                for i in 0..number("count") {
                    let (x, y) = self.place();
                    let value = format!("{},{i},0,{x}.5,{y}.25", self.window.id);
                    self.push(lock(&self.window.page).set(&format!("n{}", i % number("keys").max(1)), &value));
                    self.breathe(i).await?;
                }
            }
            "trace" => {
                let patches = traces.read(bulk["path"].as_str().unwrap_or_default())?;
                for i in number("from")..number("to") {
                    let (at, removed, inserted) =
                        patches.get(i as usize).with_context(|| format!("the trace has no patch {i}"))?;
                    self.push(lock(&self.window.page).replace(*at, *removed, inserted));
                    self.breathe(i).await?;
                }
            }
            other => bail!("unknown bulk {other:?}"),
        }
        self.drained().await?;
        let page = lock(&self.window.page);
        let ms = (now_us() - began) as f64 / 1000.0;
        Ok(json!({"ms": ms, "text_len": page.text_len(), "nodes": page.node_count()}))
    }

    async fn breathe(&self, edit: u32) -> anyhow::Result<()> {
        if edit % BULK_STRIDE == BULK_STRIDE - 1 { self.drained().await } else { Ok(()) }
    }

    fn place(&self) -> (u32, u32) {
        let dice = &mut lock(&self.edits).1;
        (dice.below(4000), dice.below(4000))
    }

    /// Edits at a rate, whatever becomes of them: late ones are caught up, none is left out.
    ///
    /// # Errors
    /// When presence is not taken.
    pub async fn run(&self, run: &Run) -> anyhow::Result<u32> {
        let period = 1e6 / run.rate;
        let phase = f64::from(u16::from_le_bytes(
            blake3::hash(self.window.id.as_bytes()).as_bytes()[..2].try_into().expect("two bytes"),
        )) / 65_536.0;
        let mut due = now_us() as f64 + phase * period;
        for _ in 0..run.count {
            let now = now_us() as f64;
            if due > now {
                tokio::time::sleep(Duration::from_micros((due - now) as u64)).await;
            }
            lock(&self.window.stats).late((now_us() as f64 - due).max(0.0) as u64);
            self.fire(run).await?;
            due += period;
        }
        Ok(run.count)
    }

    async fn fire(&self, run: &Run) -> anyhow::Result<()> {
        let (x, y) = self.place();
        let seq = {
            let seq = &mut lock(&self.edits).0;
            *seq += 1;
            *seq - 1
        };
        let id = &self.window.id;
        let key = if run.unique { seq } else { seq % 8 };
        let t = now_us();
        match run.what.as_str() {
            "set" => {
                let update =
                    lock(&self.window.page).set(&format!("{id}:{key}"), &format!("{id},{seq},{t},{x}.5,{y}.25"));
                self.push(update);
            }
            "insert" => {
                let mut page = lock(&self.window.page);
                let at = lock(&self.edits).1.below(page.text_len() + 1);
                self.push(page.insert(at, &format!("<{id}.{seq}.{t}>")));
            }
            "presence" => {
                let state = json!({"pointer": {"x": x, "y": y, "w": id, "s": seq, "t": t}});
                self.engine.set_awareness(self.document, state).await?;
            }
            other => bail!("unknown run {other:?}"),
        }
        Ok(())
    }

    /// Text length, registers, digest.
    pub fn state(&self) -> Value {
        let page = lock(&self.window.page);
        json!({"text_len": page.text_len(), "nodes": page.node_count(), "hash": page.hash()})
    }

    /// Drops or restores the network; the replica stays.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn set_online(&self, online: bool) -> anyhow::Result<()> {
        self.engine.call("network.set", json!({"online": online})).await?;
        Ok(())
    }

    /// Closes document and engine; what was taken is committed.
    ///
    /// # Errors
    /// When an edit was refused.
    pub async fn leave(&self) -> anyhow::Result<()> {
        self.drained().await?;
        self.engine.close_document(self.document).await;
        self.engine.call("workspace.persist", json!({"workspace": self.workspace})).await?;
        self.engine.shutdown().await;
        Ok(())
    }
}

impl Window {
    /// Folds in what the engine hands over, until it closes.
    fn live(&self, messages: &std::sync::mpsc::Receiver<DocumentMessage>) {
        let mut session = 0;
        while let Ok(message) = messages.recv() {
            let result = match message {
                DocumentMessage::Update(update) => {
                    let mut page = lock(&self.page);
                    let result = page.apply(&update);
                    let shown = page.take_shown();
                    drop(page);
                    self.note(&shown);
                    result
                }
                DocumentMessage::Reset { client, reason } => {
                    eprintln!("{}: the document was replaced: {reason}", self.id);
                    session = client;
                    Ok(())
                }
                DocumentMessage::State(state) => Page::new(session, &state).map(|page| *lock(&self.page) = page),
                DocumentMessage::Awareness(entry) => {
                    if let Some(state) = &entry.state {
                        self.note_pointer(&state["pointer"]);
                    }
                    continue;
                }
                DocumentMessage::Saved(_) => continue,
                DocumentMessage::Refused { code, message } => Err(anyhow!("{code}: {message}")),
            };
            if let Err(error) = result {
                eprintln!("{}: {error}", self.id);
            }
            self.check();
        }
    }

    fn note(&self, shown: &[Shown]) {
        for change in shown {
            match change {
                Shown::Label(value) => {
                    let mut fields = value.split(',');
                    let (writer, at) = (fields.next(), fields.nth(1).and_then(|t| t.parse().ok()));
                    self.seen(Kind::Set, writer.unwrap_or_default(), at.unwrap_or(0));
                }
                Shown::Text(text) => {
                    for mark in text.split('<').skip(1).filter_map(|m| m.split_once('>')) {
                        let mut fields = mark.0.split('.');
                        let (writer, at) = (fields.next(), fields.nth(1).and_then(|t| t.parse().ok()));
                        if let Some(at) = at {
                            self.seen(Kind::Insert, writer.unwrap_or_default(), at);
                        }
                    }
                }
            }
        }
    }

    fn note_pointer(&self, pointer: &Value) {
        if let (Some(writer), Some(at)) = (pointer["w"].as_str(), pointer["t"].as_u64()) {
            self.seen(Kind::Presence, writer, at);
        }
    }

    fn seen(&self, kind: Kind, writer: &str, at: u64) {
        if writer == self.id {
            return;
        }
        let now = now_us();
        let mut stats = lock(&self.stats);
        if at > 0 {
            stats.seen(kind, now.saturating_sub(at));
        }
        let round = stats.round;
        let last = lock(&self.last_remote).replace((now, round));
        if let Some((before, _)) = last.filter(|l| l.1 == round) {
            stats.gap(now - before);
        }
    }

    /// Answers those whose wants hold now.
    fn check(&self) {
        let mut waits = lock(&self.waits);
        if waits.is_empty() {
            return;
        }
        let page = lock(&self.page);
        let (held, open): (Vec<_>, Vec<_>) = waits.drain(..).partition(|(want, _)| holds(want, &page));
        *waits = open;
        for (_, tell) in held {
            // Whoever gave up waiting does not need it.
            let _ = tell.send(now_us());
        }
    }
}

fn holds(want: &Want, page: &Page) -> bool {
    want.text_len.is_none_or(|n| page.text_len() == n)
        && want.nodes.is_none_or(|n| page.node_count() >= n)
        && want.key.as_ref().is_none_or(|key| page.get(key) == want.val)
        && want.hash.as_ref().is_none_or(|hash| page.hash() == *hash)
}

async fn push_in_order(engine: Engine, document: u32, mut queue: mpsc::UnboundedReceiver<Push>) {
    while let Some(push) = queue.recv().await {
        match push {
            Push::Update(update) => {
                if let Err(error) = engine.push(document, update).await {
                    eprintln!("an edit was refused: {error}");
                    return;
                }
            }
            // Whoever gave up waiting does not need it.
            Push::Mark(reached) => drop(reached.send(())),
        }
    }
}

/// Notes when the first peer comes and the last one goes.
async fn watch_connections(engine: Engine, client: String, stats: Arc<Mutex<Stats>>) {
    let mut up = false;
    while let Ok(status) = engine.call("network.status", json!({})).await {
        if status["peers"].as_array().is_some_and(|p| p.is_empty() == up) {
            up = !up;
            lock(&stats).connected(&client, up);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The addresses that the engine listens on, once both transports are up.
async fn listening(engine: &Engine) -> anyhow::Result<Vec<String>> {
    let deadline = tokio::time::Instant::now() + LISTEN_PATIENCE;
    loop {
        let status = engine.call("network.status", json!({})).await?;
        let found: Vec<String> =
            status["listening"].as_array().into_iter().flatten().filter_map(|a| Some(a.as_str()?.to_owned())).collect();
        if found.len() >= 2 {
            return Ok(found);
        }
        if tokio::time::Instant::now() >= deadline {
            bail!("no address to listen on within {LISTEN_PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Founds the workspace and makes a link by which any member lets anybody in as an editor.
async fn create(engine: &Engine, name: &str) -> anyhow::Result<String> {
    let made = engine.call("workspace.create", json!({"name": name})).await?;
    let asked = json!({"workspace": made["workspace"], "role": "editor", "unlimited": true, "expires": "1d"});
    let invite = engine.call("invite.create", asked).await?;
    Ok(invite["link"].as_str().context("a link is text")?.to_owned())
}

async fn is_member(engine: &Engine, workspace: &str) -> anyhow::Result<bool> {
    let listed = engine.call("workspace.list", json!({})).await?;
    let mut all = listed["workspaces"].as_array().into_iter().flatten();
    Ok(all.any(|w| w["workspace"] == workspace && w["status"] == "member"))
}
