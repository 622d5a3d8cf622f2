//! No resource grows without end: a PATCH can add to what is there again and again.

use std::io::{self, Write};

use scim::{Kind, Map, ResourceType, Value};

use super::Decided;
use crate::{Cause, Refusal};

/// Bytes of JSON that a resource may have. A team's members are rows and do not count.
const LARGEST: usize = 1 << 20;

/// Refuses a resource that is too large. One that was so before, by an older version's leave, may
/// be changed as long as it does not grow.
pub(super) fn check(
    kind: &ResourceType,
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
) -> Decided<()> {
    let size = bytes(after);
    if size <= LARGEST || before.is_some_and(|before| size <= bytes(before)) {
        return Ok(());
    }
    Err(Refusal::new(
        Cause::ResourceTooLarge,
        Kind::InvalidValue,
        format!(
            "The {} would have {size} bytes of attributes, and {LARGEST} are the limit. Send fewer \
             or shorter values, or remove some that it has; nothing was changed.",
            kind.name
        ),
    )
    .into())
}

/// How long the attributes are as JSON.
fn bytes(attributes: &Map<String, Value>) -> usize {
    struct Count(usize);

    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    serde_json::to_writer(&mut count, attributes).expect("a map with text keys is always JSON");
    count.0
}
