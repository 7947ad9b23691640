//! The desktop window under a hand: the real binary on a screen of its own (Xvfb), driven by WebKitWebDriver.
//!
//! Every wait looks at the page until a condition holds. Deliberately absent: the scenarios themselves, and keyrings:
//! devices here keep their key in a file.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{
    InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, WheelAction, WheelActions,
};
use fantoccini::elements::Element;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long anything that should happen may take before a test calls it not happening.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// The size of every screen.
pub const SCREEN: (u32, u32) = (1440, 900);

/// Paints one pixel anew for a while: WebKit's screenshot waits for the next frame, and a page at rest draws none.
const PAINT: &str = "const dot = document.createElement('i'); \
    dot.style.cssText = 'position:fixed;right:0;bottom:0;width:1px;height:1px;z-index:99999'; \
    document.body.append(dot); const end = performance.now() + 3000; let n = 0; \
    (function frame() { dot.style.background = n++ % 2 ? '#000001' : '#010000'; \
    if (performance.now() < end) requestAnimationFrame(frame); else dot.remove(); })();";
/// A command to the window that takes longer than this is a defect of its own.
const MAX_COMMAND: Duration = Duration::from_secs(20);

/// A program of this workspace, built beside the tests.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let folder = tests.ancestors().find(|dir| dir.join(name).is_file());
    folder.unwrap_or_else(|| panic!("{name} is not built; run: cargo build --workspace --bins")).join(name)
}

/// Where screenshots stay: `$OMNISCOPE_ARTEFACTS`, else `artefacts` in the target folder.
pub fn artefacts() -> PathBuf {
    let folder = std::env::var_os("OMNISCOPE_ARTEFACTS")
        .map(PathBuf::from)
        .unwrap_or_else(|| program("omniscope-desktop").ancestors().nth(2).expect("a target folder").join("artefacts"));
    std::fs::create_dir_all(&folder).expect("the folder of artefacts can be made");
    folder
}

/// A process with all that it started; ended when dropped.
pub struct Group {
    child: Child,
}

impl Group {
    /// Starts it in a process group of its own.
    pub fn start(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        Self { child: command.process_group(0).spawn().unwrap_or_else(|e| panic!("{what}: {e}")) }
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        let output = self.child.stdout.take().expect("stdout is piped");
        let mut reader = BufReader::new(output);
        reader.read_line(&mut line).expect("a line");
        // Whoever writes on is read on, so that no pipe fills or breaks.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        line.trim().to_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        for signal in ["-TERM", "-KILL"] {
            let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
            let deadline = Instant::now() + Duration::from_secs(2);
            while Instant::now() < deadline && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
                std::thread::sleep(LOOK_AGAIN);
            }
        }
        let _ = self.child.wait();
    }
}

/// A relay process on loopback.
pub struct RelayProcess {
    _group: Group,
    /// Its full address.
    pub address: String,
}

impl RelayProcess {
    /// Starts a relay with its key in `dir`.
    pub fn start(dir: &Path) -> Self {
        let mut command = Command::new(program("omniscope-relay"));
        command
            .args(["--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--policy", "open", "--log", "warn", "--data-dir"])
            .arg(dir.join("relay"));
        let mut group = Group::start(command.stdout(Stdio::piped()).stdin(Stdio::null()).stderr(Stdio::null()));
        let address = group.first_line();
        assert!(address.contains("/p2p/"), "the relay says where it listens, not {address:?}");
        Self { _group: group, address }
    }
}

/// How a window is to be started.
#[derive(Clone)]
pub struct Setup {
    /// The name in the profile; none asks for it, as on a first run.
    pub profile: Option<&'static str>,
    /// Its data folder; the key file lies beside it.
    pub dir: PathBuf,
    /// The relay to be reachable through.
    pub relay: Option<String>,
    /// More arguments.
    pub arguments: Vec<String>,
    /// Whether the key is kept in a file rather than in the system's keyring.
    pub key_in_file: bool,
    /// A shell command that runs in the window's session before it, such as one that starts a keyring.
    pub before: Option<&'static str>,
    /// Another binary than the one beside the tests.
    pub binary: Option<PathBuf>,
}

