//! Bearer tokens: how they look, and what of them is kept.
//!
//! `pvr_scim_` or `pvr_api_`, then in base62 and fixed width: tenant id (8), token id (8), a
//! 256-bit secret (43) and a CRC-32 of all before it (6). The prefix and the checksum let secret
//! scanners find leaked tokens and let anyone check one offline; the ids make the lookup a key
//! read. Only the SHA-256 of the whole text is kept: the secret has 256 bits, so a slow hash
//! would add nothing.

use std::{fmt, net::IpAddr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::id::{TenantId, TokenId};

/// What a token is for; its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A connection's token for SCIM.
    Scim,
    /// A token for the management and integration API.
    Api,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            TokenKind::Scim => "pvr_scim_",
            TokenKind::Api => "pvr_api_",
        }
    }
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 8;
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// A regular expression that finds tokens, for secret scanning.
pub const PATTERN: &str = r"pvr_(scim|api)_[0-9A-Za-z]{65}";

/// A token as its holder knows it. Shown once; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainToken {
    text: String,
    kind: TokenKind,
    tenant: TenantId,
    token: TokenId,
}

/// What is kept of a token: its SHA-256.
#[derive(Clone, Copy)]
pub struct HashedToken(pub [u8; 32]);

impl PlainToken {
    /// A new token with a random secret.
    pub fn generate(kind: TokenKind, tenant: TenantId, token: TokenId) -> Self {
        let mut secret = [0u8; 32];
        getrandom::fill(&mut secret).expect("the operating system gives randomness");
        let mut text = String::from(kind.prefix());
        push_number(&mut text, tenant.0.unsigned_abs().into(), ID);
        push_number(&mut text, token.0.unsigned_abs().into(), ID);
        push_secret(&mut text, secret);
        let checksum = crc32fast::hash(text.as_bytes());
        push_number(&mut text, checksum.into(), CHECKSUM);
        Self {
            text,
            kind,
            tenant,
            token,
        }
    }

    /// Reads what a client presented; `None` if the form or the checksum is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = [TokenKind::Scim, TokenKind::Api]
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))?;
        let body = &text[kind.prefix().len()..];
        if body.len() != ID + ID + SECRET + CHECKSUM
            || !body.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return None;
        }
        let checked = text.len() - CHECKSUM;
        if number(&text[checked..])? != u64::from(crc32fast::hash(&text.as_bytes()[..checked])) {
            return None;
        }
        Some(Self {
            kind,
            tenant: TenantId(i64::try_from(number(&body[..ID])?).ok()?),
            token: TokenId(i64::try_from(number(&body[ID..2 * ID])?).ok()?),
            text: text.to_owned(),
        })
    }

    /// The secret text, to hand it to its holder.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What the token is for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The tenant it names (which proves nothing yet).
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The token it names (which proves nothing yet).
    pub fn token(&self) -> TokenId {
        self.token
    }

    /// The last four characters, for lists.
    pub fn last4(&self) -> &str {
        &self.text[self.text.len() - 4..]
    }

    /// What is kept of it.
    pub fn hash(&self) -> HashedToken {
        HashedToken(Sha256::digest(self.text.as_bytes()).into())
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainToken(…{})", self.last4())
    }
}

impl HashedToken {
    /// Compares in constant time.
    pub fn matches(&self, other: &HashedToken) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(…)")
    }
}

fn push_number(text: &mut String, mut number: u128, width: usize) {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text.extend(digits.into_iter().map(char::from));
}

/// 256 random bits as text.
pub(crate) fn random_text() -> String {
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret).expect("the operating system gives randomness");
    let mut text = String::with_capacity(SECRET);
    push_secret(&mut text, secret);
    text
}

/// 256 bits as 43 base62 digits, most significant first.
fn push_secret(text: &mut String, mut secret: [u8; 32]) {
    let mut digits = [b'0'; SECRET];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut secret {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = DIGITS[rest as usize];
    }
    text.extend(digits.into_iter().map(char::from));
}

fn number(text: &str) -> Option<u64> {
    text.bytes().try_fold(0u64, |sum, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        sum.checked_mul(62)?.checked_add(value.into())
    })
}

/// True if the address lies in a network written `10.0.0.0/8`, `2001:db8::/32` or as one address.
pub fn network_contains(network: &str, address: IpAddr) -> bool {
    parse_network(network).is_some_and(|(base, length)| {
        let shift = |width: u32| width.saturating_sub(length.into());
        match (base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = shift(32);
                base.to_bits().checked_shr(shift).unwrap_or(0)
                    == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = shift(128);
                base.to_bits().checked_shr(shift).unwrap_or(0)
                    == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    })
}

/// Reads a network: its address and prefix length.
pub fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (base, length) = match text.split_once('/') {
        Some((base, length)) => (
            base.parse::<IpAddr>().ok()?,
            Some(length.parse::<u8>().ok()?),
        ),
        None => (text.parse().ok()?, None),
    };
    let width = if base.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(width);
    (length <= width).then_some((base, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_their_checksum_catches_typing_errors() {
        let token = PlainToken::generate(TokenKind::Scim, TenantId(7), TokenId(123_456));
        assert_eq!(token.reveal().len(), 74);
        assert_eq!(PlainToken::parse(token.reveal()), Some(token.clone()));
        for at in 0..token.reveal().len() {
            let mut wrong = token.reveal().as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(PlainToken::parse(&String::from_utf8(wrong).unwrap()), None);
        }
        assert!(!format!("{token:?}").contains(&token.reveal()[..30]));
    }

    #[test]
    fn odd_text_is_no_token() {
        for text in ["", "pvr_scim_", "Bearer", &"pvr_api_é".repeat(9)] {
            assert_eq!(PlainToken::parse(text), None);
        }
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("2001:db8::/32", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("nonsense", "10.0.0.0", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(
                network_contains(network, address),
                inside,
                "{network} {address}"
            );
        }
    }
}
