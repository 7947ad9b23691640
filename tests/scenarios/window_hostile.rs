//! A member who means harm writes markup, style, script and addresses wherever a window shows what others wrote: nothing
//! of it runs, nothing leaves the window, and the page asks its program for nothing but what it always asks for.
//!
//! Deliberately absent: bytes that no window ever shows, which the gate and the decoders refuse (`garbage_engine`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use omniscope_engine::rpc::Client;
use omniscope_tests::peers::Peer;
use omniscope_tests::window::{Setup, Window, id};
use serde_json::{Value, json};

use crate::window::NODES;

/// What would do something if it were taken for more than words. `CANARY` stands for an address that listens.
const PAYLOADS: [&str; 25] = [
    "<img src=x onerror=\"window.broken=1\">",
    "<img src=\"http://CANARY/img\">",
    "<script>window.broken=1</script>",
    "<script src=\"http://CANARY/script\"></script>",
    "<svg onload=\"window.broken=1\"><image href=\"http://CANARY/svg\"/></svg>",
    "<iframe srcdoc=\"<script>parent.broken=1</script>\"></iframe>",
    "<iframe src=\"http://CANARY/frame\"></iframe>",
    "<object data=\"http://CANARY/object\"></object><embed src=\"http://CANARY/embed\">",
    "<link rel=\"stylesheet\" href=\"http://CANARY/css\"><link rel=\"prefetch\" href=\"http://CANARY/pre\">",
    "<meta http-equiv=\"refresh\" content=\"0;url=http://CANARY/meta\">",
    "<base href=\"http://CANARY/\"><form action=\"http://CANARY/form\"><button autofocus>",
    "<style>*{background:url(http://CANARY/style)}</style>",
    "<video autoplay src=\"http://CANARY/video\" onerror=\"window.broken=1\"></video>",
    "<details open ontoggle=\"window.broken=1\"><summary>x</summary></details>",
    "<input autofocus onfocus=\"window.broken=1\">",
    "![picture](http://CANARY/markdown) [link](javascript:window.broken=1)",
    "[a]: http://CANARY/reference\n\n<http://CANARY/auto> `${window.broken=1}`",
    "javascript:window.broken=1",
    "data:text/html,<script>window.broken=1</script>",
    "url(http://CANARY/url);background:url(http://CANARY/bg)",
    "#000;} * { background: url(http://CANARY/rule) } .x {",
    "\"><img src=x onerror=window.broken=1>",
    "{{constructor.constructor('window.broken=1')()}}",
    "__proto__",
    "\u{202e}\u{2066}omniscope://join#http://CANARY/link\u{200b}",
];

/// Fields of a document and of presence, names and versions: how many ways each payload takes.
const WAYS: usize = 16;

/// A listener that counts who comes; nobody should.
fn canary() -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let met = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&met);
    std::thread::spawn(move || {
        listener.incoming().for_each(|_| {
            counted.fetch_add(1, Ordering::SeqCst);
        })
    });
    (address, met)
}

