//! Canaries never survive, and everything else does.

use proptest::prelude::*;

use super::*;

fn redacted(body: &str) -> String {
    redact(body.as_bytes()).map_or_else(
        || "not JSON".to_owned(),
        |body| String::from_utf8(body).unwrap(),
    )
}

#[test]
fn secrets_are_blotted_out_wherever_they_stand() {
    for (body, expected) in [
        (r#"{"password":"c"}"#, r#"{"password":"[redacted]"}"#),
        (
            r#"{"PassWord" : {"a":["c"]} }"#,
            r#"{"PassWord" : "[redacted]" }"#,
        ),
        (
            r#"{"pass\u0077ord":"c"}"#,
            r#"{"pass\u0077ord":"[redacted]"}"#,
        ),
        (
            r#"{"a":[{"clientSecret":1}]}"#,
            r#"{"a":[{"clientSecret":"[redacted]"}]}"#,
        ),
        (
            r#"{"urn:x:User:password":"c"}"#,
            r#"{"urn:x:User:password":"[redacted]"}"#,
        ),
        (
            r#"{"op":"replace","path":"password","value":"c"}"#,
            r#"{"op":"replace","path":"password","value":"[redacted]"}"#,
        ),
        (
            r#"[{"value":["c"],"Path":"urn:x:Password"},{"value":"d"}]"#,
            r#"[{"value":"[redacted]","Path":"urn:x:Password"},{"value":"d"}]"#,
        ),
        (
            r#"{"path":"userName","value":{"password":"c","title":"d"}}"#,
            r#"{"path":"userName","value":{"password":"[redacted]","title":"d"}}"#,
        ),
        (
            r#"{"filter":"password eq \"c\""}"#,
            r#"{"filter":"[redacted]"}"#,
        ),
        (r#"{"title":"x pvr_scim_c"}"#, r#"{"title":"[redacted]"}"#),
        (r#"{"title":"pvr\u005fapi_c"}"#, r#"{"title":"[redacted]"}"#),
        (r#"{"pvr_api_c":1}"#, r#"{"[redacted]":1}"#),
        (
            r#"["pvr_api_c", null, -1.5e3]"#,
            r#"["[redacted]", null, -1.5e3]"#,
        ),
        (
            r#"{"userName":"a \"b\" \\", "x": {}, "y": []}"#,
            r#"{"userName":"a \"b\" \\", "x": {}, "y": []}"#,
        ),
        (r#"{"password":"c""#, "not JSON"),
        (r#"{"password":c}"#, "not JSON"),
        ("password=c", "not JSON"),
        (r#"{} {"password":"c"}"#, "not JSON"),
        (r#"{"a":"\ud800"}"#, "not JSON"),
        ("", "not JSON"),
    ] {
        assert_eq!(redacted(body), expected, "{body}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(redacted(&deep), "not JSON");
    let body = deep.as_bytes();
    assert_eq!(
        super::super::Body::new(body, 10).kept(),
        super::super::Kept::NotJson
    );
}

#[test]
fn queries_lose_their_secrets_only() {
    for (text, expected) in [
        (
            "filter=userName%20eq%20%22lena%22",
            "filter=userName%20eq%20%22lena%22",
        ),
        (
            "filter=password+eq+%22c%22&count=1",
            "filter=[redacted]&count=1",
        ),
        ("filter=pass%77ord+eq+%22c%22", "filter=[redacted]"),
        ("filter=pass%2577ord+eq+%22c%22", "filter=[redacted]"),
        ("access_token=c", "access_token=[redacted]"),
        ("a=pvr_scim_c", "a=[redacted]"),
        ("pvr_scim_c", "[redacted]"),
        ("", ""),
    ] {
        assert_eq!(query(text), expected, "{text}");
    }
}

#[test]
fn paths_keep_endpoints_and_ids_and_hide_the_rest() {
    for (path, masked) in [
        ("/scim/v2/Users", "/scim/v2/Users"),
        ("/scim/v2/acme/Users/.search", "/scim/v2/acme/Users/.search"),
        (
            "/scim/v2/Users/0190a2c1-7c3e-7b1a-9a52-2f6f0c1d2e3f",
            "/scim/v2/Users/0190a2c1-7c3e-7b1a-9a52-2f6f0c1d2e3f",
        ),
        ("/scim/v2/Users/lena.ortiz", "/scim/v2/Users/l***"),
        ("/scim/v2/Users/Lena", "/scim/v2/Users/L***"),
        ("/scim/v2/acme/Devices/lena", "/scim/v2/acme/Devices/l***"),
        ("/scim/v2/acme/lena", "/scim/v2/acme/l***"),
        ("/scim/v2/lena%40acme.com", "/scim/v2/l***@acme.com"),
    ] {
        assert_eq!(mask_path(path), masked, "{path}");
    }
}

#[test]
fn masking_keeps_structure_and_hides_people() {
    for (json, expected) in [
        (
            r#"{"schemas":["urn:x"],"userName":"lena@x.io","name":{"familyName":"Ortiz"},"active":true,"age":42}"#,
            r#"{"schemas":["urn:x"],"userName":"l***@x.io","name":{"familyName":"O***"},"active":true,"age":0}"#,
        ),
        (
            r#"{"op":"add","path":"emails[value eq \"lena@x.io\"]","value":"a\"b"}"#,
            r#"{"op":"add","path":"emails[value eq \"l***@x.io\"]","value":"a***"}"#,
        ),
        (r#"{"title":"Cut o"#, r#"{"title":"C***""#),
        (
            r#"{"totalResults":3,"password":"[redacted]","x":""}"#,
            r#"{"totalResults":3,"password":"[redacted]","x":""}"#,
        ),
    ] {
        assert_eq!(String::from_utf8(mask(json.as_bytes())).unwrap(), expected);
    }
    assert_eq!(
        mask_query("filter=userName%20eq%20%22lena@x.io%22&count=1"),
        "filter=userName%20eq%20%22l***@x.io%22&count=1"
    );
    assert_eq!(
        mask_text(r#"userName "Lena" is taken by max@x.io today"#),
        r#"userName "L***" is taken by m***@x.io today"#
    );
}

/// Any JSON, with the canary wherever a secret may stand.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let canary = || Just(serde_json::Value::from("CANARY"));
    let leaf = prop_oneof![
        any::<i64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
        "[\"\\\\/\u{0}-\u{1f}a]{0,6}".prop_map(serde_json::Value::from),
        Just(serde_json::Value::from("pvr_scim_CANARY")),
        Just(serde_json::json!({"path": "password", "value": "CANARY"})),
        Just(serde_json::json!({"value": {"x": ["CANARY"]}, "pAth": "a.newPassword"})),
        Just(serde_json::json!({"filter": "token eq \"CANARY\""})),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let name = prop_oneof![
            "[a-zA-Z.:$]{0,8}",
            Just("value".to_owned()),
            Just("Operations".to_owned())
        ];
        let secret = prop::sample::select(vec![
            "password",
            "PASSWORD",
            "Secret",
            "a.b.token",
            "urn:x:2.0:User:passWord",
            "access_token",
        ]);
        let plain = prop::collection::vec((name, inner.clone()), 0..4);
        let hidden = prop::collection::vec((secret, prop_oneof![canary(), inner.clone()]), 0..2);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(serde_json::Value::from),
            (plain, hidden).prop_map(|(plain, hidden)| {
                let hidden = hidden.into_iter().map(|(name, value)| {
                    (
                        name.to_owned(),
                        serde_json::json!([value, {"deep": "CANARY"}]),
                    )
                });
                serde_json::Value::Object(plain.into_iter().chain(hidden).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_canary_survives_and_the_rest_stays_json(value in json(), pretty: bool, limit in 0usize..400) {
        let body = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let redacted = redact(&body).unwrap();
        prop_assert!(!String::from_utf8_lossy(&redacted).contains("CANARY"));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&redacted).is_ok());
        let kept = super::super::Body::new(&body, limit);
        prop_assert!(kept.bytes().len() <= limit.max(redacted.len().min(limit)));
        prop_assert!(redacted.starts_with(kept.bytes()));
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        redact(&bytes);
        mask(&bytes);
        let mut tidied = text.clone();
        tidy(&mut tidied, 20);
        query(&text);
        mask_query(&text);
        mask_text(&text);
        redact(text.as_bytes());
    }

    #[test]
    fn what_is_json_stays_as_it_is_without_secrets(value in "[a-z]{1,3}", number: f64) {
        let body = serde_json::json!({"schemas": [value], "n": number, "o": {"p": null}}).to_string();
        prop_assert_eq!(redacted(&body), body);
    }
}
