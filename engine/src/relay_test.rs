//! The verb `relay.test`: whether a relay answers, how fast, and whether it would keep a workspace.
//!
//! It runs beside the actor, which waits for nobody. Deliberately absent: the probe itself (`net::probe`).

use libp2p::Multiaddr;
use omniscope_protocol::wire::{MAX_TOKEN_BYTES, Refusal};
use serde::Deserialize;
use serde_json::Value;

use crate::answers::{Reason, RelayTest, answer};
use crate::api::{ApiError, params};
use crate::net::device_at;
use crate::net::probe::{Finding, Probed, Prober, may_be_relay};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    address: Multiaddr,
    token: Option<String>,
}

/// Carries the verb out; takes ten seconds at most.
///
/// # Errors
/// `bad_params`, or `network_failed` when this machine cannot set a network up. What is wrong with the relay is no
/// error but the answer.
pub(crate) async fn test(prober: &Prober, given: Value) -> Result<Value, ApiError> {
    let Test { address, token } = params(given)?;
    if !may_be_relay(&address) {
        let message = format!("expected the address of a relay, which ends in /p2p/ and its id; found {address}");
        return Err(ApiError::params(message));
    }
    let token = check_token(token)?.unwrap_or_default().into_bytes();
    let with_token = !token.is_empty();
    let peer = device_at(&address).map(|device| device.to_string());
    let probed = prober.probe(address, token).await;
    let Probed { finding, latency_ms } = probed.map_err(|e| ApiError::new("network_failed", e.to_string()))?;
    let reached = !matches!(finding, Finding::NotReached | Finding::OtherPeer | Finding::Busy);
    let problem = problem(finding, with_token).map(|(code, message)| Reason::new(code, message));
    answer(RelayTest { reached, latency_ms, peer: peer.filter(|_| reached), problem })
}

/// The registration token of a relay without what surrounds it; `None` where there is none.
///
/// # Errors
/// `bad_params` for what no relay gives out.
pub(crate) fn check_token(token: Option<String>) -> Result<Option<String>, ApiError> {
    let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    if token.as_ref().is_some_and(|t| t.len() > MAX_TOKEN_BYTES || t.chars().any(char::is_whitespace)) {
        return Err(ApiError::params(format!("expected a token of at most {MAX_TOKEN_BYTES} characters")));
    }
    Ok(token)
}

fn problem(finding: Finding, with_token: bool) -> Option<(&'static str, &'static str)> {
    Some(match finding {
        Finding::Serves => return None,
        Finding::NotReached => ("relay_not_reached", "Nobody answers at this address within ten seconds."),
        Finding::OtherPeer => {
            ("relay_other_peer", "Another answers there than the address names: its id, after /p2p/, differs.")
        }
        Finding::NoRelay => ("no_relay_there", "Whoever answers there is no relay of OmniScope."),
        Finding::Silent => ("relay_silent", "It took the connection and then said nothing."),
        Finding::Busy => ("busy", "Other tests are under way. Try again in a moment."),
        Finding::Refused(Refusal::Token) if with_token => {
            ("token_refused", "It answers, and does not take this token: it is mistyped or used up.")
        }
        Finding::Refused(Refusal::Token) => {
            ("token_refused", "It answers. For a workspace that it does not keep yet it asks for a registration token.")
        }
        Finding::Refused(Refusal::Full) => ("relay_full", "It answers, and has no room for another workspace."),
        Finding::Refused(Refusal::Blocked) => ("blocked", "It answers; its operator shut this device out."),
        Finding::Refused(why) => (why.code(), "It answers, and cannot serve this device now."),
    })
}
