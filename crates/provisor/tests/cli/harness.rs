//! A folder of its own for each test, the binary run in it, and a small HTTP client.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a database in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With the tenant `acme` and a SCIM token for it.
    pub(crate) fn furnished() -> (Self, String) {
        let home = Self::new();
        home.ok("tenant create acme");
        let token = home.ok("token create --tenant acme --scope scim --purpose test");
        (home, token.trim().to_owned())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisor"));
        command.args(split(arguments));
        self.at_home(command)
    }

    /// A command whose umask takes nothing from anybody.
    #[cfg(unix)]
    pub(crate) fn open_handed(&self, arguments: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 000; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_provisor"))
            .args(split(arguments));
        self.at_home(command)
    }

    fn at_home(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PROVISOR_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder.path())
            .env("PROVISOR_DATABASE", "sqlite:p.db")
            .env("USER", "anna");
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs with this text on standard input.
    pub(crate) fn run_with(&self, arguments: &str, input: &str) -> Ran {
        finish(self.command(arguments), input)
    }

    /// Runs what must succeed; gives standard output.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments}: {ran:?}");
        ran.out
    }

    /// As [`Home::ok`], read as one JSON value.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --json"))).unwrap()
    }

    /// As [`Home::ok`], read as one JSON value a line.
    pub(crate) fn lines(&self, arguments: &str) -> Vec<Value> {
        let out = self.ok(&format!("{arguments} --json"));
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Runs what must fail with this code; gives standard error.
    pub(crate) fn fails(&self, code: i32, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "{arguments}: {ran:?}");
        assert_eq!(ran.out, "", "data of a failure: {ran:?}");
        ran.err
    }

    /// Starts a server on this database.
    pub(crate) fn serve(&self) -> Server {
        Self::served(self.command("serve --listen 127.0.0.1:0"))
    }

    /// Starts a server with this command.
    pub(crate) fn served(command: Command) -> Server {
        Self::listening(command).0
    }

    /// Starts a server on this database; gives what it said before it listened too.
    pub(crate) fn serve_listening(&self) -> (Server, String) {
        Self::listening(self.command("serve --listen 127.0.0.1:0"))
    }

    fn listening(mut command: Command) -> (Server, String) {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = String::new();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| match line.split_once("listens on http://") {
                Some((_, address)) => Some(address.to_owned()),
                None => {
                    before += &line;
                    before.push('\n');
                    None
                }
            })
            .expect("the server says where it listens");
        // Nobody reads the rest, and the server must not wait for that.
        let rest =
            std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        let server = Server {
            child,
            address,
            rest: Some(rest),
        };
        (server, before)
    }
}

pub(crate) fn finish(mut command: Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input has closed it already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Splits at spaces; single quotes keep them.
fn split(arguments: &str) -> Vec<String> {
    arguments
        .split('\'')
        .enumerate()
        .flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) rest: Option<std::thread::JoinHandle<String>>,
}

impl Server {
    /// One request; gives status and body.
    pub(crate) fn ask(&self, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: scim.test\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/scim+json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    pub(crate) fn create(&self, token: &str, user_name: &str) -> (u16, Value) {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": user_name,
            "emails": [{ "value": user_name, "primary": true }],
        });
        self.ask(token, "POST", "/scim/v2/Users", &body.to_string())
    }

    pub(crate) fn look_up(&self, token: &str, user_name: &str) -> (u16, Value) {
        let path = format!("/scim/v2/Users?filter=userName%20eq%20%22{user_name}%22");
        self.ask(token, "GET", &path, "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
