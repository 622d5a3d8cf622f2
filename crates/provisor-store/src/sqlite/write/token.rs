//! Tokens: create, revoke, note their use.

use rusqlite::{OptionalExtension, params};
use scim::Error;

use super::{Decided, Transaction};
use crate::{
    Origin, Outcome, PlainToken, TenantId, TokenId, TokenKind, TokenRecord, change::NewToken,
    record::LastUse, sqlite::caller, token::parse_network,
};

impl Transaction<'_> {
    pub(super) fn create_token(&mut self, origin: &Origin, new: &NewToken) -> Decided<Outcome> {
        let tenant = origin.tenant;
        let purpose = new.purpose.trim();
        if purpose.is_empty() || purpose.len() > 200 {
            return Err(Error::invalid_value(
                "A token needs a purpose of 1 to 200 characters: who will use it, for what?",
            )
            .into());
        }
        if let Some(bad) = new
            .addresses
            .iter()
            .find(|network| parse_network(network).is_none())
        {
            return Err(Error::invalid_value(format!(
                "\"{bad}\" is no network address; write it like 203.0.113.0/24."
            ))
            .into());
        }
        if new.expires.is_some_and(|expires| expires <= self.now) {
            return Err(Error::invalid_value(
                "The token would be expired already. Choose a later time.",
            )
            .into());
        }
        if tenant != TenantId::SYSTEM {
            self.tenant_record(tenant)?;
        }
        if new.kind == TokenKind::Scim || new.connection.is_some() {
            let connections = caller::connections(self.connection, tenant)?;
            if !connections
                .iter()
                .any(|connection| Some(connection.id) == new.connection)
            {
                return Err(Error::not_found("The token needs a connection of its tenant.").into());
            }
        }
        let tally = self.tally(tenant)?;
        tally.last_token += 1;
        let id = TokenId(tally.last_token);
        let plain = PlainToken::generate(new.kind, tenant, id);
        let record = TokenRecord {
            id,
            tenant,
            connection: new.connection,
            purpose: purpose.to_owned(),
            scopes: new.scopes,
            kind: new.kind,
            last4: plain.last4().to_owned(),
            addresses: new.addresses.clone(),
            created: self.now,
            created_by: origin.actor.name(),
            expires: new.expires,
            revoked: None,
            last_used: None,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO token (tenant_id, id, connection_id, kind, hash, purpose, scopes, \
                   last4, addresses, created, created_by, expires) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                tenant.0,
                id.0,
                record.connection.map(|connection| connection.0),
                i64::from(record.kind == TokenKind::Api),
                plain.hash().0,
                record.purpose,
                record.scopes.bits(),
                record.last4,
                serde_json::Value::from(record.addresses.clone()).to_string(),
                record.created,
                record.created_by,
                record.expires,
            ])?;
        self.revise();
        Ok(Outcome::Token(record, plain))
    }

    pub(super) fn revoke_token(&mut self, tenant: TenantId, id: TokenId) -> Decided<Outcome> {
        let mut record = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM token t LEFT JOIN token_use u \
                   ON u.tenant_id = t.tenant_id AND u.token_id = t.id \
                 WHERE t.tenant_id = ?1 AND t.id = ?2",
                caller::TOKEN
            ))?
            .query_row(params![tenant.0, id.0], caller::token_record)
            .optional()?
            .ok_or_else(|| {
                Error::not_found(format!("There is no token tok_{id} in this tenant."))
            })?;
        if record.revoked.is_none() {
            record.revoked = Some(self.now);
            self.connection
                .prepare_cached("UPDATE token SET revoked = ?3 WHERE tenant_id = ?1 AND id = ?2")?
                .execute(params![tenant.0, id.0, self.now])?;
            self.revise();
        }
        Ok(Outcome::Revoked(record))
    }

    pub(super) fn note_token_use(
        &mut self,
        uses: &[(TenantId, TokenId, LastUse)],
    ) -> Decided<Outcome> {
        for (tenant, token, last) in uses {
            self.connection
                .prepare_cached(
                    "INSERT INTO token_use SELECT tenant_id, id, ?3, ?4, ?5 FROM token \
                       WHERE tenant_id = ?1 AND id = ?2 \
                     ON CONFLICT DO UPDATE SET at = ?3, address = ?4, client = ?5 WHERE at <= ?3",
                )?
                .execute(params![
                    tenant.0,
                    token.0,
                    last.at,
                    last.address,
                    last.client
                ])?;
        }
        Ok(Outcome::Done(uses.len()))
    }
}
