//! Request bodies: bounded in size and time.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use provisor_store::Cause;
use scim::{Kind, Map, Value, json};

use super::{Call, answer::Failure, negotiate};

/// Reads the body into one JSON object; the exchange keeps the bytes for the log.
///
/// Errors: 413, 415, 400 `invalidSyntax`, and 400 for a client that stops sending.
pub(crate) async fn object(
    call: &mut Call<'_>,
    limit: usize,
) -> Result<Map<String, Value>, Failure> {
    negotiate::content_type(call.request.headers())?;
    let time = call.app.settings.body_timeout;
    let reading = collect(call.request.body_mut(), limit);
    let bytes = tokio::time::timeout(time, reading)
        .await
        .unwrap_or_else(|_| {
            Err(Failure::new(
                Cause::InvalidSyntax,
                Kind::InvalidSyntax,
                format!(
                    "The body did not arrive within {} s. Send it again.",
                    time.as_secs()
                ),
            ))
        })?;
    call.exchange.request_body = bytes.clone();
    Ok(json::parse_object(&bytes)?)
}

async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, Failure> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(too_large(limit));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a body could not be read");
            Failure::new(
                Cause::InvalidSyntax,
                Kind::InvalidSyntax,
                "The body could not be read to its end. Send it again.",
            )
        })?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            if whole.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        Cause::PayloadTooLarge,
        Kind::PayloadTooLarge,
        format!("The body is larger than {limit} bytes, the limit here. Send less at a time."),
    )
}
