//! Paths: which endpoint a URL names, and what is wrong with it if it names none.

use std::borrow::Cow;

use provisor_store::Cause;
use scim::Kind;

use super::{Call, answer::Failure};

/// What a SCIM URL names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// The tenant, in `/t/{slug}/scim/v2/…`.
    pub(crate) slug: Option<String>,
    /// The endpoint.
    pub(crate) endpoint: Endpoint,
}

/// An endpoint of RFC 7644 section 3.2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Endpoint {
    /// The base URL itself: queries over all resource types.
    Root,
    /// `/.search`.
    RootSearch,
    /// `/Users`.
    Collection(String),
    /// `/Users/.search`.
    Search(String),
    /// `/Users/{id}`.
    Resource(String, String),
    /// `/Bulk`.
    Bulk,
    /// `/Me`.
    Me,
    /// Discovery, with the id of one document.
    Discovery(Discovery, Option<String>),
    /// No endpoint.
    Unknown(Wrong),
}

/// The discovery endpoints of RFC 7644 section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Discovery {
    ServiceProviderConfig,
    ResourceTypes,
    Schemas,
}

/// What is wrong with a URL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wrong {
    /// Another version than 2.
    Version(String),
    /// More segments than any endpoint has: usually a base URL that ends with `/Users`.
    TooLong,
    /// Percent-encoding that is none.
    Encoding,
}

/// Reads a path, slashes folded; `None` if it is not SCIM's.
pub(crate) fn target(path: &str) -> Option<Target> {
    let mut parts = path.trim_start_matches('/').split('/');
    let mut first = parts.next()?;
    let mut slug = None;
    if first == "t" {
        slug = Some(parts.next()?.to_owned());
        first = parts.next()?;
    }
    if first != "scim" {
        return None;
    }
    let version = parts.next().unwrap_or_default();
    let endpoint = match version {
        "v2" => endpoint(parts),
        version => Endpoint::Unknown(Wrong::Version(version.to_owned())),
    };
    Some(Target { slug, endpoint })
}

fn endpoint<'p>(parts: impl Iterator<Item = &'p str>) -> Endpoint {
    let mut decoded = Vec::with_capacity(3);
    for part in parts.take(4) {
        match decode(part) {
            Some(part) => decoded.push(part),
            None => return Endpoint::Unknown(Wrong::Encoding),
        }
    }
    let of = |which, id: Option<&str>| Endpoint::Discovery(which, id.map(str::to_owned));
    let parts: Vec<&str> = decoded.iter().map(Cow::as_ref).collect();
    match parts.as_slice() {
        [] => Endpoint::Root,
        [".search"] => Endpoint::RootSearch,
        ["Bulk"] => Endpoint::Bulk,
        ["Me", ..] => Endpoint::Me,
        ["ServiceProviderConfig"] => of(Discovery::ServiceProviderConfig, None),
        ["ResourceTypes"] => of(Discovery::ResourceTypes, None),
        ["ResourceTypes", id] => of(Discovery::ResourceTypes, Some(id)),
        ["Schemas"] => of(Discovery::Schemas, None),
        ["Schemas", id] => of(Discovery::Schemas, Some(id)),
        [kind] => Endpoint::Collection((*kind).to_owned()),
        [kind, ".search"] => Endpoint::Search((*kind).to_owned()),
        // RFC 7644 section 3.8 lets ".scim" select the representation.
        [kind, id] => {
            let id = id.strip_suffix(".scim").unwrap_or(id);
            Endpoint::Resource((*kind).to_owned(), id.to_owned())
        }
        _ => Endpoint::Unknown(Wrong::TooLong),
    }
}

/// Decodes percent-encoding once.
fn decode(part: &str) -> Option<Cow<'_, str>> {
    if !part.contains('%') {
        return Some(Cow::Borrowed(part));
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let text = std::str::from_utf8(&digits).ok()?;
        if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(text, 16).ok()?);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

impl Endpoint {
    /// The methods it knows, for `Allow`.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Endpoint::Root | Endpoint::Discovery(..) => "GET, HEAD, OPTIONS",
            Endpoint::RootSearch | Endpoint::Search(_) | Endpoint::Bulk => "POST, OPTIONS",
            Endpoint::Collection(_) => "GET, HEAD, POST, OPTIONS",
            Endpoint::Resource(..) => "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
            Endpoint::Me | Endpoint::Unknown(_) => "OPTIONS",
        }
    }
}

impl Wrong {
    pub(crate) fn failure(&self, call: &Call<'_>) -> Failure {
        let base = &call.base;
        match self {
            Wrong::Version(version) => Failure::new(
                Cause::BaseUrlWrong,
                Kind::InvalidVersion,
                format!(
                    "\"{}\" is no version of SCIM that this server knows. Set the base URL to {base}.",
                    version.escape_debug()
                ),
            ),
            Wrong::TooLong => Failure::new(
                Cause::BaseUrlWrong,
                Kind::NotFound,
                format!(
                    "This URL has too many parts for an endpoint. Set the base URL to {base}, \
                     without /Users or /Groups at its end."
                ),
            ),
            Wrong::Encoding => Failure::new(
                Cause::BaseUrlWrong,
                Kind::NotFound,
                "The URL's percent-encoding is broken, so it names nothing. Encode it as UTF-8, once.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_endpoints() {
        let resource = |kind: &str, id: &str| Endpoint::Resource(kind.into(), id.into());
        for (path, slug, endpoint) in [
            ("/scim/v2", None, Endpoint::Root),
            ("/scim/v2/Users", None, Endpoint::Collection("Users".into())),
            (
                "/t/acme/scim/v2/Users/a%2Fb",
                Some("acme"),
                resource("Users", "a/b"),
            ),
            ("/scim/v2/Users/a%252Fb", None, resource("Users", "a%2Fb")),
            ("/scim/v2/Users/x.scim", None, resource("Users", "x")),
            (
                "/scim/v2/Groups/.search",
                None,
                Endpoint::Search("Groups".into()),
            ),
            ("/scim/v2/.search", None, Endpoint::RootSearch),
            ("/scim/v2/Me/x/y", None, Endpoint::Me),
            (
                "/scim/v2/Users/Users/x",
                None,
                Endpoint::Unknown(Wrong::TooLong),
            ),
            (
                "/scim/v2/Users/%zz",
                None,
                Endpoint::Unknown(Wrong::Encoding),
            ),
            (
                "/scim/v2/Users/%ff",
                None,
                Endpoint::Unknown(Wrong::Encoding),
            ),
            (
                "/scim/v9/Users",
                None,
                Endpoint::Unknown(Wrong::Version("v9".into())),
            ),
            (
                "/scim/v2/Schemas/urn:x",
                None,
                Endpoint::Discovery(Discovery::Schemas, Some("urn:x".into())),
            ),
        ] {
            let found = target(path).unwrap();
            assert_eq!(
                (found.slug.as_deref(), found.endpoint),
                (slug, endpoint),
                "{path}"
            );
        }
        for path in ["/", "/api/v1", "/t/acme/api", "/scimx/v2"] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
