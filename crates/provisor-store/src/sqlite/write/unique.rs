//! Who holds a value already: uniqueness and domains, decided inside the transaction.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};
use scim::{Error, Kind, Map, Value, fold::fold, resource::primary_email};

use super::{
    Decided, Rules, Transaction,
    resource::{Place, user_name},
};
use crate::{
    Actor, Id, Origin,
    sqlite::{keys, rows},
};

impl Transaction<'_> {
    /// Another user that holds this folded userName: its row number and id.
    pub(super) fn holder_of_name(
        &self,
        place: Place<'_>,
        name: &str,
        except: i64,
    ) -> Decided<Option<(i64, Id)>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT k, id FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND name = ?3",
            )?
            .query_row(params![place.tenant.0, place.number, name], |row| {
                Ok((row.get(0)?, Id(row.get(1)?)))
            })
            .optional()?
            .filter(|(k, _)| *k != except))
    }

    /// Another resource that holds this key.
    fn holder_of_key(
        &self,
        place: Place<'_>,
        attribute: &str,
        value: &str,
        primary_only: bool,
        except: i64,
    ) -> Decided<Option<Id>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT r.id FROM search_key s JOIN resource r ON r.k = s.k \
                 WHERE s.tenant_id = ?1 AND s.kind = ?2 AND s.attribute = ?3 AND s.value = ?4 \
                   AND s.k <> ?5 AND s.main >= ?6 LIMIT 1",
            )?
            .query_row(
                params![
                    place.tenant.0,
                    place.number,
                    attribute,
                    value,
                    except,
                    primary_only
                ],
                |row| Ok(Id(row.get(0)?)),
            )
            .optional()?)
    }

    /// Refuses with 409 what another resource holds. `before` is what the resource itself held;
    /// what has not changed is not asked again. A user's own userName is checked by the caller
    /// on creation, since a POST may mean reactivation.
    pub(super) fn unique(
        &self,
        place: Place<'_>,
        rules: &Rules,
        k: i64,
        before: Option<&Map<String, Value>>,
        after: &Map<String, Value>,
    ) -> Decided<()> {
        let kind = place.kind;
        let old_keys = before
            .map(|before| keys::keys_of(kind, before))
            .unwrap_or_default();
        let new_keys = keys::keys_of(kind, after);
        for key in keys::difference(&new_keys, &old_keys) {
            let asked = key.unique
                || (key.attribute == keys::EXTERNAL_ID
                    && rules.unique_external_id
                    && place.number == rows::USER)
                || (key.attribute == keys::DISPLAY_NAME
                    && rules.unique_team_names
                    && place.number == rows::TEAM);
            if asked
                && let Some(id) = self.holder_of_key(place, &key.attribute, &key.value, false, k)?
            {
                return Err(taken(&key.attribute, &key.value, &kind.name, id).into());
            }
        }
        if place.number != rows::USER {
            return Ok(());
        }
        let name = user_name(kind, after).unwrap_or_default();
        let old_name = before.and_then(|before| user_name(kind, before));
        let name_changed = old_name.as_deref() != Some(&name);
        if name_changed
            && before.is_some()
            && let Some((_, id)) = self.holder_of_name(place, &name, k)?
        {
            return Err(taken("userName", &name, &kind.name, id).into());
        }
        if !rules.unique_email {
            return Ok(());
        }
        // One address may lead to one user only, by userName or by primary e-mail.
        let as_key = keys::bounded((&name).into());
        if name_changed
            && let Some(id) = self.holder_of_key(place, keys::EMAIL, &as_key, true, k)?
        {
            return Err(Error::new(
                Kind::Uniqueness,
                format!(
                    "The userName \"{name}\" is the primary e-mail of the user {id}, and e-mail is \
                     the unique identifier here. Link the identity provider's user to {id}, or \
                     change one of them."
                ),
            )
            .into());
        }
        let email = primary_email(after).map(fold);
        let old_email = before.and_then(primary_email).map(fold);
        if let Some(email) = email.filter(|email| old_email.as_ref() != Some(email)) {
            let as_key = keys::bounded(email.as_ref().into());
            let holder = match self.holder_of_key(place, keys::EMAIL, &as_key, true, k)? {
                Some(id) => Some(id),
                None => self.holder_of_name(place, &email, k)?.map(|(_, id)| id),
            };
            if let Some(id) = holder {
                return Err(taken("primary e-mail", &email, &kind.name, id).into());
            }
        }
        Ok(())
    }

    /// Refuses a user outside the connection's domains; what is unchanged stays.
    pub(super) fn domains(
        &self,
        origin: &Origin,
        place: Place<'_>,
        before: Option<&Map<String, Value>>,
        after: &Map<String, Value>,
    ) -> Decided<()> {
        let Actor::Token(caller) = &origin.actor else {
            return Ok(());
        };
        let Some(connection) = caller
            .connection
            .as_ref()
            .filter(|link| !link.domains.is_empty())
        else {
            return Ok(());
        };
        if place.number != rows::USER {
            return Ok(());
        }
        let old: HashSet<&str> = before
            .map(addresses)
            .unwrap_or_default()
            .into_iter()
            .collect();
        for address in addresses(after) {
            let inside = address.rsplit_once('@').is_some_and(|(_, domain)| {
                connection
                    .domains
                    .iter()
                    .any(|allowed| *allowed == fold(domain))
            });
            if !inside && !old.contains(address) {
                return Err(Error::new(
                    Kind::DomainNotAllowed,
                    format!(
                        "\"{address}\" lies outside the domains of this connection ({}). Add the \
                         domain to the connection, or correct the user in the identity provider.",
                        connection.domains.join(", ")
                    ),
                )
                .into());
            }
        }
        Ok(())
    }
}

/// userName and every e-mail.
fn addresses(attributes: &Map<String, Value>) -> Vec<&str> {
    let emails = attributes.get("emails").and_then(Value::as_array);
    attributes
        .get("userName")
        .and_then(Value::as_str)
        .into_iter()
        .chain(
            emails
                .into_iter()
                .flatten()
                .filter_map(|email| email.get("value")?.as_str()),
        )
        .collect()
}

pub(super) fn taken(attribute: &str, value: &str, kind: &str, holder: Id) -> Error {
    Error::new(
        Kind::Uniqueness,
        format!(
            "The {attribute} \"{value}\" is already used by the {kind} {holder}. Link the identity \
             provider's {kind} to it, or change one of them."
        ),
    )
}
