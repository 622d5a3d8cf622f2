//! Identifiers and how they look outside.

use std::{cell::RefCell, fmt, str::FromStr};

macro_rules! numeric {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numeric! {
    /// A tenant, positive; the first column of every key. [`TenantId::SYSTEM`] is nobody's directory.
    TenantId,
    /// A connection, unique within its tenant.
    ConnectionId,
    /// A token, unique within its tenant.
    TokenId,
    /// A person of the console.
    PersonId,
    /// A signed-in browser.
    SessionId,
    /// A one-time link.
    LinkId,
    /// Where users and teams are pushed to, unique within its tenant.
    TargetId,
}

impl TenantId {
    /// Where operators' tokens live: no tenant at all.
    pub const SYSTEM: TenantId = TenantId(0);
}

/// Id of a resource: a UUIDv7 (RFC 9562), so that id order is creation order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub [u8; 16]);

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Id {
    /// The 36 characters of the usual form, lower case.
    pub fn text(self) -> [u8; 36] {
        let mut out = [b'-'; 36];
        let mut at = 0;
        for (i, byte) in self.0.into_iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                at += 1;
            }
            out[at] = HEX[usize::from(byte >> 4)];
            out[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        out
    }

    /// Appends [`Id::text`].
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.text() {
            f.write_str(char::from(byte).encode_utf8(&mut [0; 4]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no resource id. Ids are case-exact (RFC 7643 section 3.1): upper case is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a resource id")]
pub struct NoId;

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return Err(NoId);
        }
        let mut id = [0; 16];
        let mut at = 0;
        for (i, byte) in id.iter_mut().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                if bytes[at] != b'-' {
                    return Err(NoId);
                }
                at += 1;
            }
            *byte = nibble(bytes[at])? << 4 | nibble(bytes[at + 1])?;
            at += 2;
        }
        Ok(Id(id))
    }
}

fn nibble(digit: u8) -> Result<u8, NoId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NoId),
    }
}

/// Id of a request: `req_` and 26 base32 characters; also the `X-Request-Id` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    const PREFIX: &str = "req_";
    /// Crockford's base32, lower case: no i, l, o, u.
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// Characters of the text form.
    pub const LENGTH: usize = 30;

    /// A new one from the operating system's randomness.
    pub fn random() -> Self {
        Self(random())
    }

    /// Writes the text form: [`RequestId::LENGTH`] ASCII characters.
    pub fn write(self, out: &mut [u8; Self::LENGTH]) {
        let number = u128::from_be_bytes(self.0);
        out[..4].copy_from_slice(Self::PREFIX.as_bytes());
        for (i, digit) in out[4..].iter_mut().rev().enumerate() {
            *digit = Self::DIGITS[(number >> (5 * i) & 31) as usize];
        }
    }
}

/// 128 random bits; the operating system is asked once for many.
pub(crate) fn random() -> [u8; 16] {
    const STOCK: usize = 256;
    thread_local! {
        static BITS: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    BITS.with_borrow_mut(|stock| {
        if stock.is_empty() {
            stock.resize(STOCK, [0; 16]);
            getrandom::fill(stock.as_flattened_mut())
                .expect("the operating system gives randomness");
        }
        stock.pop().expect("the stock was just filled")
    })
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::LENGTH];
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for RequestId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(NoId)?.as_bytes();
        if digits.len() != 26 || digits[0] > b'7' {
            return Err(NoId);
        }
        let mut number = 0u128;
        for digit in digits {
            let value = Self::DIGITS.iter().position(|known| known == digit);
            number = number << 5 | value.ok_or(NoId)? as u128;
        }
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_are_case_exact() {
        let id = Id([
            1, 0x92, 0xf0, 0xc4, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xff,
        ]);
        assert_eq!(id.to_string(), "0192f0c4-0000-7000-8000-0000000000ff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<Id>().is_err());
        assert!(
            "0192f0c4000070008000000000000000ff--"
                .parse::<Id>()
                .is_err()
        );
        assert!("é".repeat(18).parse::<Id>().is_err());
    }

    #[test]
    fn request_ids_round_trip() {
        for _ in 0..100 {
            let id = RequestId::random();
            assert_eq!(id.to_string().len(), 30);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert!(
            "req_8zzzzzzzzzzzzzzzzzzzzzzzzz"
                .parse::<RequestId>()
                .is_err()
        );
    }
}
