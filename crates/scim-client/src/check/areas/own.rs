//! What a server's own schemas promise (RFC 7643 sections 2, 3.3 and 7), asked where /Schemas has such an attribute.

use scim::Tolerance;
use serde_json::{Value, json};

use crate::{
    check::{
        assertion::{Step, Stop, expect},
        catalog::{Check, check},
        operation::replace,
        probe::{Made, Probe, encoded},
    },
    resource::{ENTERPRISE, USER},
};

/// An attribute in an extension of users that is the server's own.
struct Own {
    urn: String,
    name: String,
}

impl Own {
    /// The first that fits. An extension that requires something is left alone: what it takes is not known.
    fn find(probe: &Probe<'_>, what: &str, fits: impl Fn(&Value) -> bool) -> Step<Own> {
        let world = probe.world;
        let users = world.types.iter().find(|found| found["name"] == "User");
        let extensions = users.and_then(|users| users["schemaExtensions"].as_array());
        let urns = extensions.into_iter().flatten();
        let own = urns.filter_map(|extension| extension["schema"].as_str());
        for urn in own.filter(|urn| !urn.eq_ignore_ascii_case(ENTERPRISE)) {
            let named = |schema: &&Value| {
                let id = schema["id"].as_str().unwrap_or_default();
                id.eq_ignore_ascii_case(urn)
            };
            let schema = world.schemas.iter().find(named);
            let Some(all) = schema.and_then(|schema| schema["attributes"].as_array()) else {
                continue;
            };
            if all.iter().any(|attribute| attribute["required"] == true) {
                continue;
            }
            let free = |attribute: &&Value| {
                let canonical = attribute["canonicalValues"].as_array();
                canonical.is_none_or(Vec::is_empty) && fits(attribute)
            };
            if let Some(name) = all.iter().find(free).and_then(|one| one["name"].as_str()) {
                return Ok(Own {
                    urn: urn.to_owned(),
                    name: name.to_owned(),
                });
            }
        }
        Err(Stop::Skipped(format!(
            "/Schemas has no {what} in an extension of users"
        )))
    }

    /// As it stands in filters and paths.
    fn path(&self) -> String {
        format!("{}:{}", self.urn, self.name)
    }

    fn pointer(&self) -> String {
        let escaped = |part: &str| part.replace('~', "~0").replace('/', "~1");
        format!("/{}/{}", escaped(&self.urn), escaped(&self.name))
    }

    /// What a user with this value has beside the usual.
    fn with(&self, value: &Value) -> Value {
        let (urn, name) = (&self.urn, &self.name);
        json!({"schemas": [USER, urn], urn: {name: value}})
    }

    /// A user with this value. A server may have rules for it that /Schemas cannot tell.
    async fn user(&self, probe: &Probe<'_>, value: &Value) -> Step<Made> {
        let body = probe.user(self.with(value));
        match probe.made("/Users", &body).await {
            Err(Stop::Failed(why)) => Err(Stop::NotRun(format!(
                "no user with {} {value} can be made: {why}",
                self.path()
            ))),
            made => made,
        }
    }

    /// A value of another kind is refused.
    async fn refuses(&self, probe: &Probe<'_>, value: Value) -> Step {
        let reply = probe.post("/Users", &probe.user(self.with(&value))).await?;
        expect(!reply.is_success(), || {
            format!("{value} for {} was answered with success", self.path())
        })?;
        reply.refused(&[400]).map(|_| ())
    }

    /// Of this user, the filter finds what it should.
    async fn finds(&self, probe: &Probe<'_>, user: &Made, rest: &str, found: bool) -> Step {
        let filter = format!("id eq \"{}\" and {} {rest}", user.id, self.path());
        let found: &[&Made] = if found { &[user] } else { &[] };
        probe.finds("/Users", &filter, found).await
    }
}

/// A characteristic, or its default (RFC 7643 section 2.2).
fn is(attribute: &Value, key: &str, expected: &str) -> bool {
    let default = match key {
        "type" => "string",
        "mutability" => "readWrite",
        "returned" => "default",
        _ => "none",
    };
    attribute[key].as_str().unwrap_or(default) == expected
}

/// A text that clients may write.
fn text(attribute: &Value) -> bool {
    is(attribute, "type", "string") && is(attribute, "mutability", "readWrite")
}

/// Shown by a GET that names nothing.
fn shown(attribute: &Value) -> bool {
    is(attribute, "returned", "default") || is(attribute, "returned", "always")
}

