//! Verdicts, from events and log entries written by hand.

use provisor_store::{
    ConnectionId, Id, Identifier, RequestId, TenantId,
    log::{Entry, Operation},
};
use scim::Profile;

use super::*;

const LENA: &str = "lena@acme.com";
const MINUTE: i64 = 60_000;

fn user(active: bool) -> Stored {
    Stored {
        id: Id([7; 16]),
        kind: scim::Registry::builtin().by_name("User").cloned().unwrap(),
        version: 1,
        created: MINUTE,
        modified: MINUTE,
        document: format!("{{\"userName\":\"{LENA}\",\"active\":{active}}}").into_bytes(),
        rest: None,
        app_id: None,
        left_team: false,
        teams: None,
        members: None,
    }
}

fn event(seq: i64, kind: EventKind, at: i64, connection: Option<&str>) -> Event {
    Event {
        tenant: TenantId(1),
        seq,
        kind,
        resource_type: "User".to_owned(),
        resource: Id([7; 16]),
        at,
        document: None,
        app_id: None,
        detail: Value::Null,
        request: format!("req_{seq}"),
        connection: connection.map(str::to_owned),
        token: connection.map(|_| "tok_3".to_owned()),
        actor: connection.is_none().then(|| "cli:anna".to_owned()),
    }
}

fn request(at: i64, operation: Operation, status: u16, cause: Option<Cause>) -> Logged {
    let mut entry = Entry::new(RequestId([9; 16]), at, operation, status);
    entry.cause = cause;
    Logged { id: at, entry }
}

fn window(gaps: &[GapKind]) -> Window {
    Window {
        from: 0,
        to: 60 * MINUTE,
        gaps: gaps
            .iter()
            .map(|kind| Gap {
                kind: *kind,
                from: MINUTE,
                to: 2 * MINUTE,
                count: Some(3),
            })
            .collect(),
    }
}

fn connection(idp: &str, paused: bool) -> Connection {
    Connection {
        id: ConnectionId(1),
        tenant: TenantId(1),
        name: idp.to_owned(),
        idp: idp.to_owned(),
        profile: Profile::GENERIC,
        identifier: Identifier::UserName,
        domains: Vec::new(),
        reactivation: false,
        unique_team_names: false,
        paused,
        log_days: None,
        log_body_days: None,
        created: 0,
    }
}

/// Facts, the state they make, the cause, since when, and what the sentence must say.
struct Case<'c>(Facts<'c>, State, Option<Cause>, Option<i64>, &'c [&'c str]);

