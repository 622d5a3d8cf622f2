//! The filter language (RFC 7644 section 3.4.2.2).

use scim::Tolerance;
use serde_json::json;

use crate::{
    check::{
        Level,
        assertion::{Step, expect},
        catalog::{Check, check},
        probe::{Feature, Made, Probe, encoded},
    },
    resource::{ENTERPRISE, USER},
};

/// A certificate of nobody.
const CERTIFICATE: &str = concat!(
    "MIIBSDCB+6ADAgECAhQ07zD7TGNVLfP7Be3FHF01xDlTSTAFBgMrZXAwGTEXMBUGA1UEAwwOcHJvdmlzb3ItY2hlY2",
    "swIBcNMjYxMTI2MDA0NDIwWhgPMjEyNjExMDIwMDQ0MjBaMBkxFzAVBgNVBAMMDnByb3Zpc29yLWNoZWNrMCowBQYD",
    "K2VwAyEALynJfcDL/Ubd0ae169jKG34q4gRr/EVbOzl8oa9c9NyjUzBRMB0GA1UdDgQWBBQuzlK7C+qhIy0LxYPa1d",
    "/0/vrsoDAfBgNVHSMEGDAWgBQuzlK7C+qhIy0LxYPa1d/0/vrsoDAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAJIl",
    "iM5baBvqFLaKzPjpvgZQuybg9HPRhdv1qFYQDLbgWyZ1V72+8DGqArDhudN+DZhMQtysDck+blc+5RQbOw4="
);

/// Of these users, the filter finds exactly `expected`. Each is asked for alone, without parentheses where none are
/// needed, so that a server fails for the rule in question only.
pub(super) async fn among(
    probe: &Probe<'_>,
    users: &[&Made],
    filter: &str,
    expected: &[&Made],
) -> Step {
    for user in users {
        let found = expected.iter().any(|other| other.id == user.id);
        let id = &user.id;
        let narrowed = if filter.contains(" or ") {
            format!("id eq \"{id}\" and ({filter})")
        } else {
            format!("id eq \"{id}\" and {filter}")
        };
        let one = [*user];
        probe
            .compares("/Users", &narrowed, if found { &one } else { &[] })
            .await?;
    }
    Ok(())
}

/// Each of these filters finds of the users those that stand beside it.
pub(super) async fn each(probe: &Probe<'_>, users: &[&Made], filters: &[(&str, &[&Made])]) -> Step {
    for (filter, expected) in filters {
        among(probe, users, filter, expected).await?;
    }
    Ok(())
}

