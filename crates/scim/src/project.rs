//! What goes back to the client: `returned`, `attributes`, `excludedAttributes` (RFC 7644 section 3.9).

use crate::{
    Attribute, AttributePath, Error, Map, ResourceType, Value,
    json::is_unassigned,
    path::Named,
    schema::{Returned, Schema},
};

mod split;

pub use split::{join, split_default};

/// Which attributes an answer carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Projection {
    mode: Mode,
    names: Vec<Named>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Mode {
    /// What is returned by default.
    #[default]
    Default,
    /// What is always returned, and the names.
    Only,
    /// What is returned by default, without the names.
    Without,
}

/// What a projection makes of one attribute.
#[derive(Debug, PartialEq)]
enum Part<'p> {
    Whole,
    Nothing,
    /// Only these sub-attributes.
    Subs(Vec<&'p Attribute>),
    /// All sub-attributes but these.
    NotSubs(Vec<&'p Attribute>),
}

impl Projection {
    /// Reads the two parameters; unknown names are ignored. Both at once: 400 `invalidValue`.
    pub fn read(
        resource_type: &ResourceType,
        attributes: &[String],
        excluded: &[String],
    ) -> Result<Projection, Error> {
        let (mode, texts) = match (attributes, excluded) {
            ([], []) => return Ok(Projection::default()),
            (texts, []) => (Mode::Only, texts),
            ([], texts) => (Mode::Without, texts),
            _ => {
                return Err(Error::invalid_value(
                    "`attributes` and `excludedAttributes` exclude each other (RFC 7644 section 3.9). Send one of them.",
                ));
            }
        };
        let mut names = Vec::with_capacity(texts.len());
        for text in texts {
            let text = text.trim();
            if text.eq_ignore_ascii_case(&resource_type.schema.id) {
                names.extend(resource_type.schema.attributes.iter().map(whole_core));
            } else {
                names.extend(Named::resolve(resource_type, text));
            }
        }
        Ok(Projection { mode, names })
    }

    /// True if neither parameter was given: the stored document can be answered unparsed.
    pub fn is_default(&self) -> bool {
        self.mode == Mode::Default
    }

    /// True if the answer carries this core attribute (`groups`, `members`, `meta`), whole or in part.
    pub fn includes(&self, attribute: &str) -> bool {
        if ["id", "schemas"].contains(&attribute) {
            return true;
        }
        let mut paths = self.names.iter().filter_map(|named| match named {
            Named::Attribute(path) if path.is_core(attribute) => Some(path),
            _ => None,
        });
        match self.mode {
            Mode::Default => true,
            Mode::Only => paths.next().is_some(),
            Mode::Without => paths.all(|path| path.sub.is_some()),
        }
    }

    /// Removes from a whole resource what the answer does not carry.
    /// `just_written` keeps `returned: request` attributes that the client sent (RFC 7643 section 7).
    pub fn apply(
        &self,
        resource_type: &ResourceType,
        resource: &mut Map<String, Value>,
        just_written: bool,
    ) {
        resource.retain(|key, value| {
            if let Some(extension) = resource_type.extension(key) {
                let Value::Object(object) = value else {
                    return false;
                };
                let schema = &extension.schema;
                object.retain(|key, value| match schema.attribute(key) {
                    Some(attribute) => self.keep(attribute, Some(schema), value, just_written),
                    None => false,
                });
                return !object.is_empty();
            }
            match resource_type.attribute(key) {
                Some(attribute) => self.keep(attribute, None, value, just_written),
                None => false,
            }
        });
    }

    /// True if the attribute stays; its sub-attributes are trimmed.
    fn keep(
        &self,
        attribute: &Attribute,
        extension: Option<&Schema>,
        value: &mut Value,
        just_written: bool,
    ) -> bool {
        let part = match (attribute.returned, self.part(attribute, extension)) {
            (Returned::Never, _) => return false,
            (Returned::Always, Part::Nothing) => Part::Whole,
            (_, Part::Nothing) => return false,
            (Returned::Request, part) if self.mode != Mode::Only => {
                if !just_written {
                    return false;
                }
                part
            }
            (_, part) => part,
        };
        let asked = |sub: &Attribute| {
            let default = match sub.returned {
                Returned::Never => return false,
                Returned::Always => return true,
                Returned::Default => true,
                Returned::Request => just_written,
            };
            let among = |subs: &[&Attribute]| subs.iter().any(|asked| asked.name == sub.name);
            match &part {
                Part::Whole | Part::Nothing => default,
                Part::Subs(subs) => among(subs),
                Part::NotSubs(subs) => default && !among(subs),
            }
        };
        let all_by_default = attribute
            .sub_attributes
            .iter()
            .all(|sub| matches!(sub.returned, Returned::Always | Returned::Default));
        if part == Part::Whole && all_by_default {
            return true;
        }
        trim(attribute, value, asked)
    }

    /// What the names say about an attribute, without regard to its `returned`.
    fn part(&self, attribute: &Attribute, extension: Option<&Schema>) -> Part<'_> {
        let mut subs: Vec<&Attribute> = Vec::new();
        let mut whole = false;
        for named in &self.names {
            match named {
                Named::Extension(schema) => {
                    whole |= extension.is_some_and(|extension| extension.id == schema.id);
                }
                Named::Attribute(path) => {
                    let same = path.attribute.name == attribute.name
                        && path.extension.as_ref().map(|schema| &schema.id)
                            == extension.map(|schema| &schema.id);
                    match &path.sub {
                        _ if !same => {}
                        Some(sub) => subs.push(sub),
                        None => whole = true,
                    }
                }
            }
        }
        match (self.mode, whole, subs.is_empty()) {
            (Mode::Default, ..) | (Mode::Only, true, _) | (Mode::Without, false, true) => {
                Part::Whole
            }
            (Mode::Only, false, true) | (Mode::Without, true, _) => Part::Nothing,
            (Mode::Only, false, false) => Part::Subs(subs),
            (Mode::Without, false, false) => Part::NotSubs(subs),
        }
    }
}

fn whole_core(attribute: &std::sync::Arc<Attribute>) -> Named {
    Named::Attribute(AttributePath {
        extension: None,
        attribute: attribute.clone(),
        sub: None,
    })
}

/// Keeps the sub-attributes asked for; false if nothing is left.
fn trim(attribute: &Attribute, value: &mut Value, asked: impl Fn(&Attribute) -> bool) -> bool {
    let trim_one = |value: &mut Value| match value {
        Value::Object(object) => {
            object.retain(|key, _| attribute.sub(key).is_some_and(|sub| asked(sub)));
            !object.is_empty()
        }
        _ => true,
    };
    match value {
        Value::Array(items) => items.retain_mut(trim_one),
        value => return trim_one(value),
    }
    !is_unassigned(value)
}

#[cfg(test)]
mod tests;
