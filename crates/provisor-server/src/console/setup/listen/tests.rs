//! Stories of entries, each with what the listener makes of it.

use provisor_store::{
    Cause, ConnectionId, RequestId,
    log::{Body, Entry, Operation},
};

use super::*;
use crate::console::setup::guide::Guide;

fn request(number: i64, operation: Operation, status: u16) -> Entry {
    Entry {
        connection: Some(ConnectionId(1)),
        client: "Okta SCIM Client 1.0.0".into(),
        ..Entry::new(RequestId([0; 16]), number, operation, status)
    }
}

/// One entry from a line: operation, status, and what else is known.
fn entry(number: usize, line: &str) -> Entry {
    let words: Vec<&str> = line.split(' ').collect();
    let operation = Operation::named(words[0]).unwrap();
    let at = i64::try_from(number).unwrap();
    let mut entry = request(at, operation, words[1].parse().unwrap());
    for word in &words[2..] {
        match *word {
            "User" | "Group" => entry.resource_type = Some((*word).to_owned()),
            "stranger" => entry.connection = None,
            "inactive" => entry.response_body = Body::new(br#"{"active":false}"#, 100),
            "active" => entry.response_body = Body::new(br#"{"active":true}"#, 100),
            sent if sent.starts_with('{') => {
                entry.request_body = Body::new(sent.as_bytes(), 100);
            }
            path if path.starts_with('/') => entry.path = path.to_owned(),
            cause => entry.cause = Some(Cause::from_code(cause).unwrap()),
        }
    }
    entry
}

/// The signs of the six steps.
fn signs(story: &[&str]) -> String {
    heard(story)
        .steps
        .iter()
        .map(|s| s.state.sign().0)
        .collect()
}

fn heard(story: &[&str]) -> Listening {
    let entries: Vec<Entry> = story
        .iter()
        .enumerate()
        .map(|(n, line)| entry(n, line))
        .collect();
    listen(&entries, &Guide::of("okta").words)
}

#[test]
fn steps_are_ticked_off_in_any_order_they_come() {
    for (story, expected) in [
        (&[][..], "…–––––"),
        (&["list 200 User"], "✓✓✓…––"),
        (
            &["list 200 User", "lookup 200 User", "create 201 User"],
            "✓✓✓✓…–",
        ),
        // A profile change that leaves the user active deactivates nobody.
        (
            &[
                "list 200 User",
                "create 201 User",
                "replace 200 User active",
            ],
            "✓✓✓✓…–",
        ),
        (
            &[
                "list 200 User",
                "create 201 User",
                "replace 200 User inactive",
            ],
            "✓✓✓✓✓…",
        ),
        (
            &[
                "list 200 User",
                "create 201 User",
                "patch 200 User inactive",
            ],
            "✓✓✓✓✓…",
        ),
        // A PATCH of nothing but `active` is answered without a body (okta-catalog-app, entra-default).
        (
            &[
                "list 200 User",
                "create 201 User",
                r#"patch 204 User {"Operations":[{"op":"replace","value":{"active":false}}]}"#,
            ],
            "✓✓✓✓✓…",
        ),
        (
            &[
                "list 200 User",
                "create 201 User",
                r#"patch 204 User {"Operations":[{"op":"Replace","path":"active","value":"False"}]}"#,
            ],
            "✓✓✓✓✓…",
        ),
        (
            &[
                "list 200 User",
                "create 201 User",
                r#"patch 204 User {"Operations":[{"op":"replace","value":{"active":true}}]}"#,
            ],
            "✓✓✓✓…–",
        ),
        (
            &["list 200 User", "create 201 User", "delete 204 User"],
            "✓✓✓✓✓…",
        ),
        (&["list 200 User", "create 201 Group"], "✓✓✓…–✓"),
        (
            &[
                "list 200 User",
                "create 201 User",
                "delete 204 User",
                "create 201 Group",
            ],
            "✓✓✓✓✓✓",
        ),
        // A stranger's wrong token does not undo what a good one did.
        (
            &["list 200 User", "list 401 stranger token_unknown"],
            "✓✓✓…––",
        ),
        // A team's removal is no deactivation.
        (
            &["list 200 User", "create 201 User", "delete 204 Group"],
            "✓✓✓✓…–",
        ),
    ] {
        assert_eq!(signs(story), expected, "{story:?}");
    }
}

#[test]
fn what_goes_wrong_has_cause_and_fix() {
    for (story, signs_expected, cause, fix) in [
        (
            &["get 404 base_url_wrong /t/acme/scim/v2/Users/Users"][..],
            "✓✓!–––",
            "base_url_wrong",
            "End SCIM connector base URL at /scim/v2, without /Users",
        ),
        (
            &["get 404 not_found /t/acme/scim/v2/Users/Users"],
            "✓✓!–––",
            "base_url_wrong",
            "without /Users",
        ),
        (
            &["other 405 method_not_allowed /scim/v2/Users/Groups"],
            "✓✓!–––",
            "base_url_wrong",
            "without /Users",
        ),
        (
            &["list 401 stranger token_unknown"],
            "✓!––––",
            "token_unknown",
            "Paste a token of this connection at Authorization",
        ),
        (
            &["list 401 stranger token_wrong_tenant"],
            "✓!––––",
            "token_wrong_tenant",
            "Paste a token of this connection",
        ),
        (
            &["list 401 stranger no_credentials"],
            "✓!––––",
            "no_credentials",
            "Paste the token at Authorization",
        ),
        (
            &["list 200 User", "list 401 stranger token_expired"],
            "✓!✓–––",
            "token_expired",
            "Make a new token",
        ),
        (
            &["list 200 User", "lookup 503 connection_paused"],
            "✓!✓–––",
            "connection_paused",
            "Resume the connection",
        ),
        (
            &["list 200 User", "create 400 User domain_not_allowed"],
            "✓✓✓!––",
            "domain_not_allowed",
            "have its domain added",
        ),
        (
            &["lookup 400 invalid_filter"],
            "✓✓!–––",
            "invalid_filter",
            "Look at Unique identifier field for users",
        ),
    ] {
        assert_eq!(signs(story), signs_expected, "{story:?}");
        let heard = heard(story);
        assert_eq!(heard.troubles[0].cause, cause, "{story:?}");
        assert!(heard.troubles[0].fix.contains(fix), "{:?}", heard.troubles);
    }
}

#[test]
fn a_mistake_that_was_corrected_is_ticked_off() {
    let story = [
        "list 401 stranger token_unknown",
        "list 404 base_url_wrong /x",
        "list 200 User",
        "create 400 User domain_not_allowed",
        "create 201 User",
    ];
    assert_eq!(signs(&story), "✓✓✓✓…–");
    let causes: Vec<_> = heard(&story).troubles.iter().map(|t| t.cause).collect();
    assert_eq!(
        causes,
        ["domain_not_allowed", "base_url_wrong", "token_unknown"]
    );
}

#[test]
fn the_same_trouble_is_told_once_with_its_number() {
    let heard = heard(&[
        "list 401 stranger token_unknown",
        "list 401 stranger token_unknown",
    ]);
    assert_eq!(heard.troubles.len(), 1);
    assert_eq!((heard.troubles[0].count, heard.troubles[0].at), (2, 1));
}
