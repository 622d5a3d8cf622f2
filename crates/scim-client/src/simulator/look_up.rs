//! What people are looked up by before they are created.

/// The attribute that an administrator chose, and how the provider asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookUp {
    /// `userName`.
    #[default]
    UserName,
    /// The e-mail address: Okta compares `userName` with it, as its documentation says; Entra the work address.
    Email,
    /// The e-mail address, under the name that the field of Okta's form has: `email`.
    EmailEq,
    /// The e-mail address, as an old page of Okta's has it: `emails`.
    EmailsEq,
    /// `externalId`.
    ExternalId,
}

impl LookUp {
    /// All of them.
    pub const ALL: [LookUp; 5] = [
        LookUp::UserName,
        LookUp::Email,
        LookUp::EmailEq,
        LookUp::EmailsEq,
        LookUp::ExternalId,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LookUp::UserName => "userName",
            LookUp::Email => "email",
            LookUp::EmailEq => "email-eq",
            LookUp::EmailsEq => "emails-eq",
            LookUp::ExternalId => "externalId",
        }
    }

    /// The identifier of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<LookUp> {
        LookUp::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether people are told apart by their e-mail addresses.
    #[must_use]
    pub fn is_email(self) -> bool {
        matches!(self, LookUp::Email | LookUp::EmailEq | LookUp::EmailsEq)
    }
}
