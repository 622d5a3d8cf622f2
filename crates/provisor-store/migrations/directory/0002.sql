-- The events of a resource as a list: the resource knows its last event, every event the one
-- before it. An index on event (resource) did the same, for one more page to write per change.
ALTER TABLE resource ADD COLUMN last_event INTEGER NOT NULL DEFAULT 0;   -- event.seq
ALTER TABLE tombstone ADD COLUMN last_event INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN previous INTEGER NOT NULL DEFAULT 0;        -- event.seq; 0: the first

-- Where the list of a resource starts whose tombstone has expired.
CREATE TABLE gone (
    tenant_id  INTEGER NOT NULL,
    id         BLOB NOT NULL,
    last_event INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;

UPDATE resource SET last_event = coalesce((SELECT max(seq) FROM event e INDEXED BY event_resource
    WHERE e.tenant_id = resource.tenant_id AND e.resource = resource.id), 0);
UPDATE tombstone SET last_event = coalesce((SELECT max(seq) FROM event e INDEXED BY event_resource
    WHERE e.tenant_id = tombstone.tenant_id AND e.resource = tombstone.id), 0);
INSERT INTO gone SELECT tenant_id, resource, max(seq) FROM event e INDEXED BY event_resource
    WHERE NOT EXISTS (SELECT 1 FROM resource r WHERE r.tenant_id = e.tenant_id
        AND r.kind IN (SELECT kind FROM tally y WHERE y.tenant_id = e.tenant_id) AND r.id = e.resource)
      AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.tenant_id = e.tenant_id AND t.id = e.resource)
    GROUP BY tenant_id, resource;
UPDATE event SET previous = coalesce((SELECT max(seq) FROM event e INDEXED BY event_resource
    WHERE e.tenant_id = event.tenant_id AND e.resource = event.resource AND e.seq < event.seq), 0);
DROP INDEX event_resource;

-- What the client called the member when it added it; null if it did not say.
ALTER TABLE member ADD COLUMN display TEXT;

-- 1 once a membership has ended: whoever is in no team now may have been in one when its version
-- was last read, so the version alone does not confirm that answer.
ALTER TABLE resource ADD COLUMN left_team INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tombstone ADD COLUMN left_team INTEGER NOT NULL DEFAULT 0;
