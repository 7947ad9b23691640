//! F18 in a real window: the system's keyring unlocked, wiped, locked, and not answering. Each is told soon, and nothing is lost.

use std::process::Command;

use omniscope_tests::window::{Setup, Window, id};
use serde_json::json;

/// The promise: words within this time of the page's beginning.
const SOON_MS: f64 = 3000.0;
/// Starts a keyring that this session may open.
const UNLOCKED: &str = "printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null";
/// Starts one that asks first, with nowhere to ask.
const LOCKED: &str = "env -u DISPLAY gnome-keyring-daemon --start --components=secrets >/dev/null";
/// One that was asked, and stopped in the middle of it.
const STUCK: &str = "printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null; \
    kill -STOP $(for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/environ 2>/dev/null | grep -qF \"$DBUS_SESSION_BUS_ADDRESS\" && grep -q gnome-keyring $p/comm; then basename $p; fi; done)";

fn available() -> bool {
    let found = Command::new("gnome-keyring-daemon").arg("--version").output().is_ok_and(|out| out.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "CI must have gnome-keyring-daemon");
    if !found {
        println!("skipped: gnome-keyring-daemon is not installed");
    }
    found
}

/// The code of the failure; something is said soon, and the page answers all the while.
async fn failure(window: &Window) -> String {
    window
        .until("words", "document.querySelector('[data-testid=\"opening\"], [data-testid=\"cannot-open\"]') !== null")
        .await;
    let at = window.value("performance.now()").await.as_f64().unwrap();
    window.find(&id("cannot-open")).await;
    assert!(at < SOON_MS, "the window was silent for {at} ms");
    assert_eq!(window.accessibility().await, "");
    window.value("document.querySelector('[data-testid=\"cannot-open\"]').dataset.code").await.as_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_that_is_locked_stuck_or_wiped_is_told_and_an_unlocked_one_opens_the_same_device() {
    if !available() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let setup = Setup { key_in_file: false, before: Some(UNLOCKED), ..Setup::of("Ana", root.path()) };
    let window = Window::open(&setup).await;
    window.click(&id("open-sample")).await;
    let open = "document.querySelector('[data-testid=\"workspace-item\"]')?.dataset.workspace";
    let workspace = window.until("a workspace", open).await;
    window.close().await;
    assert!(!setup.dir.with_extension("key").exists());

    for (before, expected) in [
        (LOCKED, &["keyring_locked", "keyring_not_answering", "keyring_denied"][..]),
        (STUCK, &["keyring_not_answering"]),
    ] {
        let window = Window::open(&Setup { before: Some(before), ..setup.clone() }).await;
        let code = failure(&window).await;
        assert!(expected.contains(&code.as_str()), "{code}");
        window.shot(&code).await;
        window.close().await;
    }

    let keyrings = setup.dir.with_extension("home").join(".local/share/keyrings");
    let aside = root.path().join("aside");
    std::fs::rename(&keyrings, &aside).unwrap();
    let window = Window::open(&setup).await;
    assert_eq!(failure(&window).await, "key_missing");
    window.close().await;
    let _ = std::fs::remove_dir_all(&keyrings);
    std::fs::rename(&aside, &keyrings).unwrap();

    let window = Window::open(&setup).await;
    assert_eq!(window.until("the workspace", open).await, workspace);
    assert_ne!(workspace, json!(null));
    window.close().await;
}
