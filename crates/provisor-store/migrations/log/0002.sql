-- Names by stretches of 4,096 entries, the newest last: hashes spread over the whole index, so that
-- every flush wrote most of its pages again; now it writes those of one stretch. A question asks
-- every stretch, which is one seek each.
CREATE TABLE entry_names (
    stretch INTEGER NOT NULL,    -- entry / 4096
    tenant INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (stretch, tenant, hash, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO entry_names SELECT entry / 4096, tenant, hash, entry FROM entry_name
    ORDER BY entry / 4096, tenant, hash, entry;
DROP TABLE entry_name;
ALTER TABLE entry_names RENAME TO entry_name;

-- The stretches there are.
CREATE VIEW stretch AS
    WITH RECURSIVE found(stretch) AS (
        SELECT min(stretch) FROM entry_name
        UNION ALL
        SELECT (SELECT min(stretch) FROM entry_name n WHERE n.stretch > found.stretch)
        FROM found WHERE found.stretch IS NOT NULL)
    SELECT stretch FROM found WHERE stretch IS NOT NULL;
