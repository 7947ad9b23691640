//! The benchmark's editing trace, read once.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use serde::Deserialize;

/// One keystroke: position, deleted characters, inserted text; in UTF-16 units.
pub(super) type Patch = (u32, u32, String);

#[derive(Deserialize)]
struct Transaction {
    patches: Vec<Patch>,
}

#[derive(Deserialize)]
struct Whole {
    txns: Vec<Transaction>,
}

/// The trace that was read last.
#[derive(Debug, Default)]
pub struct Traces(Mutex<Option<Arc<Vec<Patch>>>>);

impl Traces {
    /// The patches of a gzipped trace, in order.
    pub(super) fn read(&self, path: &str) -> anyhow::Result<Arc<Vec<Patch>>> {
        let mut cached = self.0.lock().expect("no reader panics");
        if let Some(patches) = &*cached {
            return Ok(Arc::clone(patches));
        }
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {path}"))?;
        let whole: Whole = serde_json::from_reader(std::io::BufReader::new(flate2::read::GzDecoder::new(file)))
            .with_context(|| format!("expected a gzipped editing trace in {path}"))?;
        let patches = Arc::new(whole.txns.into_iter().flat_map(|t| t.patches).collect::<Vec<_>>());
        *cached = Some(Arc::clone(&patches));
        Ok(patches)
    }
}
