//! How the app sees what the store keeps: users, teams, events and settings as JSON.
//!
//! The API, the event feed and the command line all answer with these shapes. Every key is
//! always there; what is not known is `null`.

use provisor_store::{
    AuditEntry, Connection, Event, MemberRef, Scope, Stored, TeamRef, Tenant, TokenKind,
    TokenRecord,
    event::EventKind,
    log::{Body, Entry},
};
use scim::{Map, Value, datetime::format_millis};
use serde_json::json;

/// A tenant.
pub fn tenant(tenant: &Tenant) -> Value {
    json!({
        "key": tenant.key,
        "slug": tenant.slug,
        "name": tenant.name,
        "state": tenant.state.as_str(),
        "created": format_millis(tenant.created),
        "simulated": tenant.simulated,
    })
}

/// A connection.
pub fn connection(connection: &Connection) -> Value {
    json!({
        "name": connection.name,
        "idp": connection.idp,
        "profile": connection.profile.name,
        "identifier": connection.identifier.as_str(),
        "domains": connection.domains,
        "reactivation": connection.reactivation,
        "unique_team_names": connection.unique_team_names,
        "paused": connection.paused,
        "log_days": connection.log_days,
        "log_body_days": connection.log_body_days,
        "created": format_millis(connection.created),
    })
}

/// A token without its secret, with the name of its connection, as of `now` (milliseconds since 1970).
pub fn token(token: &TokenRecord, connection: Option<&str>, now: i64) -> Value {
    let state = match (token.revoked, token.expires) {
        (Some(_), _) => "revoked",
        (None, Some(expires)) if expires <= now => "expired",
        _ => "active",
    };
    json!({
        "id": format!("tok_{}", token.id),
        "kind": match token.kind {
            TokenKind::Scim => "scim",
            TokenKind::Api => "api",
        },
        "state": state,
        "connection": connection,
        "purpose": token.purpose,
        "scopes": token.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "last4": token.last4,
        "addresses": token.addresses,
        "created": format_millis(token.created),
        "created_by": token.created_by,
        "expires": token.expires.map(format_millis),
        "revoked": token.revoked.map(format_millis),
        "last_used": token.last_used.as_ref().map(|last| json!({
            "at": format_millis(last.at),
            "address": last.address,
            "client": last.client,
        })),
    })
}

/// A stored user, team or custom resource.
pub fn resource(stored: &Stored) -> Value {
    let document = serde_json::from_slice(&stored.document).unwrap_or_default();
    let mut view = view(
        &stored.kind.name,
        &stored.id.to_string(),
        document,
        stored.app_id.as_deref(),
    );
    let attributes = view.remove("attributes");
    view.insert("created".into(), format_millis(stored.created).into());
    view.insert("updated".into(), format_millis(stored.modified).into());
    view.insert("version".into(), stored.version.into());
    view.insert("attributes".into(), attributes.unwrap_or_default());
    view.into()
}

/// A member of a team.
pub fn member(member: &MemberRef) -> Value {
    json!({
        "id": member.id.to_string(),
        "type": if member.is_team { "team" } else { "user" },
        "display": member.display,
    })
}

/// A team of a user.
pub fn team_of_user(team: &TeamRef) -> Value {
    json!({ "id": team.id.to_string(), "display_name": team.display, "direct": team.direct })
}

/// An event as the feed delivers it. `changed`, `previous`, `added`, `removed`, `memberships`
/// and `dropped` stand beside `data` where the type calls for them.
pub fn event_envelope(event: &Event, tenant_key: &str) -> Value {
    let mut envelope = Map::new();
    envelope.insert("id".into(), event.id().into());
    envelope.insert("seq".into(), event.seq.into());
    envelope.insert("type".into(), event.type_name().into());
    envelope.insert("timestamp".into(), format_millis(event.at).into());
    envelope.insert("tenant".into(), tenant_key.into());
    envelope.insert("connection".into(), json!(event.connection));
    envelope.insert("data".into(), event_subject(event));
    if let Value::Object(detail) = &event.detail {
        for (name, value) in detail {
            if !envelope.contains_key(name) {
                envelope.insert(name.clone(), value.clone());
            }
        }
    }
    envelope.insert(
        "cause".into(),
        json!({ "request": event.request, "token": event.token, "actor": event.actor }),
    );
    envelope.into()
}

