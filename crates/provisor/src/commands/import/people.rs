//! A CSV of people the app already has, so that the identity provider's lookup finds them.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use csv::StringRecord;
use provisor_store::Change;
use scim::{Fired, Map, Profile, Value, resource, schema::CORE_USER};
use serde_json::json;

use super::batch::{Batch, Tally};
use crate::{commands::Context, config::closest, failure::Failure, progress};

/// What a column can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Email,
    UserName,
    GivenName,
    FamilyName,
    DisplayName,
    AppId,
}

const COLUMNS: &[(&str, Column)] = &[
    ("email", Column::Email),
    ("userName", Column::UserName),
    ("givenName", Column::GivenName),
    ("familyName", Column::FamilyName),
    ("displayName", Column::DisplayName),
    ("app_id", Column::AppId),
];

pub(super) async fn run(context: &Context, tenant: &str, path: &Path) -> Result<Tally, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let size = file.metadata().ok().map(|metadata| metadata.len());
    let mut input = BufReader::with_capacity(64 << 10, file);
    let delimiter = delimiter(input.fill_buf().map_err(|error| unreadable(path, &error))?);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(input);
    let header = reader.headers().map_err(|error| bad_header(&error))?;
    let columns = columns(header).map_err(Failure::failed)?;

    let directory = context.directory()?;
    let tenant = directory.tenant(tenant).await?;
    let kind = directory.resource_type(&tenant, "User").await?;
    let bar = progress::bytes(size, "Importing");
    let mut batch = Batch::new(&directory, &tenant);
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) if error.is_io_error() => return Err(unreadable(path, &error)),
            Err(error) => {
                batch.tally.refuse(line, in_words(&error));
                continue;
            }
        }
        let line = record.position().map_or(line, csv::Position::line);
        bar.set_position(reader.position().byte());
        match person(&columns, &record) {
            Ok((body, app_id)) => {
                match resource::read(&kind, body, &Profile::GENERIC, &mut Fired::default()) {
                    Ok(incoming) => {
                        let change = Change::Import { incoming, app_id };
                        batch.push(line, change).await?;
                    }
                    Err(error) => batch.tally.refuse(line, Failure::from(error).message),
                }
            }
            Err(reason) => batch.tally.refuse(line, reason),
        }
    }
    batch.flush().await?;
    bar.finish_and_clear();
    Ok(batch.tally)
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("{} cannot be read: {error}.", path.display()))
}

fn bad_header(error: &csv::Error) -> Failure {
    Failure::failed(format!("line 1: the header cannot be read: {error}."))
}

fn in_words(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} cells, the header has {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "not UTF-8; save the file as CSV UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// Spreadsheets of many countries write semicolons.
fn delimiter(start: &[u8]) -> u8 {
    let header = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    [b';', b'\t']
        .into_iter()
        .find(|other| count(*other) > count(b','))
        .unwrap_or(b',')
}

/// The meaning of each column. Case, `_`, `-` and spaces in the names do not matter.
fn columns(header: &StringRecord) -> Result<Vec<Column>, String> {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .flat_map(char::to_lowercase)
            .collect()
    };
    let mut columns: Vec<Column> = Vec::new();
    for name in header {
        let known = COLUMNS
            .iter()
            .find(|(known, _)| plain(known) == plain(name));
        let Some((_, column)) = known else {
            let names = COLUMNS.iter().map(|(name, _)| *name);
            let hint = match closest(name, names.clone()) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => format!("Known are {}.", names.collect::<Vec<_>>().join(", ")),
            };
            return Err(format!("line 1: there is no column \"{name}\". {hint}"));
        };
        if columns.contains(column) {
            return Err(format!("line 1: the column \"{name}\" stands twice."));
        }
        columns.push(*column);
    }
    if !columns.contains(&Column::Email) && !columns.contains(&Column::UserName) {
        return Err(
            "line 1: the header names neither email nor userName, so nobody could be found."
                .to_owned(),
        );
    }
    Ok(columns)
}

/// A line as a User (RFC 7643 section 4.1) and the app's own id.
fn person(
    columns: &[Column],
    record: &StringRecord,
) -> Result<(Map<String, Value>, Option<String>), String> {
    let cell = |column: Column| {
        let at = columns.iter().position(|known| *known == column)?;
        record.get(at).filter(|text| !text.is_empty())
    };
    let email = cell(Column::Email);
    if let Some(email) = email
        && !email.contains('@')
    {
        return Err(format!("\"{email}\" is no e-mail address"));
    }
    let Some(user_name) = cell(Column::UserName).or(email) else {
        return Err("neither e-mail nor userName".to_owned());
    };
    let mut body = Map::new();
    body.insert("schemas".into(), json!([CORE_USER]));
    body.insert("userName".into(), user_name.into());
    if let Some(email) = email {
        let email = json!([{ "value": email, "type": "work", "primary": true }]);
        body.insert("emails".into(), email);
    }
    let mut name = Map::new();
    for (column, field) in [
        (Column::GivenName, "givenName"),
        (Column::FamilyName, "familyName"),
    ] {
        if let Some(text) = cell(column) {
            name.insert(field.into(), text.into());
        }
    }
    if !name.is_empty() {
        body.insert("name".into(), name.into());
    }
    if let Some(text) = cell(Column::DisplayName) {
        body.insert("displayName".into(), text.into());
    }
    Ok((body, cell(Column::AppId).map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cells: &[&str]) -> StringRecord {
        StringRecord::from(cells.to_vec())
    }

    #[test]
    fn columns_are_named_as_people_write_them() {
        for (header, expected) in [
            (
                &["email", "app_id"][..],
                Ok(vec![Column::Email, Column::AppId]),
            ),
            (
                &["E-Mail", "user_name", "Given Name"],
                Ok(vec![Column::Email, Column::UserName, Column::GivenName]),
            ),
            (
                &["email", "usrName"],
                Err("line 1: there is no column \"usrName\". Did you mean \"userName\"?".to_owned()),
            ),
            (
                &["email", "e-mail"],
                Err("line 1: the column \"e-mail\" stands twice.".to_owned()),
            ),
            (
                &["app_id"],
                Err("line 1: the header names neither email nor userName, so nobody could be found.".to_owned()),
            ),
        ] {
            assert_eq!(columns(&record(header)), expected);
        }
    }

    #[test]
    fn a_line_becomes_a_user() {
        let columns = [
            Column::Email,
            Column::UserName,
            Column::GivenName,
            Column::AppId,
        ];
        let (body, app_id) =
            person(&columns, &record(&["lena@acme.com", "", "Lena", "42"])).unwrap();
        assert_eq!(app_id.as_deref(), Some("42"));
        assert_eq!(
            Value::Object(body),
            json!({
                "schemas": [CORE_USER],
                "userName": "lena@acme.com",
                "emails": [{ "value": "lena@acme.com", "type": "work", "primary": true }],
                "name": { "givenName": "Lena" },
            })
        );
        for (cells, reason) in [
            (["", "", "Lena", "42"], "neither e-mail nor userName"),
            (["lena", "", "", ""], "\"lena\" is no e-mail address"),
        ] {
            assert_eq!(person(&columns, &record(&cells)).unwrap_err(), reason);
        }
    }

    #[test]
    fn the_delimiter_is_the_one_of_the_header() {
        for (start, expected) in [
            ("email,app_id\n1;2;3;4", b','),
            ("email;app_id\n", b';'),
            ("email\tapp_id\n", b'\t'),
            ("email\n", b','),
        ] {
            assert_eq!(delimiter(start.as_bytes()), expected);
        }
    }
}
