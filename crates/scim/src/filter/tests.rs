use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::schema::{
    CORE_USER, ENTERPRISE_USER, Extension, Mutability, Returned, Schema, Type, Uniqueness,
};

/// `name kind flags`: `*` multi-valued, `!` caseExact, `-` never returned; sub-attributes follow.
fn attribute(spec: &str, sub_attributes: &[&str]) -> Arc<Attribute> {
    let mut words = spec.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let kind = match words.next().unwrap_or("string") {
        "boolean" => Type::Boolean,
        "integer" => Type::Integer,
        "decimal" => Type::Decimal,
        "dateTime" => Type::DateTime,
        "binary" => Type::Binary,
        "reference" => Type::Reference,
        "complex" => Type::Complex,
        _ => Type::String,
    };
    let flags = words.next().unwrap_or_default();
    Arc::new(Attribute {
        name,
        kind,
        multi_valued: flags.contains('*'),
        description: String::new(),
        required: false,
        canonical_values: Vec::new(),
        case_exact: flags.contains('!'),
        mutability: Mutability::ReadWrite,
        returned: if flags.contains('-') {
            Returned::Never
        } else {
            Returned::Default
        },
        uniqueness: Uniqueness::None,
        reference_types: Vec::new(),
        sub_attributes: sub_attributes
            .iter()
            .map(|sub| attribute(sub, &[]))
            .collect(),
    })
}

fn schema(id: &str, attributes: Vec<Arc<Attribute>>) -> Arc<Schema> {
    Arc::new(Schema {
        id: id.to_owned(),
        name: String::new(),
        description: String::new(),
        attributes,
    })
}

/// An extension whose names need care: dots in the URN, `-`, `_` and digits.
pub(crate) const CUSTOM: &str = "urn:ex:a-b:1.0:User";

/// A User with all types.
pub(crate) fn user() -> ResourceType {
    let plural = |name: &str| {
        attribute(
            &format!("{name} complex *"),
            &[
                "value",
                "display",
                "type",
                "primary boolean",
                "$ref reference",
            ],
        )
    };
    let core = vec![
        attribute("schemas reference *!", &[]),
        attribute("id string !", &[]),
        attribute("externalId string !", &[]),
        attribute(
            "meta complex",
            &[
                "resourceType string !",
                "created dateTime",
                "lastModified dateTime",
                "location reference",
                "version string !",
            ],
        ),
        attribute("userName", &[]),
        attribute("name complex", &["familyName", "givenName"]),
        attribute("displayName", &[]),
        attribute("nickName", &[]),
        attribute("title", &[]),
        attribute("userType", &[]),
        attribute("profileUrl reference", &[]),
        attribute("active boolean", &[]),
        attribute("password string -", &[]),
        plural("emails"),
        plural("roles"),
        plural("groups"),
        plural("members"),
        attribute("addresses complex *", &["locality", "type"]),
        attribute("x509Certificates complex *", &["value binary", "type"]),
    ];
    let enterprise = vec![
        attribute("employeeNumber", &[]),
        attribute("department", &[]),
        attribute(
            "manager complex",
            &["value", "$ref reference", "displayName"],
        ),
    ];
    let custom = vec![
        attribute("my_attr-1", &[]),
        attribute("badge integer", &[]),
        attribute("score decimal", &[]),
        attribute("hired dateTime", &[]),
        attribute("key binary", &[]),
        attribute("tags string *", &[]),
        attribute("secret complex", &["value string -", "hint"]),
    ];
    let extension = |schema| Extension {
        schema,
        required: false,
    };
    ResourceType {
        name: "User".to_owned(),
        endpoint: "/Users".to_owned(),
        description: String::new(),
        schema: schema(CORE_USER, core),
        extensions: vec![
            extension(schema(ENTERPRISE_USER, enterprise)),
            extension(schema(CUSTOM, custom)),
        ],
    }
}

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
            // FLT-034: the resource is given as it was returned, with defaults.
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
