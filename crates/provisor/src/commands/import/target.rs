//! The targets of an export: their settings come along, paused; secrets and leave for private addresses do not.

use provisor_server::outbound::TargetSettings;
use provisor_store::{Change, TargetChange, Tenant};
use scim::Value;

use crate::{directory::Directory, failure::Failure};

/// Makes a target with the exported settings; one of that name is left as it is. Gives the command that makes it complete,
/// or why it was refused.
pub(super) async fn make(
    directory: &Directory,
    tenant: &Tenant,
    exported: &Value,
) -> Result<Result<Option<String>, String>, Failure> {
    let name = exported["name"].as_str().unwrap_or_default().to_owned();
    let mut view = directory.read().await?;
    let known = view.targets(Some(tenant.id)).await?;
    if known.iter().any(|target| target.name == name) {
        return Ok(Ok(None));
    }
    let registry = view.registry(tenant.id).await?;
    drop(view);
    let settings = serde_json::from_value::<TargetSettings>(exported["settings"].clone())
        .map_err(|error| error.to_string())
        .and_then(|settings| settings.check(&registry).map(|()| settings));
    let mut settings = match settings {
        Ok(settings) => settings,
        Err(why) => return Ok(Err(format!("target \"{name}\": {why}"))),
    };
    // It was allowed on the machine the export is from.
    let was_private = std::mem::take(&mut settings.private);
    let change = TargetChange::Create {
        name: name.clone(),
        settings: settings.to_json(),
    };
    if let Err(refused) = directory.write(tenant.id, Change::Target(change)).await {
        return Ok(Err(format!("target \"{name}\": {}", refused.message)));
    }
    let private = if was_private { " --private on" } else { "" };
    Ok(Ok(Some(format!(
        "provisor push target set --tenant {} --name {name}{private} --secret-file FILE",
        tenant.key
    ))))
}
