//! Documents that are made from the code: compared here, written with `UPDATE=1`.

use std::{fmt::Write, path::Path};

use scim::tolerance::{Profile, Tolerance};

fn tolerances() -> String {
    let mut page = String::from(
        "# Tolerances

What Provisor forgives instead of refusing it. A connection's profile says which are on; each one that
takes effect is named in the sync log (`provisor log show req_…`). With one that is off, the request is
refused with a [cause](causes.md). This page is made from `crates/scim/src/tolerance.rs`.

| tolerance | what is forgiven | on in |
|---|---|---|
",
    );
    for tolerance in Tolerance::ALL {
        let on: Vec<_> = Profile::ALL
            .iter()
            .filter(|profile| profile.allows(*tolerance))
            .map(|profile| profile.name)
            .collect();
        let meaning = tolerance.description().trim().replace('|', "\\|");
        let on = if on.len() == Profile::ALL.len() {
            "every profile".to_owned()
        } else {
            on.join(", ")
        };
        writeln!(page, "| `{tolerance}` | {meaning} | {on} |").expect("a String takes all text");
    }
    page
}

#[test]
fn the_page_of_tolerances_is_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tolerances.md");
    let page = tolerances();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &page).expect("the page can be written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == page,
        "docs/tolerances.md is old: UPDATE=1 cargo test -p provisor --test documents"
    );
}
