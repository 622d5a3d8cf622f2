//! What the target should hold of a user or team of the source.

use scim::{Map, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

const USER: &str = scim_client::USER;
const GROUP: &str = scim_client::GROUP;

/// One attribute of the target and where its value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The attribute in the target: `title`, `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:department`.
    pub to: String,
    /// Its value.
    #[serde(flatten)]
    pub from: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An attribute of the source.
    From(String),
    /// Always this.
    Value(Value),
    /// A text with attributes of the source in braces: `{name.givenName} {name.familyName}`.
    Template(String),
    /// The attribute is not sent.
    Drop(bool),
}

impl Rule {
    /// Reads a rule as people write it: `title=from:nickName`, `locale=value:de`, `displayName=template:{name.givenName} …`,
    /// `phoneNumbers=drop`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Rule, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no rule; write ATTRIBUTE=from:PATH, ATTRIBUTE=value:TEXT, ATTRIBUTE=template:TEXT with {{PATH}} in it, \
                 or ATTRIBUTE=drop."
            )
        };
        // An attribute may have an equals sign in its brackets only.
        let (to, from) = ["=from:", "=value:", "=template:", "=drop"]
            .iter()
            .filter_map(|mark| Some((text.find(mark)?, *mark)))
            .min()
            .map(|(at, mark)| (&text[..at], (mark, &text[at + mark.len()..])))
            .ok_or_else(wrong)?;
        let from = match from {
            ("=from:", path) => Origin::From(path.trim().to_owned()),
            ("=value:", value) => Origin::Value(
                serde_json::from_str(value)
                    .ok()
                    .filter(|value: &Value| !value.is_number())
                    .unwrap_or_else(|| value.into()),
            ),
            ("=template:", template) => Origin::Template(template.to_owned()),
            (_, "") => Origin::Drop(true),
            _ => return Err(wrong()),
        };
        let rule = Rule {
            to: to.trim().to_owned(),
            from,
        };
        rule.check()?;
        Ok(rule)
    }

    /// As [`Rule::parse`] reads it.
    pub fn to_text(&self) -> String {
        match &self.from {
            Origin::From(path) => format!("{}=from:{path}", self.to),
            Origin::Value(Value::String(text)) => format!("{}=value:{text}", self.to),
            Origin::Value(value) => format!("{}=value:{value}", self.to),
            Origin::Template(template) => format!("{}=template:{template}", self.to),
            Origin::Drop(_) => format!("{}=drop", self.to),
        }
    }

    /// Whether its paths can be read.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        fn path(text: &str) -> Result<Path<'_>, String> {
            Path::parse(text).ok_or_else(|| {
                format!("\"{text}\" is no path; write for example title, name.givenName or emails[type eq \"work\"].value.")
            })
        }
        let to = path(&self.to)?;
        if ["id", "meta", "groups", "schemas", "active"].contains(&to.attribute) {
            return Err(format!(
                "\"{}\" cannot be mapped: Provisor or the target sets it.",
                self.to
            ));
        }
        match &self.from {
            Origin::From(from) => path(from).map(drop),
            Origin::Template(template) => parts(template).try_for_each(|part| match part {
                Part::Path(text) => path(text).map(drop),
                Part::Text(_) => Ok(()),
            }),
            Origin::Value(_) | Origin::Drop(_) => Ok(()),
        }
    }

    /// Whether it makes this attribute of the target, or a part of it.
    pub(super) fn is_for(&self, attribute: &str) -> bool {
        Path::parse(&self.to).is_some_and(|to| to.attribute.eq_ignore_ascii_case(attribute))
    }

    fn apply(&self, source: &Map<String, Value>, wanted: &mut Map<String, Value>) {
        let Some(to) = Path::parse(&self.to) else {
            return;
        };
        let value = match &self.from {
            Origin::From(path) => Path::parse(path).and_then(|path| path.get(source)).cloned(),
            Origin::Value(value) => Some(value.clone()),
            Origin::Template(template) => {
                let text: String = parts(template)
                    .map(|part| match part {
                        Part::Text(text) => text.to_owned(),
                        Part::Path(path) => Path::parse(path)
                            .and_then(|path| path.get(source))
                            .map(plain)
                            .unwrap_or_default(),
                    })
                    .collect();
                Some(text.trim().to_owned())
                    .filter(|text| !text.is_empty())
                    .map(Value::from)
            }
            Origin::Drop(_) => None,
        };
        to.put(wanted, value);
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => String::new(),
    }
}

