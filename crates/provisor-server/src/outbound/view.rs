//! How targets, their objects and the lines of their logs look: in JSON, and in words.

use provisor_store::target::{Target, TargetCounts, TargetEntry, TargetObject};
use scim::{Value, datetime::format_millis};
use serde::Deserialize;
use serde_json::json;

use super::{
    progress::Pushed,
    settings::{AuthMode, TargetSettings},
};

/// A target with what is to do there; `behind` counts the events that were not looked at yet.
pub fn target(target: &Target, counts: &TargetCounts, behind: i64) -> Value {
    let time = |at: i64| (at > 0).then(|| format_millis(at));
    let both = |counts: [u64; 2]| json!({ "users": counts[0], "teams": counts[1] });
    json!({
        "name": target.name,
        "state": state(target),
        // Read and written again, so that what was kept as `header` is shown as `bearer`.
        "settings": TargetSettings::of(target).map_or_else(|_| target.settings.clone(), |settings| settings.to_json()),
        "credentials": target.credentials.is_some(),
        "linked": both(counts.linked),
        "events_behind": behind,
        "due": both(counts.due),
        "troubled": both(counts.troubled),
        "last_run": time(target.ran),
        // A new target counts as compared when it was made.
        "last_comparison": time(target.compared).filter(|_| target.compared > target.created),
        "outcome": outcome(target),
        "created": format_millis(target.created),
    })
}

/// `active` or `paused`; a target fed from files does nothing by itself.
pub fn state(target: &Target) -> &'static str {
    match (target.is_fed_from_files(), target.active) {
        (true, _) => "on request",
        (false, true) => "active",
        (false, false) => "paused",
    }
}

/// How the last run ended.
pub fn outcome(target: &Target) -> &str {
    match (target.ran, target.outcome.as_str()) {
        (0, _) => "never run",
        (_, "") => "ok",
        (_, outcome) => outcome,
    }
}

/// What is pushed there, in words.
pub fn pushes(settings: &TargetSettings) -> String {
    let mut parts = vec![
        (settings.create, "new users"),
        (settings.update, "profile updates"),
        (settings.deactivate, "deactivation"),
        (settings.teams, "teams"),
    ];
    parts.retain(|(on, _)| *on);
    let parts: Vec<&str> = parts.into_iter().map(|(_, name)| name).collect();
    parts.join(", ")
}

/// How it is signed in to, in words.
pub fn auth(mode: &AuthMode) -> String {
    match mode {
        AuthMode::Bearer => "bearer token".to_owned(),
        AuthMode::Raw => "secret alone in the header".to_owned(),
        AuthMode::Basic { user } => format!("basic, user {user}"),
        AuthMode::Oauth {
            token_url,
            client_id,
            ..
        } => {
            format!("OAuth 2 client credentials, client {client_id}, tokens from {token_url}")
        }
    }
}

/// A line of a log.
pub fn entry(entry: &TargetEntry) -> Value {
    json!({
        "n": entry.n,
        "at": format_millis(entry.at),
        "kind": entry.kind.as_str(),
        "id": entry.local,
        "name": entry.label,
        "action": entry.action,
        "ok": entry.ok,
        "status": entry.status,
        "detail": entry.detail,
    })
}

/// A user or team and its double.
pub fn object(object: &TargetObject) -> Value {
    json!({
        "kind": object.kind.as_str(),
        "id": object.local,
        "name": object.label,
        "state": object.state(),
        "remote": object.remote,
        "due": object.due.map(format_millis),
        "attempts": object.attempts,
        "error": object.error,
    })
}

/// What a run came to, in words; nothing if it came to nothing.
pub fn counts(pushed: &Pushed) -> String {
    let counts = pushed.news().into_iter();
    let counts = counts.map(|(name, count)| format!("{count} {}", name.replace('_', " ")));
    counts.collect::<Vec<_>>().join(", ")
}

/// What a line of the log says beyond its action.
pub fn words(detail: &Value) -> String {
    let mut parts = Vec::new();
    let text = |name: &str| {
        detail[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    parts.extend(text("reason"));
    parts.extend(text("unseen"));
    let names = detail["attributes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let names: Vec<&str> = names.collect();
    if !names.is_empty() {
        parts.push(names.join(", "));
    }
    for (name, what) in [
        ("members", "members"),
        ("added", "members added"),
        ("removed", "members removed"),
        ("members_added_there", "members added there"),
        ("members_removed_there", "members removed there"),
    ] {
        if let Some(count) = detail[name].as_u64().filter(|count| *count > 0) {
            parts.push(format!("{count} {what}"));
        }
    }
    if let Some(attempts) = detail["attempts"].as_u64().filter(|attempts| *attempts > 1) {
        parts.push(format!(
            "after {attempts} attempts, with a search before each"
        ));
    }
    if let Ok(pushed) = Pushed::deserialize(&detail["counts"]) {
        parts.push(counts(&pushed));
    }
    parts.extend(text("next"));
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_a_sentence() {
        assert_eq!(
            words(&json!({ "attributes": ["userName", "title"], "attempts": 2 })),
            "userName, title; after 2 attempts, with a search before each"
        );
        assert_eq!(
            words(
                &json!({ "reason": "the target answered 500", "attempt": 1, "next": "tried again from 12:00" })
            ),
            "the target answered 500; tried again from 12:00"
        );
        assert_eq!(
            words(
                &json!({ "counts": { "deleted": 1, "created": 3, "looked_at": 9, "requests": 14 }, "reason": "" })
            ),
            "3 created, 1 deleted"
        );
    }
}
