//! Progress of long work: a bar where a person watches, nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A count without a known end.
pub(crate) fn count(what: &str) -> ProgressBar {
    styled(None, what, "{msg} {human_pos} {elapsed}")
}

/// A bar for so many steps.
pub(crate) fn steps(total: u64, what: &str) -> ProgressBar {
    styled(
        Some(total),
        what,
        "{msg} [{wide_bar}] {human_pos}/{human_len} {eta}",
    )
}

/// A bar for so many bytes; a count of bytes where their number is unknown.
pub(crate) fn bytes(total: Option<u64>, what: &str) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}",
        None => "{msg} {bytes} {elapsed}",
    };
    styled(total, what, template)
}

fn styled(total: Option<u64>, what: &str, template: &str) -> ProgressBar {
    let target = if crate::terminal::is_watched() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::with_draw_target(total, target)
        .with_style(style)
        .with_message(what.to_owned())
}
