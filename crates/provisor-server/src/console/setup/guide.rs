//! Setup guides: one file of words for each identity provider, in its own words and order.

use std::sync::LazyLock;

use serde::Deserialize;

/// What an identity provider's administrator sees and fills in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guide {
    /// What connections call it; the first is what a new one is given.
    pub(crate) idps: Vec<String>,
    pub(crate) name: String,
    pub(crate) minutes: u32,
    pub(crate) needs: String,
    /// How often it sends something even if nothing happened; `None`: only when something happens.
    pub(crate) cycle_minutes: Option<i64>,
    pub(crate) words: Words,
    parts: Vec<Part>,
    pub(crate) when: When,
    /// What is easily got wrong.
    pub(crate) traps: Vec<String>,
    /// Where it shows what went wrong.
    errors: String,
    /// What nobody has tried, or found in its documentation.
    pub(crate) unverified: String,
    pub(crate) sources: Vec<Source>,
}

/// What it does of itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    /// How often it sends.
    pub(crate) sends: String,
    /// What it does with somebody who leaves.
    pub(crate) leaver: String,
    /// How it is made to send again.
    pub(crate) again: String,
}

/// A page of its own that the guide was checked against.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) title: String,
    url: String,
}

impl Source {
    /// Its address as text: the console's pages link to nothing outside.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("https://")
    }
}

/// What it calls things.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    /// The field for the base URL.
    pub(crate) url: String,
    /// The field for the token.
    pub(crate) token: String,
    /// What tests the connection.
    pub(crate) test: String,
    /// The field for the unique identifier.
    pub(crate) identifier: String,
    /// How a first user is sent.
    pub(crate) assign: String,
    /// How a first user leaves.
    pub(crate) leave: String,
    /// How a first group is sent.
    pub(crate) push: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    title: String,
    place: String,
    #[serde(default)]
    steps: Vec<String>,
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    then: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    label: String,
    value: Option<String>,
    #[serde(default)]
    ticks: Vec<String>,
    #[serde(default)]
    hint: String,
}

/// The files, in the order of the choice; the last is for every other provider.
const FILES: &[&str] = &[
    include_str!("guides/okta.json"),
    include_str!("guides/entra.json"),
    include_str!("guides/onelogin.json"),
    include_str!("guides/jumpcloud.json"),
    include_str!("guides/google.json"),
    include_str!("guides/ping.json"),
    include_str!("guides/keycloak.json"),
    include_str!("guides/authentik.json"),
    include_str!("guides/generic.json"),
];

static GUIDES: LazyLock<Vec<Guide>> = LazyLock::new(|| {
    let read = |text: &&str| serde_json::from_str(text).ok();
    FILES.iter().filter_map(read).collect()
});

/// Every guide.
pub(crate) fn all() -> &'static [Guide] {
    &GUIDES
}

impl Guide {
    /// The guide for what a connection calls its identity provider.
    pub(crate) fn of(idp: &str) -> &'static Guide {
        let mut guides = GUIDES.iter();
        let known = guides.find(|guide| guide.idps.iter().any(|known| known == idp));
        known.unwrap_or_else(|| &GUIDES[GUIDES.len() - 1])
    }

    /// What a new connection calls it.
    pub(crate) fn idp(&self) -> &str {
        self.idps.first().map_or("other", String::as_str)
    }
}

/// The values that a guide has places for.
pub(crate) struct Values<'v> {
    pub(crate) base_url: &'v str,
    pub(crate) identifier: &'v str,
}

/// A guide with its values.
pub(crate) struct Shown {
    pub(crate) parts: Vec<ShownPart>,
    pub(crate) errors: Vec<Run>,
}

/// A part: what to do at one place.
pub(crate) struct ShownPart {
    pub(crate) title: &'static str,
    pub(crate) place: &'static str,
    pub(crate) steps: Vec<Vec<Run>>,
    pub(crate) fields: Vec<ShownField>,
    pub(crate) then: Vec<Vec<Run>>,
}

/// A field to fill in.
pub(crate) struct ShownField {
    /// Names the element, so that it can be copied.
    pub(crate) id: String,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// The value is the token, which is shown nowhere but where it was made.
    pub(crate) is_token: bool,
    pub(crate) ticks: &'static [String],
    pub(crate) hint: &'static str,
}

/// A run of text, bold or not.
pub(crate) struct Run {
    pub(crate) text: &'static str,
    pub(crate) is_bold: bool,
}

