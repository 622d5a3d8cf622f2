//! A report as lines for a terminal.

use crate::check::{Level, Outcome, Report, Shown, catalog::named};

/// Characters of a body that a line shows; the JSON report has more.
const BODY: usize = 600;

impl Report {
    /// The report as lines: failures, what is lenient, the table of areas, the sums.
    #[must_use]
    pub fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for finding in self.failures() {
            let Outcome::Failed { why, exchanges } = &finding.outcome else {
                continue;
            };
            let (level, clause) = (finding.level.as_str(), &finding.clause);
            lines.push(format!(
                "FAILED {level} {} ({clause}; {})",
                finding.name,
                finding.proves.join(", ")
            ));
            lines.push(format!("  {why}"));
            let shown = exchanges.iter().rev().take(2).rev();
            lines.extend(shown.flat_map(exchange).map(|line| format!("  {line}")));
            lines.push(format!("  fix: {}", finding.hint));
            lines.push(String::new());
        }
        for finding in &self.findings {
            match &finding.outcome {
                Outcome::Lenient(tolerances) => {
                    lines.push(format!("LENIENT {}: {}", finding.name, named(tolerances)));
                }
                Outcome::NotRun(reason) => {
                    lines.push(format!("NOT RUN {}: {reason}", finding.name))
                }
                _ => {}
            }
        }
        lines.extend(self.table());
        lines.extend(self.left_over.iter().map(|path| {
            format!("LEFT OVER {path}: it could not be deleted; names of checks begin with provisor-check-")
        }));
        lines.extend(self.may_be_left_over.iter().map(|list| {
            format!(
                "MAY BE LEFT OVER in {list}: a create had no answer, and the list could not be read to its end; look for names that begin with {}",
                self.mark
            )
        }));
        if self.stopped {
            lines.push("Stopped before the end.".to_owned());
        }
        lines.push(self.sum());
        lines
    }

    /// `250 passed, 0 failed, 20 lenient, 9 skipped, 3 not run`.
    #[must_use]
    pub fn sum(&self) -> String {
        let [passed, lenient, failed, skipped, not_run] =
            Outcome::WORDS.map(|word| self.count(None, word));
        format!(
            "{passed} passed, {failed} failed, {lenient} lenient, {skipped} skipped, {not_run} not run"
        )
    }

    fn table(&self) -> Vec<String> {
        let row = |name: &str, cells: [String; 5]| {
            let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
            format!("{name:<10}{}", cells.join(""))
        };
        let mut lines = vec![String::new(), row("", Outcome::WORDS.map(str::to_owned))];
        for area in self.areas() {
            let counts = |word: &str| {
                let of_area = self.findings.iter().filter(|finding| finding.area == area);
                of_area
                    .filter(|finding| finding.outcome.word() == word)
                    .count()
                    .to_string()
            };
            lines.push(row(area, Outcome::WORDS.map(counts)));
        }
        lines.push(String::new());
        for level in Level::ALL {
            let counts = |word: &str| self.count(Some(level), word).to_string();
            lines.push(row(level.as_str(), Outcome::WORDS.map(counts)));
        }
        lines.push(String::new());
        lines
    }
}

/// An exchange as lines: `>` for what was sent, `<` for what came back.
pub(super) fn exchange(shown: &Shown) -> Vec<String> {
    let cut = |text: &str| -> String {
        let more = if text.chars().count() > BODY {
            "…"
        } else {
            ""
        };
        text.chars().take(BODY).collect::<String>() + more
    };
    let mut lines = vec![format!("> {}", shown.request)];
    if !shown.request_body.is_empty() {
        lines.push(format!("> {}", cut(&shown.request_body)));
    }
    let content_type = shown
        .answer_headers
        .iter()
        .find(|(name, _)| name == "content-type");
    let content_type = content_type
        .map(|(_, value)| value.as_str())
        .unwrap_or_default();
    lines.push(
        format!("< {} {content_type}", shown.status)
            .trim_end()
            .to_owned(),
    );
    if !shown.answer_body.is_empty() {
        lines.push(format!("< {}", cut(&shown.answer_body)));
    }
    lines
}
