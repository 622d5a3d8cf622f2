//! OneLogin, JumpCloud, Google Workspace, PingOne, Keycloak and authentik.

use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::plain::{Members, Plain, Start, Teams, Update};
use crate::{
    resources::segment,
    simulator::{
        message::{Grade, Kind},
        person::Attribute,
        wire::Voice,
    },
};

const fn kind(says: &'static str, sends: &'static str, grade: Grade, source: &'static str) -> Kind {
    Kind {
        says,
        sends,
        grade,
        source,
    }
}

const UNPUBLISHED: &str = "not published; what its known messages suggest";

const MAPPING: &[Attribute] = &[
    Attribute::UserName,
    Attribute::ExternalId,
    Attribute::Active,
    Attribute::DisplayName,
    Attribute::WorkEmail,
    Attribute::GivenName,
    Attribute::FamilyName,
];

const SCIM: Voice = Voice {
    headers: &[("accept", "application/scim+json")],
    content_type: "application/scim+json",
    typed_delete: false,
    patience: 3,
    stubbornness: 1,
    finds_again: true,
};

fn as_it_is(_: &mut Value) {}

fn quoted(attribute: &str, value: &str) -> String {
    format!(
        "filter={}",
        segment(&format!("{attribute} eq {}", Value::from(value)))
    )
}

// OneLogin

const ONELOGIN_LOG: &str = "log in goauthentik/authentik issue 11249";

/// Its log shows an empty User-Agent.
pub(super) static ONELOGIN: Plain = Plain {
    voice: Voice {
        headers: &[("accept", "application/scim+json"), ("user-agent", "")],
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Get(&ONELOGIN_TEST, "/Users", Some("startIndex=1&count=1")),
    look_up: Some((&ONELOGIN_LOOK_UP, onelogin_query)),
    creates_first: false,
    create: &ONELOGIN_CREATE,
    update: (&ONELOGIN_UPDATE, Update::Put(Some(""))),
    leave: &ONELOGIN_LEAVE,
    delete: Some(&ONELOGIN_DELETE),
    shape: onelogin_shape,
    teams: Some(Teams {
        look_up: Some(&ONELOGIN_TEAM_LOOK_UP),
        create: &ONELOGIN_TEAM_CREATE,
        members: Members::OneByOne {
            add: &ONELOGIN_TEAM_ADD,
            remove: &ONELOGIN_TEAM_REMOVE,
            batch: 100,
            twice: false,
        },
        rename: &ONELOGIN_TEAM_RENAME,
        renames_whole: false,
        compare: None,
        delete: &ONELOGIN_TEAM_DELETE,
    }),
};

/// With an ampersand at the end.
fn onelogin_query(attribute: &str, value: &str) -> String {
    format!("{}&", quoted(attribute, value))
}

/// URNs that are none of the IETF's, and e-mail as one object.
fn onelogin_shape(user: &mut Value) {
    user["schemas"] = json!([
        "urn:scim:schemas:core:2.0",
        "urn:scim:schemas:extension:enterprise:2.0"
    ]);
    user["emails"] = user["emails"][0].take();
}

static ONELOGIN_TEST: Kind = kind(
    "The connection is tested",
    "GET /Users?startIndex=1&count=1",
    Grade::Inferred,
    UNPUBLISHED,
);
static ONELOGIN_LOOK_UP: Kind = kind(
    "Is the person there already? An ampersand ends the query",
    "GET /Users?filter=userName%20eq%20\"…\"&",
    Grade::Cap,
    ONELOGIN_LOG,
);
static ONELOGIN_CREATE: Kind = kind(
    "The person is created from the administrator's template, e-mail as one object",
    "POST /Users",
    Grade::ThirdParty,
    "scim.dev guide for OneLogin",
);
static ONELOGIN_UPDATE: Kind = kind(
    "The person is written whole, with a bare question mark",
    "PUT /Users/{id}?",
    Grade::Cap,
    ONELOGIN_LOG,
);
static ONELOGIN_LEAVE: Kind = kind(
    "The person is suspended or restored, where the administrator chose that",
    "PUT /Users/{id}? with active",
    Grade::Inferred,
    UNPUBLISHED,
);
static ONELOGIN_DELETE: Kind = kind(
    "The person is deleted, where the administrator chose that",
    "DELETE /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static ONELOGIN_TEAM_LOOK_UP: Kind = kind(
    "Is the team there already?",
    "GET /Groups?filter=displayName%20eq%20\"…\"&",
    Grade::Inferred,
    UNPUBLISHED,
);
static ONELOGIN_TEAM_CREATE: Kind = kind(
    "The team is created",
    "POST /Groups",
    Grade::Inferred,
    UNPUBLISHED,
);
static ONELOGIN_TEAM_ADD: Kind = kind(
    "Members join; that it is a PATCH is in the log, its body is not",
    "PATCH /Groups/{id} [add members [{value}]]",
    Grade::Inferred,
    ONELOGIN_LOG,
);
static ONELOGIN_TEAM_REMOVE: Kind = kind(
    "Members leave",
    "PATCH /Groups/{id} [remove members [{value}]]",
    Grade::Inferred,
    ONELOGIN_LOG,
);
static ONELOGIN_TEAM_RENAME: Kind = kind(
    "The team has a new name",
    "PATCH /Groups/{id} [replace displayName]",
    Grade::Inferred,
    UNPUBLISHED,
);
static ONELOGIN_TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);

