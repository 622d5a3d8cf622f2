//! A PatchOp message becomes resolved operations with values of the right types.

use std::sync::Arc;

use super::{
    Action, Operation, Patch, Target, numbered,
    target::{self, Place},
};
use crate::{
    Error, Fired, Kind, Map, Profile, ResourceType, Schema, Tolerance, Value,
    json::{get_ignoring_case, is_unassigned},
    message::{PATCH_OP, check_schemas},
    path::Named,
    schema::Mutability,
    value::shown,
};

pub(super) fn message(
    resource_type: &ResourceType,
    body: &Map<String, Value>,
    profile: &Profile,
    max_operations: usize,
    fired: &mut Fired,
) -> Result<Patch, Error> {
    check_schemas(body, PATCH_OP, profile, fired)?;
    let given = match get_ignoring_case(body, "Operations") {
        Some(Value::Array(given))
            if !given.is_empty()
                || fired.allows(profile, Tolerance::EmptyOperations, || {
                    "took an empty list of operations as no change".to_owned()
                }) =>
        {
            given
        }
        _ => {
            return Err(Error::invalid_syntax(
                "A PATCH body needs \"Operations\", a list of one or more operations (RFC 7644 section 3.5.2).",
            ));
        }
    };
    if given.len() > max_operations {
        return Err(Error::new(
            Kind::PayloadTooLarge,
            format!(
                "The PATCH has {} operations, the limit is {max_operations}. Split it into several requests.",
                given.len()
            ),
        ));
    }
    let mut operations = Vec::with_capacity(given.len());
    for (index, item) in given.iter().enumerate() {
        let number = (given.len() > 1).then_some(index + 1);
        let mut reader = Reader {
            resource_type,
            profile,
            fired,
            number,
            operations: &mut operations,
        };
        reader
            .operation(item)
            .map_err(|error| numbered(error, number))?;
    }
    Ok(Patch { operations })
}

pub(super) struct Reader<'r> {
    pub(super) resource_type: &'r ResourceType,
    pub(super) profile: &'r Profile,
    pub(super) fired: &'r mut Fired,
    number: Option<usize>,
    operations: &'r mut Vec<Operation>,
}

