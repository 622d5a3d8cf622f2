//! Roles and entitlements: who is given them, and in which form an identity provider says so.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Which roles and entitlements people are given besides their teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grants {
    /// None.
    #[default]
    None,
    /// Okta: roles and entitlements that the service provider lists (Okta Identity Governance).
    Entitlements,
    /// Entra: one application role, by `SingleAppRoleAssignment`.
    SingleAppRole,
    /// Entra: application roles, by `AppRoleAssignmentsComplex`, which never takes one away.
    AppRoles,
    /// Entra: application roles, by `AssertiveAppRoleAssignmentsComplex`, which replaces them.
    AssertiveAppRoles,
}

impl Grants {
    /// All of them.
    pub const ALL: [Grants; 5] = [
        Grants::None,
        Grants::Entitlements,
        Grants::SingleAppRole,
        Grants::AppRoles,
        Grants::AssertiveAppRoles,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Grants::None => "none",
            Grants::Entitlements => "entitlements",
            Grants::SingleAppRole => "single-app-role",
            Grants::AppRoles => "app-roles",
            Grants::AssertiveAppRoles => "assertive-app-roles",
        }
    }

    /// The kind of grants of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Grants> {
        Grants::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What an Entra application offers; Okta reads what there is.
    pub(crate) fn catalog(self) -> Catalog {
        let roles = match self {
            Grants::None | Grants::Entitlements => &[][..],
            _ => APP_ROLES,
        };
        let roles = roles.iter().map(|(id, value, display)| Grant {
            id: (*id).to_owned(),
            value: (*value).to_owned(),
            display: (*display).to_owned(),
            kind: None,
        });
        Catalog {
            roles: roles.collect(),
            entitlements: Vec::new(),
            keeps: self == Grants::AppRoles,
        }
    }
}

/// Id, value and name of application roles, the first as Microsoft's samples have them.
const APP_ROLES: &[(&str, &str, &str)] = &[
    ("06b07648-ecfe-589f-9d2f-6325724a46ee", "Admin", "Admin"),
    ("06b07648-ecfe-599f-9d2f-6325724a46ee", "User", "User"),
    ("5c2a7f1e-3d0b-4a52-9e65-0d9d4c1d7a10", "25", "Role1234"),
    ("9f3e6b84-77aa-4f0e-8b53-b8a4a2a6c5f1", "Test", "Test"),
];

/// What somebody may be given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The identity provider's id of it.
    pub(crate) id: String,
    /// What stands in the user.
    pub(crate) value: String,
    pub(crate) display: String,
    /// The `type` of an entitlement.
    pub(crate) kind: Option<String>,
}

/// What there is to be given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    pub(crate) roles: Vec<Grant>,
    pub(crate) entitlements: Vec<Grant>,
    /// Whether a role that was given once stays at the service provider.
    pub(crate) keeps: bool,
}

impl Catalog {
    /// One of a list, by a number of the person's.
    pub(crate) fn pick(list: &[Grant], by: u8) -> Option<&Grant> {
        list.get(usize::from(by).checked_rem(list.len())?)
    }

    /// The bit that stands for the role of a number.
    pub(crate) fn bit(&self, by: u8) -> u8 {
        match usize::from(by).checked_rem(self.roles.len()) {
            Some(at) => 1_u8
                .checked_shl(u32::try_from(at).unwrap_or(8))
                .unwrap_or(0),
            None => 0,
        }
    }

    /// The roles whose bits are set.
    pub(crate) fn held(&self, bits: u8) -> Vec<Grant> {
        let all = self.roles.iter().enumerate();
        let held = all.filter(|(at, _)| *at < 8 && bits & (1 << at) != 0);
        held.map(|(_, role)| role.clone()).collect()
    }
}

/// As Okta's guide shows roles and entitlements.
pub(crate) fn plain(grants: &[Grant]) -> Value {
    let plain = |grant: &Grant| {
        let mut plain = json!({"value": grant.value, "display": grant.display});
        if let Some(kind) = &grant.kind {
            plain["type"] = kind.as_str().into();
        }
        plain
    };
    grants.iter().map(plain).collect()
}

/// The type that Entra gives its application roles.
const APP_ROLE: &str = "WindowsAzureActiveDirectoryRole";

/// The one role, as `SingleAppRoleAssignment` writes it into a new user.
pub(crate) fn single(grants: &[Grant]) -> Value {
    let first = grants.iter().take(1);
    first
        .map(|role| json!({"primary": true, "type": APP_ROLE, "value": role.value}))
        .collect()
}

/// Roles as objects.
pub(crate) fn objects(grants: &[Grant]) -> Value {
    let object = |role: &Grant| json!({"primary": false, "type": APP_ROLE, "display": role.display, "value": role.value});
    grants.iter().map(object).collect()
}

/// Each role as JSON within a text, as `AppRoleAssignmentsComplex` writes it into a PATCH.
pub(crate) fn texts(grants: &[Grant]) -> Value {
    let text = |role: &Grant| {
        let [id, value, name] = [&role.id, &role.value, &role.display].map(|t| Value::from(&**t));
        json!({"value": format!(r#"{{"id":{id},"value":{value},"displayName":{name}}}"#)})
    };
    grants.iter().map(text).collect()
}

/// The values of a list in a user.
pub(crate) fn values(list: &Value) -> BTreeSet<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|grant| grant["value"].as_str()).collect()
}