// JumpCloud

const JUMPCLOUD_HELP: &str = "support.jumpcloud.com, Custom SCIM Identity Management";
const INFISICAL: &str = "Infisical pull request 2138";

pub(super) static JUMPCLOUD: Plain = Plain {
    voice: SCIM,
    mapping: MAPPING,
    start: Start::Trial {
        create: &JUMPCLOUD_TRIAL,
        create_team: &JUMPCLOUD_TRIAL_TEAM,
        delete_team: &JUMPCLOUD_TRIAL_TEAM_DELETE,
        delete: &JUMPCLOUD_TRIAL_DELETE,
    },
    look_up: Some((&JUMPCLOUD_LOOK_UP, quoted)),
    creates_first: false,
    create: &JUMPCLOUD_CREATE,
    update: (&JUMPCLOUD_UPDATE, Update::Put(None)),
    leave: &JUMPCLOUD_LEAVE,
    delete: None,
    shape: as_it_is,
    teams: Some(Teams {
        look_up: Some(&JUMPCLOUD_TEAM_LOOK_UP),
        create: &JUMPCLOUD_TEAM_CREATE,
        members: Members::OneByOne {
            add: &JUMPCLOUD_TEAM_ADD,
            remove: &JUMPCLOUD_TEAM_REMOVE,
            batch: 1,
            twice: true,
        },
        rename: &JUMPCLOUD_TEAM_RENAME,
        renames_whole: false,
        compare: None,
        delete: &JUMPCLOUD_TEAM_DELETE,
    }),
};

