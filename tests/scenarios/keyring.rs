//! F18, the part without a window: the device key in a real gnome-keyring, and the keyring absent or locked.
//!
//! Each case runs the `keyring` binary under its own session bus and home. Without dbus-run-session and
//! gnome-keyring-daemon the test says so and ends.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn run(script: &str) -> Option<(String, Duration)> {
    let home = tempfile::tempdir().unwrap();
    let runtime = home.path().join("run");
    std::fs::create_dir(&runtime).unwrap();
    let started = Instant::now();
    let Output { stdout, stderr, .. } = Command::new("dbus-run-session")
        .args(["--", "bash", "-c", script])
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", &runtime)
        .env("XDG_DATA_HOME", home.path().join("data"))
        .env("KEY_TOOL", env!("CARGO_BIN_EXE_keyring"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .ok()?;
    println!("{}", String::from_utf8_lossy(&stderr));
    Some((String::from_utf8_lossy(&stdout).into_owned(), started.elapsed()))
}

fn available() -> bool {
    let found = ["dbus-run-session", "gnome-keyring-daemon"]
        .iter()
        .all(|tool| Command::new(tool).arg("--version").output().is_ok_and(|out| out.status.success()));
    if !found {
        assert!(std::env::var_os("CI").is_none(), "CI must have dbus-run-session and gnome-keyring-daemon");
        println!("skipped: dbus-run-session and gnome-keyring-daemon are not both installed");
    }
    found
}

const UNLOCK: &str = "printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null;";

#[test]
fn the_device_key_stays_in_the_keyring_and_a_wiped_one_is_an_error() {
    if !available() {
        return;
    }
    let script =
        format!("{UNLOCK} $KEY_TOOL nothing; $KEY_TOOL nothing; $KEY_TOOL database; $KEY_TOOL database other-folder");
    let (out, _) = run(&script).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    assert!(lines[0].starts_with("key ") && lines[1] == lines[0] && lines[2] == lines[0], "{out}");
    assert!(lines[3].starts_with("error Missing"), "{out}");
}

#[test]
fn an_absent_keyring_is_told_within_the_deadline() {
    if !available() {
        return;
    }
    let (out, took) = run("DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent $KEY_TOOL nothing").unwrap();
    assert!(out.starts_with("error NoKeyring"), "{out}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_locked_keyring_is_told_within_the_deadline_and_no_key_is_made() {
    if !available() {
        return;
    }
    // A second daemon finds the keyring that the first one made, and nobody unlocks it.
    let script = format!(
        "{UNLOCK} $KEY_TOOL nothing; gnome-keyring-daemon --replace --components=secrets >/dev/null; $KEY_TOOL nothing"
    );
    let (out, took) = run(&script).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("key "), "{out}");
    let told = ["error Locked", "error NotAnswering", "error Denied"];
    assert!(told.iter().any(|t| lines[1].starts_with(t)), "{out}");
    assert!(took < Duration::from_secs(12), "{took:?}");
}
