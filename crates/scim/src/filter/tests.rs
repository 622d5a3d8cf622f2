//! The filter language by requirement: tables of filter, resource and answer.

mod properties;
mod second_opinion;

use serde_json::{Value, json};

use super::{
    test_user::{CUSTOM, user},
    *,
};
use crate::{
    Tolerance,
    schema::{CORE_USER, ENTERPRISE_USER},
};

fn babs() -> Map<String, Value> {
    let value = json!({
        "schemas": [CORE_USER, ENTERPRISE_USER, CUSTOM],
        "id": "2819c223-7f76-453A",
        "externalId": "abc",
        "userName": "bjensen",
        "name": { "familyName": "O'Malley", "givenName": "Ba\"r\\b\u{e9}" },
        "displayName": "a\"b\u{e9}\\",
        "title": "",
        "userType": "Employee",
        "profileUrl": "https://login.example.com/BJensen",
        "active": true,
        "emails": [
            { "value": "bjensen@EXAMPLE.com", "type": "work", "primary": true },
            { "value": "babs@jensen.org", "type": "home" },
        ],
        "roles": [],
        "groups": [{ "value": "g1", "$ref": "https://x.example/scim/v2/Groups/g1" }],
        "members": [{ "value": "1", "$ref": "/t/acme/scim/v2/Users/1", "type": "User" }],
        "addresses": [{ "locality": "Hollywood", "type": "work" }],
        "x509Certificates": [{ "value": "AAbb==" }],
        "meta": {
            "resourceType": "User",
            "created": "2011-05-13T04:42:34Z",
            "lastModified": "2011-05-13T04:42:34.5Z",
            "location": "https://x.example/scim/v2/Users/2819c223-7f76-453A",
        },
        ENTERPRISE_USER: {
            "employeeNumber": "701984",
            "department": "R&D",
            "manager": { "value": "26118915", "displayName": "John" },
        },
        CUSTOM: {
            "my_attr-1": "x",
            "badge": 10,
            "score": 1.5,
            "hired": "2020-01-01T00:00:00+01:00",
            "key": "AAbb",
            "tags": ["red", "Blue"],
        },
    });
    value.as_object().cloned().unwrap_or_default()
}

fn read(text: &str, profile: &Profile) -> Result<Filter, Error> {
    Expression::parse(text, &Limits::default())?.resolve(&user(), profile, &mut Fired::default())
}

fn check(profile: &Profile, cases: &[(&str, bool)]) {
    let babs = babs();
    for (text, expected) in cases {
        let filter = read(text, profile).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.matches(&babs), *expected, "{text}");
    }
}

fn check_refused(profile: &Profile, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        match read(text, profile) {
            Ok(filter) => panic!("{text}: accepted as {filter}"),
            Err(error) => {
                assert_eq!(error.kind, crate::Kind::InvalidFilter, "{text}");
                assert!(error.detail.contains(expected), "{text}: {error}");
            }
        }
    }
}

