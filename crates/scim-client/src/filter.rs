//! Filters, put together so that a value can never be read as a part of the filter.

use std::fmt::{self, Display};

use serde_json::Value;

/// A filter of RFC 7644 section 3.4.2.2, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    /// Whether it is an `or`, which binds weaker than what it may be put into.
    is_or: bool,
}

impl Filter {
    /// A filter that is written out already.
    #[must_use]
    pub fn raw(text: impl Into<String>) -> Filter {
        Filter {
            text: text.into(),
            is_or: true,
        }
    }

    fn compare(path: &str, operator: &str, value: impl Into<Value>) -> Filter {
        Filter {
            text: format!("{path} {operator} {}", value.into()),
            is_or: false,
        }
    }

    /// The attribute has a value.
    #[must_use]
    pub fn present(path: &str) -> Filter {
        Filter {
            text: format!("{path} pr"),
            is_or: false,
        }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        Filter {
            text: format!("{} and {}", self.grouped(), other.grouped()),
            is_or: false,
        }
    }

    /// One of them, or both.
    #[must_use]
    pub fn or(self, other: Filter) -> Filter {
        Filter {
            text: format!("{self} or {other}"),
            is_or: true,
        }
    }

    /// One value of a multi-valued attribute meets the whole filter: `emails[type eq "work" and primary eq true]`.
    #[must_use]
    pub fn element(path: &str, filter: Filter) -> Filter {
        Filter {
            text: format!("{path}[{filter}]"),
            is_or: false,
        }
    }

    fn grouped(&self) -> String {
        if self.is_or {
            format!("({self})")
        } else {
            self.text.clone()
        }
    }
}

/// Not it.
impl std::ops::Not for Filter {
    type Output = Filter;

    fn not(self) -> Filter {
        Filter {
            text: format!("not ({self})"),
            is_or: false,
        }
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident)*) => {
        impl Filter {
            $($(#[$doc])* #[must_use]
            pub fn $name(path: &str, value: impl Into<Value>) -> Filter {
                Filter::compare(path, stringify!($name), value)
            })*
        }
    };
}

comparisons! {
    /// Equal.
    eq
    /// Not equal.
    ne
    /// Contains.
    co
    /// Starts with.
    sw
    /// Ends with.
    ew
    /// Greater than.
    gt
    /// Greater than, or equal.
    ge
    /// Less than.
    lt
    /// Less than, or equal.
    le
}

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scim::filter::{Expression, Limits};

    use super::*;

    #[test]
    fn filters_read_as_they_were_built() {
        let filter = Filter::eq("userName", r#"o"neil\"#).and(Filter::eq("active", true).or(
            Filter::element(
                "emails",
                Filter::eq("type", "work").and(!Filter::present("primary")),
            ),
        ));
        assert_eq!(
            filter.to_string(),
            r#"userName eq "o\"neil\\" and (active eq true or emails[type eq "work" and not (primary pr)])"#
        );
    }

    proptest! {
        #[test]
        fn any_value_can_be_asked_for(value in "\\PC{0,40}") {
            let text = Filter::eq("userName", value.as_str()).and(Filter::sw("title", value)).to_string();
            prop_assert!(Expression::parse(&text, &Limits::default()).is_ok(), "{}", text);
        }
    }
}
