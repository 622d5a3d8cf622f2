-- How long requests took, by half hour and connection: a coarse histogram.
CREATE TABLE took (
    slot INTEGER NOT NULL,       -- half hours since 1970
    tenant INTEGER NOT NULL,     -- 0: nobody's
    connection INTEGER NOT NULL, -- 0: none
    step INTEGER NOT NULL,       -- twice the binary logarithm of the microseconds, rounded down
    requests INTEGER NOT NULL,   -- in full and counted
    PRIMARY KEY (slot, tenant, connection, step)
) STRICT, WITHOUT ROWID;

-- What seldom happens, without a walk along what often does: operations other than those that an
-- identity provider does all day, so that its requests pay nothing for this.
CREATE INDEX entry_rare ON entry (operation, at, tenant) WHERE operation = 2 OR operation = 7
    OR operation = 8 OR operation = 9 OR operation = 10 OR operation = 11;

-- The stretches there may be, counted instead of looked for one by one: few are empty.
DROP VIEW stretch;
CREATE VIEW stretch AS
    WITH RECURSIVE found(stretch, last) AS (
        SELECT min(stretch), (SELECT max(stretch) FROM entry_name) FROM entry_name
        UNION ALL
        SELECT stretch + 1, last FROM found WHERE stretch < last)
    SELECT stretch FROM found WHERE stretch IS NOT NULL;
