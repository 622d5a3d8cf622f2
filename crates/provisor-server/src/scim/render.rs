//! Stored resources become answers: spliced from stored bytes where nothing is left out.
//!
//! `base` is the absolute base URL without trailing slash, `https://scim.example.com/scim/v2`.

use provisor_store::{MemberRef, Stored, TeamRef};
use scim::{Map, Value, datetime::format_millis, project::Projection};

/// `W/"7"`: weak, since the bytes of an answer depend on its projection.
pub(crate) fn etag(stored: &Stored) -> String {
    format!("W/\"{}\"", stored.version)
}

/// The absolute URL of a resource.
pub(crate) fn location(base_url: &str, stored: &Stored) -> String {
    format!("{base_url}{}/{}", stored.kind.endpoint, stored.id)
}

/// Appends a resource as the client asked for it.
pub(crate) fn resource(
    out: &mut Vec<u8>,
    base: &str,
    stored: &Stored,
    projection: &Projection,
    just_written: bool,
) {
    if projection.is_default() && !(just_written && stored.rest.is_some()) {
        splice(out, base, stored);
        return;
    }
    let mut whole = whole(base, stored);
    projection.apply(&stored.kind, &mut whole, just_written);
    serde_json::to_writer(out, &whole).expect("a map with text keys is always JSON");
}

/// The stored document with id, derived attributes and meta put in before its last brace.
fn splice(out: &mut Vec<u8>, base: &str, stored: &Stored) {
    let document = stored
        .document
        .strip_suffix(b"}")
        .unwrap_or(&stored.document);
    out.reserve(document.len() + 400);
    out.extend_from_slice(document);
    out.extend_from_slice(b",\"id\":\"");
    stored.id.write(out);
    out.push(b'"');
    if let Some(teams) = stored.teams.as_ref().filter(|teams| !teams.is_empty()) {
        out.extend_from_slice(b",\"groups\":[");
        separated(out, teams, |out, team| group(out, base, team));
        out.push(b']');
    }
    if let Some(members) = stored
        .members
        .as_ref()
        .filter(|members| !members.is_empty())
    {
        out.extend_from_slice(b",\"members\":[");
        out.reserve(members.len() * 170);
        separated(out, members, |out, one| member(out, base, one));
        out.push(b']');
    }
    out.extend_from_slice(b",\"meta\":{\"resourceType\":\"");
    out.extend_from_slice(stored.kind.name.as_bytes());
    out.extend_from_slice(b"\",\"created\":\"");
    out.extend_from_slice(format_millis(stored.created).as_bytes());
    out.extend_from_slice(b"\",\"lastModified\":\"");
    out.extend_from_slice(format_millis(stored.modified).as_bytes());
    out.extend_from_slice(b"\",\"location\":\"");
    out.extend_from_slice(base.as_bytes());
    out.extend_from_slice(stored.kind.endpoint.as_bytes());
    out.push(b'/');
    stored.id.write(out);
    out.extend_from_slice(b"\",\"version\":\"W/\\\"");
    out.extend_from_slice(stored.version.to_string().as_bytes());
    out.extend_from_slice(b"\\\"\"}}");
}

fn separated<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

fn group(out: &mut Vec<u8>, base: &str, team: &TeamRef) {
    out.extend_from_slice(b"{\"value\":\"");
    team.id.write(out);
    out.extend_from_slice(b"\",\"$ref\":\"");
    out.extend_from_slice(base.as_bytes());
    out.extend_from_slice(b"/Groups/");
    team.id.write(out);
    out.extend_from_slice(b"\",\"display\":");
    text(out, &team.display);
    out.extend_from_slice(match team.direct {
        true => b",\"type\":\"direct\"}" as &[u8],
        false => b",\"type\":\"indirect\"}",
    });
}

fn member(out: &mut Vec<u8>, base: &str, member: &MemberRef) {
    out.extend_from_slice(b"{\"value\":\"");
    member.id.write(out);
    out.extend_from_slice(b"\",\"$ref\":\"");
    out.extend_from_slice(base.as_bytes());
    out.extend_from_slice(if member.is_team {
        b"/Groups/" as &[u8]
    } else {
        b"/Users/"
    });
    member.id.write(out);
    out.extend_from_slice(match member.is_team {
        true => b"\",\"type\":\"Group\",\"display\":" as &[u8],
        false => b"\",\"type\":\"User\",\"display\":",
    });
    text(out, member.label());
    out.push(b'}');
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is always JSON");
}

/// The whole resource as a map.
pub(crate) fn whole(base: &str, stored: &Stored) -> Map<String, Value> {
    let mut bytes = Vec::new();
    splice(&mut bytes, base, stored);
    // What was just spliced together from stored JSON parses; a damaged row shows as empty.
    let map = serde_json::from_slice(&bytes).unwrap_or_default();
    let rest = stored
        .rest
        .as_deref()
        .and_then(|rest| serde_json::from_slice(rest).ok());
    scim::project::join(map, rest)
}
