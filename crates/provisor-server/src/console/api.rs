//! `/api`: the documentation of the API, made from its own description.

mod document;

use askama::Template;
use axum::response::Response;

use super::{Problem, layout::Layout, visit::Visit};
use document::{DOCUMENT, Document, Noun};

#[derive(Template)]
#[template(path = "api/nouns.html")]
struct Nouns {
    layout: Layout,
    document: &'static Document,
    origin: String,
}

#[derive(Template)]
#[template(path = "api/noun.html")]
struct OneNoun {
    layout: Layout,
    document: &'static Document,
    noun: &'static Noun,
}

/// What there is.
pub(super) async fn nouns(visit: Visit) -> Result<Response, Problem> {
    visit.page(&Nouns {
        layout: visit.layout("API", None),
        document: &DOCUMENT,
        origin: visit.channel.origin.clone(),
    })
}

/// Every operation on one noun.
pub(super) async fn noun(visit: Visit) -> Result<Response, Problem> {
    let name = visit.parameter("noun");
    let noun = DOCUMENT.nouns.iter().find(|noun| noun.name == name);
    let noun = noun.ok_or_else(|| Problem::missing("part of the API"))?;
    visit.page(&OneNoun {
        layout: visit.layout(&format!("API: {}", noun.name), None),
        document: &DOCUMENT,
        noun,
    })
}
