//! `/tenants/{key}/events`: the ordered feed of what changed, pulled by the app.

use serde::Deserialize;

use super::{Answer, ApiError, Call, page};
use crate::app_view;

/// Events held at a time while an answer is written.
const CHUNK: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventQuery {
    limit: Option<usize>,
    after: Option<i64>,
}

pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let query: EventQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let start = query.after.unwrap_or(0);
    if start < 0 {
        return Err(ApiError::invalid(format!(
            "\"after\" is {start}; send the \"next_after\" of the answer before, or 0 to start."
        )));
    }
    let (tenant, key) = (call.tenant_id(), call.tenant()?.key.clone());
    let snapshot = call.snapshot().await?;
    let (mut after, mut left) = (start, size);
    let mut body = br#"{"data":["#.to_vec();
    let last_seq = loop {
        let wanted = left.min(CHUNK);
        let (events, last_seq) = snapshot.events(tenant, after, wanted).await?;
        let complete = events.len() < wanted;
        for event in events {
            if after != start {
                body.push(b',');
            }
            let envelope = app_view::event_envelope(&event, &key);
            serde_json::to_writer(&mut body, &envelope).map_err(|e| ApiError::internal(&e))?;
            (after, left) = (event.seq, left - 1);
            if body.len() >= page::MAX_ANSWER {
                left = 0;
                break;
            }
        }
        if complete || left == 0 {
            break last_seq;
        }
    };
    let end = format!(r#"],"last_seq":{last_seq},"next_after":{after}}}"#);
    body.extend_from_slice(end.as_bytes());
    Ok(Answer::bytes(body))
}
