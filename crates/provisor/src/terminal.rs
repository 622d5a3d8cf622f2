//! Output: data to standard output, messages to standard error, nothing that could steer a terminal.
//!
//! Names, e-mails and whatever else came over the wire are printed without control characters,
//! in tables as in JSON; CSV cells that a spreadsheet would take for a formula are guarded.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, BufRead, IsTerminal, Write},
};

use scim::Value;

use crate::failure::Failure;

/// True for characters that move, colour, hide or reorder text: C0, C1, line and paragraph
/// separators, and the bidirectional controls.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text with steering characters written out: `\u{1b}`.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::new(), |mut safe, c| {
        if steers(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
        safe
    }))
}

/// One line of JSON; steering characters are escaped as JSON does it.
pub(crate) fn json_text(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(steers) {
        return text;
    }
    // Such characters stand inside strings only, where an escape means the same.
    text.chars().fold(String::new(), |mut safe, c| {
        if steers(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
        safe
    })
}

/// A CSV cell that no spreadsheet takes for a formula.
pub(crate) fn csv_cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

/// A message for people. That standard error is gone is no reason to stop.
pub(crate) fn note(text: &str) {
    for line in text.split('\n') {
        let _ = writeln!(io::stderr().lock(), "{}", safe(line));
    }
}

/// A line of text on standard output.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{}", safe(text))?;
    Ok(())
}

/// One JSON value on standard output, one line.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{}", json_text(value))?;
    Ok(())
}

/// Asks a person to type `expected` before something that cannot be undone.
pub(crate) fn confirm(question: &str, expected: &str) -> Result<(), Failure> {
    note(&format!("{question}\nType {expected} to go on:"));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim_end_matches(['\r', '\n']) == expected {
        return Ok(());
    }
    Err(Failure::failed(
        "Not confirmed, nothing was changed. Scripts confirm with --force.",
    ))
}

/// True if a person watches standard error, so that progress bars make sense.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Columns for people.
    Table,
    /// One JSON object a line.
    Json,
    /// RFC 4180 with a header.
    Csv,
}

impl Form {
    pub(crate) fn new(json: bool, csv: bool) -> Self {
        match (json, csv) {
            (true, _) => Form::Json,
            (false, true) => Form::Csv,
            _ => Form::Table,
        }
    }
}

/// Prints a list: the same rows for people, machines and spreadsheets.
///
/// `row` gives a line's cells, in the order of `columns`; `object` its JSON.
pub(crate) fn list<T>(
    form: Form,
    columns: &[&str],
    items: &[T],
    row: impl Fn(&T) -> Vec<String>,
    object: impl Fn(&T) -> Value,
) -> Result<(), Failure> {
    match form {
        Form::Json => items.iter().try_for_each(|item| json(&object(item))),
        Form::Csv => {
            let mut writer = csv::Writer::from_writer(io::stdout().lock());
            writer.write_record(columns)?;
            for item in items {
                let cells = row(item);
                writer.write_record(cells.iter().map(|cell| csv_cell(cell).into_owned()))?;
            }
            writer.flush()?;
            Ok(())
        }
        Form::Table => {
            let rows: Vec<Vec<String>> = items.iter().map(row).collect();
            write!(io::stdout().lock(), "{}", table(columns, &rows))?;
            Ok(())
        }
    }
}

/// Aligned columns under a header in capitals; nothing for an empty list.
fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    let lines: Vec<Vec<Cow<'_, str>>> = std::iter::once(&header)
        .chain(rows)
        .map(|cells| cells.iter().map(|cell| safe(cell)).collect())
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|cells| cells.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for cells in &lines {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Prints one thing: its JSON, or its fields for people; empty ones are left out.
pub(crate) fn show(
    as_json: bool,
    object: &Value,
    fields: &[(&str, String)],
) -> Result<(), Failure> {
    if as_json {
        return json(object);
    }
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        line(&format!("{name:<width$}  {value}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use scim::Value;

    use super::*;

    #[test]
    fn text_from_the_wire_cannot_steer_the_terminal() {
        for (text, expected) in [
            ("Lena Ortiz", "Lena Ortiz"),
            ("Łukasz 日本", "Łukasz 日本"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}nimda", "\\u{202e}nimda"),
        ] {
            assert_eq!(safe(text), expected);
        }
    }

    #[test]
    fn json_is_escaped_and_means_the_same() {
        let value = Value::String("\u{1b}[31m \u{9b} \u{202e} \u{7f} é".to_owned());
        let text = json_text(&value);
        assert!(!text.contains(steers), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn csv_cells_are_no_formulas() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(csv_cell(text), format!("'{text}"));
        }
        assert_eq!(csv_cell("lena@example.com"), "lena@example.com");
    }

    #[test]
    fn tables_are_aligned_by_characters() {
        let rows = vec![
            vec!["é".to_owned(), "x".to_owned()],
            vec!["long\u{1b}".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["key", "name"], &rows),
            "KEY         NAME\né           x\nlong\\u{1b}\n"
        );
        assert_eq!(table(&["key"], &[]), "");
    }
}
