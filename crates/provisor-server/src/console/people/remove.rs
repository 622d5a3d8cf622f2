//! Takes somebody's sign-in away, after a question.

use axum::response::Response;
use provisor_store::{PeopleChange, Person};

use super::{PEOPLE, change, named, path};
use crate::console::{
    Problem,
    layout::{Confirm, Flash},
    visit::Visit,
};

/// Asks.
pub(in crate::console) async fn ask(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    visit.confirm(question(&visit, &person, None))
}

fn question(visit: &Visit, person: &Person, error: Option<String>) -> Confirm {
    let who = match person.id == visit.viewer.person.id {
        true => "That is you: you are out with it.",
        false => "Whoever of them is in is out at once.",
    };
    Confirm {
        title: format!("Remove {}?", person.email),
        consequences: vec![
            format!("{} cannot sign in any more. {who}", person.email),
            "Their sessions and one-time links end. What they did stays in the audit.".to_owned(),
        ],
        button: "Remove".to_owned(),
        back: path(person.id),
        typed: None,
        error,
    }
}

/// Does it.
pub(in crate::console) async fn remove(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    match change(&visit, PeopleChange::Remove { id: person.id }).await? {
        Ok(person) => {
            let done = format!("{} cannot sign in any more.", person.email);
            Ok(visit.go(PEOPLE, Some(Flash::done(done))))
        }
        Err(wrong) => visit.confirm(question(&visit, &person, Some(wrong))),
    }
}
