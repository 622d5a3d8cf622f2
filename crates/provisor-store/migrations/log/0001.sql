-- One row of settings of the file itself.
CREATE TABLE about (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    born_at INTEGER NOT NULL,    -- the file says nothing about the time before
    name_key BLOB NOT NULL       -- 16 random bytes: key of the hash of names
) STRICT;

-- One row, written with every flush: how far the log is complete.
CREATE TABLE heartbeat (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at INTEGER NOT NULL,
    clean INTEGER NOT NULL,      -- 1 after an orderly end
    last_entry INTEGER NOT NULL  -- ids are never used twice
) STRICT;

-- Requests in full. Times in milliseconds since 1970.
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    request BLOB NOT NULL,
    at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    tenant INTEGER,              -- NULL: nobody's, for operators only
    connection INTEGER,
    token INTEGER,
    client TEXT NOT NULL,
    address TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    operation INTEGER NOT NULL,
    resource_type TEXT,
    resource BLOB,
    status INTEGER NOT NULL,
    cause TEXT,
    detail TEXT NOT NULL,
    fired INTEGER NOT NULL,      -- bits of scim::Tolerances
    notes TEXT,                  -- JSON: [[tolerance, note], …]
    first_event INTEGER,
    last_event INTEGER,
    request_kept INTEGER NOT NULL,
    request_length INTEGER NOT NULL,
    request_sha256 BLOB,
    response_kept INTEGER NOT NULL,
    response_length INTEGER NOT NULL,
    response_sha256 BLOB
) STRICT;
CREATE INDEX entry_at ON entry (at);
CREATE INDEX entry_tenant_at ON entry (tenant, at);
CREATE INDEX entry_request ON entry (request);

-- Bodies apart: they are kept for a shorter time.
CREATE TABLE body (
    entry INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    request BLOB NOT NULL,
    response BLOB NOT NULL
) STRICT;
CREATE INDEX body_at ON body (at);

-- Which entries name what: keyed hashes.
CREATE TABLE entry_name (
    tenant INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash, entry)
) STRICT, WITHOUT ROWID;

-- Names in requests that were only counted.
CREATE TABLE name (
    tenant INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT, WITHOUT ROWID;

-- Requests that were only counted; tenant and connection 0: nobody's.
CREATE TABLE counted (
    tenant INTEGER NOT NULL,
    second INTEGER NOT NULL,     -- since 1970
    connection INTEGER NOT NULL,
    operation INTEGER NOT NULL,
    status INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (tenant, second, connection, operation, status)
) STRICT, WITHOUT ROWID;

-- What the log does not know.
CREATE TABLE gap (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;
CREATE INDEX gap_to_at ON gap (to_at);