impl Reader<'_> {
    pub(super) fn allows(&mut self, tolerance: Tolerance, note: impl FnOnce() -> String) -> bool {
        self.fired.allows(self.profile, tolerance, note)
    }

    fn push(&mut self, action: Action, target: Target, value: Option<Value>) {
        self.operations.push(Operation {
            number: self.number,
            action,
            target,
            value,
        });
    }

    fn operation(&mut self, item: &Value) -> Result<(), Error> {
        let Value::Object(item) = item else {
            return Err(Error::invalid_syntax(
                "An operation must be an object with \"op\", \"path\" and \"value\".",
            ));
        };
        let action = action(item)?;
        let value = get_ignoring_case(item, "value");
        let path = match get_ignoring_case(item, "path") {
            None | Some(Value::Null) if self.profile.narrow_patch => {
                return Err(Error::invalid_syntax(
                    "Each operation needs a \"path\" in this connection's profile. Send one operation for each attribute.",
                ));
            }
            None | Some(Value::Null) => return self.without_path(action, value),
            Some(Value::String(path)) => path,
            Some(_) => {
                return Err(Error::invalid_path(
                    "\"path\" must be text, such as \"name.familyName\".",
                ));
            }
        };
        if action != Action::Remove && value.is_none() {
            return Err(Error::invalid_value(format!(
                "\"value\" is missing. Give the value for \"{}\", or use \"remove\".",
                shown(path)
            )));
        }
        let value = value.unwrap_or(&Value::Null);
        match target::resolve(self.resource_type, path, action, self.profile, self.fired)? {
            Place::Target(Target::Elements {
                path, sub: None, ..
            }) if self.profile.narrow_patch && action != Action::Remove => {
                Err(Error::invalid_path(format!(
                    "A filter on {path} must be followed by a sub-attribute in this connection's profile, such as {path}[…].value."
                )))
            }
            Place::Target(target) => self.at(action, target, value),
            Place::Extension(schema) => self.extension(action, schema, value),
        }
    }

    fn without_path(&mut self, action: Action, value: Option<&Value>) -> Result<(), Error> {
        if action == Action::Remove {
            return Err(Error::no_target(
                "A \"remove\" needs a \"path\" that says what to remove.",
            ));
        }
        let Some(Value::Object(attributes)) = value else {
            return Err(Error::invalid_value(
                "Without \"path\", \"value\" must be an object of attributes.",
            ));
        };
        for (key, value) in attributes {
            self.key(action, key, value)?;
        }
        Ok(())
    }

    /// One member of a path-less value. Its name may be an attribute, a URN-qualified attribute
    /// or a whole extension; a dotted one is a path (Entra, transcript `entra-compliance-flag.json`).
    fn key(&mut self, action: Action, key: &str, value: &Value) -> Result<(), Error> {
        if let Some(named) = target::name(self.resource_type, key, self.profile, self.fired) {
            return match named {
                Named::Extension(schema) => self.extension(action, schema, value),
                Named::Attribute(path) => {
                    if path.sub.is_some() {
                        self.allow_dotted(key)?;
                    }
                    // In a whole resource, null says nothing about what only the server sets.
                    if path.attribute.mutability == Mutability::ReadOnly && value.is_null() {
                        return Ok(());
                    }
                    self.at(action, Target::Attribute(path), value)
                }
            };
        }
        if key.contains('[') {
            self.allow_dotted(key)?;
            if let Place::Target(target) =
                target::resolve(self.resource_type, key, action, self.profile, self.fired)?
            {
                return self.at(action, target, value);
            }
        }
        if is_unassigned(value) {
            return Ok(());
        }
        if self.is_foreign_urn(key)
            && self.allows(Tolerance::UnknownSchema, || {
                format!("dropped \"{}\" and what stands under it", shown(key))
            })
        {
            return Ok(());
        }
        Err(target::unknown(self.resource_type, key, self.profile))
    }

    fn allow_dotted(&mut self, key: &str) -> Result<(), Error> {
        if self.allows(Tolerance::DottedKeys, || {
            format!("read the key \"{}\" as a path", shown(key))
        }) {
            return Ok(());
        }
        Err(Error::invalid_path(format!(
            "The key \"{}\" is a path. Send it as \"path\" of an operation of its own.",
            shown(key)
        )))
    }

    /// True for a URI that is not in one of the resource type's own schemas.
    fn is_foreign_urn(&self, key: &str) -> bool {
        let known = self
            .resource_type
            .extensions
            .iter()
            .map(|extension| &extension.schema)
            .chain([&self.resource_type.schema]);
        let starts = |prefix: &str| {
            key.get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        (starts("urn:") || starts("http://") || starts("https://"))
            && !known
                .into_iter()
                .any(|schema| starts(&format!("{}:", schema.id)))
    }

    /// An operation on a whole extension is one on each attribute named in it.
    fn extension(
        &mut self,
        action: Action,
        schema: Arc<Schema>,
        value: &Value,
    ) -> Result<(), Error> {
        match (action, value) {
            (Action::Remove, _) | (Action::Replace, Value::Null) => {
                self.push(Action::Remove, Target::Extension(schema), None);
                Ok(())
            }
            (Action::Add, Value::Null) => Ok(()),
            (_, Value::Object(attributes)) => {
                for (key, value) in attributes {
                    let qualified = format!("{}:{key}", schema.id);
                    match Named::resolve(self.resource_type, &qualified) {
                        Some(Named::Attribute(path)) => {
                            if path.sub.is_some() {
                                self.allow_dotted(key)?;
                            }
                            self.at(action, Target::Attribute(path), value)?;
                        }
                        _ if is_unassigned(value) => {}
                        // Some clients (scim2-client) write an extension as an object with
                        // its own URN in it, which says nothing new.
                        _ if names_itself(key, value, &schema) => {}
                        _ => {
                            return Err(target::unknown(
                                self.resource_type,
                                &qualified,
                                self.profile,
                            ));
                        }
                    }
                }
                Ok(())
            }
            _ => Err(Error::invalid_value(format!(
                "\"{}\" is a schema extension, so its value must be an object of its attributes.",
                schema.id
            ))),
        }
    }

    fn at(&mut self, action: Action, target: Target, value: &Value) -> Result<(), Error> {
        let (path, sub, selected) = match &target {
            Target::Attribute(path) => (path, path.sub.as_ref(), false),
            Target::Elements { path, sub, .. } => (path, sub.as_ref(), true),
            Target::Extension(_) => {
                self.push(action, target, None);
                return Ok(());
            }
        };
        if path.is_core("schemas") {
            return self.schemas(action, &target, value);
        }
        if self.resource_type.is_user() && path.is_core("password") {
            return self.password(value);
        }
        if target.is_read_only() {
            if action == Action::Remove {
                return Err(read_only(&target));
            }
            let value = value.clone();
            self.push(action, target, Some(value));
            return Ok(());
        }
        if self.resource_type.is_group()
            && path.is_core("members")
            && (sub.is_some() || (selected && action != Action::Remove))
        {
            return Err(Error::mutability(
                "A member cannot be changed (RFC 7643 section 4.2). Remove it from members and add another.",
            ));
        }
        let value = if action == Action::Remove {
            self.removal(path, sub, selected, value)?
        } else {
            self.value(path, sub, selected, value)?
        };
        self.push(action, target, value);
        Ok(())
    }

    /// `password` is taken and thrown away (Okta, transcript `okta-catalog-app.json`).
    fn password(&mut self, value: &Value) -> Result<(), Error> {
        if !matches!(value, Value::String(_) | Value::Null) {
            return Err(Error::invalid_value("password must be text."));
        }
        if self.allows(Tolerance::PasswordDiscarded, || {
            "accepted and discarded password".to_owned()
        }) {
            return Ok(());
        }
        Err(Error::mutability(
            "This service keeps no passwords. Leave password out.",
        ))
    }

    /// `schemas` lists the schemas in use, so naming known ones changes nothing by itself;
    /// removing an extension's URN removes its attributes.
    fn schemas(&mut self, action: Action, target: &Target, value: &Value) -> Result<(), Error> {
        let known: Vec<Arc<Schema>> = [self.resource_type.schema.clone()]
            .into_iter()
            .chain(
                self.resource_type
                    .extensions
                    .iter()
                    .map(|e| e.schema.clone()),
            )
            .collect();
        let required = || {
            Error::mutability(format!(
                "schemas always contains \"{}\". Only the URN of an extension can be removed.",
                self.resource_type.schema.id
            ))
        };
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Null => &[],
            one => std::slice::from_ref(one),
        };
        let named: Vec<Arc<Schema>> = match target {
            Target::Elements { filter, .. } => {
                if action != Action::Remove {
                    return Err(Error::invalid_path(
                        "A value of schemas cannot be changed in place. Add or remove URNs.",
                    ));
                }
                known
                    .iter()
                    .filter(|schema| filter.matches_element(&Value::String(schema.id.clone())))
                    .cloned()
                    .collect()
            }
            _ if action == Action::Remove && value.is_null() => return Err(required()),
            _ => {
                let mut named = Vec::new();
                for item in items {
                    let Value::String(urn) = item else {
                        return Err(Error::invalid_value("schemas must be a list of URNs."));
                    };
                    match known.iter().find(|s| s.id.eq_ignore_ascii_case(urn)) {
                        Some(schema) => named.push(schema.clone()),
                        None if action == Action::Remove => {}
                        None if self.fired.allows(
                            self.profile,
                            Tolerance::UnknownSchema,
                            || format!("dropped the schema \"{}\"", shown(urn)),
                        ) => {}
                        None => {
                            return Err(Error::invalid_value(format!(
                                "schemas names \"{}\", which is no schema of {}.",
                                shown(urn),
                                self.resource_type.name
                            )));
                        }
                    }
                }
                named
            }
        };
        if action != Action::Remove {
            return Ok(());
        }
        if named.contains(&self.resource_type.schema) {
            return Err(required());
        }
        for schema in named {
            self.push(Action::Remove, Target::Extension(schema), None);
        }
        Ok(())
    }
}

