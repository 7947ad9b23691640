//! Verbs about what is in the pipeline: whole files, nodes, edges.

use std::collections::BTreeMap;

use omniscope_protocol::judge::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Actor;
use super::OfWorkspace;
use crate::answers::{Exported, Findings, Imported, answer};
use crate::api::{ApiError, params};
use crate::doc::edit::{EditError, NewNode, NodeChange};
use crate::pipeline::{self, fresh_id};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNode {
    workspace: String,
    node: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddNode {
    workspace: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    x: f64,
    #[serde(default)]
    y: f64,
    label: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetNode {
    workspace: String,
    node: String,
    label: Option<String>,
    x: Option<f64>,
    y: Option<f64>,
    disabled: Option<bool>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddEdge {
    workspace: String,
    source: String,
    source_port: Option<String>,
    target: String,
    target_port: Option<String>,
}

impl Actor {
    pub(super) fn call_pipeline(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Import {
            workspace: String,
            content: String,
            #[serde(default)]
            filename: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Export {
            workspace: String,
            #[serde(default)]
            format: Option<String>,
            #[serde(default)]
            mine: Option<bool>,
        }
        match verb {
            "import" => {
                let Import { workspace, content, filename } = params(given)?;
                let id = self.find(&workspace)?;
                self.require(&id, Role::Editor)?;
                let imported = self.edit(&id, |space, ids| {
                    let plans = pipeline::import::plan(&content, ids).map_err(|e| {
                        let name = filename.as_deref().unwrap_or("the file");
                        ApiError::new("not_a_pipeline", format!("{name}: {e}"))
                    })?;
                    let mut total = (0, 0, 0, Vec::new());
                    let mut updates = Vec::new();
                    for plan in plans {
                        let done = space.document().import(plan, ids);
                        updates.extend(done.updates);
                        total.0 += done.nodes;
                        total.1 += done.edges;
                        total.2 += done.stickies;
                        total.3.extend(done.warnings);
                    }
                    Ok((updates, total))
                })?;
                self.flush(&id, u64::MAX);
                let (nodes, edges, stickies, warnings) = imported;
                answer(Imported { nodes, edges, stickies, warnings })
            }
            "export" => {
                let Export { workspace, format, mine } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let me = self.me;
                let written = match self.rooms.get(&id).filter(|_| mine.unwrap_or(false)) {
                    Some(room) => Some(room.space.as_written(&self.store, &me)?),
                    None => None,
                };
                let document = match &written {
                    Some(written) => written,
                    None => self.room(&id)?.space.document(),
                };
                let content = match format.as_deref().unwrap_or("json") {
                    "json" => document.canonical_json(),
                    "ga" => pipeline::export::to_galaxy(&document.to_json()),
                    other => return Err(ApiError::params(format!("expected the format json or ga, found {other:?}"))),
                };
                answer(Exported { content })
            }
            "validate" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                answer(Findings { findings: pipeline::validate::validate(&self.room(&id)?.space.document().to_json()) })
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb pipeline.{verb}"))),
        }
    }

    pub(super) fn call_node(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "add" => {
                let asked: AddNode = params(given)?;
                let id = self.editable(&asked.workspace)?;
                let descriptor = pipeline::catalogue::descriptor(&asked.kind);
                let label = asked.label.or_else(|| descriptor.map(|d| d.label.to_string()));
                let node = NewNode {
                    type_version: descriptor.map(|d| d.version.to_string()).unwrap_or_default(),
                    label: label.unwrap_or_else(|| asked.kind.clone()),
                    kind: asked.kind,
                    pos: [asked.x, asked.y],
                    params: asked.params,
                    ports: None,
                };
                let name = self.edit(&id, |space, ids| {
                    let name = fresh_id('n', ids);
                    Ok((vec![space.document().add_node(&name, node).map_err(edit_error)?], name))
                })?;
                Ok(json!({"node": name}))
            }
            "set" => {
                let asked: SetNode = params(given)?;
                let id = self.editable(&asked.workspace)?;
                let pos = match (asked.x, asked.y) {
                    (Some(x), Some(y)) => Some([x, y]),
                    (None, None) => None,
                    _ => return Err(ApiError::params("expected x and y together")),
                };
                let change = NodeChange { label: asked.label, pos, disabled: asked.disabled, params: asked.params };
                let node = asked.node;
                self.edit(&id, |space, _| {
                    Ok((vec![space.document().set_node(&node, change).map_err(edit_error)?], ()))
                })?;
                Ok(json!({"node": node}))
            }
            "remove" => {
                let OfNode { workspace, node } = params(given)?;
                let id = self.editable(&workspace)?;
                self.edit(&id, |space, _| Ok((vec![space.document().remove_node(&node).map_err(edit_error)?], ())))?;
                Ok(json!({"node": node}))
            }
            "note" => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Note {
                    workspace: String,
                    node: String,
                    text: String,
                }
                let Note { workspace, node, text } = params(given)?;
                let id = self.editable(&workspace)?;
                self.edit(&id, |space, _| {
                    Ok((vec![space.document().set_note(&node, &text).map_err(edit_error)?], ()))
                })?;
                Ok(json!({"node": node}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb node.{verb}"))),
        }
    }

    pub(super) fn call_edge(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "add" => {
                let AddEdge { workspace, source, source_port, target, target_port } = params(given)?;
                let id = self.editable(&workspace)?;
                let edge = self.edit(&id, |space, _| {
                    let (edge, update) = space
                        .document()
                        .add_edge(&source, source_port.as_deref(), &target, target_port.as_deref())
                        .map_err(edit_error)?;
                    Ok((vec![update], edge))
                })?;
                Ok(json!({"edge": edge}))
            }
            "remove" => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct OfEdge {
                    workspace: String,
                    edge: String,
                }
                let OfEdge { workspace, edge } = params(given)?;
                let id = self.editable(&workspace)?;
                self.edit(&id, |space, _| Ok((vec![space.document().remove_edge(&edge).map_err(edit_error)?], ())))?;
                Ok(json!({"edge": edge}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb edge.{verb}"))),
        }
    }
}

fn edit_error(error: EditError) -> ApiError {
    ApiError::new(error.code(), error.to_string())
}
