//! Files to take away: the same rows as lines of JSON or as a table.

use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::Response,
};
use bytes::Bytes;
use hyper::body::Frame;
use scim::Value;
use tokio::sync::mpsc;

use super::{Problem, exported::Exported, visit::Visit};

/// Parts that wait for the browser.
const WAITING: usize = 2;

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

/// The rows of a file, some at a time, so that a file of any length takes little memory.
pub(super) trait Rows: Send + 'static {
    /// The next rows; `None`: that was all.
    fn more(
        &mut self,
        visit: &Visit,
    ) -> impl Future<Output = Result<Option<Vec<Value>>, Problem>> + Send;
}

/// The file; `columns` are the members of each row that a table shows.
///
/// It is sent while it is read. What fails before the first rows is answered as a problem; what fails
/// later breaks the connection off, so that no browser takes the part for the whole. The audit is told how many
/// rows went out, also when that were not all.
pub(super) async fn file(
    visit: Visit,
    name: &str,
    form: Form,
    columns: &'static [&'static str],
    mut rows: impl Rows,
    told: Exported,
) -> Result<Response, Problem> {
    let (kind, ending) = match form {
        Form::Ndjson => ("application/x-ndjson", "ndjson"),
        Form::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let head = match form {
        Form::Ndjson => Vec::new(),
        Form::Csv => table(columns, &[], true)?,
    };
    let first = rows.more(&visit).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut count = 0;
        let sent = send(
            &visit,
            form,
            columns,
            (first, rows),
            head,
            (&sender, &mut count),
        )
        .await;
        told.end(count).await;
        if sent.is_err() {
            // A browser that has gone need not be told.
            let _ = sender.send(Err(Cut)).await;
        }
    });
    let mut response = Response::new(Body::new(Parts(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"provisor-{name}.{ending}\"");
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Sends the head, the first rows and the others, while the session is what it was.
async fn send(
    visit: &Visit,
    form: Form,
    columns: &[&str],
    (first, mut rows): (Option<Vec<Value>>, impl Rows),
    head: Vec<u8>,
    (sender, count): (&mpsc::Sender<Result<Bytes, Cut>>, &mut usize),
) -> Result<(), Problem> {
    let gone = |_| Problem::internal(&"the browser has gone");
    sender.send(Ok(head.into())).await.map_err(gone)?;
    let mut next = first;
    while let Some(some) = next {
        let bytes = match form {
            Form::Ndjson => lines(&some),
            Form::Csv => table(columns, &some, false)?,
        };
        // The browser's pace decides how long a part waits, so the session is read when there is room.
        let Ok(room) = sender.reserve().await else {
            return Ok(());
        };
        let session = visit.read().await?.session(&visit.secret).await?;
        if session.is_none_or(|session| session.holder != visit.viewer.session.holder) {
            return Err(Problem::forbidden(visit.viewer.person.role.as_str()));
        }
        room.send(Ok(bytes.into()));
        *count += some.len();
        next = rows.more(visit).await?;
    }
    Ok(())
}

/// Parts of a file as they are read.
struct Parts(mpsc::Receiver<Result<Bytes, Cut>>);

/// Why a file ends before its end.
#[derive(Debug, thiserror::Error)]
#[error("the file could not be read to its end")]
struct Cut;

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let received = self.0.poll_recv(context);
        received.map(|part| part.map(|part| part.map(Frame::data)))
    }
}

fn lines(rows: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
    lines.concat().into_bytes()
}

fn table(columns: &[&str], rows: &[Value], has_head: bool) -> Result<Vec<u8>, Problem> {
    let failed = |error: &dyn std::fmt::Display| Problem::internal(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    if has_head {
        let written = writer.write_record(columns);
        written.map_err(|error| failed(&error))?;
    }
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
        let table = table(&["a", "b", "c"], &rows, true).unwrap();
        assert_eq!(
            String::from_utf8(table).unwrap(),
            "a,b,c\n'=cmd|' /C calc'!A0,\"x\"\",\"\"y\nz\",\n"
        );
        for start in ["+1", "-1", "@A", "\t=1", "\r=1"] {
            assert_eq!(cell(start), format!("'{start}"));
        }
    }
}
