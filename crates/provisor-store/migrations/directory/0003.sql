-- The console: people, their sessions, one-time links, and the audit.
-- Times are milliseconds since 1970. Ids are never used twice (AUTOINCREMENT), since the audit,
-- which outlives what it tells of, names them.

CREATE TABLE person (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    email    TEXT NOT NULL,             -- as written
    folded   TEXT NOT NULL UNIQUE,      -- as compared
    name     TEXT NOT NULL,
    role     INTEGER NOT NULL,          -- position in Role::ALL
    tenants  TEXT,                      -- JSON list of tenant ids; NULL: all
    password TEXT,                      -- argon2id, PHC string; NULL: none yet
    created  INTEGER NOT NULL
);

-- A signed-in browser: a person's, or a customer's who opened a setup link.
CREATE TABLE session (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    hash          BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie's secret
    person_id     INTEGER,
    tenant_id     INTEGER,              -- of a setup session
    connection_id INTEGER,              -- of a setup session
    link_id       INTEGER,              -- the link it came from
    created       INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    idle          INTEGER NOT NULL,     -- ends so long after last_seen
    expires       INTEGER NOT NULL,     -- ends then in any case
    address       TEXT NOT NULL,
    client        TEXT NOT NULL,
    revoked       INTEGER
);
CREATE INDEX session_person ON session (person_id);
CREATE INDEX session_tenant ON session (tenant_id);

CREATE TABLE link (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    hash          BLOB NOT NULL UNIQUE, -- SHA-256 of the secret in the URL
    kind          INTEGER NOT NULL,     -- 0 sign-in, 1 invite, 2 setup
    person_id     INTEGER,
    tenant_id     INTEGER,              -- of a setup link
    connection_id INTEGER,              -- of a setup link
    created       INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    expires       INTEGER NOT NULL,
    used          INTEGER,
    revoked       INTEGER
);
CREATE INDEX link_person ON link (person_id);
CREATE INDEX link_tenant ON link (tenant_id, connection_id);

-- Who did what. Written in the transaction of the change it tells of, and never changed.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,           -- person:anna@example.com, cli:anna, token:tok_3, system
    action     TEXT NOT NULL,           -- token.create
    object     TEXT NOT NULL,           -- tok_4
    tenant_id  INTEGER NOT NULL,        -- 0: no tenant's
    tenant_key TEXT,                    -- as it was then
    detail     TEXT NOT NULL,           -- JSON: before, after
    address    TEXT,
    request    BLOB NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant_id, id);
CREATE TRIGGER audit_keeps_its_text BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_keeps_its_rows BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'audit entries are never removed'); END;

-- Lists of tokens over all tenants, newest first.
CREATE INDEX token_created ON token (created, tenant_id, id);
