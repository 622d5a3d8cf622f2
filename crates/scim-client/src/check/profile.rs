//! Whom the checks speak for: the standard, or an identity provider.

use std::str::FromStr;

use scim::{Profile as Forgiving, Tolerance};

/// What is asked of a server, and what it may forgive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The RFCs; published tolerances are reported, not counted as failures.
    #[default]
    Generic,
    /// The RFCs, strictly.
    Rfc,
    /// Generic, and what Okta needs.
    Okta,
    /// Generic, and what Microsoft Entra ID needs.
    Entra,
    /// The SCIM 2.0 interoperability profile (draft-zollner-scim-interop-profile).
    Interop,
    /// The OpenID IPSIE profile of SCIM, as far as it can be seen from outside.
    Ipsie,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 6] = [
        Profile::Generic,
        Profile::Rfc,
        Profile::Okta,
        Profile::Entra,
        Profile::Interop,
        Profile::Ipsie,
    ];

    /// Those of drafts that read PATCH more narrowly than RFC 7644.
    pub(super) const NARROW: &[Profile] = &[Profile::Interop, Profile::Ipsie];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Generic => "generic",
            Profile::Rfc => "rfc",
            Profile::Okta => "okta",
            Profile::Entra => "entra",
            Profile::Interop => "interop",
            Profile::Ipsie => "ipsie",
        }
    }

    /// Whether a server may forgive this. The strict profiles keep what would lose members or lock clients out otherwise.
    pub(super) fn allows(self, tolerance: Tolerance) -> bool {
        match self {
            Profile::Generic | Profile::Okta | Profile::Entra => true,
            Profile::Rfc | Profile::Interop | Profile::Ipsie => Forgiving::RFC.allows(tolerance),
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Profile, String> {
        let known = Profile::ALL.iter().find(|profile| profile.as_str() == name);
        known.copied().ok_or_else(|| {
            let names = Profile::ALL.map(Profile::as_str).join(", ");
            format!("no profile is called {name:?}; use one of {names}")
        })
    }
}
