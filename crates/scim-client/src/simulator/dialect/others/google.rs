//! Google Workspace: people alone.

use super::{MAPPING, SCIM, UNPUBLISHED, as_it_is, kind, quoted};
use crate::simulator::{
    dialect::plain::{Plain, Start, Update},
    message::{Grade, Kind},
    wire::Voice,
};

pub(crate) static GOOGLE: Plain = Plain {
    voice: Voice {
        headers: &[
            ("accept", "application/json"),
            ("user-agent", "Google-Auto-Provisioning"),
        ],
        content_type: "application/json",
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Get(&TEST, "/Users", Some("count=1")),
    look_up: Some((&LOOK_UP, quoted)),
    creates_first: false,
    create: &CREATE,
    update: (&UPDATE, Update::Put(None)),
    leave: &LEAVE,
    delete: Some(&DELETE),
    shape: as_it_is,
    two_primaries: None,
    teams: None,
};

static TEST: Kind = kind(
    "The connection is tested",
    "GET /Users?count=1",
    Grade::ThirdParty,
    "guides of service providers",
);
static LOOK_UP: Kind = kind(
    "Is the person there already?",
    "GET /Users?filter=userName%20eq%20\"…\"",
    Grade::Inferred,
    UNPUBLISHED,
);
static CREATE: Kind = kind(
    "The person is created; User-Agent and Content-Type are from a test of scimitar's, the body is not",
    "POST /Users",
    Grade::Inferred,
    "scimitar application_controller_spec",
);
static UPDATE: Kind = kind(
    "The person is written whole",
    "PUT /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static LEAVE: Kind = kind(
    "The person is suspended or restored",
    "PUT /Users/{id} with active",
    Grade::Inferred,
    UNPUBLISHED,
);
static DELETE: Kind = kind(
    "The person is deleted, days after the suspension",
    "DELETE /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
