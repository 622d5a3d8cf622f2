-- The directory: settings, resources, membership, events.
-- Every key starts with tenant_id, so that the same schema shards by tenant.
-- Times are milliseconds since 1970. Resource ids are UUIDv7 as 16 bytes.

-- Single numbers: 'revision' is raised by every change of tenants, connections, tokens and
-- schemas, and is what cached settings are checked by; 'k' is the last resource.k handed out.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counter VALUES ('revision', 1), ('k', 0), ('tenant', 0);

-- Keys that stay inside: the HMAC key of cursors.
CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE tenant (
    id      INTEGER PRIMARY KEY,
    key     TEXT NOT NULL UNIQUE,
    slug    TEXT NOT NULL UNIQUE,
    name    TEXT NOT NULL,
    state   INTEGER NOT NULL,           -- 0 active, 1 suspended, 2 deleting
    created INTEGER NOT NULL
);

-- What the writer counts per tenant.
CREATE TABLE tenant_tally (
    tenant_id       INTEGER PRIMARY KEY,
    seq             INTEGER NOT NULL,   -- last event
    last_id         BLOB NOT NULL,      -- last resource id handed out
    nested          INTEGER NOT NULL,   -- member rows whose member is a team
    last_connection INTEGER NOT NULL,
    last_token      INTEGER NOT NULL,
    last_kind       INTEGER NOT NULL
);

CREATE TABLE connection (
    tenant_id         INTEGER NOT NULL,
    id                INTEGER NOT NULL,
    name              TEXT NOT NULL,
    idp               TEXT NOT NULL,
    profile           TEXT NOT NULL,
    identifier        TEXT NOT NULL,
    domains           TEXT NOT NULL,    -- JSON list
    reactivation      INTEGER NOT NULL,
    unique_team_names INTEGER NOT NULL,
    paused            INTEGER NOT NULL,
    created           INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) WITHOUT ROWID;

CREATE TABLE token (
    tenant_id     INTEGER NOT NULL,     -- 0: an operator's
    id            INTEGER NOT NULL,
    connection_id INTEGER,
    kind          INTEGER NOT NULL,     -- 0 scim, 1 api
    hash          BLOB NOT NULL,        -- SHA-256 of the token's text
    purpose       TEXT NOT NULL,
    scopes        INTEGER NOT NULL,
    last4         TEXT NOT NULL,
    addresses     TEXT NOT NULL,        -- JSON list
    created       INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    expires       INTEGER,
    revoked       INTEGER,
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;

-- Apart from token, because it changes without raising the revision.
CREATE TABLE token_use (
    tenant_id INTEGER NOT NULL,
    token_id  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    address   TEXT NOT NULL,
    client    TEXT NOT NULL,
    PRIMARY KEY (tenant_id, token_id)
) WITHOUT ROWID;

CREATE TABLE custom_schema (
    tenant_id INTEGER NOT NULL,
    id        TEXT NOT NULL,            -- schema URN or resource type name
    kind      INTEGER,                  -- number of a custom resource type, for resource.kind
    document  TEXT NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;

-- k is the row's number within this file, never used twice; rows refer to each other by it.
CREATE TABLE resource (
    k          INTEGER PRIMARY KEY,
    tenant_id  INTEGER NOT NULL,
    kind       INTEGER NOT NULL,        -- 1 User, 2 Group, 3 Role, 4 Entitlement, from 100 custom
    id         BLOB NOT NULL,
    name       TEXT,                    -- a user's userName, folded
    version    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    modified   INTEGER NOT NULL,
    connection INTEGER,                 -- which connection wrote it last
    app_id     TEXT,
    display    TEXT NOT NULL,           -- displayName, else userName
    doc        TEXT NOT NULL,           -- default projection without id, meta, groups, members
    rest       TEXT                     -- attributes returned on request or never
);
CREATE UNIQUE INDEX resource_id ON resource (tenant_id, kind, id);
CREATE UNIQUE INDEX resource_name ON resource (tenant_id, kind, name) WHERE name IS NOT NULL;

-- Values that searches find without reading documents.
CREATE TABLE search_key (
    tenant_id INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    attribute TEXT NOT NULL,
    value     TEXT NOT NULL,            -- folded unless caseExact; long values as prefix and hash
    k         INTEGER NOT NULL,
    main      INTEGER NOT NULL,         -- 1 for the primary e-mail
    PRIMARY KEY (tenant_id, kind, attribute, value, k)
) WITHOUT ROWID;

-- One row per membership. Rows of deleted teams and users stay until their tombstone goes, inert
-- because the resource row is missing, so that a restore brings memberships back.
CREATE TABLE member (
    tenant_id INTEGER NOT NULL,
    team      INTEGER NOT NULL,
    member    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, team, member)
) WITHOUT ROWID;
CREATE INDEX member_of ON member (tenant_id, member, team);

CREATE TABLE tally (
    tenant_id INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) WITHOUT ROWID;

CREATE TABLE tombstone (
    tenant_id  INTEGER NOT NULL,
    id         BLOB NOT NULL,
    deleted    INTEGER NOT NULL,
    k          INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    name       TEXT,
    version    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    modified   INTEGER NOT NULL,
    connection INTEGER,
    app_id     TEXT,
    display    TEXT NOT NULL,
    doc        TEXT NOT NULL,
    rest       TEXT,
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX tombstone_k ON tombstone (k);
CREATE INDEX tombstone_name ON tombstone (tenant_id, kind, name);
CREATE INDEX tombstone_deleted ON tombstone (deleted);

CREATE TABLE event (
    tenant_id  INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    type       TEXT NOT NULL,           -- resource type name
    resource   BLOB NOT NULL,
    at         INTEGER NOT NULL,
    doc        TEXT,
    app_id     TEXT,
    detail     TEXT NOT NULL,
    request    BLOB NOT NULL,
    connection TEXT,
    token      INTEGER,
    actor      TEXT,
    PRIMARY KEY (tenant_id, seq)
) WITHOUT ROWID;
CREATE INDEX event_resource ON event (tenant_id, resource, seq);
