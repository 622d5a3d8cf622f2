//! JumpCloud: a trial user and group first, members one by one and twice.

use super::{MAPPING, SCIM, UNPUBLISHED, as_it_is, kind, quoted};
use crate::simulator::{
    dialect::plain::{Members, Plain, Start, Teams, Update},
    message::{Grade, Kind},
};

const HELP: &str = "support.jumpcloud.com, Custom SCIM Identity Management";
const INFISICAL: &str = "Infisical pull request 2138";

pub(crate) static JUMPCLOUD: Plain = Plain {
    voice: SCIM,
    mapping: MAPPING,
    start: Start::Trial {
        create: &TRIAL,
        create_team: &TRIAL_TEAM,
        delete_team: &TRIAL_TEAM_DELETE,
        delete: &TRIAL_DELETE,
    },
    look_up: Some((&LOOK_UP, quoted)),
    creates_first: false,
    create: &CREATE,
    update: (&UPDATE, Update::Put(None)),
    leave: &LEAVE,
    delete: None,
    shape: as_it_is,
    two_primaries: None,
    teams: Some(Teams {
        look_up: Some(&TEAM_LOOK_UP),
        create: &TEAM_CREATE,
        members: Members::OneByOne {
            add: &TEAM_ADD,
            remove: &TEAM_REMOVE,
            batch: 1,
            twice: true,
        },
        rename: &TEAM_RENAME,
        renames_whole: false,
        compare: None,
        delete: &TEAM_DELETE,
    }),
};

static TRIAL: Kind = kind(
    "Activation creates a test user",
    "POST /Users",
    Grade::Doc,
    HELP,
);
static TRIAL_TEAM: Kind = kind("And a test group", "POST /Groups", Grade::Doc, HELP);
static TRIAL_TEAM_DELETE: Kind = kind(
    "The test group is deleted",
    "DELETE /Groups/{id}",
    Grade::Doc,
    HELP,
);
static TRIAL_DELETE: Kind = kind(
    "The test user is deleted",
    "DELETE /Users/{id}",
    Grade::Doc,
    HELP,
);
static LOOK_UP: Kind = kind(
    "Is the person there already?",
    "GET /Users?filter=userName%20eq%20\"…\"",
    Grade::Inferred,
    UNPUBLISHED,
);
static CREATE: Kind = kind(
    "The person is created",
    "POST /Users",
    Grade::Inferred,
    UNPUBLISHED,
);
static UPDATE: Kind = kind(
    "The person is written whole",
    "PUT /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static LEAVE: Kind = kind(
    "The person is deactivated or activated",
    "PUT /Users/{id} with active",
    Grade::Inferred,
    UNPUBLISHED,
);
static TEAM_LOOK_UP: Kind = kind(
    "Is the team there already?",
    "GET /Groups?filter=displayName%20eq%20\"…\"",
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
    "A member joins; said again for those who are in already",
    "PATCH /Groups/{id} [add members [{value}]]",
    Grade::ThirdParty,
    INFISICAL,
);
static TEAM_REMOVE: Kind = kind(
    "A member leaves, named in the value",
    "PATCH /Groups/{id} [remove members [{value}]]",
    Grade::ThirdParty,
    INFISICAL,
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
