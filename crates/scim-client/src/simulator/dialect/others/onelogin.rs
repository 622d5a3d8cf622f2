//! OneLogin: odd queries, URNs of its own, e-mail as one object.

use serde_json::{Value, json};

use super::{MAPPING, SCIM, UNPUBLISHED, kind, quoted};
use crate::simulator::{
    dialect::plain::{Members, Plain, Start, Teams, Update},
    message::{Grade, Kind},
    wire::Voice,
};

const LOG: &str = "log in goauthentik/authentik issue 11249";

/// Its log shows an empty User-Agent.
pub(crate) static ONELOGIN: Plain = Plain {
    voice: Voice {
        headers: &[("accept", "application/scim+json"), ("user-agent", "")],
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Get(&TEST, "/Users", Some("startIndex=1&count=1")),
    look_up: Some((&LOOK_UP, query)),
    creates_first: false,
    create: &CREATE,
    update: (&UPDATE, Update::Put(Some(""))),
    leave: &LEAVE,
    delete: Some(&DELETE),
    shape,
    two_primaries: None,
    teams: Some(Teams {
        look_up: Some(&TEAM_LOOK_UP),
        create: &TEAM_CREATE,
        members: Members::OneByOne {
            add: &TEAM_ADD,
            remove: &TEAM_REMOVE,
            batch: 100,
            twice: false,
        },
        rename: &TEAM_RENAME,
        renames_whole: false,
        compare: None,
        delete: &TEAM_DELETE,
    }),
};

/// With an ampersand at the end.
fn query(attribute: &str, value: &str) -> String {
    format!("{}&", quoted(attribute, value))
}

/// URNs that are none of the IETF's, and e-mail as one object.
fn shape(user: &mut Value) {
    user["schemas"] = json!([
        "urn:scim:schemas:core:2.0",
        "urn:scim:schemas:extension:enterprise:2.0"
    ]);
    user["emails"] = user["emails"][0].take();
}

static TEST: Kind = kind(
    "The connection is tested",
    "GET /Users?startIndex=1&count=1",
    Grade::Inferred,
    UNPUBLISHED,
);
static LOOK_UP: Kind = kind(
    "Is the person there already? An ampersand ends the query",
    "GET /Users?filter=userName%20eq%20\"…\"&",
    Grade::Cap,
    LOG,
);
static CREATE: Kind = kind(
    "The person is created from the administrator's template, e-mail as one object",
    "POST /Users",
    Grade::ThirdParty,
    "scim.dev guide for OneLogin",
);
static UPDATE: Kind = kind(
    "The person is written whole, with a bare question mark",
    "PUT /Users/{id}?",
    Grade::Cap,
    LOG,
);
static LEAVE: Kind = kind(
    "The person is suspended or restored, where the administrator chose that",
    "PUT /Users/{id}? with active",
    Grade::Inferred,
    UNPUBLISHED,
);
static DELETE: Kind = kind(
    "The person is deleted, where the administrator chose that",
    "DELETE /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_LOOK_UP: Kind = kind(
    "Is the team there already?",
    "GET /Groups?filter=displayName%20eq%20\"…\"&",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_CREATE: Kind = kind(
    "The team is created",
    "POST /Groups",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_ADD: Kind = kind(
    "Members join; that it is a PATCH is in the log, its body is not",
    "PATCH /Groups/{id} [add members [{value}]]",
    Grade::Inferred,
    LOG,
);
static TEAM_REMOVE: Kind = kind(
    "Members leave",
    "PATCH /Groups/{id} [remove members [{value}]]",
    Grade::Inferred,
    LOG,
);
static TEAM_RENAME: Kind = kind(
    "The team has a new name",
    "PATCH /Groups/{id} [replace displayName]",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
