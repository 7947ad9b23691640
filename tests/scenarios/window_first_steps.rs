//! The first steps of the README, as written there, by the words that stand on the buttons.

use omniscope_tests::window::{Setup, Window, id};
use serde_json::json;

use crate::tidy::root;
use crate::window::{NODES, nodes_labelled, rename, same};

/// Clicks what has these words on it and stands in the first steps.
async fn follow(window: &Window, steps: &str, words: &str) {
    assert!(steps.contains(&format!("*{words}*")), "the README does not say *{words}*");
    let find = "[...document.querySelectorAll('button, [role=menuitem]')].find((b) => \
        (b.querySelector('strong')?.innerText ?? b.innerText).trim().startsWith(arguments[0]) && !b.disabled)";
    window
        .until(words, &format!("({} ?? null) !== null", find.replace("arguments[0]", &json!(words).to_string())))
        .await;
    let mark =
        format!("document.querySelector('[data-step]')?.removeAttribute('data-step'); {find}.dataset.step = '1'");
    window.run(&mark, vec![json!(words)]).await;
    window.click("[data-step]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_windows_one_pipeline_an_invitation_and_a_restored_version_by_the_readme_alone() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let steps = readme.split("## First steps").nth(1).unwrap().split("\n## ").next().unwrap();
    let place = tempfile::tempdir().unwrap();
    let first = |name| Setup { profile: None, ..Setup::of(name, place.path()) };
    let (ana, ben) = (Window::open(&first("Ana")).await, Window::open(&first("Ben")).await);
    for (window, name) in [(&ana, "Ana"), (&ben, "Ben")] {
        window.fill(&id("profile-name"), name).await;
        follow(window, steps, "Start").await;
    }
    follow(&ana, steps, "Open the sample").await;
    ana.until("the sample", &format!("{NODES} > 10")).await;
    follow(&ana, steps, "Share").await;
    follow(&ana, steps, "Invite one person").await;
    follow(&ana, steps, "Copy message").await;
    let message = ana.value("document.querySelector('[data-testid=\"invite-link\"]').value").await;
    ana.press(&['\u{E00C}']).await;
    follow(&ben, steps, "Join with a link").await;
    ben.find(&id("join-link-input")).await;
    ben.paste(&id("join-link-input"), message.as_str().unwrap()).await;
    ben.find(&id("join-summary")).await;
    ben.click(&id("join-confirm")).await;
    same(&ana, &ben, "the number of steps", NODES).await;
    let trim = nodes_labelled(&ana, "Trim adapters").await;
    ana.press(&['\u{E009}', 's']).await;
    ana.until("a version", "document.body.innerText.includes('saved')").await;
    rename(&ben, &trim, "Cut adapters").await;
    assert_eq!(nodes_labelled(&ana, "Cut adapters").await, trim);
    ana.click(&id("top-menu")).await;
    follow(&ana, steps, "History and versions…").await;
    ana.click(&id("version-item")).await;
    follow(&ana, steps, "Restore this state").await;
    follow(&ana, steps, "Restore now").await;
    for window in [&ana, &ben] {
        assert_eq!(nodes_labelled(window, "Trim adapters").await, trim);
    }
    ana.close().await;
    ben.close().await;
}
