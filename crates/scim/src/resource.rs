//! A resource as a client sends it becomes a resource as it is stored, or a 400.

use crate::{
    Attribute, Error, Fired, Map, Profile, ResourceType, Tolerance, Value,
    json::is_unassigned,
    path::Named,
    schema::{Mutability, Schema},
    value::{self, shown},
};

mod listed;
pub(crate) mod members;
mod whole;

pub use members::Member;
pub use whole::{changed, check, complete_new, primary_email, replace};

/// A resource read from POST or PUT: canonical names, checked types, no read-only attributes,
/// no unassigned ones, `schemas` first and exact. A team's members are apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incoming {
    /// The attributes.
    pub attributes: Map<String, Value>,
    /// A team's members, each once, in order; `None` if the key was left out.
    pub members: Option<Vec<Member>>,
}

/// Reads a resource from a POST or PUT body.
///
/// Errors: 400 `invalidSyntax` for what no schema defines, 400 `invalidValue` for values that do
/// not fit and for required attributes that are missing.
pub fn read(
    resource_type: &ResourceType,
    body: Map<String, Value>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Incoming, Error> {
    let mut reader = Reader {
        resource_type,
        profile,
        fired,
        schemas: None,
        external_id: None,
        core: Vec::with_capacity(body.len()),
        extensions: vec![Map::new(); resource_type.extensions.len()],
        bare: Vec::new(),
        members: None,
    };
    for (key, value) in body {
        reader.member(key, value)?;
    }
    reader.place_bare()?;
    reader.finish()
}

struct Reader<'r> {
    resource_type: &'r ResourceType,
    profile: &'r Profile,
    fired: &'r mut Fired,
    schemas: Option<Value>,
    external_id: Option<Value>,
    /// Position in the base schema, name, value.
    core: Vec<(usize, String, Value)>,
    /// By position among the extensions.
    extensions: Vec<Map<String, Value>>,
    /// Extension attributes that stood at the top level, with their extension's position.
    bare: Vec<(usize, String, Value)>,
    members: Option<Vec<Member>>,
}

