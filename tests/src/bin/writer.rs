//! Commits numbered rows until killed, printing each number once it is acknowledged. For the kill -9 test.

use std::io::Write as _;
use std::path::Path;

use omniscope_engine::store::Store;
use omniscope_tests::rows::row;

/// Batches in flight; more would only lengthen the queue.
const IN_FLIGHT: u32 = 8;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("expected a data folder"))?;
    let first: u32 = std::env::args().nth(2).ok_or_else(|| anyhow::anyhow!("expected a first number"))?.parse()?;
    let store = Store::open(Path::new(&dir), "writer")?;
    let (tell, told) = std::sync::mpsc::channel();
    for n in first.. {
        let tell = tell.clone();
        store.commit(row(n), move |result| drop(tell.send((n, result))));
        if n - first >= IN_FLIGHT {
            let (n, result) = told.recv()?;
            result?;
            // One write a line: a killed process leaves no half number that reads as another.
            std::io::stdout().write_all(format!("{n}\n").as_bytes())?;
        }
    }
    Ok(())
}
