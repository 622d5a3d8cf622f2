//! Which addresses a client may connect to, so that a target cannot name a machine behind the firewall.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::error::Error;

/// Where a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Any address.
    #[default]
    Anywhere,
    /// Addresses of the public internet only. Names are resolved, checked, and connected to as checked, so that
    /// a name cannot change its address in between.
    Public,
}

impl Reach {
    /// Refuses a base URL whose host is an address that may not be reached.
    pub(crate) fn check(self, base: &Url) -> Result<(), Error> {
        let address = match base.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self == Reach::Public && !is_public(address) {
            let host = base.host_str().unwrap_or_default().to_owned();
            return Err(Error::PrivateAddress { host, address });
        }
        Ok(())
    }
}

/// Whether an address belongs to the public internet (the special-purpose registries of IANA, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

/// Only global unicast, and of the ranges that carry an IPv4 address inside only those with a public one.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo, ORCHID, benchmarking and the rest of 2001::/23; documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Resolves names and refuses those with an address that is not public.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if let Some(private) = found.iter().find(|found| !is_public(found.ip())) {
                let address = private.ip();
                let error = Error::PrivateAddress { host, address };
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, error).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_form() {
        let private = "127.0.0.1 10.1.2.3 172.31.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 192.0.0.8 \
                       198.18.0.1 224.0.0.1 255.255.255.255 203.0.113.7 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
                       64:ff9b::7f00:1 2002:7f00:1:: fe80::1 fc00::1 fd12::1 ff02::1 2001:db8::1 2001::1 ::127.0.0.1";
        for address in private.split_whitespace() {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = "8.8.8.8 172.32.0.1 100.128.0.1 192.0.1.1 2606:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808";
        for address in public.split_whitespace() {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_in_the_base_url_is_checked() {
        for base in [
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "http://2130706433/",
        ] {
            let base = Url::parse(base).unwrap();
            assert!(Reach::Public.check(&base).is_err(), "{base}");
            assert!(Reach::Anywhere.check(&base).is_ok(), "{base}");
        }
    }
}
