//! What cannot be asked from outside, and why.

/// Requirement ids that no check proves, separated by spaces, with the reason.
pub const UNCHECKED: &[(&str, &str)] = &[
    (
        "HTTP-017 HTTP-018",
        "Checks stay below the base URL; what answers above it is another server's matter.",
    ),
    (
        "AUTH-003 AUTH-011 BULK-024",
        "Needs a token with fewer rights, and how rights are named is each server's own.",
    ),
    (
        "AUTH-006 IOP-015",
        "The transport is negotiated before SCIM begins; scanners for TLS ask that better.",
    ),
    (
        "AUTH-007",
        "How long a token lives, and how it was drawn, cannot be seen in it.",
    ),
    (
        "DISC-023",
        "Where users need an extension, no check knows what to put into it.",
    ),
    (
        "EVT-001 EVT-002 EVT-003 EVT-004 EVT-005 EVT-006 EVT-007 EVT-011 EVT-014",
        "Events go to a receiver that the server's operator sets up.",
    ),
    (
        "EVT-012 EVT-013",
        "Asynchronous answers are told to a receiver of events.",
    ),
    ("LIST-007", "Needs more resources than a check may create."),
    (
        "CUR-009",
        "Would wait for the cursor's timeout, which is minutes or hours.",
    ),
    (
        "PUT-012",
        "Whether a password still works is seen at the app's sign-in.",
    ),
    (
        "DEL-005 SEC-001 SEC-003 SEC-005",
        "Is about what the server keeps, not about what it answers.",
    ),
    ("ME-004", "Needs a token that stands for a person."),
    ("ERR-007", "When a server redirects is its own matter."),
    (
        "SCH-002 SCH-019 SCH-021",
        "SCIM has no way to define schemas; what a server has of its own, own_extensions_work and its like ask.",
    ),
    (
        "TEN-001 TEN-002",
        "How a URL names a tenant is each server's own.",
    ),
    (
        "SEC-004",
        "What PRECIS refuses differs by version; FLT-038 covers the comparison.",
    ),
    (
        "IOP-013",
        "Is a permission: whatever a server does with conditional headers is right.",
    ),
    ("IPS-001", "Needs a registered OAuth client with a key."),
    (
        "IPS-005",
        "Sessions and tokens end in the app, not in the SCIM server.",
    ),
    (
        "DRF-001 DRF-002 DRF-003 DRF-004 DRF-005",
        "Internet-Drafts change; no profile asks for them yet.",
    ),
    (
        "DRF-006",
        "Devices are a resource type like any other: HTTP-003 covers what /ResourceTypes lists.",
    ),
];
