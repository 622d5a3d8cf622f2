//! Search keys: which values of a resource are found without reading its document.

use std::borrow::Cow;

use rusqlite::{Connection, params};
use scim::{
    Attribute, AttributePath, Map, ResourceType, Value,
    filter::is_case_exact,
    fold::{fold, fold_unless_exact},
    resource::primary_email,
    schema::{Type, Uniqueness},
};
use sha2::{Digest, Sha256};

use super::{caller, rows};
use crate::{StoreError, TenantId};

/// `externalId` of every resource type.
pub(super) const EXTERNAL_ID: &str = "externalId";
/// `displayName` of every resource type that has one.
pub(super) const DISPLAY_NAME: &str = "displayName";
/// Every e-mail address of a user; `main` marks the primary one.
pub(super) const EMAIL: &str = "emails.value";

/// Longer values are kept as a prefix and a hash, which still finds exactly them.
pub(super) const LONGEST: usize = 200;
/// So many bytes of every longer value are kept as they are.
pub(super) const WHOLE: usize = LONGEST - 3;

/// One search key of one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) attribute: Cow<'static, str>,
    pub(super) value: String,
    pub(super) main: bool,
    /// Who must be alone with it, by schema.
    pub(super) unique: bool,
}

/// The keys of a resource, sorted, each once.
pub(super) fn keys_of(kind: &ResourceType, attributes: &Map<String, Value>) -> Vec<Key> {
    let mut keys = Vec::with_capacity(4);
    let mut add = |attribute: Cow<'static, str>, value: Cow<'_, str>, main, unique| {
        if !value.is_empty() {
            let value = bounded(value).into_owned();
            keys.push(Key {
                attribute,
                value,
                main,
                unique,
            });
        }
    };
    if let Some(Value::String(text)) = attributes.get(EXTERNAL_ID) {
        add(EXTERNAL_ID.into(), text.into(), false, false);
    }
    if let Some(attribute) = display_name(kind)
        && let Some(value @ Value::String(_)) = attributes.get(DISPLAY_NAME)
        && let Some(text) = key_text(attribute, value)
    {
        add(DISPLAY_NAME.into(), text, false, false);
    }
    if kind.is_user()
        && let Some(Value::Array(emails)) = attributes.get("emails")
    {
        let primary = primary_email(attributes);
        for email in emails {
            if let Some(Value::String(text)) = email.get("value") {
                add(
                    EMAIL.into(),
                    fold(text),
                    primary == Some(text.as_str()),
                    false,
                );
            }
        }
    }
    for path in declared_unique(kind) {
        let value = path.lookup(attributes);
        if let Some(text) = value.and_then(|value| key_text(&path.attribute, value)) {
            add(path.to_string().into(), text, false, true);
        }
    }
    // The primary address first, so that dropping repetitions keeps its mark.
    keys.sort_by(|a, b| (&a.attribute, &a.value, b.main).cmp(&(&b.attribute, &b.value, a.main)));
    keys.dedup_by(|b, a| {
        let same = a.attribute == b.attribute && a.value == b.value;
        a.unique |= same && b.unique;
        same
    });
    keys
}

/// Those of `some` that are not among `others`; both in the order of [`keys_of`].
pub(super) fn difference<'k>(some: &'k [Key], others: &'k [Key]) -> impl Iterator<Item = &'k Key> {
    some.iter().filter(|key| {
        let place =
            |other: &Key| (&other.attribute, &other.value).cmp(&(&key.attribute, &key.value));
        !others
            .binary_search_by(place)
            .is_ok_and(|at| others[at].main == key.main)
    })
}

/// The key that finds resources by `path eq value`, if the path is indexed. `value` is folded
/// as the attribute asks.
pub(super) fn lookup<'v>(
    kind: &ResourceType,
    path: &AttributePath,
    value: &'v str,
) -> Option<(Cow<'static, str>, Cow<'v, str>)> {
    if value.is_empty() {
        return None;
    }
    let sub = path.sub.as_ref().map(|sub| sub.name.as_str());
    let attribute = match (path.attribute.name.as_str(), sub) {
        (EXTERNAL_ID, None) if path.extension.is_none() => EXTERNAL_ID.into(),
        (DISPLAY_NAME, None) if path.extension.is_none() && display_name(kind).is_some() => {
            DISPLAY_NAME.into()
        }
        ("emails", Some("value")) if kind.is_user() && path.extension.is_none() => EMAIL.into(),
        (_, None) if declared_unique(kind).any(|unique| unique == *path) => path.to_string().into(),
        _ => return None,
    };
    Some((attribute, bounded(value.into())))
}

