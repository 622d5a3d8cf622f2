-- Tenants that were made for a simulation. Only the transaction that makes a tenant sets it, so no customer's tenant
-- can come to be marked. It does not say that everything in the tenant is made up: others may write to it later.
ALTER TABLE tenant ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
