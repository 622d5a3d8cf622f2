//! Arguments that several commands share, and how their text is read.

use std::time::Duration;

use clap::Args;
use provisor_store::{Id, TokenId};
use scim::Profile;

use crate::{failure::Failure, terminal};

/// The tenant a command is about.
#[derive(Debug, Args)]
pub(crate) struct TenantKey {
    /// Key of the tenant
    #[arg(long, value_name = "KEY")]
    pub(crate) tenant: String,
}

/// Pages of a list, in order of creation.
#[derive(Debug, Args)]
pub(crate) struct Paging {
    /// Start after the resource with this id
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) after: Option<Id>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// As CSV, safe to open in a spreadsheet
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

impl Paging {
    /// The page size as the store takes it.
    pub(crate) fn count(&self) -> usize {
        self.limit as usize
    }
}

/// Tells where the next page starts.
pub(crate) fn hint_more(more: bool, last: Option<Id>) {
    if let (true, Some(last)) = (more, last) {
        terminal::note(&format!("There is more: --after {last}"));
    }
}

/// A setting that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Switch::On
    }
}

pub(crate) fn id(text: &str) -> Result<Id, String> {
    text.parse()
        .map_err(|_| "an id looks like 0192f0c4-0000-7000-8000-0000000000ff".to_owned())
}

/// `tok_3`.
pub(crate) fn token(text: &str) -> Result<TokenId, String> {
    text.strip_prefix("tok_")
        .unwrap_or(text)
        .parse()
        .map(TokenId)
        .map_err(|_| "a token's id looks like tok_3".to_owned())
}

pub(crate) fn profile(name: &str) -> Result<String, String> {
    if Profile::named(name).is_some() {
        return Ok(name.to_owned());
    }
    let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name).collect();
    Err(format!("use one of {}", known.join(", ")))
}

/// `365d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    crate::config::duration(text)
}

/// An address or a network: `10.0.0.0/8`.
pub(crate) fn network(text: &str) -> Result<String, String> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let wrong = || "write an address or a network, as in 10.0.0.7 or 10.0.0.0/8".to_owned();
    let address: std::net::IpAddr = address.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    match bits.map(str::parse::<u8>) {
        None => Ok(text.to_owned()),
        Some(Ok(bits)) if bits <= longest => Ok(text.to_owned()),
        Some(_) => Err(wrong()),
    }
}

/// Milliseconds of a duration, to add to the clock.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read_input(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| Failure::failed(format!("{} cannot be read: {error}.", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_ids_are_read_with_and_without_prefix() {
        assert_eq!(token("tok_3"), Ok(TokenId(3)));
        assert_eq!(token("3"), Ok(TokenId(3)));
        assert!(token("three").is_err());
    }

    #[test]
    fn networks_are_addresses_with_an_optional_prefix_length() {
        for (text, good) in [
            ("10.0.0.7", true),
            ("10.0.0.0/8", true),
            ("2001:db8::/32", true),
            ("10.0.0.0/33", false),
            ("2001:db8::/129", false),
            ("10.0.0/8", false),
            ("example.com", false),
            ("10.0.0.0/", false),
        ] {
            assert_eq!(network(text).is_ok(), good, "{text}");
        }
    }
}