/// A request in the sync log, with the name of its connection. `text` of a body is null where
/// the log keeps, or was asked for, no more than length and hash.
pub fn log_entry(entry: &Entry, connection: Option<&str>) -> Value {
    let tolerances = entry.fired.set.iter().map(|tolerance| {
        let notes = entry.fired.notes.iter();
        let notes = notes.filter(|(of, _)| *of == tolerance);
        let notes: Vec<_> = notes.map(|(_, note)| note).collect();
        json!({ "name": tolerance.as_str(), "notes": notes })
    });
    json!({
        "request": entry.request.to_string(),
        "at": format_millis(entry.at),
        "duration_us": entry.duration_us,
        "connection": connection,
        "token": entry.token.map(|id| format!("tok_{id}")),
        "client": entry.client,
        "address": entry.address,
        "method": entry.method,
        "path": entry.path,
        "query": entry.query,
        "operation": entry.operation.as_str(),
        "resource_type": entry.resource_type,
        "resource": entry.resource.map(|id| id.to_string()),
        "status": entry.status,
        "cause": entry.cause.map(|cause| cause.as_str()),
        "detail": entry.detail,
        "tolerances": tolerances.collect::<Vec<_>>(),
        "events": entry.events.map(|(first, last)| json!({ "first": first, "last": last })),
        "request_body": body(&entry.request_body),
        "response_body": body(&entry.response_body),
    })
}

fn body(body: &Body) -> Value {
    let bytes = body.bytes();
    let text = (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes));
    let hash = body.sha256().map(|hash| {
        let digits = hash.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    });
    json!({
        "kept": body.kept().as_str(),
        "length": body.length(),
        "sha256": hash,
        "text": text,
    })
}

/// The resource as of the event; only its ids after an erasure.
fn event_subject(event: &Event) -> Value {
    let id = event.resource.to_string();
    match &event.document {
        Some(document) if event.kind != EventKind::Erased => view(
            &event.resource_type,
            &id,
            document.clone(),
            event.app_id.as_deref(),
        )
        .into(),
        _ => json!({ "id": id, "app_id": event.app_id }),
    }
}

fn view(kind: &str, id: &str, document: Value, app_id: Option<&str>) -> Map<String, Value> {
    let document = match document {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let text = |name: &str| document.get(name).cloned().unwrap_or_default();
    let mut view = Map::new();
    view.insert("id".into(), id.into());
    match kind {
        "User" => {
            let name = |part: &str| {
                let name = document.get("name");
                name.and_then(|name| name.get(part))
                    .cloned()
                    .unwrap_or_default()
            };
            view.insert("user_name".into(), text("userName"));
            view.insert("external_id".into(), text("externalId"));
            view.insert(
                "email".into(),
                json!(scim::resource::primary_email(&document)),
            );
            view.insert("display_name".into(), text("displayName"));
            view.insert("given_name".into(), name("givenName"));
            view.insert("family_name".into(), name("familyName"));
            view.insert(
                "active".into(),
                document.get("active").cloned().unwrap_or(Value::Bool(true)),
            );
            view.insert("app_id".into(), json!(app_id));
        }
        "Group" => {
            view.insert("display_name".into(), text("displayName"));
            view.insert("external_id".into(), text("externalId"));
        }
        _ => {
            view.insert("resource_type".into(), kind.into());
            view.insert("external_id".into(), text("externalId"));
        }
    }
    view.insert("attributes".into(), document.into());
    view
}

/// One entry of the audit.
pub fn audit_entry(entry: &AuditEntry) -> Value {
    json!({
        "number": entry.id,
        "at": format_millis(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "object": entry.object,
        "tenant": entry.tenant_key,
        "before": entry.before,
        "after": entry.after,
        "address": entry.address,
        "request": entry.request.to_string(),
    })
}
