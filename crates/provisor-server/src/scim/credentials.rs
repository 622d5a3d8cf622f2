//! The `Authorization` header, in the forms identity providers send.

use hyper::{HeaderMap, header::AUTHORIZATION};
use provisor_store::{Cause, PlainToken};

use super::answer::Failure;

/// What a client presented.
pub(crate) struct Credentials {
    pub(crate) token: PlainToken,
    /// True for a bare token or a doubled `Bearer` (Okta: "Header" mode, and tokens pasted with the word).
    pub(crate) loose: bool,
}

impl Credentials {
    /// Reads `Bearer <token>` in any case, `Bearer Bearer <token>` and the bare token.
    ///
    /// Errors: 401 with causes `no_credentials`, `scheme_wrong`, `token_unknown`.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values
            .next()
            .ok_or_else(|| Failure::unauthorized(Cause::NoCredentials))?;
        if values.next().is_some() {
            return Err(Failure::unauthorized(Cause::TokenUnknown));
        }
        let text = value
            .to_str()
            .map_err(|_| Failure::unauthorized(Cause::TokenUnknown))?;
        let mut rest = text.trim();
        let mut bearers = 0;
        while let Some(after) = strip_bearer(rest) {
            rest = after;
            bearers += 1;
        }
        if rest.is_empty() {
            return Err(Failure::unauthorized(Cause::NoCredentials));
        }
        match PlainToken::parse(rest) {
            Some(token) => Ok(Self {
                token,
                loose: bearers != 1,
            }),
            None if bearers == 0 && rest.contains(' ') => {
                Err(Failure::unauthorized(Cause::SchemeWrong))
            }
            None => Err(Failure::unauthorized(Cause::TokenUnknown)),
        }
    }
}

fn strip_bearer(text: &str) -> Option<&str> {
    let (word, rest) = match text.split_once(' ') {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    };
    word.eq_ignore_ascii_case("bearer").then_some(rest)
}

#[cfg(test)]
mod tests {
    use provisor_store::{TenantId, TokenId, TokenKind};

    use super::*;

    #[test]
    fn accepts_what_identity_providers_send() {
        let token = PlainToken::generate(TokenKind::Scim, TenantId(1), TokenId(1));
        let text = token.reveal();
        for (value, loose) in [
            (format!("Bearer {text}"), Some(false)),
            (format!("bearer  {text}"), Some(false)),
            (format!("BEARER Bearer {text}"), Some(true)),
            (text.to_owned(), Some(true)),
            (format!("Basic {text}"), None),
            (format!("Token {text}"), None),
            ("Bearer".to_owned(), None),
            (String::new(), None),
            (format!("Bearer {text}x"), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            let read = Credentials::read(&headers).ok();
            assert_eq!(read.map(|credentials| credentials.loose), loose, "{value}");
        }
        assert!(Credentials::read(&HeaderMap::new()).is_err());
    }
}
