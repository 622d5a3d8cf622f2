//! How records look: in `--json` as in the API, and as text.

use provisor_store::Stored;
use scim::{Map, Value};

use crate::failure::Failure;

pub(crate) use provisor_server::app_view::{
    audit_entry, connection, event_envelope as event, log_entry, member, resource, team_of_user,
    tenant, token,
};

/// All attributes of a resource, as stored.
pub(crate) fn attributes(stored: &Stored) -> Result<Map<String, Value>, Failure> {
    let object = |bytes: &[u8]| {
        serde_json::from_slice::<Map<String, Value>>(bytes).map_err(|error| {
            Failure::unavailable(format!(
                "The database holds a document of {} that is no JSON ({error}). Run `provisor doctor`.",
                stored.id
            ))
        })
    };
    let rest = stored.rest.as_deref().map(object).transpose()?;
    Ok(scim::project::join(object(&stored.document)?, rest))
}

/// A field of a view as text; empty if there is none.
pub(crate) fn text(view: &Value, field: &str) -> String {
    match view.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.join(" ")
        }
        Some(other) => other.to_string(),
    }
}

/// Several fields of a view as a table's row.
pub(crate) fn row(view: &Value, fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| text(view, field)).collect()
}
