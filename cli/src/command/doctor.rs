//! `omniscope doctor`: whether this device is in order.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::Context;
use crate::failure::{FINDINGS, Failure};
use crate::output::{line, word};

pub(crate) async fn run(context: &Context) -> Result<ExitCode, Failure> {
    let answer = context.call("doctor", json!({})).await?;
    context.print(&answer, |answer| {
        for check in answer["checks"].as_array().into_iter().flatten() {
            let mark = if check["ok"] == true { "ok  " } else { "BAD " };
            line(&format!("{mark} {:<10} {}", word(&check["name"]), word(&check["detail"])));
        }
    });
    let well = |all: &Vec<Value>| all.iter().all(|check| check["ok"] == true);
    Ok(if answer["checks"].as_array().is_some_and(well) { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}
