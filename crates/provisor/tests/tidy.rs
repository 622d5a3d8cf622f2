//! What every file of the repository keeps to, so that no one has to remember it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use provisor_store::Cause;
use serde_json::Value;

/// Lines of a source file without its tests.
const MOST_LINES: usize = 600;
/// Lines that half of the source files stay under, comments and blank lines not counted.
const MEDIAN_LINES: usize = 150;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files under a folder whose name ends so, as paths from the repository's root.
fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                let path = path.strip_prefix(root()).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Rust files with their text.
fn sources() -> Vec<(String, String)> {
    let files = files("crates", ".rs").into_iter();
    files.map(|path| (path.clone(), read(&path))).collect()
}

/// The text before the tests at its bottom; nothing of a file that is all tests.
fn without_tests<'t>(path: &str, text: &'t str) -> &'t str {
    if path.contains("/tests/") || path.contains("/tests.rs") {
        return "";
    }
    let tests = text
        .find("\n#[cfg(test)]\nmod ")
        .filter(|at| text[*at..].contains('{'));
    &text[..tests.unwrap_or(text.len())]
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_says_first_what_it_is_for() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{path} must begin with `//! ` and one sentence"))
        .collect();
    none(&wrong);
}

#[test]
fn files_stay_short() {
    let mut wrong = Vec::new();
    let mut lengths = Vec::new();
    for (path, text) in sources() {
        let text = without_tests(&path, &text);
        let lines = text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!(
                "{path} has {lines} lines; split it by what it does"
            ));
        }
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        if lines > 0 {
            lengths.push((text.lines().filter(is_code).count(), path));
        }
    }
    none(&wrong);
    lengths.sort();
    let (median, path) = &lengths[lengths.len() / 2];
    assert!(
        *median < MEDIAN_LINES,
        "the median file is {path} with {median} lines of code"
    );
}

#[test]
fn modules_are_named_for_what_they_do() {
    let banned = [
        "util", "utils", "helper", "helpers", "common", "misc", "manager", "mod",
    ];
    let wrong: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
            banned.contains(&name)
        })
        .collect();
    none(&wrong);
}

/// What looks like a path of this repository in a document.
fn named_paths(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let starts = [
        "crates/",
        "docs/",
        "scripts/",
        "tests/",
        "bench/",
        "packaging/",
    ];
    let mut found = Vec::new();
    for word in text.split(|c: char| !is_part(c)) {
        let word = word.trim_end_matches(['.', '/']);
        if starts.iter().any(|start| word.starts_with(start)) {
            found.push(word.to_owned());
        }
    }
    found
}

/// The targets of links to other files.
fn links(text: &str) -> Vec<String> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '/']))
        .map(|target| target.split('#').next().unwrap().to_owned())
        .filter(|target| !target.is_empty() && !target.contains(char::is_whitespace))
        .collect()
}

#[test]
fn paths_and_links_in_documents_lead_somewhere() {
    let mut documents = files("docs", ".md");
    documents.extend(files("tests/data", ".md"));
    let at_root = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "bench/README.md",
    ];
    documents.extend(at_root.map(str::to_owned));
    let mut wrong = Vec::new();
    for path in documents {
        if !root().join(&path).exists() {
            continue;
        }
        let text = read(&path);
        let folder = Path::new(&path).parent().unwrap();
        for named in named_paths(&text) {
            if !root().join(&named).exists() && !root().join(folder).join(&named).exists() {
                wrong.push(format!("{path} names {named}, which is not there"));
            }
        }
        for link in links(&text) {
            if !root().join(folder).join(&link).exists() {
                wrong.push(format!("{path} links to {link}, which is not there"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn only_the_store_speaks_sql() {
    let words = [
        "rusqlite",
        "SELECT ",
        "INSERT INTO",
        "UPDATE SET",
        "DELETE FROM",
        "PRAGMA ",
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if path.starts_with("crates/provisor-store/") {
            continue;
        }
        for word in words {
            if without_tests(&path, &text).contains(word) {
                wrong.push(format!(
                    "{path} has {word:?}; SQL belongs to provisor-store"
                ));
            }
        }
    }
    for crate_name in ["scim", "provisor-server", "provisor"] {
        let manifest = read(&format!("crates/{crate_name}/Cargo.toml"));
        // Tests may look into the file from outside.
        let product = manifest.split("[dev-dependencies]").next();
        if product.is_some_and(|product| product.contains("rusqlite")) {
            wrong.push(format!("{crate_name} depends on rusqlite"));
        }
    }
    none(&wrong);
}

#[test]
fn the_standard_has_no_input_output_clock_or_chance() {
    let words = [
        "std::fs",
        "std::net",
        "std::io",
        "std::env",
        "std::thread",
        "std::process",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "tokio",
        "tracing",
        "getrandom",
        "async fn",
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !path.starts_with("crates/scim/src/") {
            continue;
        }
        for word in words {
            if without_tests(&path, &text).contains(word) {
                wrong.push(format!("{path} has {word:?}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_cause_is_explained() {
    let page = read("docs/causes.md");
    let wrong: Vec<String> = Cause::ALL
        .iter()
        .map(|cause| format!("| `{cause}` |"))
        .filter(|row| page.matches(row.as_str()).count() != 1)
        .collect();
    none(&wrong);
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows,
        Cause::ALL.len(),
        "docs/causes.md explains a cause that there is not"
    );
}

#[test]
fn the_documented_app_is_the_tested_one() {
    let app = read("docs/examples/follow.py");
    let page = read("docs/integrate.md");
    assert!(
        page.contains(&format!("```python\n{app}```")),
        "docs/integrate.md must show docs/examples/follow.py as it is"
    );
}

#[test]
fn the_api_document_names_the_version_in_its_urls() {
    let document: Value =
        serde_json::from_str(&read("crates/provisor-server/api/openapi.json")).unwrap();
    let version = document["info"]["version"].as_str().unwrap();
    let prefix = format!("/api/v{version}");
    let servers = document["servers"].as_array().into_iter().flatten();
    let mut places = servers.filter_map(|server| server["url"].as_str());
    let paths = document["paths"].as_object().unwrap();
    assert!(
        places.any(|url| url.ends_with(&prefix))
            || paths.keys().all(|path| path.starts_with(&prefix)),
        "openapi.json has version {version}, but its URLs do not begin with {prefix}"
    );
}

#[test]
fn every_crate_keeps_the_workspaces_lints_and_version() {
    for manifest in files("crates", "Cargo.toml") {
        let text = read(&manifest);
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
        assert!(text.contains("version.workspace = true"), "{manifest}");
    }
}
