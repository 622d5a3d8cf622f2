//! What the log keeps of a request.

use std::net::IpAddr;

use scim::tolerance::Fired;

use crate::{Cause, ConnectionId, Id, RequestId, TenantId, TokenId};

use super::redact;
use sha2::{Digest, Sha256};

macro_rules! operations {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal $name:literal),* $(,)?) => {
        /// What a request asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Operation { $($(#[doc = $doc])* $variant = $code),* }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Operation] = &[$(Operation::$variant),*];

            /// Name in API and CLI.
            pub fn as_str(self) -> &'static str {
                match self { $(Operation::$variant => $name),* }
            }
        }
    };
}

operations! {
    /// A list filtered by one value: does this user or team exist?
    Lookup = 1 "lookup",
    /// A page of a list.
    List = 2 "list",
    /// One resource by its id.
    Get = 3 "get",
    /// POST of a resource.
    Create = 4 "create",
    /// PUT.
    Replace = 5 "replace",
    /// PATCH.
    Patch = 6 "patch",
    /// DELETE.
    Delete = 7 "delete",
    /// POST to `/Bulk`.
    Bulk = 8 "bulk",
    /// POST to `/.search`.
    Search = 9 "search",
    /// `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`.
    Discovery = 10 "discovery",
    /// Anything else, also what could not be understood.
    Other = 11 "other",
}

impl Operation {
    /// True for what changes the directory.
    pub fn is_write(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Replace | Self::Patch | Self::Delete | Self::Bulk
        )
    }

    /// The operation with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|operation| operation.as_str() == name)
    }

    /// True for what an identity provider does seldom or never: the log has an index on these, named
    /// in its migration 0004.
    pub(super) fn is_rare(self) -> bool {
        match self {
            Self::Lookup | Self::Get | Self::Create | Self::Replace | Self::Patch => false,
            Self::List | Self::Delete | Self::Bulk | Self::Search => true,
            Self::Discovery | Self::Other => true,
        }
    }

    pub(super) fn from_code(code: i64) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|operation| *operation as i64 == code)
            .unwrap_or(Self::Other)
    }
}

/// One request with its answer. `Authorization` and other headers are never part of it.
///
/// [`SyncLog::record`](super::SyncLog::record) cuts overlong texts and blots out tokens wherever
/// they were pasted.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `X-Request-Id` of the answer.
    pub request: RequestId,
    /// When it arrived, in milliseconds since 1970.
    pub at: i64,
    /// From its arrival to its answer, in microseconds.
    pub duration_us: u64,
    /// Whose log it belongs to; `None` for refusals before authentication that name no tenant:
    /// for operators only.
    pub tenant: Option<TenantId>,
    /// Through which connection.
    pub connection: Option<ConnectionId>,
    /// With which token.
    pub token: Option<TokenId>,
    /// `User-Agent`.
    pub client: String,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// HTTP method.
    pub method: String,
    /// Path without the query, as it arrived.
    pub path: String,
    /// Query without the question mark, as it arrived.
    pub query: String,
    /// What it asked for.
    pub operation: Operation,
    /// `User`, `Group`, …
    pub resource_type: Option<String>,
    /// The resource it read or changed.
    pub resource: Option<Id>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Why it was refused.
    pub cause: Option<Cause>,
    /// The error's text in the answer, or for operators the reason behind a failed authentication;
    /// and whether the client had gone before it was answered.
    pub detail: String,
    /// Tolerances that fired.
    pub fired: Fired,
    /// `seq` of the first and last event it made.
    pub events: Option<(i64, i64)>,
    /// What was sent.
    pub request_body: Body,
    /// What was answered.
    pub response_body: Body,
    /// What the request speaks of, to find it by: values of filters, userName, e-mails,
    /// externalId, ids in the path. Only their keyed hashes are stored; empty when read back.
    pub names: Vec<String>,
}

impl Entry {
    /// An entry with what is always known, the rest empty: fill in with struct update syntax.
    pub fn new(request: RequestId, at: i64, operation: Operation, status: u16) -> Self {
        Self {
            request,
            at,
            duration_us: 0,
            tenant: None,
            connection: None,
            token: None,
            client: String::new(),
            address: None,
            method: String::new(),
            path: String::new(),
            query: String::new(),
            operation,
            resource_type: None,
            resource: None,
            status,
            cause: None,
            detail: String::new(),
            fired: Fired::default(),
            events: None,
            request_body: Body::default(),
            response_body: Body::default(),
            names: Vec::new(),
        }
    }

