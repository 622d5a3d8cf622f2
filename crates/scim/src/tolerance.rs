//! What is forgiven, by whom, and where it was seen: the one place for tolerances.
//!
//! Each [`Tolerance`] softens one mistake of one or more identity providers. A [`Profile`] is a
//! named bundle of them. Code asks `fired.allows(profile, Tolerance::X, || detail)`; a tolerance
//! that is off makes the strict error, one that is on is recorded in [`Fired`] and shown in the
//! sync log, so that nobody is left guessing what the server made of a message.

use std::fmt;

macro_rules! tolerances {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal),* $(,)?) => {
        /// One forgiven mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Tolerance { $($(#[doc = $doc])* $variant),* }

        impl Tolerance {
            /// Every tolerance, in the order of this file.
            pub const ALL: &[Tolerance] = &[$(Tolerance::$variant),*];

            /// Name in configuration, log and documentation.
            pub fn as_str(self) -> &'static str {
                match self { $(Tolerance::$variant => $name),* }
            }

            /// What is forgiven and who needs it, for the generated documentation.
            pub fn description(self) -> &'static str {
                match self { $(Tolerance::$variant => concat!($($doc),*)),* }
            }
        }
    };
}

tolerances! {
    /// `"True"`, `"false"` and the like for a boolean attribute become the boolean, in bodies and filters (Entra default dialect, transcript `entra-default.json`).
    StringBoolean = "string_boolean",
    /// Dotted keys in a path-less PATCH value are attribute paths (Entra with `aadOptscim062020`, transcript `entra-compliance-flag.json`).
    DottedKeys = "dotted_keys",
    /// PATCH `remove` with a path and a value list removes those values, not all (Entra default dialect, JumpCloud, authentik). On in every profile: the RFC's reading would empty the team.
    RemoveByValue = "remove_by_value",
    /// PATCH `add` on a value filter that matches nothing creates the element from the filter (Entra, transcript `entra-default.json`).
    CreateOnNoTarget = "create_on_no_target",
    /// A plain value for a complex attribute is wrapped as its `value` (Entra sends `manager` as text).
    WrapComplex = "wrap_complex",
    /// A single object for a multi-valued attribute is taken as a list of one (OneLogin `emails`).
    WrapArray = "wrap_array",
    /// A list of one for a singular attribute is taken as that one (Entra `manager`).
    UnwrapArray = "unwrap_array",
    /// A schema URN the resource type does not know, and what stands under it, is dropped (Entra's ADSCIM Group URN, OneLogin's draft URNs).
    UnknownSchema = "unknown_schema",
    /// An attribute no schema defines is dropped from POST and PUT.
    UnknownAttribute = "unknown_attribute",
    /// An extension attribute without its URN is found by its name (Entra `manager`, `department`).
    BareExtensionAttribute = "bare_extension_attribute",
    /// A missing `schemas` is filled in, in resources and messages.
    InferSchemas = "infer_schemas",
    /// An extension object whose URN is missing in `schemas` is accepted and listed.
    UnlistedExtension = "unlisted_extension",
    /// An unquoted or single-quoted value, or no space before it, in a filter (authentik, Entra).
    LooseFilterValue = "loose_filter_value",
    /// `email` in a filter means `emails` (Okta's free-text unique identifier field).
    EmailAlias = "email_alias",
    /// `attr[filter].sub op value` in a filter (Entra matching attribute).
    ValuePathComparison = "value_path_comparison",
    /// With e-mail as the unique identifier, `userName eq` finds the user by primary e-mail when no userName matches (Okta).
    UserNameIsEmail = "user_name_is_email",
    /// Members unknown to the tenant are left out of a PUT or `replace` instead of refusing it (Okta pushes teams before their people).
    DropUnknownMembers = "drop_unknown_members",
    /// An attribute that is required by the schema but not by the identifier model may be missing from a complex value (members without `type`, roles without `value`).
    MissingSubAttribute = "missing_sub_attribute",
    /// A value outside its attribute's format (URI, language tag, country) is stored as sent (Entra: "store values as sent").
    LooseFormat = "loose_format",
    /// `members` keep their value when a PUT leaves the key out (Okta custom apps map what the admin mapped); `active` does so in every profile. Not in `keycloak`, whose extensions leave out the members of an empty team (transcript `keycloak.json`).
    KeepOmitted = "keep_omitted",
    /// A bare token or a doubled `Bearer` in `Authorization` (Okta header modes).
    LooseAuthorization = "loose_authorization",
    /// Read-only attributes in POST and PUT are ignored, as RFC 7644 sections 3.3 and 3.5.1 ask; noted so that nobody wonders.
    ReadOnlyIgnored = "read_only_ignored",
    /// `password` is accepted and discarded (Okta sends a placeholder).
    PasswordDiscarded = "password_discarded",
    /// `attributes` as one comma-separated text in a search message.
    CommaAttributes = "comma_attributes",
    /// A bulk PATCH whose `data` is the operation list itself, as RFC 7644's old example shows (erratum 5050).
    BareBulkPatch = "bare_bulk_patch",
    /// PATCH `replace` on a value filter that matches nothing creates the element from the filter (Entra). Only in `entra`: RFC 7644 section 3.5.2.3 asks for 400 `noTarget`.
    ReplaceCreates = "replace_creates",
    /// Of several values marked as primary the first stays it (PingOne with two e-mail attributes, transcript `ping.json`).
    ExtraPrimary = "extra_primary",
    /// A PATCH whose `Operations` is an empty list succeeds and changes nothing (Microsoft's SCIM validator, transcript `entra-validator.json`). Only in `entra`: RFC 7644 section 3.5.2 asks for one or more.
    EmptyOperations = "empty_operations",
    /// A role that stands as JSON within the text of its `value` becomes that role, with `value` and `display` (Entra's `AppRoleAssignmentsComplex`, transcript `entra-app-roles.json`). Only in `entra`: elsewhere a value is what the client says.
    RoleInText = "role_in_text",
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of tolerances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tolerances(u64);

impl Tolerances {
    const fn all() -> Self {
        Self((1 << Tolerance::ALL.len()) - 1)
    }

    const fn of(list: &[Tolerance]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    const fn with(self, list: &[Tolerance]) -> Self {
        Self(self.0 | Self::of(list).0)
    }

    const fn without(self, list: &[Tolerance]) -> Self {
        Self(self.0 & !Self::of(list).0)
    }

    /// True if the tolerance is in the set.
    pub const fn contains(self, tolerance: Tolerance) -> bool {
        self.0 & (1 << tolerance as u8) != 0
    }

    /// Adds one.
    pub fn insert(&mut self, tolerance: Tolerance) {
        self.0 |= 1 << tolerance as u8;
    }

    /// The members, in the order of [`Tolerance::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Tolerance> {
        Tolerance::ALL
            .iter()
            .copied()
            .filter(move |t| self.contains(*t))
    }

    /// As a number, to store it.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// From a stored number; unknown bits are dropped.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & Self::all().0)
    }
}

