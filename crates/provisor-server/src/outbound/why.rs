//! Why one user or team is in a target as it is: what is known of it, its lines of the log, and a sentence.

use std::sync::Arc;

use provisor_store::{
    Store,
    target::{EntryQuery, Kind, Target, TargetEntry, TargetObject},
};
use scim::datetime::format_millis;

use super::{
    plan::{Absence, Desired},
    settings::{SourceKind, TargetSettings},
    source::{Scope, Source},
    trouble::Stopped,
};

/// Lines of the log that are told.
const LINES: usize = 100;

/// What can be said of one user or team.
#[derive(Debug)]
pub struct Explained {
    /// The user or team and its double, if it is known.
    pub known: Option<TargetObject>,
    /// Its lines of the log, the newest first.
    pub entries: Vec<TargetEntry>,
    /// Why it is as it is.
    pub sentence: String,
}

impl Explained {
    /// Whether the target has or had to do with it.
    pub fn is_something(&self) -> bool {
        self.known.is_some() || !self.entries.is_empty()
    }
}

/// Explains one user or team, by its id in the source. `shown`: how an id in the target is told.
///
/// # Errors
/// Settings that cannot be used, or a store that cannot be read.
pub async fn explain(
    store: &Arc<dyn Store>,
    target: &Target,
    kind: Kind,
    local: &str,
    shown: impl Fn(&str) -> String,
) -> Result<Explained, Stopped> {
    let settings = TargetSettings::of(target).map_err(Stopped::Settings)?;
    let place = (target.tenant, target.id);
    let locals = [local.to_owned()];
    let query = EntryQuery {
        object: Some((kind, local.to_owned())),
        limit: LINES,
        ..EntryQuery::default()
    };
    let mut snapshot = store.read().await?;
    let known = snapshot.target_by_local(place, kind, &locals).await?;
    let known = known.into_iter().next().flatten();
    let entries = snapshot.target_log(place, &query).await?;
    drop(snapshot);
    let sentence = match settings.source {
        SourceKind::Files => of_files(known.as_ref()),
        SourceKind::Tenant => {
            let source = Source::tenant(store.clone(), target.tenant).await?;
            let scope = Scope::new(&settings, &source)?;
            let found = source.load(kind, &locals).await?.pop().flatten();
            let desired = scope.desired(kind, local, found.as_ref());
            let remote = known.as_ref().and_then(|known| known.remote.as_deref());
            let sentence = of_tenant(
                &settings,
                target.active,
                known.as_ref(),
                &desired,
                remote.map(shown),
            );
            let waits = match &known {
                Some(object) => object.due.is_some(),
                None => matches!(desired, Desired::Present(_)),
            };
            match (waits, target.outcome.trim_end_matches('.')) {
                (false, _) | (_, "") => sentence,
                (true, outcome) => format!("{sentence} The last run ended early: {outcome}."),
            }
        }
    };
    Ok(Explained {
        known,
        entries,
        sentence,
    })
}

/// What the files said is not kept, so that the last push is all that can be told.
fn of_files(known: Option<&TargetObject>) -> String {
    match known {
        None => "It is not in the target: the files that were pushed last do not have it, or not as active.".to_owned(),
        Some(object) => match (&object.error, object.due) {
            (Some(error), _) => {
                format!("{error}. It is tried again with the next `provisor push csv`.")
            }
            (None, Some(_)) => "It is to be pushed with the next `provisor push csv`.".to_owned(),
            (None, None) => "It is as the files said when they were last pushed.".to_owned(),
        },
    }
}

fn of_tenant(
    settings: &TargetSettings,
    is_active: bool,
    known: Option<&TargetObject>,
    desired: &Desired,
    remote: Option<String>,
) -> String {
    let Some(object) = known else {
        return match desired {
            Desired::Absent(absence) => format!("It was never pushed: it is {}.", absence.as_str()),
            Desired::Present(_) if is_active => {
                "It is to be pushed and was not looked at yet; the next run will.".to_owned()
            }
            Desired::Present(_) => {
                "It is to be pushed and was not looked at yet; the next run will. The target is paused: activate it, or let it \
                 run once (Sync now, `provisor push sync`)."
                    .to_owned()
            }
        };
    };
    if let Some(error) = &object.error {
        let next = match object.due {
            Some(due) if object.attempts == 0 => format!(
                "It is looked at again by {} at the latest",
                format_millis(due)
            ),
            Some(due) => format!(
                "It failed {} times and is tried again from {}",
                object.attempts,
                format_millis(due)
            ),
            None => "It was given up: change it in the source, or run `provisor push sync --retry`"
                .to_owned(),
        };
        return format!("{error}. {next}.");
    }
    match (desired, remote, object.due) {
        (Desired::Absent(absence), Some(_), None) if !settings.deactivate => {
            format!(
                "It is {}, and the settings say that nobody is deactivated.",
                absence.as_str()
            )
        }
        (Desired::Absent(Absence::Inactive), Some(remote), None) => {
            format!(
                "It is inactive in the source, and was made inactive in the target, where it is {remote}."
            )
        }
        (Desired::Absent(absence), Some(remote), None) => {
            format!(
                "It is {}, and was made inactive in the target, where it is {remote}.",
                absence.as_str()
            )
        }
        (_, Some(remote), None) => {
            format!("It is in step: the target holds what it should, as {remote}.")
        }
        (_, None, None) => {
            "It is not in the target, and the settings say that users are not created there."
                .to_owned()
        }
        (Desired::Absent(absence), Some(_), Some(_))
            if settings.deactivate && object.sent.as_ref() != Some(&desired.hash()) =>
        {
            format!(
                "It is {}, and is to leave the target with the next run.",
                absence.as_str()
            )
        }
        (_, _, Some(_)) => "It changed and is to be pushed with the next run.".to_owned(),
    }
}
