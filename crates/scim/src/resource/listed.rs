//! The `schemas` attribute: what a client lists, and what a resource really uses.

use crate::{
    Error, Fired, Profile, ResourceType, Tolerance, Value, json::is_unassigned, value::shown,
};

/// Checks the sent `schemas` against the resource type and the extensions that carry values
/// (RFC 7643 section 3). The order has no meaning, a repeated URN does no harm.
pub(super) fn check(
    resource_type: &ResourceType,
    sent: Option<Value>,
    used: &[bool],
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    let base = &resource_type.schema.id;
    let infer = |fired: &mut Fired, why: &str| {
        if fired.allows(profile, Tolerance::InferSchemas, || {
            format!("added \"{base}\" to schemas, {why}")
        }) {
            return Ok(());
        }
        Err(Error::invalid_syntax(format!(
            "`schemas` must list \"{base}\", {why}. Add it."
        )))
    };
    let listed = match sent {
        None => return infer(fired, "which was missing"),
        Some(value) if is_unassigned(&value) => return infer(fired, "which was empty"),
        Some(Value::Array(listed)) => listed,
        Some(Value::String(one))
            if fired.allows(profile, Tolerance::WrapArray, || {
                "took the text in schemas as a list".to_owned()
            }) =>
        {
            vec![Value::String(one)]
        }
        Some(_) => {
            return Err(Error::invalid_value(format!(
                "`schemas` must be a list of URNs such as [\"{base}\"]."
            )));
        }
    };
    let mut has_base = false;
    let mut has = vec![false; used.len()];
    for urn in &listed {
        let Some(urn) = urn.as_str() else {
            return Err(Error::invalid_value(
                "`schemas` must hold nothing but URNs as text.",
            ));
        };
        if urn.eq_ignore_ascii_case(base) {
            has_base = true;
        } else if let Some(extension) = resource_type
            .extensions
            .iter()
            .position(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
        {
            has[extension] = true;
        } else if !fired.allows(profile, Tolerance::UnknownSchema, || {
            format!("dropped \"{}\" from schemas", shown(urn))
        }) {
            return Err(Error::invalid_syntax(format!(
                "`schemas` lists \"{}\", which is no schema of a {}. Remove it.",
                shown(urn),
                resource_type.name
            )));
        }
    }
    if !has_base {
        infer(fired, "which was not listed")?;
    }
    for (extension, (used, has)) in resource_type.extensions.iter().zip(used.iter().zip(has)) {
        let urn = &extension.schema.id;
        if *used
            && !has
            && !fired.allows(profile, Tolerance::UnlistedExtension, || {
                format!("added \"{urn}\" to schemas")
            })
        {
            return Err(Error::invalid_syntax(format!(
                "The resource has attributes of \"{urn}\", which `schemas` does not list. Add the URN to `schemas`."
            )));
        }
    }
    Ok(())
}

/// `schemas` of a resource: the base schema, then the extensions in use, in published order.
pub(super) fn exact(resource_type: &ResourceType, used: &[bool]) -> Value {
    let extensions = resource_type.extensions.iter().zip(used);
    Value::Array(
        std::iter::once(&resource_type.schema)
            .chain(
                extensions
                    .filter(|(_, used)| **used)
                    .map(|(extension, _)| &extension.schema),
            )
            .map(|schema| Value::String(schema.id.clone()))
            .collect(),
    )
}
