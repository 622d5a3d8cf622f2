//! `provisor doctor`: is this installation sound, and what to do where it is not.

mod finding;

use std::path::{Path, PathBuf};

use clap::Args;
use provisor_store::{Snapshot, Store, TenantId, TokenRecord};
use scim::datetime::format_millis;

use super::{Context, serve};
use crate::{
    config::Config,
    failure::Failure,
    open::{self, Missing},
};
use finding::Finding;

const DAY: i64 = 86_400_000;
/// 1 January 2025: no clock that is right shows an earlier time.
const EARLIEST: i64 = 1_735_689_600_000;
/// How far clocks may differ before it matters.
const SKEW: i64 = 120_000;
/// Free space below which a backup or a burst may no longer fit.
const LITTLE_SPACE: u64 = 1 << 30;
/// Free space below which writes will soon be refused.
const NO_SPACE: u64 = 64 << 20;
/// A write-ahead file of this size says that checkpoints do not get through.
const LARGE_JOURNAL: u64 = 256 << 20;

/// Check the installation
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor doctor
  provisor doctor --config /etc/provisor.toml --json

Checks database, disk, file modes, clock, TLS and public URL, and all tokens. Exit code 1 if something failed;
warnings do not change it. Works beside a running server.")]
pub(crate) struct Doctor {
    /// File with the server's settings
    #[arg(long, value_name = "FILE", env = "PROVISOR_CONFIG")]
    config: Option<PathBuf>,
    /// Leave out the check of the whole database, which reads all of it
    #[arg(long)]
    quick: bool,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let flags: Vec<_> = context
            .database
            .iter()
            .map(|database| ("database".to_owned(), database.clone()))
            .collect();
        let config = serve::load(self.config.as_deref(), &flags)?;
        let path = open::sqlite_path(&config.database).map_err(Failure::usage)?;
        let now = context.clock.now();
        let mut findings = vec![
            clock(&path, now),
            disk(&path),
            access(&path),
            exposure(&config),
        ];
        match open::store(&path, Missing::Refuse, context.clock.clone()) {
            Err(failure) => findings.push(Finding::fail(
                "database",
                failure.message,
                "Name the right file with --database, or restore a backup with `provisor restore`.",
            )),
            Ok(store) => {
                findings.push(journal(&path));
                if !self.quick {
                    findings.push(integrity(store.check()));
                }
                findings.extend(tokens(&mut *store.read().await?, now).await?);
            }
        }
        finding::report(context.json, &findings)
    }
}

fn clock(path: &Path, now: i64) -> Finding {
    if now < EARLIEST {
        return Finding::fail(
            "clock",
            format!("The clock says {}, which is long ago.", format_millis(now)),
            "Set the clock and keep it right with NTP: tokens expire and events are dated by it.",
        );
    }
    let written = std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok());
    match written {
        Some(written) if written > now + SKEW => Finding::warn(
            "clock",
            format!(
                "The database was last written at {}, which the clock ({}) has not reached.",
                format_millis(written),
                format_millis(now)
            ),
            "The clock went back. Keep it right with NTP: tokens expire and events are dated by it.",
        ),
        _ => Finding::ok("clock", format!("The clock says {}.", format_millis(now))),
    }
}

fn disk(path: &Path) -> Finding {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let free = match open::free_space(folder) {
        Ok(free) => free,
        Err(error) => {
            return Finding::warn(
                "disk",
                format!(
                    "The free space of {} is unknown: {error}.",
                    folder.display()
                ),
                "Check that the folder exists and is readable.",
            );
        }
    };
    let used = std::fs::metadata(path).map_or(0, |file| file.len());
    let text = format!(
        "{} MiB are free beside the database, which has {} MiB.",
        free >> 20,
        used >> 20
    );
    const FIX: &str = "Free space or enlarge the disk. On a full disk changes are refused with 503, nothing is lost.";
    if free < NO_SPACE {
        Finding::fail("disk", text, FIX)
    } else if free < LITTLE_SPACE.max(used / 4) {
        Finding::warn("disk", text, FIX)
    } else {
        Finding::ok("disk", text)
    }
}