enum Part<'t> {
    Text(&'t str),
    Path(&'t str),
}

fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    template.split('{').enumerate().flat_map(|(at, piece)| {
        let pair = match piece.split_once('}') {
            Some((path, text)) if at > 0 => [Part::Path(path.trim()), Part::Text(text)],
            _ => [Part::Text(""), Part::Text(piece)],
        };
        pair.into_iter()
    })
}

/// A path into a resource: schema, attribute, a condition on one element, sub-attribute.
#[derive(Debug, PartialEq, Eq)]
struct Path<'t> {
    schema: Option<&'t str>,
    attribute: &'t str,
    condition: Option<(&'t str, &'t str)>,
    sub: Option<&'t str>,
}

impl<'t> Path<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let text = text.trim();
        // The last colon outside brackets ends the schema.
        let bare = text.split('[').next()?;
        let (schema, rest) = match bare.rfind(':') {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        let (attribute, condition, sub) = match rest.split_once('[') {
            Some((attribute, rest)) => {
                let (condition, after) = rest.split_once(']')?;
                let (name, value) = condition.split_once(" eq ")?;
                let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
                let sub = match after {
                    "" => None,
                    after => Some(after.strip_prefix('.')?),
                };
                (attribute, Some((name.trim(), value)), sub)
            }
            None => match rest.split_once('.') {
                Some((attribute, sub)) => (attribute, None, Some(sub)),
                None => (rest, None, None),
            },
        };
        let name = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
        };
        let good = name(attribute)
            && sub.is_none_or(name)
            && condition.is_none_or(|(sub, _)| name(sub))
            && schema.is_none_or(|schema| schema.to_ascii_lowercase().starts_with("urn:"));
        let schema = schema.filter(|schema| !schema.eq_ignore_ascii_case(USER));
        good.then_some(Path {
            schema,
            attribute,
            condition,
            sub,
        })
    }

    fn get<'v>(&self, resource: &'v Map<String, Value>) -> Option<&'v Value> {
        let at = match self.schema {
            Some(schema) => field(resource, schema)?.as_object()?,
            None => resource,
        };
        let value = field(at, self.attribute)?;
        let value = match (value, self.condition) {
            (Value::Array(elements), Some((name, wanted))) => elements.iter().find(|element| {
                let found = element.as_object().and_then(|element| field(element, name));
                found
                    .and_then(Value::as_str)
                    .is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            })?,
            // Of several the primary one is meant, else the first.
            (Value::Array(elements), None) if self.sub.is_some() => elements
                .iter()
                .find(|element| element["primary"] == true)
                .or(elements.first())?,
            (value, _) => value,
        };
        match self.sub {
            Some(sub) => field(value.as_object()?, sub),
            None => Some(value),
        }
    }

    fn put(&self, resource: &mut Map<String, Value>, value: Option<Value>) {
        let at = match self.schema {
            Some(schema) => match entry(resource, schema, json!({})).as_object_mut() {
                Some(extension) => extension,
                None => return,
            },
            None => resource,
        };
        let Some(sub) = self.sub else {
            match value {
                Some(value) => *entry(at, self.attribute, Value::Null) = value,
                None => remove(at, self.attribute),
            }
            return;
        };
        let Some((name, wanted)) = self.condition else {
            let holder = entry(at, self.attribute, json!({}));
            if let Value::Array(elements) = holder {
                if elements.is_empty() {
                    elements.push(json!({}));
                }
                put_sub(elements.first_mut(), sub, value);
            } else {
                put_sub(Some(holder), sub, value);
            }
            return;
        };
        let holder = entry(at, self.attribute, json!([]));
        let Value::Array(elements) = holder else {
            return;
        };
        let found = elements.iter().position(|element| {
            let found = element.as_object().and_then(|element| field(element, name));
            found
                .and_then(Value::as_str)
                .is_some_and(|found| found.eq_ignore_ascii_case(wanted))
        });
        match (found, value) {
            (Some(found), Some(value)) => put_sub(elements.get_mut(found), sub, Some(value)),
            (Some(found), None) => drop(elements.remove(found)),
            (None, Some(value)) => elements.push(json!({ name: wanted, sub: value })),
            (None, None) => {}
        }
        if elements.is_empty() {
            remove(at, self.attribute);
        }
    }
}

fn put_sub(holder: Option<&mut Value>, sub: &str, value: Option<Value>) {
    if let Some(Value::Object(holder)) = holder {
        match value {
            Some(value) => *entry(holder, sub, Value::Null) = value,
            None => remove(holder, sub),
        }
    }
}

