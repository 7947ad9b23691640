//! F9: clocks that are a day ahead or behind, and clocks that jump while people work. No rule rests on a clock, so all
//! meet, edit and agree.
//!
//! Real peers under Debian's faketime, which leaves timers as they are and moves the calendar. Deliberately absent: links
//! that a wrong clock lets expire (`adversaries`), and schedules of many jumps (`simulation`).

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use omniscope_tests::headless::{Headless, Home, LOOPBACK, converged};
use omniscope_tests::process::PATIENCE;
use omniscope_tests::rows::tier;
use serde_json::json;

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Where clocks stand at the start, in days, and to where Ana's jumps afterwards.
struct Case {
    ana: i64,
    ben: i64,
    jumps: &'static [i64],
}

const CASES: [Case; 12] = [
    Case { ana: 1, ben: -1, jumps: &[] },
    Case { ana: 0, ben: 0, jumps: &[1, -1, 0] },
    Case { ana: -1, ben: 1, jumps: &[] },
    Case { ana: 1, ben: 1, jumps: &[] },
    Case { ana: -1, ben: -1, jumps: &[] },
    Case { ana: 1, ben: 0, jumps: &[] },
    Case { ana: 0, ben: 1, jumps: &[] },
    Case { ana: -1, ben: 0, jumps: &[] },
    Case { ana: 0, ben: -1, jumps: &[] },
    Case { ana: 1, ben: -1, jumps: &[-1, 1] },
    Case { ana: -1, ben: 1, jumps: &[1, -1, 1, -1] },
    Case { ana: 0, ben: 0, jumps: &[-1, 0, 1, 0, -1, 1] },
];

/// The library, in whichever folder of libraries this system has it. `None`, with the reason printed, where it is missing.
fn library() -> Option<std::path::PathBuf> {
    let roots = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let found = roots.map(|root| root.join(LIBRARY)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have the package faketime");
        println!("skipped: the package faketime is not installed");
    }
    found
}

fn set_clock(file: &Path, days: i64) {
    std::fs::write(file, format!("{days:+}d\n")).unwrap();
}

/// A peer by the clock of a file.
fn peer(name: &'static str, place: &Path, library: &Path, days: i64) -> Headless {
    let clock = place.join(format!("{name}.clock"));
    set_clock(&clock, days);
    let inside = [
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ];
    Headless::start_with(name, &Home::of(place, name), &LOOPBACK, None, &inside).unwrap()
}

/// The date that it is so many days from now.
fn date(days: i64) -> String {
    let output = Command::new("date").args(["-u", "-d", &format!("{days:+} days"), "+%F"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A peer's newest entry in the history is of the day that its clock is to say.
fn clock_is(peer: &mut Headless, ws: &str, days: i64) {
    let before = date(days);
    let entry = peer.call("history.list", json!({"workspace": ws, "limit": 1}))["entries"][0].clone();
    let last = entry["last"].as_str().unwrap();
    assert!(last.starts_with(&before) || last.starts_with(&date(days)), "{last} is not {days:+} days from now");
}

fn add(peer: &mut Headless, ws: &str, label: &str) {
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
}

fn run(case: &Case, library: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let mut ana = peer("Ana", place, library, case.ana);
    let ws = ana.call("workspace.create", json!({"name": "clocks"}))["workspace"].as_str().unwrap().to_owned();
    clock_is(&mut ana, &ws, case.ana);
    let mut ben = peer("Ben", place, library, case.ben);
    ana.invite(&ws, &mut ben, "editor");
    let mut labels = Vec::new();
    for (round, jump) in std::iter::once(None).chain(case.jumps.iter().map(Some)).enumerate() {
        if let Some(days) = jump {
            set_clock(&place.join("Ana.clock"), *days);
        }
        let begun = Instant::now();
        for peer in [&mut ana, &mut ben] {
            let label = format!("{} {round}", peer.name);
            add(peer, &ws, &label);
            labels.push(label);
        }
        let both = |p: &mut Headless| {
            let state = p.state(&ws);
            labels.iter().all(|label| state.contains(&format!("\"{label}\"")))
        };
        ana.until("all edits are at Ana's", both);
        ben.until("all edits are at Ben's", both);
        converged(&mut [&mut ana, &mut ben], &ws);
        println!(
            "Ana {:+} d, Ben {:+} d: in step after {:?}",
            jump.copied().unwrap_or(case.ana),
            case.ben,
            begun.elapsed()
        );
        assert!(begun.elapsed() < PATIENCE);
    }
    for peer in [&mut ana, &mut ben] {
        peer.saved(&ws);
        let online =
            |p: &mut Headless| p.call("workspace.online", json!({"workspace": ws}))["online"].as_array().unwrap().len();
        peer.until("both are seen", |p| online(p) == 2);
    }
    // A restart by yet another clock changes nothing.
    let state = ben.state(&ws);
    ben.kill();
    let mut ben = peer("Ben", place, library, -case.ben);
    assert_eq!(ben.state(&ws), state);
    add(&mut ben, &ws, "after the restart");
    ana.until("Ben's next edit", |p| p.state(&ws).contains("\"after the restart\""));
    converged(&mut [&mut ana, &mut ben], &ws);
}

#[test]
fn with_clocks_a_day_off_or_jumping_all_edits_arrive_and_all_agree() {
    let Some(library) = library() else { return };
    if omniscope_tests::process::program("omniscope").is_none() {
        return;
    }
    for case in CASES.iter().take(tier(2, 12) as usize) {
        run(case, &library);
    }
}
