//! PingOne: everything by PUT.

use serde_json::Value;

use super::{MAPPING, SCIM, UNPUBLISHED, as_it_is, kind};
use crate::{
    resources::segment,
    simulator::{
        dialect::plain::{Members, Plain, Start, Teams, Update},
        message::{Grade, Kind},
        wire::Voice,
    },
};

const FILTER: &str = "docs.pingidentity.com, filter expressions";
const LIMITS: &str = "docs.pingidentity.com, limitations of SCIM provisioning";

/// It does not PATCH.
pub(crate) static PING: Plain = Plain {
    voice: Voice {
        headers: &[
            ("accept", "application/scim+json"),
            ("user-agent", "Apache-HttpClient"),
        ],
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Get(&TEST, "/Users", Some("startIndex=1&count=1")),
    look_up: Some((&LOOK_UP, query)),
    creates_first: false,
    create: &CREATE,
    update: (&UPDATE, Update::Put(None)),
    leave: &LEAVE,
    delete: Some(&DELETE),
    shape: as_it_is,
    two_primaries: Some([&CREATE_TWO, &UPDATE_TWO]),
    teams: Some(Teams {
        look_up: Some(&TEAM_LOOK_UP),
        create: &TEAM_CREATE,
        members: Members::Put(&TEAM_WRITE),
        rename: &TEAM_WRITE,
        renames_whole: false,
        compare: None,
        delete: &TEAM_DELETE,
    }),
};

/// In the case in which its pages write them.
fn query(attribute: &str, value: &str) -> String {
    let attribute = attribute.replace("userName", "username");
    format!(
        "filter={}",
        segment(&format!("{attribute} Eq {}", Value::from(value)))
    )
}

static TEST: Kind = kind(
    "The connection is tested",
    "GET /Users?startIndex=1&count=1",
    Grade::Inferred,
    UNPUBLISHED,
);
static LOOK_UP: Kind = kind(
    "Is the person there already?",
    "GET /Users?filter=username%20Eq%20\"…\"",
    Grade::Doc,
    FILTER,
);
static CREATE: Kind = kind(
    "The person is created",
    "POST /Users",
    Grade::Inferred,
    UNPUBLISHED,
);
static UPDATE: Kind = kind(
    "The person is written whole, since it does not PATCH",
    "PUT /Users/{id}",
    Grade::Doc,
    LIMITS,
);
static CREATE_TWO: Kind = kind(
    "The person is created; two e-mail attributes are mapped and one is empty: the address twice, both primary",
    "POST /Users with emails [{work, primary}, {home, primary}]",
    Grade::Inferred,
    LIMITS,
);
static UPDATE_TWO: Kind = kind(
    "Two e-mail attributes are mapped and one is empty: the address twice, both primary",
    "PUT /Users/{id} with emails [{work, primary}, {home, primary}]",
    Grade::Doc,
    LIMITS,
);
static LEAVE: Kind = kind(
    "The person is disabled or enabled",
    "PUT /Users/{id} with active",
    Grade::Inferred,
    LIMITS,
);
static DELETE: Kind = kind(
    "The person is deleted",
    "DELETE /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_LOOK_UP: Kind = kind(
    "Is the team there already?",
    "GET /Groups?filter=displayName%20Eq%20\"…\"",
    Grade::Inferred,
    FILTER,
);
static TEAM_CREATE: Kind = kind(
    "The team is created with its members",
    "POST /Groups",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_WRITE: Kind = kind(
    "The team is written whole",
    "PUT /Groups/{id}",
    Grade::Inferred,
    LIMITS,
);
static TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
