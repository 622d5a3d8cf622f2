-- Tenants whose people are made up by the simulator. Only the transaction that makes a tenant sets it, so that no
-- customer's tenant can come to be thrown away like one.
ALTER TABLE tenant ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