/// Whether other users of the machine may read the database, the sync log or their journals.
#[cfg(unix)]
fn access(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o077;
    let mut readable = Vec::new();
    for file in [path.to_owned(), open::log_path(path)] {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = file.clone().into_os_string();
            name.push(suffix);
            let mode = std::fs::metadata(&name).map_or(0, |file| file.permissions().mode());
            if mode & OTHERS != 0 {
                readable.push((PathBuf::from(name), mode & 0o777));
            }
        }
    }
    let Some((first, mode)) = readable.first() else {
        return Finding::ok(
            "access",
            "Only their owner may read the database and the sync log.".to_owned(),
        );
    };
    let names: Vec<_> = readable
        .iter()
        .map(|(name, _)| name.display().to_string())
        .collect();
    Finding::warn(
        "access",
        format!(
            "Other users of this machine may read {} (mode {mode:04o}), which holds personal data.",
            first.display()
        ),
        format!("chmod 600 {}", names.join(" ")),
    )
}

#[cfg(not(unix))]
fn access(_: &Path) -> Finding {
    Finding::ok(
        "access",
        "Who may read the database is not checked on this system.".to_owned(),
    )
}

fn exposure(config: &Config) -> Finding {
    if let Some(warning) = serve::exposed(config, config.listen) {
        let text = warning.trim_start_matches("warning: ").to_owned();
        return Finding::warn(
            "tls",
            text,
            "Put a proxy that ends TLS in front and set public_url and trusted_proxy.",
        );
    }
    match &config.server.public_url {
        None => Finding::warn(
            "tls",
            format!(
                "public_url is not set; the server listens on {} only.",
                config.listen
            ),
            "Set public_url to what identity providers call the server; they demand https.",
        ),
        Some(url) if !url.starts_with("https://") => Finding::warn(
            "tls",
            format!("public_url is {url}, without TLS."),
            "Identity providers demand https. Put a proxy that ends TLS in front.",
        ),
        Some(url) if config.server.trusted_proxy.is_none() => Finding::warn(
            "tls",
            format!("public_url is {url}, but trusted_proxy is not set."),
            "Set trusted_proxy to the proxy's address, so that the log and allow-lists see the clients' addresses.",
        ),
        Some(url) => Finding::ok("tls", format!("public_url is {url}.")),
    }
}

fn journal(path: &Path) -> Finding {
    let mut journal = path.to_owned().into_os_string();
    journal.push("-wal");
    let bytes = std::fs::metadata(PathBuf::from(journal)).map_or(0, |file| file.len());
    let text = format!(
        "The database opens and has the right version; its write-ahead file has {} MiB.",
        bytes >> 20
    );
    if bytes > LARGE_JOURNAL {
        return Finding::warn(
            "database",
            text,
            "Something holds an old view open: end long exports and backups, or restart the server.",
        );
    }
    Finding::ok("database", text)
}

fn integrity(checked: Result<Vec<String>, provisor_store::StoreError>) -> Finding {
    const FIX: &str =
        "Stop the server, keep the file, and restore the last backup with `provisor restore`.";
    match checked {
        Ok(problems) if problems.is_empty() => Finding::ok(
            "integrity",
            "Pages, counters, search keys, memberships and event order agree.".to_owned(),
        ),
        Ok(problems) => Finding::fail("integrity", problems.join("; "), FIX),
        Err(error) => Finding::fail("integrity", error.to_string(), FIX),
    }
}

/// Every token that somebody should look at.
async fn tokens(snapshot: &mut dyn Snapshot, now: i64) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let mut count = 0;
    let mut judge = |tenant: &str, tokens: &[TokenRecord]| {
        for token in tokens.iter().filter(|token| token.revoked.is_none()) {
            count += 1;
            findings.extend(hygiene(tenant, token, now));
        }
    };
    judge("", &snapshot.tokens(TenantId::SYSTEM).await?);
    let mut after = String::new();
    loop {
        let tenants = snapshot.tenants(&after, 1000).await?;
        let Some(last) = tenants.last() else { break };
        after.clone_from(&last.key);
        for tenant in &tenants {
            judge(&tenant.key, &snapshot.tokens(tenant.id).await?);
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "tokens",
            format!("{count} tokens, all in use and none about to expire."),
        ));
    }
    Ok(findings)
}