impl Setup {
    /// A person whose folder is below `root`.
    pub fn of(name: &'static str, root: &Path) -> Self {
        Self {
            profile: Some(name),
            dir: root.join(name),
            relay: None,
            arguments: Vec::new(),
            key_in_file: true,
            before: None,
            binary: None,
        }
    }

    /// The same, reachable through a relay.
    pub fn through(mut self, relay: &RelayProcess) -> Self {
        self.relay = Some(relay.address.clone());
        self
    }

    /// The arguments of the desktop binary.
    pub fn command_line(&self) -> Vec<String> {
        let mut line = vec!["--data-dir".into(), self.dir.display().to_string(), "--no-mdns".into()];
        line.extend(["--listen", "/ip4/127.0.0.1/udp/0/quic-v1"].map(String::from));
        if self.key_in_file {
            line.extend(["--key-file".into(), format!("{}.key", self.dir.display())]);
        }
        if let Some(name) = self.profile {
            line.extend(["--profile-name".into(), name.into()]);
        }
        if let Some(relay) = &self.relay {
            line.extend(["--relay".into(), relay.clone()]);
        }
        line.extend(self.arguments.iter().cloned());
        line
    }
}

/// One window with its driver and screen.
pub struct Window {
    /// Whose it is, for messages and the names of screenshots.
    pub name: String,
    /// The WebDriver session.
    pub client: Client,
    dir: PathBuf,
    // Dropped in this order: the driver ends the window, then the screen goes.
    _driver: Group,
    _screen: Group,
}

impl Window {
    /// Opens the window and waits until it shows something.
    pub async fn open(setup: &Setup) -> Self {
        let mut screen = Command::new("Xvfb");
        let size = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        screen.args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp"]).stderr(Stdio::null());
        let mut screen = Group::start(screen.stdout(Stdio::piped()).stdin(Stdio::null()));
        let display = format!(":{}", screen.first_line());
        let home = setup.dir.with_extension("home");
        std::fs::create_dir_all(&home).unwrap();
        let port = free_port();
        let mut driver = Command::new("dbus-run-session");
        let session = format!("{}\nexec WebKitWebDriver --host=127.0.0.1 --port={port}", setup.before.unwrap_or(":"));
        driver.args(["--", "bash", "-c", &session]);
        driver.env("DISPLAY", display).env("HOME", &home).env("XDG_RUNTIME_DIR", &home);
        driver.env("TAURI_WEBVIEW_AUTOMATION", "true").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        driver.env("GTK_A11Y", "none").env("NO_AT_BRIDGE", "1").env("GDK_BACKEND", "x11");
        for name in ["DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "OMNISCOPE_RELAY", "OMNISCOPE_DATA_DIR"] {
            driver.env_remove(name);
        }
        let driver = Group::start(driver.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        let binary = setup.binary.clone().unwrap_or_else(|| program("omniscope-desktop"));
        let options = json!({"binary": binary, "args": setup.command_line()});
        let mut capabilities = Capabilities::new();
        capabilities.insert("webkitgtk:browserOptions".into(), options);
        let client = connect(port, &capabilities).await;
        let name = setup.dir.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let window = Self { name, client, dir: setup.dir.clone(), _driver: driver, _screen: screen };
        window.until("the page shows something", "document.querySelector('#root')?.childElementCount > 0").await;
        window.client.set_window_rect(0, 0, SCREEN.0, SCREEN.1).await.unwrap();
        window
    }

    /// The window's process and those of its web view.
    pub fn processes(&self) -> Vec<u32> {
        let mut own = Vec::new();
        let mut parents = Vec::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let words: Vec<&str> = line.split('\0').collect();
            if words.iter().any(|w| Path::new(w) == self.dir) && words[0].ends_with("omniscope-desktop") {
                own.push(pid);
            }
            let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
            parents.extend(parent.map(|parent| (pid, parent)));
        }
        let mut at = 0;
        while at < own.len() {
            let children = parents.iter().filter(|(_, parent)| *parent == own[at]).map(|(pid, _)| *pid);
            own.extend(children.collect::<Vec<_>>());
            at += 1;
        }
        own
    }

