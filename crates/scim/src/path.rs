//! Attribute notation, RFC 7644 section 3.10: `[urn:]attribute[.sub-attribute]`.

use std::{fmt, sync::Arc};

use crate::{
    Attribute, Map, ResourceType, Schema, Value,
    json::get_ignoring_case,
    schema::{Extension, Type},
};

/// An attribute resolved against a resource type.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributePath {
    /// The extension it belongs to; its URN is the JSON member the value stands under.
    pub extension: Option<Arc<Schema>>,
    /// The attribute.
    pub attribute: Arc<Attribute>,
    /// The sub-attribute, if one is named.
    pub sub: Option<Arc<Attribute>>,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// An attribute or sub-attribute.
    Attribute(AttributePath),
    /// A whole extension: `urn:…:enterprise:2.0:User`.
    Extension(Arc<Schema>),
}

impl AttributePath {
    /// Resolves `path`; `None` if no schema of the resource type defines it. URNs are matched
    /// against the registered schemas, longest first, never split at a dot (the `2.0` in them).
    pub fn resolve(resource_type: &ResourceType, path: &str) -> Option<AttributePath> {
        match Named::resolve(resource_type, path)? {
            Named::Attribute(path) => Some(path),
            Named::Extension(_) => None,
        }
    }

    /// Resolves an extension attribute by its bare name (`manager.value`), if just one
    /// extension defines it.
    pub fn resolve_bare_extension(
        resource_type: &ResourceType,
        path: &str,
    ) -> Option<AttributePath> {
        let mut found = resource_type
            .extensions
            .iter()
            .filter_map(|extension| in_schema(&extension.schema, Some(extension), path));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The definition that decides how values compare: the sub-attribute, else for a complex
    /// attribute its `value`, else the attribute itself.
    pub fn leaf(&self) -> &Arc<Attribute> {
        match &self.sub {
            Some(sub) => sub,
            None if self.attribute.kind == Type::Complex => {
                self.attribute.sub("value").unwrap_or(&self.attribute)
            }
            None => &self.attribute,
        }
    }

    /// True if the path names this core attribute, with or without sub-attribute.
    pub fn is_core(&self, attribute: &str) -> bool {
        self.extension.is_none() && self.attribute.name == attribute
    }

    /// The value of the attribute (not of the sub-attribute) in a resource.
    pub fn lookup<'v>(&self, resource: &'v Map<String, Value>) -> Option<&'v Value> {
        let container = match &self.extension {
            Some(schema) => resource.get(&schema.id)?.as_object()?,
            None => resource,
        };
        get_ignoring_case(container, &self.attribute.name)
    }
}

impl fmt::Display for AttributePath {
    /// Canonical notation, with the URN for extension attributes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extension) = &self.extension {
            write!(f, "{}:", extension.id)?;
        }
        f.write_str(&self.attribute.name)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{}", sub.name)?;
        }
        Ok(())
    }
}

impl Named {
    /// As [`AttributePath::resolve`], and a bare extension URN names the whole extension.
    pub fn resolve(resource_type: &ResourceType, path: &str) -> Option<Named> {
        if path.len() >= 4 && path.as_bytes()[..4].eq_ignore_ascii_case(b"urn:") {
            return resolve_urn(resource_type, path);
        }
        // An extension whose URN is a plain URI ("http://…") is only reachable by its full id.
        if let Some(extension) = resource_type.extension(path) {
            return Some(Named::Extension(extension.schema.clone()));
        }
        let (name, sub) = split_sub(path);
        attribute_path(resource_type.attribute(name)?, None, sub).map(Named::Attribute)
    }
}

fn resolve_urn(resource_type: &ResourceType, path: &str) -> Option<Named> {
    let core = &resource_type.schema;
    let candidates = resource_type
        .extensions
        .iter()
        .map(|extension| (&extension.schema, Some(extension)))
        .chain([(core, None)]);
    let mut best: Option<(usize, Named)> = None;
    for (schema, extension) in candidates {
        let Some(rest) = strip_urn(path, &schema.id) else {
            continue;
        };
        let named = match (rest, extension) {
            ("", Some(extension)) => Some(Named::Extension(extension.schema.clone())),
            ("", None) => None,
            (rest, Some(extension)) => {
                in_schema(schema, Some(extension), rest).map(Named::Attribute)
            }
            (rest, None) => {
                let (name, sub) = split_sub(rest);
                resource_type
                    .attribute(name)
                    .and_then(|attribute| attribute_path(attribute, None, sub))
                    .map(Named::Attribute)
            }
        };
        if let Some(named) = named
            && best
                .as_ref()
                .is_none_or(|(length, _)| *length < schema.id.len())
        {
            best = Some((schema.id.len(), named));
        }
    }
    best.map(|(_, named)| named)
}

/// What follows the URN and its colon; `""` if nothing does.
fn strip_urn<'p>(path: &'p str, urn: &str) -> Option<&'p str> {
    let head = path.get(..urn.len())?;
    if !head.eq_ignore_ascii_case(urn) {
        return None;
    }
    let rest = &path[urn.len()..];
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(':').filter(|name| !name.is_empty())
}

fn in_schema(schema: &Schema, extension: Option<&Extension>, path: &str) -> Option<AttributePath> {
    let (name, sub) = split_sub(path);
    attribute_path(schema.attribute(name)?, extension, sub)
}

fn split_sub(path: &str) -> (&str, Option<&str>) {
    match path.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (path, None),
    }
}

fn attribute_path(
    attribute: &Arc<Attribute>,
    extension: Option<&Extension>,
    sub: Option<&str>,
) -> Option<AttributePath> {
    let sub = match sub {
        Some(name) => Some(attribute.sub(name)?.clone()),
        None => None,
    };
    Some(AttributePath {
        extension: extension.map(|extension| extension.schema.clone()),
        attribute: attribute.clone(),
        sub,
    })
}
