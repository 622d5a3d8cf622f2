//! Pages: `?limit=…&after=…` in, `{"data": […], "next": …}` out.

use scim::Value;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, ApiError};
use crate::Settings;

/// An answer ends early, with at least one item, when it grows beyond this many bytes.
pub(crate) const MAX_ANSWER: usize = 8 << 20;

/// The parameters of a list without filters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<String>,
}

/// The size of a page. Errors: 400 naming the bounds.
pub(crate) fn size(limit: Option<usize>, settings: &Settings) -> Result<usize, ApiError> {
    let max = settings.max_page.max(1);
    match limit {
        None => Ok(settings.default_page.clamp(1, max)),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(limit) => Err(ApiError::invalid(format!(
            "\"limit\" is {limit}; it must be between 1 and {max}."
        ))),
    }
}

/// One page; `next` goes into `after` for the following one.
pub(crate) fn answer(data: Vec<Value>, next: Option<String>) -> Answer {
    Answer::ok(json!({ "data": data, "next": next }))
}

/// Cuts a page out of a list that is short enough to be held, ordered by `key`.
pub(crate) fn cut<T, K: PartialOrd>(
    mut items: Vec<T>,
    after: Option<K>,
    size: usize,
    key: impl Fn(&T) -> K,
) -> (Vec<T>, Option<K>) {
    if let Some(after) = after {
        items.retain(|item| key(item) > after);
    }
    let more = items.len() > size;
    items.truncate(size);
    let next = if more { items.last().map(&key) } else { None };
    (items, next)
}

/// 400 for an `after` that no page has handed out.
pub(crate) fn bad_after(after: &str) -> ApiError {
    ApiError::new(
        axum::http::StatusCode::BAD_REQUEST,
        provisor_store::Cause::InvalidCursor,
        format!(
            "\"after\" is \"{after}\", which no page of this list ends with. Leave it out to start \
             again, or send the \"next\" of the page before."
        ),
    )
}
