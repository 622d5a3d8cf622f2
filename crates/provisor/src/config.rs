//! Configuration: the annotated file, then the environment, then flags; each setting is named once, in one table.

mod form;

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use provisor_server::{Settings, outbound::seal::SecretKey};
use provisor_store::LogSettings;
use toml::{Spanned, de::DeTable, de::DeValue};

pub(crate) use form::duration;

use crate::open;

/// The annotated file with every setting and its default: the documentation of the settings.
#[cfg(test)]
pub(crate) const DEFAULT_FILE: &str = include_str!("../default_config.toml");

/// Where the data is unless told otherwise: the folder that `provisor dev` creates.
pub(crate) const DEFAULT_DATABASE: &str = "sqlite:provisor-data/provisor.db";

/// Everything an operator can set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Address of the server.
    pub(crate) listen: SocketAddr,
    /// `sqlite:PATH`.
    pub(crate) database: String,
    /// Address for `/api/v1` and `/metrics`; on `listen` while unset.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// `text` or `json`.
    pub(crate) log_format: LogFormat,
    /// Level, or levels by module, of the server's own log.
    pub(crate) log_level: String,
    /// The HTTP side.
    pub(crate) server: Settings,
    /// The sync log.
    pub(crate) sync_log: LogSettings,
    /// How long one query may read the directory.
    pub(crate) scan_time: Duration,
    /// Threads for such queries.
    pub(crate) scan_threads: usize,
    /// Bytes that one query keeps.
    pub(crate) search_memory: usize,
}

/// Form of the server's own log on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            database: DEFAULT_DATABASE.to_owned(),
            admin_listen: None,
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            server: Settings::default(),
            sync_log: LogSettings::default(),
            scan_time: Duration::from_secs(10),
            scan_threads: 2,
            search_memory: 64 * 1024 * 1024,
        }
    }
}

/// One setting: its key in the file, and how its text becomes a value.
struct Setting {
    key: &'static str,
    set: fn(&mut Config, &str) -> Result<(), String>,
}

macro_rules! settings {
    ($($key:literal => $($field:ident).+ : $form:ident),* $(,)?) => {
        const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            set: |config, text| {
                config.$($field).+ = form::$form(text)?;
                Ok(())
            },
        }),*];
    };
}

settings! {
    "listen" => listen: socket,
    "database" => database: database,
    "admin_listen" => admin_listen: optional_socket,
    "public_url" => server.public_url: public_url,
    "trusted_proxy" => server.trusted_proxy: optional_address,
    "log.format" => log_format: log_format,
    "log.level" => log_level: log_level,
    "limits.max_body" => server.max_body: size,
    "limits.max_large_body" => server.max_large_body: size,
    "limits.body_memory" => server.body_memory: size,
    "limits.max_page" => server.max_page: count,
    "limits.default_page" => server.default_page: count,
    "limits.max_patch_operations" => server.max_patch_operations: count,
    "limits.max_bulk_operations" => server.max_bulk_operations: count,
    "limits.max_filter_length" => server.max_filter_length: size,
    "limits.max_filter_depth" => server.max_filter_depth: count,
    "limits.max_connections" => server.max_connections: count,
    "limits.header_timeout" => server.header_timeout: duration,
    "limits.body_timeout" => server.body_timeout: duration,
    "limits.shutdown_timeout" => server.shutdown_timeout: duration,
    "limits.cursor_timeout" => server.cursor_timeout: duration,
    "limits.rate" => server.rate_limit: optional_count,
    "limits.failed_authentications" => server.failed_authentication_limit: optional_count,
    "sync_log.keep_bodies" => sync_log.body_retention_ms: millis,
    "sync_log.keep_entries" => sync_log.entry_retention_ms: millis,
    "sync_log.max_size" => sync_log.max_bytes: size,
    "sync_log.max_body" => sync_log.body_limit: size,
    "sync_log.reads_per_second" => sync_log.reads_per_second: count,
    "sync_log.refusals_per_address" => sync_log.refusals_per_address: count,
    "sync_log.refusals_per_second" => sync_log.refusals_per_second: count,
    "retention.deleted" => server.keep_deleted: duration,
    "retention.target_log" => server.keep_target_log: duration,
    "secret_key_file" => server.secret_key: secret_key_file,
    "console.session_idle" => server.session_idle: duration,
    "console.session_lifetime" => server.session_lifetime: duration,
    "store.scan_time" => scan_time: duration,
    "store.scan_threads" => scan_threads: count,
    "store.search_memory" => search_memory: size,
}

