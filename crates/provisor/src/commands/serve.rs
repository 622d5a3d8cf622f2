//! `provisor serve`: the server, from its configuration to its orderly end.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use provisor_server::{Listeners, Server};
use tokio::net::TcpListener;

use super::{Context, person};
use crate::{
    config::{Config, LogFormat},
    directory::Directory,
    failure::Failure,
    open::{self, Missing},
    terminal,
};

/// Start the server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor serve --listen 127.0.0.1:7070 --database sqlite:/var/lib/provisor/provisor.db \\
      --public-url https://scim.example.com --trusted-proxy 127.0.0.1
  provisor serve --config /etc/provisor.toml --set limits.max_page=500

A setting comes from the file, else the environment (PROVISOR_LISTEN, PROVISOR_LIMITS_MAX_PAGE),
else its default; a flag wins over all. SIGTERM and Ctrl-C end it in order: open requests finish,
nothing that was answered is lost.")]
pub(crate) struct Serve {
    /// File with settings
    #[arg(long, value_name = "FILE", env = "PROVISOR_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Another address for the console, /api/v1 and /metrics
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// What the world calls this server, with its scheme (see the examples)
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Address of the proxy whose X-Forwarded-* are believed
    #[arg(long, value_name = "ADDR")]
    trusted_proxy: Option<String>,
    /// Form of the server's own log: text or json
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// Level of the server's own log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Any other setting (repeat for more)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    settings: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
        None => Err("write KEY=VALUE, as in limits.max_page=500".to_owned()),
    }
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut flags = self.settings;
        for (key, value) in [
            ("listen", self.listen),
            ("database", context.database.clone()),
            ("admin_listen", self.admin_listen),
            ("public_url", self.public_url),
            ("trusted_proxy", self.trusted_proxy),
            ("log.format", self.log_format),
            ("log.level", self.log_level),
        ] {
            flags.extend(value.map(|value| (key.to_owned(), value)));
        }
        let config = load(self.config.as_deref(), &flags)?;
        start_log(&config);
        let (listeners, address) = listen(&config).await?;
        if let Some(warning) = exposed(&config, address) {
            terminal::note(&warning);
        }
        let sign_in = first_sign_in(context, &config, &listeners, address).await?;
        serve(context, config, listeners, || {
            if let Some(link) = sign_in {
                terminal::note(&format!(
                    "Nobody can sign in to the console yet. This link lets the first owner in, once, within an hour:\n{link}"
                ));
            }
            terminal::note(&format!("Provisor listens on http://{address}"));
            Ok(())
        })
        .await
    }
}

/// Makes the first owner if there is nobody, and the link that lets them in.
async fn first_sign_in(
    context: &Context,
    config: &Config,
    listeners: &Listeners,
    address: SocketAddr,
) -> Result<Option<String>, Failure> {
    let path = open::sqlite_path(&config.database).map_err(Failure::usage)?;
    let store = open::store(&path, Missing::Create, context.clock.clone())?;
    let admin = listeners.admin.as_ref();
    let admin = admin.and_then(|listener| listener.local_addr().ok());
    let base = config.console_url(address, admin);
    let directory = Directory::new(std::sync::Arc::new(store.clone()));
    let link = person::first_link(&directory, &context.clock, &base, false).await;
    drop(directory);
    store.close();
    link
}

/// Reads the settings; wrong ones are wrong usage, variables that are none are told.
pub(super) fn load(
    file: Option<&std::path::Path>,
    flags: &[(String, String)],
) -> Result<Config, Failure> {
    let (config, warnings) = Config::load(file, environment(), flags)
        .map_err(|error| Failure::usage(error.to_string()))?;
    for warning in warnings {
        terminal::note(&format!("warning: {warning}"));
    }
    Ok(config)
}

/// The variables that are text; others are not ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The server's own log, on standard error.
pub(super) fn start_log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log_level);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.with_ansi(!plain && terminal::is_watched()).init(),
    }
}

