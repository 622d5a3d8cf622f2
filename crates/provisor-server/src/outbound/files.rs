//! Users and teams of CSV files, as a source.

use std::collections::BTreeMap;

use scim::{Map, Registry, Value};
use serde_json::json;

use super::{
    mapping::{Origin, Rule},
    source::Files,
};

/// Short names of columns, and the attributes they are.
const COLUMNS: &[(&str, &str)] = &[
    ("email", "emails[type eq \"work\"].value"),
    ("givenname", "name.givenName"),
    ("familyname", "name.familyName"),
    (
        "department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    ),
    (
        "employeenumber",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    ),
    (
        "costcenter",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
    ),
    ("phone", "phoneNumbers[type eq \"work\"].value"),
];

/// Users by key, teams by name.
///
/// `users` has a header; each column is a SCIM attribute (`userName`, `title`, `name.givenName`) or one of the short names
/// (`email`, `givenName`, `department`, …). The column `id` is the key, else userName is. `memberships` has the columns `team`
/// and `member`; a line without a member is a team without members.
///
/// # Errors
/// The file, the line, and what is wrong there. A file that is wrong in one place is not used at all: whoever is missing in it
/// would lose access.
pub fn read(users: &str, memberships: Option<&str>) -> Result<Files, String> {
    let mut files = Files::default();
    read_users(users, &mut files)?;
    if let Some(text) = memberships {
        read_memberships(text, &mut files)?;
    }
    Ok(files)
}

fn reader(text: &str) -> csv::Reader<&[u8]> {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: char| header.matches(delimiter).count();
    // Spreadsheets of many countries write semicolons.
    let delimiter = if count(';') > count(',') { b';' } else { b',' };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '-', ' '], "")
}

/// A record that cannot be read, by the line of the file.
fn wrong(file: &str, error: &csv::Error) -> String {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!(
            "{file}, line {line}: it has {len} cells and the header has {expected_len}; look for a missing or superfluous \
             separator or quote."
        ),
        _ => format!("{file}, line {line}: {error}."),
    }
}

/// Refuses a column that no user has: what is mistyped would be sent, and what was meant would not.
fn known(registry: &Registry, name: &str, to: &str) -> Result<(), String> {
    let path = to.split('[').next().unwrap_or_default();
    let attribute = path.split('.').next().unwrap_or_default();
    if path.contains(':') || registry.user().attribute(attribute).is_some() {
        return Ok(());
    }
    Err(format!(
        "users, line 1: the column \"{name}\" is no attribute of a user; correct it or take it out. An attribute of an \
         extension has its URN in front."
    ))
}

fn read_users(text: &str, files: &mut Files) -> Result<(), String> {
    let mut reader = reader(text);
    let header = reader
        .headers()
        .map_err(|error| wrong("users", &error))?
        .clone();
    let registry = Registry::builtin();
    let mut columns = Vec::new();
    for name in &header {
        if name.eq_ignore_ascii_case("id") || name.eq_ignore_ascii_case("active") {
            columns.push(None);
            continue;
        }
        let short = COLUMNS.iter().find(|(short, _)| *short == plain(name));
        let to = short.map_or(name, |(_, attribute)| attribute);
        let rule = Rule {
            to: to.to_owned(),
            from: Origin::Drop(true),
        };
        rule.check()
            .map_err(|error| format!("users, line 1: the column \"{name}\": {error}"))?;
        known(&registry, name, to)?;
        columns.push(Some(to.to_owned()));
    }
    let at = |wanted: &str| {
        header
            .iter()
            .position(|name| name.eq_ignore_ascii_case(wanted))
    };
    let (key, name, email) = (at("id"), at("userName"), at("email"));
    let Some(name) = name.or(email) else {
        return Err("users, line 1: there is neither a column userName nor one email.".to_owned());
    };
    let active = at("active");
    for (record, line) in reader.records().zip(2..) {
        let record = record.map_err(|error| wrong("users", &error))?;
        let cell = |at: usize| record.get(at).filter(|text| !text.is_empty());
        let Some(user_name) = cell(name) else {
            return Err(format!("users, line {line}: there is no userName."));
        };
        let rules: Vec<Rule> = columns
            .iter()
            .enumerate()
            .filter_map(|(at, to)| {
                Some(Rule {
                    to: to.clone()?,
                    from: Origin::Value(cell(at)?.into()),
                })
            })
            .collect();
        let mut source = Map::new();
        source.insert("userName".into(), user_name.into());
        let mut user = super::mapping::user("", &source, true, &rules);
        user.remove("externalId");
        user.remove("schemas");
        let is_active = match active.and_then(cell).map(str::to_lowercase).as_deref() {
            None | Some("true" | "yes" | "1" | "on") => true,
            Some("false" | "no" | "0" | "off") => false,
            Some(other) => {
                return Err(format!(
                    "users, line {line}: active is \"{other}\"; write true or false."
                ));
            }
        };
        user.insert("active".into(), is_active.into());
        if let Some(Value::Array(emails)) = user.get_mut("emails")
            && let Some(Value::Object(email)) = emails.first_mut()
        {
            email.insert("primary".into(), json!(true));
        }
        let key = key
            .map_or(Some(user_name), cell)
            .ok_or_else(|| format!("users, line {line}: there is no id."))?;
        if files.users.insert(key.to_owned(), user).is_some() {
            return Err(format!("users, line {line}: \"{key}\" stands twice."));
        }
    }
    Ok(())
}

