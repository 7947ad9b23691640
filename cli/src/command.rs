//! The commands, one file each: arguments into one verb of the engine, its answer onto the screen.

pub(crate) mod device;
pub(crate) mod doctor;
pub(crate) mod edge;
pub(crate) mod history;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod member;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod pipeline;
pub(crate) mod profile;
pub(crate) mod recovery;
pub(crate) mod relay;
pub(crate) mod version;
pub(crate) mod workspace;

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::failure::Failure;
use crate::holder::Holder;
use crate::{Network, Place, output};

/// Largest file that is read as one argument.
const MAX_FILE_BYTES: u64 = 12 * 1024 * 1024;

/// What all commands share.
pub(crate) struct Context {
    pub(crate) place: Place,
}

impl Context {
    pub(crate) fn new(place: Place) -> Self {
        Self { place }
    }

    /// Calls one verb without the network.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        self.call_with(None, method, params).await
    }

    /// Calls one verb, with the network up if it is given.
    pub(crate) async fn call_with(
        &self,
        network: Option<&Network>,
        method: &str,
        params: Value,
    ) -> Result<Value, Failure> {
        let mut holder = Holder::open(&self.place, network).await?;
        let answer = holder.call(method, params).await;
        holder.close().await;
        answer
    }

    /// Prints JSON if it was asked for, else what `human` says.
    pub(crate) fn print(&self, value: &Value, human: impl FnOnce(&Value)) {
        if self.place.json { output::json(value) } else { human(value) }
    }

    /// Calls, prints, succeeds.
    pub(crate) async fn show(
        &self,
        method: &str,
        params: Value,
        human: impl FnOnce(&Value),
    ) -> Result<ExitCode, Failure> {
        let answer = self.call(method, params).await?;
        self.print(&answer, human);
        Ok(ExitCode::SUCCESS)
    }
}

/// A file's text, or stdin's for `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let what = format!("read {}", if path == Path::new("-") { "stdin".into() } else { path.display().to_string() });
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|e| Failure::machine(&what, e))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::machine(&what, format!("expected at most {MAX_FILE_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| Failure::machine(&what, format!("expected UTF-8 text ({e})")))
}

/// Reads `X,Y`.
pub(crate) fn position(text: &str) -> Result<[f64; 2], String> {
    let expected = || format!("expected X,Y such as 120,40, found {text:?}");
    let (x, y) = text.split_once(',').ok_or_else(expected)?;
    match (x.trim().parse::<f64>(), y.trim().parse::<f64>()) {
        (Ok(x), Ok(y)) if x.is_finite() && y.is_finite() => Ok([x, y]),
        _ => Err(expected()),
    }
}

/// Reads `KEY=JSON`; what is no JSON is taken as text.
pub(crate) fn parameter(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("expected KEY=JSON, found {text:?}"))?;
    if key.is_empty() {
        return Err(format!("expected a name before the equals sign, found {text:?}"));
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

/// Drops the fields that were not given.
pub(crate) fn given(mut params: Value) -> Value {
    if let Some(fields) = params.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_of_two_parts_are_read_or_say_what_they_expect() {
        assert_eq!(position("1.5,-2"), Ok([1.5, -2.0]));
        assert!(["", "1", "1,", "1,NaN", "1,inf", "a,b"].iter().all(|t| position(t).is_err()));
        assert_eq!(parameter("k=4"), Ok(("k".into(), json!(4))));
        assert_eq!(parameter("k=a=b"), Ok(("k".into(), json!("a=b"))));
        assert!(parameter("k").is_err() && parameter("=1").is_err());
    }
}
