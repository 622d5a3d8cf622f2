-- Teams know how many members they have, so that a list of teams counts none. Deleted members,
-- whose rows stay for a while, are not among them.
ALTER TABLE resource ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
UPDATE resource SET members = (SELECT count(*) FROM member m JOIN resource r ON r.k = m.member
    WHERE m.tenant_id = resource.tenant_id AND m.team = resource.k) WHERE kind = 2;

-- The event that told of the membership's beginning; 0: it began before this was kept.
ALTER TABLE member ADD COLUMN since INTEGER NOT NULL DEFAULT 0;         -- event.seq

-- The events that told of the beginning and the end of memberships that have ended. Together with
-- member.since they are what a user's timeline says of teams.
CREATE TABLE former_member (
    tenant_id INTEGER NOT NULL,
    member    INTEGER NOT NULL,         -- resource.k
    seq       INTEGER NOT NULL,         -- event.seq
    PRIMARY KEY (tenant_id, member, seq)
) WITHOUT ROWID;
