//! What a viewer may see of personal values: as they are, or masked.

use provisor_store::log::{mask_json, mask_text, mask_word};
use scim::{Map, Value};

use super::{Action, visit::Viewer};

/// How a viewer sees personal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Eyes {
    is_masked: bool,
}

impl Eyes {
    pub(super) fn of(viewer: &Viewer) -> Self {
        Self {
            is_masked: !viewer.may(Action::SeePersonal),
        }
    }

    pub(super) fn are_masked(self) -> bool {
        self.is_masked
    }

    /// A name or an e-mail.
    pub(super) fn word(self, word: &str) -> String {
        match self.is_masked && !word.is_empty() {
            true => mask_word(word),
            false => word.to_owned(),
        }
    }

    /// Prose with names in quotes.
    pub(super) fn text(self, text: &str) -> String {
        match self.is_masked {
            true => mask_text(text),
            false => text.to_owned(),
        }
    }

    /// Attributes.
    pub(super) fn attributes(self, attributes: Map<String, Value>) -> Map<String, Value> {
        if !self.is_masked {
            return attributes;
        }
        let text = Value::Object(attributes).to_string();
        serde_json::from_slice(&mask_json(text.as_bytes())).unwrap_or_default()
    }
}
