//! When tokens were last used, gathered here and written down now and then.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use hyper::header::HeaderValue;
use provisor_store::{Caller, TenantId, TokenId, record::LastUse};

/// A use is noted at most once in this time per token, in milliseconds.
const EVERY: i64 = 60_000;
/// Characters of a client's name that are kept.
const CLIENT: usize = 200;

#[derive(Default)]
struct Known {
    noted: HashMap<(TenantId, TokenId), i64>,
    fresh: HashMap<(TenantId, TokenId), LastUse>,
}

/// The uses that are not written down yet.
#[derive(Default)]
pub(crate) struct TokenUses(Mutex<Known>);

impl TokenUses {
    pub(crate) fn note(
        &self,
        caller: &Caller,
        client: Option<&HeaderValue>,
        address: Option<IpAddr>,
        now: i64,
    ) {
        let key = (caller.tenant_id(), caller.token.id);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.noted.get(&key).is_some_and(|at| now - at < EVERY) {
            return;
        }
        known.noted.insert(key, now);
        let client = client.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let last = LastUse {
            at: now,
            address: address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            client: client.unwrap_or_default().chars().take(CLIENT).collect(),
        };
        known.fresh.insert(key, last);
    }

    /// A use that is not written down yet.
    pub(crate) fn fresh(&self, tenant: TenantId, token: TokenId) -> Option<LastUse> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.fresh.get(&(tenant, token)).cloned()
    }

    /// What is to be written down now.
    pub(crate) fn take(&self) -> Vec<(TenantId, TokenId, LastUse)> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut known.fresh)
            .into_iter()
            .map(|((tenant, token), last)| (tenant, token, last))
            .collect()
    }
}
