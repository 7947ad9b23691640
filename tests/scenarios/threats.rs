//! The threat model against the tests: every row names a test that holds it, and every test named there exists.
//!
//! A test is named as `path/file.rs::claim`, with the path from the root of the repository. Deliberately absent: whether
//! the test shows what the row says, which readers judge.

use std::collections::BTreeSet;

use super::tidy::root;

/// Backticked names of tests in a line.
fn tests_in(line: &str) -> Vec<(&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::")).collect()
}

/// Rows of all tables, without headings and rules.
fn rows(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |n: &usize| lines[*n].starts_with('|') && !lines[*n].starts_with("|---");
    let heads = |n: usize| lines.get(n + 1).is_some_and(|next| next.starts_with("|---"));
    (0..lines.len()).filter(is_row).filter(|n| !heads(*n)).map(|n| lines[n]).collect()
}

#[test]
fn every_row_of_the_threat_model_is_held_by_a_test_that_exists() {
    let text = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let rows = rows(&text);
    assert!(rows.len() > 15, "only {} rows were read", rows.len());
    let unheld: Vec<&&str> = rows.iter().filter(|row| tests_in(row).is_empty()).collect();
    assert!(unheld.is_empty(), "no test is named in {unheld:#?}");
    let named: BTreeSet<_> = text.lines().flat_map(tests_in).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|(file, claim)| {
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            !source.contains(&format!("fn {claim}("))
        })
        .collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

#[test]
fn rows_and_names_are_read_from_tables_alone() {
    let text = "| A | B |\n|---|---|\n| x | `a/b.rs::c`, `a.rs` |\n\nprose `d.rs::e`\n";
    assert_eq!(rows(text), ["| x | `a/b.rs::c`, `a.rs` |"]);
    assert_eq!(tests_in(rows(text)[0]), [("a/b.rs", "c")]);
}