/// The type's `displayName`, if it is a text.
fn display_name(kind: &ResourceType) -> Option<&Attribute> {
    let attribute = kind.attribute(DISPLAY_NAME)?;
    (attribute.kind == Type::String && !attribute.multi_valued).then_some(attribute)
}

/// Singular attributes whose schema asks for uniqueness; `userName` and `id` have columns of their own.
fn declared_unique(kind: &ResourceType) -> impl Iterator<Item = AttributePath> + '_ {
    let core = kind
        .schema
        .attributes
        .iter()
        .map(|attribute| (None, attribute));
    let extensions = kind.extensions.iter().flat_map(|extension| {
        extension
            .schema
            .attributes
            .iter()
            .map(move |attribute| (Some(&extension.schema), attribute))
    });
    core.chain(extensions)
        .filter(|(extension, attribute)| {
            attribute.uniqueness != Uniqueness::None
                && !attribute.multi_valued
                && attribute.sub_attributes.is_empty()
                && !(extension.is_none() && matches!(attribute.name.as_str(), "userName" | "id"))
        })
        .map(|(extension, attribute)| AttributePath {
            extension: extension.cloned(),
            attribute: attribute.clone(),
            sub: None,
        })
}

fn key_text<'v>(attribute: &Attribute, value: &'v Value) -> Option<Cow<'v, str>> {
    match value {
        Value::String(text) => Some(fold_unless_exact(text, is_case_exact(attribute))),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}

/// A value as a key holds it. A shortened one is longer than any that is kept whole, so that
/// no two values share a key.
pub(super) fn bounded(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= LONGEST {
        return value;
    }
    let hash: String = Sha256::digest(value.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let cut = (0..=LONGEST).rev().find(|at| value.is_char_boundary(*at));
    format!("{}\u{1}{hash}", &value[..cut.unwrap_or(0)]).into()
}

/// What comes after every text that begins with this, in the order of the index; `None`: nothing.
pub(super) fn after_beginning(text: &str) -> Option<String> {
    let mut end = text.to_owned();
    while let Some(last) = end.pop() {
        let next = (last..=char::MAX).nth(1);
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Compares every stored key with what the documents say.
pub(super) fn recount(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut wrong = Vec::new();
    let (mut expected, mut registry) = (0i64, None);
    let mut statement = connection.prepare(&format!(
        "SELECT {}, tenant_id, kind FROM resource \
         WHERE tenant_id NOT IN (SELECT id FROM tenant WHERE state = 2) ORDER BY tenant_id, kind",
        rows::COLUMNS
    ))?;
    let mut present = connection.prepare(
        "SELECT main FROM search_key
         WHERE tenant_id = ?1 AND kind = ?2 AND attribute = ?3 AND value = ?4 AND k = ?5",
    )?;
    let mut all = statement.query([])?;
    while let Some(row) = all.next()? {
        let (tenant, kind): (i64, i64) =
            (row.get(rows::NEXT_COLUMN)?, row.get(rows::NEXT_COLUMN + 1)?);
        if registry.as_ref().is_none_or(|(known, _)| *known != tenant) {
            registry = Some((tenant, caller::kinds(connection, TenantId(tenant))?));
        }
        let resource = rows::resource(row)?;
        let Some(kind_rules) = registry
            .as_ref()
            .and_then(|(_, kinds)| kinds.by_number(kind))
        else {
            wrong.push(format!("resource {} has an unknown type", resource.id));
            continue;
        };
        let attributes = resource.attributes()?;
        let name = attributes.get("userName").and_then(Value::as_str).map(fold);
        if kind == rows::USER && name.as_deref() != resource.name.as_deref() {
            wrong.push(format!(
                "user {} is indexed under another userName",
                resource.id
            ));
        }
        for key in keys_of(kind_rules, &attributes) {
            expected += 1;
            let main: Option<bool> = present
                .query_map(
                    params![tenant, kind, key.attribute, key.value, resource.k],
                    |row| row.get(0),
                )?
                .next()
                .transpose()?;
            if main != Some(key.main) {
                wrong.push(format!(
                    "resource {} misses the key {}",
                    resource.id, key.attribute
                ));
            }
        }
        if wrong.len() > 20 {
            return Ok(wrong);
        }
    }
    let stored: i64 = connection.query_row(
        "SELECT count(*) FROM search_key \
         WHERE tenant_id NOT IN (SELECT id FROM tenant WHERE state = 2)",
        [],
        |row| row.get(0),
    )?;
    if stored != expected {
        wrong.push(format!(
            "{stored} search keys are stored, {expected} expected"
        ));
    }
    Ok(wrong)
}
