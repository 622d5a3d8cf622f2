//! What an index leads to: few resources as whole rows in one statement, many as places, whose
//! documents are read one by one where they are needed.

use rusqlite::{params_from_iter, types::ToSqlOutput};
use scim::ResourceType;

use super::{Query, Stopped, is_selective};
use crate::{
    Id, Identifier, StoreError,
    sqlite::{
        get, keys,
        plan::Source,
        rows::{self, Resource},
    },
};

/// What comes as rows; of an indexed value seldom more than one resource has it.
const FEW: usize = 100;

/// What a source leads to, in id order (which is not the order of `k`: an import keeps ids).
pub(super) enum Candidates {
    Rows(Vec<Resource>),
    Places(Vec<Place>),
    /// So many that all of the type are looked at instead.
    All,
}

/// Where a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) id: Id,
    pub(super) k: i64,
}

/// A condition on `resource`; `?1` is the tenant and `?2` the type.
struct Condition<'s> {
    /// What gives `found`, the row numbers to look at; nothing if the condition alone finds them.
    /// A join, since `k IN (SELECT …)` would first copy what it selects: 6 µs of a look-up's 36.
    found: String,
    text: String,
    values: Vec<ToSqlOutput<'s>>,
}

impl<'s> Condition<'s> {
    /// The name of one more parameter.
    fn value(&mut self, value: impl Into<ToSqlOutput<'s>>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// That a column begins with a text.
    fn range(&mut self, column: &str, beginning: &'s str) -> String {
        let from = self.value(beginning);
        match keys::after_beginning(beginning) {
            Some(end) => {
                let end = self.value(end);
                format!("{column} >= {from} AND {column} < {end}")
            }
            None => format!("{column} >= {from}"),
        }
    }

    /// What follows FROM.
    fn rows(&self) -> String {
        match self.found.is_empty() {
            true => format!("resource WHERE {}", self.text),
            false => format!(
                "({}) CROSS JOIN resource ON k = found WHERE {}",
                self.found, self.text
            ),
        }
    }
}

impl Query<'_> {
    /// What a source leads to, if it is no more than `most`.
    pub(super) fn candidates(
        &self,
        number: i64,
        source: &Source,
        most: usize,
    ) -> Result<Candidates, Stopped> {
        let mut conditions = Vec::new();
        self.conditions(number, source, &mut conditions)?;
        if is_selective(source)
            && let Some(rows) = self.few(&conditions)?
        {
            return Ok(Candidates::Rows(rows));
        }
        if !self.beside {
            return Err(Stopped::Heavy);
        }
        let places = self.many(&conditions, most)?;
        Ok(places.map_or(Candidates::All, Candidates::Places))
    }

    /// Users whose primary e-mail is the name that no user has, if that is what identifies them.
    pub(super) fn by_primary_email(
        &self,
        kind: &ResourceType,
        number: i64,
        source: &Source,
    ) -> Result<Vec<Resource>, Stopped> {
        let Source::UserName(name) = source else {
            return Ok(Vec::new());
        };
        if !kind.is_user() || self.search.identifier != Identifier::Email {
            return Ok(Vec::new());
        }
        let email = keys::bounded(name.into());
        let mut condition = self.of_type(number);
        let attribute = condition.value(keys::EMAIL);
        let email = condition.value(&*email);
        condition.found = format!(
            "SELECT k AS found FROM search_key WHERE tenant_id = ?1 AND kind = ?2 \
               AND attribute = {attribute} AND value = {email} AND main = 1"
        );
        condition.text = "kind = ?2".to_owned();
        // It is unique in the tenant.
        Ok(self.few(&[condition])?.unwrap_or_default())
    }

    fn of_type<'s>(&self, number: i64) -> Condition<'s> {
        Condition {
            found: String::new(),
            text: String::new(),
            values: vec![self.tenant.0.into(), number.into()],
        }
    }

