//! A report as JSON.

use serde_json::{Value, json};

use crate::check::{Finding, Level, Outcome, Report, Shown};

impl Report {
    /// All of it as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let counts = |level: Option<Level>| {
            let word = |word: &&str| (word.replace(' ', "_"), Value::from(self.count(level, word)));
            Value::Object(Outcome::WORDS.iter().map(word).collect())
        };
        let levels = Level::ALL.map(|level| (level.as_str().to_owned(), counts(Some(level))));
        json!({
            "base": self.base,
            "profile": self.profile.as_str(),
            "stopped": self.stopped,
            "total": counts(None),
            "levels": Value::Object(levels.into_iter().collect()),
            "left_over": self.left_over,
            "may_be_left_over": self.may_be_left_over,
            "mark": self.mark,
            "checks": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

fn finding(finding: &Finding) -> Value {
    let mut json = json!({
        "name": finding.name,
        "area": finding.area,
        "level": finding.level.as_str(),
        "clause": finding.clause,
        "requirements": finding.proves,
        "statement": finding.statement,
        "outcome": finding.outcome.word(),
    });
    match &finding.outcome {
        Outcome::Passed => {}
        Outcome::Lenient(tolerances) => {
            let names: Vec<_> = tolerances
                .iter()
                .map(|tolerance| tolerance.as_str())
                .collect();
            json["tolerances"] = names.into();
        }
        Outcome::Skipped(reason) | Outcome::NotRun(reason) => {
            json["reason"] = reason.as_str().into()
        }
        Outcome::Failed { why, exchanges } => {
            json["why"] = why.as_str().into();
            json["hint"] = finding.hint.into();
            json["exchanges"] = exchanges.iter().map(exchange).collect();
        }
    }
    json
}

fn exchange(shown: &Shown) -> Value {
    let fields = |fields: &[(String, String)]| {
        let fields = fields.iter();
        Value::Object(
            fields
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect(),
        )
    };
    json!({
        "request": {
            "line": shown.request,
            "headers": fields(&shown.request_headers),
            "body": shown.request_body,
        },
        "answer": {
            "status": shown.status,
            "headers": fields(&shown.answer_headers),
            "body": shown.answer_body,
            "milliseconds": u64::try_from(shown.took.as_millis()).unwrap_or(u64::MAX),
        },
    })
}
