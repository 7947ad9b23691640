//! Scenarios.
#![allow(clippy::unwrap_used, reason = "tests")]

mod api_docs;
mod cli;
mod demo;
mod http;
mod judge_model;

mod network;

mod pipelines;
mod tidy;

mod corruption;
mod disk_full;
mod keyring;
mod kill;
mod namespaces;
mod power_loss;
mod together;

mod fuzz;
mod garbage_wire;
mod poison;
mod simulation;
mod simulation_pipeline;
mod vectors;
mod yjs_equal;
