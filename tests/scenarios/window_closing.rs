//! The end of things in real windows: the last owner goes, a workspace is closed for everybody, its key is changed.

use omniscope_tests::window::{Window, id};
use serde_json::json;

use crate::window::meet;
use crate::window_devices::look;

/// Chooses from the menu of the first workspace.
async fn choose(window: &Window, entry: &str) {
    window.click(&id("workspace-item")).await;
    window.press(&['\u{E004}']).await;
    window.press(&['\u{E007}']).await;
    window.click(&id(entry)).await;
}

fn role(expected: &str) -> String {
    format!("document.querySelector('[data-testid=\"own-role\"]')?.innerText === {}", json!(expected))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_owner_hands_over_before_leaving_and_the_new_one_closes_for_everybody() {
    let root = tempfile::tempdir().unwrap();
    let (_relay, ana, ben) = meet(root.path(), "Editor").await;
    choose(&ana, "workspace-rotate").await;
    ana.find(&id("confirm-dialog")).await;
    look(&ana, "rotate").await;
    ana.click(&id("confirm")).await;
    ana.until("it is done", "document.body.innerText.includes('A new key is in use')").await;

    choose(&ana, "workspace-leave").await;
    ana.find(&id("hand-over-dialog")).await;
    ana.until("Ben is the heir", "document.querySelector('[data-testid=\"heir\"]').textContent.includes('Ben')").await;
    look(&ana, "hand-over").await;
    ana.click(&id("hand-over")).await;
    ben.until("Ben is the owner", &role("Owner")).await;
    ana.find(&id("removed")).await;

    choose(&ben, "workspace-close").await;
    ben.find(&id("confirm-name")).await;
    look(&ben, "close").await;
    ben.fill(&id("confirm-name"), "RNA-seq, sample").await;
    ben.click(&id("confirm")).await;
    ben.find(&id("closed-banner")).await;
    let meta = "document.querySelector('.workspace__meta').innerText";
    ben.until("the list says so", &format!("{meta}.includes('Closed')")).await;
    assert_eq!(ben.value("document.querySelector('[data-testid=\"add-step\"]')").await, json!(null));
    look(&ben, "closed").await;
    ben.click(&id("share-open")).await;
    ben.find(&id("share-dialog")).await;
    assert_eq!(ben.value("document.querySelector('[data-testid=\"invite-create\"]')").await, json!(null));
    ana.close().await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_that_is_closed_is_read_only_under_the_hands_of_all() {
    let root = tempfile::tempdir().unwrap();
    let (_relay, ana, ben) = meet(root.path(), "Editor").await;
    choose(&ana, "workspace-leave").await;
    ana.click(&id("leave-close")).await;
    ana.fill(&id("confirm-name"), "RNA-seq, sample").await;
    ana.click(&id("confirm")).await;
    for window in [&ana, &ben] {
        window.find(&id("closed-banner")).await;
        assert_eq!(window.value("document.querySelector('[data-testid=\"add-step\"]')").await, json!(null));
        window.until("the name is closed", "document.querySelector('[data-testid=\"workspace-name\"]').disabled").await;
    }
    ana.close().await;
    ben.close().await;
}
