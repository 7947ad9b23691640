//! `doctor`: whether database, folder, key and network are in order.
//!
//! Deliberately absent: mending.

use serde_json::{Value, json};

use super::super::Actor;

impl Actor {
    pub(super) fn doctor(&self) -> Value {
        let check = |name: &str, found: Result<String, String>| {
            let ok = found.is_ok();
            json!({"name": name, "ok": ok, "detail": found.unwrap_or_else(|problem| problem)})
        };
        let database = self.store.check().map(|()| "whole".to_owned()).map_err(|e| e.to_string());
        json!({"checks": [
            check("database", database),
            check("folder", self.folder()),
            check("device", Ok(self.me.to_string())),
            check("network", self.reachable()),
            check("relays", self.relays_up()),
        ]})
    }

    fn folder(&self) -> Result<String, String> {
        let Some(dir) = &self.options.data_dir else { return Ok("in memory".into()) };
        let facts = std::fs::metadata(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = facts.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(format!("{} can be entered by others (mode {mode:o}); expected 700", dir.display()));
            }
        }
        if facts.permissions().readonly() {
            return Err(format!("{} cannot be written to", dir.display()));
        }
        Ok(dir.display().to_string())
    }

    fn reachable(&self) -> Result<String, String> {
        if self.net.is_none() {
            return Ok("not in use; `omniscope peer` and the window use it".into());
        }
        if self.options.relay_only {
            return Ok(format!("reached through relays alone, {} peers", self.peers.len()));
        }
        if self.online && self.listening.is_empty() {
            return Err("no address to listen on was found".into());
        }
        let state = if self.online { "online" } else { "offline, as asked" };
        Ok(format!("{state}, {} addresses, {} peers", self.listening.len(), self.peers.len()))
    }

    fn relays_up(&self) -> Result<String, String> {
        let (up, all) = (self.relays().filter(|r| self.is_relay_up(r)).count(), self.relays().count());
        let detail = format!("{up} of {all} reachable");
        if self.options.relay_only && all == 0 {
            return Err("none, so that nobody can be reached: this device is reached through relays alone".into());
        }
        if up < all && self.online { Err(detail) } else { Ok(detail) }
    }
}
