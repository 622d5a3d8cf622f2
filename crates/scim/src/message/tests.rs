//! Queries as clients write them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn from_url(query: &str) -> Result<Query, Error> {
    Query::from_query_string(query)
}

fn from_body(body: Value, profile: Profile) -> Result<(Query, Fired), Error> {
    let mut fired = Fired::default();
    let Value::Object(body) = body else {
        panic!("a message is an object");
    };
    let query = Query::from_search_request(&body, &profile, &mut fired)?;
    Ok((query, fired))
}

fn search(mut rest: Value) -> Value {
    rest["schemas"] = json!([SEARCH_REQUEST]);
    rest
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

// PAGE-001, PAGE-003, PAGE-004, CUR-001, CUR-005, ATTR-003, ATTR-013
#[test]
fn a_query_string_is_read_parameter_by_parameter() {
    let empty = Query::default;
    for (query, expected) in [
        ("", empty()),
        ("&&", empty()),
        ("foo=bar&aadOptscim062020", empty()),
        (
            "filter=userName+eq+%22a%2Bb%40x%22&startIndex=1&count=100&",
            Query {
                filter: Some("userName eq \"a+b@x\"".into()),
                start_index: Some(1),
                count: Some(100),
                ..empty()
            },
        ),
        (
            "filter=a%20eq%20%2522",
            Query {
                filter: Some("a eq %22".into()),
                ..empty()
            },
        ),
        (
            "filter=displayName eq \"é\"",
            Query {
                filter: Some("displayName eq \"é\"".into()),
                ..empty()
            },
        ),
        (
            "filter=",
            Query {
                filter: Some(String::new()),
                ..empty()
            },
        ),
        (
            "filter=a=b",
            Query {
                filter: Some("a=b".into()),
                ..empty()
            },
        ),
        (
            "startIndex=0",
            Query {
                start_index: Some(1),
                ..empty()
            },
        ),
        (
            "STARTINDEX=-5",
            Query {
                start_index: Some(1),
                ..empty()
            },
        ),
        (
            "count=-1",
            Query {
                count: Some(0),
                ..empty()
            },
        ),
        (
            "count=0",
            Query {
                count: Some(0),
                ..empty()
            },
        ),
        (
            "count=99999999999999999999999",
            Query {
                count: Some(u64::MAX),
                ..empty()
            },
        ),
        (
            "count=1&count=2",
            Query {
                count: Some(2),
                ..empty()
            },
        ),
        (
            "cursor",
            Query {
                cursor: Some(String::new()),
                ..empty()
            },
        ),
        (
            "cursor=&count=2",
            Query {
                cursor: Some(String::new()),
                count: Some(2),
                ..empty()
            },
        ),
        (
            "sortBy=name.familyName&sortOrder=descending",
            Query {
                sort_by: Some("name.familyName".into()),
                sort_order: Some("descending".into()),
                ..empty()
            },
        ),
        ("sortBy=&sortOrder=", empty()),
        (
            "attributes=userName,%20emails.value,,&ATTRIBUTES=id",
            Query {
                attributes: list(&["userName", "emails.value", "id"]),
                ..empty()
            },
        ),
        (
            "excludedAttributes=members",
            Query {
                excluded_attributes: list(&["members"]),
                ..empty()
            },
        ),
        ("attributes=", empty()),
    ] {
        assert_eq!(from_url(query), Ok(expected), "{query}");
    }
}

// PAGE-007, CUR-010, CUR-015
#[test]
fn a_query_string_that_cannot_be_read_is_refused() {
    for (query, kind) in [
        ("count=abc", Kind::InvalidValue),
        ("count=", Kind::InvalidValue),
        ("count=1.5", Kind::InvalidValue),
        ("count=--1", Kind::InvalidValue),
        ("startIndex=x", Kind::InvalidValue),
        ("startIndex=\u{0661}", Kind::InvalidValue),
        ("cursor&count=abc", Kind::InvalidCount),
        ("count=abc&cursor=x", Kind::InvalidCount),
        ("cursor=&startIndex=2", Kind::InvalidValue),
        ("filter=%", Kind::InvalidSyntax),
        ("filter=%2", Kind::InvalidSyntax),
        ("filter=%zz", Kind::InvalidSyntax),
        ("filter=%ff", Kind::InvalidSyntax),
        ("filter=%00", Kind::InvalidSyntax),
        ("%ff=1", Kind::InvalidSyntax),
    ] {
        assert_eq!(from_url(query).unwrap_err().kind, kind, "{query}");
    }
}

// SRCH-003, SRCH-004, CUR-014, PAGE-001, PAGE-003
#[test]
fn a_search_request_means_what_its_query_string_means() {
    for (body, query) in [
        (json!({}), ""),
        (
            json!({"attributes": ["userName", "name.givenName"], "filter": "a pr", "sortBy": "a", "sortOrder": "ascending", "startIndex": 0, "count": -1}),
            "attributes=userName,name.givenName&filter=a%20pr&sortBy=a&sortOrder=ascending&startIndex=0&count=-1",
        ),
        (
            json!({"CURSOR": "", "count": 2, "excludedAttributes": ["members"]}),
            "cursor=&count=2&excludedAttributes=members",
        ),
        (json!({"filter": null, "attributes": []}), ""),
    ] {
        let (read, fired) = from_body(search(body), Profile::RFC).unwrap();
        assert_eq!(Ok(read), from_url(query));
        assert!(fired.is_empty());
    }
}

// SRCH-003, SRCH-005, CUR-010, CUR-014, CUR-015, PAGE-007
#[test]
fn a_search_request_that_cannot_be_read_is_refused_in_every_profile() {
    for (body, kind) in [
        (json!({"schemas": [LIST_RESPONSE]}), Kind::InvalidSyntax),
        (json!({"schemas": SEARCH_REQUEST}), Kind::InvalidSyntax),
        (search(json!({"attributes": {}})), Kind::InvalidSyntax),
        (search(json!({"attributes": [1]})), Kind::InvalidSyntax),
        (search(json!({"filter": 1})), Kind::InvalidValue),
        (search(json!({"count": "5"})), Kind::InvalidValue),
        (search(json!({"count": 1.5})), Kind::InvalidValue),
        (search(json!({"count": []})), Kind::InvalidValue),
        (
            search(json!({"count": "x", "cursor": ""})),
            Kind::InvalidCount,
        ),
        (
            search(json!({"startIndex": 1, "cursor": ""})),
            Kind::InvalidValue,
        ),
    ] {
        for profile in Profile::ALL {
            let error = from_body(body.clone(), *profile).unwrap_err();
            assert_eq!(error.kind, kind, "{body}");
        }
    }
}

// SRCH-005, SRCH-007
#[test]
fn a_search_request_is_forgiven_in_generic_only() {
    for (body, names, tolerance) in [
        (
            json!({"attributes": ["a"]}),
            vec!["a"],
            Tolerance::InferSchemas,
        ),
        (
            json!({"schemas": [], "attributes": ["a"]}),
            vec!["a"],
            Tolerance::InferSchemas,
        ),
        (
            search(json!({"attributes": "a,b"})),
            vec!["a", "b"],
            Tolerance::CommaAttributes,
        ),
        (
            search(json!({"attributes": ["a,b"]})),
            vec!["a", "b"],
            Tolerance::CommaAttributes,
        ),
        (
            search(json!({"attributes": ["a"], "page": 2})),
            vec!["a"],
            Tolerance::UnknownAttribute,
        ),
    ] {
        let (read, fired) = from_body(body.clone(), Profile::GENERIC).unwrap();
        assert_eq!(read.attributes, list(&names));
        assert_eq!(fired.set.iter().collect::<Vec<_>>(), vec![tolerance]);
        let error = from_body(body, Profile::RFC).unwrap_err();
        assert_eq!(error.kind, Kind::InvalidSyntax);
    }
}

proptest! {
    #[test]
    fn any_query_string_is_read_or_refused(query in "((count|filter|cursor|attributes)=)?[%&=+a-f0-9é,]{0,20}") {
        if let Err(error) = from_url(&query) {
            prop_assert_eq!(error.kind.status(), 400);
        }
    }

    #[test]
    fn any_filter_survives_its_encoding(filter in "[^\\x00]{0,20}") {
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let read = from_url(&format!("filter={encoded}")).unwrap();
        prop_assert_eq!(read.filter, Some(filter));
    }
}
