//! `provisor check`: what is wrong with a SCIM server, ours or another's.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scim_client::{
    Auth, Client, Request,
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
        let mut secrets = vec![token.clone()];
        let mut checker = Checker::new(self.client(&token)?, self.profile).only(&self.only);
        let mut signed_in = vec![(&self.token_file, self.client(&token)?)];
        if let Some(file) = &self.second_token_file {
            let second = token_of(file, &token)?;
            checker = checker.second(self.client(&second)?);
            signed_in.push((file, self.client(&second)?));
            secrets.push(second);
        }
        let checker = checker.secrets(secrets);
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
        for (file, client) in &signed_in {
            is_let_in(client, file).await?;
        }
        let report = watched(&checker).await?;
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

    fn client(&self, token: &str) -> Result<Client, Failure> {
        let client = Client::builder(&self.url, Auth::bearer(token))
            .timeout(Duration::from_secs(60))
            // Node's servers close after five.
            .idle(Duration::from_secs(2))
            .user_agent(concat!("provisor-check/", env!("CARGO_PKG_VERSION")));
        client
            .build()
            .map_err(|error| Failure::usage(format!("{error}.")))
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

/// Whether there is a SCIM server, and lets the token in: without that every check would fail, and say nothing of the server.
async fn is_let_in(client: &Client, file: &Path) -> Result<(), Failure> {
    let ask = async |request: Request| {
        let sent = client.send(&request).await;
        sent.map(|exchange| exchange.answer)
            .map_err(|error| Failure::failed(format!("{error}.")))
    };
    let users = ask(Request::get("/Users").query("count=1")).await?;
    if [401, 403].contains(&users.status) {
        let (_, said) = users.said();
        let said = match client.redact(&said) {
            said if said.is_empty() => String::new(),
            said => format!(" ({})", said.trim_end_matches('.')),
        };
        return Err(Failure::failed(format!(
            "The server does not let the token of {} in: GET {}/Users was answered {}{said}. \
             Nothing was checked. Put a token that may read and write users and groups there into the file.",
            file.display(),
            client.base(),
            users.status,
        )));
    }
    let is_json = |answer: &scim_client::Answer| answer.is_success() && answer.json().is_some();
    if is_json(&users) || is_json(&ask(Request::get("/ServiceProviderConfig")).await?) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "There is no SCIM server at {}: GET /Users was answered {} there, and /ServiceProviderConfig is not found either. \
         Nothing was checked. The URL is what stands before /Users.",
        client.base(),
        users.status,
    )))
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
