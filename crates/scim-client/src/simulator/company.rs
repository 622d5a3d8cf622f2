//! A generated organisation: what the identity provider believes about its people and teams.
//!
//! A person takes some 60 bytes here; names and all else follow from the seed and the person's number.

use super::{
    grant::Catalog,
    id::{Id, guid},
    names::{DEPARTMENTS, FAMILY, GIVEN, LOCALES, PLACES, TITLES},
    person::Person,
};

/// Where people and teams stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not assigned to the application.
    Unknown,
    /// Assigned.
    Active,
    /// No longer assigned, and kept as inactive.
    Inactive,
    /// Deleted.
    Gone,
}

/// The form of an identity provider's own ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnIds {
    /// `00u` and 17 letters and digits.
    Okta,
    /// A UUID.
    Guid,
}

#[derive(Debug, Clone)]
struct Record {
    id: Option<Id>,
    manager: Option<u32>,
    /// 0, or the second family name after a marriage.
    renamed: u16,
    /// Counts the accounts that the person has had.
    account: u8,
    department: u8,
    title: u8,
    /// Roles that the person had, by their places in the catalogue.
    had_roles: u8,
    state: State,
}

#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) id: Option<Id>,
    pub(crate) state: State,
    pub(crate) members: Vec<u32>,
}

/// A member as messages name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) user_name: String,
}

/// The organisation.
#[derive(Debug)]
pub(crate) struct Company {
    seed: u64,
    own_ids: OwnIds,
    people: Vec<Record>,
    teams: Vec<Team>,
    /// Whether login names are no e-mail addresses.
    short_names: bool,
    catalog: Catalog,
}

/// Who reports to one manager.
const REPORTS: u32 = 8;
/// A prime, so that stepping by it meets every pair of names before one repeats.
const STEP: usize = 2551;

impl Company {
    /// People and teams that are not assigned to anything yet; `members` in each team.
    pub(crate) fn new(seed: u64, own_ids: OwnIds, people: u32, teams: u32, members: u32) -> Self {
        let mut company = Company {
            seed,
            own_ids,
            people: Vec::with_capacity(people as usize),
            teams: Vec::with_capacity(teams as usize),
            short_names: false,
            catalog: Catalog::default(),
        };
        for _ in 0..people {
            company.hire();
        }
        for team in 0..teams {
            let mut rng = fastrand::Rng::with_seed(mix(seed, 1 << 40 | u64::from(team)));
            let mut named = company.team_name(team);
            named.members = some_of(people, members, &mut rng);
            company.teams.push(named);
        }
        company
    }

    /// Gives everybody a login name that is no e-mail address, as companies have that tell people apart by e-mail.
    pub(crate) fn with_short_names(mut self, short: bool) -> Self {
        self.short_names = short;
        self
    }

    /// What people may be given from now on.
    pub(crate) fn offer(&mut self, catalog: Catalog) {
        self.catalog = catalog;
    }

    /// One more person, not assigned to anything.
    pub(crate) fn hire(&mut self) -> u32 {
        let number = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let chance = mix(self.seed, u64::from(number)).to_le_bytes();
        self.people.push(Record {
            id: None,
            manager: number.checked_sub(1).map(|below| below / REPORTS),
            renamed: 0,
            account: 0,
            department: chance[0],
            title: chance[1],
            had_roles: 0,
            state: State::Unknown,
        });
        number
    }

    /// One more team, with nobody in it.
    pub(crate) fn found_team(&mut self, members: Vec<u32>) -> u32 {
        let number = u32::try_from(self.teams.len()).unwrap_or(u32::MAX);
        let mut team = self.team_name(number);
        team.members = members;
        self.teams.push(team);
        number
    }

    fn team_name(&self, number: u32) -> Team {
        let at = number as usize;
        let round = at / (DEPARTMENTS.len() * PLACES.len());
        let department = DEPARTMENTS[at % DEPARTMENTS.len()];
        let place = PLACES[(at / DEPARTMENTS.len()) % PLACES.len()];
        let name = match round {
            0 => format!("{department} {place}"),
            _ => format!("{department} {place} {}", round + 1),
        };
        Team {
            name,
            id: None,
            state: State::Unknown,
            members: Vec::new(),
        }
    }