impl Reader<'_> {
    fn member(&mut self, key: String, value: Value) -> Result<(), Error> {
        let resource_type = self.resource_type;
        if let Some(position) = position(&resource_type.schema, &key) {
            return self.core(position, key, value);
        }
        if let Some(attribute) = resource_type.attribute(&key) {
            return self.common(attribute, value);
        }
        if key.contains(':') {
            return self.qualified(&key, value);
        }
        let found = resource_type
            .extensions
            .iter()
            .position(|extension| extension.schema.attribute(&key).is_some());
        if let Some(extension) = found {
            // Entra's create sends `department` and `manager` as null (transcript `entra-default.json`).
            if is_empty(&value) && self.profile.allows(Tolerance::BareExtensionAttribute) {
                return Ok(());
            }
            let urn = &resource_type.extensions[extension].schema.id;
            if self.allows(Tolerance::BareExtensionAttribute, || {
                format!("took \"{key}\" as {urn}:{key}")
            }) {
                self.bare.push((extension, key, value));
                return Ok(());
            }
            return Err(Error::invalid_syntax(format!(
                "\"{key}\" is an attribute of an extension. Send it inside the object \"{urn}\"."
            )));
        }
        self.unknown(&key)
    }

    /// An attribute of the base schema.
    fn core(&mut self, position: usize, key: String, value: Value) -> Result<(), Error> {
        let attribute = &self.resource_type.schema.attributes[position];
        if self.resource_type.discards(attribute) {
            return self.discard(attribute, &value);
        }
        if attribute.mutability == Mutability::ReadOnly {
            self.ignore(&attribute.name, &value);
            return Ok(());
        }
        if self.resource_type.is_group() && attribute.name == "members" {
            if self.members.is_some() {
                return Err(twice(&attribute.name));
            }
            self.members = Some(members::read(attribute, value, self.profile, self.fired)?);
            return Ok(());
        }
        let value = value::read(attribute, value, &attribute.name, self.profile, self.fired)?;
        let Some(value) = value else {
            return Ok(());
        };
        if self.core.iter().any(|(known, ..)| *known == position) {
            return Err(twice(&attribute.name));
        }
        let name = if key == attribute.name {
            key
        } else {
            attribute.name.clone()
        };
        self.core.push((position, name, value));
        Ok(())
    }

    /// One of `schemas`, `id`, `externalId`, `meta`.
    fn common(&mut self, attribute: &Attribute, value: Value) -> Result<(), Error> {
        match attribute.name.as_str() {
            "schemas" => self.schemas = Some(value),
            "externalId" => {
                self.external_id =
                    value::read(attribute, value, &attribute.name, self.profile, self.fired)?;
            }
            name => self.ignore(name, &value),
        }
        Ok(())
    }

    /// A key with a URN: an extension, or an attribute in full notation.
    fn qualified(&mut self, key: &str, value: Value) -> Result<(), Error> {
        let resource_type = self.resource_type;
        match Named::resolve(resource_type, key) {
            Some(Named::Extension(schema)) => self.extension(&schema, value),
            Some(Named::Attribute(path)) if path.sub.is_none() => match &path.extension {
                Some(schema) => {
                    let extension = self.extension_position(schema);
                    self.extension_attribute(extension, &path.attribute, value)
                }
                None => match position(&resource_type.schema, &path.attribute.name) {
                    Some(position) => self.core(position, path.attribute.name.clone(), value),
                    None => self.common(&path.attribute, value),
                },
            },
            _ if key.eq_ignore_ascii_case(&resource_type.schema.id) => {
                Err(Error::invalid_syntax(format!(
                    "The attributes of {} stand at the top level of the resource, not inside an object.",
                    resource_type.schema.id
                )))
            }
            _ => {
                if self.allows(Tolerance::UnknownSchema, || {
                    format!("dropped \"{}\" and what stands under it", shown(key))
                }) {
                    return Ok(());
                }
                Err(Error::invalid_syntax(format!(
                    "\"{}\" names no schema or attribute of a {}. Remove it, or define the schema first.",
                    shown(key),
                    resource_type.name
                )))
            }
        }
    }

    fn extension(&mut self, schema: &Schema, value: Value) -> Result<(), Error> {
        let map = match value {
            Value::Object(map) => map,
            value if is_unassigned(&value) => return Ok(()),
            _ => {
                return Err(Error::invalid_value(format!(
                    "\"{}\" must be an object with the extension's attributes.",
                    schema.id
                )));
            }
        };
        let extension = self.extension_position(schema);
        for (key, value) in map {
            match schema.attribute(&key) {
                Some(attribute) => self.extension_attribute(extension, attribute, value)?,
                None => self.unknown(&format!("{}:{key}", schema.id))?,
            }
        }
        Ok(())
    }

    fn extension_attribute(
        &mut self,
        extension: usize,
        attribute: &Attribute,
        value: Value,
    ) -> Result<(), Error> {
        let urn = &self.resource_type.extensions[extension].schema.id;
        if attribute.mutability == Mutability::ReadOnly {
            self.ignore(&attribute.name, &value);
            return Ok(());
        }
        let value = value::read_in_extension(attribute, value, urn, self.profile, self.fired)?;
        if let Some(value) = value
            && self.extensions[extension]
                .insert(attribute.name.clone(), value)
                .is_some()
        {
            return Err(twice(&format!("{urn}:{}", attribute.name)));
        }
        Ok(())
    }

    /// Bare extension attributes fill what the extension's own object leaves open.
    fn place_bare(&mut self) -> Result<(), Error> {
        for (extension, key, value) in std::mem::take(&mut self.bare) {
            let schema = &self.resource_type.extensions[extension].schema;
            let open =
                |attribute: &Attribute| !self.extensions[extension].contains_key(&attribute.name);
            if let Some(attribute) = schema.attribute(&key)
                && open(attribute)
            {
                self.extension_attribute(extension, attribute, value)?;
            }
        }
        Ok(())
    }

    fn extension_position(&self, schema: &Schema) -> usize {
        self.resource_type
            .extensions
            .iter()
            .position(|extension| extension.schema.id == schema.id)
            .expect("the schema was found among the extensions of this resource type")
    }

    fn discard(&mut self, attribute: &Attribute, value: &Value) -> Result<(), Error> {
        let name = &attribute.name;
        if is_unassigned(value)
            || self.allows(Tolerance::PasswordDiscarded, || {
                format!("accepted and discarded {name}")
            })
        {
            return Ok(());
        }
        Err(Error::invalid_value(format!(
            "This server keeps no {name}. Leave it out."
        )))
    }

    /// Read-only attributes are ignored in POST and PUT (RFC 7644 sections 3.3 and 3.5.1).
    fn ignore(&mut self, name: &str, value: &Value) {
        if !is_empty(value) {
            self.fired.record(Tolerance::ReadOnlyIgnored, || {
                format!("ignored {name}, which only the server sets")
            });
        }
    }

    fn unknown(&mut self, key: &str) -> Result<(), Error> {
        if self.allows(Tolerance::UnknownAttribute, || {
            format!("dropped \"{}\", which no schema defines", shown(key))
        }) {
            return Ok(());
        }
        Err(Error::invalid_syntax(format!(
            "No schema of a {} defines \"{}\". Remove it or correct its name; /Schemas lists what is known.",
            self.resource_type.name,
            shown(key)
        )))
    }

    fn allows(&mut self, tolerance: Tolerance, note: impl FnOnce() -> String) -> bool {
        self.fired.allows(self.profile, tolerance, note)
    }

    fn finish(mut self) -> Result<Incoming, Error> {
        let resource_type = self.resource_type;
        let used: Vec<bool> = self.extensions.iter().map(|map| !map.is_empty()).collect();
        listed::check(
            resource_type,
            self.schemas.take(),
            &used,
            self.profile,
            self.fired,
        )?;
        let capacity = 2 + self.core.len() + used.len();
        let mut attributes = Map::with_capacity(capacity);
        attributes.insert("schemas".to_owned(), listed::exact(resource_type, &used));
        if let Some(external_id) = self.external_id {
            attributes.insert("externalId".to_owned(), external_id);
        }
        self.core.sort_unstable_by_key(|(position, ..)| *position);
        attributes.extend(self.core.into_iter().map(|(_, name, value)| (name, value)));
        for (extension, map) in resource_type.extensions.iter().zip(self.extensions) {
            if !map.is_empty() {
                attributes.insert(extension.schema.id.clone(), Value::Object(map));
            }
        }
        whole::require(resource_type, &attributes)?;
        Ok(Incoming {
            attributes,
            members: self.members,
        })
    }
}

fn position(schema: &Schema, name: &str) -> Option<usize> {
    schema
        .attributes
        .iter()
        .position(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// Unassigned, or an empty object.
fn is_empty(value: &Value) -> bool {
    is_unassigned(value) || value.as_object().is_some_and(Map::is_empty)
}

fn twice(name: &str) -> Error {
    Error::invalid_syntax(format!(
        "{name} is given twice, in two notations. Send it once."
    ))
}

#[cfg(test)]
mod tests;
