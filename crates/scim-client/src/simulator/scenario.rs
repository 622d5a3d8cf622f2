//! The scenarios: what happens in the company, step by step.

use std::collections::HashSet;

use fastrand::Rng;

use super::{
    change::Change,
    company::{Company, State, some_of},
    fault::Weather,
};

/// What happens, from the first connection on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Everybody is assigned and every team pushed.
    FirstSync,
    /// Then life goes on: people come, move, marry, leave and return, teams change.
    JoinerMoverLeaver,
    /// Four of ten people leave at once.
    MassRemoval,
    /// Some people are there already, made by hand; others are created twice.
    Duplicate,
    /// People leave and come back, some with a new account.
    Rehire,
    /// People and teams get new names.
    Rename,
    /// Teams are pushed before half of their members exist.
    TeamBeforeUser,
    /// As joiner-mover-leaver, against a server that answers 429 with `Retry-After` now and then.
    Throttled,
    /// As joiner-mover-leaver; the token expires on the way and is replaced.
    TokenExpired,
    /// As joiner-mover-leaver, against a server that is slow, at times beyond the timeout.
    SlowServer,
    /// As joiner-mover-leaver; answers of 500 and 503, connections that break before or after the request arrived.
    FlakyServer,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Scenario; 11] = [
        Scenario::FirstSync,
        Scenario::JoinerMoverLeaver,
        Scenario::MassRemoval,
        Scenario::Duplicate,
        Scenario::Rehire,
        Scenario::Rename,
        Scenario::TeamBeforeUser,
        Scenario::Throttled,
        Scenario::TokenExpired,
        Scenario::SlowServer,
        Scenario::FlakyServer,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scenario::FirstSync => "first-sync",
            Scenario::JoinerMoverLeaver => "joiner-mover-leaver",
            Scenario::MassRemoval => "mass-removal",
            Scenario::Duplicate => "duplicate",
            Scenario::Rehire => "rehire",
            Scenario::Rename => "rename",
            Scenario::TeamBeforeUser => "team-before-user",
            Scenario::Throttled => "throttled",
            Scenario::TokenExpired => "token-expired",
            Scenario::SlowServer => "slow-server",
            Scenario::FlakyServer => "flaky-server",
        }
    }

    /// What happens, in a line.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Scenario::FirstSync => "everybody is assigned, every team pushed",
            Scenario::JoinerMoverLeaver => {
                "then people come, move, marry, leave and return; members change; teams come, go and are renamed"
            }
            Scenario::MassRemoval => {
                "four of ten people leave at once, a team loses everybody, one is deleted"
            }
            Scenario::Duplicate => {
                "some people are there already, made by hand, and must be linked; others are created twice, which must be answered 409"
            }
            Scenario::Rehire => {
                "people leave; some return with the same account, some with a new one"
            }
            Scenario::Rename => {
                "one in ten people gets another name and login, every second team another name"
            }
            Scenario::TeamBeforeUser => {
                "teams are pushed while half of their members do not exist, and completed later"
            }
            Scenario::Throttled => "as joiner-mover-leaver, with answers of 429 and Retry-After: 1",
            Scenario::TokenExpired => {
                "as joiner-mover-leaver; the token expires on the way and is replaced"
            }
            Scenario::SlowServer => {
                "as joiner-mover-leaver; answers come late, or after the provider has given up"
            }
            Scenario::FlakyServer => {
                "as joiner-mover-leaver; answers of 500 and 503, connections that break before the request arrived or before its answer did"
            }
        }
    }

    /// The scenario of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What the proxy inside the simulator does to the messages.
    pub(crate) fn weather(self) -> Option<Weather> {
        match self {
            Scenario::Throttled => Some(Weather::Throttled),
            Scenario::TokenExpired => Some(Weather::TokenExpired),
            Scenario::SlowServer => Some(Weather::Slow),
            Scenario::FlakyServer => Some(Weather::Flaky),
            _ => None,
        }
    }

    /// Whether it goes on with rounds of life after the first sync.
    pub(crate) fn lives(self) -> bool {
        self == Scenario::JoinerMoverLeaver || self.weather().is_some()
    }

    /// The steps before life goes on.
    pub(crate) fn steps(self) -> Vec<Step> {
        let test = Step::new("Test connection", What::Test);
        let import = Step::new("Import", What::Import);
        let join = Step::new("People assigned", What::Changes(everybody));
        let push = Step::new("Teams pushed", What::Changes(push_teams));
        let dropped = Step::new("Leavers taken out of teams", What::Changes(drop_leavers));
        match self {
            Scenario::MassRemoval => vec![
                test,
                import,
                join,
                push,
                Step::new("Mass removal", What::Changes(mass_leave)),
                dropped,
                Step::new("Teams emptied and deleted", What::Changes(close_teams)),
            ],
            Scenario::Duplicate => vec![
                Step::new("People made by hand", What::ByHand),
                test,
                import,
                join,
                push,
                Step::new("Created twice on purpose", What::Changes(twins)),
            ],
            Scenario::Rehire => vec![
                test,
                import,
                join,
                push,
                Step::new("People leave", What::Changes(some_leave)),
                dropped,
                Step::new("Same account again", What::Changes(half_return)),
                Step::new("New account", What::Changes(new_accounts)),
            ],
            Scenario::Rename => vec![
                test,
                import,
                join,
                push,
                Step::new("People renamed", What::Changes(weddings)),
                Step::new("Teams renamed", What::Changes(rename_teams)),
            ],
            Scenario::TeamBeforeUser => vec![
                test,
                import,
                Step::new("Half of the people assigned", What::Changes(every_other)),
                push,
                Step::new("The other half assigned", What::Changes(everybody)),
                Step::new("Members who waited", What::Changes(late_members)),
            ],
            _ => vec![test, import, join, push],
        }
    }

    /// One round of life.
    pub(crate) fn round() -> Vec<Step> {
        vec![
            Step::new("Joiners", What::Changes(joiners)),
            Step::new("Movers", What::Changes(movers)),
            Step::new("Members change", What::Changes(change_members)),
            Step::new("Leavers", What::Changes(few_leave)),
            Step::new("Leavers taken out of teams", What::Changes(drop_leavers)),
            Step::new("Rehires", What::Changes(one_returns)),
            Step::new("People renamed", What::Changes(one_wedding)),
            Step::new("Passwords", What::Changes(passwords)),
            Step::new("Teams come and go", What::Changes(team_life)),
            Step::new("Deleted for good", What::Changes(purge)),
        ]
    }
}

