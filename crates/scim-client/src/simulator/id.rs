//! An id that a service provider gave, kept small: a million of them have to fit into memory.

use std::fmt;

/// An id of the service provider's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Id {
    /// A UUID as it is usually written.
    Uuid(u128),
    /// Anything else.
    Text(Box<str>),
}

impl Id {
    pub(crate) fn new(text: &str) -> Id {
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        if let Ok(number) = u128::from_str_radix(&hex, 16) {
            let id = Id::Uuid(number);
            if id.to_string() == text {
                return id;
            }
        }
        Id::Text(text.into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Uuid(number) => f.write_str(&guid(*number)),
            Id::Text(text) => f.write_str(text),
        }
    }
}

/// A number in the form of a UUID.
pub(crate) fn guid(number: u128) -> String {
    let hex = format!("{number:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_came() {
        for text in [
            "2819c223-7f76-453a-919d-413861904646",
            "2819C223-7F76-453A-919D-413861904646",
            "00000000-0000-0000-0000-000000000001",
            "7",
            "-1",
            "+7",
            "",
            "00u6a15d23T9AeHhF5d7",
        ] {
            assert_eq!(Id::new(text).to_string(), text);
        }
        let id = Id::new("2819c223-7f76-453a-919d-413861904646");
        assert!(matches!(id, Id::Uuid(_)));
    }
}
