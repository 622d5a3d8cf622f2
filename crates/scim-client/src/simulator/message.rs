//! What is known of a message of an identity provider, and how well.

use serde_json::{Value, json};

/// How well a message of an identity provider is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// From the vendor's own documentation or published tests.
    Doc,
    /// From a capture or log of real traffic.
    Cap,
    /// From the client's source code.
    Src,
    /// From public reports and guides of those who received it.
    ThirdParty,
    /// Concluded from the others; nobody published its bytes.
    Inferred,
}

impl Grade {
    /// As tables and JSON show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::Doc => "DOC",
            Grade::Cap => "CAP",
            Grade::Src => "SRC",
            Grade::ThirdParty => "3P",
            Grade::Inferred => "INF",
        }
    }
}

/// One kind of message that an identity provider sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// When it is sent.
    pub says: &'static str,
    /// Its method, path, and what is telling about its body.
    pub sends: &'static str,
    /// How well it is known.
    pub grade: Grade,
    /// Where it is known from.
    pub source: &'static str,
}

impl Kind {
    /// All that is known of it, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "says": self.says,
            "sends": self.sends,
            "grade": self.grade.as_str(),
            "source": self.source,
        })
    }
}
