//! A request of a customer's administrator who came in by a setup link: bound to one connection.

use std::{ops::Deref, sync::Arc};

use axum::http::StatusCode;
use provisor_store::{
    Actor, Change, Connection, Holder, Origin, Outcome, Session, Tenant, TenantState, TokenRecord,
    WriteError,
};

use super::super::{Problem, asked::Asked};

/// Name of the cookie; another one than a person's.
pub(in crate::console) const COOKIE: &str = "setup";

/// A request whose setup session is open, with the one connection it is for.
pub(in crate::console) struct SetupVisit {
    pub(in crate::console) asked: Asked,
    pub(in crate::console) session: Arc<Session>,
    pub(in crate::console) tenant: Tenant,
    pub(in crate::console) connection: Connection,
}

impl Deref for SetupVisit {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.asked
    }
}

/// The visit, if the cookie opens a setup session whose connection is still there.
pub(in crate::console) async fn admit(asked: &Asked) -> Result<Option<SetupVisit>, Problem> {
    if asked.is_new_guest {
        return Ok(None);
    }
    let mut snapshot = asked.console.store.read().await?;
    let Some(session) = snapshot.session(&asked.secret).await? else {
        return Ok(None);
    };
    let Holder::Setup {
        tenant, connection, ..
    } = session.holder
    else {
        return Ok(None);
    };
    let found = snapshot.tenant_by_id(tenant).await?;
    let Some(tenant) = found.filter(|tenant| tenant.state != TenantState::Deleting) else {
        return Ok(None);
    };
    let connections = snapshot.connections(tenant.id).await?;
    let found = connections.into_iter().find(|known| known.id == connection);
    Ok(found.map(|connection| SetupVisit {
        asked: asked.clone(),
        session,
        tenant,
        connection,
    }))
}

/// Told to who has no open setup session.
pub(in crate::console) fn ended() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "This setup page is closed",
        "The setup link was revoked or its seven days are over, or this browser did not open it.",
        "Ask whoever sent you the link for a new one.",
    )
}

impl SetupVisit {
    /// Makes a change in the session's name; a refusal comes back as a sentence.
    pub(in crate::console) async fn try_write(
        &self,
        change: Change,
    ) -> Result<Result<Outcome, String>, Problem> {
        let origin = Origin {
            tenant: self.tenant.id,
            request: self.id,
            actor: Actor::Session(self.session.clone()),
            address: self.address,
        };
        match self.console.store.write(origin, change).await {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(WriteError::Refused(refusal)) if refusal.error.kind != scim::Kind::Forbidden => {
                Ok(Err(refusal.error.detail))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// True for a token that was made through this session's link.
    pub(in crate::console) fn made(&self, token: &TokenRecord) -> bool {
        token.connection == Some(self.connection.id) && token.created_by == self.session.actor()
    }
}
