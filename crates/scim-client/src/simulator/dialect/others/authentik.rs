//! authentik: it creates first and looks when that was refused.

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::{MAPPING, SCIM, as_it_is, kind};
use crate::simulator::{
    dialect::plain::{Members, Plain, Start, Teams, Update},
    message::{Grade, Kind},
    wire::Voice,
};

const SOURCE: &str = "goauthentik/authentik, authentik/providers/scim/clients";

/// It creates first, and adopts only what it is told by 409 to be there.
pub(crate) static AUTHENTIK: Plain = Plain {
    voice: Voice {
        headers: &[("accept", "application/scim+json")],
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Import {
        test: (&TEST, "/ServiceProviderConfig", None),
        list: &DISCOVER,
        paged: true,
    },
    look_up: Some((&LOOK_UP, query)),
    creates_first: true,
    create: &CREATE,
    update: (&UPDATE, Update::Put(None)),
    leave: &DELETE,
    delete: Some(&DELETE),
    shape: as_it_is,
    two_primaries: None,
    teams: Some(Teams {
        look_up: Some(&TEAM_LOOK_UP),
        create: &TEAM_CREATE,
        members: Members::OneByOne {
            add: &TEAM_ADD,
            remove: &TEAM_REMOVE,
            batch: 1000,
            twice: false,
        },
        rename: &TEAM_RENAME,
        renames_whole: true,
        compare: Some(&TEAM_COMPARE),
        delete: &TEAM_DELETE,
    }),
};

/// Without quotes around a user's name, as up to release 2025.6.
fn query(attribute: &str, value: &str) -> String {
    let filter = match attribute {
        "userName" => format!("{attribute} eq {value}"),
        _ => format!("{attribute} eq {}", Value::from(value)),
    };
    format!(
        "filter={}",
        byte_serialize(filter.as_bytes()).collect::<String>()
    )
}

static TEST: Kind = kind(
    "What can the server do?",
    "GET /ServiceProviderConfig",
    Grade::Src,
    SOURCE,
);
static DISCOVER: Kind = kind(
    "Discovery, page by page without a count",
    "GET /Users, then GET /Users?startIndex=N",
    Grade::Src,
    SOURCE,
);
static LOOK_UP: Kind = kind(
    "After 409 alone: the person, without quotes",
    "GET /Users?filter=userName+eq+alice",
    Grade::Src,
    SOURCE,
);
static CREATE: Kind = kind(
    "The person is created, without a look-up",
    "POST /Users",
    Grade::Src,
    SOURCE,
);
static UPDATE: Kind = kind(
    "The person is written whole",
    "PUT /Users/{id}",
    Grade::Src,
    SOURCE,
);
static DELETE: Kind = kind(
    "The person is deleted",
    "DELETE /Users/{id}",
    Grade::Src,
    SOURCE,
);
static TEAM_LOOK_UP: Kind = kind(
    "After 409 alone: the team",
    "GET /Groups?filter=displayName+eq+\"…\"",
    Grade::Src,
    SOURCE,
);
static TEAM_CREATE: Kind = kind(
    "The team is created without members",
    "POST /Groups",
    Grade::Src,
    SOURCE,
);
static TEAM_ADD: Kind = kind(
    "Members join, one operation each, bulk.maxOperations in a request",
    "PATCH /Groups/{id} [add members [{value}]…]",
    Grade::Src,
    SOURCE,
);
static TEAM_REMOVE: Kind = kind(
    "Members leave, one operation each, named in the value",
    "PATCH /Groups/{id} [remove members [{value}]…]",
    Grade::Src,
    SOURCE,
);
static TEAM_RENAME: Kind = kind(
    "The whole team without a path, id and schemas included",
    "PATCH /Groups/{id} [replace {…}]",
    Grade::Src,
    SOURCE,
);
static TEAM_COMPARE: Kind = kind(
    "The members are compared",
    "GET /Groups/{id}",
    Grade::Src,
    SOURCE,
);
static TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Src,
    SOURCE,
);