/// `op`, in any case (Entra writes `Replace`).
fn action(item: &Map<String, Value>) -> Result<Action, Error> {
    let given = get_ignoring_case(item, "op").and_then(Value::as_str);
    let known = [
        ("add", Action::Add),
        ("replace", Action::Replace),
        ("remove", Action::Remove),
    ];
    known
        .into_iter()
        .find(|(name, _)| given.is_some_and(|given| given.eq_ignore_ascii_case(name)))
        .map(|(_, action)| action)
        .ok_or_else(|| {
            Error::invalid_syntax(match given {
                Some(given) => format!(
                    "\"{}\" is no PATCH operation. Use add, replace or remove as \"op\".",
                    shown(given)
                ),
                None => "\"op\" is missing. Use add, replace or remove.".to_owned(),
            })
        })
}

/// The refusal to change what only the server sets.
pub(super) fn read_only(target: &Target) -> Error {
    let name = match target {
        Target::Attribute(path) => path.to_string(),
        Target::Elements { path, sub, .. } => match sub {
            Some(sub) => format!("{path}.{}", sub.name),
            None => path.to_string(),
        },
        Target::Extension(schema) => schema.id.clone(),
    };
    Error::mutability(format!(
        "{name} is set by the server and cannot be changed. Leave it out of the PATCH."
    ))
}

/// True for `"schemas": ["<the extension's own URN>"]`.
fn names_itself(key: &str, value: &Value, schema: &Schema) -> bool {
    key.eq_ignore_ascii_case("schemas")
        && value.as_array().is_some_and(|urns| {
            urns.iter().all(|urn| {
                urn.as_str()
                    .is_some_and(|urn| urn.eq_ignore_ascii_case(&schema.id))
            })
        })
}
