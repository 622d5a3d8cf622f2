//! The interoperability profile and IPSIE, where they ask for more or for something else than the RFCs.

use serde_json::json;

use crate::{
    check::{
        Profile,
        assertion::expect,
        catalog::{Check, check},
        operation::{add, members, remove, replace},
        probe::{Feature, encoded, with_query},
    },
    resource::{GROUP, USER},
};
use reqwest::Method;

const IPSIE: &[Profile] = &[Profile::Ipsie];

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "interop_discovery_is_there",
            "IOP-001 DISC-026",
            "Answer all three discovery endpoints; let each resource type's id be its \
                name.",
            |c| {
                let config = c.get("/ServiceProviderConfig").await?;
                let claim = config.status(&[200])?.at("/interopProfileConformant");
                expect(claim.is_null() || claim.is_boolean(), || {
                    format!("interopProfileConformant is {claim}, no boolean")
                })?;
                c.get("/Schemas").await?.list()?;
                for found in c.get("/ResourceTypes").await?.list()? {
                    expect(found["id"] == found["name"], || {
                        format!(
                            "a resource type has id {} and name {}",
                            found["id"], found["name"]
                        )
                    })?;
                }
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_unknown_is_invalid_syntax",
            "IOP-003",
            "Answer 400 invalidSyntax to unknown attributes and schemas.",
            |c| {
                c.post("/Users", &c.user(json!({"dispalyName": "x"})))
                    .await?
                    .refused(&[400])?
                    .kind(&["invalidSyntax"])?;
                let schemas = json!([USER, "urn:provisor:check:unknown"]);
                c.post("/Users", &c.user(json!({"schemas": schemas})))
                    .await?
                    .refused(&[400])?;
                let user = c.new_user().await?;
                c.patch(&user.path, replace("dispalyName", "x"))
                    .await?
                    .refused(&[400])?
                    .kind(&["invalidSyntax"])?;
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_types_have_canonical_values",
            "IOP-004",
            "List canonicalValues for the type of every list of complex values.",
            |c| {
                for schema in &c.world.schemas {
                    let attributes = schema["attributes"].as_array().into_iter().flatten();
                    for attribute in attributes.filter(|found| found["multiValued"] == true) {
                        let subs = attribute["subAttributes"].as_array().into_iter().flatten();
                        for sub in subs.filter(|sub| sub["name"] == "type") {
                            let listed = sub["canonicalValues"]
                                .as_array()
                                .is_some_and(|values| !values.is_empty());
                            expect(listed, || {
                                format!("{}.type has no canonicalValues", attribute["name"])
                            })?;
                        }
                    }
                }
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_media_type",
            "IOP-006",
            "Answer with application/scim+json.",
            |c| {
                let reply = c.get("/Users?count=1").await?;
                let kind = reply.header("content-type").unwrap_or("none");
                expect(kind.starts_with("application/scim+json"), || {
                    format!("Content-Type is {kind}")
                })?;
            }
        )
        .only(Profile::NARROW),
        check!("interop_filters", "IOP-007", "Support eq and and.", |c| {
            let user = c.new_user().await?;
            c.finds(
                "/Users",
                &format!("userName eq \"{}\" and active eq true", user.name),
                &[&user],
            )
            .await?;
        })
        .only(Profile::NARROW),
        check!(
            "interop_operations_have_a_path",
            "IOP-009",
            "Answer 400 invalidSyntax to operations without a path.",
            |c| {
                let user = c.new_user().await?;
                for operation in [
                    json!({"op": "replace", "value": {"title": "Lead"}}),
                    json!({"op": "remove"}),
                ] {
                    let reply = c.patch(&user.path, json!([operation])).await?;
                    reply.refused(&[400])?.kind(&["invalidSyntax"])?;
                }
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_replace_sets_the_whole_object",
            "IOP-010",
            "Let replace of a complex attribute replace the whole object, and add merge.",
            |c| {
                let user = c.new_user().await?;
                let read = c
                    .patched(&user.path, replace("name", json!({"givenName": "Mia"})))
                    .await?;
                read.is("/name/givenName", "Mia")?
                    .lacks("/name/familyName")?;
                let read = c
                    .patched(&user.path, add("name", json!({"familyName": "Check"})))
                    .await?;
                read.is("/name/givenName", "Mia")?
                    .is("/name/familyName", "Check")?;
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_filtered_paths_end_in_a_sub_attribute",
            "IOP-011",
            "Answer 400 invalidPath to emails[…] without a sub-attribute, or apply it.",
            |c| {
                let user = c.new_user().await?;
                let other = format!("{}@other.example", c.name());
                let reply = c
                    .patch(
                        &user.path,
                        replace("emails[type eq \"work\"]", json!({"value": other})),
                    )
                    .await?;
                // Clients must not send it; the draft lets the server refuse it.
                if reply.is_success() {
                    c.read(&user.path).await?.is("/emails/0/value", other)?;
                } else {
                    reply.refused(&[400])?.kind(&["invalidPath"])?;
                }
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_filtered_paths_match_one",
            "IOP-011",
            "Answer 400 invalidFilter to a path whose filter matches several values, or \
                change them all; never remove them all.",
            |c| {
                let name = c.name();
                let user = c
                    .user_with(json!({"emails": [
                        {"value": format!("{name}@a.example"), "type": "work", "primary": true},
                        {"value": format!("{name}@b.example"), "type": "work"},
                    ]}))
                    .await?;
                let reply = c
                    .patch(&user.path, remove("emails[type eq \"work\"]"))
                    .await?;
                // A path without a sub-attribute is another reason to refuse.
                reply
                    .refused(&[400])?
                    .kind(&["invalidFilter", "invalidPath"])?;
                let reply = c
                    .patch(&user.path, replace("emails[type eq \"work\"].type", "home"))
                    .await?;
                let read = c.read(&user.path).await?;
                let expected = if reply.is_success() {
                    "home"
                } else {
                    reply.refused(&[400])?.kind(&["invalidFilter"])?;
                    "work"
                };
                read.is("/emails/0/type", expected)?
                    .is("/emails/1/type", expected)?;
                if c.world.has(Feature::Groups) {
                    let [a, b] = c.new_users().await?;
                    let group = c.new_group(&[&a, &b]).await?;
                    c.patch(&group.path, remove("members[type eq \"User\"]"))
                        .await?;
                    c.has_members(&group, &[&a, &b]).await?;
                }
            }
        )
        .only(Profile::NARROW),
        check!(
            "interop_deletes_for_good",
            "IOP-012",
            "Let DELETE delete: 404 afterwards, the name free again.",
            |c| {
                let user = c.new_user().await?;
                c.delete(&user.path).await?.status(&[204])?;
                c.get(&user.path).await?.status(&[404])?;
                c.user_with(json!({"userName": user.name})).await?;
            }
        )
        .only(Profile::NARROW),
        check!(
            "ipsie_bears_25_requests_a_second",
            "IPS-002 AUTH-012",
            "Bear 25 requests a second per tenant; beyond, answer 429 with Retry-After.",
            |c| {
                let replies = c
                    .together(vec![with_query(Method::GET, "/Users?count=1"); 25])
                    .await?;
                for reply in &replies {
                    if reply.status_code() == 429 {
                        expect(reply.header("retry-after").is_some(), || {
                            "429 without Retry-After".to_owned()
                        })?;
                    }
                    reply.status(&[200])?;
                }
            }
        )
        .only(IPSIE),
        check!(
            "ipsie_has_bulk",
            "IPS-003",
            "Support /Bulk and PATCH of several attributes.",
            |c| {
                expect(
                    c.world.has(Feature::Bulk) && c.world.has(Feature::Patch),
                    || "bulk or patch is not supported".to_owned(),
                )?;
            }
        )
        .only(IPSIE),
        check!(
            "ipsie_filters_users",
            "IPS-004",
            "Find users by userName, externalId and e-mail address.",
            |c| {
                let user = c.user_with(json!({"externalId": c.name()})).await?;
                let external = user.reply.text("/externalId");
                for filter in [
                    format!("userName eq \"{}\"", user.name),
                    format!("externalId eq \"{external}\""),
                    format!("emails[value eq \"{}\"]", user.name),
                    format!("emails[type eq \"work\" and value eq \"{}\"]", user.name),
                ] {
                    c.get(&format!("/Users?filter={}", encoded(&filter)))
                        .await?
                        .finds(&[&user.id])?;
                }
            }
        )
        .only(IPSIE),
        check!(
            "ipsie_schemas_have_no_password",
            "IPS-006",
            "List userName, displayName, active and externalId, and no password.",
            |c| {
                let lists = |name: &str| {
                    c.world
                        .schemas
                        .iter()
                        .any(|schema| schema["id"] == USER && c.world.defines(USER, name))
                };
                for name in ["userName", "displayName", "active"] {
                    expect(lists(name), || format!("/Schemas does not list {name}"))?;
                }
                expect(!lists("password"), || "/Schemas lists password".to_owned())?;
            }
        )
        .only(IPSIE),
        check!(
            "ipsie_filters_groups",
            "IPS-007",
            "Find groups by displayName, externalId and member.",
            |c| {
                let user = c.new_user().await?;
                let members = members(&[&user]);
                let group = c
                    .made(
                        "/Groups",
                        &c.group(json!({
                            "schemas": [GROUP],
                            "externalId": c.name(),
                            "members": members,
                        })),
                    )
                    .await?;
                for filter in [
                    format!("displayName eq \"{}\"", group.name),
                    format!("externalId eq \"{}\"", group.reply.text("/externalId")),
                    format!("members[value eq \"{}\"]", user.id),
                ] {
                    c.finds("/Groups", &filter, &[&group]).await?;
                }
            }
        )
        .only(IPSIE),
    ]
}