/// A setting that cannot be used: where it stands, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// What links into the console begin with: with a listener of its own, the console is there and
    /// not at the public URL.
    pub(crate) fn console_url(&self, listen: SocketAddr, admin: Option<SocketAddr>) -> String {
        match (admin, &self.server.public_url) {
            (Some(admin), _) => format!("http://{admin}"),
            (None, Some(url)) => url.clone(),
            (None, None) => format!("http://{listen}"),
        }
    }

    /// Reads file, environment and flags, in this order; a later one wins. The second value
    /// lists variables that look like settings but are none.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<(Config, Vec<String>), ConfigError> {
        let mut config = Config::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                ConfigError(format!(
                    "The configuration file {} cannot be read: {error}.",
                    path.display()
                ))
            })?;
            config.read_file(&path.display().to_string(), &text)?;
        }
        let warnings = config.read_environment(environment)?;
        for (key, value) in flags {
            config.set(key, value, &|| format!("--set {key}"))?;
        }
        config.check()?;
        Ok((config, warnings))
    }

    fn read_file(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            ConfigError(format!("{name}, line {line}: {}", error.message()))
        })?;
        self.read_table(name, text, "", table.get_ref())
    }

    fn read_table(
        &mut self,
        name: &str,
        text: &str,
        prefix: &str,
        table: &DeTable<'_>,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            let place = || format!("{name}, line {}", line_of(text, key.span().start));
            let path = match prefix {
                "" => key.get_ref().to_string(),
                prefix => format!("{prefix}.{}", key.get_ref()),
            };
            match value.get_ref() {
                DeValue::Table(inner) if is_section(&path) => {
                    self.read_table(name, text, &path, inner)?;
                }
                _ => self.set(&path, &plain(value), &place)?,
            }
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Vec<String>, ConfigError> {
        let mut warnings = Vec::new();
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix("PROVISOR_") else {
                continue;
            };
            // The key itself, which no file of settings and no flag may hold.
            if variable == open::SECRET_KEY {
                self.server.secret_key = SecretKey::from_text(&value).map_err(ConfigError)?;
                continue;
            }
            let setting = SETTINGS
                .iter()
                .find(|setting| variable_of(setting.key) == variable);
            match setting {
                Some(setting) => self.set(setting.key, &value, &|| variable.clone())?,
                // Kubernetes sets PROVISOR_SERVICE_HOST, PROVISOR_PORT and the like beside a
                // service of this name, so an unknown variable cannot be an error.
                None if is_other_variable(name) => {}
                None => warnings.push(format!(
                    "The environment variable {variable} is no setting{}; it is ignored.",
                    nearest(&name.to_ascii_lowercase().replacen('_', ".", 1))
                        .map(|key| format!(" (nearest: {})", variable_of(key)))
                        .unwrap_or_default()
                )),
            }
        }
        Ok(warnings)
    }

    fn set(
        &mut self,
        key: &str,
        value: &str,
        place: &dyn Fn() -> String,
    ) -> Result<(), ConfigError> {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let hint = match nearest(key) {
                Some(known) => format!("Did you mean \"{known}\"?"),
                None => "default_config.toml lists every setting.".to_owned(),
            };
            return Err(ConfigError(format!(
                "{}: there is no setting \"{key}\". {hint}",
                place()
            )));
        };
        (setting.set)(self, value.trim())
            .map_err(|problem| ConfigError(format!("{}: {key}: {problem}", place())))
    }

    /// What no setting can check alone.
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |text: String| Err(ConfigError(text));
        let server = &self.server;
        if server.default_page > server.max_page {
            return wrong(format!(
                "limits.default_page ({}) is larger than limits.max_page ({}). Lower the first or raise the second.",
                server.default_page, server.max_page
            ));
        }
        if server.max_body > server.max_large_body {
            return wrong(format!(
                "limits.max_body ({}) is larger than limits.max_large_body ({}), the limit of Groups and Bulk. Lower the first or raise the second.",
                server.max_body, server.max_large_body
            ));
        }
        if self.sync_log.body_retention_ms > self.sync_log.entry_retention_ms {
            return wrong(
                "sync_log.keep_bodies is longer than sync_log.keep_entries. A body goes with its entry at the latest.".to_owned(),
            );
        }
        if self.admin_listen == Some(self.listen) {
            return wrong(
                "admin_listen is the same address as listen. Leave it empty or choose another port.".to_owned(),
            );
        }
        Ok(())
    }
}

fn is_section(path: &str) -> bool {
    SETTINGS.iter().any(|setting| {
        setting
            .key
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// `limits.max_body` → `PROVISOR_LIMITS_MAX_BODY`.
fn variable_of(key: &str) -> String {
    format!("PROVISOR_{}", key.to_ascii_uppercase().replace('.', "_"))
}

/// Variables of the command line, and those a Kubernetes service named `provisor` brings.
fn is_other_variable(name: &str) -> bool {
    matches!(name, "CONFIG" | "PORT") || name.starts_with("SERVICE_") || name.starts_with("PORT_")
}

/// The value as it would be written in the environment.
fn plain(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// The known key that takes the fewest edits, if it is near enough to be meant.
fn nearest(key: &str) -> Option<&'static str> {
    closest(key, SETTINGS.iter().map(|setting| setting.key))
}

/// The candidate that takes the fewest edits, if it is near enough to be meant; a key without
/// its section is found too.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let last = word.rsplit('.').next().unwrap_or(word);
    let named_alike = candidates
        .clone()
        .find(|known| known.rsplit('.').next() == Some(last));
    named_alike.or_else(|| {
        candidates
            .map(|known| (edits(word, known), known))
            .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
            .min()
            .map(|(_, known)| known)
    })
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
