//! One line of `provisor doctor`.

use serde_json::json;

use crate::{failure::Failure, terminal};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Works, but somebody should look.
    Warn,
    /// Broken.
    Fail,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

/// What was looked at, what was found, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) subject: &'static str,
    pub(super) text: String,
    pub(super) fix: String,
}

impl Finding {
    pub(super) fn ok(subject: &'static str, text: String) -> Self {
        Self {
            level: Level::Ok,
            subject,
            text,
            fix: String::new(),
        }
    }

    pub(super) fn warn(subject: &'static str, text: String, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            subject,
            text,
            fix: fix.into(),
        }
    }

    pub(super) fn fail(subject: &'static str, text: String, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(subject, text, fix)
        }
    }
}

/// Prints all findings; one that failed makes the command fail.
pub(super) fn report(as_json: bool, findings: &[Finding]) -> Result<(), Failure> {
    for finding in findings {
        if as_json {
            terminal::json(&json!({
                "level": finding.level.as_str(),
                "subject": finding.subject,
                "text": finding.text,
                "fix": finding.fix,
            }))?;
            continue;
        }
        let level = finding.level.as_str();
        terminal::line(&format!(
            "{level:<4}  {:<9}  {}",
            finding.subject, finding.text
        ))?;
        if !finding.fix.is_empty() {
            terminal::line(&format!("{:17}→ {}", "", finding.fix))?;
        }
    }
    let failed = findings
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .count();
    match failed {
        0 => Ok(()),
        1 => Err(Failure::failed("One check failed.")),
        failed => Err(Failure::failed(format!("{failed} checks failed."))),
    }
}
