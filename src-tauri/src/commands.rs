//! The commands of the page, by topic. Each hands over to the engine; none decides anything.

pub(crate) mod document;
pub(crate) mod save;
pub(crate) mod verbs;