fn check(cases: &[Case<'_>]) {
    for Case(facts, state, cause, since, says) in cases {
        let verdict = Verdict::of(facts);
        assert_eq!(verdict.state, *state, "{verdict:?}");
        assert_eq!(verdict.cause, *cause, "{verdict:?}");
        assert_eq!(verdict.since, *since, "{verdict:?}");
        for part in *says {
            assert!(verdict.sentence.contains(part), "{part}: {verdict:?}");
        }
        assert!(verdict.sentence.contains(LENA) && verdict.sentence.ends_with('.'));
    }
}

#[test]
fn present_users_are_active_or_inactive_since_their_event() {
    let (active, inactive) = (user(true), user(false));
    let created = [event(1, EventKind::Created, 2 * MINUTE, Some("okta"))];
    let back = [
        event(4, EventKind::Updated, 9 * MINUTE, None),
        event(3, EventKind::Reactivated, 8 * MINUTE, Some("okta")),
        event(2, EventKind::Deactivated, 5 * MINUTE, Some("okta")),
        created[0].clone(),
    ];
    let off = [back[2].clone(), created[0].clone()];
    let base = Facts {
        name: LENA,
        ..Facts::default()
    };
    check(&[
        Case(
            Facts {
                user: Some(&active),
                ..base
            },
            State::Active,
            None,
            Some(MINUTE),
            &["active since 1970-01-01T00:01:00.000Z"],
        ),
        Case(
            Facts {
                user: Some(&active),
                events: &back,
                ..base
            },
            State::Active,
            None,
            Some(8 * MINUTE),
            &[
                "active since 1970-01-01T00:08",
                "Last change: updated",
                "by cli:anna",
            ],
        ),
        Case(
            Facts {
                user: Some(&inactive),
                events: &off,
                ..base
            },
            State::Inactive,
            None,
            Some(5 * MINUTE),
            &[
                "inactive since 1970-01-01T00:05",
                "connection \"okta\" (tok_3)",
            ],
        ),
        Case(
            Facts {
                user: Some(&inactive),
                events: &created,
                ..base
            },
            State::Inactive,
            None,
            Some(2 * MINUTE),
            &["inactive since it was created", "connection \"okta\""],
        ),
    ]);
}

#[test]
fn a_name_that_only_the_log_knows_is_told_beside_the_present_one() {
    let (active, deleted) = (user(true), user(true));
    let base = Facts {
        name: "ortiz@acme.com",
        called: Some(LENA),
        ..Facts::default()
    };
    check(&[
        Case(
            Facts {
                user: Some(&active),
                ..base
            },
            State::Active,
            None,
            Some(MINUTE),
            &[
                "\"ortiz@acme.com\" was sent as a name of \"lena@acme.com\". \"lena@acme.com\" is in",
            ],
        ),
        Case(
            Facts {
                tombstone: Some((&deleted, 5 * MINUTE)),
                ..base
            },
            State::Deleted,
            None,
            Some(5 * MINUTE),
            &["was sent as a name of \"lena@acme.com\". \"lena@acme.com\" was deleted at"],
        ),
    ]);
}

#[test]
fn a_refusal_stands_until_a_later_success() {
    let (active, inactive) = (user(true), user(false));
    let off = [event(2, EventKind::Deactivated, 5 * MINUTE, Some("okta"))];
    let conflict = request(
        6 * MINUTE,
        Operation::Create,
        409,
        Some(Cause::ReactivationConflict),
    );
    let refused = [conflict.clone()];
    let outlived = [
        request(7 * MINUTE, Operation::Patch, 200, None),
        conflict.clone(),
    ];
    let older = [request(
        4 * MINUTE,
        Operation::Create,
        409,
        Some(Cause::Uniqueness),
    )];
    let unfound = [request(
        6 * MINUTE,
        Operation::Get,
        404,
        Some(Cause::NotFound),
    )];
    let base = Facts {
        name: LENA,
        events: &off,
        ..Facts::default()
    };
    let cause = Some(Cause::ReactivationConflict);
    check(&[
        Case(
            Facts {
                user: Some(&inactive),
                requests: &refused,
                ..base
            },
            State::Refused,
            cause,
            Some(6 * MINUTE),
            &[
                "inactive since",
                "But the last request",
                "409 (reactivation_conflict)",
            ],
        ),
        Case(
            Facts {
                user: Some(&active),
                requests: &refused,
                ..base
            },
            State::Active,
            cause,
            Some(MINUTE),
            &["active since", "But the last request"],
        ),
        Case(
            Facts {
                user: Some(&inactive),
                requests: &outlived,
                ..base
            },
            State::Inactive,
            None,
            Some(5 * MINUTE),
            &[],
        ),
        Case(
            Facts {
                user: Some(&inactive),
                requests: &older,
                ..base
            },
            State::Inactive,
            None,
            Some(5 * MINUTE),
            &[],
        ),
        Case(
            Facts {
                user: Some(&inactive),
                requests: &unfound,
                ..base
            },
            State::Inactive,
            None,
            Some(5 * MINUTE),
            &[],
        ),
        Case(
            Facts {
                requests: &refused,
                events: &[],
                ..base
            },
            State::Refused,
            cause,
            Some(6 * MINUTE),
            &["is not in the directory: the last request about it (create) was refused"],
        ),
    ]);
    let verdict = Verdict::of(&Facts {
        requests: &refused,
        events: &[],
        ..base
    });
    assert_eq!(verdict.advice, [Cause::ReactivationConflict.meaning()]);
}

#[test]
fn absent_users_are_deleted_gone_or_only_looked_up() {
    let gone = user(true);
    let removal = [event(5, EventKind::Deleted, 7 * MINUTE, Some("okta"))];
    let sent = [request(3 * MINUTE, Operation::Create, 201, None)];
    let looked = [
        request(9 * MINUTE, Operation::Lookup, 200, None),
        request(8 * MINUTE, Operation::Lookup, 200, None),
    ];
    let seen = Some(Seen {
        first: 2 * MINUTE,
        last: 9 * MINUTE,
        count: 40,
    });
    let base = Facts {
        name: LENA,
        ..Facts::default()
    };
    check(&[
        Case(
            Facts {
                tombstone: Some((&gone, 7 * MINUTE)),
                events: &removal,
                ..base
            },
            State::Deleted,
            None,
            Some(7 * MINUTE),
            &[
                "deleted at 1970-01-01T00:07",
                "connection \"okta\"",
                "can still be restored",
            ],
        ),
        Case(
            Facts {
                requests: &sent,
                ..base
            },
            State::Gone,
            None,
            Some(3 * MINUTE),
            &["create, answered 201", "renamed, erased, or deleted"],
        ),
        Case(
            Facts {
                requests: &looked,
                ..base
            },
            State::LookedUp,
            None,
            Some(8 * MINUTE),
            &["asked for 2 times", "never created"],
        ),
        Case(
            Facts {
                requests: &looked,
                seen,
                ..base
            },
            State::LookedUp,
            None,
            Some(2 * MINUTE),
            &["asked for 40 times", "last at 1970-01-01T00:09"],
        ),
        Case(
            Facts {
                seen: Some(Seen {
                    first: 2 * MINUTE,
                    last: 2 * MINUTE,
                    count: 1,
                }),
                ..base
            },
            State::LookedUp,
            None,
            Some(2 * MINUTE),
            &["asked for once"],
        ),
    ]);
}

#[test]
fn never_sent_is_said_only_of_a_log_without_a_hole_that_hides_names() {
    use GapKind::*;
    for (gaps, state) in [
        (&[][..], State::NeverSent),
        (&[Stopped], State::NeverSent),
        (&[Counted, Stopped], State::NeverSent),
        (&[Crashed], State::NotSeen),
        (&[Dropped], State::NotSeen),
        (&[NamesDropped], State::NotSeen),
        (&[Retention], State::NotSeen),
        (&[Size], State::NotSeen),
        (&[Replaced], State::NotSeen),
        (&[Stopped, Dropped], State::NotSeen),
    ] {
        let window = window(gaps);
        let verdict = Verdict::of(&Facts {
            name: LENA,
            window: Some(&window),
            last_request: Some(55 * MINUTE),
            ..Facts::default()
        });
        assert_eq!(verdict.state, state, "{gaps:?}");
        assert_eq!(
            verdict.sentence.contains("never sent"),
            state == State::NeverSent,
            "{verdict:?}"
        );
        assert_eq!(verdict.evidence.len(), gaps.len(), "every gap is told");
        assert!(verdict.sentence.contains("1970-01-01T00:55"), "{verdict:?}");
    }
    // What was cut off before the window begins is no hole in it, and is told all the same.
    let cut = Window {
        from: 2 * MINUTE,
        ..window(&[Retention])
    };
    let verdict = Verdict::of(&Facts {
        name: LENA,
        window: Some(&cut),
        ..Facts::default()
    });
    assert_eq!(verdict.state, State::NeverSent);
    assert!(
        verdict
            .sentence
            .contains("never sent from 1970-01-01T00:02")
    );
    assert_eq!(verdict.evidence.len(), 1);
    let verdict = Verdict::of(&Facts {
        name: LENA,
        ..Facts::default()
    });
    assert_eq!(verdict.state, State::NotSeen);
    assert!(verdict.sentence.contains("no sync log"));
}

#[test]
fn advice_speaks_of_the_tenants_own_identity_providers() {
    let window = window(&[]);
    let advice = |connections: &[Connection]| {
        Verdict::of(&Facts {
            name: LENA,
            window: Some(&window),
            connections,
            ..Facts::default()
        })
        .advice
        .join("\n")
    };
    assert!(advice(&[]).contains("no connection yet"));
    let both = advice(&[connection("okta", false), connection("entra", true)]);
    assert!(both.contains("In Okta") && both.contains("In Entra ID"));
    assert!(both.contains("\"entra\" is paused"));
    assert!(advice(&[connection("other", false)]).contains("In the identity provider"));
}

#[test]
fn the_json_has_every_part() {
    let window = window(&[GapKind::Dropped]);
    let json = Verdict::of(&Facts {
        name: LENA,
        window: Some(&window),
        ..Facts::default()
    })
    .to_json();
    assert_eq!(json["state"], "not_seen");
    assert_eq!(json["cause"], Value::Null);
    assert_eq!(
        json["evidence"][0]["text"],
        "until 1970-01-01T00:02:00.000Z: entries were dropped: more came than could be written (3)"
    );
}