#[test]
fn operators_compare_by_the_type_of_the_attribute() {
    check(
        &Profile::RFC,
        &[
            // FLT-001, FLT-002, FLT-003, FLT-004
            (r#"userName eq "bjensen""#, true),
            (r#"userName eq "other""#, false),
            (r#"USERNAME Eq "bjensen""#, true),
            (r#"userName EQ "x" OR Title PR or Active eq true"#, true),
            (
                r#"URN:IETF:PARAMS:SCIM:SCHEMAS:CORE:2.0:USER:NAME.FAMILYNAME eq "o'malley""#,
                true,
            ),
            (
                r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "BJ""#,
                true,
            ),
            (
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "R&D""#,
                true,
            ),
            // FLT-005
            ("active eq true", true),
            ("active eq false", false),
            ("active ne false", true),
            ("urn:ex:a-b:1.0:User:badge eq 10", true),
            ("urn:ex:a-b:1.0:User:badge eq 10.0", true),
            ("urn:ex:a-b:1.0:User:badge eq 1e1", true),
            ("urn:ex:a-b:1.0:User:score eq 1.5", true),
            (r#"meta.created eq "2011-05-13T06:42:34+02:00""#, true),
            (r#"profileUrl eq "https://login.example.com/BJensen""#, true),
            (r#"urn:ex:a-b:1.0:User:key eq "AAbb""#, true),
            // FLT-006
            (r#"userType ne "employee""#, false),
            (r#"userType ne "Contractor""#, true),
            (r#"nickName ne "x""#, true),
            (r#"emails.type ne "work""#, false),
            (r#"emails.type ne "other""#, true),
            (r#"emails[type ne "work"]"#, true),
            // FLT-007, FLT-008, FLT-009
            (r#"name.familyName co "O'Malley""#, true),
            (r#"name.familyName co "mal""#, true),
            (r#"name.familyName co "mol""#, false),
            (r#"userName sw "J""#, false),
            (r#"userName sw "bjensen""#, true),
            (r#"emails.value ew "@example.com""#, true),
            (r#"emails.value ew "babs@jensen.org""#, true),
            (r#"emails.value ew "example""#, false),
            (r#"nickName co """#, false),
            (r#"userName co """#, true),
            // FLT-010
            ("userName pr", true),
            ("title pr", false),
            ("nickName pr", false),
            ("name pr", true),
            ("emails pr", true),
            ("roles pr", false),
            ("roles.value pr", false),
            ("meta pr", true),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager pr",
                true,
            ),
            // FLT-011
            (r#"userName gt "m""#, false),
            (r#"userName lt "M""#, true),
            (r#"userName ge "BJENSEN""#, true),
            (r#"userName le "bjensem""#, false),
            (r#"nickName gt """#, false),
            // FLT-012
            (
                r#"meta.lastModified ge "2011-05-13T06:42:34.50+02:00""#,
                true,
            ),
            (r#"meta.lastModified gt "2011-05-13T04:42:34.5Z""#, false),
            (r#"meta.lastModified lt "2011-05-13T04:42:34.6""#, true),
            (r#"meta.created lt "2011-05-13T04:42:34.000000001Z""#, true),
            (
                r#"urn:ex:a-b:1.0:User:hired eq "2019-12-31T23:00:00Z""#,
                true,
            ),
            // FLT-013
            ("urn:ex:a-b:1.0:User:badge gt 9", true),
            ("urn:ex:a-b:1.0:User:badge gt 10", false),
            ("urn:ex:a-b:1.0:User:badge ge 10", true),
            ("urn:ex:a-b:1.0:User:badge lt 10.5", true),
            ("urn:ex:a-b:1.0:User:badge gt -1e300", true),
            ("urn:ex:a-b:1.0:User:score le 1.5", true),
            // FLT-016
            (r#"userName eq "BJENSEN""#, true),
            (r#"externalId eq "abc""#, true),
            (r#"externalId eq "ABC""#, false),
            (r#"id eq "2819c223-7f76-453A""#, true),
            (r#"id eq "2819c223-7f76-453a""#, false),
            // FLT-038
            ("userName eq \"\u{ff22}\u{ff2a}ensen\"", true),
            ("name.givenName ew \"be\u{301}\"", true),
            ("name.givenName ew \"B\u{c9}\"", true),
            // FLT-039
            (r#"x509Certificates.value eq "AAbb==""#, true),
            (r#"x509Certificates.value eq "aabb==""#, false),
            (r#"x509Certificates eq "AAbb==""#, true),
            // FLT-040
            (r#"members.$ref eq "https://h.example/Users/1""#, true),
            (
                r#"members.$ref eq "https://h.example/scim/v1/Users/1""#,
                true,
            ),
            (r#"members.$ref eq "/Users/1/""#, true),
            (r#"members.$ref eq "Users/1""#, true),
            (r#"members.$ref eq "/users/1""#, false),
            (r#"members.$ref eq "/Groups/1""#, false),
            (r#"members.$ref ne "/v2/Users/1""#, false),
            (r#"meta.location eq "/Users/2819c223-7f76-453A""#, true),
            (
                r#"profileUrl eq "https://other.example/a/login.example.com/BJensen""#,
                false,
            ),
            (
                r#"profileUrl eq "https://login.example.com/bjensen""#,
                false,
            ),
        ],
    );
}

#[test]
fn logic_and_value_paths() {
    check(
        &Profile::RFC,
        &[
            // FLT-017
            ("active eq true or active eq false and nickName pr", true),
            ("active eq true or (active eq false and nickName pr)", true),
            ("(active eq true or active eq false) and nickName pr", false),
            ("not (nickName pr) and active eq false", false),
            ("not (nickName pr and active eq false)", true),
            ("nickName pr and active eq true or userName pr", true),
            // FLT-018
            (
                r#"(nickName pr or userName pr) and (title pr or (active eq true and (userType eq "Employee")))"#,
                true,
            ),
            ("((((userName pr))))", true),
            // FLT-019
            ("not(active eq true)", false),
            ("not (active eq true)", false),
            ("NOT  ( not(active eq true) )", true),
            ("not(nickName pr)and(userName pr)", true),
            // FLT-020
            (
                r#"emails[type eq "work" and value co "@example.com"]"#,
                true,
            ),
            (
                r#"emails[type eq "work" and value co "@jensen.org"]"#,
                false,
            ),
            (
                r#"emails.type eq "work" and emails.value co "@jensen.org""#,
                true,
            ),
            (r#"not (emails[type eq "other"])"#, true),
            (r#"name[familyName sw "o"]"#, true),
            // FLT-021
            (
                r#"emails[type eq "other" or (type eq "home" and value ew "@jensen.org")]"#,
                true,
            ),
            (r#"emails[not (type eq "work") and value pr]"#, true),
            (r#"emails[not(type pr)]"#, false),
            (r#"emails[ type eq "home" ]"#, true),
            // FLT-023
            (r#"emails.value eq "babs@jensen.org""#, true),
            (r#"urn:ex:a-b:1.0:User:tags eq "blue""#, true),
            (r#"urn:ex:a-b:1.0:User:tags[value eq "blue"]"#, true),
            (r#"urn:ex:a-b:1.0:User:tags ne "red""#, false),
            // FLT-024
            (r#"emails co "example.com""#, true),
            (r#"emails eq "babs@jensen.org""#, true),
            (
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "26118915""#,
                true,
            ),
            // FLT-029
            (r#"displayName eq "a\"b\u00e9\\""#, true),
            (r#"displayName eq "a\"b\u00e8\\""#, false),
            ("nickName eq null", true),
            ("nickName ne null", false),
            ("title eq null", true),
            ("userName eq null", false),
            ("emails eq null", false),
            ("roles eq null", true),
            ("name ne null", true),
            (r#"emails[primary eq null]"#, true),
            // FLT-031
            (
                r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
                true,
            ),
            (r#"schemas eq "urn:none""#, false),
            // FLT-032
            (r#"meta.resourceType eq "User""#, true),
            (r#"meta.created gt "2011-01-01T00:00:00Z""#, true),
            (r#"id pr and externalId sw "a""#, true),
            // FLT-034
            // The resource is given as it was returned, with defaults.
            ("active eq true", true),
            // FLT-043
            ("members.$ref pr", true),
            (r#"members[$ref eq "/Users/1"]"#, true),
            // FLT-044
            (r#"urn:ex:a-b:1.0:User:my_attr-1 eq "x""#, true),
            (r#"URN:EX:A-B:1.0:USER:MY_ATTR-1 EQ "X""#, true),
            // FLT-045
            (r#"members eq "1""#, true),
            (r#"id pr and members eq "2""#, false),
            (r#"members[value eq "1"]"#, true),
            (r#"groups.value eq "g1""#, true),
        ],
    );
}

#[test]
fn what_does_not_fit_the_type_is_refused() {
    check_refused(
        &Profile::GENERIC,
        &[
            // FLT-014
            ("active gt true", "gt does not work with \"active\""),
            (r#"x509Certificates.value lt "AA==""#, "binary"),
            (r#"x509Certificates[value ge "AA=="]"#, "binary"),
            // FLT-015
            (r#"active co "t""#, "co does not work"),
            ("urn:ex:a-b:1.0:User:badge sw 1", "a number"),
            (r#"meta.created ew "Z""#, "dateTime"),
            // FLT-025
            (r#"name eq "x""#, "familyName or givenName"),
            (r#"addresses co "x""#, "locality or type"),
            (r#"meta eq "x""#, "complex"),
            // FLT-028
            ("nope eq 1", "\"nope\", which is no attribute of User"),
            ("name.nope pr", "\"name.nope\""),
            ("userName.value pr", "\"userName.value\""),
            (
                r#"emails[nope eq "x"]"#,
                "value, display, type, primary or $ref",
            ),
            (r#"emails[type eq "x"].nope pr"#, "\"nope\""),
            (r#"userName[value eq "x"]"#, "without brackets"),
            (r#"emails.value[value eq "x"]"#, "without brackets"),
            ("urn:ex:a-b:1.0:User pr", "no attribute"),
            ("urn:ex:unknown:1.0:User:x pr", "no attribute"),
            // FLT-035, FLT-036
            (r#"password eq "x""#, "never returned"),
            (r#"password co "x""#, "never returned"),
            ("password pr", "never returned"),
            ("urn:ex:a-b:1.0:User:secret.value pr", "never returned"),
            // FLT-041
            (r#"meta.created gt "2011-05-13""#, "a date with time"),
            (
                r#"meta.created gt "2011-13-13T00:00:00Z""#,
                "a date with time",
            ),
            ("meta.created gt 5", "a date with time"),
            (r#"urn:ex:a-b:1.0:User:badge eq "5""#, "a number"),
            ("urn:ex:a-b:1.0:User:badge eq true", "a number"),
            (r#"active eq "yes""#, "true or false"),
            ("active eq 1", "true or false"),
            ("userName gt null", "Only eq and ne"),
        ],
    );
    // The value a complex attribute is compared by counts as well.
    check_refused(
        &Profile::GENERIC,
        &[(r#"urn:ex:a-b:1.0:User:secret eq "x""#, "never returned")],
    );
}

#[test]
fn malformed_filters_are_refused_with_position_and_expectation() {
    check_refused(
        &Profile::GENERIC,
        &[
            // FLT-021
            (
                "a[b[c eq 1]]",
                "at character 3, expected a comparison of a sub-attribute",
            ),
            // FLT-026
            (
                r#"userName regex ".*""#,
                "unknown operator \"regex\" at character 10",
            ),
            (r#"userName = "x""#, "expected an operator"),
            // FLT-027
            ("", "empty"),
            ("  ", "empty"),
            ("userName eq", "ends at character 12, where a value"),
            ("userName", "ends at character 9, where an operator"),
            (r#"eq "x""#, "expected an operator"),
            (
                "(userName eq 1",
                "closing parenthesis of the one at character 1",
            ),
            ("userName pr)", "closes nothing"),
            (
                r#"userName eq "x" and"#,
                "ends at character 20, where an attribute name",
            ),
            (r#"userName eq "x" or or"#, "where an operator"),
            (r#"userName eq "x" active eq true"#, "and, or, or the end"),
            (
                r#"userName eq "x"and active eq true"#,
                "a space after the value",
            ),
            (r#"userName eq "x"#, "closing quote"),
            (r#"userName eq "\x""#, "a JSON string"),
            ("userName eq \"a\nb\"", "a JSON string"),
            (r#"userName eq "\ud800""#, "a JSON string"),
            (r#"emails[type eq "work""#, "closing bracket"),
            (r#"emails[type eq "work")"#, "closing bracket"),
            (r#"emails [type eq "work"]"#, "expected an operator"),
            ("emails[]", "an attribute name"),
            ("()", "an attribute name"),
            (r#"emails[type eq "work"]."#, "a sub-attribute name"),
            ("not userName pr", "an opening parenthesis after not"),
            (r#"not (userName pr"#, "closing parenthesis"),
            ("userName eq ()", "a value"),
            ("é pr", "at character 1, expected an attribute name"),
            (r#""é" é"#, "at character 1"),
        ],
    );
}

/// Each filter is refused by `rfc` and read by `generic` as the other one, noting the tolerances.
#[test]
fn loose_forms_are_read_by_lenient_profiles_only() {
    use Tolerance::*;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for (loose, meaning, tolerances) in [
        // FLT-022
        (
            r#"emails[type eq "work"].value eq "bjensen@example.com""#,
            r#"emails[type eq "work" and value eq "bjensen@example.com"]"#,
            &[ValuePathComparison][..],
        ),
        (
            r#"emails[type eq "work"].value ne "x""#,
            r#"not (emails[type eq "work" and value eq "x"])"#,
            &[ValuePathComparison],
        ),
        (
            r#"emails[type eq "work"].display eq null"#,
            r#"not (emails[type eq "work" and display pr])"#,
            &[ValuePathComparison],
        ),
        (
            r#"emails[type eq "work"].value pr and userName pr"#,
            r#"emails[type eq "work" and value pr] and userName pr"#,
            &[ValuePathComparison],
        ),
        (
            r#"roles[primary eq "True"].value eq "x""#,
            r#"roles[primary eq true and value eq "x"]"#,
            &[StringBoolean, ValuePathComparison],
        ),
        // FLT-030
        (
            "meta.resourceType eq User",
            r#"meta.resourceType eq "User""#,
            &[LooseFilterValue],
        ),
        (
            "userName eq alice",
            r#"userName eq "alice""#,
            &[LooseFilterValue],
        ),
        (
            "(userName eq a.o'hara+x@example.com)",
            r#"userName eq "a.o'hara+x@example.com""#,
            &[LooseFilterValue],
        ),
        (
            "userName eq 'O\\'Hara \"x\"'",
            r#"userName eq "O'Hara \"x\"""#,
            &[LooseFilterValue],
        ),
        (
            r#"userName eq"alice""#,
            r#"userName eq "alice""#,
            &[LooseFilterValue],
        ),
        (
            "userName eq'alice'",
            r#"userName eq "alice""#,
            &[LooseFilterValue],
        ),
        (
            "userName eq 0815",
            r#"userName eq "0815""#,
            &[LooseFilterValue],
        ),
        (
            "userName eq 1.50",
            r#"userName eq "1.50""#,
            &[LooseFilterValue],
        ),
        (
            "userName eq true",
            r#"userName eq "true""#,
            &[LooseFilterValue],
        ),
        (
            "meta.created gt 2011-05-13T04:42:34Z",
            r#"meta.created gt "2011-05-13T04:42:34Z""#,
            &[LooseFilterValue],
        ),
        (
            "active eq True",
            "active eq true",
            &[StringBoolean, LooseFilterValue],
        ),
        (r#"active eq "True""#, "active eq true", &[StringBoolean]),
        (r#"active ne "FALSE""#, "active ne false", &[StringBoolean]),
        (
            r#"email eq "babs@jensen.org""#,
            r#"emails.value eq "babs@jensen.org""#,
            &[EmailAlias],
        ),
        (
            r#"EMAIL.type eq "home""#,
            r#"emails.type eq "home""#,
            &[EmailAlias],
        ),
        (
            r#"email[type eq "home"]"#,
            r#"emails[type eq "home"]"#,
            &[EmailAlias],
        ),
        (
            r#"department eq "R&D""#,
            &format!(r#"{enterprise}:department eq "R&D""#),
            &[BareExtensionAttribute],
        ),
        (
            r#"manager.value eq "26118915""#,
            &format!(r#"{enterprise}:manager eq "26118915""#),
            &[BareExtensionAttribute],
        ),
    ] {
        let mut fired = Fired::default();
        let expression = Expression::parse(loose, &Limits::default()).unwrap();
        let filter = expression
            .resolve(&user(), &Profile::GENERIC, &mut fired)
            .unwrap_or_else(|error| panic!("{loose}: {error}"));
        assert_eq!(filter, read(meaning, &Profile::RFC).unwrap(), "{loose}");
        assert_eq!(fired.set.iter().collect::<Vec<_>>(), tolerances, "{loose}");
        let error = read(loose, &Profile::RFC).unwrap_err();
        assert_eq!(error.kind, crate::Kind::InvalidFilter, "{loose}");
    }
}

// FLT-028
#[test]
fn an_attribute_of_another_resource_type_has_no_value_at_the_root() {
    for (text, expected) in [
        ("nope eq 1", "false"),
        ("nope ne 1", "true"),
        ("nope eq null", "true"),
        ("nope ne null", "false"),
        ("nope pr", "false"),
        ("not (nope pr)", "true"),
        ("nope[a eq 1 or b pr]", "false"),
        ("nope[a eq 1].b ne 2", "true"),
        ("nope pr or userName pr", "userName pr"),
        ("nope pr and userName pr", "false"),
        ("not (nope pr) and userName pr", "userName pr"),
    ] {
        let filter = Expression::parse(text, &Limits::default())
            .unwrap()
            .resolve_at_root(&user(), &Profile::GENERIC, &mut Fired::default())
            .unwrap();
        assert_eq!(filter.to_string(), expected, "{text}");
    }
}

// FLT-042
#[test]
fn limits_are_named_and_hostile_filters_are_refused_at_once() {
    let wide = Limits {
        length: usize::MAX,
        ..Limits::default()
    };
    let unlimited = Limits {
        length: usize::MAX,
        depth: usize::MAX,
        terms: usize::MAX,
    };
    let terms = vec!["userName pr"; 10_000].join(" or ");
    let parentheses = "(".repeat(5_000);
    let negations = "not (".repeat(5_000);
    let closed = format!("{}userName pr{}", "(".repeat(129), ")".repeat(129));
    for (text, limits, expected) in [
        (&terms, Limits::default(), "the limit is 16384"),
        (&terms, wide, "more than 500 comparisons"),
        (&parentheses, Limits::default(), "deeper than 32 levels"),
        (&negations, wide, "deeper than 32 levels"),
        (&negations, unlimited, "deeper than 128 levels"),
        (&closed, unlimited, "deeper than 128 levels"),
    ] {
        let error = Expression::parse(text, &limits).unwrap_err();
        assert_eq!(error.kind, crate::Kind::InvalidFilter);
        assert!(error.detail.contains(expected), "{error}");
    }
    let deepest = &closed[1..closed.len() - 1];
    assert!(Expression::parse(deepest, &unlimited).is_ok());
    // Anything but linear would take minutes.
    let long = vec!["userName pr"; 100_000].join(" or ");
    assert!(Expression::parse(&long, &unlimited).is_ok());
    let value = format!("userName eq \"{}\"", "\\u0041".repeat(300_000));
    assert!(Expression::parse(&value, &unlimited).is_ok());
}

#[test]
fn patch_paths_are_split_at_the_brackets() {
    let parse = |text| ValuePath::parse(text, &Limits::default());
    let path =
        parse(r#"urn:ex:a-b:1.0:User:emails[type eq "work" and not (value pr)].value"#).unwrap();
    assert_eq!(path.name, "urn:ex:a-b:1.0:User:emails");
    assert_eq!(path.sub.as_deref(), Some("value"));
    let emails = user().resolve("emails").unwrap();
    let filter = path
        .filter
        .unwrap()
        .resolve_element(&emails, &Profile::RFC, &mut Fired::default())
        .unwrap();
    assert!(filter.matches_element(&json!({ "type": "WORK" })));
    assert!(!filter.matches_element(&json!({ "type": "work", "value": "x" })));
    assert!(!filter.matches_element(&json!("work")));
    let plain = parse("name.familyName").unwrap();
    assert_eq!(
        (plain.name.as_str(), plain.filter, plain.sub),
        ("name.familyName", None, None)
    );
    for (text, kind) in [
        ("", crate::Kind::InvalidPath),
        ("emails[type eq \"work\"]x", crate::Kind::InvalidPath),
        ("emails[type eq \"work\"].", crate::Kind::InvalidPath),
        ("emails[type zz \"work\"]", crate::Kind::InvalidFilter),
        ("emails[type eq \"work\"", crate::Kind::InvalidFilter),
        ("name familyName", crate::Kind::InvalidPath),
    ] {
        assert_eq!(parse(text).unwrap_err().kind, kind, "{text}");
    }
}

#[test]
fn every_match_contains_one_of_the_required_texts() {
    for (text, expected) in [
        (r#"userName eq "BJensen""#, Some(&["bjensen"][..])),
        (
            r#"userName co "ab" and emails[type eq "work" and value ew "@Example.com"]"#,
            Some(&["@example.com"]),
        ),
        (r#"externalId eq "ABC""#, Some(&["abc"])),
        (r#"externalId sw "ABC""#, Some(&["ab"])),
        (r#"userName eq "a" or userName eq "b""#, Some(&["a", "b"])),
        (
            r#"userName co "Ann" or displayName co "ann" or name.givenName eq "Ann""#,
            Some(&["ann"]),
        ),
        (
            r#"(userName co "a" or userName co "bcd") and displayName co "xy""#,
            Some(&["xy"]),
        ),
        (r#"userName eq "a" or active eq true"#, Some(&["a", "true"])),
        (r#"userName eq "a" or active ne true"#, None),
        (
            r#"title eq "a" or title eq "b" or title eq "c" or title eq "d" or title eq "e""#,
            None,
        ),
        (r#"not (userName eq "a")"#, None),
        (r#"userName ne "abc""#, None),
        (r#"userName gt "abc""#, None),
        (r#"userName eq "a\"b""#, None),
        (r#"profileUrl co "a/b""#, None),
        ("userName eq \"\u{e9}\"", None),
        (r#"userName co """#, None),
        ("active eq true", Some(&["true"])),
        ("active ne true", None),
        (r#"id eq "abc""#, None),
        (r#"meta.version eq "abc""#, None),
        (r#"groups.value eq "abc""#, None),
        (r#"members[value eq "abc"]"#, None),
        (r#"schemas eq "abc""#, None),
    ] {
        let filter = read(text, &Profile::RFC).unwrap();
        let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(filter.required_texts(), expected, "{text}");
    }
}

#[test]
fn mentions_core_attributes_wherever_they_stand() {
    let filter = read(
        r#"not (emails[type eq "x"] or name.familyName pr) and urn:ex:a-b:1.0:User:tags pr"#,
        &Profile::RFC,
    )
    .unwrap();
    assert!(filter.mentions("emails") && filter.mentions("name"));
    assert!(!filter.mentions("type") && !filter.mentions("tags") && !filter.mentions("groups"));
}

#[test]
fn numbers_compare_exactly() {
    let number = |text: &str| -> serde_json::Number { serde_json::from_str(text).unwrap() };
    let ascending = [
        "-1e308",
        "-9223372036854775809.0",
        "-9223372036854775808",
        "-1.5",
        "-1",
        "-0.5",
        "0",
        "0.5",
        "1",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "18446744073709551615",
        "1e20",
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            // A float this large is the integer beside it.
            if [i, j].iter().all(|k| (1..=2).contains(k)) {
                continue;
            }
            assert_eq!(
                compare_numbers(&number(a), &number(b)),
                i.cmp(&j),
                "{a} {b}"
            );
        }
    }
    assert!(compare_numbers(&number("0"), &number("-0.0")).is_eq());
}
