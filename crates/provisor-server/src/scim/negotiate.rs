//! Media types: what the client accepts and what it sends (RFC 7644 section 3.8).

use hyper::{
    HeaderMap,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};
use provisor_store::Cause;
use scim::Kind;

use super::answer::Failure;

/// Refuses a client that accepts neither SCIM nor JSON.
pub(crate) fn accept(headers: &HeaderMap) -> Result<(), Failure> {
    let mut asked = false;
    for value in headers.get_all(ACCEPT) {
        let Ok(text) = value.to_str() else {
            continue;
        };
        for range in text
            .split(',')
            .map(str::trim)
            .filter(|range| !range.is_empty())
        {
            asked = true;
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let refused = parameters.split(';').any(|parameter| {
                parameter
                    .trim()
                    .strip_prefix("q=")
                    .is_some_and(|weight| weight.parse::<f32>() == Ok(0.0))
            });
            let name = name.trim();
            let known =
                is_json(name) || name == "*/*" || name.eq_ignore_ascii_case("application/*");
            if known && !refused {
                return Ok(());
            }
        }
    }
    if !asked {
        return Ok(());
    }
    Err(Failure::new(
        Cause::NotAcceptable,
        Kind::NotAcceptable,
        "This server answers in application/scim+json only. Accept that, application/json or */*.",
    ))
}

/// Refuses a body that is declared as something else than SCIM or JSON, or as compressed. No
/// declaration is accepted.
pub(crate) fn content_type(headers: &HeaderMap) -> Result<(), Failure> {
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Failure::new(
            Cause::UnsupportedMediaType,
            Kind::UnsupportedMediaType,
            format!(
                "The body is declared as compressed ({}). Send it without Content-Encoding.",
                coding.to_str().unwrap_or("?").escape_debug()
            ),
        ));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or("?");
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let foreign_charset = parameters.split(';').any(|parameter| {
        parameter
            .trim()
            .split_once('=')
            .is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset")
                    && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
                    && !value.trim_matches('"').eq_ignore_ascii_case("utf8")
            })
    });
    if (is_json(name.trim()) || name.trim().is_empty()) && !foreign_charset {
        return Ok(());
    }
    Err(Failure::new(
        Cause::UnsupportedMediaType,
        Kind::UnsupportedMediaType,
        format!(
            "The body is declared as \"{}\". Send application/scim+json or application/json in UTF-8.",
            text.escape_debug()
        ),
    ))
}

fn is_json(name: &str) -> bool {
    ["application/scim+json", "application/json"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_negotiated() {
        for (value, good) in [
            ("application/scim+json", true),
            ("application/json", true),
            ("*/*", true),
            ("text/html;q=0.5, application/scim+json", true),
            ("text/html", false),
            ("application/scim+json;q=0", false),
            ("", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, value.parse().unwrap());
            // HTTP-010, HTTP-011, HTTP-012, HTTP-013
            assert_eq!(accept(&headers).is_ok(), good, "Accept: {value}");
        }
        for (value, good) in [
            ("application/scim+json", true),
            ("application/json; charset=utf-8", true),
            ("Application/SCIM+JSON;charset=\"UTF-8\"", true),
            ("text/xml", false),
            ("application/json; charset=latin1", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            // HTTP-008, HTTP-009, HTTP-014, HTTP-016
            assert_eq!(
                content_type(&headers).is_ok(),
                good,
                "Content-Type: {value}"
            );
        }
    }
}