/// A named bundle of tolerances; a connection has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Name in configuration and API.
    pub name: &'static str,
    /// What is forgiven.
    pub on: Tolerances,
    /// Whether PATCH is read as the SCIM 2.0 interoperability profile narrows it.
    pub narrow_patch: bool,
}

impl Profile {
    /// The default: everything that is safe for any identity provider.
    pub const GENERIC: Profile = Profile {
        name: "generic",
        on: Tolerances::all().without(&[
            Tolerance::DropUnknownMembers,
            Tolerance::ReplaceCreates,
            Tolerance::EmptyOperations,
            Tolerance::RoleInText,
        ]),
        narrow_patch: false,
    };
    /// Okta: generic, and members that are not there yet are left out.
    pub const OKTA: Profile = Profile {
        name: "okta",
        on: Self::GENERIC.on.with(&[Tolerance::DropUnknownMembers]),
        ..Self::GENERIC
    };
    /// Microsoft Entra ID: generic, `replace` creates what its value filter describes, a PATCH may ask for nothing, and roles may be JSON within a text; its `/Schemas` is trimmed as Microsoft's validator needs.
    pub const ENTRA: Profile = Profile {
        name: "entra",
        on: Self::GENERIC.on.with(&[
            Tolerance::ReplaceCreates,
            Tolerance::EmptyOperations,
            Tolerance::RoleInText,
        ]),
        ..Self::GENERIC
    };
    /// Keycloak's extensions: generic, and a PUT of a team without members empties it.
    pub const KEYCLOAK: Profile = Profile {
        name: "keycloak",
        on: Self::GENERIC.on.without(&[Tolerance::KeepOmitted]),
        ..Self::GENERIC
    };
    /// Strict: what the RFCs ask, plus what would lose members or leave doors open otherwise.
    pub const RFC: Profile = Profile {
        name: "rfc",
        on: Tolerances::of(&[
            Tolerance::RemoveByValue,
            Tolerance::LooseAuthorization,
            Tolerance::ReadOnlyIgnored,
            Tolerance::PasswordDiscarded,
            Tolerance::UserNameIsEmail,
        ]),
        ..Self::GENERIC
    };
    /// The SCIM 2.0 interoperability profile (draft-zollner-scim-interop-profile): strict as [`Profile::RFC`], and PATCH as it narrows it; its `/Schemas` names a value for every `type`.
    pub const INTEROP: Profile = Profile {
        name: "interop",
        narrow_patch: true,
        ..Self::RFC
    };
    /// All profiles.
    pub const ALL: &[Profile] = &[
        Self::GENERIC,
        Self::OKTA,
        Self::ENTRA,
        Self::KEYCLOAK,
        Self::RFC,
        Self::INTEROP,
    ];

    /// Finds a profile by its name.
    pub fn named(name: &str) -> Option<Profile> {
        Self::ALL
            .iter()
            .find(|profile| profile.name == name)
            .copied()
    }

    /// True if the profile forgives this.
    pub fn allows(&self, tolerance: Tolerance) -> bool {
        self.on.contains(tolerance)
    }
}

/// The tolerances that fired while one message was read, with what they did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired {
    /// Which.
    pub set: Tolerances,
    /// What they did, in plain words: `dropped "foo"`. At most [`Fired::NOTES`], the rest is only in `set`.
    pub notes: Vec<(Tolerance, String)>,
}

impl Fired {
    /// How many notes are kept.
    pub const NOTES: usize = 20;

    /// If the profile forgives it, records it and returns true; otherwise the caller refuses.
    pub fn allows(
        &mut self,
        profile: &Profile,
        tolerance: Tolerance,
        note: impl FnOnce() -> String,
    ) -> bool {
        if !profile.allows(tolerance) {
            return false;
        }
        self.record(tolerance, note);
        true
    }

    /// Records a tolerance without asking.
    pub fn record(&mut self, tolerance: Tolerance, note: impl FnOnce() -> String) {
        self.set.insert(tolerance);
        if self.notes.len() < Self::NOTES {
            self.notes.push((tolerance, note()));
        }
    }

    /// Adds what another reading recorded.
    pub fn extend(&mut self, other: Fired) {
        self.set = Tolerances(self.set.0 | other.set.0);
        let room = Self::NOTES.saturating_sub(self.notes.len());
        self.notes.extend(other.notes.into_iter().take(room));
    }

    /// True if nothing fired.
    pub fn is_empty(&self) -> bool {
        self.set == Tolerances::default()
    }
}
