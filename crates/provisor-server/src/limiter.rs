//! Rate limits: requests per token (off by default), failed authentications per address.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use provisor_store::{TenantId, TokenId};

use crate::Settings;

/// How many tokens or addresses are followed at once; beyond, the oldest window starts anew.
const MOST: usize = 50_000;
/// Seconds of a window of failed authentications.
const FAILURE_WINDOW: i64 = 60;

/// Wrong passwords and links per minute and address.
const SIGN_INS: u32 = 10;

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
    fn wait(&self, key: &K, now: i64) -> Option<i64> {
        let window = now / (self.seconds * 1000);
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let full = counts.0 == window && counts.1.get(key).is_some_and(|n| *n >= self.limit);
        full.then(|| ((window + 1) * self.seconds - now / 1000).max(1))
    }

    /// Counts one; the seconds to wait, if the window was full.
    fn count(&self, key: K, now: i64) -> Option<i64> {
        let window = now / (self.seconds * 1000);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != window || counts.1.len() >= MOST {
            counts.0 = window;
            counts.1.clear();
        }
        let count = counts.1.entry(key).or_default();
        if *count >= self.limit {
            return Some(((window + 1) * self.seconds - now / 1000).max(1));
        }
        *count += 1;
        None
    }
}

/// All limits.
pub(crate) struct Limiter {
    requests: Option<Windows<(TenantId, TokenId)>>,
    failures: Option<Windows<IpAddr>>,
    sign_ins: Windows<IpAddr>,
}

impl Limiter {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            requests: settings.rate_limit.map(|limit| Windows::new(limit, 1)),
            failures: settings
                .failed_authentication_limit
                .map(|limit| Windows::new(limit, FAILURE_WINDOW)),
            sign_ins: Windows::new(SIGN_INS, FAILURE_WINDOW),
        }
    }

    /// Counts a request of a token; the seconds to wait, if it is one too many.
    pub(crate) fn request(&self, tenant: TenantId, token: TokenId, now: i64) -> Option<i64> {
        self.requests.as_ref()?.count((tenant, token), now)
    }

    /// Counts a wrong token; the seconds to wait, if it is one too many from its address.
    ///
    /// Only wrong tokens are refused so: all tenants of an identity provider share its addresses,
    /// and the stale token of one must not stop the others.
    pub(crate) fn failure(&self, address: Option<IpAddr>, now: i64) -> Option<i64> {
        self.failures.as_ref()?.count(network(address?), now)
    }

    /// The seconds to wait before another sign-in is tried from this address.
    pub(crate) fn sign_in_wait(&self, address: Option<IpAddr>, now: i64) -> Option<i64> {
        self.sign_ins.wait(&network(address?), now)
    }

    /// Counts a wrong password or one-time link.
    pub(crate) fn sign_in_failure(&self, address: Option<IpAddr>, now: i64) {
        if let Some(address) = address {
            self.sign_ins.count(network(address), now);
        }
    }
}

/// Whoever has one IPv6 address has its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
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
        assert_eq!(limiter.failure(one, 60_000), None);
        assert_eq!(limiter.failure(one, 61_000), None);
        assert_eq!(limiter.failure(one, 90_500), Some(30));
        assert_eq!(limiter.failure(other, 90_500), None);
        assert_eq!(limiter.failure(one, 120_000), None);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let limiter = Limiter::new(&Settings {
            failed_authentication_limit: Some(2),
            ..Settings::default()
        });
        let from = |text: &str| limiter.failure(Some(text.parse().unwrap()), 60_000);
        assert_eq!(from("2001:db8::1"), None);
        assert_eq!(from("2001:db8::2"), None);
        assert_eq!(from("2001:db8::3"), Some(60));
        assert_eq!(from("2001:db8:0:1::3"), None);
        assert_eq!(from("::ffff:192.0.2.1"), None);
        assert_eq!(from("192.0.2.1"), None);
        assert_eq!(from("192.0.2.1"), Some(60));
    }
}
