//! `/users/{tenant}/{user}/{act}`: asks, and does what a person decided about a user.

use std::sync::Arc;

use axum::response::Response;
use provisor_store::{
    Cause, Change, Id, Stored, Tenant,
    log::{Logged, Operation},
};
use scim::{Fired, Profile, ResourceType, Value, message::PATCH_OP, patch::Patch};
use serde_json::json;

use super::{erase, show::named};
use crate::{
    app_view,
    console::{
        Problem, explained,
        layout::{Confirm, Flash},
        visit::Visit,
    },
    why::{Gathered, State},
};

/// What can be done with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Deactivate,
    Reactivate,
    Delete,
    Restore,
    Erase,
    Link,
}

impl Act {
    const ALL: [Act; 6] = [
        Act::Deactivate,
        Act::Reactivate,
        Act::Delete,
        Act::Restore,
        Act::Erase,
        Act::Link,
    ];

    /// In the path.
    pub(super) fn name(self) -> &'static str {
        match self {
            Act::Deactivate => "deactivate",
            Act::Reactivate => "reactivate",
            Act::Delete => "delete",
            Act::Restore => "restore",
            Act::Erase => "erase",
            Act::Link => "link",
        }
    }

    /// On its button.
    pub(super) fn label(self) -> &'static str {
        match self {
            Act::Deactivate => "Deactivate",
            Act::Reactivate => "Reactivate",
            Act::Delete => "Delete",
            Act::Restore => "Restore",
            Act::Erase => "Erase",
            Act::Link => "Link and reactivate",
        }
    }

    /// True if it is done to a user that was deleted.
    fn suits(self, is_deleted: bool) -> bool {
        match self {
            Act::Restore => is_deleted,
            Act::Erase => true,
            _ => !is_deleted,
        }
    }
}

/// A user about whom something is decided.
pub(super) struct Subject {
    pub(super) tenant: Tenant,
    pub(super) user: Stored,
    pub(super) user_name: String,
    pub(super) path: String,
    act: Act,
    kind: Arc<ResourceType>,
    is_deleted: bool,
    rehire: Option<Rehire>,
}

/// A create that was refused since this inactive user holds the name.
pub(super) struct Rehire {
    /// The `externalId` it came with, if the log still has the body.
    external_id: Option<String>,
}

/// The newest create that was refused since the user, who still is inactive, holds the name.
pub(super) fn rehire(gathered: &Gathered) -> Option<&Logged> {
    let user = gathered.user.as_ref()?;
    let document: Value = serde_json::from_slice(&user.document).ok()?;
    if document.get("active") != Some(&Value::Bool(false)) {
        return None;
    }
    let changed = gathered.events.first().map_or(i64::MIN, |event| event.at);
    let requests = gathered.log.iter().flat_map(|log| &log.requests);
    requests
        .take_while(|logged| logged.entry.at >= changed)
        .find(|logged| {
            logged.entry.operation == Operation::Create
                && logged.entry.cause == Some(Cause::ReactivationConflict)
        })
}

/// What would put it right that a user is not there: its label, and its name in the path.
pub(in crate::console) fn fix(gathered: &Gathered) -> Option<(&'static str, &'static str)> {
    let act = match gathered.verdict().state {
        _ if rehire(gathered).is_some() => Act::Link,
        State::Inactive => Act::Reactivate,
        State::Deleted => Act::Restore,
        _ => return None,
    };
    Some((act.label(), act.name()))
}

/// Says what will happen, and asks.
pub(in crate::console) async fn ask(visit: Visit) -> Result<Response, Problem> {
    let subject = Subject::of(&visit).await?;
    let question = subject.question(None);
    match subject.act {
        Act::Reactivate | Act::Restore => visit.ask(question),
        Act::Deactivate | Act::Delete | Act::Erase | Act::Link => visit.confirm(question),
    }
}

