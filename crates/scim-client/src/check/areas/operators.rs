//! The operators of the filter language (RFC 7644 section 3.4.2.2, tables 3 to 5).

use serde_json::json;

use super::filter::{among, each, refused};
use crate::check::catalog::{Check, check};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "eq_compares_booleans",
            "FLT-005",
            "Let eq compare booleans.",
            |c| {
                let user = c.new_user().await?;
                each(
                    c,
                    &[&user],
                    &[("active eq true", &[&user]), ("active eq false", &[])],
                )
                .await?;
            }
        ),
        check!(
            "ne_finds_the_others",
            "FLT-006",
            "Let ne match what is not identical.",
            |c| {
                let [a, b] = c
                    .users([
                        json!({"userType": "Employee"}),
                        json!({"userType": "Guest"}),
                    ])
                    .await?;
                among(c, &[&a, &b], "userType ne \"Employee\"", &[&b]).await?;
            }
        ),
        check!("co_finds_parts", "FLT-007", "Let co match parts.", |c| {
            let user = c
                .user_with(json!({"name": {"familyName": "O'Malley-Check", "givenName": "Lena"}}))
                .await?;
            each(
                c,
                &[&user],
                &[
                    ("name.familyName co \"Malley\"", &[&user]),
                    ("name.familyName co \"Mallory\"", &[]),
                ],
            )
            .await?;
        }),
        check!(
            "sw_finds_beginnings",
            "FLT-008",
            "Let sw match beginnings, the whole value included.",
            |c| {
                let user = c.new_user().await?;
                let begin = user.name.split('@').next().unwrap_or_default();
                each(
                    c,
                    &[&user],
                    &[
                        (&format!("userName sw \"{begin}\""), &[&user]),
                        (&format!("userName sw \"{}\"", user.name), &[&user]),
                        ("userName sw \"example.com\"", &[]),
                    ],
                )
                .await?;
            }
        ),
        check!("ew_finds_ends", "FLT-009", "Let ew match ends.", |c| {
            let user = c.new_user().await?;
            each(
                c,
                &[&user],
                &[
                    ("emails.value ew \"@example.com\"", &[&user]),
                    ("emails.value ew \"provisor-check\"", &[]),
                ],
            )
            .await?;
        }),
        check!(
            "pr_finds_what_has_a_value",
            "FLT-010",
            "Let pr match attributes that have a value.",
            |c| {
                let (a, b) = (
                    c.user_with(json!({"title": "Lead"})).await?,
                    c.new_user().await?,
                );
                each(
                    c,
                    &[&a, &b],
                    &[
                        ("title pr", &[&a]),
                        ("name pr", &[&a, &b]),
                        ("phoneNumbers pr", &[]),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "strings_have_an_order",
            "FLT-011",
            "Let gt, ge, lt and le compare strings.",
            |c| {
                let [a, b] = c
                    .users([json!({"nickName": "alpha"}), json!({"nickName": "mike"})])
                    .await?;
                each(
                    c,
                    &[&a, &b],
                    &[
                        ("nickName gt \"beta\"", &[&b]),
                        ("nickName le \"alpha\"", &[&a]),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "times_have_an_order",
            "FLT-012 FLT-032",
            "Compare times as instants, across offsets.",
            |c| {
                let user = c.new_user().await?;
                each(
                    c,
                    &[&user],
                    &[
                        ("meta.created gt \"2011-05-13T04:42:34Z\"", &[&user]),
                        (
                            "meta.lastModified ge \"2011-05-13T06:42:34+02:00\"",
                            &[&user],
                        ),
                        ("meta.created gt \"2999-01-01T00:00:00Z\"", &[]),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "booleans_have_no_order",
            "FLT-014",
            "Answer 400 invalidFilter to gt, ge, lt, le on booleans.",
            |c| {
                refused(c, "active gt true").await?;
            }
        ),
        check!(
            "booleans_have_no_parts",
            "FLT-015",
            "Answer 400 invalidFilter to co, sw, ew on booleans.",
            |c| {
                refused(c, "active co \"t\"").await?;
            }
        ),
        check!(
            "strings_are_compared_by_case_exact",
            "FLT-016 IOP-002",
            "Honour caseExact: userName without regard to case, id and externalId \
                with it.",
            |c| {
                let user = c
                    .user_with(json!({"externalId": format!("{}-Abc", c.name())}))
                    .await?;
                let external = user.reply.text("/externalId").to_owned();
                each(
                    c,
                    &[&user],
                    &[
                        (
                            &format!("userName eq \"{}\"", user.name.to_uppercase()),
                            &[&user],
                        ),
                        (&format!("externalId eq \"{external}\""), &[&user]),
                        (
                            &format!("externalId eq \"{}\"", external.to_uppercase()),
                            &[],
                        ),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "not_binds_more_than_and_more_than_or",
            "FLT-017",
            "Let not bind before and, and before or.",
            |c| {
                let [a, b] = c
                    .users([json!({"nickName": "a"}), json!({"nickName": "b"})])
                    .await?;
                each(
                    c,
                    &[&a, &b],
                    &[
                        (
                            "nickName eq \"a\" or nickName eq \"b\" and active eq false",
                            &[&a],
                        ),
                        ("not (nickName eq \"a\") and active eq true", &[&b]),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "parentheses_group",
            "FLT-018",
            "Let parentheses group, nested as well.",
            |c| {
                let [a, b] = c
                    .users([json!({"nickName": "a"}), json!({"nickName": "b"})])
                    .await?;
                each(
                    c,
                    &[&a, &b],
                    &[
                        (
                            "(nickName eq \"a\" or nickName eq \"b\") and active eq false",
                            &[],
                        ),
                        (
                            "((nickName eq \"a\") or (nickName eq \"b\" and (active eq true)))",
                            &[&a, &b],
                        ),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "not_needs_no_space",
            "FLT-019",
            "Accept not( as well as not ( (RFC 7644 erratum 7319).",
            |c| {
                let user = c.new_user().await?;
                for filter in ["not(active eq false)", "not (active eq false)"] {
                    among(c, &[&user], filter, &[&user]).await?;
                }
            }
        ),
    ]
}
