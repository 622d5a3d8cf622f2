//! Users and groups as types (RFC 7643 section 4). What a type does not name is kept in `rest`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use scim::schema::ENTERPRISE_USER as ENTERPRISE;
pub use scim::schema::{CORE_GROUP as GROUP, CORE_USER as USER};

/// A user (RFC 7643 section 4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The URNs of its schemas.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// Given by the service provider; empty in a user to be created.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The client's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Unique among the users of the service provider.
    #[serde(default)]
    pub user_name: String,
    /// The name in its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The name to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// E-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    /// Whether the user may use the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// What the service provider says about the resource itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
    /// Every other attribute, extensions by their URN.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl User {
    /// An active user with nothing but a name.
    #[must_use]
    pub fn named(user_name: impl Into<String>) -> User {
        User {
            schemas: vec![USER.to_owned()],
            id: String::new(),
            external_id: None,
            user_name: user_name.into(),
            name: None,
            display_name: None,
            emails: Vec::new(),
            active: Some(true),
            meta: None,
            rest: Map::new(),
        }
    }
}

/// The parts of a name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Name {
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// The whole name as one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Every other part.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An e-mail address.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Email {
    /// The address.
    #[serde(default)]
    pub value: String,
    /// `work`, `home`, `other`, …
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether it is the preferred one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// Every other sub-attribute.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A group (RFC 7643 section 4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The URNs of its schemas.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// Given by the service provider; empty in a group to be created.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The client's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The name to be shown.
    #[serde(default)]
    pub display_name: String,
    /// Its members; some servers leave them out or send null.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub members: Vec<Member>,
    /// What the service provider says about the resource itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
    /// Every other attribute, extensions by their URN.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Group {
    /// A group without members.
    #[must_use]
    pub fn named(display_name: impl Into<String>) -> Group {
        Group {
            schemas: vec![GROUP.to_owned()],
            id: String::new(),
            external_id: None,
            display_name: display_name.into(),
            members: Vec::new(),
            meta: None,
            rest: Map::new(),
        }
    }
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Member {
    /// The id of the user or group.
    #[serde(default)]
    pub value: String,
    /// `User` or `Group`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Every other sub-attribute.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a service provider says about a resource itself (RFC 7643 section 3.1).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// `User`, `Group`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// When it was created, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When it was last changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Its ETag, for [`crate::Resources::patch_if`] and its like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_types_do_not_name_is_kept() {
        let user = json!({
            "schemas": [USER], "id": "7", "userName": "lena", "name": { "givenName": "Lena", "middleName": "M" },
            "emails": [{ "value": "l@x.io", "type": "work", "display": "Lena" }], "active": false, "title": "CEO",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Board" },
        });
        let read: User = serde_json::from_value(user.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), user);
    }

    #[test]
    fn members_may_be_null() {
        let group: Group =
            serde_json::from_value(json!({ "displayName": "x", "members": null })).unwrap();
        assert!(group.members.is_empty());
    }
}
