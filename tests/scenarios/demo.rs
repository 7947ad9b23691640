//! The demonstration without windows, as `make demo-headless` runs it.

use std::process::Command;

use omniscope_tests::process::program;

/// The steps in the order in which they must be told.
const STORY: [&str; 11] =
    ["folder", "relay", "Ana", "Ben", "create", "invite", "join", "edit", "offline", "merge", "done"];

#[test]
fn the_story_is_told_step_by_step_and_ends_with_equal_documents() {
    let place = tempfile::tempdir().unwrap();
    let Some(demo) = program("demo") else { return };
    // Twice in one folder: it must not matter that it was run before.
    for _ in 0..2 {
        let output = Command::new(&demo).arg("headless").arg(place.path()).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        let words: Vec<&str> = told.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let mut order: Vec<&str> = words.iter().copied().filter(|word| *word != "equal").collect();
        order.dedup();
        assert_eq!(order, STORY, "{told}");
        assert_eq!(words.iter().filter(|word| **word == "equal").count(), 3, "after join, edits and merge: {told}");
    }
}

#[test]
fn a_demonstration_that_cannot_run_ends_with_an_error() {
    let place = tempfile::tempdir().unwrap();
    let Some(demo) = program("demo") else { return };
    let file = place.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = Command::new(&demo).arg("headless").arg(&file).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("demo: cannot make "));
    let output = Command::new(&demo).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
