//! `provisor dev`: from an empty folder to a working directory, by its own words.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::{
    client::Client,
    place::{PROVISOR, command, run},
};

/// A running `provisor dev`, and what it printed.
struct Dev {
    child: Child,
    text: String,
}

impl Dev {
    fn start(folder: &Path, arguments: &[&str], last: &str) -> Self {
        let mut child = command(PROVISOR)
            .args(["dev", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let output = child.stdout.take().expect("standard output is piped");
        let mut text = String::new();
        for line in BufReader::new(output).lines() {
            let line = line.expect("it prints text");
            text.push_str(&line);
            text.push('\n');
            if line.contains(last) {
                break;
            }
        }
        assert!(text.contains(last), "it ended early: {text}");
        Self { child, text }
    }

    /// The value after a label.
    fn said(&self, label: &str) -> &str {
        let line = self
            .text
            .lines()
            .find_map(|line| line.trim().strip_prefix(label));
        let line = line
            .unwrap_or_else(|| panic!("no {label} in {}", self.text))
            .trim();
        line.split_whitespace().next().unwrap_or_default()
    }

    /// The commands it suggests, each whole.
    fn commands(&self) -> Vec<String> {
        let next = self.text.split("Next,").nth(1).unwrap_or_default();
        // A command goes on after a backslash at the end of a line.
        let lines: Vec<&str> = next.split("\\\n").map(str::trim).collect();
        let next = lines.join(" ");
        next.lines()
            .map(str::trim)
            .filter(|line| line.starts_with("curl ") || line.starts_with("provisor "))
            // What stands beside a command explains it.
            .map(|line| line.split("     ").next().unwrap_or(line).to_owned())
            .collect()
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        run(command("sh").args(["-c", "kill -INT \"$0\"", &pid])).ok();
        let status = self.child.wait().expect("a child can be waited for");
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a suggested command in a shell that finds `provisor`. What follows is ended once it
/// has printed something.
fn suggested(folder: &Path, line: &str) -> String {
    let binaries = Path::new(PROVISOR)
        .parent()
        .expect("a binary is in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = command("sh");
    shell
        .args(["-c", &format!("exec {line}")])
        .env("PATH", format!("{}:{path}", binaries.display()))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if !line.contains(" tail ") {
        return run(&mut shell).ok();
    }
    let mut child = shell.spawn().expect("a shell starts");
    let mut first = String::new();
    let output = child.stdout.take().expect("standard output is piped");
    BufReader::new(output)
        .read_line(&mut first)
        .expect("it prints text");
    let _ = child.kill();
    child.wait().expect("a child can be waited for");
    first
}

#[test]
fn dev_prints_address_url_and_token_once_and_what_it_suggests_works() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = folder.path();
    let dev = Dev::start(folder, &[], "Ctrl-C stops it");
    let url = dev.said("SCIM URL").to_owned();
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with("/scim/v2"),
        "{url}"
    );
    assert!(dev.said("API").ends_with("/api/v1"));
    let token = dev.said("Token").to_owned();
    assert!(token.starts_with("pvr_scim_"), "{}", dev.text);

    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/scim/v2");
    let mut scim = Client::new(address.parse().expect("an address"), &token);
    scim.get("/scim/v2/ServiceProviderConfig").expect(200);

    let commands = dev.commands();
    let with = |part: &str| commands.iter().filter(|line| line.contains(part)).count();
    assert_eq!((with("curl "), with("provisor ")), (2, 4), "{commands:#?}");
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    for line in &commands {
        let begun = Instant::now();
        let printed = if has_curl || !line.starts_with("curl ") {
            // The company would live until Ctrl-C.
            let line = line.replace(
                "simulate okta",
                "simulate okta --scenario first-sync --users 5 --teams 1",
            );
            suggested(folder, &line)
        } else {
            // Without curl, what it would have sent.
            let lena: Value = line.split_once("-d '").map_or(Value::Null, |(_, rest)| {
                serde_json::from_str(rest.trim_end_matches('\'')).expect("the body is JSON")
            });
            match lena {
                Value::Null => scim
                    .get("/scim/v2/Users?filter=userName+eq+%22lena@example.com%22")
                    .expect(200),
                lena => scim.post("/scim/v2/Users", &lena).expect(201),
            }
            .json()
            .to_string()
        };
        assert!(!printed.trim().is_empty(), "{line} printed nothing");
        if line.starts_with("curl ") {
            assert!(printed.contains("lena@example.com"), "{line}: {printed}");
            let answer: Value = serde_json::from_str(&printed).expect("SCIM is JSON");
            assert!(answer["status"].is_null(), "{line}: {printed}");
        }
        println!("{:5} ms  {line}", begun.elapsed().as_millis());
    }
    dev.stop();

    let again = Dev::start(folder, &[], "Ctrl-C stops it");
    assert!(!again.text.contains(&token), "the token is shown once");
    assert!(!again.text.contains("pvr_scim_"), "{}", again.text);
    assert!(again.text.contains("provisor token create --tenant demo"));
    // A shell puts the token there, which it does not between single quotes.
    assert_eq!(
        again
            .text
            .matches("\"Authorization: Bearer $TOKEN\"")
            .count(),
        2,
        "{}",
        again.text
    );
    let address = again.said("SCIM URL").to_owned();
    let address = address
        .trim_start_matches("http://")
        .trim_end_matches("/scim/v2");
    let mut scim = Client::new(address.parse().expect("an address"), &token);
    let page = scim.get("/scim/v2/Users").expect(200).json();
    assert_eq!(
        page["totalResults"],
        1 + 5,
        "the data stayed, and so did the token"
    );
    // The way to another token works as it is written.
    let text = again.text.clone();
    let line = text.lines().map(str::trim);
    let mut line = line.filter(|line| line.starts_with("provisor token create"));
    let other = suggested(folder, line.next().expect("it says how"));
    let mut scim = Client::new(address.parse().expect("an address"), other.trim());
    scim.get("/scim/v2/Users").expect(200);
    again.stop();
}

#[test]
fn dev_json_is_one_object_with_everything_a_script_needs() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let dev = Dev::start(folder.path(), &["--json", "--data", "elsewhere"], "}");
    let said: Value = serde_json::from_str(&dev.text).expect("JSON");
    for field in [
        "address", "scim_url", "api_url", "tenant", "token", "database",
    ] {
        assert!(said[field].is_string(), "{field} in {said}");
    }
    assert!(folder.path().join("elsewhere/provisor.db").exists());
    dev.stop();
}
