//! What happens in the organisation and has to be told to the service provider.

use super::person::Person;

/// One change; people and teams by their numbers in the company, which has it already.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// A person is assigned to the application.
    Join(u32),
    /// Attributes of a person changed.
    Update { person: u32, before: Box<Person> },
    /// A person is no longer assigned.
    Leave(u32),
    /// A person who was deactivated is assigned again, with the same account.
    Return(u32),
    /// A person who was deactivated is deleted for good.
    Purge(u32),
    /// A person has a new password.
    Password(u32),
    /// A person who is there already is created once more, as when two look-ups race; 409 is the right answer.
    Twin(u32),
    /// A team is pushed for the first time.
    Push(u32),
    /// People join and leave a team.
    Members {
        team: u32,
        add: Vec<u32>,
        remove: Vec<u32>,
    },
    /// A team has a new name.
    RenameTeam(u32),
    /// An administrator presses "Push now".
    PushNow(u32),
    /// A team is deleted.
    DeleteTeam(u32),
}

impl Change {
    /// Whether it is about a team.
    pub(crate) fn is_team(&self) -> bool {
        matches!(
            self,
            Change::Push(_)
                | Change::Members { .. }
                | Change::RenameTeam(_)
                | Change::PushNow(_)
                | Change::DeleteTeam(_)
        )
    }

    /// What it is called in sentences about it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Change::Join(_) => "assign",
            Change::Update { .. } => "update",
            Change::Leave(_) => "unassign",
            Change::Return(_) => "assign again",
            Change::Purge(_) => "delete",
            Change::Password(_) => "push the password of",
            Change::Twin(_) => "create twice",
            Change::Push(_) => "push",
            Change::Members { .. } => "change the members of",
            Change::RenameTeam(_) => "rename",
            Change::PushNow(_) => "push anew",
            Change::DeleteTeam(_) => "delete",
        }
    }
}
