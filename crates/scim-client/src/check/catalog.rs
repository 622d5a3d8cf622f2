//! What a check is made of, and the list of them all.

use scim::Tolerance;

use super::{Level, Profile, Requirement, Run, areas};

/// One rule in use.
pub(super) struct Check {
    /// What it shows, as a name: `a_patch_is_applied_whole_or_not_at_all`.
    pub(super) name: &'static str,
    /// The ids of the requirements it proves; the first one gives clause and grade.
    pub(super) proves: Vec<&'static str>,
    /// What an implementer does about a failure.
    pub(super) hint: &'static str,
    /// The grade, where it is not the requirement's.
    pub(super) level: Option<Level>,
    /// Where it is written, where that is not the requirement's section.
    pub(super) source: Option<&'static str>,
    /// What it is about, where that is not the requirement's area.
    pub(super) area: Option<&'static str>,
    /// The profiles it belongs to; all if there are none.
    pub(super) only: &'static [Profile],
    /// The profiles that ask for something else.
    pub(super) not: &'static [Profile],
    /// The requests and expectations.
    pub(super) run: Run,
}

impl Check {
    pub(super) fn new(
        name: &'static str,
        proves: &'static str,
        hint: &'static str,
        run: Run,
    ) -> Check {
        Check {
            name,
            proves: proves.split(' ').collect(),
            hint,
            level: None,
            source: None,
            area: None,
            only: &[],
            not: &[],
            run,
        }
    }

    /// A failure weighs as much as data lost.
    pub(super) fn grave(self) -> Check {
        Check {
            level: Some(Level::Must),
            ..self
        }
    }

    /// Announced by nobody, but clients in use rely on it.
    pub(super) fn graded(self, level: Level) -> Check {
        Check {
            level: Some(level),
            ..self
        }
    }

    /// What a provider asks, and where it says so.
    pub(super) fn asked_by(self, area: &'static str, source: &'static str) -> Check {
        Check {
            area: Some(area),
            source: Some(source),
            ..self
        }
    }

    pub(super) fn only(self, only: &'static [Profile]) -> Check {
        Check { only, ..self }
    }

    pub(super) fn not(self, not: &'static [Profile]) -> Check {
        Check { not, ..self }
    }

    pub(super) fn belongs_to(&self, profile: Profile) -> bool {
        (self.only.is_empty() || self.only.contains(&profile)) && !self.not.contains(&profile)
    }

    /// The requirement that it is graded by.
    pub(super) fn requirement(&self) -> &'static Requirement {
        Requirement::named(self.proves[0]).expect("a test compares the ids with the list")
    }

    pub(super) fn level(&self) -> Level {
        self.level.unwrap_or_else(|| self.requirement().grade())
    }
}

/// A check: name, requirements, hint, and a block that may use `?` on every expectation.
macro_rules! check {
    ($name:literal, $proves:literal, $hint:expr, |$probe:ident| $body:block) => {
        $crate::check::catalog::Check::new($name, $proves, $hint, |$probe| {
            Box::pin(async move {
                $body
                Ok(())
            })
        })
    };
}
pub(super) use check;

/// Every check, in the order in which they run.
pub(super) fn all() -> Vec<Check> {
    areas::all()
}

/// Tolerances in words.
pub(super) fn named(tolerances: &[Tolerance]) -> String {
    let names: Vec<_> = tolerances
        .iter()
        .map(|tolerance| tolerance.as_str())
        .collect();
    names.join(", ")
}
