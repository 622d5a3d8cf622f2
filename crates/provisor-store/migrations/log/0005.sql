-- Connections that keep less than the file does: what came before these times (milliseconds since
-- 1970) is gone.
CREATE TABLE cut (
    tenant INTEGER NOT NULL,
    connection INTEGER NOT NULL,
    entries_to INTEGER NOT NULL,
    bodies_to INTEGER NOT NULL,
    PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;
