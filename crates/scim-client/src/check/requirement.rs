//! The list of what the SCIM documents ask, and why some of it cannot be asked from outside.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Level;

/// One rule of a SCIM document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// Its name here: `PAT-007`.
    pub id: String,
    /// Document and section.
    pub section: String,
    /// MUST, SHOULD, MAY and their negations, or IMPLIED and LENIENT: what follows from the text, and what identity
    /// providers need.
    pub level: String,
    /// What it is about.
    pub area: String,
    /// What it asks.
    pub statement: String,
}

static ALL: LazyLock<Vec<Requirement>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../tests/data/requirements.json"))
        .expect("the list of requirements is part of the program")
});

impl Requirement {
    /// Every requirement, by area.
    #[must_use]
    pub fn all() -> &'static [Requirement] {
        &ALL
    }

    /// The one of this id.
    #[must_use]
    pub fn named(id: &str) -> Option<&'static Requirement> {
        ALL.iter().find(|requirement| requirement.id == id)
    }

    /// How much it weighs to break it.
    #[must_use]
    pub fn grade(&self) -> Level {
        match self.level.as_str() {
            "MUST" | "MUST NOT" => Level::Must,
            "SHOULD" | "SHOULD NOT" | "IMPLIED" => Level::Should,
            _ => Level::May,
        }
    }

    /// The document and section as a reader looks them up.
    #[must_use]
    pub fn clause(&self) -> String {
        if self.section.starts_with(|c: char| c.is_ascii_digit()) {
            return format!("RFC {}", self.section);
        }
        self.section.clone()
    }
}