/// The filter is answered with 400.
pub(super) async fn refused(probe: &Probe<'_>, filter: &str) -> Step {
    let reply = probe.filter("/Users", filter).await?;
    expect(!reply.is_success(), || {
        format!(
            "filter {filter:?} was answered with {} and {} resources",
            reply.status_code(),
            reply.list().map_or(0, <[_]>::len)
        )
    })?;
    reply.refused(&[400]).map(|_| ())
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "a_filter_finds_only_matches",
            "FLT-001 FLT-005",
            "Apply the filter; never answer with resources that do not match.",
            |c| {
                let [user, _other] = c.new_users().await?;
                c.finds(
                    "/Users",
                    &format!("userName eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
            }
        )
        .grave(),
        check!(
            "an_unknown_filter_is_no_full_list",
            "FLT-028 FLT-027",
            "Answer 400 invalidFilter to a filter you cannot read. An unfiltered list \
                makes clients change the wrong people.",
            |c| {
                c.new_user().await?;
                for filter in [
                    "noSuchAttribute eq \"x\"",
                    "userName like \"x\"",
                    "nonsense",
                ] {
                    let reply = c.filter("/Users", filter).await?;
                    let sent = reply.list().map_or(0, <[_]>::len);
                    expect(!(reply.is_success() && sent > 0), || {
                        format!("filter {filter:?} was answered with {sent} resources")
                    })?;
                }
            }
        )
        .grave(),
        check!(
            "filter_names_have_no_case",
            "FLT-002",
            "Compare attribute names and operators without regard to case.",
            |c| {
                let user = c.new_user().await?;
                c.finds(
                    "/Users",
                    &format!("USERNAME Eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
            }
        ),
        check!(
            "filter_urns_have_no_case",
            "FLT-003",
            "Compare schema URNs in filters without regard to case.",
            |c| {
                let user = c.new_user().await?;
                c.finds(
                    "/Users",
                    &format!("{}:USERNAME eq \"{}\"", USER.to_uppercase(), user.name),
                    &[&user],
                )
                .await?;
            }
        ),
        check!(
            "filters_take_urns",
            "FLT-004 FLT-044 PAT-028",
            "Accept attribute names with their schema's URN.",
            |c| {
                let user = c.employee(json!({"department": "R&D"})).await?;
                c.finds(
                    "/Users",
                    &format!("{USER}:userName eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
                among(
                    c,
                    &[&user],
                    &format!("{ENTERPRISE}:department eq \"R&D\""),
                    &[&user],
                )
                .await?;
            }
        ),
        check!(
            "a_value_filter_looks_at_one_value",
            "FLT-020 IPS-004",
            "Apply all conditions in brackets to the same value.",
            |c| {
                let name = c.name();
                let emails = json!([
                    {"type": "work", "value": format!("{name}@b.example")},
                    {"type": "home", "value": format!("{name}@a.example")},
                ]);
                let user = c.user_with(json!({"emails": emails})).await?;
                each(
                    c,
                    &[&user],
                    &[
                        (
                            "emails[type eq \"work\" and value co \"@b.example\"]",
                            &[&user],
                        ),
                        ("emails[type eq \"work\" and value co \"@a.example\"]", &[]),
                    ],
                )
                .await?;
            }
        ),
        check!(
            "a_value_filter_has_logic",
            "FLT-021",
            "Accept and, or, not in brackets, and no brackets in brackets.",
            |c| {
                let user = c.new_user().await?;
                among(
                    c,
                    &[&user],
                    "emails[type eq \"home\" or (type eq \"work\" and value ew \"@example.com\")]",
                    &[&user],
                )
                .await?;
                refused(c, "emails[type[value eq 1]]").await?;
            }
        ),
        check!(
            "a_comparison_behind_brackets_is_refused",
            "FLT-022",
            "Accept emails[type eq \"work\"].value eq \"x\", as Entra sends it, or \
                answer 400.",
            |c| {
                let user = c.new_user().await?;
                let filter = format!("emails[type eq \"work\"].value eq \"{}\"", user.name);
                let reply = c.filter("/Users", &filter).await?;
                if c.forgiven(&reply, Tolerance::ValuePathComparison)? {
                    reply.finds(&[&user.id])?;
                }
            }
        )
        .graded(Level::May),
        check!(
            "any_value_matches",
            "FLT-023",
            "Let a multi-valued attribute match by any of its values.",
            |c| {
                let name = c.name();
                let emails = json!([
                    {"type": "work", "value": format!("{name}-1@example.com")},
                    {"type": "home", "value": format!("{name}-2@example.com")},
                ]);
                let user = c.user_with(json!({"emails": emails})).await?;
                c.finds(
                    "/Users",
                    &format!("emails.value eq \"{name}-2@example.com\""),
                    &[&user],
                )
                .await?;
            }
        ),
        check!(
            "emails_means_their_value",
            "FLT-024",
            "Compare the value of a multi-valued complex attribute that is named \
                without sub-attribute.",
            |c| {
                let user = c.new_user().await?;
                c.finds("/Users", &format!("emails eq \"{}\"", user.name), &[&user])
                    .await?;
                among(c, &[&user], "emails co \"example.com\"", &[&user]).await?;
            }
        ),
        check!(
            "a_complex_attribute_is_not_compared",
            "FLT-025",
            "Answer 400 to a comparison of name; name pr is fine.",
            |c| {
                refused(c, "name eq \"x\"").await?;
            }
        ),
        check!(
            "unknown_operators_are_refused",
            "FLT-026",
            "Answer 400 invalidFilter to operators you do not know.",
            |c| {
                refused(c, "userName regex \".*\"").await?;
            }
        ),
        check!(
            "malformed_filters_are_refused",
            "FLT-027",
            "Answer 400 invalidFilter to what the grammar does not allow.",
            |c| {
                c.new_user().await?;
                for filter in [
                    "userName eq",
                    "eq \"x\"",
                    "(userName eq \"x\"",
                    "userName eq \"x\" and",
                    "userName eq \"x",
                ] {
                    refused(c, filter).await?;
                }
            }
        ),
        check!(
            "unknown_attributes_in_filters_are_refused",
            "FLT-028 IOP-007",
            "Answer 400 invalidFilter to attributes that no schema of the endpoint \
                defines.",
            |c| {
                refused(c, "noSuchAttribute eq \"x\"").await?;
            }
        ),
        check!(
            "literals_are_json",
            "FLT-029 SEC-002",
            "Read filter values as JSON: escapes, booleans, numbers.",
            |c| {
                let name = "a\"b é\\ '; DROP TABLE users; -- %_*";
                let user = c.user_with(json!({"displayName": name})).await?;
                // Whether it is compared at all is asked with a value that needs no escapes.
                among(c, &[&user], "displayName eq \"nobody\"", &[]).await?;
                let id = &user.id;
                let escaped = format!("id eq \"{id}\" and displayName eq {}", json!(name));
                c.finds("/Users", &escaped, &[&user]).await?;
                among(c, &[&user], r#"displayName sw "a\"b \u00e9""#, &[&user]).await?;
                among(c, &[&user], r#"displayName eq "a\"b%""#, &[]).await?;
            }
        ),
        check!(
            "an_unquoted_value_is_refused",
            "FLT-030",
            "Ask for quotes around strings in filters.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .filter("/Users", &format!("userName eq {}", user.name))
                    .await?;
                if c.forgiven(&reply, Tolerance::LooseFilterValue)? {
                    reply.finds(&[&user.id])?;
                }
            }
        )
        .graded(Level::May),
        check!(
            "schemas_can_be_filtered",
            "FLT-031",
            "Let filters name schemas.",
            |c| {
                let (a, b) = (
                    c.employee(json!({"department": "Tools"})).await?,
                    c.new_user().await?,
                );
                among(c, &[&a, &b], &format!("schemas eq \"{ENTERPRISE}\""), &[&a]).await?;
            }
        ),
        check!(
            "common_attributes_can_be_filtered",
            "FLT-032 IPS-004",
            "Let filters name id, externalId and meta.",
            |c| {
                let user = c.user_with(json!({"externalId": c.name()})).await?;
                c.finds("/Users", &format!("id eq \"{}\"", user.id), &[&user])
                    .await?;
                c.finds(
                    "/Users",
                    &format!("externalId eq \"{}\"", user.reply.text("/externalId")),
                    &[&user],
                )
                .await?;
                among(c, &[&user], "meta.resourceType eq \"User\"", &[&user]).await?;
            }
        ),
        check!(
            "passwords_cannot_be_searched",
            "FLT-035 FLT-036",
            "Refuse filters on password, or let them find nobody.",
            |c| {
                let user = c
                    .user_with(json!({"password": "Provisor-check-9f!"}))
                    .await?;
                for filter in ["password sw \"Provisor\"", "password co \"o\""] {
                    let reply = c.filter("/Users", filter).await?;
                    if reply.is_success() {
                        let found = reply.ids()?.contains(&user.id.as_str());
                        expect(!found, || format!("filter {filter:?} finds the user"))?;
                    }
                }
            }
        )
        .grave(),
        check!(
            "names_are_compared_as_prepared",
            "FLT-038",
            "Compare userName by PRECIS UsernameCaseMapped (RFC 8265): composed and \
                decomposed are one.",
            |c| {
                let name = c.name();
                let user = c
                    .user_with(json!({"userName": format!("{name}-Zo\u{eb}@example.com")}))
                    .await?;
                c.finds(
                    "/Users",
                    &format!("userName eq \"{name}-zoe\u{308}@example.com\""),
                    &[&user],
                )
                .await?;
            }
        )
        .graded(Level::Should),
        check!(
            "a_date_is_no_time",
            "FLT-041",
            "Answer 400 to a time without hours.",
            |c| {
                refused(c, "meta.created gt \"2011-05-13\"").await?;
            }
        ),
        check!(
            "deep_filters_are_refused",
            "FLT-042",
            "Bound the nesting of filters; answer 400, never 5xx.",
            |c| {
                let filter = format!("{}userName pr{}", "(".repeat(2000), ")".repeat(2000));
                c.filter("/Users", &filter)
                    .await?
                    .status(&[200, 400, 413, 414, 431])?;
            }
        ),
        check!(
            "references_can_be_filtered",
            "FLT-043 FLT-040",
            "Let filters name $ref.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                c.finds(
                    "/Groups",
                    &format!("id eq \"{}\" and members.$ref pr", group.id),
                    &[&group],
                )
                .await?;
            }
        ),
        check!(
            "members_can_be_filtered",
            "FLT-045 IPS-007",
            "Let filters name members: identity providers look up memberships so.",
            |c| {
                let [user, other] = c.new_users().await?;
                let group = c.new_group(&[&user]).await?;
                for filter in ["members eq", "members.value eq"] {
                    c.finds(
                        "/Groups",
                        &format!("id eq \"{}\" and {filter} \"{}\"", group.id, user.id),
                        &[&group],
                    )
                    .await?;
                }
                c.finds(
                    "/Groups",
                    &format!("members[value eq \"{}\"]", user.id),
                    &[&group],
                )
                .await?;
                c.finds(
                    "/Groups",
                    &format!("id eq \"{}\" and members eq \"{}\"", group.id, other.id),
                    &[],
                )
                .await?;
            }
        ),
        check!(
            "certificates_are_compared_by_case",
            "FLT-039 USR-007",
            "Keep a certificate; compare it with regard to case, or refuse to search it.",
            |c| {
                c.need_attribute("x509Certificates")?;
                let user = c
                    .user_with(json!({"x509Certificates": [{"value": CERTIFICATE}]}))
                    .await?;
                c.read(&user.path)
                    .await?
                    .is("/x509Certificates/0/value", CERTIFICATE)?;
                for (value, found) in [
                    (CERTIFICATE.to_owned(), true),
                    (CERTIFICATE.to_lowercase(), false),
                ] {
                    let filter = format!(
                        "id eq \"{}\" and x509Certificates.value eq \"{value}\"",
                        user.id
                    );
                    let reply = c.filter("/Users", &filter).await?;
                    if reply.is_success() {
                        let found = if found {
                            vec![user.id.as_str()]
                        } else {
                            Vec::new()
                        };
                        reply.finds(&found)?;
                    } else {
                        reply.refused(&[400])?;
                    }
                }
            }
        ),
        check!(
            "sensitive_filters_are_answered_or_named",
            "FLT-037",
            "Answer a filter on a name, or refuse it with 403 sensitive.",
            |c| {
                let user = c.new_user().await?;
                let filter = format!("id eq \"{}\" and name.familyName eq \"Check\"", user.id);
                let reply = c.filter("/Users", &filter).await?;
                if reply.status_code() == 403 {
                    reply.says_error()?.kind(&["sensitive"])?;
                } else {
                    reply.finds(&[&user.id])?;
                }
            }
        ),
        check!(
            "groups_are_found_by_name",
            "FLT-005 IPS-007",
            "Let filters find groups by displayName.",
            |c| {
                let (group, _other) = (c.new_group(&[]).await?, c.new_group(&[]).await?);
                c.finds(
                    "/Groups",
                    &format!("displayName eq \"{}\"", group.name),
                    &[&group],
                )
                .await?;
            }
        )
        .grave(),
        check!(
            "plus_and_percent_20_are_spaces",
            "HTTP-029 FLT-005",
            "Decode + and %20 in queries to a space.",
            |c| {
                c.need(Feature::Filter)?;
                let user = c.new_user().await?;
                let filter = encoded(&format!("userName eq \"{}\"", user.name));
                c.get(&format!("/Users?filter={}", filter.replace("%20", "+")))
                    .await?
                    .finds(&[&user.id])?;
            }
        )
        .grave(),
    ]
}
