//! Who may ask: requests with the token, from programs of this user.
//!
//! A page in a browser could be made to send requests here, under a name of its own that it lets resolve to this
//! machine, or from another site. Neither has the token; both are refused before it is even looked at: `Host` must be
//! an address (or `localhost`), which no foreign name can pass for, and `Origin`, which only browsers send, must be
//! this server's own.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::answer::Refused;

/// Lets a request through, or says why not.
pub(super) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if let Err(refused) = known_place(request.headers()) {
        return refused.into_response();
    }
    if !bearer(request.headers()).is_some_and(|given| shared.token.is(given)) {
        let message = "expected the header `Authorization: Bearer TOKEN` with the token in the file http-token in the \
                       data folder";
        let mut response = Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response();
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    next.run(request).await
}

fn known_place(headers: &HeaderMap) -> Result<(), Refused> {
    let forbidden = |code, message: &str| Err(Refused::new(StatusCode::FORBIDDEN, code, message));
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next().and_then(|h| h.to_str().ok()), hosts.next()) {
        (Some(host), None) if is_address(host) => host,
        _ => return forbidden("bad_host", "expected the server's IP address or localhost as the header Host"),
    };
    for origin in headers.get_all(ORIGIN) {
        let own = origin.to_str().is_ok_and(|o| o.strip_prefix("http://").is_some_and(|o| o == host));
        if !own {
            return forbidden("bad_origin", "pages of other sites may not ask this server");
        }
    }
    Ok(())
}

/// Whether a `Host` is an IP address or `localhost`, with or without a port.
fn is_address(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let v6 = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    match v6 {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn code(all: &[(&'static str, &'static str)]) -> Option<String> {
        known_place(&headers(all)).err().map(|refused| refused.code)
    }

    #[test]
    fn names_that_could_be_rebound_are_refused() {
        for host in ["127.0.0.1:80", "127.0.0.1", "[::1]:8330", "[::1]", "LocalHost:1", "192.168.1.7:99"] {
            assert_eq!(code(&[("host", host)]), None, "{host}");
        }
        for host in ["evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "", ":80", "[x]:1", "::1"] {
            assert_eq!(code(&[("host", host)]).as_deref(), Some("bad_host"), "{host}");
        }
        assert_eq!(code(&[]).as_deref(), Some("bad_host"));
        assert_eq!(code(&[("host", "localhost"), ("host", "evil.example")]).as_deref(), Some("bad_host"));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert_eq!(code(&[("host", "localhost:1"), ("origin", "http://localhost:1")]), None);
        for origin in ["http://localhost:2", "https://localhost:1", "null", "http://evil.example"] {
            assert_eq!(code(&[("host", "localhost:1"), ("origin", origin)]).as_deref(), Some("bad_origin"), "{origin}");
        }
    }

    #[test]
    fn the_token_is_read_from_one_kind_of_header() {
        assert_eq!(bearer(&headers(&[("authorization", "Bearer abc")])), Some(&b"abc"[..]));
        assert_eq!(bearer(&headers(&[("authorization", "bearer abc")])), Some(&b"abc"[..]));
        for bad in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(bearer(&headers(&[("authorization", bad)])), None, "{bad}");
        }
    }
}
