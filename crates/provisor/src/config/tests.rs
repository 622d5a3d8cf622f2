//! Where settings come from, and what is wrong with them.

use super::*;

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, String> {
    let mut config = Config::default();
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    };
    config
        .read_file("provisor.toml", file)
        .and_then(|()| config.read_environment(own(environment).into_iter()))
        .and_then(|_| {
            for (key, value) in flags {
                config.set(key, value, &|| format!("--set {key}"))?;
            }
            config.check()
        })
        .map(|()| config)
        .map_err(|error| error.to_string())
}

#[test]
fn the_annotated_file_says_every_default() {
    assert_eq!(load(DEFAULT_FILE, &[], &[]), Ok(Config::default()));
}

#[test]
fn the_documentation_shows_the_annotated_file() {
    let page = include_str!("../../../../docs/configuration.md");
    assert!(
        page.contains(DEFAULT_FILE),
        "copy default_config.toml into docs/configuration.md"
    );
}

#[test]
fn the_annotated_file_names_every_setting() {
    let table = DeTable::parse(DEFAULT_FILE).unwrap();
    for setting in SETTINGS {
        let mut at: Option<&DeValue<'_>> = None;
        for part in setting.key.split('.') {
            let inner = match at {
                None => table.get_ref().get(part),
                Some(value) => value.as_table().and_then(|table| table.get(part)),
            };
            at = Some(
                inner
                    .unwrap_or_else(|| panic!("default_config.toml lacks {}", setting.key))
                    .get_ref(),
            );
        }
    }
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\n[limits]\nmax_body = \"2 MiB\"\nmax_page = 7\ndefault_page = 7\n";
    let config = load(
        file,
        &[
            ("PROVISOR_LIMITS_MAX_BODY", "3 MiB"),
            ("PROVISOR_LISTEN", "127.0.0.1:2"),
            ("HOME", "/root"),
        ],
        &[("listen", "127.0.0.1:3")],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.server.max_body, 3 << 20);
    assert_eq!(config.server.max_page, 7);
}

#[test]
fn sizes_and_durations_are_read_with_their_units() {
    for (text, expected) in [
        ("32 MiB", Some(32 << 20)),
        ("32mib", Some(32 << 20)),
        ("1_000", Some(1000)),
        ("5 MB", Some(5_000_000)),
        ("0", None),
        ("", None),
        ("MiB", None),
        ("-1", None),
        ("1.5 MiB", None),
        ("99999999999 GiB", None),
    ] {
        assert_eq!(form::size::<u64>(text).ok(), expected, "{text}");
    }
    for (text, seconds) in [
        ("30s", Some(30)),
        ("90d", Some(90 * 86_400)),
        ("2 h", Some(7200)),
        ("5m", Some(300)),
        ("5min", Some(300)),
        ("5", None),
        ("0s", None),
        ("1e9d", None),
        ("99999999d", None),
    ] {
        assert_eq!(
            duration(text).ok(),
            seconds.map(Duration::from_secs),
            "{text}"
        );
    }
}

#[test]
fn wrong_settings_are_named_with_their_place_and_the_nearest_key() {
    for (file, environment, expected) in [
        (
            "\n[limits]\nmax_bdy = 1\n",
            None,
            "provisor.toml, line 3: there is no setting \"limits.max_bdy\". Did you mean \"limits.max_body\"?",
        ),
        (
            "max_body = 1\n",
            None,
            "provisor.toml, line 1: there is no setting \"max_body\". Did you mean \"limits.max_body\"?",
        ),
        (
            "colour = \"red\"\n",
            None,
            "provisor.toml, line 1: there is no setting \"colour\". default_config.toml lists every setting.",
        ),
        (
            "[limits]\n\nmax_body = \"big\"\n",
            None,
            "provisor.toml, line 3: limits.max_body: \"big\" is no size; write bytes, or a number with KiB, MiB, GiB, KB, MB or GB",
        ),
        (
            "[store]\nscan_time = 10\n",
            None,
            "provisor.toml, line 2: store.scan_time: \"10\" is no duration; write a number with ms, s, m, h or d, as in \"90d\"",
        ),
        (
            "limits = 3\n",
            None,
            "provisor.toml, line 1: there is no setting \"limits\". default_config.toml lists every setting.",
        ),
        (
            "",
            Some(("PROVISOR_LISTEN", "7070")),
            "PROVISOR_LISTEN: listen: \"7070\" is no address with port; write for example 127.0.0.1:7070 or [::]:7070",
        ),
        (
            "",
            Some(("PROVISOR_DATABASE", "postgres://db/provisor")),
            "PROVISOR_DATABASE: database: this build has no PostgreSQL; use sqlite:PATH",
        ),
        (
            "public_url = \"scim.example.com\"\n",
            None,
            "provisor.toml, line 1: public_url: \"scim.example.com\" is no URL; write for example https://scim.example.com",
        ),
        (
            "[limits]\nmax_page = 10\n",
            None,
            "limits.default_page (100) is larger than limits.max_page (10). Lower the first or raise the second.",
        ),
        (
            "[log]\nlevel = \"loud=x\"\n",
            None,
            "provisor.toml, line 2: log.level: \"loud=x\" is no level; write error, warn, info, debug or trace",
        ),
    ] {
        let environment: Vec<_> = environment.into_iter().collect();
        assert_eq!(
            load(file, &environment, &[]).unwrap_err(),
            expected,
            "{file}"
        );
    }
    let broken = load("listen = \n", &[], &[]).unwrap_err();
    assert!(broken.starts_with("provisor.toml, line 1: "), "{broken}");
}

#[test]
fn an_unknown_variable_is_a_warning_unless_another_program_sets_it() {
    let mut config = Config::default();
    let variables = [
        ("PROVISOR_LIMITS_MAXBODY", "1"),
        ("PROVISOR_SERVICE_HOST", "10.0.0.1"),
        ("PROVISOR_PORT_7070_TCP", "tcp://10.0.0.1:7070"),
        ("PROVISOR_CONFIG", "x.toml"),
    ];
    let warnings = config
        .read_environment(
            variables
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        )
        .unwrap();
    assert_eq!(
        warnings,
        [
            "The environment variable PROVISOR_LIMITS_MAXBODY is no setting (nearest: PROVISOR_LIMITS_MAX_BODY); it is ignored."
        ]
    );
    assert_eq!(config, Config::default());
}

#[test]
fn optional_settings_can_be_switched_off() {
    let config = load(
        "public_url = \"https://scim.example.com/\"\n[limits]\nrate = 50\nfailed_authentications = \"off\"\n",
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(
        config.server.public_url.as_deref(),
        Some("https://scim.example.com")
    );
    assert_eq!(config.server.rate_limit, Some(50));
    assert_eq!(config.server.failed_authentication_limit, None);
}