    pub(crate) fn people(&self) -> u32 {
        u32::try_from(self.people.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn teams(&self) -> u32 {
        u32::try_from(self.teams.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn team(&self, team: u32) -> &Team {
        &self.teams[team as usize]
    }

    pub(crate) fn team_mut(&mut self, team: u32) -> &mut Team {
        &mut self.teams[team as usize]
    }

    pub(crate) fn state(&self, person: u32) -> State {
        self.people[person as usize].state
    }

    pub(crate) fn set_state(&mut self, person: u32, state: State) {
        self.people[person as usize].state = state;
    }

    pub(crate) fn id(&self, person: u32) -> Option<&Id> {
        self.people[person as usize].id.as_ref()
    }

    pub(crate) fn set_id(&mut self, person: u32, id: Option<Id>) {
        self.people[person as usize].id = id;
    }

    /// Whether nobody who was hired reports to a person.
    pub(crate) fn leads_nobody(&self, person: u32) -> bool {
        let mut reports = self.people.iter();
        !reports.any(|record| record.manager == Some(person))
    }

    /// Whom a person reports to.
    pub(crate) fn manager(&self, person: u32) -> Option<u32> {
        self.people[person as usize].manager
    }

    /// Moves a person to another department, title and manager.
    pub(crate) fn transfer(&mut self, person: u32, rng: &mut fastrand::Rng) {
        let manager = (person > 1).then(|| rng.u32(0..person));
        let record = &mut self.people[person as usize];
        record.had_roles |= self.catalog.bit(record.title);
        record.department = record.department.wrapping_add(rng.u8(1..5));
        record.title = record.title.wrapping_add(rng.u8(1..5));
        record.manager = manager.or(record.manager);
    }

    /// Gives a person a second family name.
    pub(crate) fn marry(&mut self, person: u32, rng: &mut fastrand::Rng) {
        let most = u16::try_from(FAMILY.len()).unwrap_or(u16::MAX);
        let record = &mut self.people[person as usize];
        // Another one than a second marriage would have left in place.
        record.renamed = (record.renamed + rng.u16(1..most - 1)) % most + 1;
    }

    /// Opens a new account for a person who had one before; the identity provider knows nothing of the old one.
    pub(crate) fn open_account(&mut self, person: u32) {
        let record = &mut self.people[person as usize];
        record.account = record.account.wrapping_add(1);
        record.id = None;
    }

    /// The person as the identity provider sends one now.
    pub(crate) fn person(&self, person: u32) -> Person {
        let record = &self.people[person as usize];
        let number = person as usize;
        let pairs = GIVEN.len() * FAMILY.len();
        let start = usize::try_from(self.seed % pairs as u64).unwrap_or(0);
        let pair = (start + number * STEP) % pairs;
        let (given, given_plain) = GIVEN[pair % GIVEN.len()];
        let (family, family_plain) = FAMILY[pair / GIVEN.len()];
        let (family, family_plain) = match record.renamed {
            0 => (family.to_owned(), family_plain.to_owned()),
            second => {
                let (other, plain) = FAMILY[usize::from(second) - 1];
                (
                    format!("{family}-{other}"),
                    format!("{family_plain}-{plain}"),
                )
            }
        };
        let again = match number / pairs {
            0 => String::new(),
            again => (again + 1).to_string(),
        };
        let short = format!("{given_plain}.{family_plain}{again}");
        let email = format!("{short}@northwind.example");
        let pick = |list: &'static [&'static str], by: u8| list[usize::from(by) % list.len()];
        let manager = record.manager.and_then(|manager| self.id(manager));
        let role = Catalog::pick(&self.catalog.roles, record.title);
        let entitlement = Catalog::pick(&self.catalog.entitlements, record.department);
        let kept = match self.catalog.keeps {
            true => record.had_roles & !self.catalog.bit(record.title),
            false => 0,
        };
        Person {
            user_name: if self.short_names {
                short
            } else {
                email.clone()
            },
            email,
            external_id: self.own_id(u64::from(person) | u64::from(record.account) << 32),
            given: given.to_owned(),
            middle: None,
            display: format!("{given} {family}"),
            family,
            active: record.state == State::Active,
            locale: Some(pick(LOCALES, record.department).to_owned()),
            title: Some(pick(TITLES, record.title).to_owned()),
            department: Some(pick(DEPARTMENTS, record.department).to_owned()),
            employee_number: Some(format!("E{person:07}")),
            nick_name: person.is_multiple_of(10).then(|| given_plain.to_owned()),
            mobile: (!person.is_multiple_of(3)).then(|| format!("+49 30 555 {person:07}")),
            street: (!person.is_multiple_of(3)).then(|| format!("{} Main St", person % 200 + 1)),
            manager: manager.map(Id::to_string),
            roles: role.cloned().into_iter().collect(),
            kept_roles: self.catalog.held(kept),
            entitlements: entitlement.cloned().into_iter().collect(),
        }
    }

    /// The identity provider's own id of a team.
    pub(crate) fn team_own_id(&self, team: u32) -> String {
        self.own_id(u64::from(team) | 1 << 48)
    }

    fn own_id(&self, what: u64) -> String {
        let high = mix(self.seed, what);
        let number = u128::from(high) << 64 | u128::from(mix(high, what));
        match self.own_ids {
            OwnIds::Guid => guid(number),
            OwnIds::Okta => {
                const DIGITS: &[u8] =
                    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
                let mut left = number;
                let mut id = "00u".to_owned();
                for _ in 0..17 {
                    id.push(char::from(DIGITS[(left % 62) as usize]));
                    left /= 62;
                }
                id
            }
        }
    }

    /// Those of the people whom the service provider knows and who are not gone.
    pub(crate) fn members(&self, people: &[u32]) -> Vec<Member> {
        let known = people.iter().filter_map(|person| {
            let id = self.id(*person)?.to_string();
            let user_name = self.person(*person).user_name;
            Some(Member { id, user_name })
        });
        known.collect()
    }

    /// Somebody who is active, if anybody is found in a reasonable number of tries.
    pub(crate) fn anybody(&self, state: State, rng: &mut fastrand::Rng) -> Option<u32> {
        let tries = (0..1000).map(|_| rng.u32(0..self.people().max(1)));
        let mut fitting = tries.filter(|person| {
            self.people
                .get(*person as usize)
                .is_some_and(|r| r.state == state)
        });
        fitting.next()
    }
}

/// Different numbers below `of`, `count` of them or all.
pub(crate) fn some_of(of: u32, count: u32, rng: &mut fastrand::Rng) -> Vec<u32> {
    if of == 0 {
        return Vec::new();
    }
    let count = count.min(of);
    let step = loop {
        let step = rng.u32(1..=of);
        if common_divisor(step, of) == 1 {
            break u64::from(step);
        }
    };
    let start = u64::from(rng.u32(0..of));
    let numbers = (0..u64::from(count)).map(|n| (start + n * step) % u64::from(of));
    numbers
        .filter_map(|number| u32::try_from(number).ok())
        .collect()
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// A number that looks random and follows from both (SplitMix64).
pub(crate) fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed
        .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::simulator::{change::Change, grant::Grants};

    #[test]
    fn everybody_has_a_name_and_an_id_of_their_own() {
        let mut company = Company::new(7, OwnIds::Okta, 20_000, 300, 40);
        let mut rng = fastrand::Rng::with_seed(1);
        for person in (0..20_000).step_by(3) {
            company.marry(person, &mut rng);
        }
        let people: Vec<Person> = (0..20_000).map(|person| company.person(person)).collect();
        let distinct =
            |of: fn(&Person) -> &String| people.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|person| &person.user_name), 20_000);
        assert_eq!(distinct(|person| &person.external_id), 20_000);
        assert!(people.iter().all(|person| person.user_name.is_ascii()));
        assert!(people.iter().any(|person| !person.display.is_ascii()));
        let names: HashSet<&String> = (0..300).map(|team| &company.team(team).name).collect();
        assert_eq!(names.len(), 300);
    }

    #[test]
    fn the_same_seed_is_the_same_company() {
        let [one, same, other] = [7, 7, 8].map(|seed| {
            let company = Company::new(seed, OwnIds::Guid, 500, 40, 25);
            (company.person(123), company.team(3).members.clone())
        });
        assert_eq!(one, same);
        assert_ne!(one, other);
    }

    #[test]
    fn a_team_has_nobody_twice() {
        let company = Company::new(7, OwnIds::Guid, 500, 40, 25);
        for team in 0..40 {
            let members: HashSet<&u32> = company.team(team).members.iter().collect();
            assert_eq!(members.len(), 25);
        }
        assert_eq!(
            Company::new(7, OwnIds::Guid, 3, 1, 25)
                .team(0)
                .members
                .len(),
            3
        );
    }

    #[test]
    fn a_role_that_nobody_takes_away_stays() {
        let roles = |grants: Grants| {
            let mut company = Company::new(7, OwnIds::Guid, 40, 0, 0);
            company.offer(grants.catalog());
            let mut rng = fastrand::Rng::with_seed(3);
            let (before, after) = (2..40)
                .map(|person| {
                    let before = company.person(person);
                    company.transfer(person, &mut rng);
                    (before, company.person(person))
                })
                .find(|(before, after)| before.roles != after.roles)
                .unwrap();
            assert_eq!((before.roles.len(), after.roles.len()), (1, 1));
            (before.roles, after.kept_roles)
        };
        let (had, kept) = roles(Grants::AppRoles);
        assert_eq!(had, kept);
        assert_eq!(roles(Grants::AssertiveAppRoles).1, []);
        let company = Company::new(7, OwnIds::Guid, 1, 0, 0).with_short_names(true);
        assert!(!company.person(0).user_name.contains('@'));
        assert!(company.person(0).email.contains('@'));
    }

    #[test]
    fn a_person_takes_little_memory() {
        let sizes = (size_of::<Record>(), size_of::<Change>());
        assert!(sizes.0 <= 64 && sizes.1 <= 64, "{sizes:?}");
    }
}