/// Does it.
pub(in crate::console) async fn act(visit: Visit) -> Result<Response, Problem> {
    let subject = Subject::of(&visit).await?;
    let question = subject.question(None);
    if question
        .typed
        .as_ref()
        .is_some_and(|typed| visit.form.get("typed") != typed)
    {
        let error = "What was typed is not the userName. Nothing was changed.";
        return visit.confirm(subject.question(Some(error.to_owned())));
    }
    let id = subject.user.id;
    let done = match subject.act {
        Act::Erase => return erase::erase(&visit, subject).await,
        Act::Deactivate => {
            "The user is inactive. The identity provider may set it active again with its next change."
        }
        Act::Reactivate => "The user is active again.",
        Act::Delete => "The user is deleted, and can be restored.",
        Act::Restore => "The user is back, with its teams.",
        Act::Link => {
            "The user is active again and linked: the identity provider's next try finds it."
        }
    };
    let change = subject.change(id)?;
    let flash = match visit.try_write(subject.tenant.id, change).await? {
        Ok(_) => Flash::done(done),
        Err(refusal) => Flash::failed(format!("Nothing was changed: {refusal}")),
    };
    Ok(visit.go(&subject.path, Some(flash)))
}

impl Subject {
    async fn of(visit: &Visit) -> Result<Self, Problem> {
        let (tenant, id) = named(visit).await?;
        let name = visit.parameter("act");
        let act = Act::ALL.into_iter().find(|act| act.name() == name);
        let act = act.ok_or_else(|| Problem::missing("action"))?;
        let mut snapshot = visit.read().await?;
        let kind = snapshot.registry(tenant.id).await?.user().clone();
        let user = snapshot.get(tenant.id, &kind, id, false, false).await?;
        let gathered = Gathered::read(snapshot.as_mut(), tenant.id, &id.to_string(), user).await?;
        drop(snapshot);
        let is_deleted = gathered.tombstone.is_some();
        let user = gathered.known().cloned();
        let user = user.ok_or_else(|| Problem::missing("user"))?;
        let path = format!("/users/{}/{id}", tenant.key);
        if !act.suits(is_deleted) {
            return Err(Problem::new(
                axum::http::StatusCode::CONFLICT,
                "The user is not like that any more",
                format!("“{}” does not suit the state it is in now.", act.label()),
                "Nothing was changed. Open the user again to see what became of it.",
            ));
        }
        let rehire = match act {
            Act::Link => Some(Rehire::read(visit, &tenant, gathered).await?),
            _ => None,
        };
        let user_name = app_view::resource(&user)["user_name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            tenant,
            user,
            user_name,
            path,
            act,
            kind,
            is_deleted,
            rehire,
        })
    }

    fn question(&self, error: Option<String>) -> Confirm {
        let name = &self.user_name;
        let external = self.rehire.as_ref().and_then(|one| one.external_id.clone());
        let (title, consequences): (String, Vec<String>) = match self.act {
            Act::Deactivate => (
                format!("Deactivate “{name}”?"),
                vec![
                    "Your app hears with the next event that the user is inactive. Teams stay as they are.".into(),
                    "The identity provider does not know of it, and may set the user active again with its next change. To keep somebody out, unassign them there.".into(),
                ],
            ),
            Act::Reactivate => (
                format!("Reactivate “{name}”?"),
                vec![
                    "Your app hears with the next event that the user is active again.".into(),
                    "The identity provider may set the user inactive again with its next change.".into(),
                ],
            ),
            Act::Delete => (
                format!("Delete “{name}”?"),
                vec![
                    "The user leaves the directory and all teams, and your app hears of it.".into(),
                    "For a time it can be restored, with its teams, while its userName is free. The identity provider may create the user anew.".into(),
                ],
            ),
            Act::Restore => (
                format!("Restore “{name}”?"),
                vec!["The user comes back as it was, with its teams, and your app hears of it. It is refused if somebody else has the userName by now.".into()],
            ),
            Act::Erase => (
                format!("Erase “{name}” for good?"),
                vec![
                    match self.is_deleted {
                        true => "The deleted user can then not be restored any more.".into(),
                        false => "The user leaves the directory and all teams, and cannot be restored.".into(),
                    },
                    "Personal values are removed from past events and from the sync log, also from answers that listed many. Why the user was or was not there can then not be told any more.".into(),
                    "A receipt without personal values stays. Backups keep what they have. With a large log it takes a while.".into(),
                ],
            ),
            Act::Link => (
                format!("Link “{name}” to the new account and reactivate?"),
                vec![
                    "The identity provider tried to create this person again, and was refused since this inactive user holds the name. The user becomes active again, with its teams and its id in your app.".into(),
                    match &external {
                        Some(id) => format!("Its externalId becomes “{id}”, which the refused request came with, so that the identity provider knows it again."),
                        None => "Which externalId the refused request came with is not in the log any more; the user keeps its own.".into(),
                    },
                    "Do it only if it is the same person: a namesake would get everything this user had.".into(),
                ],
            ),
        };
        Confirm {
            title,
            consequences,
            button: self.act.label().to_owned(),
            back: self.path.clone(),
            typed: (self.act == Act::Erase).then(|| name.clone()),
            error,
        }
    }

    fn change(&self, id: Id) -> Result<Change, Problem> {
        Ok(match self.act {
            Act::Deactivate => self.patch(&[("active", false.into())])?,
            Act::Reactivate => self.patch(&[("active", true.into())])?,
            Act::Link => {
                let external = self.rehire.as_ref().and_then(|one| one.external_id.clone());
                let mut values = vec![("active", Value::Bool(true))];
                values.extend(external.map(|id| ("externalId", id.into())));
                self.patch(&values)?
            }
            Act::Delete => Change::Delete {
                kind: self.kind.clone(),
                id,
                precondition: None,
            },
            Act::Restore => Change::Restore { id },
            Act::Erase => Change::Erase { id },
        })
    }

    /// Goes the way of an identity provider's PATCH, so that it means the same everywhere.
    fn patch(&self, values: &[(&str, Value)]) -> Result<Change, Problem> {
        let operations: Vec<Value> = values
            .iter()
            .map(|(path, value)| json!({ "op": "replace", "path": path, "value": value }))
            .collect();
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        let body = body.as_object().cloned().unwrap_or_default();
        let most = values.len();
        let patch = Patch::read(
            &self.kind,
            &body,
            &Profile::RFC,
            most,
            &mut Fired::default(),
        )
        .map_err(|error| Problem::internal(&error))?;
        Ok(Change::Patch {
            kind: self.kind.clone(),
            id: self.user.id,
            patch,
            precondition: None,
        })
    }
}

impl Rehire {
    async fn read(visit: &Visit, tenant: &Tenant, gathered: Gathered) -> Result<Self, Problem> {
        let gathered = explained::read_log(&visit.console, tenant.id, gathered).await?;
        let request = rehire(&gathered).map(|logged| logged.entry.request);
        let request = request.ok_or_else(|| {
            Problem::new(
                axum::http::StatusCode::CONFLICT,
                "There is nothing to link",
                "No refused create waits for this user: it is active, or it was changed since.",
                "Nothing was changed. Open the user again to see what became of it.",
            )
        })?;
        let log = visit.console.log.clone();
        let read = tokio::task::spawn_blocking(move || log.reader().entry(request));
        let entry = read.await.map_err(|error| Problem::internal(&error))??;
        let body: Option<Value> =
            entry.and_then(|logged| serde_json::from_slice(logged.entry.request_body.bytes()).ok());
        let external_id = body
            .as_ref()
            .and_then(|body| body.get("externalId")?.as_str())
            .filter(|id| !id.is_empty())
            .map(str::to_owned);
        Ok(Self { external_id })
    }
}
