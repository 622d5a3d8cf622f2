//! Roles and entitlements, as Okta Identity Governance finds and gives them.

use serde_json::Value;

use super::VOICE;
use crate::simulator::{
    dialect::{Grantable, Sent},
    grant::{self, Catalog, Grant},
    message::{Grade, Kind},
    person::Person,
    wire::{Voice, Wire},
};

/// How Okta's published test collections send everything.
pub(crate) const SUITE: Voice = Voice {
    headers: &[
        ("accept", "application/scim+json"),
        ("accept-charset", "utf-8"),
        ("content-type", VOICE.content_type),
        ("user-agent", "OKTA SCIM Integration"),
    ],
    ..VOICE
};

const ENTITLEMENTS: &str = "Okta, guide of SCIM with entitlements";

pub(super) static RESOURCE_TYPES: Kind = Kind {
    says: "With --grants entitlements: which resource types are roles or entitlements?",
    sends: "GET /ResourceTypes",
    grade: Grade::Doc,
    source: ENTITLEMENTS,
};
pub(super) static SCHEMAS: Kind = Kind {
    says: "With --grants entitlements: the schemas that Okta does not know",
    sends: "GET /Schemas",
    grade: Grade::Doc,
    source: ENTITLEMENTS,
};
pub(super) static GRANTABLE: Kind = Kind {
    says: "With --grants entitlements: all of one type, page by page",
    sends: "GET /Roles?startIndex=1&count=100",
    grade: Grade::Inferred,
    source: "the guide says that each endpoint is read and shows no query",
};
pub(super) static GRANTABLE_TEST: Kind = Kind {
    says: "With --grants entitlements: a page of one, as the test collection reads it, with its own headers",
    sends: "GET /Roles?count=1&startIndex=1",
    grade: Grade::Doc,
    source: "Okta, published entitlements test",
};
pub(super) static CREATE_ENTITLED: Kind = Kind {
    says: "With --grants entitlements: the person is created with roles and entitlements",
    sends: "POST /Users with roles, entitlements",
    grade: Grade::Inferred,
    source: "the guide shows the user, not the request",
};
pub(super) static WRITE_ENTITLED: Kind = Kind {
    says: "With --grants entitlements: the person is written back whole, with roles and entitlements",
    sends: "PUT /Users/{id} with roles, entitlements",
    grade: Grade::Inferred,
    source: "the guide shows the user, not the request",
};
/// Writes what somebody is given into a user.
pub(super) fn entitle(body: &mut Value, person: &Person) {
    body["roles"] = grant::plain(&person.roles);
    body["entitlements"] = grant::plain(&person.entitlements);
}

/// What people can be given: types whose schema is one of Okta's two.
pub(in crate::simulator::dialect) async fn discover(wire: &Wire<'_>) -> Sent<Vec<Grantable>> {
    let types = wire
        .get(&RESOURCE_TYPES, "/ResourceTypes".to_owned(), None)
        .await?;
    wire.get(&SCHEMAS, "/Schemas".to_owned(), None).await?;
    let types = types["Resources"].as_array().into_iter().flatten();
    let grantable = types.filter_map(|found| {
        let text = |name: &str| found[name].as_str().map(str::to_owned);
        let schema = text("schema")?;
        let is_role = schema == "urn:okta:scim:schemas:core:1.0:Role";
        let is_entitlement = schema == "urn:okta:scim:schemas:core:1.0:Entitlement";
        (is_role || is_entitlement).then_some(Grantable {
            name: text("name")?,
            endpoint: text("endpoint")?,
            schema,
            is_role,
        })
    });
    Ok(grantable.collect())
}

/// All roles and entitlements of these types.
pub(crate) async fn grantable(wire: &Wire<'_>, kinds: &[Grantable]) -> Sent<Catalog> {
    let mut catalog = Catalog::default();
    for kind in kinds {
        let one = Some("count=1&startIndex=1".to_owned());
        wire.get_as(&SUITE, &GRANTABLE_TEST, kind.endpoint.clone(), one)
            .await?;
        let mut start = 1;
        loop {
            let query = Some(format!("startIndex={start}&count=100"));
            let page = wire.get(&GRANTABLE, kind.endpoint.clone(), query).await?;
            for found in page["Resources"].as_array().into_iter().flatten() {
                let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
                let grant = Grant {
                    id: text("id"),
                    value: text("id"),
                    display: text("displayName"),
                    kind: (!kind.is_role).then(|| kind.name.clone()),
                };
                match kind.is_role {
                    true => catalog.roles.push(grant),
                    false => catalog.entitlements.push(grant),
                }
            }
            start += 100;
            if start > page["totalResults"].as_u64().unwrap_or(0) {
                break;
            }
        }
    }
    Ok(catalog)
}
