//! `docs/conformance.md` says what shows each rule of the SCIM documents; this test writes it.
//!
//! A test cites the rules it shows in a comment of its own line, ids separated by commas. A rule
//! without a test has a reason in `tests/data/conformance-notes.json`. `UPDATE=1 cargo test -p
//! provisor-server --test conformance` writes the page again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

const PAGE: &str = "docs/conformance.md";
const COMMAND: &str = "UPDATE=1 cargo test -p provisor-server --test conformance";
/// Rules of documents that nothing here claims to follow yet.
const OPEN: [&str; 4] = ["draft", "events", "interop", "ipsie"];
/// Tests that are named for one rule; more are counted.
const MOST: usize = 3;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn json(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every Rust file under a folder, in order.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The ids in a line that is such a comment.
fn cited(line: &str) -> Option<Vec<&str>> {
    let ids: Vec<&str> = line.trim().strip_prefix("// ")?.split(", ").collect();
    let is_id = |id: &&str| {
        id.split_once('-').is_some_and(|(area, number)| {
            !area.is_empty()
                && area.bytes().all(|byte| byte.is_ascii_uppercase())
                && number.len() == 3
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    ids.iter().all(is_id).then_some(ids)
}

/// The function a line stands in or right above.
fn function(lines: &[&str], at: usize) -> Option<String> {
    let name = |line: &str| {
        let after = line.split("fn ").nth(1)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = after.find(|c| !is_name(c))?;
        let before = line.trim_start().split("fn ").next()?;
        let words = ["", "pub ", "async ", "pub(crate) ", "pub(crate) async "];
        (end > 0 && words.contains(&before)).then(|| after[..end].to_owned())
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut below = lines[at + 1..].iter();
    let next = below.find(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with("#[")
    });
    if let Some(found) = next.and_then(|line| name(line)) {
        return Some(found);
    }
    let mut depth = indent(lines[at]);
    for line in lines[..at].iter().rev() {
        if line.trim().is_empty() || indent(line) >= depth {
            continue;
        }
        if let Some(found) = name(line) {
            return Some(found);
        }
        depth = indent(line);
    }
    None
}

/// Which tests show which rule.
fn shown() -> BTreeMap<String, BTreeSet<String>> {
    let root = root();
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let mut testing = path.contains("/tests/") || path.ends_with("tests.rs");
        for (at, line) in lines.iter().enumerate() {
            testing |= line.trim() == "#[cfg(test)]";
            let Some(ids) = cited(line).filter(|_| testing) else {
                continue;
            };
            let place = match function(&lines, at) {
                Some(function) => format!("`{function}` in {path}"),
                None => path.to_owned(),
            };
            for id in ids {
                let places = shown.entry(id.to_owned()).or_default();
                places.insert(place.clone());
            }
        }
    }
    shown
}

/// A rule as the list has it.
struct Rule {
    id: String,
    section: String,
    level: String,
    gate: Option<String>,
    statement: String,
}

fn rules() -> Vec<Rule> {
    let list = json("tests/data/requirements.json");
    let text = |rule: &Value, name: &str| rule[name].as_str().unwrap().to_owned();
    list.as_array()
        .unwrap()
        .iter()
        .map(|rule| Rule {
            id: text(rule, "id"),
            section: text(rule, "section"),
            level: text(rule, "level"),
            gate: rule["gate"].as_str().map(str::to_owned),
            statement: text(rule, "statement"),
        })
        .collect()
}

impl Rule {
    fn is_asked(&self) -> bool {
        ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT"].contains(&self.level.as_str())
    }

    fn open(&self) -> Option<&str> {
        self.gate.as_deref().filter(|gate| OPEN.contains(gate))
    }
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn page(rules: &[Rule], shown: &BTreeMap<String, BTreeSet<String>>, notes: &Value) -> String {
    let mut page = String::new();
    let asked: Vec<&Rule> = rules.iter().filter(|rule| rule.is_asked()).collect();
    let count = |which: &dyn Fn(&Rule) -> bool| asked.iter().filter(|rule| which(rule)).count();
    let open = count(&|rule| rule.open().is_some());
    let tested = count(&|rule| rule.open().is_none() && shown.contains_key(&rule.id));
    let rest = asked.len() - open - tested;
    write!(
        page,
        "# Conformance\n\n\
         Every MUST and SHOULD that the SCIM documents (RFC 7643, 7644, 9865, 9967 and drafts) ask of\n\
         a service provider, and the test that shows it. Written by a test from the comments of all\n\
         tests and from `tests/data/`; do not edit. To write it again: `{COMMAND}`.\n\n\
         {tested} rules are shown by tests, {rest} have a reason instead, {open} belong to documents that are\n\
         still open.\n",
    )
    .unwrap();
    let mut area = "";
    for rule in asked {
        let this = rule.id.split('-').next().unwrap();
        if this != area {
            area = this;
            write!(
                page,
                "\n## {area}\n\n| rule | | what it asks | shown by |\n|---|---|---|---|\n"
            )
            .unwrap();
        }
        let by = match (shown.get(&rule.id), rule.open()) {
            (Some(places), _) => {
                let mut by: Vec<String> = places.iter().take(MOST).cloned().collect();
                if places.len() > MOST {
                    by.push(format!("{} more", places.len() - MOST));
                }
                by.join("; ")
            }
            (None, Some(gate)) => format!("open: {}", notes["gates"][gate].as_str().unwrap()),
            (None, None) => notes["rules"][&rule.id]
                .as_str()
                .unwrap_or("nothing")
                .to_owned(),
        };
        writeln!(
            page,
            "| {} | {} | {} ({}) | {} |",
            rule.id,
            rule.level,
            cell(&rule.statement),
            cell(&rule.section),
            cell(&by)
        )
        .unwrap();
    }
    page
}

#[test]
fn every_rule_that_applies_has_a_test_or_a_reason_and_the_page_says_which() {
    let (rules, shown) = (rules(), shown());
    let notes = json("tests/data/conformance-notes.json");
    let reasons = notes["rules"].as_object().unwrap();
    let known: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let mut wrong = Vec::new();
    for id in shown.keys().chain(reasons.keys()) {
        if !known.contains(id.as_str()) {
            wrong.push(format!("{id} is no rule of tests/data/requirements.json"));
        }
    }
    for rule in rules
        .iter()
        .filter(|rule| rule.is_asked() && rule.open().is_none())
    {
        match (shown.contains_key(&rule.id), reasons.contains_key(&rule.id)) {
            (false, false) => wrong.push(format!(
                "{} has neither a test nor a reason: {}",
                rule.id, rule.statement
            )),
            (true, true) => wrong.push(format!("{} has a test, so its reason can go", rule.id)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = page(&rules, &shown, &notes);
    let path = root().join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, page).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "{PAGE} is not what the tests say; run: {COMMAND}"
    );
}

#[test]
fn comments_and_functions_are_found() {
    assert_eq!(
        cited("    // FLT-016, FLT-017"),
        Some(vec!["FLT-016", "FLT-017"])
    );
    assert_eq!(cited("// HTTP-001"), Some(vec!["HTTP-001"]));
    for line in [
        "let x = 1; // FLT-016",
        "// see FLT-016",
        "// UTF-8",
        "// FLT-016 is",
        "// FLT-016: so",
    ] {
        assert_eq!(cited(line), None, "{line}");
    }
    let lines = [
        "async fn one() {",
        "    for x in y {",
        "        // A-1",
        "    }",
        "}",
        "// A-2",
        "#[test]",
        "fn two() {",
    ];
    assert_eq!(function(&lines, 2).as_deref(), Some("one"));
    assert_eq!(function(&lines, 5).as_deref(), Some("two"));
}