/// One step of a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) says: &'static str,
    pub(crate) what: What,
}

impl Step {
    fn new(says: &'static str, what: What) -> Step {
        Step { says, what }
    }
}

/// What is done in a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// The administrator presses the button that tests the connection.
    Test,
    /// What the service provider has is read, where the identity provider does that.
    Import,
    /// Somebody made people at the service provider without the identity provider.
    ByHand,
    /// The company changes, and tells.
    Changes(fn(&mut Stage<'_>) -> Vec<Change>),
}

/// Where a step takes place.
#[derive(Debug)]
pub(crate) struct Stage<'s> {
    pub(crate) company: &'s mut Company,
    pub(crate) rng: &'s mut Rng,
    /// Whether unassigning somebody deletes the user.
    pub(crate) deletes: bool,
    /// Whether somebody with a new account is found under the old one's name.
    pub(crate) finds_namesakes: bool,
    /// What did not happen, since the identity provider has no messages for it.
    pub(crate) left_out: Option<&'static str>,
}

impl Stage<'_> {
    /// Some of those in a state: `share` of a hundred, at least one.
    fn some(&mut self, state: State, share: u32) -> Vec<u32> {
        let people = self.company.people();
        let count = (people * share / 100).max(1);
        let fitting = some_of(people, people, self.rng);
        let fitting = fitting
            .into_iter()
            .filter(|person| self.company.state(*person) == state);
        fitting.take(count as usize).collect()
    }

    fn leave(&mut self, people: Vec<u32>) -> Vec<Change> {
        let state = if self.deletes {
            State::Gone
        } else {
            State::Inactive
        };
        for person in &people {
            self.company.set_state(*person, state);
        }
        people.into_iter().map(Change::Leave).collect()
    }

    fn update(&mut self, people: Vec<u32>, change: fn(&mut Company, u32, &mut Rng)) -> Vec<Change> {
        let updates = people.into_iter().map(|person| {
            let before = Box::new(self.company.person(person));
            change(self.company, person, self.rng);
            Change::Update { person, before }
        });
        updates.collect()
    }

    fn live_teams(&self) -> Vec<u32> {
        let teams = 0..self.company.teams();
        teams
            .filter(|team| self.company.team(*team).state == State::Active)
            .collect()
    }
}

