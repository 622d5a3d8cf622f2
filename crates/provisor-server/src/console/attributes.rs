//! A resource's attributes as pages show them: by schema, each with its path.

use provisor_store::Stored;
use scim::{Map, Value, datetime::format_millis, project};
use serde_json::json;

use super::{Problem, timeline::short};

/// Lines of a schema that are shown; a resource may have very many.
const LINES: usize = 200;
/// Bytes of the JSON that are shown.
const TEXT: usize = 64 << 10;

/// Attributes of one schema.
pub(super) struct Group {
    /// The schema's name.
    pub(super) title: String,
    pub(super) urn: String,
    /// Paths with values.
    pub(super) lines: Vec<(String, String)>,
}

/// All attributes, as stored.
pub(super) fn all(stored: &Stored) -> Result<Map<String, Value>, Problem> {
    let object = |bytes: &[u8]| {
        serde_json::from_slice::<Map<String, Value>>(bytes)
            .map_err(|error| Problem::internal(&error))
    };
    let rest = stored.rest.as_deref().map(object).transpose()?;
    Ok(project::join(object(&stored.document)?, rest))
}

/// The core schema first, then each extension.
pub(super) fn groups(stored: &Stored, attributes: &Map<String, Value>) -> Vec<Group> {
    let kind = &stored.kind;
    let mut core = Group {
        title: kind.schema.name.clone(),
        urn: kind.schema.id.clone(),
        lines: Vec::new(),
    };
    let mut extensions = Vec::new();
    for (name, value) in attributes {
        match (kind.extension(name), value) {
            _ if name == "schemas" => {}
            (Some(extension), Value::Object(inner)) => {
                let mut group = Group {
                    title: extension.schema.name.clone(),
                    urn: extension.schema.id.clone(),
                    lines: Vec::new(),
                };
                for (name, value) in inner {
                    lines(name, value, &mut group.lines);
                }
                extensions.push(group);
            }
            _ => lines(name, value, &mut core.lines),
        }
    }
    let mut groups = vec![core];
    groups.extend(extensions);
    for group in &mut groups {
        let more = group.lines.len().saturating_sub(LINES);
        group.lines.truncate(LINES);
        if more > 0 {
            let told = format!("{more} more values; the command line shows all");
            group.lines.push(("…".to_owned(), told));
        }
    }
    groups
}

fn lines(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                lines(&format!("{path}.{name}"), value, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push((path.to_owned(), element(item)));
            }
        }
        other => out.push((path.to_owned(), plain(other))),
    }
}

/// `lena@acme.com (work, primary)`.
fn element(value: &Value) -> String {
    let Value::Object(map) = value else {
        return plain(value);
    };
    let main = ["value", "formatted", "display"]
        .iter()
        .find_map(|name| map.get_key_value(*name));
    let rest = map
        .iter()
        .filter(|(name, _)| main.is_none_or(|(main, _)| main != *name))
        .filter(|(_, value)| **value != Value::Bool(false))
        .map(|(name, value)| match value {
            Value::Bool(true) => name.clone(),
            value if name == "type" => plain(value),
            value => format!("{name}: {}", plain(value)),
        });
    let rest: Vec<String> = rest.collect();
    match main {
        Some((_, value)) if rest.is_empty() => plain(value),
        Some((_, value)) => format!("{} ({})", plain(value), rest.join(", ")),
        None => rest.join(", "),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => short(text),
        other => short(&other.to_string()),
    }
}

/// The resource as a SCIM client reads it, but for the address in `meta.location`.
pub(super) fn json_text(stored: &Stored, attributes: Map<String, Value>, groups: Value) -> String {
    let mut resource = attributes;
    resource.insert("id".into(), stored.id.to_string().into());
    if groups.as_array().is_some_and(|groups| !groups.is_empty()) {
        resource.insert("groups".into(), groups);
    }
    let meta = json!({
        "resourceType": stored.kind.name,
        "created": format_millis(stored.created),
        "lastModified": format_millis(stored.modified),
        "version": format!("W/\"{}\"", stored.version),
    });
    resource.insert("meta".into(), meta);
    let mut text = serde_json::to_string_pretty(&resource).unwrap_or_default();
    if text.len() > TEXT {
        let whole = text.len();
        text.truncate(text.floor_char_boundary(TEXT));
        text.push_str(&format!(
            "\n… cut: {whole} bytes in all; the command line shows them"
        ));
    }
    text
}
