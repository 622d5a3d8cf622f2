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

/// True if the ASCII of the folded text is what is ASCII in the text itself, in lower case: it has no
/// character beyond ASCII that folds to one within. Some of that ASCII may be gone, merged with a
/// combining mark.
pub fn keeps_ascii(text: &str) -> bool {
    let folds_to_ascii = |c: char| {
        matches!(
            c,
            '\u{130}' | '\u{37E}' | '\u{1FEF}' | '\u{212A}' | '\u{3000}' | '\u{FF01}'..='\u{FFEF}'
        )
    };
    text.is_ascii() || !text.chars().any(folds_to_ascii)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_folds_to_ascii_is_known() {
        for c in '\u{80}'..=char::MAX {
            // Alone, and with marks that are put in order before they merge.
            for text in [
                format!("{c}"),
                format!("{c}\u{301}"),
                format!("{c}\u{323}\u{301}"),
            ] {
                let has_ascii = fold(&text).chars().any(|c| c.is_ascii());
                assert!(!has_ascii || !keeps_ascii(&text), "{text:?}");
            }
        }
        assert!(keeps_ascii("Zoë Kim") && !keeps_ascii("\u{212a}im") && !keeps_ascii("ＢＪ"));
    }
}