fn join(stage: &mut Stage<'_>, people: impl Iterator<Item = u32>) -> Vec<Change> {
    let mut joined = Vec::new();
    for person in people {
        if stage.company.state(person) == State::Unknown {
            stage.company.set_state(person, State::Active);
            joined.push(Change::Join(person));
        }
    }
    joined
}

fn everybody(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = 0..stage.company.people();
    join(stage, people)
}

fn every_other(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = (0..stage.company.people()).step_by(2);
    join(stage, people)
}

fn push_teams(stage: &mut Stage<'_>) -> Vec<Change> {
    let mut pushed = Vec::new();
    for team in 0..stage.company.teams() {
        let found = stage.company.team_mut(team);
        if found.state == State::Unknown {
            found.state = State::Active;
            pushed.push(Change::Push(team));
        }
    }
    pushed
}

/// Those who did not exist when their teams were pushed.
fn late_members(stage: &mut Stage<'_>) -> Vec<Change> {
    let teams = stage.live_teams().into_iter().filter_map(|team| {
        let members = &stage.company.team(team).members;
        let add: Vec<u32> = members
            .iter()
            .copied()
            .filter(|person| person % 2 == 1)
            .collect();
        (!add.is_empty()).then_some(Change::Members {
            team,
            add,
            remove: Vec::new(),
        })
    });
    teams.collect()
}

fn joiners(stage: &mut Stage<'_>) -> Vec<Change> {
    let count = (stage.company.people() / 50).max(1);
    let hired: Vec<u32> = (0..count).map(|_| stage.company.hire()).collect();
    join(stage, hired.into_iter())
}

fn movers(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 5);
    stage.update(people, Company::transfer)
}

fn weddings(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 10);
    stage.update(people, Company::marry)
}

fn one_wedding(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 1);
    stage.update(people, Company::marry)
}

fn few_leave(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 2);
    stage.leave(people)
}

fn some_leave(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 10);
    stage.leave(people)
}

fn mass_leave(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 40);
    stage.leave(people)
}

/// Who has left is a member of nothing; deleted users are none by themselves.
fn drop_leavers(stage: &mut Stage<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for team in stage.live_teams() {
        let members = std::mem::take(&mut stage.company.team_mut(team).members);
        let (stay, left): (Vec<u32>, Vec<u32>) = members
            .into_iter()
            .partition(|person| stage.company.state(*person) == State::Active);
        let remove: Vec<u32> = left
            .into_iter()
            .filter(|person| stage.company.state(*person) == State::Inactive)
            .collect();
        stage.company.team_mut(team).members = stay;
        if !remove.is_empty() {
            changes.push(Change::Members {
                team,
                add: Vec::new(),
                remove,
            });
        }
    }
    changes
}

fn come_back(stage: &mut Stage<'_>, people: Vec<u32>) -> Vec<Change> {
    let back = people.into_iter().map(|person| {
        let left = stage.company.state(person);
        stage.company.set_state(person, State::Active);
        match left {
            State::Inactive => Change::Return(person),
            _ => Change::Join(person),
        }
    });
    back.collect()
}

fn one_returns(stage: &mut Stage<'_>) -> Vec<Change> {
    let state = if stage.deletes {
        State::Gone
    } else {
        State::Inactive
    };
    let person = stage.company.anybody(state, stage.rng);
    come_back(stage, person.into_iter().collect())
}