static JUMPCLOUD_TRIAL: Kind = kind(
    "Activation creates a test user",
    "POST /Users",
    Grade::Doc,
    JUMPCLOUD_HELP,
);
static JUMPCLOUD_TRIAL_TEAM: Kind = kind(
    "And a test group",
    "POST /Groups",
    Grade::Doc,
    JUMPCLOUD_HELP,
);
static JUMPCLOUD_TRIAL_TEAM_DELETE: Kind = kind(
    "The test group is deleted",
    "DELETE /Groups/{id}",
    Grade::Doc,
    JUMPCLOUD_HELP,
);
static JUMPCLOUD_TRIAL_DELETE: Kind = kind(
    "The test user is deleted",
    "DELETE /Users/{id}",
    Grade::Doc,
    JUMPCLOUD_HELP,
);
static JUMPCLOUD_LOOK_UP: Kind = kind(
    "Is the person there already?",
    "GET /Users?filter=userName%20eq%20\"…\"",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_CREATE: Kind = kind(
    "The person is created",
    "POST /Users",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_UPDATE: Kind = kind(
    "The person is written whole",
    "PUT /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_LEAVE: Kind = kind(
    "The person is deactivated or activated",
    "PUT /Users/{id} with active",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_TEAM_LOOK_UP: Kind = kind(
    "Is the team there already?",
    "GET /Groups?filter=displayName%20eq%20\"…\"",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_TEAM_CREATE: Kind = kind(
    "The team is created",
    "POST /Groups",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_TEAM_ADD: Kind = kind(
    "A member joins; said again for those who are in already",
    "PATCH /Groups/{id} [add members [{value}]]",
    Grade::ThirdParty,
    INFISICAL,
);
static JUMPCLOUD_TEAM_REMOVE: Kind = kind(
    "A member leaves, named in the value",
    "PATCH /Groups/{id} [remove members [{value}]]",
    Grade::ThirdParty,
    INFISICAL,
);
static JUMPCLOUD_TEAM_RENAME: Kind = kind(
    "The team has a new name",
    "PATCH /Groups/{id} [replace displayName]",
    Grade::Inferred,
    UNPUBLISHED,
);
static JUMPCLOUD_TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);

// Google Workspace

pub(super) static GOOGLE: Plain = Plain {
    voice: Voice {
        headers: &[
            ("accept", "application/json"),
            ("user-agent", "Google-Auto-Provisioning"),
        ],
        content_type: "application/json",
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Get(&GOOGLE_TEST, "/Users", Some("count=1")),
    look_up: Some((&GOOGLE_LOOK_UP, quoted)),
    creates_first: false,
    create: &GOOGLE_CREATE,
    update: (&GOOGLE_UPDATE, Update::Put(None)),
    leave: &GOOGLE_LEAVE,
    delete: Some(&GOOGLE_DELETE),
    shape: as_it_is,
    teams: None,
};

static GOOGLE_TEST: Kind = kind(
    "The connection is tested",
    "GET /Users?count=1",
    Grade::ThirdParty,
    "guides of service providers",
);
static GOOGLE_LOOK_UP: Kind = kind(
    "Is the person there already?",
    "GET /Users?filter=userName%20eq%20\"…\"",
    Grade::Inferred,
    UNPUBLISHED,
);
static GOOGLE_CREATE: Kind = kind(
    "The person is created; User-Agent and Content-Type are from a test of scimitar's, the body is not",
    "POST /Users",
    Grade::Inferred,
    "scimitar application_controller_spec",
);
static GOOGLE_UPDATE: Kind = kind(
    "The person is written whole",
    "PUT /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static GOOGLE_LEAVE: Kind = kind(
    "The person is suspended or restored",
    "PUT /Users/{id} with active",
    Grade::Inferred,
    UNPUBLISHED,
);
static GOOGLE_DELETE: Kind = kind(
    "The person is deleted, days after the suspension",
    "DELETE /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);

// PingOne

const PING_FILTER: &str = "docs.pingidentity.com, filter expressions";
const PING_LIMITS: &str = "docs.pingidentity.com, limitations of SCIM provisioning";

/// It does not PATCH.
pub(super) static PING: Plain = Plain {
    voice: Voice {
        headers: &[
            ("accept", "application/scim+json"),
            ("user-agent", "Apache-HttpClient"),
        ],
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Get(&PING_TEST, "/Users", Some("startIndex=1&count=1")),
    look_up: Some((&PING_LOOK_UP, ping_query)),
    creates_first: false,
    create: &PING_CREATE,
    update: (&PING_UPDATE, Update::Put(None)),
    leave: &PING_LEAVE,
    delete: Some(&PING_DELETE),
    shape: as_it_is,
    teams: Some(Teams {
        look_up: Some(&PING_TEAM_LOOK_UP),
        create: &PING_TEAM_CREATE,
        members: Members::Put(&PING_TEAM_WRITE),
        rename: &PING_TEAM_WRITE,
        renames_whole: false,
        compare: None,
        delete: &PING_TEAM_DELETE,
    }),
};

/// In the case in which its pages write them.
fn ping_query(attribute: &str, value: &str) -> String {
    let attribute = attribute.replace("userName", "username");
    format!(
        "filter={}",
        segment(&format!("{attribute} Eq {}", Value::from(value)))
    )
}

static PING_TEST: Kind = kind(
    "The connection is tested",
    "GET /Users?startIndex=1&count=1",
    Grade::Inferred,
    UNPUBLISHED,
);
static PING_LOOK_UP: Kind = kind(
    "Is the person there already?",
    "GET /Users?filter=username%20Eq%20\"…\"",
    Grade::Doc,
    PING_FILTER,
);
static PING_CREATE: Kind = kind(
    "The person is created",
    "POST /Users",
    Grade::Inferred,
    UNPUBLISHED,
);
static PING_UPDATE: Kind = kind(
    "The person is written whole, since it does not PATCH",
    "PUT /Users/{id}",
    Grade::Doc,
    PING_LIMITS,
);
static PING_LEAVE: Kind = kind(
    "The person is disabled or enabled",
    "PUT /Users/{id} with active",
    Grade::Inferred,
    PING_LIMITS,
);
static PING_DELETE: Kind = kind(
    "The person is deleted",
    "DELETE /Users/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);
static PING_TEAM_LOOK_UP: Kind = kind(
    "Is the team there already?",
    "GET /Groups?filter=displayName%20Eq%20\"…\"",
    Grade::Inferred,
    PING_FILTER,
);
static PING_TEAM_CREATE: Kind = kind(
    "The team is created with its members",
    "POST /Groups",
    Grade::Inferred,
    UNPUBLISHED,
);
static PING_TEAM_WRITE: Kind = kind(
    "The team is written whole",
    "PUT /Groups/{id}",
    Grade::Inferred,
    PING_LIMITS,
);
static PING_TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Inferred,
    UNPUBLISHED,
);

// Keycloak

const KEYCLOAK_SOURCE: &str = "plug-in of libre.sh (mitodl/keycloak-scim)";

/// The plug-in never looks anybody up: it creates, and links what an import listed.
pub(super) static KEYCLOAK: Plain = Plain {
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
        test: (&KEYCLOAK_TEST, "/ServiceProviderConfig", None),
        list: &KEYCLOAK_IMPORT,
        paged: false,
    },
    look_up: None,
    creates_first: true,
    create: &KEYCLOAK_CREATE,
    update: (
        &KEYCLOAK_UPDATE,
        Update::Patch {
            text_booleans: true,
        },
    ),
    leave: &KEYCLOAK_ACTIVE,
    delete: Some(&KEYCLOAK_DELETE),
    shape: as_it_is,
    teams: Some(Teams {
        look_up: None,
        create: &KEYCLOAK_TEAM_CREATE,
        members: Members::Replace(&KEYCLOAK_TEAM_MEMBERS),
        rename: &KEYCLOAK_TEAM_RENAME,
        renames_whole: false,
        compare: None,
        delete: &KEYCLOAK_TEAM_DELETE,
    }),
};

static KEYCLOAK_TEST: Kind = kind(
    "What can the server do?",
    "GET /ServiceProviderConfig",
    Grade::Inferred,
    "the plug-in has no test of its own",
);
static KEYCLOAK_IMPORT: Kind = kind(
    "Import: one list, of which the first page is read",
    "GET /Users",
    Grade::Src,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_CREATE: Kind = kind(
    "The person is created, without a look-up",
    "POST /Users",
    Grade::Src,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_UPDATE: Kind = kind(
    "Each attribute is replaced; the source shows it for active, other releases PUT",
    "PATCH /Users/{id} [replace …]",
    Grade::Inferred,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_ACTIVE: Kind = kind(
    "The person is disabled or enabled, with text for the boolean",
    "PATCH /Users/{id} [replace active \"false\"]",
    Grade::Src,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_DELETE: Kind = kind(
    "The person is deleted",
    "DELETE /Users/{id}",
    Grade::Src,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_TEAM_CREATE: Kind = kind(
    "The team is created with its members",
    "POST /Groups",
    Grade::Src,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_TEAM_MEMBERS: Kind = kind(
    "All members are replaced, by null if there are none",
    "PATCH /Groups/{id} [replace members …]",
    Grade::Src,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_TEAM_RENAME: Kind = kind(
    "The team has a new name",
    "PATCH /Groups/{id} [replace displayName]",
    Grade::Inferred,
    KEYCLOAK_SOURCE,
);
static KEYCLOAK_TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Src,
    KEYCLOAK_SOURCE,
);

// authentik

const AUTHENTIK_SOURCE: &str = "goauthentik/authentik, authentik/providers/scim/clients";

/// It creates first, and adopts only what it is told by 409 to be there.
pub(super) static AUTHENTIK: Plain = Plain {
    voice: Voice {
        headers: &[("accept", "application/scim+json")],
        ..SCIM
    },
    mapping: MAPPING,
    start: Start::Import {
        test: (&AUTHENTIK_TEST, "/ServiceProviderConfig", None),
        list: &AUTHENTIK_DISCOVER,
        paged: true,
    },
    look_up: Some((&AUTHENTIK_LOOK_UP, authentik_query)),
    creates_first: true,
    create: &AUTHENTIK_CREATE,
    update: (&AUTHENTIK_UPDATE, Update::Put(None)),
    leave: &AUTHENTIK_DELETE,
    delete: Some(&AUTHENTIK_DELETE),
    shape: as_it_is,
    teams: Some(Teams {
        look_up: Some(&AUTHENTIK_TEAM_LOOK_UP),
        create: &AUTHENTIK_TEAM_CREATE,
        members: Members::OneByOne {
            add: &AUTHENTIK_TEAM_ADD,
            remove: &AUTHENTIK_TEAM_REMOVE,
            batch: 1000,
            twice: false,
        },
        rename: &AUTHENTIK_TEAM_RENAME,
        renames_whole: true,
        compare: Some(&AUTHENTIK_TEAM_COMPARE),
        delete: &AUTHENTIK_TEAM_DELETE,
    }),
};

/// Without quotes around a user's name, as up to release 2025.6.
fn authentik_query(attribute: &str, value: &str) -> String {
    let filter = match attribute {
        "userName" => format!("{attribute} eq {value}"),
        _ => format!("{attribute} eq {}", Value::from(value)),
    };
    format!(
        "filter={}",
        byte_serialize(filter.as_bytes()).collect::<String>()
    )
}

static AUTHENTIK_TEST: Kind = kind(
    "What can the server do?",
    "GET /ServiceProviderConfig",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_DISCOVER: Kind = kind(
    "Discovery, page by page without a count",
    "GET /Users, then GET /Users?startIndex=N",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_LOOK_UP: Kind = kind(
    "After 409 alone: the person, without quotes",
    "GET /Users?filter=userName+eq+alice",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_CREATE: Kind = kind(
    "The person is created, without a look-up",
    "POST /Users",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_UPDATE: Kind = kind(
    "The person is written whole",
    "PUT /Users/{id}",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_DELETE: Kind = kind(
    "The person is deleted",
    "DELETE /Users/{id}",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_LOOK_UP: Kind = kind(
    "After 409 alone: the team",
    "GET /Groups?filter=displayName+eq+\"…\"",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_CREATE: Kind = kind(
    "The team is created without members",
    "POST /Groups",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_ADD: Kind = kind(
    "Members join, one operation each, bulk.maxOperations in a request",
    "PATCH /Groups/{id} [add members [{value}]…]",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_REMOVE: Kind = kind(
    "Members leave, one operation each, named in the value",
    "PATCH /Groups/{id} [remove members [{value}]…]",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_RENAME: Kind = kind(
    "The whole team without a path, id and schemas included",
    "PATCH /Groups/{id} [replace {…}]",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_COMPARE: Kind = kind(
    "The members are compared",
    "GET /Groups/{id}",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
static AUTHENTIK_TEAM_DELETE: Kind = kind(
    "The team is deleted",
    "DELETE /Groups/{id}",
    Grade::Src,
    AUTHENTIK_SOURCE,
);
