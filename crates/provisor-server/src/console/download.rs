//! Files to take away: the same rows as lines of JSON or as a table.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::Response,
};
use scim::Value;

use super::{Problem, visit::Visit};

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Ndjson,
    Csv,
}

impl Form {
    /// As the URL asks.
    pub(super) fn read(visit: &Visit) -> Result<Self, Problem> {
        match visit.query.get("format") {
            "" | "ndjson" => Ok(Form::Ndjson),
            "csv" => Ok(Form::Csv),
            other => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "There is no such kind of file",
                format!("The address asks for “{other}”; there are ndjson and csv."),
                "Go back and use the page's own buttons.",
            )),
        }
    }
}

/// The file; `columns` are the members of each row that a table shows.
pub(super) fn file(
    name: &str,
    form: Form,
    columns: &[&str],
    rows: &[Value],
) -> Result<Response, Problem> {
    let (bytes, kind, ending) = match form {
        Form::Ndjson => (lines(rows), "application/x-ndjson", "ndjson"),
        Form::Csv => (table(columns, rows)?, "text/csv; charset=utf-8", "csv"),
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"provisor-{name}.{ending}\"");
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn lines(rows: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
    lines.concat().into_bytes()
}

fn table(columns: &[&str], rows: &[Value]) -> Result<Vec<u8>, Problem> {
    let failed = |error: &dyn std::fmt::Display| Problem::internal(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(columns)
        .map_err(|error| failed(&error))?;
    for row in rows {
        let cells = columns.iter().map(|column| match &row[*column] {
            Value::Null => String::new(),
            Value::String(text) => cell(text).into_owned(),
            other => cell(&other.to_string()).into_owned(),
        });
        writer.write_record(cells).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_row() {
        let rows = [json!({ "a": "=cmd|' /C calc'!A0", "b": "x\",\"y\nz", "c": null })];
        let table = table(&["a", "b", "c"], &rows).unwrap();
        assert_eq!(
            String::from_utf8(table).unwrap(),
            "a,b,c\n'=cmd|' /C calc'!A0,\"x\"\",\"\"y\nz\",\n"
        );
        for start in ["+1", "-1", "@A", "\t=1", "\r=1"] {
            assert_eq!(cell(start), format!("'{start}"));
        }
    }
}
