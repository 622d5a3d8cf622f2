//! By what a user is found who is to be erased: every name the directory knows of.

use provisor_store::{Snapshot, StoreError, Stored, TenantId, log::Subject};
use scim::Value;

/// How many past events are read for the names a user had.
const PAST_EVENTS: usize = 100_000;

/// What the sync log is searched for when a user is erased.
#[derive(Debug)]
pub struct Traces {
    tenant: TenantId,
    id: provisor_store::Id,
    names: Vec<String>,
    called: Vec<String>,
}

impl Traces {
    /// Every name the user has or had, and how it is or was called.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn of(
        snapshot: &mut dyn Snapshot,
        tenant: TenantId,
        user: &Stored,
    ) -> Result<Self, StoreError> {
        let mut documents: Vec<Value> =
            serde_json::from_slice(&user.document).into_iter().collect();
        let past = snapshot.events_of(tenant, user.id, PAST_EVENTS).await?;
        documents.extend(past.into_iter().filter_map(|event| event.document));
        let (mut names, mut called) = (Vec::new(), Vec::new());
        for document in &documents {
            let singles = ["userName", "externalId"].map(|name| document.get(name));
            let emails = document.get("emails").and_then(Value::as_array);
            let emails = emails.into_iter().flatten().map(|email| email.get("value"));
            let texts = singles
                .into_iter()
                .chain(emails)
                .flatten()
                .filter_map(Value::as_str);
            names.extend(texts.map(str::to_owned));
            let formatted = document.get("name").and_then(|name| name.get("formatted"));
            let texts = [document.get("displayName"), formatted];
            let texts = texts.into_iter().flatten().filter_map(Value::as_str);
            called.extend(texts.map(str::to_owned));
        }
        for list in [&mut names, &mut called] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(Self {
            tenant,
            id: user.id,
            names,
            called,
        })
    }

    /// As the log asks for them.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            tenant: self.tenant,
            id: self.id,
            names: &self.names,
            called: &self.called,
        }
    }
}
