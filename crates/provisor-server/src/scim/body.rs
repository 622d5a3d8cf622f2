//! Request bodies: bounded in size, time and memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use provisor_store::{Cause, TenantId};
use scim::{Error, Kind, Map, Value, json};

use super::{Call, answer::Failure, negotiate};
use crate::body_memory::{BodyMemory, RETRY_AFTER, Room};

/// Reads the body into one JSON object; the exchange keeps the bytes for the log.
///
/// Errors: 413, 415, 400 `invalidSyntax`, 400 for a client that stops sending, and 503 if other
/// bodies take all the memory there is for them.
pub(crate) async fn object(
    call: &mut Call<'_>,
    limit: usize,
) -> Result<Map<String, Value>, Failure> {
    negotiate::content_type(call.request.headers())?;
    let Some(mut body) = call.body.take() else {
        return Err(Error::new(Kind::Internal, "A body was to be read twice.").into());
    };
    let announced = body.size_hint().lower();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(limit));
    }
    let time = call.app.settings.body_timeout;
    let tenant = call.caller.tenant_id();
    let read = match call.app.bodies.reserve(tenant, announced).await {
        Some(room) => {
            call.exchange.room = room;
            let room = &mut call.exchange.room;
            let reading = collect(
                &mut body,
                limit,
                announced,
                (&call.app.bodies, tenant),
                room,
            );
            tokio::time::timeout(time, reading)
                .await
                .unwrap_or_else(|_| Err(too_slow(time)))
        }
        None => Err(no_room()),
    };
    if let Err(Failure {
        cause: Cause::Overloaded,
        ..
    }) = &read
    {
        // A client that is still sending might not see an answer if the connection were closed on it.
        tokio::spawn(tokio::time::timeout(time, discard(body, limit)));
    }
    let bytes = read?;
    call.exchange.request_body = bytes.clone();
    Ok(json::parse_object(&bytes)?)
}

async fn collect(
    body: &mut Incoming,
    limit: usize,
    announced: usize,
    (bodies, tenant): (&BodyMemory, TenantId),
    room: &mut Room,
) -> Result<Bytes, Failure> {
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
            let length = whole.len() + data.len();
            if length > limit {
                return Err(too_large(limit));
            }
            if !room.holds(length) && !bodies.grow(tenant, room, length) {
                return Err(no_room());
            }
            if whole.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            if whole.is_empty() {
                whole.reserve(announced);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// Reads what is left of a body that nobody wants.
async fn discard(mut body: Incoming, limit: usize) {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await
        && length <= limit
    {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
}

fn too_slow(time: Duration) -> Failure {
    Failure::new(
        Cause::InvalidSyntax,
        Kind::InvalidSyntax,
        format!(
            "The body did not arrive within {} s. Send it again.",
            time.as_secs()
        ),
    )
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        Cause::PayloadTooLarge,
        Kind::PayloadTooLarge,
        format!("The body is larger than {limit} bytes, the limit here. Send less at a time."),
    )
}

fn no_room() -> Failure {
    Failure::new(
        Cause::Overloaded,
        Kind::Unavailable,
        "The server is at work on as many large requests as it has memory for. Nothing was changed; \
         try again in a moment.",
    )
    .retry_after(RETRY_AFTER)
}
