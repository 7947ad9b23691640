//! The commands of the page, by topic. Each hands over to the engine; none decides anything.

mod document;
mod verbs;

pub(crate) use document::{document_awareness, document_close, document_open, document_push};
pub(crate) use verbs::{call, events};
