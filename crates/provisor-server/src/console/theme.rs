//! `/theme`: light, dark, or as the system has it; kept in a cookie.

use axum::{http::header::SET_COOKIE, response::Response};

use super::{Problem, asked::Asked, layout, sign_in::local};

/// A year, in seconds.
pub(super) const YEAR: i64 = 365 * 86_400;

/// Sets the looks and comes back.
pub(super) async fn choose(asked: Asked) -> Result<Response, Problem> {
    let theme = layout::theme(asked.form.get("theme"));
    let cookie = asked.channel.cookie("theme", theme, Some(YEAR));
    let mut response = asked.go(local(asked.form.get("to")), None);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}