/// Takes what the server listens on, before anything else is touched.
pub(super) async fn listen(config: &Config) -> Result<(Listeners, SocketAddr), Failure> {
    let public = bind(config.listen, "--listen").await?;
    let admin = match config.admin_listen {
        Some(address) => Some(bind(address, "--admin-listen").await?),
        None => None,
    };
    // Where it really listens, also when port 0 was asked for.
    let address = public
        .local_addr()
        .map_err(|error| Failure::failed(format!("The server cannot listen: {error}.")))?;
    Ok((Listeners { public, admin }, address))
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let port = address.port();
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "port {port} is taken by another program. Stop it, or choose another port with {flag}"
            ),
            std::io::ErrorKind::PermissionDenied => format!(
                "this user may not use port {port}. Choose a port above 1023 with {flag}"
            ),
            std::io::ErrorKind::AddrNotAvailable => format!(
                "this machine has no address {}. Choose one of its own with {flag}",
                address.ip()
            ),
            _ => format!("{error}"),
        };
        Failure::failed(format!("The server cannot listen on {address}: {why}."))
    })
}

/// A warning if tokens may cross a network in the clear.
pub(super) fn exposed(config: &Config, address: SocketAddr) -> Option<String> {
    let encrypted = config
        .server
        .public_url
        .as_deref()
        .is_some_and(|url| url.starts_with("https://"));
    if address.ip().is_loopback() || encrypted {
        return None;
    }
    Some(format!(
        "warning: Provisor listens on {address} without TLS, so tokens cross the network in the clear. \
         Put a proxy that ends TLS in front of it, and say so with --public-url https://… and --trusted-proxy ADDR."
    ))
}

/// Opens the database, serves until a signal comes, and closes in order. `ready` is called
/// once requests are waited for.
pub(super) async fn serve(
    context: &Context,
    config: Config,
    listeners: Listeners,
    ready: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let path = open::sqlite_path(&config.database).map_err(Failure::usage)?;
    let clock = context.clock.clone();
    let store = open::store_with(
        &path,
        Missing::Create,
        clock.clone(),
        open::settings(&config),
    )?;
    let log = open::log(&path, &config.sync_log, clock.clone());
    let server = Server {
        store: store.clone(),
        log: log.clone(),
        settings: config.server,
        clock,
    };
    let signals = Signals::catch()?;
    ready()?;
    let served = server.run(listeners, signals.stop()).await;
    store.close();
    log.close();
    served?;
    terminal::note("Stopped. Everything that was answered is stored.");
    Ok(())
}

/// SIGINT and SIGTERM, caught from the moment this is made.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn catch() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let failed = |error| Failure::failed(format!("Signals cannot be caught: {error}."));
            Ok(Self {
                interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
                terminate: signal(SignalKind::terminate()).map_err(failed)?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals the program can only be killed, which loses nothing either.
            std::future::pending::<()>().await;
        }
    }

    /// Resolves at the first one; a second one ends the program at once.
    async fn stop(mut self) {
        self.next().await;
        terminal::note("Stopping: open requests finish. Once more to stop at once.");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_off_loopback_without_tls_is_warned_about() {
        for (address, public_url, warned) in [
            ("127.0.0.1:7070", None, false),
            ("[::1]:7070", None, false),
            ("0.0.0.0:7070", None, true),
            ("10.0.0.2:7070", Some("http://scim.example.com"), true),
            ("10.0.0.2:7070", Some("https://scim.example.com"), false),
        ] {
            let mut config = Config::default();
            config.server.public_url = public_url.map(str::to_owned);
            let warning = exposed(&config, address.parse().unwrap());
            assert_eq!(warning.is_some(), warned, "{address} {public_url:?}");
        }
    }

    #[test]
    fn settings_are_assigned_at_the_first_equals_sign() {
        assert_eq!(
            assignment("log.level=info,x=debug"),
            Ok(("log.level".to_owned(), "info,x=debug".to_owned()))
        );
        assert!(assignment("limits.max_page").is_err());
    }
}
