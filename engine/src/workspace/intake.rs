//! How foreign ops come in: read and their signatures checked side by side where there are many, judged one after the other,
//! shown before the last of a long answer is judged.
//!
//! Deliberately absent: what an op does (`Replica::receive_op`), and what becomes of whoever sent it (`actor::network`).

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use omniscope_protocol::op::Op;
use omniscope_protocol::replica::{Output, Received, Replica, Unacceptable};

use super::{Effects, Workspace};
use crate::store::Store;

/// Ops that are read at most before the first of them is judged.
const AT_ONCE: usize = 256;
/// Ops for which another thread is worth its start: some milliseconds of signatures.
const WORTH_A_THREAD: usize = 32;
/// More threads than that help nobody.
const MAX_THREADS: usize = 8;
/// So many bytes of ops are read and judged before what they say is shown: first few, so that windows soon have something
/// to draw, then twice as many each time, because much at once is drawn faster than the same in pieces.
const FIRST_SHOWN_BYTES: usize = 16 * 1024;
const MAX_SHOWN_BYTES: usize = 256 * 1024;

/// What foreign ops came to.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// One of them was refused, and whoever made or sent it is at fault.
    pub(crate) fault: bool,
    /// One of them was refused because this program is too old for it.
    pub(crate) unread: bool,
    /// Ops in the past of one of them are missing.
    pub(crate) gap: bool,
}

impl Taken {
    fn note(&mut self, received: Result<Received, Unacceptable>) {
        match received {
            Ok(Received::New | Received::Known) => {}
            Ok(Received::Waiting) => self.gap = true,
            Err(error) if !error.is_fault() => self.unread = true,
            Err(error) => {
                tracing::warn!(%error, "an op was refused");
                self.fault = true;
            }
        }
    }
}

impl Workspace {
    /// Takes in foreign ops, in their order.
    pub(crate) fn take_in(&mut self, ops: &[Arc<[u8]>], store: &Store, effects: &mut Effects) -> Taken {
        let (mut taken, mut out) = (Taken::default(), Vec::new());
        let (mut rest, mut bytes) = (ops, FIRST_SHOWN_BYTES);
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(filling(rest, bytes));
            for op in read(&self.replica, batch) {
                taken.note(op.and_then(|op| match op {
                    Some(op) => self.replica.receive_op(op, &mut out),
                    None => Ok(Received::Known),
                }));
            }
            (rest, bytes) = (after, (2 * bytes).min(MAX_SHOWN_BYTES));
            // Windows draw these edits while the next are judged. A rebuild is worth doing once, after the last.
            if !rest.is_empty() && !out.iter().any(|o| matches!(o, Output::Rebuild(_) | Output::Reopen)) {
                self.carry_out(&std::mem::take(&mut out), None, store, effects);
            }
        }
        self.carry_out(&out, None, store, effects);
        taken
    }
}

/// How many of `ops` are taken in at once: at least one, and as many more as it takes to fill `bytes`.
fn filling(ops: &[Arc<[u8]>], bytes: usize) -> usize {
    let mut sum = 0;
    let fill = ops.iter().take(AT_ONCE).position(|op| {
        sum += op.len();
        sum >= bytes
    });
    fill.map_or(ops.len().min(AT_ONCE), |last| last + 1)
}

/// What `Replica::read` says of an op.
type Read = Result<Option<Op>, Unacceptable>;

/// Reads ops, in their order.
fn read(replica: &Replica, ops: &[Arc<[u8]>]) -> Vec<Read> {
    if ops.len() <= WORTH_A_THREAD {
        return ops.iter().map(|bytes| replica.read(bytes)).collect();
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let share = ops.len().div_ceil(cores).max(WORTH_A_THREAD);
    let read = |ops: &[Arc<[u8]>]| -> Vec<Read> { ops.iter().map(|bytes| replica.read(bytes)).collect() };
    let (mine, others) = ops.split_at(share.min(ops.len()));
    thread::scope(|scope| {
        let others: Vec<_> = others.chunks(share).map(|ops| scope.spawn(|| read(ops))).collect();
        let mut all = read(mine);
        for other in others {
            all.extend(other.join().expect("bytes that are no op are an error, not a panic"));
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use omniscope_protocol::identity::{DeviceKey, WorkspaceId};

    use super::*;

    #[test]
    fn what_is_taken_in_at_once_is_bounded_and_never_nothing() {
        let ops = |sizes: &[usize]| -> Vec<Arc<[u8]>> { sizes.iter().map(|size| Arc::from(vec![0; *size])).collect() };
        assert_eq!(filling(&ops(&[40, 1]), 16), 1, "one that is too large by itself");
        assert_eq!(filling(&ops(&[10, 10, 10]), 16), 2);
        assert_eq!(filling(&ops(&[1, 1]), 16), 2, "all there are");
        assert_eq!(filling(&ops(&[0; AT_ONCE + 1]), 16), AT_ONCE);
    }

    #[test]
    fn what_is_read_side_by_side_comes_in_its_order() {
        let replica = Replica::for_device(WorkspaceId([1; 32]), &DeviceKey::from_seed(&[2; 32]));
        // No op at all, each wrong in its own way: cut off at another byte.
        let ops: Vec<Arc<[u8]>> = (0..AT_ONCE).map(|len| Arc::from(vec![0; len])).collect();
        let alone: Vec<Read> = ops.iter().map(|bytes| replica.read(bytes)).collect();
        assert!(alone.iter().collect::<Vec<_>>().windows(2).any(|pair| pair[0] != pair[1]), "they can be told apart");
        assert_eq!(read(&replica, &ops), alone);
        assert_eq!(read(&replica, &[]), []);
    }
}
