//! What a window shows first: the pipeline that is there, a welcome, or why the engine cannot open and a way on.

use omniscope_engine::device::{self, KeySource};
use omniscope_tests::window::{Setup, Window, id, program};
use serde_json::json;

/// The promise: a clear state within this time of the page's beginning.
const SOON_MS: f64 = 3000.0;

/// Waits for the failure and gives its code; words must be there soon.
async fn failure(window: &Window) -> String {
    window
        .until("words", "document.querySelector('[data-testid=\"opening\"], [data-testid=\"cannot-open\"]') !== null")
        .await;
    let at = window.value("performance.now()").await.as_f64().unwrap();
    window.find(&id("cannot-open")).await;
    assert!(at < SOON_MS, "the window was silent for {at} ms");
    window.value("document.querySelector('[data-testid=\"cannot-open\"]').dataset.code").await.as_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_in_use_a_lost_key_and_a_newer_database_each_have_their_words() {
    let root = tempfile::tempdir().unwrap();
    let setup = Setup::of("Ana", root.path());
    let key_file = std::path::PathBuf::from(format!("{}.key", setup.dir.display()));
    let held = device::open(&setup.dir, "the test", &KeySource::File(key_file.clone())).unwrap();
    let window = Window::open(&setup).await;
    assert_eq!(failure(&window).await, "folder_in_use");
    assert!(window.text(&id("cannot-open-detail")).await.contains("the test"), "it names the holder");
    window.shot("cannot-open").await;
    drop(held);
    window.click(&id("retry")).await;
    window.find(&id("begin-create")).await;
    window.close().await;

    let elsewhere = root.path().join("elsewhere");
    std::fs::rename(&key_file, &elsewhere).unwrap();
    let window = Window::open(&setup).await;
    assert_eq!(failure(&window).await, "key_missing");
    assert!(!key_file.exists(), "no second identity");
    window.close().await;
    std::fs::rename(&elsewhere, &key_file).unwrap();

    let database = rusqlite::Connection::open(setup.dir.join("omniscope.sqlite3")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let window = Window::open(&setup).await;
    assert_eq!(failure(&window).await, "newer_database");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_store_a_passphrase_is_a_way_on() {
    let root = tempfile::tempdir().unwrap();
    let setup = Setup { key_in_file: false, ..Setup::of("Ana", root.path()) };
    let window = Window::open(&setup).await;
    // Which of these it is depends on what the session bus can start here.
    let code = failure(&window).await;
    let expected = ["no_keyring", "keyring_denied", "keyring_locked", "keyring_not_answering"];
    assert!(expected.contains(&code.as_str()), "{code}");
    window.click(&id("choose-passphrase")).await;
    window.fill(&id("passphrase"), "correct horse battery").await;
    window.fill(&id("passphrase-again"), "correct horse battery").await;
    window.shot("passphrase").await;
    window.click(&id("unlock")).await;
    window.find(&id("begin-create")).await;
    let device = window.text(&id("profile-open")).await;
    window.close().await;

    let window = Window::open(&setup).await;
    assert_eq!(failure(&window).await, "passphrase_needed");
    window.fill(&id("passphrase"), "something else").await;
    window.click(&id("unlock")).await;
    window
        .until(
            "it is refused",
            "document.querySelector('[data-testid=\"cannot-open\"]')?.dataset.code === 'wrong_passphrase'",
        )
        .await;
    window.fill(&id("passphrase"), "correct horse battery").await;
    window.click(&id("unlock")).await;
    window.find(&id("begin-create")).await;
    assert_eq!(window.text(&id("profile-open")).await, device);
    assert_eq!(window.value("document.querySelector('[data-testid=\"passphrase\"]')").await, json!(null));
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_run_asks_for_a_name_and_a_link_on_the_command_line_for_a_word() {
    let root = tempfile::tempdir().unwrap();
    let setup =
        Setup { profile: None, arguments: vec!["omniscope://join#nonsense".into()], ..Setup::of("Ana", root.path()) };
    let window = Window::open(&setup).await;
    window.find(&id("welcome")).await;
    assert_eq!(window.accessibility().await, "");
    window.shot("welcome").await;
    window.fill(&id("profile-name"), "Ana Duarte").await;
    window.click(&id("welcome-start")).await;
    // The link is shown, judged, and not followed.
    window.find(&id("join-problem")).await;
    assert_eq!(window.value("document.querySelector('[data-testid=\"join-confirm\"]').disabled").await, json!(true));
    assert_eq!(window.value("document.querySelectorAll('[data-testid=\"workspace-item\"]').length").await, json!(0));
    assert!(window.text(&id("profile-open")).await.contains("Ana Duarte"));
    window.press(&['\u{E00C}']).await;
    window.until("the dialog is closed", "document.querySelector('[data-testid=\"join-dialog\"]') === null").await;

    // A second start on the same folder brings its link to this window, and ends.
    let again = Setup { arguments: vec!["omniscope://join#more-nonsense".into()], ..setup.clone() };
    let second = std::process::Command::new(program("omniscope-desktop")).args(again.command_line()).output().unwrap();
    assert!(second.status.success(), "{second:?}");
    window
        .until(
            "it is asked about",
            "document.querySelector('[data-testid=\"join-link-input\"]')?.value.includes('more-nonsense')",
        )
        .await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_window_opens_the_workspace_that_is_there() {
    let root = tempfile::tempdir().unwrap();
    let setup = Setup::of("Ana", root.path());
    let omniscope = |words: &[&str]| {
        let place =
            ["--data-dir", &setup.dir.display().to_string(), "--key-file", &format!("{}.key", setup.dir.display())]
                .map(str::to_owned);
        let output = std::process::Command::new(program("omniscope")).args(place).args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    omniscope(&["workspace", "create", "RNA-seq"]);
    omniscope(&["pipeline", "import", "RNA-seq", "--sample"]);
    let window = Window::open(&setup).await;
    window.until("the pipeline is drawn", "document.querySelectorAll('.react-flow__node').length > 10").await;
    window.close().await;
}
