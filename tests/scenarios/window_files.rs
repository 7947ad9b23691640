//! What the window may do, by its files: golden permissions, golden policy, nothing from elsewhere.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read_json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(repository().join(path)).unwrap()).unwrap()
}

#[test]
fn the_page_has_the_permissions_written_here_and_no_others() {
    let golden = json!({
        "identifier": "window",
        "description": "What the window's page may ask of Tauri itself: nothing. It has the commands of this program, and no plugin.",
        "local": true,
        "windows": ["main"],
        "permissions": [],
    });
    assert_eq!(read_json("src-tauri/capabilities/default.json"), golden);
    let files = std::fs::read_dir(repository().join("src-tauri/capabilities")).unwrap().count();
    assert_eq!(files, 1, "a second file of capabilities would count too");
}

// `freezePrototype` stays off: under a frozen `Object.prototype` nothing may assign `constructor` to a prototype of its
// own, as the canvas's libraries do while they load, and the window stays empty.
#[test]
fn the_content_security_policy_is_the_one_written_here() {
    let security = &read_json("src-tauri/tauri.conf.json")["app"]["security"];
    let golden = json!({
        "csp": {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self' 'unsafe-inline'",
            "font-src": "'self'",
            "img-src": "'self' data: blob:",
            "connect-src": "ipc: http://ipc.localhost",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "object-src": "'none'",
        },
        "dangerousDisableAssetCspModification": ["style-src"],
        "freezePrototype": false,
        "capabilities": ["window"],
    });
    assert_eq!(*security, golden);
}

/// Addresses that name a thing and are never fetched: XML namespaces, and words in messages of the libraries
/// (one of which puts its name together).
const NAMES: [&str; 6] = [
    "https://${",
    "http://www.w3.org/",
    "https://react.dev/errors/",
    "https://reactflow.dev",
    "https://github.com/yjs/yjs/issues/",
    "https://github.com/emilkowalski/sonner",
];

#[test]
fn the_built_pages_name_no_remote_resource() {
    let dist = repository().join("ui/dist");
    let mut open = vec![dist.clone()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the pages are built: make ui") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let content = std::fs::read(&path).unwrap();
            bytes += content.len();
            if let Ok(text) = String::from_utf8(content) {
                remote_references(&path, &text);
            }
        }
    }
    assert!(bytes > 100_000, "these are not the built pages: {bytes} bytes in {}", dist.display());
}

fn remote_references(path: &Path, text: &str) {
    for scheme in ["http://", "https://", "ws://", "wss://"] {
        for (at, _) in text.match_indices(scheme) {
            let address: String = text[at..].chars().take(60).take_while(|c| !"\"'`) \n<\\".contains(*c)).collect();
            let named = NAMES.iter().any(|name| address.starts_with(name));
            assert!(named || address == scheme, "{} refers to {address}", path.display());
        }
    }
}