impl Guide {
    /// The guide with these values.
    pub(crate) fn show(&'static self, values: &Values<'_>) -> Shown {
        let mut number = 0;
        let mut field = |field: &'static Field| {
            number += 1;
            let value = field.value.as_deref().unwrap_or_default();
            ShownField {
                id: format!("value-{number}"),
                label: &field.label,
                value: value
                    .replace("{base_url}", values.base_url)
                    .replace("{identifier}", values.identifier),
                is_token: value == "{token}",
                ticks: &field.ticks,
                hint: &field.hint,
            }
        };
        let parts = self.parts.iter().map(|part| ShownPart {
            title: &part.title,
            place: &part.place,
            steps: part.steps.iter().map(|text| runs(text)).collect(),
            fields: part.fields.iter().map(&mut field).collect(),
            then: part.then.iter().map(|text| runs(text)).collect(),
        });
        Shown {
            parts: parts.collect(),
            errors: runs(&self.errors),
        }
    }
}

/// `Choose **Save**.` as runs.
fn runs(text: &'static str) -> Vec<Run> {
    let pieces = text.split("**").enumerate();
    pieces
        .map(|(at, text)| Run {
            text,
            is_bold: at % 2 == 1,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_guide_with_url_and_token() {
        for text in FILES {
            let read = serde_json::from_str::<Guide>(text);
            assert!(read.is_ok(), "{:?}: {text}", read.err());
        }
        let values = Values {
            base_url: "https://scim.example.com/t/acme/scim/v2",
            identifier: "email",
        };
        for guide in all() {
            let shown = guide.show(&values);
            let fields: Vec<_> = shown.parts.iter().flat_map(|part| &part.fields).collect();
            assert!(
                fields.iter().any(|field| field.value == values.base_url),
                "{}",
                guide.name
            );
            assert!(fields.iter().any(|field| field.is_token), "{}", guide.name);
            for field in fields {
                let left = field.value.contains('{') && !field.is_token;
                assert!(!left, "{}: {}", guide.name, field.value);
            }
            let parts = guide.parts.iter();
            let steps = parts.flat_map(|part| part.steps.iter().chain(&part.then));
            for text in [&guide.errors].into_iter().chain(steps) {
                assert!(text.matches("**").count() % 2 == 0, "{text}");
            }
        }
    }

    #[test]
    fn every_guide_says_when_it_sends_what_goes_wrong_and_what_nobody_tried() {
        for guide in all() {
            let When {
                sends,
                leaver,
                again,
            } = &guide.when;
            let texts = [sends, leaver, again, &guide.unverified];
            for text in texts.into_iter().chain(&guide.traps) {
                let is_plain = !text.contains("**") && !text.contains('{');
                assert!(text.ends_with('.') && is_plain, "{}: {text}", guide.name);
            }
            assert!(!guide.traps.is_empty(), "{}", guide.name);
            assert!(!guide.sources.is_empty(), "{}", guide.name);
            for source in &guide.sources {
                assert!(source.url.starts_with("https://"), "{}", source.url);
            }
        }
    }

    /// The page in `docs` is longer, but calls everything what the guide calls it.
    #[test]
    fn every_guide_has_a_page_with_the_same_labels_and_sources() {
        let plain = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words.join(" ").to_lowercase()
        };
        for guide in all() {
            let name = match guide.idp() {
                "other" => "generic",
                idp => idp,
            };
            let path = format!("{}/../../docs/{name}.md", env!("CARGO_MANIFEST_DIR"));
            let page = plain(&std::fs::read_to_string(&path).unwrap());
            let fields = guide.parts.iter().flat_map(|part| &part.fields);
            let labels = fields.flat_map(|field| field.ticks.iter().chain([&field.label]));
            let urls = guide.sources.iter().map(|source| &source.url);
            for text in labels.chain(urls) {
                assert!(page.contains(&plain(text)), "{path}: {text}");
            }
        }
    }

    #[test]
    fn a_connection_finds_its_guide() {
        for (idp, name) in [
            ("okta", "Okta"),
            ("entra", "Microsoft Entra ID"),
            ("authentik", "authentik"),
            ("other", "your identity provider"),
            ("homemade", "your identity provider"),
        ] {
            assert_eq!(Guide::of(idp).name, name);
        }
    }

    #[test]
    fn okta_has_the_tabs_of_its_page() {
        let places: Vec<_> = Guide::of("okta").parts.iter().map(|p| &p.place).collect();
        for tab in [
            "General",
            "Integration",
            "To App",
            "Sign On",
            "Assignments",
            "Push Groups",
        ] {
            assert!(places.iter().any(|place| place.contains(tab)), "{tab}");
        }
    }
}
