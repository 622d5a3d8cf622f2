//! Cursors of RFC 9865: opaque, authenticated, and bound to tenant and query.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use provisor_store::{
    Id, TenantId,
    search::{PageStart, Position},
};
use scim::{Error, Kind};
use sha2::Sha256;

/// Bytes of the MAC that a cursor carries.
const MAC: usize = 16;
/// Bytes before the sort key: time, count, direction, id.
const HEAD: usize = 8 + 8 + 1 + 16;

/// Makes and reads cursors.
pub(crate) struct Cursors {
    key: [u8; 32],
    lifetime: Duration,
}

/// What a cursor is bound to: it is good for the same tenant and query only.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) tenant: TenantId,
    /// Resource types, filter, sort, projection; not the count, which has an error of its own.
    pub(crate) query: &'a str,
    pub(crate) count: u64,
}

impl Cursors {
    pub(crate) fn new(key: [u8; 32], lifetime: Duration) -> Self {
        Self { key, lifetime }
    }

    fn mac(&self, binding: Binding<'_>, payload: &[u8]) -> [u8; MAC] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes any key");
        mac.update(&binding.tenant.0.to_be_bytes());
        mac.update(&(payload.len() as u64).to_be_bytes());
        mac.update(payload);
        mac.update(binding.query.as_bytes());
        let bytes = mac.finalize().into_bytes();
        std::array::from_fn(|at| bytes[at])
    }

    /// A cursor that goes on after, or back before, this place.
    pub(crate) fn write(
        &self,
        binding: Binding<'_>,
        start: &PageStart,
        now: i64,
    ) -> Option<String> {
        let (forward, position) = match start {
            PageStart::After(position) => (1, position),
            PageStart::Before(position) => (0, position),
            PageStart::Index(_) => return None,
        };
        let mut bytes = Vec::with_capacity(HEAD + MAC);
        bytes.extend_from_slice(&now.to_be_bytes());
        bytes.extend_from_slice(&binding.count.to_be_bytes());
        bytes.push(forward);
        bytes.extend_from_slice(&position.id.0);
        if let Some(part) = &position.sorted_by {
            serde_json::to_writer(&mut bytes, part).ok()?;
        }
        let mac = self.mac(binding, &bytes);
        bytes.extend_from_slice(&mac);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a cursor back.
    ///
    /// Errors: 400 `invalidCursor` for anything that was not made for this tenant and query,
    /// `invalidCount` for another count, `expiredCursor`.
    pub(crate) fn read(
        &self,
        binding: Binding<'_>,
        text: &str,
        now: i64,
    ) -> Result<PageStart, Error> {
        let invalid = || {
            Error::new(
                Kind::InvalidCursor,
                "The cursor is not valid for this query. Start again with an empty cursor.",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let payload = bytes
            .len()
            .checked_sub(MAC)
            .filter(|length| *length >= HEAD);
        let (payload, mac) = bytes.split_at(payload.ok_or_else(invalid)?);
        let expected = self.mac(binding, payload);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&expected[..], mac)) {
            return Err(invalid());
        }
        let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| payload[at + i]));
        if number(8) != binding.count {
            return Err(Error::new(
                Kind::InvalidCount,
                "The count differs from the one the cursor was made with. Repeat the same count.",
            ));
        }
        let age = now.saturating_sub(number(0).cast_signed());
        if age > i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX) {
            return Err(Error::new(
                Kind::ExpiredCursor,
                "The cursor is too old. Start again with an empty cursor.",
            ));
        }
        let id = Id(std::array::from_fn(|i| payload[17 + i]));
        let sorted_by = match &payload[HEAD..] {
            [] => None,
            part => Some(serde_json::from_slice(part).map_err(|_| invalid())?),
        };
        let position = Position { id, sorted_by };
        Ok(match payload[16] {
            1 => PageStart::After(position),
            _ => PageStart::Before(position),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_bound_and_expire() {
        let cursors = Cursors::new([7; 32], Duration::from_secs(60));
        let binding = Binding {
            tenant: TenantId(1),
            query: "Users||",
            count: 2,
        };
        let start = PageStart::After(Position {
            id: Id([9; 16]),
            sorted_by: None,
        });
        let text = cursors.write(binding, &start, 1_000).unwrap();
        // CUR-004
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        );
        assert_eq!(cursors.read(binding, &text, 61_000).unwrap(), start);
        let kind = |binding, text: &str, now| cursors.read(binding, text, now).unwrap_err().kind;
        // CUR-009
        assert_eq!(kind(binding, &text, 61_001), Kind::ExpiredCursor);
        // CUR-007
        assert_eq!(
            kind(
                Binding {
                    count: 3,
                    ..binding
                },
                &text,
                1_000
            ),
            Kind::InvalidCount
        );
        assert_eq!(
            kind(
                Binding {
                    query: "Users|x|",
                    ..binding
                },
                &text,
                1_000
            ),
            Kind::InvalidCursor
        );
        // CUR-016
        let foreign = Binding {
            tenant: TenantId(2),
            ..binding
        };
        assert_eq!(kind(foreign, &text, 1_000), Kind::InvalidCursor);
        // CUR-008, CUR-017
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_ne!(
                cursors.read(binding, &forged, 1_000).ok(),
                Some(start.clone()),
                "{at}"
            );
        }
        assert_eq!(kind(binding, "", 0), Kind::InvalidCursor);
    }
}
