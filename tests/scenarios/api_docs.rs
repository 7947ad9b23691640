//! `docs/api.md` names everything that programs can use: verbs, events, error codes, commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use omniscope_engine::api::VERBS;
use omniscope_engine::{Engine, Options, store::Store};
use omniscope_tests::peers::key_of;
use omniscope_tests::shell::Shell;
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/api.md")).unwrap()
}

/// Fails with all of `names` that do not stand on the page between backquotes.
fn all_named(names: &BTreeSet<String>, least: usize) {
    assert!(names.len() >= least, "the names are found: {names:?}");
    let page = page();
    let named = |name: &&String| !page.contains(&format!("`{name}`"));
    let missing: Vec<_> = names.iter().filter(named).collect();
    assert!(missing.is_empty(), "docs/api.md does not name {missing:?}");
}

/// The sources below a folder, without their tests.
fn sources(folder: &str) -> Vec<String> {
    let mut waiting = vec![root().join(folder)];
    let mut texts = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(path).unwrap();
            texts.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
    texts
}

/// What stands between quotes right after each `before`.
fn quoted_after(texts: &[String], before: &str) -> BTreeSet<String> {
    let parts = texts.iter().flat_map(|text| text.split(before).skip(1));
    let literal = |part: &str| part.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
    parts.filter_map(literal).collect()
}

#[tokio::test]
async fn every_verb_is_carried_out_and_documented() {
    let store = Store::memory().unwrap();
    let engine = Engine::start(store, key_of("Ana"), Options::default()).await.unwrap();
    for verb in VERBS {
        // Without its parameters a verb is refused for their sake, or carried out.
        let code = engine.call(verb, json!({})).await.err().map(|e| e.code);
        assert_ne!(code.as_deref(), Some("unknown_method"), "{verb}");
    }
    assert_eq!(engine.call("workspace.destroy", json!({})).await.unwrap_err().code, "unknown_method");
    all_named(&VERBS.iter().map(ToString::to_string).collect(), 40);
    engine.shutdown().await;
}

#[test]
fn every_event_is_documented() {
    let source = std::fs::read_to_string(root().join("engine/src/event.rs")).unwrap();
    let body = source.split("pub enum Event {").nth(1).unwrap();
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?.split(' ').next()?;
        let is_variant = name.starts_with(|c: char| c.is_ascii_uppercase()) && line.contains('{');
        is_variant.then(|| name.to_owned())
    };
    let snake = |name: String| {
        let mut snake = String::new();
        for (at, c) in name.char_indices() {
            if c.is_ascii_uppercase() && at > 0 {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        snake
    };
    let mut events: BTreeSet<String> = body.lines().filter_map(variant).map(snake).collect();
    events.extend(["ready", "events_missed"].map(str::to_owned));
    events.extend(
        ["cursor_move", "selection_change", "pipeline_update", "state_update", "sync_request"].map(str::to_owned),
    );
    all_named(&events, 20);
}

#[test]
fn every_error_code_is_documented() {
    let engine = sources("engine/src");
    let mut codes = quoted_after(&engine, "ApiError::new(");
    let with_codes = [engine, sources("protocol/src"), sources("cli/src")].concat();
    for text in with_codes.iter().filter(|text| text.contains("fn code(&self) -> &'static str")) {
        let body = text.split("fn code(&self) -> &'static str").nth(1).unwrap().split("\n    }").next().unwrap();
        codes.extend(quoted_after(&[body.to_owned()], "=>"));
    }
    // Verdicts of the gate are about bytes that only programs of ours make.
    codes.retain(|code| !code.starts_with("gate."));
    all_named(&codes, 40);
    let page = page();
    for text in &with_codes {
        for code in quoted_after(std::slice::from_ref(text), "Refused::new(StatusCode::") {
            assert!(page.contains(&format!("`{code}`")), "{code}");
        }
    }
}

#[test]
fn every_command_is_documented() {
    let place = tempfile::tempdir().unwrap();
    let Some(shell) = Shell::over(&omniscope_tests::headless::Home::of(place.path(), "Ana")) else { return };
    let commands = |of: &[&str]| -> Vec<String> {
        let help = shell.run(&[of, &["--help"]].concat()).ok().out;
        let listed = help.split("Commands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
        let names = listed.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   "));
        names.filter_map(|l| l.split_whitespace().next()).filter(|n| *n != "help").map(str::to_owned).collect()
    };
    let top = commands(&[]);
    assert!(top.len() >= 12, "{top:?}");
    let page = page();
    let mut seen = 0;
    for command in top {
        let under = commands(&[&command]);
        let all = if under.is_empty() {
            vec![command.clone()]
        } else {
            under.iter().map(|u| format!("{command} {u}")).collect()
        };
        for one in all {
            assert!(page.contains(&format!("omniscope {one}")), "docs/api.md does not name `omniscope {one}`");
            seen += 1;
        }
    }
    assert!(seen >= 35, "the commands are found: {seen}");
}
