//! Links that ask, in real windows: who holds one waits, an owner sees who it is by fingerprint, and says yes or no.

use omniscope_tests::window::{RelayProcess, Setup, Window, id};
use serde_json::json;

use crate::window::{NODES, join, same};
use crate::window_devices::look;

/// Makes a link whose holders are let in by hand; gives the message.
async fn invite_asking(ana: &Window) -> String {
    ana.click(&id("share-open")).await;
    ana.click(&id("invite-more")).await;
    ana.click(&id("invite-approve")).await;
    look(ana, "invite-approve").await;
    ana.click(&id("invite-create")).await;
    let message = ana.until("a link", "document.querySelector('[data-testid=\"invite-link\"]')?.value").await;
    ana.press(&['\u{E00C}']).await;
    message.as_str().unwrap().to_owned()
}

/// Asks by a link and waits until the owners' word is what is waited for.
async fn ask(window: &Window, message: &str) {
    join(window, message, &["RNA-seq", "Editor", "Ana"]).await;
    let waits = "document.querySelector('[data-testid=\"join-pending\"]')?.innerText.includes('by hand')";
    window.until("it waits for an owner", waits).await;
    window.press(&['\u{E00C}']).await;
    window.click(&id("workspace-item")).await;
    window
        .until("its page", "document.querySelector('[data-testid=\"waiting\"]')?.dataset.code === 'awaits_approval'")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_link_that_asks_waits_until_an_owner_who_saw_the_fingerprint_says_yes_or_no() {
    let root = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(root.path());
    let ana = Window::open(&Setup::of("Ana", root.path()).through(&relay)).await;
    ana.click(&id("open-sample")).await;
    ana.until("the sample", &format!("{NODES} > 10")).await;
    let message = invite_asking(&ana).await;
    let ben = Window::open(&Setup::of("Ben", root.path()).through(&relay)).await;
    ask(&ben, &message).await;
    // The notice stays for 20 s only, and looking takes its time.
    ana.until("a notice", "document.body.innerText.includes('Ben asks to join as editor')").await;
    ana.find(&id("share-requests")).await;
    look(&ben, "waiting").await;
    ben.click(&id("profile-open")).await;
    let shown = ben
        .until("his fingerprint", "document.querySelector('[data-testid=\"settings-dialog\"] input[readonly]')?.value")
        .await;
    ben.press(&['\u{E00C}']).await;

    ana.click(&id("share-open")).await;
    ana.find(&id("join-request")).await;
    let request = ana.text(&id("join-request")).await;
    assert!(request.contains("Ben") && request.contains(shown.as_str().unwrap()), "{request}");
    look(&ana, "join-request").await;
    ana.click(&id("join-approve")).await;
    ana.until("nobody asks any more", "!document.querySelector('[data-testid=\"join-request\"]')").await;
    same(&ana, &ben, "the number of steps", NODES).await;
    assert_eq!(ben.text(&id("own-role")).await, "Editor");

    ana.press(&['\u{E00C}']).await;
    let cy = Window::open(&Setup::of("Cy", root.path()).through(&relay)).await;
    ask(&cy, &message).await;
    ana.find(&id("share-requests")).await;
    ana.click(&id("share-open")).await;
    ana.click(&id("join-decline")).await;
    cy.until("it is over", "document.querySelectorAll('[data-testid=\"workspace-item\"]').length === 0").await;
    cy.find("[data-sonner-toast][data-type=\"error\"]").await;
    assert_eq!(cy.value("document.querySelector('[data-testid=\"waiting\"]')").await, json!(null));
    for window in [ana, ben, cy] {
        window.close().await;
    }
}
