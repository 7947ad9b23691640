//! The network page in a real window: a relay tested, added, removed, and being reached by relays alone.

use omniscope_tests::window::{RelayProcess, Setup, Window, id};

use crate::window_devices::look;

/// Opens the network page by the menu.
async fn open_page(window: &Window) {
    window.click(&id("top-menu")).await;
    window.click(&id("menu-network")).await;
    window.find(&id("relay-only")).await;
}

/// Tests an address in the form and gives the verdict.
async fn verdict(window: &Window, address: &str) -> String {
    window.fill(&id("relay-address"), address).await;
    window.click(&id("relay-form-test")).await;
    window.find(&id("relay-verdict")).await;
    window.text(&id("relay-verdict")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_is_tested_added_and_removed_and_relays_only_holds_over_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(root.path());
    let setup = Setup::of("Ana", root.path());
    let ana = Window::open(&setup).await;
    ana.click(&id("open-sample")).await;
    open_page(&ana).await;
    ana.find(&id("no-relays")).await;
    look(&ana, "network-none").await;
    let relay_id = relay.address.rsplit('/').next().unwrap();
    let nobody = format!("/ip4/127.0.0.1/tcp/1/p2p/{relay_id}");
    assert!(verdict(&ana, &nobody).await.contains("Nobody answers"));
    let other = relay.address.replace(relay_id, "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5");
    assert!(verdict(&ana, &other).await.contains("Another answers"));
    assert!(verdict(&ana, "relay.example.org").await.contains("multiaddr"));
    let found = verdict(&ana, &relay.address).await;
    assert!(found.contains("It answers in"), "{found}");
    look(&ana, "network-tested").await;
    ana.click(&id("relay-add")).await;
    let listed = "document.querySelector('[data-testid=\"relay\"]')?.innerText";
    ana.until("it keeps the workspace", &format!("{listed}?.includes('Keeps this workspace')")).await;
    ana.until("its latency", &format!("/\\d ms/.test({listed})")).await;
    ana.click(&id("relay-test")).await;
    ana.find(&id("relay-verdict")).await;
    look(&ana, "network").await;

    ana.click(&id("relay-only")).await;
    let only = "document.querySelector('[data-testid=\"relay-only\"]')?.ariaChecked === 'true'";
    ana.until("relays only", only).await;
    ana.until("it is found through the relay again", &format!("{listed}?.includes('Keeps this workspace')")).await;
    ana.close().await;
    let ana = Window::open(&setup).await;
    ana.find(".canvas").await;
    open_page(&ana).await;
    ana.until("it holds", only).await;
    ana.until("the relay, too", &format!("{listed}?.includes('Keeps this workspace')")).await;
    ana.click(&id("relay-remove")).await;
    ana.until("it keeps nothing of ours", &format!("!({listed} ?? '').includes('this workspace')")).await;
    ana.close().await;
}