    /// Ends the window's process at once, as a crash or a power cut does.
    pub fn crash(self) {
        let processes = self.processes();
        let pid = processes.first().unwrap_or_else(|| panic!("{}: the window's process is found", self.name));
        assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    }

    /// Chooses an option of a select.
    pub async fn choose(&self, css: &str, value: &str) {
        self.find(css).await;
        let script = "const s = document.querySelector(arguments[0]); \
            Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(s, arguments[1]); \
            s.dispatchEvent(new Event('change', { bubbles: true }));";
        self.run(script, vec![json!(css), json!(value)]).await;
    }

    /// Closes the window, as its button does, and waits for its process to end.
    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }

    /// Runs a script in the page; `arguments` are its arguments.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        match tokio::time::timeout(MAX_COMMAND, self.client.execute(script, arguments)).await {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => panic!("{}: {script}: {error}", self.name),
            Err(_) => panic!("{}: the page does not answer: {script}", self.name),
        }
    }

    /// The value of an expression in the page; null where it throws.
    pub async fn value(&self, expression: &str) -> Value {
        self.run(&format!("try {{ return ({expression}) ?? null; }} catch (e) {{ return null; }}"), vec![]).await
    }

    /// Looks until the expression is true, and gives its value; fails with a picture of the window.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.value(expression).await;
            if !matches!(&value, Value::Null | Value::Bool(false)) && value != json!(0) && value != json!("") {
                return value;
            }
            if Instant::now() > deadline {
                self.shot("failure").await;
                let said = self.value("document.body.innerText").await;
                panic!("{}: not within {PATIENCE:?}: {what}: {expression}\n{said}", self.name);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Element {
        self.until(css, &format!("document.querySelector({}) !== null", json!(css))).await;
        self.client.find(Locator::Css(css)).await.unwrap_or_else(|e| panic!("{}: {css}: {e}", self.name))
    }

    /// Clicks what a selector names, once it can be clicked.
    pub async fn click(&self, css: &str) {
        self.until(css, &format!("document.querySelector({}).disabled !== true", json!(css))).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Err(error) = self.find(css).await.click().await else { return };
            if Instant::now() > deadline {
                self.shot("failure").await;
                panic!("{}: click {css}: {error}", self.name);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Types into a field over what stands in it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        self.run(
            "const field = document.querySelector(arguments[0]); field.focus(); field.select();",
            vec![json!(css)],
        )
        .await;
        field.send_keys(text).await.unwrap_or_else(|e| panic!("{}: {css}: {e}", self.name));
    }

    /// Puts text into a field at once, as pasting does.
    pub async fn paste(&self, css: &str, text: &str) {
        let script = "const e = document.querySelector(arguments[0]); e.focus(); \
            Object.getOwnPropertyDescriptor(e.constructor.prototype, 'value').set.call(e, arguments[1]); \
            e.dispatchEvent(new Event('input', { bubbles: true }));";
        self.run(script, vec![json!(css), json!(text)]).await;
    }

    /// Presses keys where the focus is; modifiers first, all held until the last.
    pub async fn press(&self, keys: &[char]) {
        let mut actions = KeyActions::new("keys".into());
        for key in keys {
            actions = actions.then(KeyAction::Down { value: *key });
        }
        for key in keys.iter().rev() {
            actions = actions.then(KeyAction::Up { value: *key });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Types text where the focus is.
    pub async fn type_text(&self, text: &str) {
        let mut actions = KeyActions::new("keys".into());
        for value in text.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// The middle of an element, in viewport pixels.
    pub async fn middle(&self, css: &str) -> (f64, f64) {
        self.find(css).await;
        let script = "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2];";
        let at = self.run(script, vec![json!(css)]).await;
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    /// Moves the pointer through points, with the button held between the first and the last when `held`.
    pub async fn move_pointer(&self, points: &[(f64, f64)], held: bool) {
        let step = Some(Duration::from_millis(30));
        let mut mouse = MouseActions::new("mouse".into());
        for (index, (x, y)) in points.iter().enumerate() {
            mouse = mouse.then(PointerAction::MoveTo { duration: step, x: x.round(), y: y.round() });
            if held && index == 0 {
                mouse = mouse.then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
            }
        }
        if held {
            mouse = mouse.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        }
        self.client.perform_actions(mouse).await.unwrap();
    }

    /// Drags from one point to another with the small first move that xyflow's threshold takes.
    pub async fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let between = |part: f64| (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
        let start = (from.0 + 6.0, from.1 + 6.0);
        self.move_pointer(&[from, start, between(0.3), between(0.6), between(0.9), to, to], true).await;
    }

    /// Turns the wheel at a point.
    pub async fn wheel(&self, at: (f64, f64), delta_y: i64) {
        let turn = WheelAction::Scroll { duration: None, x: at.0 as i64, y: at.1 as i64, delta_x: 0, delta_y };
        self.client.perform_actions(WheelActions::new("wheel".into()).then(turn)).await.unwrap();
    }

    /// Keeps a picture of the window as `NAME-PERSON.png`; gives its path.
    pub async fn shot(&self, name: &str) -> PathBuf {
        let path = artefacts().join(format!("{name}-{}.png", self.name));
        self.run(PAINT, vec![]).await;
        match tokio::time::timeout(MAX_COMMAND, self.client.screenshot()).await {
            Ok(Ok(png)) => std::fs::write(&path, png).unwrap(),
            other => println!("{}: no picture {name}: {other:?}", self.name),
        }
        path
    }

    /// The serious findings of axe-core on what the window shows now, one a line.
    pub async fn accessibility(&self) -> String {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(&source).expect("the npm packages of ui are installed: make ui");
        if self.value("typeof window.axe === 'object'").await != json!(true) {
            self.run(&source, vec![]).await;
        }
        // What is still fading in has the contrast of that moment.
        let script = "const done = arguments[arguments.length - 1]; \
            const fading = document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime)); \
            Promise.allSettled(fading.map((one) => one.finished)).then(() => axe.run(document, { resultTypes: ['violations'] })).then((result) => done(result.violations \
            .filter((one) => one.impact === 'serious' || one.impact === 'critical') \
            .flatMap((one) => one.nodes.map((node) => one.id + ': ' + node.target.join(' ') + ': ' + node.html.slice(0, 200) + ' ' + node.failureSummary)) \
            .join('\\n')), (error) => done('axe failed: ' + error));";
        let found = tokio::time::timeout(PATIENCE, self.client.execute_async(script, vec![])).await;
        let found = found.expect("axe-core comes to an end").unwrap_or_else(|e| panic!("{}: axe: {e}", self.name));
        found.as_str().unwrap_or_default().to_owned()
    }

    /// The text of an element; empty when there is none.
    pub async fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? '';";
        self.run(script, vec![json!(css)]).await.as_str().unwrap_or_default().to_owned()
    }
}

/// The selector of a test id.
pub fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Asks for a session until the driver listens.
async fn connect(port: u16, capabilities: &Capabilities) -> Client {
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "WebKitWebDriver does not listen on port {port}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let session = builder.capabilities(capabilities.clone()).connect(&format!("http://127.0.0.1:{port}")).await;
    session.unwrap_or_else(|e| panic!("no session with the window: {e}"))
}
