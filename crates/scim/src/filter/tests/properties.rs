//! Properties of random filters on random resources.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fold::{fold, keeps_ascii};

/// Few and hurtful, so that filters match: case, width, combining marks, escapes. The letters
/// occur in no attribute name, so that none is found in the JSON by chance.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[wWzZk]{0,2}",
        1 => "[wZ]\u{301}?[k=]?",
        1 => "[wZ\u{301}\u{ff3a}\u{212a}\u{130}\u{3a3}=\u{338}\"\\\\/\n]{0,3}",
    ]
}

fn literal() -> impl Strategy<Value = String> {
    text().prop_map(|text| Value::from(text).to_string())
}

fn comparison(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let op = prop_oneof![
        2 => Just("eq"),
        1 => Just("ne"),
        2 => Just("co"),
        1 => Just("sw"),
        1 => Just("ew"),
        1 => Just("gt"),
        1 => Just("le"),
    ];
    prop_oneof![
        6 => (prop::sample::select(names), op, literal())
            .prop_map(|(name, op, value)| format!("{name} {op} {value}")),
        1 => prop::sample::select(names).prop_map(|name| format!("{name} pr")),
        1 => prop::sample::select(names).prop_map(|name| format!("{name} eq null")),
    ]
}

fn logic(leaf: BoxedStrategy<String>) -> BoxedStrategy<String> {
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" or ")),
            1 => inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
    .boxed()
}

fn filter_text() -> BoxedStrategy<String> {
    let of_user = comparison(&[
        "userName",
        "externalId",
        "nickName",
        "name.familyName",
        "emails",
        "emails.type",
        "roles.value",
        "profileUrl",
        "members.$ref",
        "urn:ex:a-b:1.0:User:my_attr-1",
        "urn:ex:a-b:1.0:User:tags",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    ]);
    let of_email = logic(comparison(&["type", "value", "display", "$ref"]).boxed());
    let typed = prop::sample::select(&[
        "active eq true",
        "active ne false",
        "urn:ex:a-b:1.0:User:badge gt 1",
        "urn:ex:a-b:1.0:User:badge le 1.5",
        "meta.created lt \"2011-05-13T04:42:34.25+02:00\"",
    ])
    .prop_map(str::to_owned);
    logic(
        prop_oneof![
            6 => of_user,
            2 => of_email.prop_map(|inner| format!("emails[{inner}]")),
            1 => typed,
        ]
        .boxed(),
    )
}

fn resource() -> impl Strategy<Value = Map<String, Value>> {
    let email = (text(), text())
        .prop_map(|(value, kind)| json!({ "value": value, "type": kind, "$ref": "/Users/a" }));
    (
        prop::array::uniform6(text()),
        prop::collection::vec(email, 0..3),
        prop::collection::vec(text(), 0..3),
        prop::option::of(0..3_i32),
    )
        .prop_map(|(texts, emails, tags, badge)| {
            let [user_name, external_id, family_name, url, custom, manager] = texts;
            let mut custom = json!({ "my_attr-1": custom, "tags": tags });
            if let Some(badge) = badge {
                custom["badge"] = badge.into();
            }
            let value = json!({
                "userName": user_name,
                "externalId": external_id,
                "name": { "familyName": family_name },
                "profileUrl": url,
                "active": badge.is_some(),
                "emails": emails,
                ENTERPRISE_USER: { "manager": { "value": manager } },
                CUSTOM: custom,
            });
            value.as_object().cloned().unwrap_or_default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_canonical_text_is_the_same_filter(text in filter_text()) {
        let filter = read(&text, &Profile::RFC).unwrap();
        let canonical = filter.to_string();
        prop_assert!(read(&canonical, &Profile::RFC).unwrap() == filter, "{}", canonical);
    }

    #[test]
    fn what_matches_contains_a_required_text(text in filter_text(), resource in resource()) {
        let filter = read(&text, &Profile::RFC).unwrap();
        if let Some(required) = filter.required_texts()
            && filter.matches(&resource)
        {
            let json = Value::Object(resource).to_string();
            let is_in = |json: &str| required.iter().any(|text| json.contains(text));
            prop_assert!(is_in(&fold(&json)), "{} misses {:?}", json, required);
            let plain = json.to_ascii_lowercase();
            prop_assert!(!keeps_ascii(&json) || is_in(&plain), "{} misses {:?}", json, required);
        }
    }

    /// The same where every case matches: the value is made from the literal.
    #[test]
    fn a_value_around_the_literal_contains_the_required_text(
        name in "userName|externalId|profileUrl",
        op in "eq|co|sw|ew",
        texts in prop::array::uniform3(text()),
    ) {
        let [before, literal, after] = texts;
        let value = match op.as_str() {
            "eq" => literal.clone(),
            "sw" => format!("{literal}{after}"),
            "ew" => format!("{before}{literal}"),
            _ => format!("{before}{literal}{after}"),
        };
        let resource = Map::from_iter([(name.clone(), Value::from(value))]);
        let filter = read(&format!("{name} {op} {}", Value::from(literal)), &Profile::RFC).unwrap();
        if let Some(required) = filter.required_texts()
            && filter.matches(&resource)
        {
            let json = Value::Object(resource).to_string();
            let is_in = |json: &str| required.iter().any(|text| json.contains(text));
            prop_assert!(is_in(&fold(&json)), "{} misses {:?}", json, required);
            let plain = json.to_ascii_lowercase();
            prop_assert!(!keeps_ascii(&json) || is_in(&plain), "{} misses {:?}", json, required);
        }
    }

    #[test]
    fn ne_is_not_eq(name in "userName|emails|nickName|members\\.\\$ref", value in literal(), resource in resource()) {
        let eq = read(&format!("{name} eq {value}"), &Profile::RFC).unwrap();
        let ne = read(&format!("{name} ne {value}"), &Profile::RFC).unwrap();
        prop_assert_ne!(eq.matches(&resource), ne.matches(&resource));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-c$.:()\\[\\]\"'\\\\ é0-9-]{0,60}|.{0,60}") {
        let _ = read(&text, &Profile::GENERIC);
        let _ = ValuePath::parse(&text, &Limits::default());
    }
}
