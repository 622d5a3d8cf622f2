//! Whether a text of the log speaks of a user: identifiers without regard to case, as words.

use memchr::memmem::Finder;
use scim::fold::fold;

use super::{erase::Subject, redact};

/// Of what was cut off, so many characters at the end of the rest tell whose it was.
const TOLD: usize = 3;

/// Characters of a name that is searched for.
const SHORTEST: usize = 4;

/// What a subject is found by.
pub(super) struct Mention(Vec<Finder<'static>>);

/// True for what points to one subject. A number or a few letters stand everywhere, and whoever is
/// called so would take the log of the whole tenant along; entries about the subject go all the same.
fn tells(name: &str) -> bool {
    name.chars().count() >= SHORTEST && !name.chars().all(|c| c.is_ascii_digit())
}

impl Mention {
    pub(super) fn of(subject: Subject<'_>) -> Self {
        let id = subject.id.to_string();
        let all = subject
            .names
            .iter()
            .chain(subject.called)
            .map(String::as_str);
        let mut folded: Vec<String> = all
            .chain([&*id])
            .map(|name| fold(name.trim()).into_owned())
            .filter(|name| tells(name))
            .collect();
        folded.sort_unstable();
        folded.dedup();
        Self(
            folded
                .iter()
                .map(|name| Finder::new(name).into_owned())
                .collect(),
        )
    }

    /// Plain text, or a path or query as it arrived.
    pub(super) fn in_text(&self, text: &str) -> bool {
        self.in_folded(&fold(text))
            || (text.contains(['%', '+']) && self.in_folded(&fold(&redact::decode(text))))
    }

    /// JSON, which may be cut off anywhere.
    pub(super) fn in_json(&self, json: &[u8], cut: bool) -> bool {
        if json.is_empty() {
            return false;
        }
        let json = String::from_utf8_lossy(json);
        let text = redact::unescape(&json);
        let text = fold(&text);
        self.in_folded(&text) || (cut && self.begins_at_end_of(&text))
    }

    fn in_folded(&self, text: &str) -> bool {
        self.0.iter().any(|name| {
            name.find_iter(text.as_bytes()).any(|at| {
                let end = at + name.needle().len();
                let within = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
                !within(text[..at].chars().next_back()) && !within(text[end..].chars().next())
            })
        })
    }

    /// True if the text ends with the beginning of a name.
    fn begins_at_end_of(&self, text: &str) -> bool {
        self.0.iter().any(|name| {
            let name = name.needle();
            (TOLD..name.len()).any(|length| text.as_bytes().ends_with(&name[..length]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Id, TenantId};

    fn mention() -> Mention {
        let names = [
            "Lena@acme.com".to_owned(),
            "ext 7".to_owned(),
            " ".to_owned(),
        ];
        Mention::of(Subject {
            tenant: TenantId(1),
            id: Id([0xab; 16]),
            names: &names,
            called: &["Léna \"L\" Ortiz".to_owned()],
        })
    }

    #[test]
    fn a_user_is_found_in_json_however_it_is_written() {
        for (json, found) in [
            (r#"{"userName":"lena@acme.com"}"#, true),
            (r#"{"a":[{"b":"LENA@ACME.COM"}]}"#, true),
            (
                r#"{"detail":"The userName \"lena@acme.com\" is taken."}"#,
                true,
            ),
            (r#"{"x":"\nlena@acme.com\t"}"#, true),
            (r#"{"x":"\u006cena\u0040acme.com"}"#, true),
            (r#"{"x":"l\u00e9na \"l\" ortiz"}"#, true),
            (r#"{"x":"le\u0301na \"L\" Ortiz"}"#, true),
            (r#"{"x":"ｌｅｎａ@acme.com"}"#, true),
            (r#"{"id":"abababab-abab-abab-abab-abababababab"}"#, true),
            (r#"{"id":"ABABABAB-abab-abab-abab-abababababab"}"#, true),
            (r#"{"externalId":"ext 7"}"#, true),
            (r#"{"externalId":"ext 71"}"#, false),
            (r#"{"userName":"helena@acme.com"}"#, false),
            (r#"{"userName":"lena@acme.com2"}"#, false),
            (r#"{"userName":"lena@acme.co"}"#, false),
            (r#"{"x":" "}"#, false),
            ("", false),
        ] {
            assert_eq!(mention().in_json(json.as_bytes(), false), found, "{json}");
        }
    }

    #[test]
    fn what_stands_everywhere_is_not_searched_for() {
        for name in ["1", "2026", "sci", "Li"] {
            assert!(!tells(name), "{name}");
        }
        for name in ["lena", "7@a.b", "Ëlän"] {
            assert!(tells(name), "{name}");
        }
    }

    #[test]
    fn what_a_cut_left_of_a_name_is_found() {
        for (json, cut, found) in [
            (r#"{"userName":"lena@ac"#, true, true),
            (r#"{"userName":"lena@ac"#, false, false),
            (r#"{"userName":"LEN"#, true, true),
            (r#"{"userName":"le"#, true, false),
            (r#"{"userName":"l\u00e9n"#, true, true),
            (r#"{"userName":"l\u00e9na \"l\" o\u00"#, true, true),
        ] {
            assert_eq!(mention().in_json(json.as_bytes(), cut), found, "{json}");
        }
    }

    #[test]
    fn a_user_is_found_in_urls() {
        for (url, found) in [
            ("filter=userName+eq+%22lena%40acme.com%22", true),
            ("filter=userName%20eq%20%22LENA@acme.com%22", true),
            (
                "filter=userName%2520eq%2520%2522lena%2540acme.com%2522",
                true,
            ),
            ("/scim/v2/Users/abababab-abab-abab-abab-abababababab", true),
            ("filter=externalId%20eq%20%22ext+7%22", true),
            ("filter=userName%20eq%20%22helena@acme.com%22", false),
        ] {
            assert_eq!(mention().in_text(url), found, "{url}");
        }
    }
}
