//! `provisor check`: what is wrong with a SCIM server, ours or another's.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scim_client::{
    Answer, Auth, Client, Request,
    check::{Checker, Finding, Profile, Report},
};

use super::Context;
use crate::{failure::Failure, terminal};

const EXAMPLE: &str = "\
Example:
  provisor check https://scim.example.com/scim/v2 --token-file token.txt

It creates users and groups whose names begin with provisor-check- and deletes them again, also after Ctrl-C. Use a tenant \
for tests all the same. Ends with 1 when a MUST is broken.";

/// Check a SCIM server against RFC 7643 and RFC 7644
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Check {
    /// The server's base URL: what stands before /Users
    url: String,
    /// With --json: write the JSON here instead of printing it
    #[arg(value_name = "FILE", requires = "json")]
    json_file: Option<PathBuf>,
    /// File with the bearer token
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Whom to speak for: generic, rfc, okta, entra, interop or ipsie
    #[arg(long, value_name = "NAME", default_value = "generic")]
    profile: Profile,
    /// File with the token of another tenant, which must see nothing of the first
    #[arg(long, value_name = "FILE")]
    second_token_file: Option<PathBuf>,
    /// Only these checks, by name
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<String>,
    /// Write JUnit XML here
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write Markdown here
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Check {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let token = token(&self.token_file)?;
        let second = match &self.second_token_file {
            Some(file) => Some((file, token_of(file, &token)?)),
            None => None,
        };
        let known = scim_client::check::names(self.profile);
        if let Some(unknown) = self
            .only
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            return Err(Failure::usage(format!(
                "--only: no check of the profile {} is called {unknown:?}; a report names them all.",
                self.profile.as_str()
            )));
        }
        let client = self.client(&self.token_file, &token).await?;
        let mut checker = Checker::new(client, self.profile).only(&self.only);
        let mut secrets = vec![token];
        if let Some((file, token)) = second {
            checker = checker.second(self.client(file, &token).await?);
            secrets.push(token);
        }
        let report = watched(&checker.secrets(secrets)).await?;
        // Whatever becomes of the files, what was found is told.
        let written = self.write(&report);
        if context.json && self.json_file.is_none() {
            terminal::json(&report.to_json())?;
        } else {
            report
                .to_lines()
                .iter()
                .try_for_each(|line| terminal::line(line))?;
        }
        written?;
        if report.stopped {
            return Err(Failure::failed("Stopped before the end."));
        }
        if report.breaks_a_must() {
            return Err(Failure::failed("The server breaks a MUST."));
        }
        Ok(())
    }

    /// A client with the token of this file, which was greeted.
    async fn client(&self, file: &Path, token: &str) -> Result<Client, Failure> {
        let client = Client::builder(&self.url, Auth::bearer(token))
            .timeout(Duration::from_secs(60))
            // Node's servers close after five.
            .idle(Duration::from_secs(2))
            .user_agent(concat!("provisor-check/", env!("CARGO_PKG_VERSION")));
        let client = client
            .build()
            .map_err(|error| Failure::usage(format!("{error}.")))?;
        greet(&client, file).await?;
        Ok(client)
    }

    fn write(&self, report: &Report) -> Result<(), Failure> {
        let put = |file: &Option<PathBuf>, text: &dyn Fn() -> String| match file {
            Some(file) => fs::write(file, text()).map_err(|error| {
                Failure::failed(format!("{} cannot be written: {error}.", file.display()))
            }),
            None => Ok(()),
        };
        put(&self.junit, &|| report.to_junit())?;
        put(&self.json_file, &|| {
            terminal::json_text(&report.to_json()) + "\n"
        })?;
        put(&self.markdown, &|| report.to_markdown())
    }
}

/// Runs the checks; Ctrl-C ends them, and what they created is removed all the same.
async fn watched(checker: &Checker) -> Result<Report, Failure> {
    let bar = if terminal::is_watched() {
        let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg}");
        ProgressBar::new(0).with_style(style.expect("the template is valid"))
    } else {
        ProgressBar::hidden()
    };
    let progress = |done: usize, of: usize, finding: &Finding| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
        bar.set_message(finding.name);
    };
    let stop = async {
        // Where signals cannot be awaited, nothing ends the run early.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        terminal::note("Stopping; removing what the checks created.");
    };
    let report = checker.run(stop, &progress).await;
    bar.finish_and_clear();
    report.map_err(|error| Failure::failed(format!("{error}.")))
}

/// Fails where the token is unknown or nothing at the address speaks SCIM: else every check would fail, and say nothing of
/// the server. Whatever else is wrong is for the checks to tell.
async fn greet(client: &Client, file: &Path) -> Result<(), Failure> {
    let ask = async |request: Request| {
        let sent = client.send(&request).await;
        sent.map(|exchange| exchange.answer)
            .map_err(|error| Failure::failed(format!("{error}.")))
    };
    let users = ask(Request::get("/Users").query("count=1")).await?;
    if users.status == 401 {
        return Err(not_let_in(client, file, &users));
    }
    if !is_of_no_service(&users) {
        return Ok(());
    }
    let config = ask(Request::get("/ServiceProviderConfig")).await?;
    if !is_of_no_service(&config) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "There is no SCIM server at {}: neither GET /Users (answered {}) nor GET /ServiceProviderConfig ({}) is served there. \
         Nothing was checked. The URL is what stands before /Users.",
        client.base(),
        users.status,
        config.status,
    )))
}

/// Whether this is how an address answers that leads to something else; with 400 some do that have another version.
fn is_of_no_service(answer: &Answer) -> bool {
    match answer.status {
        200..=299 => answer.json().is_none(),
        300..=400 | 404 | 410 => true,
        _ => false,
    }
}

fn not_let_in(client: &Client, file: &Path, users: &Answer) -> Failure {
    let (_, said) = users.said();
    let said = match client.redact(&said) {
        said if said.is_empty() => String::new(),
        said => format!(" ({})", said.trim_end_matches('.')),
    };
    Failure::failed(format!(
        "The server does not let the token of {} in: GET {}/Users was answered {}{said}. \
         Nothing was checked. Put a token that may read and write users and groups there into the file.",
        file.display(),
        client.base(),
        users.status,
    ))
}

fn token(file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::usage(format!("The token file {}: {why}.", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(token.to_owned())
}

/// The second tenant's token, which is another one than the first.
fn token_of(file: &Path, first: &str) -> Result<String, Failure> {
    let second = token(file)?;
    if second == first {
        return Err(Failure::usage(
            "--second-token-file: it holds the first token; the token of another tenant is needed.",
        ));
    }
    Ok(second)
}
