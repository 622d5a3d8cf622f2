//! Keycloak with the plug-in of libre.sh: it creates without looking.

use super::{SCIM, as_it_is, kind};
use crate::simulator::{
    dialect::plain::{Members, Plain, Start, Teams, Update},
    message::{Grade, Kind},
    person::Attribute,
    wire::Voice,
};

const SOURCE: &str = "plug-in of libre.sh (mitodl/keycloak-scim)";

/// The plug-in never looks anybody up: it creates, and links what an import listed.
pub(crate) static KEYCLOAK: Plain = Plain {
    voice: Voice {
        headers: &[("accept", "application/scim+json")],
        stubbornness: 10,
        patience: 1,
        finds_again: false,
        ..SCIM
    },
    mapping: &[
        Attribute::UserName,
        Attribute::ExternalId,
        Attribute::Active,
        Attribute::DisplayName,
        Attribute::WorkEmail,
    ],
    start: Start::Import {
        test: (&TEST, "/ServiceProviderConfig", None),
        list: &IMPORT,
        paged: false,
    },
    look_up: None,
    creates_first: true,
    create: &CREATE,
    update: (
        &UPDATE,
        Update::Patch {
            text_booleans: true,
        },
    ),
    leave: &ACTIVE,
    delete: Some(&DELETE),
    shape: as_it_is,
    two_primaries: None,
    teams: Some(Teams {
        look_up: None,
        create: &TEAM_CREATE,
        members: Members::Replace(&TEAM_MEMBERS),
        rename: &TEAM_RENAME,
        renames_whole: false,
        compare: None,
        delete: &TEAM_DELETE,
    }),
};

static TEST: Kind = kind(
    "What can the server do?",
    "GET /ServiceProviderConfig",
    Grade::Inferred,
    "the plug-in has no test of its own",
);
static IMPORT: Kind = kind(
    "Import: one list, of which the first page is read",
    "GET /Users",
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
    "Each attribute is replaced; the source shows it for active, other releases PUT",
    "PATCH /Users/{id} [replace …]",
    Grade::Inferred,
    SOURCE,
);
static ACTIVE: Kind = kind(
    "The person is disabled or enabled, with text for the boolean",
    "PATCH /Users/{id} [replace active \"false\"]",
    Grade::Src,
    SOURCE,
);
static DELETE: Kind = kind(
    "The person is deleted",
    "DELETE /Users/{id}",
    Grade::Src,
    SOURCE,
);
static TEAM_CREATE: Kind = kind(
    "The team is created with its members",
    "POST /Groups",
    Grade::Src,
    SOURCE,
);
static TEAM_MEMBERS: Kind = kind(
    "All members are replaced, by null if there are none",
    "PATCH /Groups/{id} [replace members …]",
    Grade::Src,
    SOURCE,
);
static TEAM_RENAME: Kind = kind(
    "The team has a new name",
    "PATCH /Groups/{id} [replace displayName]",
    Grade::Inferred,
    SOURCE,
);
static TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Src,
    SOURCE,
);