fn read_memberships(text: &str, files: &mut Files) -> Result<(), String> {
    let mut reader = reader(text);
    let header = reader
        .headers()
        .map_err(|error| wrong("teams", &error))?
        .clone();
    let at = |wanted: &str| header.iter().position(|name| plain(name) == wanted);
    let (Some(team), Some(member)) = (at("team"), at("member")) else {
        return Err("teams, line 1: there have to be the columns team and member.".to_owned());
    };
    let mut teams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (record, line) in reader.records().zip(2..) {
        let record = record.map_err(|error| wrong("teams", &error))?;
        let cell = |at: usize| record.get(at).filter(|text| !text.is_empty());
        let Some(team) = cell(team) else {
            return Err(format!("teams, line {line}: there is no team."));
        };
        let members = teams.entry(team.to_owned()).or_default();
        let Some(member) = cell(member) else { continue };
        if !files.users.contains_key(member) {
            return Err(format!(
                "teams, line {line}: \"{member}\" is none of the users."
            ));
        }
        members.push(member.to_owned());
    }
    files.teams = teams;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_attributes_and_lines_are_users() {
        let users = "id;userName;E-Mail;given_name;title;department;active\n7;lena;l@x.io;Lena;CEO;Board;yes\n8;max;;;;;no\n";
        let files = read(users, Some("team,member\nSales,7\nSales,8\nEmpty,\n")).unwrap();
        assert_eq!(
            Value::Object(files.users["7"].clone()),
            json!({
                "userName": "lena", "emails": [{ "type": "work", "value": "l@x.io", "primary": true }],
                "name": { "givenName": "Lena" }, "title": "CEO",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Board" }, "active": true,
            })
        );
        assert_eq!(files.users["8"]["active"], false);
        assert_eq!(files.teams["Sales"], ["7", "8"]);
        assert!(files.teams["Empty"].is_empty());
    }

    #[test]
    fn a_file_that_is_wrong_in_one_place_is_not_used() {
        for (users, teams, said) in [
            ("title\nCEO\n", None, "neither"),
            (
                "userName\nlena\nlena\n",
                None,
                "line 3: \"lena\" stands twice",
            ),
            ("userName,meta\nlena,x\n", None, "the column \"meta\""),
            (
                "userName,departement\nlena,x\n",
                None,
                "line 1: the column \"departement\" is no attribute",
            ),
            (
                "userName,title\nlena\n",
                None,
                "line 2: it has 1 cells and the header has 2",
            ),
            ("userName,active\nlena,perhaps\n", None, "line 2: active"),
            (
                "userName\nlena\n",
                Some("team,member\nSales,max\n"),
                "line 2: \"max\" is none",
            ),
            ("userName\nlena\n", Some("name\nSales\n"), "team and member"),
        ] {
            let error = read(users, teams).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