    /// With personal values masked, for a viewer who may not see them: the start of each text
    /// stays, so that people can still tell lines apart. Structure, ids and schema names stay.
    pub fn masked(mut self) -> Self {
        self.path = redact::mask_path(&self.path);
        self.query = redact::mask_query(&self.query);
        self.detail = redact::mask_text(&self.detail);
        for (_, note) in &mut self.fired.notes {
            *note = redact::mask_text(note);
        }
        for body in [&mut self.request_body, &mut self.response_body] {
            body.bytes = redact::mask(&body.bytes);
        }
        self
    }

    /// Cuts what is overlong and blots out tokens.
    pub(super) fn tidy(&mut self) {
        redact::tidy(&mut self.client, 256);
        redact::tidy(&mut self.method, 32);
        redact::tidy(&mut self.path, 2048);
        self.query = redact::query(&self.query);
        redact::tidy(&mut self.query, 8192);
        redact::quotations(&mut self.detail);
        redact::tidy(&mut self.detail, 2048);
        if let Some(name) = &mut self.resource_type {
            redact::tidy(name, 128);
        }
        for (_, note) in &mut self.fired.notes {
            redact::quotations(note);
            redact::tidy(note, 512);
        }
    }

    /// When it was answered.
    pub(super) fn end(&self) -> i64 {
        let duration = i64::try_from(self.duration_us / 1000).unwrap_or(i64::MAX);
        self.at.saturating_add(duration)
    }

    /// Bytes it holds in memory, about.
    pub(super) fn size(&self) -> usize {
        let notes = self.fired.notes.iter().map(|(_, note)| note.len() + 32);
        let names = self.names.iter().map(|name| name.len() + 32);
        512 + self.client.len()
            + self.method.len()
            + self.path.len()
            + self.query.len()
            + self.detail.len()
            + self.request_body.bytes.len()
            + self.response_body.bytes.len()
            + notes.sum::<usize>()
            + names.sum::<usize>()
    }
}

/// How much of a body is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Kept {
    /// There was no body.
    #[default]
    Nothing = 0,
    /// All of it, secrets blotted out.
    Whole = 1,
    /// Its beginning, secrets blotted out.
    Cut = 2,
    /// Only length and hash: it is not JSON, so secrets in it cannot be told apart.
    NotJson = 3,
    /// Only length and hash: its time is over.
    Expired = 4,
    /// Only its length: it held a person who was erased.
    Erased = 5,
}

impl Kept {
    /// Name in API and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::NotJson => "not_json",
            Self::Expired => "expired",
            Self::Erased => "erased",
        }
    }

    pub(super) fn from_code(code: i64) -> Self {
        [
            Self::Whole,
            Self::Cut,
            Self::NotJson,
            Self::Expired,
            Self::Erased,
        ]
        .into_iter()
        .find(|kept| *kept as i64 == code)
        .unwrap_or(Self::Nothing)
    }
}

/// What is kept of a body. Made only by [`Body::new`], so that no secret can slip in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) kept: Kept,
    pub(super) length: u64,
    pub(super) sha256: Option<[u8; 32]>,
}

impl Body {
    /// Blots out secrets (values of members named like a password, a secret or a token, at any
    /// depth, also where a PATCH names them by path), then cuts after `limit` bytes.
    pub fn new(body: &[u8], limit: usize) -> Self {
        let length = body.len() as u64;
        if body.is_empty() {
            return Self::default();
        }
        let Some(redacted) = redact::redact(body) else {
            return Self {
                bytes: Vec::new(),
                kept: Kept::NotJson,
                length,
                sha256: Some(Sha256::digest(body).into()),
            };
        };
        let sha256 = Some(Sha256::digest(&redacted).into());
        let (kept, end) = if redacted.len() > limit {
            let is_start = |at: &usize| redacted.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
            (Kept::Cut, (0..=limit).rev().find(is_start).unwrap_or(0))
        } else {
            (Kept::Whole, redacted.len())
        };
        Self {
            bytes: redacted[..end].to_vec(),
            kept,
            length,
            sha256,
        }
    }

    /// What is there of it: UTF-8, JSON unless cut.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How much is there.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    /// Bytes it had on the wire.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the whole body after secrets were blotted out (a hash of a secret would let it
    /// be guessed); of the bytes as sent where only length and hash are kept. `None` without a body.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.sha256
    }
}

/// A request that is only counted. Borrowed, so that counting allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// When it arrived, in milliseconds since 1970.
    pub at: i64,
    /// From its arrival to its answer, in microseconds.
    pub duration_us: u64,
    /// Whose.
    pub tenant: Option<TenantId>,
    /// Through which connection.
    pub connection: Option<ConnectionId>,
    /// What it asked for.
    pub operation: Operation,
    /// HTTP status of the answer.
    pub status: u16,
    /// What the request speaks of, as in [`Entry::names`].
    pub names: &'a [&'a str],
}
