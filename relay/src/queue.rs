//! Requests that wait, one line for each workspace, served in turn: a busy workspace makes itself wait, not others.

use std::collections::{BTreeMap, VecDeque};

use omniscope_protocol::identity::WorkspaceId;

/// Requests of one workspace that may wait; more are told to come again.
const MAX_PER_WORKSPACE: usize = 128;
/// Requests that may wait, all workspaces together.
const MAX_WAITING: usize = 4096;

/// Lines of waiting jobs.
pub(crate) struct Lines<T> {
    lines: BTreeMap<WorkspaceId, VecDeque<T>>,
    /// Whose turn it is; holds exactly the workspaces with a line.
    turns: VecDeque<WorkspaceId>,
    waiting: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), turns: VecDeque::new(), waiting: 0 }
    }
}

impl<T> Lines<T> {
    /// Puts a job at the end of its line.
    ///
    /// # Errors
    /// Gives the job back when the line is full.
    pub(crate) fn push(&mut self, workspace: WorkspaceId, job: T) -> Result<(), T> {
        let line = self.lines.get(&workspace).map_or(0, VecDeque::len);
        if line >= MAX_PER_WORKSPACE || self.waiting >= MAX_WAITING {
            return Err(job);
        }
        if line == 0 {
            self.turns.push_back(workspace);
        }
        self.lines.entry(workspace).or_default().push_back(job);
        self.waiting += 1;
        Ok(())
    }

    /// The first job of the line whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let workspace = self.turns.pop_front()?;
        let line = self.lines.get_mut(&workspace)?;
        let job = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&workspace);
        } else {
            self.turns.push_back(workspace);
        }
        self.waiting -= usize::from(job.is_some());
        job
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_in_one_workspace_makes_no_other_wait() {
        let (busy, quiet) = (WorkspaceId([1; 32]), WorkspaceId([2; 32]));
        let mut lines = Lines::default();
        for n in 0..MAX_PER_WORKSPACE {
            assert_eq!(lines.push(busy, n), Ok(()));
        }
        assert_eq!(lines.push(busy, 1000), Err(1000), "the line is full");
        assert_eq!(lines.push(quiet, 2000), Ok(()));
        assert_eq!([lines.pop(), lines.pop(), lines.pop()], [Some(0), Some(2000), Some(1)]);
        assert_eq!(std::iter::from_fn(|| lines.pop()).count() + 3, MAX_PER_WORKSPACE + 1);
        assert_eq!((lines.len(), lines.pop()), (0, None));
    }
}
