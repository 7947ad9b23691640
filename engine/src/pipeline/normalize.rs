//! The one view of the graph that canvas, checks and export share.
//!
//! Concurrent edits may leave an edge whose step is gone, or the same ends under two ids. That is legal in the document;
//! here such edges are left out and counted. Deliberately absent: any change of the document.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Pipeline;

/// A graph without loose ends, and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Normalized {
    pub pipeline: Pipeline,
    pub left_out: LeftOut,
}

/// Ids of edges that the view leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Edges with a missing step at one end or both.
    pub dangling: Vec<String>,
    /// Edges whose ends another edge has too; the one with the smallest id is shown.
    pub duplicate: Vec<String>,
}

/// Reads a document's JSON into the shared view.
pub fn normalize(state: &Value) -> Normalized {
    let mut pipeline = Pipeline::from_state(state);
    let mut left_out = LeftOut::default();
    let mut seen = BTreeSet::new();
    for (id, edge) in &pipeline.edges {
        let ends = [&edge.source, &edge.source_port, &edge.target, &edge.target_port].map(Clone::clone);
        if !pipeline.nodes.contains_key(&edge.source) || !pipeline.nodes.contains_key(&edge.target) {
            left_out.dangling.push(id.clone());
        } else if !seen.insert(ends) {
            left_out.duplicate.push(id.clone());
        }
    }
    for id in left_out.dangling.iter().chain(&left_out.duplicate) {
        pipeline.edges.remove(id);
    }
    Normalized { pipeline, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn loose_and_doubled_edges_are_left_out_and_named() {
        let state = json!({
            "nodes": {"a": {"type": "A"}, "b": {"type": "B"}},
            "edges": {
                "e1": {"source": "a", "target": "b"},
                "e2": {"source": "a", "sourcePort": "out", "target": "b", "targetPort": "in"},
                "e3": {"source": "a", "target": "gone"},
                "e4": 7,
            },
        });
        let view = normalize(&state);
        assert_eq!(view.pipeline.edges.keys().collect::<Vec<_>>(), ["e1"]);
        assert_eq!(view.left_out.duplicate, ["e2"]);
        assert_eq!(view.left_out.dangling, ["e3", "e4"]);
        assert_eq!(normalize(&json!(null)), Normalized::default());
    }
}
