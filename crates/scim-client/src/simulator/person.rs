//! A person as an identity provider knows one, and where each attribute stands in SCIM.

use serde_json::{Map, Value, json};

use super::grant::Grant;
use crate::resource::{ENTERPRISE, USER};

/// A person as the identity provider believes one to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Person {
    pub(crate) user_name: String,
    pub(crate) external_id: String,
    pub(crate) given: String,
    pub(crate) middle: Option<String>,
    pub(crate) family: String,
    pub(crate) display: String,
    pub(crate) email: String,
    pub(crate) active: bool,
    pub(crate) locale: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) employee_number: Option<String>,
    pub(crate) nick_name: Option<String>,
    pub(crate) mobile: Option<String>,
    pub(crate) street: Option<String>,
    /// The service provider's id of the manager.
    pub(crate) manager: Option<String>,
    /// Roles that are assigned.
    pub(crate) roles: Vec<Grant>,
    /// Roles that were assigned earlier and that nobody takes away.
    pub(crate) kept_roles: Vec<Grant>,
    pub(crate) entitlements: Vec<Grant>,
}

/// An attribute that an administrator maps from the identity provider to the service provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    UserName,
    ExternalId,
    Active,
    DisplayName,
    WorkEmail,
    GivenName,
    MiddleName,
    FamilyName,
    Formatted,
    Locale,
    Title,
    Department,
    EmployeeNumber,
    NickName,
    Mobile,
    Street,
    Manager,
}

