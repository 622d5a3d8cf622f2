//! `/search`: where the search box leads.

use axum::response::Response;

use super::{Problem, ROUTES, fields::Fields, visit::Visit};

/// Pages that can be searched: what begins or looks so, and where it goes.
fn page(text: &str) -> &'static str {
    match text {
        _ if text.starts_with("req_") => "/log",
        _ if text.contains('@') => "/why",
        _ => "/users",
    }
}

/// True if there is a page to lead to.
pub(super) fn is_possible() -> bool {
    ["/users", "/why"]
        .iter()
        .all(|path| ROUTES.iter().any(|route| route.path == *path))
}

/// An e-mail goes to "why", a request id to the log, anything else to the users.
pub(super) async fn find(visit: Visit) -> Result<Response, Problem> {
    let text = visit.query.get("q");
    let path = page(text);
    if !ROUTES.iter().any(|route| route.path == path) {
        return Err(Problem::missing("page to search"));
    }
    Ok(visit.go(
        &format!("{path}?{}", Fields::default().with("q", text)),
        None,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_decides_where() {
        for (text, expected) in [
            ("lena@acme.com", "/why"),
            ("req_01hq", "/log"),
            ("Lena Ortiz", "/users"),
            ("", "/users"),
        ] {
            assert_eq!(page(text), expected, "{text}");
        }
    }
}
