//! Rate limits: requests per token (off by default), failed authentications per address.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use provisor_store::{TenantId, TokenId};

use crate::Settings;

/// How many tokens or addresses are followed at once; beyond, the oldest window starts anew.
const MOST: usize = 50_000;
/// Seconds of a window of failed authentications.
const FAILURE_WINDOW: i64 = 60;

/// Counts of the current window.
struct Windows<K> {
    limit: u32,
    seconds: i64,
    counts: Mutex<(i64, HashMap<K, u32>)>,
}

impl<K: Hash + Eq> Windows<K> {
    fn new(limit: u32, seconds: i64) -> Self {
        Self {
            limit,
            seconds,
            counts: Mutex::default(),
        }
    }

    /// The seconds to wait, if the window is full.
    fn full(&self, key: &K, now: i64) -> Option<i64> {
        let window = now / (self.seconds * 1000);
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let full =
            counts.0 == window && counts.1.get(key).is_some_and(|count| *count >= self.limit);
        full.then(|| ((window + 1) * self.seconds - now / 1000).max(1))
    }

    fn add(&self, key: K, now: i64) {
        let window = now / (self.seconds * 1000);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != window || counts.1.len() >= MOST {
            counts.0 = window;
            counts.1.clear();
        }
        *counts.1.entry(key).or_default() += 1;
    }
}

/// Both limits.
pub(crate) struct Limiter {
    requests: Option<Windows<(TenantId, TokenId)>>,
    failures: Option<Windows<IpAddr>>,
}

impl Limiter {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            requests: settings.rate_limit.map(|limit| Windows::new(limit, 1)),
            failures: settings
                .failed_authentication_limit
                .map(|limit| Windows::new(limit, FAILURE_WINDOW)),
        }
    }

    /// Counts a request of a token; the seconds to wait, if it is one too many.
    pub(crate) fn request(&self, tenant: TenantId, token: TokenId, now: i64) -> Option<i64> {
        let requests = self.requests.as_ref()?;
        let full = requests.full(&(tenant, token), now);
        if full.is_none() {
            requests.add((tenant, token), now);
        }
        full
    }

    /// The seconds to wait, if too many tokens from this address were wrong.
    pub(crate) fn too_many_failures(&self, address: Option<IpAddr>, now: i64) -> Option<i64> {
        self.failures.as_ref()?.full(&address?, now)
    }

    /// Counts a wrong token.
    pub(crate) fn failure(&self, address: Option<IpAddr>, now: i64) {
        if let (Some(failures), Some(address)) = (&self.failures, address) {
            failures.add(address, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_limited_per_address_and_window() {
        let limiter = Limiter::new(&Settings {
            failed_authentication_limit: Some(2),
            ..Settings::default()
        });
        let one = Some(IpAddr::from([192, 0, 2, 1]));
        let other = Some(IpAddr::from([192, 0, 2, 2]));
        limiter.failure(one, 60_000);
        assert_eq!(limiter.too_many_failures(one, 60_000), None);
        limiter.failure(one, 61_000);
        assert_eq!(limiter.too_many_failures(one, 90_500), Some(30));
        assert_eq!(limiter.too_many_failures(other, 90_500), None);
        assert_eq!(limiter.too_many_failures(one, 120_000), None);
    }
}