/// Where an attribute stands.
enum Place {
    Core(&'static str),
    Name(&'static str),
    /// Attribute, type of the element, sub-attribute.
    Typed(&'static str, &'static str, &'static str),
    Enterprise(&'static str),
}

impl Attribute {
    fn place(self) -> Place {
        match self {
            Attribute::UserName => Place::Core("userName"),
            Attribute::ExternalId => Place::Core("externalId"),
            Attribute::Active => Place::Core("active"),
            Attribute::DisplayName => Place::Core("displayName"),
            Attribute::WorkEmail => Place::Typed("emails", "work", "value"),
            Attribute::GivenName => Place::Name("givenName"),
            Attribute::MiddleName => Place::Name("middleName"),
            Attribute::FamilyName => Place::Name("familyName"),
            Attribute::Formatted => Place::Name("formatted"),
            Attribute::Locale => Place::Core("locale"),
            Attribute::Title => Place::Core("title"),
            Attribute::Department => Place::Enterprise("department"),
            Attribute::EmployeeNumber => Place::Enterprise("employeeNumber"),
            Attribute::NickName => Place::Core("nickName"),
            Attribute::Mobile => Place::Typed("phoneNumbers", "mobile", "value"),
            Attribute::Street => Place::Typed("addresses", "work", "streetAddress"),
            Attribute::Manager => Place::Enterprise("manager"),
        }
    }

    /// What it is for a person; `None` where nothing is known.
    pub(crate) fn of(self, person: &Person) -> Option<Value> {
        let text = |text: &str| Some(Value::from(text));
        let maybe = |text: &Option<String>| text.clone().map(Value::from);
        match self {
            Attribute::UserName => text(&person.user_name),
            Attribute::ExternalId => text(&person.external_id),
            Attribute::Active => Some(Value::from(person.active)),
            Attribute::DisplayName => text(&person.display),
            Attribute::WorkEmail => text(&person.email),
            Attribute::GivenName => text(&person.given),
            Attribute::MiddleName => maybe(&person.middle),
            Attribute::FamilyName => text(&person.family),
            Attribute::Formatted => Some(format!("{} {}", person.given, person.family).into()),
            Attribute::Locale => maybe(&person.locale),
            Attribute::Title => maybe(&person.title),
            Attribute::Department => maybe(&person.department),
            Attribute::EmployeeNumber => maybe(&person.employee_number),
            Attribute::NickName => maybe(&person.nick_name),
            Attribute::Mobile => maybe(&person.mobile),
            Attribute::Street => maybe(&person.street),
            Attribute::Manager => maybe(&person.manager),
        }
    }

    /// Its path in a PATCH.
    pub(crate) fn path(self) -> String {
        match self.place() {
            Place::Core(name) => name.to_owned(),
            Place::Name(sub) => format!("name.{sub}"),
            Place::Typed(name, kind, sub) => format!("{name}[type eq \"{kind}\"].{sub}"),
            Place::Enterprise(name) => format!("{ENTERPRISE}:{name}"),
        }
    }

    /// Whether its path selects an element of a list.
    pub(crate) fn is_typed(self) -> bool {
        matches!(self.place(), Place::Typed(..))
    }

    /// Writes it into a user.
    pub(crate) fn put(self, user: &mut Value, value: Value) {
        match self.place() {
            Place::Core(name) => user[name] = value,
            Place::Name(sub) => user["name"][sub] = value,
            Place::Typed(name, kind, sub) => {
                if !user[name].is_array() {
                    user[name] = json!([]);
                }
                let Some(list) = user[name].as_array_mut() else {
                    return;
                };
                let at = list.iter().position(|element| element["type"] == kind);
                let at = at.unwrap_or_else(|| {
                    list.push(match name {
                        "emails" => json!({"primary": true, "type": kind}),
                        _ => json!({"type": kind}),
                    });
                    list.len() - 1
                });
                list[at][sub] = value;
            }
            Place::Enterprise(name) => {
                if let Some(schemas) = user["schemas"].as_array_mut()
                    && !schemas.iter().any(|urn| urn == ENTERPRISE)
                {
                    schemas.push(ENTERPRISE.into());
                }
                user[ENTERPRISE][name] = match self {
                    Attribute::Manager => json!({"value": value}),
                    _ => value,
                };
            }
        }
    }

    /// Reads it from a user; `None` where it is absent or empty.
    pub(crate) fn read(self, user: &Value) -> Option<Value> {
        let value = match self.place() {
            Place::Core(name) => &user[name],
            Place::Name(sub) => &user["name"][sub],
            Place::Typed(name, kind, sub) => {
                let mut list = user[name].as_array()?.iter();
                &list.find(|element| element["type"] == kind)?[sub]
            }
            Place::Enterprise(_) if self == Attribute::Manager => {
                &user[ENTERPRISE]["manager"]["value"]
            }
            Place::Enterprise(name) => &user[ENTERPRISE][name],
        };
        Some(value)
            .filter(|value| !value.is_null() && *value != "")
            .cloned()
    }
}

/// A user with what is mapped and known of a person.
pub(crate) fn user(person: &Person, mapping: &[Attribute]) -> Value {
    let mut user = json!({"schemas": [USER]});
    merge(&mut user, person, mapping);
    user
}

/// Overwrites what is mapped; what is not known of the person stays.
pub(crate) fn merge(user: &mut Value, person: &Person, mapping: &[Attribute]) {
    if !user.is_object() {
        *user = Value::Object(Map::new());
    }
    for attribute in mapping {
        if let Some(value) = attribute.of(person) {
            attribute.put(user, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let person = Person {
            user_name: "lena".to_owned(),
            email: "lena@example.com".to_owned(),
            family: "Ortiz".to_owned(),
            mobile: Some("+1".to_owned()),
            department: Some("Sales".to_owned()),
            manager: Some("7".to_owned()),
            ..Person::default()
        };
        let mapping = [
            Attribute::UserName,
            Attribute::Active,
            Attribute::WorkEmail,
            Attribute::FamilyName,
            Attribute::Mobile,
            Attribute::Department,
            Attribute::Manager,
        ];
        let user = user(&person, &mapping);
        for attribute in mapping {
            assert_eq!(
                attribute.read(&user),
                attribute.of(&person),
                "{attribute:?}"
            );
        }
        assert_eq!(user["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!(Attribute::Title.read(&user), None);
    }

    #[test]
    fn a_merge_keeps_what_is_not_mapped() {
        let mut user = json!({
            "id": "7",
            "emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "old", "display": "d"}],
        });
        let person = Person {
            email: "new".to_owned(),
            ..Person::default()
        };
        merge(
            &mut user,
            &person,
            &[Attribute::WorkEmail, Attribute::Title],
        );
        assert_eq!(
            user,
            json!({
                "id": "7",
                "emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "new", "display": "d"}],
            })
        );
    }
}
