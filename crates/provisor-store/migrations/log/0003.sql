-- Sums by half hour, for charts and success rates: a million entries are too many to count for a page.
CREATE TABLE tally (
    slot INTEGER NOT NULL,       -- half hours since 1970
    tenant INTEGER NOT NULL,     -- 0: nobody's
    connection INTEGER NOT NULL, -- 0: none
    requests INTEGER NOT NULL,   -- in full and counted
    errors INTEGER NOT NULL,     -- of these, with status 400 and above
    last_at INTEGER NOT NULL,    -- the last one's time
    PRIMARY KEY (slot, tenant, connection)
) STRICT, WITHOUT ROWID;
INSERT INTO tally
    SELECT slot, tenant, connection, sum(n), sum(CASE WHEN status >= 400 THEN n ELSE 0 END), max(at)
    FROM (
        SELECT at / 1800000 AS slot, coalesce(tenant, 0) AS tenant,
            coalesce(connection, 0) AS connection, status, 1 AS n, at FROM entry
        UNION ALL
        SELECT second / 1800, tenant, connection, status, count, second * 1000 FROM counted)
    GROUP BY slot, tenant, connection;

-- What was refused, newest first, without a look at what was not.
CREATE INDEX entry_refused ON entry (at, tenant, cause) WHERE status >= 400;