fn half_return(stage: &mut Stage<'_>) -> Vec<Change> {
    let state = if stage.deletes {
        State::Gone
    } else {
        State::Inactive
    };
    let people = stage.some(state, 5);
    come_back(stage, people)
}

fn new_accounts(stage: &mut Stage<'_>) -> Vec<Change> {
    if !stage.deletes && !stage.finds_namesakes {
        stage.left_out = Some("new accounts of people who were there before: it looks nobody up");
        return Vec::new();
    }
    let state = if stage.deletes {
        State::Gone
    } else {
        State::Inactive
    };
    let people = stage.some(state, 5);
    let opened = people.into_iter().map(|person| {
        stage.company.open_account(person);
        stage.company.set_state(person, State::Active);
        Change::Join(person)
    });
    opened.collect()
}

fn passwords(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 1);
    people.into_iter().map(Change::Password).collect()
}

fn purge(stage: &mut Stage<'_>) -> Vec<Change> {
    let person = stage.company.anybody(State::Inactive, stage.rng);
    let person = person.filter(|person| stage.company.leads_nobody(*person));
    person.into_iter().map(Change::Purge).collect()
}

fn twins(stage: &mut Stage<'_>) -> Vec<Change> {
    let people = stage.some(State::Active, 1);
    people.into_iter().take(20).map(Change::Twin).collect()
}

fn change_members(stage: &mut Stage<'_>) -> Vec<Change> {
    let teams = stage.live_teams();
    let mut changes = Vec::new();
    for team in teams.into_iter().filter(|team| team % 4 == 0) {
        let inside: HashSet<u32> = stage.company.team(team).members.iter().copied().collect();
        let mut add: Vec<u32> = (0..3)
            .filter_map(|_| stage.company.anybody(State::Active, stage.rng))
            .filter(|person| !inside.contains(person))
            .collect();
        add.sort_unstable();
        add.dedup();
        let members = &mut stage.company.team_mut(team).members;
        let remove: Vec<u32> = members.drain(..members.len().min(2)).collect();
        members.extend(&add);
        changes.push(Change::Members { team, add, remove });
    }
    changes
}

fn rename_team(stage: &mut Stage<'_>, team: u32) -> Change {
    let place = stage.rng.u32(100..1000);
    let name = &mut stage.company.team_mut(team).name;
    *name = format!("{name} ({place})");
    Change::RenameTeam(team)
}

fn rename_teams(stage: &mut Stage<'_>) -> Vec<Change> {
    let teams = stage.live_teams().into_iter().step_by(2);
    let teams: Vec<u32> = teams.collect();
    teams
        .into_iter()
        .map(|team| rename_team(stage, team))
        .collect()
}

/// One team is new, and of the others one is renamed, one pushed anew, one deleted.
fn team_life(stage: &mut Stage<'_>) -> Vec<Change> {
    let mut teams = stage.live_teams();
    stage.rng.shuffle(&mut teams);
    let people = (0..5).filter_map(|_| stage.company.anybody(State::Active, stage.rng));
    let mut people: Vec<u32> = people.collect();
    people.sort_unstable();
    people.dedup();
    let founded = stage.company.found_team(people);
    stage.company.team_mut(founded).state = State::Active;
    let mut changes = vec![Change::Push(founded)];
    if let [renamed, pushed, deleted, ..] = teams[..] {
        changes.push(rename_team(stage, renamed));
        changes.push(Change::PushNow(pushed));
        stage.company.team_mut(deleted).state = State::Gone;
        changes.push(Change::DeleteTeam(deleted));
    }
    changes
}

/// The largest calamity short of the end: one team loses everybody, one is deleted.
fn close_teams(stage: &mut Stage<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    if let [emptied, deleted, ..] = stage.live_teams()[..] {
        changes.push(Change::Members {
            team: emptied,
            add: Vec::new(),
            remove: std::mem::take(&mut stage.company.team_mut(emptied).members),
        });
        stage.company.team_mut(deleted).state = State::Gone;
        changes.push(Change::DeleteTeam(deleted));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_found_by_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::named(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::named("peace"), None);
    }
}
