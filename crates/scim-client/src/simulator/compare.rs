//! Reading everything back, and comparing it with what the identity provider believes.

use std::collections::{BTreeSet, HashMap};

use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::{
    Simulated, Watch,
    company::{Company, State},
    grant::{Grant, Grants},
    id::Id,
    report::KEPT,
};
use crate::{client::Client, error::Error, page::Query};

/// What the service provider has, compared with what the identity provider believes.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Users that were read.
    pub users: u64,
    /// Teams that were read.
    pub teams: u64,
    /// Memberships that were read.
    pub memberships: u64,
    /// Differences in all.
    pub differences: u64,
    /// Those of them that are users or teams which the identity provider did not send.
    pub strangers: u64,
    /// The first of them, each in a sentence.
    pub kept: Vec<String>,
}

impl Comparison {
    fn differ(&mut self, says: String) {
        self.differences += 1;
        if self.kept.len() < KEPT {
            self.kept.push(says);
        }
    }

    fn meet_stranger(&mut self, who: &str) {
        self.strangers += 1;
        self.differ(format!(
            "{who} is there, and the identity provider knows nothing of it"
        ));
    }

    /// All of it, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "users": self.users,
            "teams": self.teams,
            "memberships": self.memberships,
            "differences": self.differences,
            "first": self.kept,
        })
    }
}

impl Simulated {
    /// Reads all users and teams, page by page, and says what is not as the identity provider believes.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn compare(&self, target: &Client, watch: &dyn Watch) -> Result<Comparison, Error> {
        let mut comparison = Comparison::default();
        let company = &self.company;
        watch.begin(
            "Reading back",
            u64::from(company.people() + company.teams()),
        );
        self.compare_users(target, watch, &mut comparison).await?;
        if self.dialect.pushes_teams() {
            self.compare_teams(target, watch, &mut comparison).await?;
        }
        Ok(comparison)
    }

    async fn compare_users(
        &self,
        target: &Client,
        watch: &dyn Watch,
        comparison: &mut Comparison,
    ) -> Result<(), Error> {
        let company = &self.company;
        let everybody = 0..company.people();
        let known = everybody
            .clone()
            .filter_map(|person| Some((company.id(person)?.clone(), person)));
        let mut missing: HashMap<Id, u32> = known.collect();
        for person in everybody {
            let expected = matches!(company.state(person), State::Active | State::Inactive);
            if expected && company.id(person).is_none() {
                comparison.differ(format!(
                    "{} never arrived",
                    company.person(person).user_name
                ));
            }
        }
        let resources = target.resources::<Value>("/Users");
        let mut users = std::pin::pin!(resources.all(Query::all().count(500)));
        while let Some(user) = users.try_next().await? {
            comparison.users += 1;
            watch.told();
            let id = Id::new(user["id"].as_str().unwrap_or_default());
            let Some(person) = missing.remove(&id) else {
                comparison.meet_stranger(&format!("user {id} ({})", user["userName"]));
                continue;
            };
            let believed = company.person(person);
            for attribute in self.dialect.mapping() {
                let (has, should) = (attribute.read(&user), attribute.of(&believed));
                if has != should {
                    comparison.differ(format!(
                        "{}: {} is {}, not {}",
                        believed.user_name,
                        attribute.path(),
                        shown(has),
                        shown(should)
                    ));
                }
            }
            if self.grants != Grants::None {
                let roles = believed.roles.iter().chain(&believed.kept_roles);
                compare_grants("roles", &believed.user_name, roles, &user, comparison);
                let entitlements = believed.entitlements.iter();
                let name = &believed.user_name;
                compare_grants("entitlements", name, entitlements, &user, comparison);
            }
        }
        for person in missing.into_values() {
            comparison.differ(format!("{} is missing", company.person(person).user_name));
        }
        Ok(())
    }

    async fn compare_teams(
        &self,
        target: &Client,
        watch: &dyn Watch,
        comparison: &mut Comparison,
    ) -> Result<(), Error> {
        let company = &self.company;
        let mut missing: HashMap<Id, u32> = HashMap::new();
        for team in 0..company.teams() {
            let found = company.team(team);
            match (&found.id, found.state) {
                (Some(id), _) => {
                    missing.insert(id.clone(), team);
                }
                (None, State::Active) => {
                    comparison.differ(format!("team \"{}\" never arrived", found.name));
                }
                _ => {}
            }
        }
        let resources = target.resources::<Value>("/Groups");
        let mut teams = std::pin::pin!(resources.all(Query::all().count(20)));
        while let Some(found) = teams.try_next().await? {
            comparison.teams += 1;
            watch.told();
            let id = Id::new(found["id"].as_str().unwrap_or_default());
            match missing.remove(&id) {
                Some(team) => compare_team(company, team, &found, comparison),
                None => {
                    comparison.meet_stranger(&format!("team {id} ({})", found["displayName"]));
                }
            }
        }
        for team in missing.into_values() {
            comparison.differ(format!("team \"{}\" is missing", company.team(team).name));
        }
        Ok(())
    }
}

fn compare_grants<'g>(
    attribute: &str,
    user_name: &str,
    should: impl Iterator<Item = &'g Grant>,
    user: &'g Value,
    comparison: &mut Comparison,
) {
    let should: BTreeSet<&str> = should.map(|grant| &*grant.value).collect();
    let should: Vec<&str> = should.into_iter().collect();
    // Lists: one that stands there twice, or without a value, is a difference.
    let has = user[attribute].as_array().into_iter().flatten();
    let mut has: Vec<&str> = has
        .map(|grant| grant["value"].as_str().unwrap_or_default())
        .collect();
    has.sort_unstable();
    if has != should {
        comparison.differ(format!(
            "{user_name}: {attribute} are {has:?}, not {should:?}"
        ));
    }
}

fn compare_team(company: &Company, team: u32, found: &Value, comparison: &mut Comparison) {
    let believed = company.team(team);
    if found["displayName"] != *believed.name {
        comparison.differ(format!(
            "team \"{}\": displayName is {}",
            believed.name, found["displayName"]
        ));
    }
    let members = found["members"].as_array().into_iter().flatten();
    let has: BTreeSet<Id> = members
        .filter_map(|member| Some(Id::new(member["value"].as_str()?)))
        .collect();
    comparison.memberships += has.len() as u64;
    let known = believed.members.iter();
    let should: BTreeSet<Id> = known
        .filter_map(|person| company.id(*person).cloned())
        .collect();
    for id in should.difference(&has) {
        comparison.differ(format!(
            "team \"{}\": member {id} is missing",
            believed.name
        ));
    }
    for id in has.difference(&should) {
        comparison.differ(format!(
            "team \"{}\": {id} is a member and should not be",
            believed.name
        ));
    }
}

fn shown(value: Option<Value>) -> String {
    value.map_or("absent".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_stands_there_twice_or_without_a_value_is_a_difference() {
        let admin = Grant {
            value: "Admin".to_owned(),
            ..Grant::default()
        };
        for (roles, differences) in [
            (json!([{"value": "Admin"}]), 0),
            (
                json!([{"value": "Admin"}, {"value": "Admin", "type": "x"}]),
                1,
            ),
            (json!([{"value": "Admin"}, {"display": "Admin"}]), 1),
            (json!([]), 1),
        ] {
            let mut comparison = Comparison::default();
            let user = json!({ "roles": roles });
            let should = std::iter::once(&admin);
            compare_grants("roles", "lena", should, &user, &mut comparison);
            assert_eq!(comparison.differences, differences, "{user}");
        }
    }
}
