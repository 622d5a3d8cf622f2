-- How long a connection's requests are kept in the sync log, in days; NULL: as long as the server
-- keeps them, which is the most.
ALTER TABLE connection ADD COLUMN log_days INTEGER;
ALTER TABLE connection ADD COLUMN log_body_days INTEGER;
