//! Creating (RFC 7644 section 3.3).

use scim::Tolerance;
use serde_json::{Value, json};

use crate::{
    check::{
        assertion::{at, expect, fail},
        catalog::{Check, check},
        probe::{Feature, encoded, with_query},
    },
    resource::{ENTERPRISE, USER},
};
use reqwest::Method;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "creating_answers_201",
            "POST-001 POST-003 POST-004",
            "Answer 201 with the whole resource: id, schemas, meta and what was sent.",
            |c| {
                let user = c.new_user().await?;
                let reply = &user.reply;
                reply
                    .has("/id")?
                    .has("/schemas")?
                    .has("/meta/created")?
                    .has("/meta/lastModified")?;
                reply
                    .is("/userName", user.name.clone())?
                    .is("/name/familyName", "Check")?;
            }
        ),
        check!(
            "creating_answers_with_its_location",
            "POST-002 GET-003",
            "Send Location with the absolute URL that meta.location has.",
            |c| {
                let user = c.new_user().await?;
                let location = user.reply.header("location").unwrap_or_default();
                expect(location == user.reply.text("/meta/location"), || {
                    format!(
                        "Location is {location:?}, meta.location {}",
                        user.reply.at("/meta/location")
                    )
                })?;
                // Whether `@` is encoded in a path is left to the server (RFC 3986 section 3.3).
                let spellings = [user.path.clone(), format!("/Users/{}", encoded(&user.id))];
                expect(
                    location.starts_with("http")
                        && spellings.iter().any(|path| location.ends_with(path)),
                    || format!("Location is {location:?}, the user is {}", user.path),
                )?;
            }
        ),
        check!(
            "ids_are_the_servers",
            "POST-005 SCH-018",
            "Ignore id, meta and other readOnly attributes of the client.",
            |c| {
                let more = json!({
                    "id": "provisor-check",
                    "meta": {"created": "1970-01-01T00:00:00Z", "resourceType": "Group"},
                    "groups": [{"value": "x"}],
                });
                let user = c.user_with(more).await?;
                expect(user.id != "provisor-check", || {
                    "the client chose the id".to_owned()
                })?;
                let read = c.read(&user.path).await?;
                read.is("/meta/resourceType", "User")?.lacks("/groups")?;
                expect(!read.text("/meta/created").starts_with("1970"), || {
                    "the client chose meta.created".to_owned()
                })?;
            }
        ),
        check!(
            "the_endpoint_gives_the_type",
            "POST-006",
            "Set meta.resourceType from the endpoint.",
            |c| {
                c.new_user().await?.reply.is("/meta/resourceType", "User")?;
                c.new_group(&[])
                    .await?
                    .reply
                    .is("/meta/resourceType", "Group")?;
            }
        ),
        check!(
            "a_name_twice_is_409",
            "POST-007 ERR-004",
            "Answer 409 with scimType uniqueness to a userName that is taken.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .post("/Users", &c.user(json!({"userName": user.name})))
                    .await?;
                reply.refused(&[409])?.kind(&["uniqueness"])?;
            }
        ),
        check!(
            "a_name_in_other_case_is_409",
            "POST-008",
            "Compare userName without regard to case when it is taken.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .post(
                        "/Users",
                        &c.user(json!({"userName": user.name.to_uppercase()})),
                    )
                    .await?;
                reply.refused(&[409])?;
            }
        ),
        check!(
            "required_attributes_are_required",
            "POST-009 GRP-001",
            "Answer 400 to a user without userName and a group without displayName.",
            |c| {
                c.post("/Users", &c.user(json!({"userName": null})))
                    .await?
                    .refused(&[400])?;
                if c.world.has(Feature::Groups) {
                    c.post("/Groups", &c.group(json!({"displayName": null})))
                        .await?
                        .refused(&[400])?;
                }
            }
        ),
        check!(
            "a_name_is_not_empty",
            "POST-010 USR-001",
            "Answer 400 to an empty userName.",
            |c| {
                for empty in [json!(""), json!([])] {
                    c.post("/Users", &c.user(json!({"userName": empty})))
                        .await?
                        .refused(&[400])?;
                }
            }
        ),
        check!(
            "schemas_are_required",
            "POST-011",
            "Answer 400 to a resource without schemas.",
            |c| {
                for schemas in [Value::Null, json!([])] {
                    let mut body = c.user(json!({"schemas": null}));
                    if !schemas.is_null() {
                        body["schemas"] = schemas;
                    }
                    let reply = c.post("/Users", &body).await?;
                    if c.forgiven(&reply, Tolerance::InferSchemas)? {
                        expect(reply.names_schema(USER), || {
                            "the schemas were not filled in".to_owned()
                        })?;
                    }
                }
            }
        ),
        check!(
            "unknown_schemas_are_refused",
            "POST-012",
            "Answer 400 to schemas the resource type does not have.",
            |c| {
                let reply = c
                    .post(
                        "/Users",
                        &c.user(json!({"schemas": [USER, "urn:provisor:check:unknown"]})),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::UnknownSchema)? {
                    let kept = reply
                        .at("/schemas")
                        .to_string()
                        .contains("urn:provisor:check");
                    expect(!kept, || "an unknown schema was stored".to_owned())?;
                }
            }
        ),
        check!(
            "the_order_of_schemas_does_not_matter",
            "POST-013",
            "Accept schemas in any order.",
            |c| {
                c.need(Feature::Enterprise)?;
                let more =
                    json!({"schemas": [ENTERPRISE, USER], ENTERPRISE: {"department": "Tools"}});
                let user = c.user_with(more).await?;
                c.read(&user.path)
                    .await?
                    .is(&format!("/{ENTERPRISE}/department"), "Tools")?;
            }
        ),
        check!(
            "an_unlisted_extension_is_listed_or_refused",
            "POST-014",
            "Refuse an extension that schemas does not list, or list it; never keep \
                it unlisted.",
            |c| {
                c.need(Feature::Enterprise)?;
                let reply = c
                    .post(
                        "/Users",
                        &c.user(json!({ENTERPRISE: {"department": "Tools"}})),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::UnlistedExtension)? {
                    let kept = !at(&reply.body, &format!("/{ENTERPRISE}")).is_null();
                    expect(kept && reply.names_schema(ENTERPRISE), || {
                        "the extension was dropped or is not listed".to_owned()
                    })?;
                }
            }
        ),
        check!(
            "a_default_is_shown_and_found",
            "POST-015 FLT-034",
            "Answer with the values you default, and let filters find them.",
            |c| {
                let user = c.user_with(json!({"active": null})).await?;
                let active = user.reply.at("/active").clone();
                if active.is_boolean() {
                    c.compares(
                        "/Users",
                        &format!("id eq \"{}\" and active eq {active}", user.id),
                        &[&user],
                    )
                    .await?;
                }
            }
        ),
        check!(
            "null_means_no_value",
            "POST-016 POST-017 SCH-015 GET-010",
            "Take null and [] as no value.",
            |c| {
                let mut body = c.user(json!({"phoneNumbers": []}));
                body["nickName"] = Value::Null;
                let user = c.made("/Users", &body).await?;
                c.read(&user.path)
                    .await?
                    .lacks("/nickName")?
                    .lacks("/phoneNumbers")?;
                if c.world.has(Feature::Filter) {
                    c.compares(
                        "/Users",
                        &format!("id eq \"{}\" and nickName pr", user.id),
                        &[],
                    )
                    .await?;
                }
            }
        ),
        check!(
            "values_of_the_wrong_type_are_refused",
            "POST-018",
            "Answer 400 to values of another type than the schema's.",
            |c| {
                for (name, value) in [
                    ("active", json!("maybe")),
                    ("name", json!([1])),
                    ("displayName", json!({"a": 1})),
                    ("emails", json!(5)),
                ] {
                    c.post("/Users", &c.user(json!({name: value})))
                        .await?
                        .refused(&[400])?;
                }
            }
        ),
        check!(
            "at_most_one_value_is_primary",
            "POST-019",
            "Store one primary value at most: refuse two, or keep one of them primary.",
            |c| {
                let name = c.name();
                let emails = json!([
                    {"value": format!("{name}-a@example.com"), "type": "work", "primary": true},
                    {"value": format!("{name}-b@example.com"), "type": "home", "primary": true},
                ]);
                let reply = c.post("/Users", &c.user(json!({"emails": emails}))).await?;
                if reply.is_success() {
                    // RFC 7643 section 2.4 forbids two in the resource, and does not ask to refuse them.
                    let stored = c.read(&format!("/Users/{}", reply.text("/id"))).await?;
                    let emails = stored.at("/emails").as_array().into_iter().flatten();
                    let primary = emails.filter(|email| email["primary"] == true).count();
                    expect(primary <= 1, || {
                        format!("{primary} e-mail addresses are primary")
                    })?;
                    if c.world.profile.allows(Tolerance::ExtraPrimary) {
                        c.lenient(Tolerance::ExtraPrimary)?;
                    }
                } else {
                    reply.refused(&[400])?;
                }
            }
        ),
        check!(
            "equal_values_are_stored_once",
            "POST-020",
            "Do not return the same type and value twice.",
            |c| {
                let email = json!({"value": format!("{}@example.com", c.name()), "type": "work"});
                let reply = c
                    .post("/Users", &c.user(json!({"emails": [email, email]})))
                    .await?;
                if reply.is_success() {
                    let count = reply.values("/emails").len();
                    expect(count == 1, || {
                        format!("the same e-mail address is there {count} times")
                    })?;
                } else {
                    reply.refused(&[400])?;
                }
            }
        ),
        check!(
            "creating_can_name_attributes",
            "POST-021 ATTR-001",
            "Let attributes and excludedAttributes shape the body of 201.",
            |c| {
                let reply = c
                    .post("/Users?attributes=userName", &c.user(json!({})))
                    .await?;
                reply
                    .status(&[201])?
                    .has("/id")?
                    .has("/userName")?
                    .lacks("/emails")?;
            }
        ),
        check!(
            "a_password_is_not_answered",
            "POST-022 SCH-026 USR-006 GET-008",
            "Never return password (RFC 7643 section 4.1.1).",
            |c| {
                let secret = "Provisor-check-9f!";
                let user = c.user_with(json!({"password": secret})).await?;
                for reply in [
                    user.reply.clone(),
                    c.read(&user.path).await?,
                    c.get(&format!("{}?attributes=password", user.path)).await?,
                ] {
                    expect(!reply.body.to_string().contains(secret), || {
                        "an answer has the password in it".to_owned()
                    })?;
                    reply.lacks("/password")?;
                }
            }
        ),
        check!(
            "unknown_attributes_are_refused",
            "POST-024",
            "Answer 400 invalidSyntax to attributes no schema defines, or drop them; \
                never keep them.",
            |c| {
                let reply = c
                    .post("/Users", &c.user(json!({"dispalyName": "x"})))
                    .await?;
                if c.forgiven(&reply, Tolerance::UnknownAttribute)? {
                    reply.lacks("/dispalyName")?;
                    c.read(&format!("/Users/{}", reply.text("/id")))
                        .await?
                        .lacks("/dispalyName")?;
                }
            }
        ),
        check!(
            "a_created_resource_has_its_tag",
            "POST-025 ETAG-002",
            "Send ETag with 201, equal to meta.version.",
            |c| {
                c.need(Feature::Etag)?;
                let user = c.new_user().await?;
                let tag = user.reply.header("etag").unwrap_or_default();
                expect(
                    !tag.is_empty() && tag == user.reply.text("/meta/version"),
                    || {
                        format!(
                            "ETag is {tag:?}, meta.version {}",
                            user.reply.at("/meta/version")
                        )
                    },
                )?;
            }
        ),
        check!(
            "a_deleted_name_is_free",
            "POST-026 DEL-004 IOP-012",
            "Let a deleted user's name be used again.",
            |c| {
                let body = c.user(json!({}));
                let first = c.made("/Users", &body).await?;
                c.delete(&first.path).await?.status(&[204])?;
                let second = c.made("/Users", &body).await?;
                expect(first.id != second.id, || {
                    "the new user has the deleted one's id".to_owned()
                })?;
            }
        ),
        check!(
            "one_of_many_equal_creates_wins",
            "POST-027 SCH-024",
            "Decide uniqueness in the database: check and insert in one transaction.",
            |c| {
                let body = c.user(json!({}));
                let requests =
                    std::iter::repeat_with(|| with_query(Method::POST, "/Users").json(&body));
                let replies = c.together(requests.take(20).collect()).await?;
                let created = replies
                    .iter()
                    .filter(|reply| reply.status_code() == 201)
                    .count();
                expect(created == 1, || {
                    format!("{created} of 20 parallel creates of one userName succeeded")
                })?;
                for reply in &replies {
                    reply.status(&[201, 409])?;
                }
            }
        )
        .grave(),
        check!(
            "a_create_is_no_silent_success",
            "POST-001",
            "Answer 2xx only when the user is stored and can be read back at once.",
            |c| {
                let user = c
                    .user_with(json!({"title": "Engineer", "externalId": c.name()}))
                    .await?;
                let read = c.read(&user.path).await?;
                for pointer in [
                    "/userName",
                    "/title",
                    "/externalId",
                    "/active",
                    "/displayName",
                    "/name/givenName",
                ] {
                    let (answered, stored) = (user.reply.at(pointer), read.at(pointer));
                    if answered != stored {
                        return fail(format!(
                            "{pointer}: 201 said {answered}, a GET says {stored}"
                        ));
                    }
                }
                read.is("/title", "Engineer")?;
            }
        ),
    ]
}
