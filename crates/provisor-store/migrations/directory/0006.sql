-- Outbound provisioning: where a tenant's users and teams are pushed to, and what is known there.
-- Times are milliseconds since 1970. `kind`: 1 user, 2 team; in the log also 0, the run itself.

CREATE TABLE target (
    tenant_id   INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    name        TEXT NOT NULL,
    settings    TEXT NOT NULL,      -- JSON, without secrets
    state       INTEGER NOT NULL,   -- 0 paused, 1 active, 2 being removed
    credentials BLOB,               -- encrypted with a key that is not in this file
    cursor      INTEGER NOT NULL,   -- last event whose resource is marked in target_object
    whole       INTEGER NOT NULL,   -- not 0: every user and team has to be looked at; raised with each change of the settings
    asked       INTEGER NOT NULL,   -- when somebody last asked for a run at once; 0: answered
    compared    INTEGER NOT NULL,   -- when the target was last read and compared; 0: to be done
    ran         INTEGER NOT NULL,   -- when the last run ended
    outcome     TEXT NOT NULL,      -- how it ended, in a sentence; empty: as it should
    created     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) WITHOUT ROWID;

-- A user or team of the source, and its double in the target.
CREATE TABLE target_object (
    tenant_id INTEGER NOT NULL,
    target    INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    local     TEXT NOT NULL,        -- its id in the source
    remote    TEXT,                 -- its id in the target; NULL: not there as far as known
    label     TEXT NOT NULL,        -- what the log calls it
    sent      BLOB,                 -- SHA-256 of what the target was last known to hold; NULL: unknown
    mark      INTEGER NOT NULL,     -- counts the source's changes, so that one during a push is not lost
    due       INTEGER,              -- when it is to be looked at; NULL: nothing to do
    attempts  INTEGER NOT NULL,     -- failed ones since the source last changed it
    error     TEXT,                 -- why the last one failed, or what it waits for
    names     TEXT NOT NULL,        -- attributes it was last sent with, with commas between
    PRIMARY KEY (tenant_id, target, kind, local)
) WITHOUT ROWID;
CREATE INDEX target_object_due ON target_object (tenant_id, target, kind, due) WHERE due IS NOT NULL;
CREATE INDEX target_object_remote ON target_object (tenant_id, target, kind, remote) WHERE remote IS NOT NULL;
CREATE INDEX target_object_error ON target_object (tenant_id, target, kind, local) WHERE error IS NOT NULL;

-- Members the target's teams are known to have.
CREATE TABLE target_member (
    tenant_id INTEGER NOT NULL,
    target    INTEGER NOT NULL,
    team      TEXT NOT NULL,        -- target_object.local
    member    TEXT NOT NULL,        -- the member's id in the target
    PRIMARY KEY (tenant_id, target, team, member)
) WITHOUT ROWID;

-- What was sent, what was answered, and why; written with what it tells of.
CREATE TABLE target_log (
    tenant_id INTEGER NOT NULL,
    target    INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    local     TEXT NOT NULL,
    label     TEXT NOT NULL,
    action    TEXT NOT NULL,        -- create, link, update, deactivate, delete, add_members, …
    ok        INTEGER NOT NULL,
    status    INTEGER,              -- of the answer; NULL: none came, or nothing was sent
    detail    TEXT NOT NULL,        -- JSON: attributes by name, never values; the target's words; the reason
    PRIMARY KEY (tenant_id, target, n)
) WITHOUT ROWID;
CREATE INDEX target_log_object ON target_log (tenant_id, target, kind, local, n);
CREATE INDEX target_log_at ON target_log (at);
