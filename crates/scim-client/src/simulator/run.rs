//! The run: steps one after the other, changes in lanes, what failed again in the next cycle.

mod import;
mod reference;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Pace, Plan, Watch,
    change::Change,
    company::{Company, Member, State},
    dialect::{Dialect, NO_PASSWORDS, NO_PURGE, NO_PUSH_NOW, NO_TEAMS, Sent, TeamCall},
    grant::Grants,
    id::Id,
    look_up::LookUp,
    message::{Grade, Kind},
    report::{Failure, Report, StepDone},
    scenario::{Scenario, Stage, Step, What},
    wire::Wire,
};
use crate::{client::Client, error::Error, exchange::Request, resource::USER};
use reqwest::Method;

static TWICE: Kind = Kind {
    says: "Created although somebody of this name is there, as when two look-ups race",
    sends: "POST /Users",
    grade: Grade::Inferred,
    source: "what a look-up by an old name leads to (devforum.okta.com thread 27262)",
};

static BY_HAND: Kind = Kind {
    says: "Somebody makes a user by hand",
    sends: "POST /Users",
    grade: Grade::Inferred,
    source: "no message of the identity provider's",
};

/// After so many cycles in which nothing arrived, what fails for reasons that pass is given up.
const IDLE_CYCLES: u32 = 10;
/// Entra's cycle; other providers' tasks are repeated by people at some such time.
const CYCLE: Duration = Duration::from_mins(40);
/// The most people that somebody made by hand.
const MADE_BY_HAND: u32 = 50;

/// A simulation that has run.
#[derive(Debug)]
pub struct Simulated {
    pub(crate) company: Company,
    pub(crate) dialect: Dialect,
    pub(crate) grants: Grants,
    /// What was done.
    pub report: Report,
}

struct Runner<'r> {
    plan: &'r Plan,
    target: &'r Client,
    watch: &'r dyn Watch,
    dialect: Dialect,
    wire: Wire<'r>,
    company: Mutex<Company>,
    rng: Rng,
    /// Whom an import found, by userName.
    imported: HashMap<String, String>,
    /// Whether the test of the connection failed.
    refused: bool,
}

impl Plan {
    /// Runs the scenario against a target. What fails is in the report.
    pub async fn run(&self, target: &Client, watch: &dyn Watch) -> Simulated {
        let dialect = self.provider.dialect(self.identifier, self.grants);
        let own_ids = dialect.own_ids();
        let mut company = Company::new(self.seed, own_ids, self.users, self.teams, self.members())
            .with_short_names(self.identifier.is_email());
        company.offer(self.grants.catalog());
        let weather = self.scenario.weather();
        let wire = Wire::new(target, dialect.voice(), weather, self.pace, watch);
        let mut runner = Runner {
            plan: self,
            target,
            watch,
            dialect,
            wire,
            company: Mutex::new(company),
            rng: Rng::with_seed(self.seed),
            imported: HashMap::new(),
            refused: false,
        };
        for step in self.scenario.steps() {
            runner.step(step).await;
        }
        let mut round = 0;
        while self.scenario.lives()
            && !runner.refused
            && self.rounds.is_none_or(|rounds| round < rounds)
        {
            for step in Scenario::round() {
                runner.step(step).await;
            }
            if watch.is_stopped() {
                break;
            }
            round += 1;
        }
        Simulated {
            company: runner
                .company
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            dialect: runner.dialect,
            grants: self.grants,
            report: runner.wire.into_report(),
        }
    }
}

