//! The error and the parameters of verbs, shared by all who call them.
//!
//! Verbs and their parameters are listed in `docs/api.md`; they are carried out in `actor::verbs`.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// All verbs, in the order of `docs/api.md`; no other is carried out.
pub const VERBS: &[&str] = &[
    "profile.show",
    "profile.set",
    "doctor",
    "catalogue",
    "storage.show",
    "storage.compact",
    "network.status",
    "network.connect",
    "network.set",
    "workspace.create",
    "workspace.list",
    "workspace.show",
    "workspace.update",
    "workspace.rename",
    "workspace.delete",
    "workspace.leave",
    "workspace.members",
    "workspace.state",
    "workspace.persist",
    "workspace.sync",
    "workspace.presence",
    "workspace.online",
    "workspace.rotate",
    "workspace.checkpoint",
    "workspace.audit",
    "workspace.close",
    "member.role",
    "member.remove",
    "member.transfer",
    "recovery.create",
    "recovery.use",
    "device.add",
    "device.accept",
    "device.list",
    "device.remove",
    "version.create",
    "version.rename",
    "version.list",
    "version.show",
    "version.restore",
    "history.list",
    "history.diff",
    "history.restore",
    "invite.create",
    "invite.list",
    "invite.inspect",
    "invite.revoke",
    "invite.requests",
    "invite.approve",
    "invite.decline",
    "relay.add",
    "relay.list",
    "relay.remove",
    "relay.test",
    "join",
    "pipeline.import",
    "pipeline.export",
    "pipeline.validate",
    "node.add",
    "node.set",
    "node.remove",
    "node.note",
    "edge.add",
    "edge.remove",
    "state.update",
    "sync.request",
    "cursor.move",
    "selection.change",
    "presence.set",
    "presence.list",
];

/// Why a verb was refused. `code` is stable; `message` is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{message}")]
pub struct ApiError {
    /// Stable, lower-case, words joined by underscores.
    pub code: String,
    /// What went wrong and what was expected.
    pub message: String,
}

impl ApiError {
    /// An error with a code and a sentence.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// Parameters that are not what the verb takes.
    pub fn params(message: impl Into<String>) -> Self {
        Self::new("bad_params", message)
    }
}

/// Reads a verb's parameters; null stands for none.
///
/// # Errors
/// `bad_params`, naming the field.
pub fn params<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    serde_json::from_value(value).map_err(|e| ApiError::params(e.to_string()))
}

/// Reads a span such as `30m`, `12h`, `7d` or a bare number of seconds.
///
/// # Errors
/// `bad_params`, saying what is expected.
pub fn seconds(text: &str) -> Result<u64, ApiError> {
    let expected = || ApiError::params(format!("expected a span such as 30m, 12h or 7d, found {text:?}"));
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, c)) if c.is_ascii_alphabetic() => (&text[..at], c),
        Some(_) => (text, 's'),
        None => return Err(expected()),
    };
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    digits.parse::<u64>().ok().and_then(|n| n.checked_mul(scale)).ok_or_else(expected)
}

/// Unix seconds, as a link may claim any, in milliseconds; the end of time beyond it.
pub(crate) fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// Unix milliseconds as RFC 3339 in UTC, to the second.
pub fn rfc3339(unix_ms: i64) -> String {
    let seconds = unix_ms.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from days, by the era method: years begin in March, so that the leap day ends them.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_the_calendar_says() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_478_399_999), "2026-11-23T23:59:59Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn spans_take_a_unit_and_say_what_they_expect() {
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("90"), Ok(90));
        assert!(["", "d", "7w", "-1d", "99999999999999999999d", "é"].iter().all(|t| seconds(t).is_err()));
    }
}
