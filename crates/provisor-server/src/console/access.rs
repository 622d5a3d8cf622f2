//! Who may do what: one table of roles and actions.

use provisor_store::Role;

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $action:ident: $owner:literal $operator:literal $support:literal $auditor:literal,)*) => {
        /// Something a viewer does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action { $($(#[doc = $doc])* $action),* }

        /// Whether a role may do it.
        pub fn may(role: Role, action: Action) -> bool {
            let (owner, operator, support, auditor) = match action {
                $(Action::$action => ($owner, $operator, $support, $auditor)),*
            };
            match role {
                Role::Owner => owner == 1,
                Role::Operator => operator == 1,
                Role::Support => support == 1,
                Role::Auditor => auditor == 1,
            }
        }
    };
}

actions! {
    //                   owner operator support auditor
    /// Their own sessions, password and looks.
    OwnAccount:          1 1 1 1,
    /// Overview, tenants, connections, users, teams, sync log, why.
    SeeDirectory:        1 1 1 1,
    /// Refusals that name no tenant: unknown tokens, no credentials. Only with all tenants.
    SeeStrangers:        1 1 0 0,
    /// Personal values as they are; who may not sees them masked.
    SeePersonal:         1 1 0 1,
    /// Tokens: purpose, last four characters, use.
    SeeTokens:           1 1 0 1,
    /// Create, rotate and revoke tokens.
    ChangeTokens:        1 1 0 0,
    /// Create and change tenants and connections; setup links.
    ChangeConnections:   1 1 0 0,
    /// Where users and teams are pushed to: create, change, test, push, forget.
    ChangeTargets:       1 1 0 0,
    /// Let a made-up company move into a tenant of its own, and stop it. Only with all tenants.
    Simulate:            1 1 0 0,
    /// Deactivate, delete, restore, erase and link users.
    ChangeUsers:         1 1 0 0,
    /// The audit.
    SeeAudit:            1 1 0 1,
    /// Files of log and audit.
    Export:              1 1 0 1,
    /// Who may sign in.
    SeePeople:           1 0 0 1,
    /// Add, change and remove people.
    ChangePeople:        1 0 0 0,
}
