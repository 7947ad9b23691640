//! People and rights in real windows: asking for rights, rights changed under one's hands, invitations in every form, a crash.

use omniscope_tests::window::{Setup, Window, id};
use serde_json::json;

use crate::window::{NODES, invite, join, meet, node_css, nodes_labelled, rename, same, select};

const BANNER: &str = "document.querySelector('[data-testid=\"viewer-banner\"]') !== null";

fn member(name: &str, what: &str) -> String {
    format!(
        "[...document.querySelectorAll('[data-testid=\"member\"]')].find((m) => m.innerText.includes({}))?.querySelector({})",
        json!(name),
        json!(what)
    )
}

/// Gives another member another role, in the open dialog.
async fn give(ana: &Window, name: &str, role: &str) {
    let device = ana
        .until(
            &format!("{name} among the members"),
            &format!("{}.closest('[data-device]').dataset.device", member(name, "select")),
        )
        .await;
    ana.choose(&format!("[data-device={device}] select"), role).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_asks_to_edit_and_rights_change_under_the_hands_of_three() {
    let root = tempfile::tempdir().unwrap();
    let (relay, ana, ben) = meet(root.path(), "Viewer").await;
    let cy = Window::open(&Setup::of("Cy", root.path()).through(&relay)).await;
    let message = invite(&ana, "Editor").await;
    join(&cy, &message, &["Editor"]).await;
    same(&ana, &cy, "the number of steps", NODES).await;

    // Ben asks; Ana is told, and says yes.
    ben.until("Ben may only look", BANNER).await;
    ben.click(&id("ask-to-edit")).await;
    ana.find(&id("share-requests")).await;
    ana.until("a notice", "document.body.innerText.includes('Ben asks to edit')").await;
    assert_eq!(cy.value("document.querySelector('[data-testid=\"share-requests\"]')").await, json!(null));
    ana.click(&id("share-open")).await;
    ana.find(&id("requests")).await;
    assert_eq!(ana.accessibility().await, "");
    ana.shot("request").await;
    ana.click(&id("request-approve")).await;
    ben.until("Ben may edit", &format!("!({BANNER}) && document.querySelector('[data-testid=\"add-step\"]') !== null"))
        .await;
    ana.until("nobody asks any more", "document.querySelector('[data-testid=\"requests\"]') === null").await;
    let trim = nodes_labelled(&ben, "Trim adapters").await;
    rename(&ben, &trim, "Trimmed by Ben").await;
    assert_eq!(nodes_labelled(&ana, "Trimmed by Ben").await, trim);

    // Cy is in the middle of a word when Ana makes him a viewer.
    select(&cy, &trim).await;
    cy.fill(&id("node-label"), "half a na").await;
    give(&ana, "Cy", "viewer").await;
    cy.until("Cy may only look", BANNER).await;
    cy.until("the field is closed", "document.querySelector('[data-testid=\"node-label\"]:enabled') === null").await;
    cy.press(&['\u{E007}']).await;
    rename(&ben, &trim, "Ben goes on").await;
    for window in [&ana, &cy] {
        assert_eq!(nodes_labelled(window, "Ben goes on").await, trim);
    }
    assert!(!ana.text(".canvas").await.contains("half a na"));

    // Ben is removed: his window says so, and what he has stays.
    give(&ana, "Ben", "remove").await;
    ana.click(&id("confirm")).await;
    ben.find(&id("removed")).await;
    assert_eq!(ben.value("document.querySelector('[data-testid=\"add-step\"]')").await, json!(null));
    assert_eq!(ben.accessibility().await, "");
    ben.click(&id("removed-save")).await;
    let kept = root.path().join("Ben.home/Downloads/RNA-seq--sample.json");
    ben.until("it is saved", "document.body.innerText.includes('RNA-seq--sample.json')").await;
    assert!(std::fs::read_to_string(kept).unwrap().contains("Ben goes on"));
    ben.shot("removed").await;
    for window in [ana, ben, cy] {
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitations_are_messages_codes_and_files_and_the_same_people_come_along() {
    let root = tempfile::tempdir().unwrap();
    let (relay, ana, ben) = meet(root.path(), "Editor").await;
    ana.click(&id("share-open")).await;
    ana.click(&id("invite-create")).await;
    let message = ana.until("a link", "document.querySelector('[data-testid=\"invite-link\"]')?.value").await;
    ana.until(
        "how they can join",
        "document.querySelector('[data-testid=\"invite-reach\"]')?.innerText.includes('relay')",
    )
    .await;
    ana.click(&id("invite-code")).await;
    ana.until("a code", "document.querySelector('[data-testid=\"invite-qr\"] path')?.getAttribute('d').length > 5000")
        .await;
    assert_eq!(ana.accessibility().await, "");
    ana.shot("code").await;
    ana.click(&id("invite-file")).await;
    ana.until("it is saved", "document.body.innerText.includes('Invitation saved')").await;
    let file = root.path().join("Ana.home/Downloads/Invitation-to-RNA-seq--sample.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), message.as_str().unwrap());
    ana.press(&['\u{E00C}']).await;

    ana.click(&id("workspace-create")).await;
    ana.fill(&id("workspace-name-input"), "Proteomics").await;
    let of = ana.value("document.querySelector('[data-testid=\"workspace-people\"]').options[1].value").await;
    ana.choose(&id("workspace-people"), of.as_str().unwrap()).await;
    ana.click(&id("workspace-create-confirm")).await;
    ana.find(&id("invited-item")).await;
    assert!(ana.text(&id("invited-item")).await.contains("Ben"));
    assert_eq!(ana.accessibility().await, "");
    ana.shot("same-people").await;
    ana.click(&id("invited-copy")).await;
    ana.click(&id("invited-done")).await;
    ana.until("the new one is open", &format!("{NODES} === 0")).await;
    // The message is on Ana's clipboard; pasted at her own place, it can be read.
    ana.click(&id("join-open")).await;
    ana.click(&id("join-link-input")).await;
    ana.press(&['\u{E009}', 'v']).await;
    ana.find(&id("join-problem")).await;
    let message = ana.value("document.querySelector('[data-testid=\"join-link-input\"]').value").await;
    ana.press(&['\u{E00C}']).await;
    join(&ben, message.as_str().unwrap(), &["Proteomics", "Ana"]).await;
    ben.until("Ben is in", "document.querySelector('[data-testid=\"workspace-name\"]')?.value === 'Proteomics'").await;

    let cy = Window::open(&Setup::of("Cy", root.path()).through(&relay)).await;
    cy.click(&id("join-open")).await;
    cy.find(&id("join-link-input")).await;
    cy.paste(&id("join-link-input"), message.as_str().unwrap()).await;
    cy.find(&id("join-problem")).await;
    assert!(cy.text(&id("join-problem")).await.contains("another device"));
    for window in [ana, ben, cy] {
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_is_killed_opens_where_one_was_and_removed_room_is_given_back() {
    let root = tempfile::tempdir().unwrap();
    let setup = Setup::of("Ana", root.path());
    let ana = Window::open(&setup).await;
    ana.click(&id("open-sample")).await;
    ana.until("the sample", &format!("{NODES} > 10")).await;
    let first = ana.value("document.querySelector('[data-testid=\"workspace-item\"]').dataset.workspace").await;
    let first = format!("[data-workspace={first}]");
    ana.click(&id("workspace-create")).await;
    ana.fill(&id("workspace-name-input"), "Draft").await;
    ana.click(&id("workspace-create-confirm")).await;
    ana.until("it is empty", &format!("{NODES} === 0")).await;
    ana.click(&first).await;
    let trim = nodes_labelled(&ana, "Trim adapters").await;
    rename(&ana, &trim, "Last words").await;
    ana.until(
        "it is saved",
        "document.querySelector('[data-testid=\"status-line\"]').innerText.includes('Saved on this computer')",
    )
    .await;
    ana.crash();

    let ana = Window::open(&setup).await;
    assert_eq!(nodes_labelled(&ana, "Last words").await, trim);
    assert_eq!(ana.value("document.querySelectorAll('[data-testid=\"workspace-item\"]').length").await, json!(2));
    ana.find(&node_css(&trim)).await;

    // The sample goes; its room stays in the database until it is asked for.
    ana.click(&first).await;
    ana.press(&['\u{E004}']).await;
    ana.press(&['\u{E007}']).await;
    ana.click(&id("workspace-delete")).await;
    ana.fill(&id("confirm-name"), "RNA-seq, sample").await;
    ana.click(&id("confirm")).await;
    ana.until("one is left", "document.querySelectorAll('[data-testid=\"workspace-item\"]').length === 1").await;
    ana.click(&id("workspace-item")).await;
    ana.click(&id("top-menu")).await;
    ana.click(&id("menu-storage")).await;
    // What the window itself writes meanwhile may free a page or two again.
    let little =
        "/^([0-9]|1[0-9]) KiB$|^[0-9]+ B$/.test(document.querySelector('[data-testid=\"storage-free\"]')?.innerText)";
    let much = "/KiB|MiB/.test(document.querySelector('[data-testid=\"storage-free\"]')?.innerText)";
    ana.until("free room", &format!("{much} && !{little}")).await;
    assert_eq!(ana.accessibility().await, "");
    ana.shot("storage").await;
    ana.click(&id("storage-compact")).await;
    ana.until("next to nothing is free", little).await;
    ana.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_in_another_workspace_are_counted_in_the_list_and_the_history_says_who_joined() {
    let root = tempfile::tempdir().unwrap();
    let (_relay, ana, ben) = meet(root.path(), "Editor").await;
    let sample = ana.value("document.querySelector('[data-testid=\"workspace-item\"]').dataset.workspace").await;
    let sample = format!("[data-workspace={sample}]");
    let unread = format!("document.querySelector('{sample} {}')?.innerText", id("workspace-unread"));
    ana.click(&id("versions-open")).await;
    let joined = ".timeline__row[data-kind=joined]";
    ana.find(joined).await;
    assert!(ana.text(joined).await.starts_with("Ben joined\nby Ana’s link"), "{}", ana.text(joined).await);
    let face = "document.querySelector('.timeline__row[data-kind=joined] .avatar').dataset.initials";
    assert_eq!(ana.value(face).await, "B");
    ana.press(&['\u{E00C}']).await;

    ana.click(&id("workspace-create")).await;
    ana.fill(&id("workspace-name-input"), "Draft of what may come of it if all agrees").await;
    ana.click(&id("workspace-create-confirm")).await;
    ana.until("it is empty", &format!("{NODES} === 0")).await;
    assert_eq!(ana.value(&unread).await, json!(null));
    let trim = nodes_labelled(&ben, "Trim adapters").await;
    rename(&ben, &trim, "Trimmed by Ben").await;
    ana.until("Ben's edit is counted", &format!("Number({unread}) > 0")).await;
    assert!(ana.text(&format!("{sample} {}", id("workspace-size"))).await.ends_with("KiB"));
    assert_eq!(ana.accessibility().await, "");
    ana.shot("unread").await;
    ana.click(&sample).await;
    assert_eq!(nodes_labelled(&ana, "Trimmed by Ben").await, trim);
    ana.until("it is looked at", &format!("({unread}) === undefined")).await;
    ana.click(".workspace:not([data-active=true]) .workspace__open").await;
    ana.until("the draft again", &format!("{NODES} === 0")).await;
    ana.until("and stays so", &format!("({unread}) === undefined")).await;
    ana.client.set_window_rect(0, 0, 900, 600).await.unwrap();
    let inside = "innerWidth <= 900 && [...document.querySelectorAll('.topbar > *')].every((one) => \
        one.getBoundingClientRect().right <= innerWidth)";
    ana.until("every button is in a small window", inside).await;
    ana.shot("small").await;
    for window in [ana, ben] {
        window.close().await;
    }
}
