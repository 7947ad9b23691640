//! Findings about a pipeline, each a sentence with a reason; never stored.
//!
//! Deliberately absent: refusing edits (only `doc::edit` does, for what could never be meant) and judging tools that
//! came with an import, whose ports say nothing about data.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::catalogue::{Cardinality, Descriptor, Port, descriptor, is_a};
use super::normalize::normalize;
use super::{Edge, Node, Pipeline};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warning,
}

/// One finding. `code` is stable; `message` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Finding {
    pub level: Level,
    pub code: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub edge: Option<String>,
}

/// Checks a document's JSON: errors first, then warnings, each group in the order of ids.
pub fn validate(state: &Value) -> Vec<Finding> {
    let view = normalize(state);
    let pipeline = &view.pipeline;
    let mut findings = Vec::new();
    for id in &view.left_out.dangling {
        findings.push(at_edge(Level::Warning, "dangling_edge", id, "The connection leads to a step that was removed."));
    }
    for id in &view.left_out.duplicate {
        findings.push(at_edge(Level::Warning, "duplicate_edge", id, "The same connection exists twice."));
    }
    for id in cyclic(pipeline) {
        let message =
            format!("{} feeds itself through other steps; a pipeline must not run in circles.", title(pipeline, &id));
        findings.push(at_node(Level::Error, "cycle", &id, message));
    }
    for (id, node) in &pipeline.nodes {
        check_node(pipeline, id, node, &mut findings);
    }
    for (id, edge) in &pipeline.edges {
        check_edge(pipeline, id, edge, &mut findings);
    }
    findings.sort_by_key(|finding| finding.level);
    findings
}

fn at_edge(level: Level, code: &'static str, edge: &str, message: impl Into<String>) -> Finding {
    Finding { level, code, message: message.into(), node: None, edge: Some(edge.to_owned()) }
}

fn at_node(level: Level, code: &'static str, node: &str, message: impl Into<String>) -> Finding {
    Finding { level, code, message: message.into(), node: Some(node.to_owned()), edge: None }
}

fn title<'a>(pipeline: &'a Pipeline, id: &'a str) -> &'a str {
    match pipeline.nodes.get(id) {
        Some(node) if !node.label.is_empty() => &node.label,
        Some(node) if !node.kind.is_empty() => &node.kind,
        _ => id,
    }
}

/// The steps that lie on a circle, or between circles.
fn cyclic(pipeline: &Pipeline) -> Vec<String> {
    let mut alive: BTreeMap<&str, ()> = pipeline.nodes.keys().map(|id| (id.as_str(), ())).collect();
    // Peel off steps that nothing alive feeds, then those that feed nothing alive: circles remain.
    for forward in [true, false] {
        let ends = |edge: &'_ Edge| -> (String, String) {
            if forward {
                (edge.source.clone(), edge.target.clone())
            } else {
                (edge.target.clone(), edge.source.clone())
            }
        };
        let mut degree: BTreeMap<String, usize> = BTreeMap::new();
        let mut onward: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for edge in pipeline.edges.values() {
            let (from, to) = ends(edge);
            if alive.contains_key(from.as_str()) && alive.contains_key(to.as_str()) {
                *degree.entry(to.clone()).or_default() += 1;
                onward.entry(from).or_default().push(to);
            }
        }
        let mut open: Vec<String> =
            alive.keys().filter(|id| !degree.contains_key(**id)).map(|id| (*id).to_owned()).collect();
        while let Some(id) = open.pop() {
            alive.remove(id.as_str());
            for next in onward.remove(&id).into_iter().flatten() {
                let left = degree.get_mut(&next).expect("every target was counted");
                *left -= 1;
                if *left == 0 {
                    open.push(next);
                }
            }
        }
    }
    alive.keys().map(|id| (*id).to_owned()).collect()
}

fn check_node(pipeline: &Pipeline, id: &str, node: &Node, findings: &mut Vec<Finding>) {
    let Some(known) = descriptor(&node.kind) else {
        if node.ports.is_none() {
            let message =
                format!("{} has the type {:?}, which this version does not know.", title(pipeline, id), node.kind);
            findings.push(at_node(Level::Warning, "unknown_type", id, message));
        }
        return;
    };
    if node.disabled {
        return;
    }
    for port in &known.inputs {
        let arriving =
            pipeline.edges.values().filter(|edge| edge.target == id && edge.target_port == port.name).count();
        if port.required && arriving == 0 {
            let message =
                format!("{} needs data at its input {:?}, and nothing is connected.", title(pipeline, id), port.name);
            findings.push(at_node(Level::Warning, "missing_input", id, message));
        }
        if port.cardinality == Cardinality::One && arriving > 1 {
            let message =
                format!("{} takes one connection at {:?}, and {arriving} arrive.", title(pipeline, id), port.name);
            findings.push(at_node(Level::Error, "too_many_inputs", id, message));
        }
    }
}

/// What a step's side offers: typed ports, names only, or anything.
enum Offer<'a> {
    Typed(&'a Port),
    Untyped,
    Missing(String),
}

