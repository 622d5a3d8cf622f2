//! One way to compare text without regard to case, used by filters, sorting, uniqueness and
//! search keys alike, so that they can never disagree.
//!
//! The mapping is PRECIS UsernameCaseMapped (RFC 8265 section 3.3, which replaced RFC 7613
//! named by RFC 7644 section 5) without its refusals: full- and half-width forms are mapped to
//! their ordinary ones, then lower case, then normalization form C.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Folds text for comparison. Lower-case ASCII comes back borrowed.
///
/// ```
/// # use scim::fold::fold;
/// assert_eq!(fold("BJensen"), "bjensen");
/// assert_eq!(fold("ＢＪ"), "bj");
/// assert_eq!(fold("e\u{301}"), fold("É"));
/// ```
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    Cow::Owned(
        text.chars()
            .flat_map(width_mapped)
            .collect::<String>()
            .to_lowercase()
            .nfc()
            .collect(),
    )
}

/// [`fold`] only where the attribute is not `caseExact`.
pub fn fold_unless_exact(text: &str, case_exact: bool) -> Cow<'_, str> {
    if case_exact {
        Cow::Borrowed(text)
    } else {
        fold(text)
    }
}

/// The ordinary form of a full- or half-width character (RFC 8264 section 5.2.1).
fn width_mapped(c: char) -> impl Iterator<Item = char> {
    let wide = c == '\u{3000}' || ('\u{FF01}'..='\u{FFEF}').contains(&c);
    let mapped = wide.then(|| std::iter::once(c).nfkc());
    let plain = (!wide).then_some(c);
    mapped.into_iter().flatten().chain(plain)
}
