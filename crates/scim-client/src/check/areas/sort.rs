//! Sorting (RFC 7644 section 3.4.2.3).

use serde_json::json;

use crate::{
    check::{
        Level,
        assertion::{Reply, Step, expect},
        catalog::{Check, check},
        probe::{Feature, Probe, encoded},
    },
    resource::{ENTERPRISE, USER},
};

/// The list of the filter, sorted so.
async fn sorted(probe: &Probe<'_>, filter: &str, sort: &str) -> Step<Reply> {
    probe.need(Feature::Sort)?;
    probe
        .get(&format!("/Users?filter={}&{sort}", encoded(filter)))
        .await
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "sorting_orders",
            "SORT-001 SORT-002",
            "Order lists by sortBy, ascending unless told.",
            |c| {
                let (filter, users) = c.nicked(&["b", "a", "c"]).await?;
                let [b, a, z] = [&users[0], &users[1], &users[2]];
                sorted(c, &filter, "sortBy=nickName")
                    .await?
                    .in_order(&[a, b, z])?;
                sorted(c, &filter, "sortBy=nickName&sortOrder=descending")
                    .await?
                    .in_order(&[z, b, a])?;
            }
        ),
        check!(
            "a_foreign_sort_order_is_refused",
            "SORT-002",
            "Answer 400 to a sortOrder that is neither ascending nor descending.",
            |c| {
                let (filter, _) = c.nicked(&["a"]).await?;
                sorted(c, &filter, "sortBy=nickName&sortOrder=sideways")
                    .await?
                    .refused(&[400])?;
            }
        )
        .graded(Level::Should),
        check!(
            "sorting_heeds_case_exact",
            "SORT-003",
            "Sort case-insensitive strings without regard to case.",
            |c| {
                let (filter, users) = c.nicked(&["B", "a", "c"]).await?;
                sorted(c, &filter, "sortBy=nickName")
                    .await?
                    .in_order(&[&users[1], &users[0], &users[2]])?;
            }
        ),
        check!(
            "sorting_heeds_the_type",
            "SORT-004",
            "Sort times as times.",
            |c| {
                let (filter, users) = c.nicked(&["a", "b"]).await?;
                let reply = sorted(c, &filter, "sortBy=meta.created").await?;
                expect(reply.ids()?.len() == users.len(), || {
                    "sorting by meta.created lost resources".to_owned()
                })?;
                let times: Vec<_> = reply
                    .list()?
                    .iter()
                    .map(|user| user["meta"]["created"].as_str())
                    .collect();
                expect(times.is_sorted(), || {
                    format!("sorted by meta.created: {times:?}")
                })?;
            }
        ),
        check!(
            "sorting_takes_the_primary_value",
            "SORT-005",
            "Sort multi-valued attributes by their primary value.",
            |c| {
                let mail = |first: &str, primary: &str| {
                    json!({
                        "emails": [{"value": first, "type": "home"}, {"value": primary, "type": "work", "primary": true}],
                    })
                };
                let n = c.name();
                let more = vec![
                    mail(&format!("a{n}@x.example"), &format!("z{n}@x.example")),
                    mail(&format!("y{n}@x.example"), &format!("b{n}@x.example")),
                ];
                let (filter, users) = c.crowd(more).await?;
                sorted(c, &filter, "sortBy=emails.value")
                    .await?
                    .in_order(&[&users[1], &users[0]])?;
            }
        ),
        check!(
            "complex_attributes_are_not_sorted",
            "SORT-006",
            "Answer 400 to sortBy=name; sortBy=name.familyName is fine.",
            |c| {
                let (filter, users) = c.nicked(&["a"]).await?;
                sorted(c, &filter, "sortBy=name.familyName")
                    .await?
                    .in_order(&[&users[0]])?;
                sorted(c, &filter, "sortBy=name").await?.refused(&[400])?;
            }
        ),
        check!(
            "what_has_no_value_sorts_last",
            "SORT-007",
            "Sort resources without the value last, descending first.",
            |c| {
                let (filter, users) = c.crowd(vec![json!({}), json!({"nickName": "a"})]).await?;
                sorted(c, &filter, "sortBy=nickName")
                    .await?
                    .in_order(&[&users[1], &users[0]])?;
                sorted(c, &filter, "sortBy=nickName&sortOrder=descending")
                    .await?
                    .in_order(&[&users[0], &users[1]])?;
            }
        ),
        check!(
            "sorting_takes_urns",
            "SORT-008",
            "Accept URNs in sortBy.",
            |c| {
                c.need(Feature::Enterprise)?;
                let employee = |number: &str| {
                    json!({
                        "schemas": [USER, ENTERPRISE],
                        ENTERPRISE: {"employeeNumber": number},
                    })
                };
                let (filter, users) = c.crowd(vec![employee("2"), employee("1")]).await?;
                sorted(c, &filter, &format!("sortBy={ENTERPRISE}:employeeNumber"))
                    .await?
                    .in_order(&[&users[1], &users[0]])?;
            }
        ),
        check!(
            "sorting_without_support_is_ignored",
            "SORT-009",
            "Ignore sortBy where sorting is not supported.",
            |c| {
                c.get("/Users?count=1&sortBy=userName").await?.list()?;
            }
        ),
        check!(
            "equal_keys_keep_their_order",
            "SORT-010",
            "Break ties by id, so that pages do not overlap.",
            |c| {
                let (filter, users) = c.nicked(&["x"; 6]).await?;
                let mut found = Vec::new();
                for start in [1, 3, 5] {
                    let reply = sorted(
                        c,
                        &filter,
                        &format!("sortBy=nickName&count=2&startIndex={start}"),
                    )
                    .await?;
                    found.extend(reply.ids()?.into_iter().map(str::to_owned));
                }
                found.sort_unstable();
                found.dedup();
                expect(found.len() == users.len(), || {
                    format!("pages of 6 equal keys show {} different users", found.len())
                })?;
            }
        ),
    ]
}
