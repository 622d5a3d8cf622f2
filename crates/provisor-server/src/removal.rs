//! The removal of a tenant: its first chunk hides it, the rest goes on after the answer.

use std::sync::Arc;

use provisor_store::{Change, Origin, Outcome, Store, StoreError, WriteError, change::CHUNK};

/// Hides the tenant and begins to remove it.
pub(crate) async fn begin(store: &Arc<dyn Store>, origin: Origin) -> Result<(), WriteError> {
    let change = Change::DeleteTenant { chunk: CHUNK };
    match store.write(origin.clone(), change).await? {
        Outcome::TenantDeleted { done: true } => Ok(()),
        Outcome::TenantDeleted { done: false } => {
            let store = store.clone();
            tokio::spawn(async move { finish(store.as_ref(), origin).await });
            Ok(())
        }
        other => Err(StoreError::Failed(format!("{other:?} is no removal")).into()),
    }
}

/// Removes what is left of a tenant that is already hidden. Where this fails, upkeep goes on.
async fn finish(store: &dyn Store, origin: Origin) {
    loop {
        let change = Change::DeleteTenant { chunk: CHUNK };
        match store.write(origin.clone(), change).await {
            Ok(Outcome::TenantDeleted { done: false }) => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(tenant = %origin.tenant, %error, "removing a tenant paused; upkeep goes on with it");
                return;
            }
        }
    }
}
