//! A folder with a database, the commands run on it, and the server that serves it.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use provisor_store::{
    Clock,
    sqlite::{SqliteSettings, SqliteStore},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;

/// The program under test.
pub(crate) const PROVISOR: &str = env!("CARGO_BIN_EXE_provisor");

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Its standard output, if it did what it should.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// It refused with this exit code, said all of this, and did not panic.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in {}", self.stderr);
        }
    }
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Done {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Done {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A program without the settings of whoever runs the tests.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PROVISOR_") {
            command.env_remove(name);
        }
    }
    command
}

/// A folder with a database.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    /// With the tenant `acme`.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.cli(&["tenant", "create", "acme"]).ok();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("provisor.db")
    }

    /// `sqlite:PATH` of the database.
    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.database().display())
    }

    /// A command on this database, in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(PROVISOR);
        command
            .args(arguments)
            .env("PROVISOR_DATABASE", self.url())
            .current_dir(self.folder.path());
        command
    }

    #[track_caller]
    pub(crate) fn cli(&self, arguments: &[&str]) -> Done {
        run(&mut self.command(arguments))
    }

    /// A new SCIM token of `acme`.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.token_with(&["--scope", "scim"])
    }

    /// A new token of `acme` for the app.
    #[track_caller]
    pub(crate) fn app_token(&self) -> String {
        self.token_with(&["--scope", "events:read", "--scope", "directory:read"])
    }

    #[track_caller]
    pub(crate) fn token_with(&self, arguments: &[&str]) -> String {
        let mut all = vec!["token", "create", "--tenant", "acme", "--purpose", "test"];
        all.extend(arguments);
        self.cli(&all).ok().trim().to_owned()
    }

    /// Starts the server on a free port.
    #[track_caller]
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    #[track_caller]
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        Server::start(command.args(arguments))
    }

    /// The command `script` of a shell in which `$@` is `provisor serve` on a free port.
    pub(crate) fn serve_in_shell(&self, script: &str) -> Command {
        let mut shell = command("sh");
        shell
            .args(["-c", script, "sh", PROVISOR])
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("PROVISOR_DATABASE", self.url())
            .current_dir(self.folder.path());
        shell
    }

    /// Nothing in the database contradicts anything else, and `provisor doctor` says so too.
    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        assert_sound(&self.database());
        let doctor = self.cli(&["doctor", "--json"]);
        let findings: Vec<Value> = doctor
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("doctor --json prints JSON lines"))
            .collect();
        let integrity = findings.iter().find(|one| one["subject"] == "integrity");
        let integrity = integrity.unwrap_or_else(|| panic!("no integrity in {doctor:?}"));
        assert_eq!(integrity["level"], "ok", "{doctor:?}");
        assert_eq!(doctor.code, Some(0), "{doctor:?}");
    }
}

/// The store's own check of a database finds nothing.
#[track_caller]
pub(crate) fn assert_sound(database: &Path) {
    let store = SqliteStore::open(database, SqliteSettings::default(), Clock::system())
        .unwrap_or_else(|error| panic!("{}: {error}", database.display()));
    let problems = store.check().expect("the check itself runs");
    store.close();
    assert_eq!(problems, Vec::<String>::new());
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a command and waits until it says where it listens.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        match Self::try_start(command) {
            Ok(server) => server,
            Err(done) => panic!("{command:?} did not start: {done:?}"),
        }
    }

    /// As [`Server::start`]; how it ended if it did not start.
    #[track_caller]
    pub(crate) fn try_start(command: &mut Command) -> Result<Self, Done> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let pipe = child.stderr.take().expect("standard error is piped");
        let stderr = Arc::<Mutex<String>>::default();
        let (found, address) = mpsc::channel();
        let said = stderr.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listens on http://") {
                    // Nobody waits for a second one.
                    let _ = found.send(address.trim().parse().expect("an address"));
                }
                let mut said = said.lock().expect("no test panics while it holds this");
                said.push_str(&line);
                said.push('\n');
            }
        });
        match address.recv_timeout(PATIENCE) {
            Ok(address) => Ok(Self {
                child,
                address,
                stderr,
                reader: Some(reader),
            }),
            Err(_) => {
                let _ = child.kill();
                let code = child.wait().expect("a child can be waited for").code();
                reader.join().expect("the reader does not panic");
                let stderr = stderr.lock().expect("the reader has ended").clone();
                Err(Done {
                    code,
                    stdout: String::new(),
                    stderr,
                })
            }
        }
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(self.address, token)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        let said = self.stderr.lock();
        said.expect("the reader does not panic").clone()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks it to end, as systemd does.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        run(command("sh").args(["-c", "kill -TERM \"$0\"", &pid])).ok();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        let code = self.child.wait().expect("a child can be waited for").code();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        Done {
            code,
            stdout: String::new(),
            stderr: self.said(),
        }
    }

    /// Ends it in order; it must not have panicked.
    #[track_caller]
    pub(crate) fn stop(self) -> Done {
        self.terminate();
        let done = self.end();
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(!done.stderr.contains("panicked"), "{done:?}");
        done
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file.
#[track_caller]
pub(crate) fn write(path: &Path, content: &[u8]) {
    let file = std::fs::File::create(path).and_then(|mut file| file.write_all(content));
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
