//! The `path` of an operation, RFC 7644 section 3.5.2 figure 7, resolved against the schemas.

use std::sync::Arc;

use super::{Action, Target};
use crate::{
    Attribute, AttributePath, Error, Fired, Kind, Map, Profile, ResourceType, Schema, Tolerance,
    Value,
    filter::{Expression, Limits, ValuePath},
    path::Named,
    value::{self, shown},
};

/// What a path names, before it is known what is done to it.
pub(super) enum Place {
    Target(Target),
    Extension(Arc<Schema>),
}

/// Resolves a path. Errors: 400 `invalidPath`, inside brackets 400 `invalidFilter`.
pub(super) fn resolve(
    resource_type: &ResourceType,
    text: &str,
    action: Action,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Place, Error> {
    if let Some(named) = name(resource_type, text, profile, fired) {
        return Ok(match named {
            Named::Attribute(path) => Place::Target(Target::Attribute(path)),
            Named::Extension(schema) => Place::Extension(schema),
        });
    }
    if !text.contains('[') {
        return Err(unknown(resource_type, text, profile));
    }
    refuse_index(text)?;
    let parsed = ValuePath::parse(text, &Limits::default())?;
    let Some(filter) = parsed.filter else {
        return Err(unknown(resource_type, text, profile));
    };
    let Some(Named::Attribute(path)) = name(resource_type, &parsed.name, profile, fired) else {
        return Err(unknown(resource_type, &parsed.name, profile));
    };
    if !path.attribute.multi_valued || path.sub.is_some() {
        return Err(Error::invalid_path(format!(
            "{path} has no list of values, so a filter in brackets cannot select one of them. Name it without brackets."
        )));
    }
    let sub = match &parsed.sub {
        None => None,
        Some(name) => Some(path.attribute.sub(name).cloned().ok_or_else(|| {
            Error::invalid_path(format!(
                "{path} has no sub-attribute \"{}\". Correct the path.",
                shown(name)
            ))
        })?),
    };
    Ok(Place::Target(Target::Elements {
        template: template(&path, &filter, action, profile),
        filter: filter.resolve_element(&path, profile, fired)?,
        path,
        sub,
    }))
}

/// An attribute or extension, also an extension attribute without its URN if that is forgiven.
pub(super) fn name(
    resource_type: &ResourceType,
    text: &str,
    profile: &Profile,
    fired: &mut Fired,
) -> Option<Named> {
    if let Some(named) = Named::resolve(resource_type, text) {
        return Some(named);
    }
    let path = AttributePath::resolve_bare_extension(resource_type, text)?;
    fired
        .allows(profile, Tolerance::BareExtensionAttribute, || {
            format!("read \"{}\" as \"{path}\"", shown(text))
        })
        .then_some(Named::Attribute(path))
}

/// The refusal of a path or key that names nothing: what cannot be applied is never answered 2xx.
pub(super) fn unknown(resource_type: &ResourceType, text: &str, profile: &Profile) -> Error {
    let kind = if profile.narrow_patch {
        Kind::InvalidSyntax
    } else {
        Kind::InvalidPath
    };
    Error::new(
        kind,
        if text.is_empty() {
            "The path is empty. Name the attribute to change, or leave \"path\" out and give an object of attributes as \"value\".".to_owned()
        } else {
            format!(
                "\"{}\" is no attribute of {}. Check the spelling; an attribute of an extension needs its URN in front, and no path goes deeper than one sub-attribute.",
                shown(text),
                resource_type.name
            )
        },
    )
}

/// JSON Pointer and array indexes are no paths of SCIM (RFC 7644 section 3.5.2).
fn refuse_index(text: &str) -> Result<(), Error> {
    let inner = text.split(['[', ']']).nth(1).unwrap_or_default().trim();
    if inner.is_empty() || inner.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid_path(format!(
            "\"{}\" selects a value by position. Select it by a filter, such as emails[type eq \"work\"].",
            shown(text)
        )));
    }
    Ok(())
}

/// The element that a filter of nothing but `eq` and `and` describes (Entra, transcript
/// `entra-default.json`: `phoneNumbers[type eq "mobile"].value` on a user without phone number).
fn template(
    path: &AttributePath,
    filter: &Expression,
    action: Action,
    profile: &Profile,
) -> Option<Map<String, Value>> {
    let tolerance = creates(action)?;
    if !profile.allows(tolerance) {
        return None;
    }
    let mut element = Map::new();
    for (name, given) in filter.equalities()? {
        let sub: &Attribute = path.attribute.sub(name)?;
        // Its tolerances are recorded when the filter is resolved.
        let value = value::read(sub, given, &sub.name, profile, &mut Fired::default()).ok()??;
        if element.insert(sub.name.clone(), value).is_some() {
            return None;
        }
    }
    Some(element)
}

/// Which tolerance lets the action create an element that no filter matches.
pub(super) fn creates(action: Action) -> Option<Tolerance> {
    match action {
        Action::Add => Some(Tolerance::CreateOnNoTarget),
        Action::Replace => Some(Tolerance::ReplaceCreates),
        Action::Remove => None,
    }
}
