//! Documents that are made from the code: compared here, written with `UPDATE=1`.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use scim::tolerance::{Profile, Tolerance};
use scim_client::simulator::{Provider, Scenario};

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

/// The messages of the simulated identity providers, behind what is written by hand.
fn messages() -> String {
    let mut page = String::from(MESSAGES);
    for provider in Provider::ALL {
        let (name, title) = (provider.name(), provider.title());
        write!(page, "\n### `{name}`: {title}\n\n").expect("a String takes all text");
        let left_out = provider.left_out();
        if !left_out.is_empty() {
            let left_out = left_out.join("; ");
            write!(page, "Left out: {left_out}.\n\n").expect("a String takes all text");
        }
        page.push_str("| what | message | grade | known from |\n|---|---|---|---|\n");
        for kind in provider.messages() {
            let (says, sends) = (kind.says, kind.sends);
            let (grade, source) = (kind.grade.as_str(), kind.source);
            writeln!(page, "| {says} | `{sends}` | {grade} | {source} |")
                .expect("a String takes all text");
        }
    }
    page
}

/// Where the part begins that is made.
const MESSAGES: &str = "## The messages\n";

#[test]
fn the_page_of_the_simulator_lists_every_message() {
    let there = std::fs::read_to_string(in_docs("simulator.md")).expect("docs/simulator.md");
    let by_hand = there.split(MESSAGES).next().unwrap_or_default();
    compare("simulator.md", &format!("{by_hand}{}", messages()));
}

#[test]
fn the_page_of_the_simulator_says_what_each_scenario_is() {
    let page = std::fs::read_to_string(in_docs("simulator.md")).expect("docs/simulator.md");
    let page = page.replace('`', "");
    for scenario in Scenario::ALL {
        let row = format!("| {} | {} |", scenario.name(), scenario.says());
        assert!(page.contains(&row), "docs/simulator.md lacks: {row}");
    }
}

#[test]
fn the_page_of_tolerances_is_what_the_code_says() {
    compare("tolerances.md", &tolerances());
}

fn in_docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

/// Compares a page with what it must be, or writes it.
#[track_caller]
fn compare(name: &str, page: &str) {
    let file = in_docs(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, page).expect("the page can be written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == page,
        "docs/{name} is old: UPDATE=1 cargo test -p provisor --test documents"
    );
}
