//! A report as Markdown, for a ticket or a pull request.

use super::text::exchange;
use crate::check::{Finding, Level, Outcome, Report, catalog::named};

impl Report {
    /// All of it as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = format!(
            "# SCIM conformance of {}\n\nProfile `{}`: {}.\n\n",
            self.base,
            self.profile.as_str(),
            self.sum()
        );
        page += "| level | passed | lenient | failed | skipped | not run |\n|---|---|---|---|---|---|\n";
        for level in Level::ALL {
            let counts = Outcome::WORDS.map(|word| self.count(Some(level), word).to_string());
            page += &format!("| {} | {} |\n", level.as_str(), counts.join(" | "));
        }
        let failures = self.failures();
        if !failures.is_empty() {
            page += "\n## Failed\n";
        }
        for finding in failures {
            page += &failure(finding);
        }
        page += "\n## Every check\n\n| check | level | clause | outcome |\n|---|---|---|---|\n";
        for finding in &self.findings {
            let outcome = match &finding.outcome {
                Outcome::Lenient(tolerances) => format!("lenient: {}", named(tolerances)),
                Outcome::Skipped(reason) | Outcome::NotRun(reason) => {
                    format!("{}: {reason}", finding.outcome.word())
                }
                other => other.word().to_owned(),
            };
            let (name, level, clause) = (finding.name, finding.level.as_str(), &finding.clause);
            page += &format!(
                "| {name} | {level} | {clause} | {} |\n",
                outcome.replace('|', "\\|")
            );
        }
        page
    }
}

fn failure(finding: &Finding) -> String {
    let Outcome::Failed { why, exchanges } = &finding.outcome else {
        return String::new();
    };
    let shown: Vec<_> = exchanges.iter().flat_map(exchange).collect();
    format!(
        "\n### {} ({}, {})\n\n{why}\n\n```\n{}\n```\n\n{}\n",
        finding.name,
        finding.level.as_str(),
        finding.clause,
        shown.join("\n").replace("```", "'''"),
        finding.hint
    )
}
