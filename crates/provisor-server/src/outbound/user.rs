//! One user in the target.

use provisor_store::{
    Store, TargetId, TenantId,
    target::{Kind, Report, TargetObject},
};
use scim::{Map, Value};
use serde_json::json;

use super::{
    leave::absent,
    obtain::obtain,
    plan::{self, Desired},
    run::{Run, WAIT},
    trouble::{Stopped, Trouble},
    update::{created_again, missing, update},
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Brings one user in step.
pub(super) async fn push(run: &Run, report: &mut Report, desired: &Desired) -> Result<(), Trouble> {
    let mut waits = false;
    match desired {
        Desired::Present(wanted) => {
            let (wanted, is_to_come) = with_manager(&*run.wish.store, run.place(), wanted).await?;
            let hash = plan::hash(&wanted);
            present(run, report, &wanted, &hash).await?;
            // Without an update the manager would never be sent.
            waits = is_to_come && run.settings.update && report.object.remote.is_some();
        }
        Desired::Absent(absence) => absent(run, report, *absence).await?,
    }
    let object = &mut report.object;
    (object.due, object.attempts, object.error) = (None, 0, None);
    if waits {
        object.due = Some(run.wish.clock.now() + WAIT);
        object.error = Some("its manager is not in the target yet".to_owned());
        run.wait_for_manager(object.local.clone());
    }
    Ok(())
}

async fn present(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    hash: &[u8],
) -> Result<(), Trouble> {
    if report.object.remote.is_some() {
        if report.object.sent.as_deref() == Some(hash) {
            return Ok(());
        }
        if !run.settings.update {
            return Ok(());
        }
        if let Some(unkept) = update(run, report, wanted, None).await? {
            settle(report, wanted, hash, &unkept);
            return Ok(());
        }
        // Somebody deleted it in the target.
        (report.object.remote, report.object.sent) = (None, None);
        missing(report, created_again());
    }
    if !run.settings.create {
        return Ok(());
    }
    let obtained = obtain(run, report, wanted).await?;
    if obtained.in_step {
        settle(report, wanted, hash, &obtained.unkept);
    }
    Ok(())
}

fn settle(report: &mut Report, wanted: &Map<String, Value>, hash: &[u8], unkept: &[String]) {
    report.object.sent = Some(hash.to_vec());
    report.object.names = plan::names(wanted, unkept);
}

/// The id in the source of the manager whom a user is to have.
pub(super) fn manager(wanted: &Map<String, Value>) -> Option<&str> {
    wanted.get(ENTERPRISE)?["manager"]["value"].as_str()
}

/// The manager is named by an id, which is another one in the target; one who is not there is left out. True if that
/// one is still to come.
pub(super) async fn with_manager(
    store: &dyn Store,
    place: (TenantId, TargetId),
    wanted: &Map<String, Value>,
) -> Result<(Map<String, Value>, bool), Stopped> {
    let Some(local) = manager(wanted) else {
        return Ok((wanted.clone(), false));
    };
    let mut view = store.read().await?;
    let known = view
        .target_by_local(place, Kind::User, &[local.to_owned()])
        .await?;
    drop(view);
    let known = known.into_iter().flatten().next();
    let is_to_come = known.as_ref().is_some_and(TargetObject::is_to_come);
    let mut wanted = wanted.clone();
    if let Some(Value::Object(extension)) = wanted.get_mut(ENTERPRISE) {
        match known.and_then(|known| known.remote) {
            Some(remote) => extension.insert("manager".into(), json!({ "value": remote })),
            None => extension.remove("manager"),
        };
        if extension.is_empty() {
            wanted.remove(ENTERPRISE);
        }
    }
    Ok((wanted, is_to_come))
}