/// Each payload in every field that a document has for words.
fn document(payloads: &[String]) -> Value {
    let (mut nodes, mut stickies, mut groups) = (json!({}), json!({}), json!({}));
    for (n, words) in payloads.iter().enumerate() {
        let (x, y) = (n % 5 * 320, n / 5 * 220);
        nodes[format!("n{n}")] = json!({
            "type": words, "typeVersion": words, "label": words, "notes": words, "pos": [x, y], "group": format!("g{n}"),
            "params": {format!("k {words}"): words}, "ports": {"inputs": [{"name": words}], "outputs": [{"name": words}]},
        });
        stickies[format!("s{n}")] = json!({"text": words, "color": words, "pos": [x, y + 110], "size": [200, 80]});
        groups[format!("g{n}")] = json!({"label": words, "color": words});
    }
    json!({"meta": {"name": "Hostile"}, "nodes": nodes, "stickies": stickies, "groups": groups})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_a_hostile_member_run_nothing_and_reach_nobody() {
    let root = tempfile::tempdir().unwrap();
    let (address, met) = canary();
    let payloads = PAYLOADS.map(|words| words.replace("CANARY", &address));
    const { assert!(PAYLOADS.len() * WAYS >= 300) };
    let setup = Setup::of("Ana", root.path());
    let window = Window::open(&setup).await;
    window.run(WATCH, vec![]).await;
    let mut engine = Client::connect(&setup.dir).await.unwrap();
    let made = engine.call("workspace.create", json!({"name": "Plain"})).await.unwrap();
    let workspace = made["workspace"].as_str().unwrap().to_owned();
    window.click(&format!("[data-workspace=\"{workspace}\"]")).await;
    let link =
        engine.call("invite.create", json!({"workspace": workspace, "role": "editor"})).await.unwrap()["link"].take();
    let mallory = Peer::start("Mallory").await;
    mallory.call("join", json!({"link": link, "wait_ms": 20_000})).await;

    let content = document(&payloads).to_string();
    mallory.call("pipeline.import", json!({"workspace": workspace, "content": content})).await;
    window.until("every step", &format!("{NODES} === {}", PAYLOADS.len())).await;
    for words in &payloads {
        say_everywhere(&mallory, &workspace, words).await;
    }
    let marked =
        "document.querySelectorAll('.node__who').length > 0 && document.querySelectorAll('.cursor').length > 0";
    window.until("Mallory is shown", marked).await;
    look_everywhere(&window).await;
    window.shot("hostile-member").await;

    assert_eq!(window.value("window.broken").await, json!(null), "a script ran");
    assert_eq!(window.value("window.violations").await, json!([]), "something was tried that the policy forbade");
    assert_eq!(window.value(ALIEN).await, json!([]), "words became elements or styles");
    assert_eq!(window.value(ASKED_OTHERS).await, json!([]), "the page asked for something that is not its own");
    assert_eq!(met.load(Ordering::SeqCst), 0, "somebody came to {address}");
    // The canary sings: what comes is counted.
    drop(std::net::TcpStream::connect(&address).unwrap());
    while met.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    window.close().await;
    mallory.engine.shutdown().await;
}

/// The ways of a payload that are no fields of a document: names of the workspace, the person and a version, and presence.
async fn say_everywhere(mallory: &Peer, workspace: &str, words: &str) {
    let name: String = words.chars().filter(|c| !c.is_control()).take(80).collect();
    mallory.call("profile.set", json!({"name": name})).await;
    let shown =
        json!({"status": words, "asks": words, "editing": {"node": "n1", "what": words}, "dragging": {words: [1, 2]}});
    // Some are no name, and refused.
    for (verb, params) in [
        ("version.create", json!({"workspace": workspace, "name": name})),
        ("workspace.update", json!({"workspace": workspace, "name": name, "description": words})),
        ("selection.change", json!({"workspace": workspace, "nodes": ["n0", words]})),
        ("cursor.move", json!({"workspace": workspace, "x": 50, "y": 60})),
        ("presence.set", json!({"workspace": workspace, "state": shown})),
    ] {
        let _ = mallory.engine.call(verb, params).await;
    }
}

/// Opens everything that shows what others wrote.
async fn look_everywhere(window: &Window) {
    for step in ["n0", "n7", "n15", "n24"] {
        let select = format!("document.querySelector('.react-flow__node[data-id={step}] .node__label').click()");
        window.run(&select, vec![]).await;
        window.until("the notes", "document.querySelector('.cm-content')?.textContent.length > 0").await;
    }
    for open in ["versions-open", "share-open", "add-step"] {
        window.click(&id(open)).await;
        window.until("a dialog", "document.querySelector('[role=\"dialog\"]') !== null").await;
        window.shot(&format!("hostile-{open}")).await;
        window.press(&['\u{E00C}']).await;
        window.until("no dialog", "document.querySelector('[role=\"dialog\"]') === null").await;
    }
    window.click(&id("top-menu")).await;
    window.click(&id("menu-picture")).await;
    window.until("a picture", "document.querySelector('[data-testid=\"picture-preview\"]')?.naturalWidth > 100").await;
    window.press(&['\u{E00C}']).await;
    window.until("no dialog", "document.querySelector('[role=\"dialog\"]') === null").await;
    window.press(&['\u{E009}', 'k']).await;
    window.find(&id("command-input")).await;
    window.type_text("script").await;
    window.press(&['\u{E00C}']).await;
}

/// Hears of everything that the content security policy stops.
const WATCH: &str = "window.violations = []; \
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI));";

/// Elements and styles that this program never makes.
const ALIEN: &str = "[...document.querySelectorAll('#root :is(script, iframe, object, embed, link, meta, base, form, video, details, style, image), \
    #root img:not([src^=\"blob:\"]):not([src^=\"data:\"]), [style*=\"url(\"], a[href]')].map((one) => one.outerHTML.slice(0, 120))";

/// What the page loaded or asked for that is neither its own file nor one of this program's commands.
const ASKED_OTHERS: &str = "performance.getEntriesByType('resource').map((one) => one.name) \
    .filter((name) => !/^(tauri|blob|data):|^ipc:\\/\\/localhost\\/(call|events|document_open|document_push|document_awareness|document_close|save)$|^ipc:\\/\\/localhost\\/plugin%3A__TAURI_CHANNEL__%7Cfetch$/.test(name))";
