//! Files that somebody takes along, told in the audit: who, what, by which filter, how many rows.

use provisor_store::{Change, Origin, TenantId, change::NoteExport, log::mask_word};
use scim::{Map, Value};

use super::{Console, Problem, visit::Visit};

/// Characters of a value that are told.
const LONGEST: usize = 200;

/// An export that has begun.
pub(super) struct Exported {
    console: Console,
    origin: Origin,
    what: &'static str,
}

impl Exported {
    /// Tells of it, before anything is read: what the address asks for, personal values masked.
    pub(super) async fn begin(visit: &Visit, what: &'static str) -> Result<Self, Problem> {
        let tenant = match visit.query.given("tenant") {
            Some(key) => visit.tenant(key).await?.id,
            None => TenantId::SYSTEM,
        };
        let mut filter = Map::new();
        for (name, value) in visit.query.pairs() {
            let told = match name {
                "q" => mask_word(value),
                _ => value.chars().take(LONGEST).collect(),
            };
            filter.insert(name.to_owned(), told.into());
        }
        let note = NoteExport {
            what,
            filter: Value::Object(filter),
            rows: None,
        };
        visit.write(tenant, Change::NoteExport(note)).await?;
        Ok(Self {
            console: visit.console.clone(),
            origin: visit.origin(tenant),
            what,
        })
    }

    /// Tells how many rows it had. Whoever took them has them, so a failure is for our log.
    pub(super) async fn end(self, rows: usize) {
        let note = NoteExport {
            what: self.what,
            filter: Value::Null,
            rows: Some(rows as u64),
        };
        let told = self
            .console
            .store
            .write(self.origin, Change::NoteExport(note));
        if let Err(error) = told.await {
            tracing::warn!(%error, what = self.what, rows, "the end of an export could not be told in the audit");
        }
    }
}
