//! Answers in JSON: what a verb gave, or `{"error": {"code", "message"}}` with the status that fits the code.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omniscope_engine::api::ApiError;
use serde_json::{Value, json};

/// A refused request.
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { status: status_of(&error.code), code: error.code, message: error.message }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": {"code": self.code, "message": self.message}}))).into_response()
    }
}

/// What a route gives.
pub(super) type Answer = Result<(StatusCode, Json<Value>), Refused>;

/// The status of a verb's error. Codes that only the machine can be blamed for are 500.
fn status_of(code: &str) -> StatusCode {
    match code {
        "bad_params" | "invalid_value" | "not_a_pipeline" | "not_confirmed" | "not_oneself" | "self_loop" | "cycle" => {
            StatusCode::BAD_REQUEST
        }
        "not_allowed" | "not_member" | "removed" | "senior_owner" => StatusCode::FORBIDDEN,
        "ambiguous" | "id_taken" | "last_owner" => StatusCode::CONFLICT,
        "engine_stopped" | "no_network" => StatusCode::SERVICE_UNAVAILABLE,
        code if code.starts_with("no_such_") => StatusCode::NOT_FOUND,
        code if code.starts_with("link_") => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whose_fault_it_is() {
        assert_eq!(status_of("no_such_workspace"), StatusCode::NOT_FOUND);
        assert_eq!(status_of("not_allowed"), StatusCode::FORBIDDEN);
        assert_eq!(status_of("link_expired"), StatusCode::BAD_REQUEST);
        assert_eq!(status_of("store_failed"), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
