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
        "AUTH-006",
        "The transport is negotiated before SCIM begins; scanners for TLS ask that better.",
    ),
    (
        "AUTH-007",
        "How long a token lives, and how it was drawn, cannot be seen in it.",
    ),
    ("DISC-023", "No standard extension is required."),
    (
        "DISC-025 EVT-001 EVT-002 EVT-003 EVT-004 EVT-005 EVT-006 EVT-007 EVT-011 EVT-014",
        "Events go to a receiver that the server's operator sets up.",
    ),
    (
        "EVT-008 EVT-009 EVT-010 EVT-012 EVT-013",
        "Asynchronous answers are told to a receiver of events.",
    ),
    (
        "POST-023 PUT-006",
        "No standard attribute of a user is immutable, except inside members, which GRP-003 covers.",
    ),
    ("LIST-007", "Needs more resources than a check may create."),
    (
        "FLT-013 SCH-005 SCH-006",
        "No standard attribute is a number.",
    ),
    (
        "SCH-007",
        "The only times of the standard schemas are the server's own, in meta.",
    ),
    (
        "SCH-013",
        "No standard attribute is a list of plain values but schemas.",
    ),
    (
        "FLT-039",
        "No server is known to search certificates, and RFC 7644 lets it refuse.",
    ),
    (
        "FLT-037",
        "Refusing sensitive filters is the operator's policy.",
    ),
    (
        "CUR-009",
        "Would wait for the cursor's timeout, which may be hours.",
    ),
    (
        "ATTR-008",
        "No standard attribute is returned only on request.",
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
        "SCH-001 SCH-002 SCH-019 SCH-020 SCH-021 SCH-023",
        "SCIM has no way to define schemas; each server has its own.",
    ),
    (
        "TEN-001 TEN-002",
        "How a URL names a tenant is each server's own.",
    ),
    (
        "SEC-004",
        "What PRECIS refuses differs by version; FLT-038 covers the comparison.",
    ),
    ("IPS-001", "Needs a registered OAuth client with a key."),
    (
        "IPS-005",
        "Sessions and tokens end in the app, not in the SCIM server.",
    ),
    (
        "DRF-001 DRF-002 DRF-003 DRF-004 DRF-005 DRF-006",
        "Internet-Drafts change; no profile asks for them yet.",
    ),
];