fn hygiene(tenant: &str, token: &TokenRecord, now: i64) -> Option<Finding> {
    let (whose, revoke) = match tenant {
        "" => ("The operators' token".to_owned(), "--operator".to_owned()),
        tenant => (
            format!("Token of tenant \"{tenant}\":"),
            format!("--tenant {tenant}"),
        ),
    };
    let subject = format!("{whose} tok_{} \"{}\"", token.id, token.purpose);
    let revoke = format!("`provisor token revoke tok_{} {revoke}`", token.id);
    let renew = "Make a new one, put it into the identity provider, then revoke this one.";
    let idle = token
        .last_used
        .as_ref()
        .map_or(token.created, |last| last.at);
    let warn = |text: String, fix: String| Some(Finding::warn("tokens", text, fix));
    match token.expires {
        Some(expires) if expires <= now => {
            return warn(
                format!("{subject} expired at {}.", format_millis(expires)),
                format!("Make a new one if it is still needed, and remove it with {revoke}."),
            );
        }
        Some(expires) if expires < now + 30 * DAY => {
            return warn(
                format!("{subject} expires at {}.", format_millis(expires)),
                renew.to_owned(),
            );
        }
        _ => {}
    }
    if idle < now - 30 * DAY {
        let since = if token.last_used.is_some() {
            format!("was last used at {}", format_millis(idle))
        } else {
            format!("was never used since {}", format_millis(idle))
        };
        return warn(
            format!("{subject} {since}."),
            format!("Revoke it if nobody needs it: {revoke}."),
        );
    }
    if token.last_used.is_none() && idle < now - DAY {
        return warn(
            format!("{subject} was never used."),
            format!("Put it into the identity provider, or revoke it: {revoke}."),
        );
    }
    if token.expires.is_none() {
        return warn(
            format!("{subject} never expires."),
            "Make one with --expires 365d, so that a leaked one does not work for ever.".to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use provisor_store::{Scope, TokenId, TokenKind, record::LastUse};

    use super::{finding::Level, *};

    #[test]
    fn tokens_that_need_a_look_are_named() {
        const NOW: i64 = 1_800_000_000_000;
        for (created, expires, used, expected) in [
            (5, Some(100), Some(0), None),
            (5, Some(-1), Some(0), Some("expired at")),
            (5, Some(20), Some(0), Some("expires at")),
            (5, None, Some(0), Some("never expires")),
            (40, Some(100), Some(31), Some("was last used at")),
            (40, Some(100), None, Some("was never used since")),
            (5, Some(100), None, Some("was never used.")),
            (0, Some(100), None, None),
        ] {
            let token = TokenRecord {
                id: TokenId(3),
                tenant: TenantId(1),
                connection: None,
                purpose: "Okta".to_owned(),
                scopes: [Scope::Scim].into_iter().collect(),
                kind: TokenKind::Scim,
                last4: "abcd".to_owned(),
                addresses: Vec::new(),
                created: NOW - created * DAY,
                created_by: "cli:anna".to_owned(),
                expires: expires.map(|days: i64| NOW + days * DAY),
                revoked: None,
                last_used: used.map(|days: i64| LastUse {
                    at: NOW - days * DAY,
                    address: String::new(),
                    client: String::new(),
                }),
            };
            let text = hygiene("acme", &token, NOW).map(|finding| finding.text);
            match expected {
                None => assert_eq!(text, None),
                Some(part) => assert!(
                    text.as_ref().is_some_and(|text| text.contains(part)),
                    "{part}: {text:?}"
                ),
            }
        }
    }

    #[test]
    fn a_clock_that_went_back_is_noticed() {
        let file = std::env::current_exe().unwrap();
        assert_eq!(clock(&file, 0).level, Level::Fail);
        assert_eq!(clock(&file, EARLIEST + 1).level, Level::Warn);
        assert_eq!(clock(&file, i64::MAX / 4).level, Level::Ok);
    }

    #[test]
    fn tls_and_public_url_are_judged_together() {
        for (listen, url, proxy, level) in [
            ("127.0.0.1:7070", None, None, Level::Warn),
            ("0.0.0.0:7070", None, None, Level::Warn),
            (
                "127.0.0.1:7070",
                Some("http://scim.acme.com"),
                None,
                Level::Warn,
            ),
            (
                "127.0.0.1:7070",
                Some("https://scim.acme.com"),
                None,
                Level::Warn,
            ),
            (
                "127.0.0.1:7070",
                Some("https://scim.acme.com"),
                Some("127.0.0.1"),
                Level::Ok,
            ),
        ] {
            let mut config = Config {
                listen: listen.parse().unwrap(),
                ..Config::default()
            };
            config.server.public_url = url.map(str::to_owned);
            config.server.trusted_proxy = proxy.map(|proxy| proxy.parse().unwrap());
            assert_eq!(exposure(&config).level, level, "{listen} {url:?} {proxy:?}");
        }
    }
}
