//! This test program as another process: a test runs again, alone, with a file to work on.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const FILE: &str = "PROVISOR_TEST_FILE";

/// The file, in a child; in the ordinary run of the tests there is none.
pub(crate) fn path() -> Option<PathBuf> {
    env::var_os(FILE).map(PathBuf::from)
}

/// The command of a child that runs this test. With `blocks`, no file may grow beyond that many
/// kilobytes.
pub(crate) fn command(test: &str, file: &Path, blocks: Option<&str>) -> Command {
    let this = env::current_exe().expect("this program has a path");
    let mut command = match blocks {
        None => Command::new(this),
        Some(blocks) => {
            let mut shell = Command::new("bash");
            // The signal of the limit is ignored, so that writing fails as on a full disk.
            shell.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", blocks]);
            shell.arg(this);
            shell
        }
    };
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub(crate) fn run(test: &str, file: &Path, blocks: Option<&str>) -> Output {
    command(test, file, blocks)
        .output()
        .expect("the child runs")
}
