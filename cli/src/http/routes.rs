//! The fourteen routes: path and body into one verb of the engine, its answer into JSON.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{any, delete, get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::{PREFIX, Shared, guard, socket};

/// Longest body. Only names and settings come this way.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Longest wait that a body may ask for, in milliseconds; a connection ends after a longer silence.
const MAX_WAIT_MS: u64 = 60_000;

/// All routes, behind the guard.
pub(super) fn router(shared: Shared) -> Router {
    let of_workspace = Router::new()
        .route("/", get(show).put(update).delete(remove))
        .route("/invite", post(invite))
        .route("/leave", delete(leave))
        .route("/members", get(members))
        .route("/state", get(state))
        .route("/state/sync", post(sync))
        .route("/state/persist", post(persist))
        .route("/snapshot", post(snapshot))
        .route("/presence", get(presence))
        .route("/online-users", get(online_users))
        .route("/events", any(socket::of_workspace));
    let all = Router::new()
        .route("/workspace/create", post(create))
        .route("/workspace/list", get(list))
        .route("/events", any(socket::of_all))
        .nest("/workspace/{id}", of_workspace);
    Router::new()
        .nest(PREFIX, all)
        .fallback(async || Refused::new(StatusCode::NOT_FOUND, "no_such_route", "there is no such route"))
        .method_not_allowed_fallback(async || {
            let message = "this route takes another method";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}

type Body = Result<Bytes, BytesRejection>;

/// A body as an object; none is an empty one.
fn object(body: Body) -> Result<Value, Refused> {
    let bytes = body.map_err(|e| {
        let status = e.status();
        let message = format!("expected a body of at most {MAX_BODY_BYTES} bytes: {}", e.body_text());
        Refused::new(status, if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "bad_body" }, message)
    })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    let bad = |message: String| Refused::new(StatusCode::BAD_REQUEST, "bad_json", message);
    match serde_json::from_slice(&bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(bad("expected a JSON object as body".into())),
        Err(error) => Err(bad(format!("expected a JSON object as body: {error}"))),
    }
}

/// A body with the workspace of the path.
fn object_of(id: String, body: Body) -> Result<Value, Refused> {
    let mut params = object(body)?;
    if params.get("workspace").is_some() {
        let message = "the path names the workspace; expected no field `workspace` in the body";
        return Err(Refused::new(StatusCode::BAD_REQUEST, "bad_params", message));
    }
    params["workspace"] = Value::String(id);
    Ok(params)
}

async fn call(shared: &Shared, status: StatusCode, method: &str, params: Value) -> Answer {
    Ok((status, Json(shared.engine.call(method, params).await?)))
}

async fn create(State(shared): State<Shared>, body: Body) -> Answer {
    call(&shared, StatusCode::CREATED, "workspace.create", object(body)?).await
}

async fn list(State(shared): State<Shared>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.list", json!({})).await
}

async fn show(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.show", json!({"workspace": id})).await
}

async fn update(State(shared): State<Shared>, Path(id): Path<String>, body: Body) -> Answer {
    call(&shared, StatusCode::OK, "workspace.update", object_of(id, body)?).await
}

async fn remove(State(shared): State<Shared>, Path(id): Path<String>, body: Body) -> Answer {
    call(&shared, StatusCode::OK, "workspace.delete", object_of(id, body)?).await
}

async fn invite(State(shared): State<Shared>, Path(id): Path<String>, body: Body) -> Answer {
    call(&shared, StatusCode::CREATED, "invite.create", object_of(id, body)?).await
}

async fn leave(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.leave", json!({"workspace": id})).await
}

async fn members(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.members", json!({"workspace": id})).await
}

async fn state(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.state", json!({"workspace": id})).await
}

async fn sync(State(shared): State<Shared>, Path(id): Path<String>, body: Body) -> Answer {
    let params = object_of(id, body)?;
    if params["wait_ms"].as_u64().is_some_and(|wait| wait > MAX_WAIT_MS) {
        let message = format!("expected a wait_ms of at most {MAX_WAIT_MS}");
        return Err(Refused::new(StatusCode::BAD_REQUEST, "bad_params", message));
    }
    call(&shared, StatusCode::OK, "workspace.sync", params).await
}

async fn persist(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.persist", json!({"workspace": id})).await
}

async fn snapshot(State(shared): State<Shared>, Path(id): Path<String>, body: Body) -> Answer {
    call(&shared, StatusCode::CREATED, "version.create", object_of(id, body)?).await
}

async fn presence(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.presence", json!({"workspace": id})).await
}

async fn online_users(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    call(&shared, StatusCode::OK, "workspace.online", json!({"workspace": id})).await
}
