//! Cause codes: why a request was refused, one code each, to show, to group by and to look up.

macro_rules! causes {
    ($($variant:ident = $code:literal: $meaning:literal),* $(,)?) => {
        /// Why a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Cause { $(#[doc = $meaning] $variant),* }

        impl Cause {
            /// Every cause, in the order of this file.
            pub const ALL: &[Cause] = &[$(Cause::$variant),*];

            /// The code in log, API, CLI and documentation.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$variant => $code),* }
            }

            /// What it means and what to do, in one or two plain sentences.
            pub fn meaning(self) -> &'static str {
                match self { $(Cause::$variant => $meaning),* }
            }

            /// The cause with this code.
            pub fn from_code(code: &str) -> Option<Cause> {
                match code { $($code => Some(Cause::$variant),)* _ => None }
            }
        }
    };
}

causes! {
    NoCredentials = "no_credentials": "The request carried no Authorization header. Paste the token into the identity provider's token field.",
    SchemeWrong = "scheme_wrong": "The Authorization header uses a scheme other than Bearer. Choose HTTP Header or Bearer token authentication.",
    TokenUnknown = "token_unknown": "The token is not one of this server's, or was mistyped. Paste it again or create a new one.",
    TokenExpired = "token_expired": "The token has expired. Create a new one and paste it into the identity provider.",
    TokenRevoked = "token_revoked": "The token was revoked. Create a new one and paste it into the identity provider.",
    TokenWrongTenant = "token_wrong_tenant": "The token belongs to another tenant than the URL names. Use this tenant's token or the URL without tenant.",
    AddressNotAllowed = "address_not_allowed": "The token may not be used from this network address. Change its list of addresses or the client's network.",
    ScopeMissing = "scope_missing": "The token lacks the scope this request needs. Create a token with that scope.",
    ConnectionPaused = "connection_paused": "The connection is paused; nothing is applied until it is resumed. The identity provider will try again.",
    TenantSuspended = "tenant_suspended": "The tenant is suspended. Resume it to accept changes again.",
    BaseUrlWrong = "base_url_wrong": "The URL is not an endpoint. The base URL must end with /scim/v2, without /Users or /Groups.",
    NotFound = "not_found": "No such resource. It was deleted, belongs to another tenant or never existed.",
    MethodNotAllowed = "method_not_allowed": "The endpoint does not know this method.",
    NotAcceptable = "not_acceptable": "The client accepts neither SCIM nor JSON.",
    UnsupportedMediaType = "unsupported_media_type": "The body is declared as something else than SCIM or JSON.",
    PayloadTooLarge = "payload_too_large": "The body or the number of operations is beyond the limit. Send less at a time or raise the limit.",
    ResourceTooLarge = "resource_too_large": "The user or team would grow beyond 1 MiB of attributes. Send fewer or shorter values, or remove some that it has.",
    InvalidSyntax = "invalid_syntax": "The body is not a valid SCIM message.",
    InvalidValue = "invalid_value": "A value does not fit its attribute.",
    MissingRequired = "missing_required": "A required attribute is missing. Map it in the identity provider.",
    InvalidFilter = "invalid_filter": "The filter cannot be understood. The unique identifier field is probably mistyped in the identity provider.",
    InvalidPath = "invalid_path": "The path names no attribute of the resource.",
    NoTarget = "no_target": "The operation selects nothing it could change.",
    Mutability = "mutability": "The attribute may not be changed by the client.",
    UnknownMember = "unknown_member": "A member is not in this tenant. Assign the person to the app first, or use the profile that leaves unknown members out.",
    DomainNotAllowed = "domain_not_allowed": "The name or an e-mail lies outside the connection's domains. Correct the person, or name all domains of the connection again, the new one too: provisor connection set --domain acme.com --domain acme.de.",
    Uniqueness = "uniqueness": "Another resource has this value. Rename one of them, or link the identity provider's user to the existing one.",
    ReactivationConflict = "reactivation_conflict": "An inactive user holds this name. Reactivate that user, or rename or delete it.",
    Conflict = "conflict": "Operations of the job refer to each other in a way that cannot be resolved.",
    VersionConflict = "version_conflict": "The resource has changed since the client read it. Read it again.",
    TooMany = "too_many": "The request would read or sort too much. Filter on an indexed attribute; read a sorted list page by page from its start; remove members of a team by their ids.",
    InvalidCursor = "invalid_cursor": "The cursor is not valid for this query, or too old. Start again at the first page.",
    RateLimited = "rate_limited": "Too many requests. The identity provider will try again.",
    NotImplemented = "not_implemented": "The server does not offer this operation.",
    Unavailable = "unavailable": "The server could not store the change or make the search now. Nothing was applied; try again.",
    ServerOutdated = "server_outdated": "A newer version of Provisor has changed the database beside the running server, which may not write to it any more. Nothing was applied; restart the server with the new version.",
    Overloaded = "overloaded": "The server had no memory left for one more large body. Nothing was applied; the identity provider will try again. If it happens often, raise limits.body_memory.",
    Internal = "internal": "The server failed. The request id finds the reason in the server's log.",
}

impl From<scim::Kind> for Cause {
    fn from(kind: scim::Kind) -> Self {
        use scim::Kind;
        match kind {
            Kind::InvalidSyntax => Cause::InvalidSyntax,
            Kind::InvalidFilter => Cause::InvalidFilter,
            Kind::InvalidPath => Cause::InvalidPath,
            Kind::InvalidValue => Cause::InvalidValue,
            Kind::MissingRequired => Cause::MissingRequired,
            Kind::UnknownMember => Cause::UnknownMember,
            Kind::DomainNotAllowed => Cause::DomainNotAllowed,
            Kind::NoTarget => Cause::NoTarget,
            Kind::Mutability => Cause::Mutability,
            Kind::TooMany => Cause::TooMany,
            Kind::InvalidVersion => Cause::BaseUrlWrong,
            Kind::InvalidCursor | Kind::ExpiredCursor | Kind::InvalidCount => Cause::InvalidCursor,
            Kind::Unauthorized => Cause::TokenUnknown,
            Kind::Forbidden => Cause::ScopeMissing,
            Kind::NotFound => Cause::NotFound,
            Kind::MethodNotAllowed => Cause::MethodNotAllowed,
            Kind::NotAcceptable => Cause::NotAcceptable,
            Kind::Uniqueness => Cause::Uniqueness,
            Kind::ReactivationConflict => Cause::ReactivationConflict,
            Kind::Conflict => Cause::Conflict,
            Kind::PreconditionFailed => Cause::VersionConflict,
            Kind::PayloadTooLarge => Cause::PayloadTooLarge,
            Kind::UnsupportedMediaType => Cause::UnsupportedMediaType,
            Kind::TooManyRequests => Cause::RateLimited,
            Kind::Internal => Cause::Internal,
            Kind::NotImplemented => Cause::NotImplemented,
            Kind::Unavailable => Cause::Unavailable,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