    /// The conditions any of which a source's resources meet.
    fn conditions<'s>(
        &self,
        number: i64,
        source: &'s Source,
        all: &mut Vec<Condition<'s>>,
    ) -> Result<(), StoreError> {
        let mut condition = self.of_type(number);
        // Where a subquery names the rows, these are of the tenant; tenant_id would tempt SQLite
        // to read the whole type.
        condition.text = match source {
            Source::Nothing => return Ok(()),
            Source::Id(text) => {
                let Ok(id) = text.parse::<Id>() else {
                    return Ok(());
                };
                let id = condition.value(id.0.to_vec());
                format!("tenant_id = ?1 AND kind = ?2 AND id = {id}")
            }
            Source::UserName(name) => {
                let name = condition.value(name.as_str());
                format!("tenant_id = ?1 AND kind = ?2 AND name = {name}")
            }
            Source::UserNameFrom(beginning) => {
                let range = condition.range("name", beginning);
                format!("tenant_id = ?1 AND kind = ?2 AND {range}")
            }
            Source::KeyFrom(attribute, beginning) => {
                let attribute = condition.value(&**attribute);
                let range = condition.range("value", beginning);
                condition.found = format!(
                    "SELECT k AS found FROM search_key WHERE tenant_id = ?1 \
                       AND kind = ?2 AND attribute = {attribute} AND {range}"
                );
                "kind = ?2".to_owned()
            }
            Source::Key(attribute, value) => {
                let attribute = condition.value(&**attribute);
                let value = condition.value(value.as_str());
                condition.found = format!(
                    "SELECT k AS found FROM search_key WHERE tenant_id = ?1 \
                       AND kind = ?2 AND attribute = {attribute} AND value = {value}"
                );
                "kind = ?2".to_owned()
            }
            Source::TeamsOf(member) => {
                let Some(member) = self.row_number(member)? else {
                    return Ok(());
                };
                let member = condition.value(member);
                format!(
                    "kind = ?2 AND k IN \
                       (SELECT team FROM member WHERE tenant_id = ?1 AND member = {member})"
                )
            }
            Source::MembersOf(team) => {
                let Some(team) = self.row_number(team)? else {
                    return Ok(());
                };
                let team = condition.value(team);
                format!(
                    "kind = ?2 AND k IN (WITH RECURSIVE below(k) AS ( \
                         SELECT member FROM member WHERE tenant_id = ?1 AND team = {team} \
                         UNION SELECT m.member FROM below b JOIN member m \
                           ON m.tenant_id = ?1 AND m.team = b.k \
                              AND EXISTS (SELECT 1 FROM resource r WHERE r.k = b.k)) \
                       SELECT k FROM below)"
                )
            }
            Source::Any(sources) => {
                for source in sources {
                    self.conditions(number, source, all)?;
                }
                return Ok(());
            }
        };
        all.push(condition);
        Ok(())
    }

    /// The rows, unless they are many or large.
    fn few(&self, conditions: &[Condition<'_>]) -> Result<Option<Vec<Resource>>, StoreError> {
        let mut few = Vec::new();
        let mut room = self.settings.search_memory;
        for condition in conditions {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT {} FROM {}",
                rows::COLUMNS,
                condition.rows()
            ))?;
            let mut found = statement.query(params_from_iter(&condition.values))?;
            while let Some(row) = found.next()? {
                let row = rows::resource(row)?;
                match room.checked_sub(row.size()) {
                    Some(left) if few.len() < FEW => room = left,
                    _ => return Ok(None),
                }
                few.push(row);
            }
        }
        few.sort_unstable_by_key(|row| row.id);
        few.dedup_by_key(|row| row.id);
        Ok(Some(few))
    }

    /// The places, unless they are too many.
    fn many(
        &self,
        conditions: &[Condition<'_>],
        most: usize,
    ) -> Result<Option<Vec<Place>>, StoreError> {
        let mut places = Vec::new();
        for condition in conditions {
            let mut statement = self
                .connection
                .prepare_cached(&format!("SELECT id, k FROM {}", condition.rows()))?;
            let mut found = statement.query(params_from_iter(&condition.values))?;
            while let Some(row) = found.next()? {
                if places.len() >= most {
                    return Ok(None);
                }
                places.push(Place {
                    id: Id(row.get(0)?),
                    k: row.get(1)?,
                });
            }
        }
        places.sort_unstable();
        places.dedup();
        Ok(Some(places))
    }

    fn row_number(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let Ok(id) = id.parse::<Id>() else {
            return Ok(None);
        };
        get::row_number(self.connection, self.tenant, id)
    }
}
