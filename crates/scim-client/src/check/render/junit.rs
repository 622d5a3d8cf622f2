//! A report as JUnit XML: a suite for each area, a case for each check.

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::text::exchange;
use crate::check::{Finding, Outcome, Report, catalog::named};

impl Report {
    /// All of it as JUnit XML. What is lenient is a success that says so.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut junit = Junit::new(format!("SCIM conformance ({})", self.profile.as_str()));
        for area in self.areas() {
            let mut suite = TestSuite::new(area);
            let of_area = self.findings.iter().filter(|finding| finding.area == area);
            suite.add_test_cases(of_area.map(case));
            junit.add_test_suite(suite);
        }
        junit.to_string().unwrap_or_default()
    }
}

fn case(finding: &Finding) -> TestCase {
    let status = match &finding.outcome {
        Outcome::Passed | Outcome::Lenient(_) => TestCaseStatus::success(),
        Outcome::Skipped(reason) | Outcome::NotRun(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Outcome::Failed { why, exchanges } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let shown: Vec<_> = exchanges.iter().flat_map(exchange).collect();
            status
                .set_message(why.as_str())
                .set_type(finding.level.as_str())
                .set_description(format!(
                    "{}\n{}\nfix: {}\n{}",
                    finding.clause,
                    why,
                    finding.hint,
                    shown.join("\n")
                ));
            status
        }
    };
    let mut case = TestCase::new(finding.name, status);
    case.set_classname(finding.area);
    if let Outcome::Lenient(tolerances) = &finding.outcome {
        case.set_system_out(format!("lenient: {}", named(tolerances)));
    }
    case
}
