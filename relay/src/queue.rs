//! Requests that wait, one line for each workspace, served in turn: a busy workspace makes itself wait, not others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use omniscope_protocol::identity::WorkspaceId;

/// Requests of one workspace that may wait; more are told to come again.
const MAX_PER_WORKSPACE: usize = 128;
/// Requests that may wait, all workspaces together.
const MAX_WAITING: usize = 4096;

/// Lines of waiting jobs.
pub(crate) struct Lines<T> {
    lines: BTreeMap<WorkspaceId, VecDeque<T>>,
    /// Whose turn it is; holds exactly the workspaces with a line that is not held.
    turns: VecDeque<WorkspaceId>,
    /// Whose turn does not come before something else has happened.
    held: BTreeSet<WorkspaceId>,
    waiting: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), turns: VecDeque::new(), held: BTreeSet::new(), waiting: 0 }
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
        if line == 0 && !self.held.contains(&workspace) {
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

    /// Puts a job that was popped back to the front of its line.
    pub(crate) fn put_back(&mut self, workspace: WorkspaceId, job: T) {
        let line = self.lines.entry(workspace).or_default();
        if line.is_empty() && !self.held.contains(&workspace) {
            self.turns.push_back(workspace);
        }
        line.push_front(job);
        self.waiting += 1;
    }

    /// Lets a line wait; false if it does already.
    pub(crate) fn hold(&mut self, workspace: WorkspaceId) -> bool {
        self.turns.retain(|turn| *turn != workspace);
        self.held.insert(workspace)
    }

    /// Lets it go on.
    pub(crate) fn release(&mut self, workspace: WorkspaceId) {
        if self.held.remove(&workspace) && self.lines.contains_key(&workspace) {
            self.turns.push_back(workspace);
        }
    }

    /// Takes all of a line.
    pub(crate) fn clear(&mut self, workspace: &WorkspaceId) -> VecDeque<T> {
        self.turns.retain(|turn| turn != workspace);
        let line = self.lines.remove(workspace).unwrap_or_default();
        self.waiting -= line.len();
        line
    }

    /// Whether it is anybody's turn.
    pub(crate) fn is_ready(&self) -> bool {
        !self.turns.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_held_waits_and_no_other_does() {
        let (held, other) = (WorkspaceId([1; 32]), WorkspaceId([2; 32]));
        let mut lines = Lines::default();
        assert_eq!(lines.push(held, 1), Ok(()));
        assert!(lines.hold(held) && !lines.hold(held));
        assert_eq!([lines.push(held, 2), lines.push(other, 3)], [Ok(()); 2]);
        assert_eq!([lines.pop(), lines.pop()], [Some(3), None]);
        assert!(!lines.is_ready() && lines.len() == 2);
        lines.release(held);
        assert_eq!((lines.pop(), lines.is_ready()), (Some(1), true));
        assert_eq!((lines.clear(&held).len(), lines.len(), lines.is_ready()), (1, 0, false));
    }

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