/// A single value that clients may write, of this type, with nothing special about it.
fn single(attribute: &Value, kind: &str) -> bool {
    is(attribute, "type", kind)
        && is(attribute, "mutability", "readWrite")
        && is(attribute, "returned", "default")
        && is(attribute, "uniqueness", "none")
        && attribute["multiValued"] != true
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "own_extensions_work",
            "SCH-020 ADD-011",
            "Let an extension of yours be created, patched, filtered and selected like \
                a standard one.",
            |c| {
                let own = Own::find(c, "text", |found| single(found, "string"))?;
                let user = own.user(c, &json!("first")).await?;
                let read = c.patched(&user.path, replace(own.path(), "second")).await?;
                read.is(&own.pointer(), "second")?;
                expect(read.names_schema(&own.urn), || {
                    format!("schemas does not list {}", own.urn)
                })?;
                own.finds(c, &user, "eq \"second\"", true).await?;
                own.finds(c, &user, "eq \"first\"", false).await?;
                let path = format!("{}?attributes={}", user.path, encoded(&own.path()));
                c.read(&path)
                    .await?
                    .is(&own.pointer(), "second")?
                    .lacks("/userName")?;
            }
        ),
        check!(
            "own_integers_are_integers",
            "SCH-006 FLT-013",
            "Take integers only, return them as numbers, and compare them as numbers.",
            |c| {
                let own = Own::find(c, "integer", |found| single(found, "integer"))?;
                let user = own.user(c, &json!(10)).await?;
                c.read(&user.path).await?.is(&own.pointer(), 10)?;
                own.finds(c, &user, "gt 9", true).await?;
                own.finds(c, &user, "lt 9", false).await?;
                own.refuses(c, json!(1.5)).await?;
                own.refuses(c, json!("10")).await?;
            }
        ),
        check!(
            "own_decimals_are_numbers",
            "SCH-005 FLT-013",
            "Take and return decimals as numbers, and compare them as numbers.",
            |c| {
                let own = Own::find(c, "decimal", |found| single(found, "decimal"))?;
                let user = own.user(c, &json!(10.5)).await?;
                c.read(&user.path).await?.is(&own.pointer(), 10.5)?;
                own.finds(c, &user, "gt 9.75", true).await?;
                own.finds(c, &user, "lt 9.75", false).await?;
                own.refuses(c, json!("10.5")).await?;
            }
        ),
        check!(
            "own_times_are_times",
            "SCH-007",
            "Take a time with date and offset, keep the instant, and refuse a bare date.",
            |c| {
                let own = Own::find(c, "time", |found| single(found, "dateTime"))?;
                let user = own.user(c, &json!("2026-01-01T02:00:00+02:00")).await?;
                c.read(&user.path).await?.has(&own.pointer())?;
                own.finds(c, &user, "eq \"2026-01-01T00:00:00Z\"", true)
                    .await?;
                let body = c.user(own.with(&json!("2026-01-01")));
                c.forgiven(&c.post("/Users", &body).await?, Tolerance::LooseFormat)?;
            }
        ),
        check!(
            "own_lists_of_plain_values_work",
            "SCH-013",
            "Keep a list of plain values, and let a filter find each.",
            |c| {
                let own = Own::find(c, "list of texts", |found| {
                    found["multiValued"] == true && text(found) && shown(found)
                })?;
                let user = own.user(c, &json!(["a", "b"])).await?;
                let read = c.read(&user.path).await?;
                // The values of a list have no order (RFC 7643 section 2.4).
                let values = read.at(&own.pointer()).as_array();
                let mut values: Vec<_> = values.into_iter().flatten().collect();
                values.sort_by_key(|value| value.as_str());
                expect(values == [&json!("a"), &json!("b")], || {
                    format!("{} is {values:?}, expected a and b", own.path())
                })?;
                own.finds(c, &user, "eq \"b\"", true).await?;
                own.finds(c, &user, "eq \"c\"", false).await?;
            }
        ),
        check!(
            "own_immutables_stay",
            "POST-023 PUT-006",
            "Take an immutable value in a create, and answer 400 mutability to another.",
            |c| {
                let own = Own::find(c, "immutable text", |found| {
                    is(found, "type", "string")
                        && is(found, "mutability", "immutable")
                        && shown(found)
                        && found["multiValued"] != true
                })?;
                let user = own.user(c, &json!("first")).await?;
                let read = c.read(&user.path).await?;
                read.is(&own.pointer(), "first")?;
                c.put(&user.path, &read.body).await?.status(&[200])?;
                let mut body = read.body;
                body[&own.urn][&own.name] = json!("second");
                let reply = c.put(&user.path, &body).await?;
                c.read(&user.path).await?.is(&own.pointer(), "first")?;
                reply.refused(&[400])?.kind(&["mutability"])?;
            }
        ),
        check!(
            "own_attributes_on_request_are_asked_for",
            "ATTR-008",
            "Return what is returned on request only when it is named.",
            |c| {
                let own = Own::find(c, "text that is returned on request", |found| {
                    text(found) && is(found, "returned", "request") && found["multiValued"] != true
                })?;
                let user = own.user(c, &json!("asked for")).await?;
                c.read(&user.path).await?.lacks(&own.pointer())?;
                let path = format!("{}?attributes={}", user.path, encoded(&own.path()));
                c.read(&path).await?.is(&own.pointer(), "asked for")?;
            }
        ),
        check!(
            "own_unique_values_are_unique",
            "SCH-023",
            "Answer 409 to a second user with a value that is unique.",
            |c| {
                let own = Own::find(c, "unique text", |found| {
                    text(found)
                        && (is(found, "uniqueness", "server") || is(found, "uniqueness", "global"))
                        && found["multiValued"] != true
                })?;
                let value = json!(c.name());
                own.user(c, &value).await?;
                let reply = c.post("/Users", &c.user(own.with(&value))).await?;
                reply.refused(&[409, 400])?;
            }
        ),
    ]
}
