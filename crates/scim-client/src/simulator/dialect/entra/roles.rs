//! Application roles, as Entra's three role functions of the attribute mapping send them.

use serde_json::{Value, json};

use super::Entra;
use crate::simulator::{
    dialect::{Sent, user},
    grant::{self, Grants},
    message::{Grade, Kind},
    person::Person,
    wire::Wire,
};

const ROLES: &str = "Microsoft, customising attribute mappings";

pub(super) static CREATE: Kind = Kind {
    says: "With application roles (--grants): the person is created with them",
    sends: "POST /Users with roles",
    grade: Grade::Doc,
    source: ROLES,
};
pub(super) static SET: Kind = Kind {
    says: "With --grants single-app-role: the role, at a path with text for a boolean",
    sends: "PATCH /Users/{id} [Add roles[primary eq \"True\"].value]",
    grade: Grade::Doc,
    source: ROLES,
};
pub(super) static ADD: Kind = Kind {
    says: "With --grants app-roles: roles join, each as JSON within a text; none is ever taken away",
    sends: "PATCH /Users/{id} [Add roles [{value: \"{…}\"}]]",
    grade: Grade::Doc,
    source: ROLES,
};
pub(super) static REPLACE: Kind = Kind {
    says: "With --grants assertive-app-roles: the roles are replaced",
    sends: "PATCH /Users/{id} [replace roles [{…}]]",
    grade: Grade::Doc,
    source: ROLES,
};

impl Entra {
    /// The roles with which a person is created.
    pub(super) fn roles(&self, person: &Person) -> Value {
        match self.grants {
            Grants::SingleAppRole => grant::single(&person.roles),
            _ => grant::objects(&person.roles),
        }
    }

    /// Roles in a PATCH of their own, as Microsoft's samples show them.
    pub(super) async fn patch_roles(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        let add = if self.flag { "add" } else { "Add" };
        let (kind, operation) = match (self.grants, person.roles.first()) {
            (Grants::SingleAppRole, Some(role)) => {
                let path = "roles[primary eq \"True\"].value";
                let set = json!({"op": add, "path": path, "value": role.value});
                (&SET, set)
            }
            (Grants::AppRoles, Some(_)) => {
                let texts = grant::texts(&person.roles);
                (&ADD, json!({"op": add, "path": "roles", "value": texts}))
            }
            (Grants::AssertiveAppRoles, _) => {
                let objects = grant::objects(&person.roles);
                let replace = json!({"op": "replace", "path": "roles", "value": objects});
                (&REPLACE, replace)
            }
            _ => return Ok(()),
        };
        wire.patch(kind, user(id), json!([operation])).await
    }
}
