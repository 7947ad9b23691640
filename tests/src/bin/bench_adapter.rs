//! OmniScope's adapter to the neutral benchmark: JSON lines on stdin and stdout, several clients in one process.
//!
//! The protocol is the benchmark's own; each request is answered when it is done, in any order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use omniscope_tests::adapter::{Client, Run, Stats, Traces, Want, now_us};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

#[derive(Default)]
struct Process {
    clients: Mutex<HashMap<String, Arc<Client>>>,
    stats: Arc<Mutex<Stats>>,
    traces: Traces,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    omniscope_engine::prepare();
    let process = Arc::new(Process::default());
    let (replies, mut outgoing) = mpsc::unbounded_channel::<Value>();
    tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(reply) = outgoing.recv().await {
            let line = format!("{reply}\n");
            if stdout.write_all(line.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                return;
            }
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Value = serde_json::from_str(&line).context("expected one JSON object a line")?;
        let (process, replies) = (Arc::clone(&process), replies.clone());
        tokio::spawn(async move {
            let id = request["id"].clone();
            let quit = request["cmd"] == "quit";
            let reply = match process.answer(request).await {
                Ok(mut reply) => {
                    (reply["id"], reply["ok"]) = (id, json!(true));
                    reply
                }
                Err(error) => json!({"id": id, "ok": false, "error": format!("{error:#}")}),
            };
            // Nobody reads any more only when the process ends.
            let _ = replies.send(reply);
            if quit {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                std::process::exit(0);
            }
        });
    }
    Ok(())
}

impl Process {
    fn client(&self, request: &Value) -> anyhow::Result<Arc<Client>> {
        let name = request["client"].as_str().context("expected a client")?;
        let clients = self.clients.lock().expect("no request panics");
        clients.get(name).cloned().with_context(|| format!("there is no client {name}"))
    }

    async fn answer(&self, request: Value) -> anyhow::Result<Value> {
        match request["cmd"].as_str().unwrap_or_default() {
            "hello" => Ok(json!({"name": "omniscope", "presence": true, "local_store": true})),
            "join" => {
                let name = request["client"].as_str().context("expected a client")?.to_owned();
                let (client, reply) = Client::join(serde_json::from_value(request)?, Arc::clone(&self.stats)).await?;
                self.clients.lock().expect("no request panics").insert(name, Arc::new(client));
                Ok(reply)
            }
            "await" => {
                let want: Want = serde_json::from_value(request["want"].clone())?;
                let at = self.client(&request)?.wait(want, request["timeout_ms"].as_u64()).await?;
                Ok(json!({"t_us": at}))
            }
            "edit" => self.client(&request)?.edit(&request).await.map(|()| json!({})),
            "bulk" => self.client(&request)?.bulk(&request, &self.traces).await,
            "run" => self.run(&request).await,
            "stats" => Ok(self.stats.lock().expect("no request panics").take(request["reset"] == true)),
            "state" => Ok(self.client(&request)?.state()),
            "offline" => self.client(&request)?.set_online(false).await.map(|()| json!({})),
            "online" => {
                let at = now_us();
                self.client(&request)?.set_online(true).await?;
                Ok(json!({"t_us": at}))
            }
            "leave" => {
                self.client(&request)?.leave().await?;
                let name = request["client"].as_str().unwrap_or_default();
                self.clients.lock().expect("no request panics").remove(name);
                Ok(json!({}))
            }
            "quit" => {
                let all: Vec<_> = self.clients.lock().expect("no request panics").drain().map(|(_, c)| c).collect();
                for client in all {
                    client.leave().await?;
                }
                Ok(json!({}))
            }
            other => anyhow::bail!("unknown command {other:?}"),
        }
    }

    async fn run(&self, request: &Value) -> anyhow::Result<Value> {
        let run: Run = serde_json::from_value(request.clone())?;
        let names: Vec<String> = serde_json::from_value(request["clients"].clone())?;
        let mut running = tokio::task::JoinSet::new();
        for name in names {
            let (client, run) = (self.client(&json!({"client": name}))?, run.clone());
            running.spawn(async move { client.run(&run).await });
        }
        let mut sent = 0;
        while let Some(done) = running.join_next().await {
            sent += done??;
        }
        Ok(json!({"sent": sent}))
    }
}