fn offer<'a>(node: &'a Node, port: &str, output: bool) -> Offer<'a> {
    let known: Option<&'static Descriptor> = descriptor(&node.kind).filter(|known| !known.free_ports);
    if let Some(known) = known {
        let ports = if output { &known.outputs } else { &known.inputs };
        return match ports.iter().find(|candidate| candidate.name == port) {
            Some(found) => Offer::Typed(found),
            None => Offer::Missing(list(ports.iter().map(|port| port.name.as_str()))),
        };
    }
    match &node.ports {
        None => Offer::Untyped,
        Some(ports) => {
            let names = if output { &ports.outputs } else { &ports.inputs };
            if names.iter().any(|name| name == port) || names.is_empty() {
                Offer::Untyped
            } else {
                Offer::Missing(list(names.iter().map(String::as_str)))
            }
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn check_edge(pipeline: &Pipeline, id: &str, edge: &Edge, findings: &mut Vec<Finding>) {
    let (Some(source), Some(target)) = (pipeline.nodes.get(&edge.source), pipeline.nodes.get(&edge.target)) else {
        return;
    };
    let (from, to) = (title(pipeline, &edge.source), title(pipeline, &edge.target));
    let output = offer(source, &edge.source_port, true);
    let input = offer(target, &edge.target_port, false);
    // A step type with known ports cannot have others; the ports of an imported tool depend on its settings.
    let level = |node: &Node| if descriptor(&node.kind).is_some() { Level::Error } else { Level::Warning };
    if let Offer::Missing(has) = &output {
        let message = format!("{from} has no output {:?} (it has {has}).", edge.source_port);
        findings.push(at_edge(level(source), "missing_port", id, message));
    }
    if let Offer::Missing(has) = &input {
        let message = format!("{to} has no input {:?} (it has {has}).", edge.target_port);
        findings.push(at_edge(level(target), "missing_port", id, message));
    }
    let (Offer::Typed(output), Offer::Typed(input)) = (output, input) else { return };
    if !output.data.iter().any(|term| input.data.iter().any(|expected| is_a(term, expected))) {
        let message =
            format!("{from} gives {}, but {to} expects {}.", output.data.join(" or "), input.data.join(" or "));
        findings.push(at_edge(Level::Error, "type_mismatch", id, message));
    } else if !meet(&output.formats, &input.formats) {
        let message =
            format!("{from} writes {}, but {to} reads {}.", output.formats.join(" or "), input.formats.join(" or "));
        findings.push(at_edge(Level::Error, "format_mismatch", id, message));
    } else if !meet(&output.omics, &input.omics) {
        let message = format!(
            "{from} gives {} data, but {to} is meant for {}.",
            output.omics.join(" or "),
            input.omics.join(" or ")
        );
        findings.push(at_edge(Level::Warning, "omics_mismatch", id, message));
    }
}

fn meet(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|term| b.contains(term))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(state: &Value) -> Vec<(&'static str, Level)> {
        validate(state).into_iter().map(|finding| (finding.code, finding.level)).collect()
    }

    fn chain(kinds: &[&str]) -> Value {
        let mut state = json!({"nodes": {}, "edges": {}});
        for (at, kind) in kinds.iter().enumerate() {
            state["nodes"][format!("n{at}")] = json!({"type": kind, "label": kind});
            if at > 0 {
                state["edges"][format!("e{at}")] =
                    json!({"source": format!("n{}", at - 1), "target": format!("n{at}")});
            }
        }
        state
    }

    #[test]
    fn a_sound_chain_has_no_findings() {
        let kinds = ["UploadClinicalData", "PreprocessClinical", "FeatureSelection", "TrainXGBoostModel"];
        let kinds = [&kinds[..], &["CrossValidation", "DataVisualization"]].concat();
        assert_eq!(codes(&chain(&kinds)), []);
    }

    #[test]
    fn rna_into_proteomics_is_a_warning_and_a_model_into_normalisation_an_error() {
        let state = chain(&["UploadGenomicsData", "NormalizeRNASeq", "QCProteomics"]);
        assert_eq!(codes(&state), [("omics_mismatch", Level::Warning)]);
        let state = chain(&["UploadGenomicsData", "TrainXGBoostModel", "NormalizeRNASeq"]);
        assert_eq!(codes(&state), [("type_mismatch", Level::Error)]);
    }

    #[test]
    fn circles_loose_ends_and_unknown_types_are_told() {
        let mut state = chain(&["generic", "generic", "Mystery"]);
        state["edges"]["e8"] = json!({"source": "n1", "target": "n0"});
        state["edges"]["e9"] = json!({"source": "n1", "target": "gone"});
        let expected = [
            ("cycle", Level::Error),
            ("cycle", Level::Error),
            ("dangling_edge", Level::Warning),
            ("unknown_type", Level::Warning),
        ];
        assert_eq!(codes(&state), expected);
    }

    #[test]
    fn ports_are_checked_by_name_and_number() {
        let mut state = chain(&["UploadGenomicsData", "NormalizeRNASeq"]);
        state["nodes"]["n2"] = json!({"type": "UploadGenomicsData"});
        state["edges"]["e2"] = json!({"source": "n2", "target": "n1"});
        state["edges"]["e3"] = json!({"source": "n2", "sourcePort": "side", "target": "n1"});
        let expected = [("too_many_inputs", Level::Error), ("missing_port", Level::Error)];
        assert_eq!(codes(&state), expected);
    }
}