impl Runner<'_> {
    fn company(&self) -> MutexGuard<'_, Company> {
        self.company.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn step(&mut self, step: Step) {
        if self.watch.is_stopped() || self.refused {
            return;
        }
        let started = Instant::now();
        let before = self.wire.report().clone();
        let mut changes = 0;
        match step.what {
            What::Test => {
                self.watch.begin(step.says, 1);
                let tested = self.dialect.test(&self.wire).await;
                // No administrator can go on from here.
                self.refused = self.settle(tested, "test the connection").is_none();
            }
            What::Import => {
                self.watch.begin(step.says, 1);
                let users = self.import().await;
                if let Some(users) = self.settle(users, "import") {
                    self.imported = users.iter().filter_map(named).collect();
                }
                if self.plan.grants == Grants::Entitlements {
                    let catalog = self.catalog().await;
                    if let Some(catalog) = self.settle(catalog, "read roles and entitlements") {
                        self.company().offer(catalog);
                    }
                }
            }
            What::ByHand => self.by_hand().await,
            What::Changes(happens) => {
                let mut happened = self.happen(happens);
                happened.retain(|change| self.is_told(change));
                changes = happened.len() as u64;
                self.watch.begin(step.says, changes);
                self.tell_all(happened).await;
            }
        }
        let report = self.wire.report().clone();
        let done = StepDone {
            says: step.says,
            changes,
            failed: report.failed - before.failed,
            requests: report.requests() - before.requests(),
            note: note(&before, &report),
            took: started.elapsed(),
        };
        self.watch.end(&done);
        self.wire.report().steps.push(done);
        self.watch.look(&self.wire.report());
        if self.plan.pace == Pace::Real && self.dialect.sends_references_last() {
            self.wire.think(self.plan.pace.compress(CYCLE)).await;
        }
    }

    /// Lets something happen in the company; gives what is to be told of it.
    fn happen(&mut self, happens: fn(&mut Stage<'_>) -> Vec<Change>) -> Vec<Change> {
        let mut company = self.company.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stage = Stage {
            company: &mut company,
            rng: &mut self.rng,
            deletes: self.dialect.deletes(),
            finds_namesakes: self.dialect.finds_namesakes(),
            left_out: None,
        };
        let happened = happens(&mut stage);
        if let Some(left_out) = stage.left_out {
            self.wire.report().skip(left_out);
        }
        happened
    }

    /// Notes what failed; gives what did not.
    fn settle<T>(&self, outcome: Sent<T>, what: &str) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(mut failure) => {
                what.clone_into(&mut failure.what);
                self.wire.report().fail(*failure);
                None
            }
        }
    }

    /// Whether the identity provider tells such changes; what it does not is counted.
    fn is_told(&self, change: &Change) -> bool {
        let left_out = match change {
            _ if change.is_team() && !self.dialect.pushes_teams() => NO_TEAMS,
            Change::Password(_) if !self.dialect.pushes_passwords() => NO_PASSWORDS,
            Change::PushNow(_) if !self.dialect.pushes_anew() => NO_PUSH_NOW,
            Change::Purge(_) if !self.dialect.purges() => NO_PURGE,
            _ => return true,
        };
        self.wire.report().skip(left_out);
        false
    }

    fn fail_by_hand(&self, what: String, kind: &'static Kind, body: &Value, error: &Error) {
        self.wire.report().fail(Failure {
            what,
            kind,
            request: kind.sends.to_owned(),
            body: Some(body.to_string()),
            status: error.status(),
            scim_type: None,
            detail: error.to_string(),
            request_id: None,
        });
    }

    /// People whom nobody told the identity provider about.
    async fn by_hand(&self) {
        let people = self.company().people();
        let step = (people / MADE_BY_HAND).max(10);
        let some = (0..people).step_by(step as usize);
        self.watch.begin("People made by hand", some.len() as u64);
        for person in some {
            let person = self.company().person(person);
            let mut user = json!({
                "schemas": [USER],
                "userName": person.user_name,
                "emails": [{"value": person.email, "type": "work", "primary": true}],
                "active": true,
            });
            if self.plan.identifier == LookUp::ExternalId {
                user["externalId"] = person.external_id.clone().into();
            }
            let request = Request::new(Method::POST, "/Users").json(&user);
            match self.target.call(&request).await {
                Ok(_) => {}
                Err(error) if error.status() == Some(409) => {}
                Err(error) => {
                    let what = format!("make {} by hand", person.user_name);
                    self.fail_by_hand(what, &BY_HAND, &user, &error);
                }
            }
            self.watch.told();
            self.watch.look(&self.wire.report());
        }
    }

    /// Tells changes in lanes, then references if they wait for the rest.
    async fn tell_all(&self, changes: Vec<Change>) {
        let last = self.dialect.sends_references_last();
        let mut changes = self.cycles(changes, false, last).await;
        if last {
            changes.extend(self.reports_of_joined(&changes));
            self.watch
                .begin("Managers and members", changes.len() as u64);
            self.cycles(changes, true, false).await;
        }
    }

    /// Tells changes until each arrived or failed for good; gives those that arrived, if they are to go on.
    async fn cycles(&self, changes: Vec<Change>, references: bool, go_on: bool) -> Vec<Change> {
        let mut told = Vec::with_capacity(if go_on { changes.len() } else { 0 });
        let mut waiting = changes;
        let mut idle = 0;
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut again = Vec::new();
            let mut lanes = stream::iter(waiting)
                .map(|change| {
                    async {
                        let outcome = self.tell(&change, references).await;
                        (change, outcome)
                    }
                    // In a box the compiler sees that it may go from thread to thread.
                    .boxed()
                })
                .buffer_unordered(self.plan.lanes.max(1));
            while let Some((change, outcome)) = lanes.next().await {
                match outcome {
                    Err(failure) if failure.is_passing() => {
                        again.push((change, failure));
                        continue;
                    }
                    Err(failure) => self.give_up(&change, *failure),
                    Ok(()) if go_on => told.push(change),
                    Ok(()) => {}
                }
                self.watch.told();
                self.watch.look(&self.wire.report());
            }
            idle = if again.len() == before { idle + 1 } else { 0 };
            if idle == IDLE_CYCLES {
                for (change, failure) in again {
                    self.give_up(&change, *failure);
                    self.watch.told();
                }
                break;
            }
            if !again.is_empty() {
                self.wire.report().repeated += again.len() as u64;
                self.wire.think(self.plan.pace.compress(CYCLE)).await;
            }
            waiting = again.into_iter().map(|(change, _)| change).collect();
        }
        told
    }

    fn give_up(&self, change: &Change, mut failure: Failure) {
        failure.what = self.describe(change);
        self.wire.report().fail(failure);
    }

    /// Tells one change, or its references.
    async fn tell(&self, change: &Change, references: bool) -> Sent<()> {
        if self.watch.is_stopped() {
            self.wire.report().skip("changes after the stop");
            return Ok(());
        }
        let lives = !matches!(change, Change::Join(_) | Change::Push(_));
        if self.plan.pace == Pace::Real && lives && !references {
            self.wire
                .think(Duration::from_millis(fastrand::u64(500..3000)))
                .await;
        }
        match change {
            _ if references => self.tell_reference(change).await,
            Change::Members { .. } if self.dialect.sends_references_last() => Ok(()),
            Change::Join(person) => self.join(*person).await,
            change if change.is_team() => self.tell_team(change).await,
            change => self.tell_person(change).await,
        }
    }

    async fn join(&self, number: u32) -> Sent<()> {
        let (person, known) = {
            let company = self.company();
            (
                company.person(number),
                company.id(number).map(Id::to_string),
            )
        };
        let known = known
            .as_ref()
            .or_else(|| self.imported.get(&person.user_name));
        let joined = self
            .dialect
            .join(&self.wire, &person, known.map(String::as_str))
            .await?;
        self.company().set_id(number, Some(Id::new(&joined.id)));
        let mut report = self.wire.report();
        match joined.matched {
            true => report.matched += 1,
            false => report.created += 1,
        }
        Ok(())
    }

    async fn tell_person(&self, change: &Change) -> Sent<()> {
        let (Change::Update { person: number, .. }
        | Change::Leave(number)
        | Change::Return(number)
        | Change::Purge(number)
        | Change::Password(number)
        | Change::Twin(number)) = change
        else {
            return Ok(());
        };
        let (person, id) = {
            let company = self.company();
            (
                company.person(*number),
                company.id(*number).map(Id::to_string),
            )
        };
        let Some(id) = id else {
            self.wire
                .report()
                .skip("changes of somebody who never arrived");
            return Ok(());
        };
        let (dialect, wire) = (&self.dialect, &self.wire);
        match change {
            Change::Update { before, .. } => dialect.update(wire, &id, before, &person).await,
            Change::Leave(_) => {
                dialect.leave(wire, &id, &person).await?;
                if dialect.deletes() {
                    self.company().set_id(*number, None);
                }
                Ok(())
            }
            Change::Return(_) => {
                let id = dialect.come_back(wire, &id, &person).await?;
                self.company().set_id(*number, Some(Id::new(&id)));
                Ok(())
            }
            Change::Purge(_) => {
                dialect.purge(wire, &id).await?;
                let mut company = self.company();
                company.set_state(*number, State::Gone);
                company.set_id(*number, None);
                Ok(())
            }
            Change::Password(_) => dialect.password(wire, &id, &person).await,
            _ => self.twin(&person).await,
        }
    }

    /// Creates somebody once more, which must be refused.
    async fn twin(&self, person: &super::person::Person) -> Sent<()> {
        match self.dialect.create(&self.wire, person).await {
            Err(failure) if failure.status == Some(409) => {
                self.wire.report().refused_twins += 1;
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(id) => Err(Box::new(Failure {
                what: String::new(),
                kind: &TWICE,
                request: TWICE.sends.to_owned(),
                body: None,
                status: Some(201),
                scim_type: None,
                detail: format!("a second user of the same userName was created as {id}"),
                request_id: None,
            })),
        }
    }

    /// A team as messages need it, with its id.
    fn team(&self, team: u32) -> (TeamCall, Option<String>) {
        let company = self.company();
        let found = company.team(team);
        let call = TeamCall {
            name: found.name.clone(),
            own_id: company.team_own_id(team),
            members: company.members(&found.members),
        };
        (call, found.id.as_ref().map(Id::to_string))
    }

    fn members(&self, people: &[u32]) -> Vec<Member> {
        self.company().members(people)
    }

    async fn tell_team(&self, change: &Change) -> Sent<()> {
        let (Change::Push(number)
        | Change::Members { team: number, .. }
        | Change::RenameTeam(number)
        | Change::PushNow(number)
        | Change::DeleteTeam(number)) = change
        else {
            return Ok(());
        };
        let (team, id) = self.team(*number);
        let (dialect, wire) = (&self.dialect, &self.wire);
        if let Change::Push(_) = change {
            let id = dialect.push(wire, &team).await?;
            let mut company = self.company();
            let pushed = company.team_mut(*number);
            pushed.id = Some(Id::new(&id));
            let waited = pushed.members.len() - team.members.len();
            drop(company);
            self.wire.report().waited += waited as u64;
            return Ok(());
        }
        let Some(id) = id else {
            self.wire
                .report()
                .skip("changes of teams that never arrived");
            return Ok(());
        };
        match change {
            Change::Members { add, remove, .. } => {
                let (add, remove) = (self.members(add), self.members(remove));
                dialect
                    .members(wire, &id, &team, (&add, &remove), true)
                    .await
            }
            Change::RenameTeam(_) => dialect.rename(wire, &id, &team).await,
            Change::PushNow(_) => dialect.push_now(wire, &id, &team).await,
            _ => {
                dialect.delete_team(wire, &id).await?;
                self.company().team_mut(*number).id = None;
                Ok(())
            }
        }
    }

    /// A change in words.
    fn describe(&self, change: &Change) -> String {
        let company = self.company();
        let whom = match change {
            Change::Join(person)
            | Change::Update { person, .. }
            | Change::Leave(person)
            | Change::Return(person)
            | Change::Purge(person)
            | Change::Password(person)
            | Change::Twin(person) => company.person(*person).user_name,
            Change::Push(team)
            | Change::Members { team, .. }
            | Change::RenameTeam(team)
            | Change::PushNow(team)
            | Change::DeleteTeam(team) => format!("team \"{}\"", company.team(*team).name),
        };
        format!("{} {whom}", change.name())
    }
}

/// userName and id of a user.
fn named(user: &Value) -> Option<(String, String)> {
    let text = |name: &str| Some(user[name].as_str()?.to_owned());
    Some((text("userName")?, text("id")?))
}

/// What a step did beside its changes.
fn note(before: &Report, after: &Report) -> String {
    let counts = [
        ("created", before.created, after.created),
        ("matched", before.matched, after.matched),
        (
            "refused with 409",
            before.refused_twins,
            after.refused_twins,
        ),
        ("sent again", before.retried, after.retried),
        ("told again", before.repeated, after.repeated),
    ];
    let grown = counts.iter().filter(|(_, before, after)| after > before);
    let grown = grown.map(|(name, before, after)| format!("{name} {}", after - before));
    grown.collect::<Vec<_>>().join(" · ")
}