/// A field by its name, in any case (RFC 7643 section 2.1).
pub(crate) fn field<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    map.get(name).or_else(|| {
        let found = map
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

fn entry<'v>(map: &'v mut Map<String, Value>, name: &str, or: Value) -> &'v mut Value {
    let known = map.keys().find(|known| known.eq_ignore_ascii_case(name));
    let known = known.cloned().unwrap_or_else(|| name.to_owned());
    map.entry(known).or_insert(or)
}

fn remove(map: &mut Map<String, Value>, name: &str) {
    map.retain(|known, _| !known.eq_ignore_ascii_case(name));
}

/// What the target should hold of a user, active.
pub fn user(
    local: &str,
    source: &Map<String, Value>,
    only_rules: bool,
    rules: &[Rule],
) -> Map<String, Value> {
    let mut wanted = Map::new();
    if only_rules {
        if let Some(name) = field(source, "userName") {
            wanted.insert("userName".into(), name.clone());
        }
    } else {
        wanted.clone_from(source);
        for theirs in [
            "id",
            "meta",
            "groups",
            "schemas",
            "password",
            "externalId",
            "active",
        ] {
            remove(&mut wanted, theirs);
        }
    }
    wanted.insert("externalId".into(), local.into());
    for rule in rules {
        rule.apply(source, &mut wanted);
    }
    // An empty object or list is no value.
    wanted.retain(|_, value| match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Null => false,
        _ => true,
    });
    wanted.insert("active".into(), true.into());
    let extensions = wanted.keys().filter(|name| name.contains(':')).cloned();
    let schemas: Vec<String> = std::iter::once(USER.to_owned()).chain(extensions).collect();
    wanted.insert("schemas".into(), schemas.into());
    wanted
}

/// What the target should hold of a team, without members.
pub fn team(local: &str, source: &Map<String, Value>) -> Map<String, Value> {
    let name = field(source, "displayName")
        .cloned()
        .unwrap_or_else(|| local.into());
    let mut wanted = Map::new();
    wanted.insert("displayName".into(), name);
    wanted.insert("externalId".into(), local.into());
    wanted.insert("schemas".into(), json!([GROUP]));
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn source() -> Map<String, Value> {
        let source = json!({
            "userName": "lena", "externalId": "okta-1", "active": true, "title": "CEO",
            "name": { "givenName": "Lena", "familyName": "Ruiz" },
            "emails": [{ "value": "l@home.io", "type": "home" }, { "value": "l@x.io", "type": "work", "primary": true }],
            ENTERPRISE: { "department": "Board" },
        });
        source.as_object().unwrap().clone()
    }

    fn mapped(rules: &[&str], only: bool) -> Map<String, Value> {
        let rules: Vec<Rule> = rules
            .iter()
            .map(|rule| Rule::parse(rule).unwrap())
            .collect();
        user("u1", &source(), only, &rules)
    }

    #[test]
    fn without_rules_the_target_gets_what_the_source_has() {
        let wanted = mapped(&[], false);
        assert_eq!(wanted["externalId"], "u1");
        assert_eq!(wanted["title"], "CEO");
        assert_eq!(wanted["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!(wanted["active"], true);
    }

    #[test]
    fn rules_take_paths_constants_and_templates() {
        let wanted = mapped(
            &[
                "displayName=template:{name.familyName}, {name.givenName}",
                "title=from:urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                "nickName=from:emails[type eq \"home\"].value",
                "locale=value:de",
                "emails[type eq \"work\"].value=from:emails.value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter=value:7",
                "profileUrl=from:nothing",
                "name.honorificPrefix=template:{nothing}",
            ],
            true,
        );
        assert_eq!(
            Value::Object(wanted),
            json!({
                "userName": "lena", "externalId": "u1", "displayName": "Ruiz, Lena", "title": "Board", "nickName": "l@home.io",
                "locale": "de", "emails": [{ "type": "work", "value": "l@x.io" }],
                ENTERPRISE: { "costCenter": "7" }, "active": true, "schemas": [USER, ENTERPRISE],
            })
        );
        let dropped = mapped(
            &["title=drop", "emails[type eq \"home\"].value=drop"],
            false,
        );
        assert!(!dropped.contains_key("title"));
        assert_eq!(dropped["emails"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn rules_are_read_and_written_alike_and_wrong_ones_refused() {
        for text in [
            "title=from:nickName",
            "locale=value:de",
            "userType=value:true",
            "displayName=template:{name.givenName} {name.familyName}",
            "emails[type eq \"work\"].value=from:userName",
            "phoneNumbers=drop",
        ] {
            assert_eq!(Rule::parse(text).unwrap().to_text(), text);
        }
        for wrong in [
            "title",
            "=from:x",
            "id=value:1",
            "title=from:a b",
            "active=value:true",
            "title=dropped",
        ] {
            assert!(Rule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
