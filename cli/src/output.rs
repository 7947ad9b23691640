//! Printing: JSON as RFC 8785 on one line, or words and columns for people. Data goes to stdout, nothing else does.

use std::io::Write;

use omniscope_engine::doc::canonical::to_canonical;
use serde_json::Value;

/// Prints text and a newline; a reader that has gone away is no error.
pub(crate) fn line(text: &str) {
    // The reader may be `head`, which closes early on purpose.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a value in canonical form.
pub(crate) fn json(value: &Value) {
    line(&to_canonical(value));
}

/// A field as people read it: no quotes around text, nothing for null.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The first part of an id, enough to name it.
pub(crate) fn short(value: &Value) -> String {
    word(value).chars().take(10).collect()
}

/// Prints rows under their headings, columns in line.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    print(&headings.iter().map(ToString::to_string).collect::<Vec<_>>());
    rows.iter().for_each(|row| print(row));
}
