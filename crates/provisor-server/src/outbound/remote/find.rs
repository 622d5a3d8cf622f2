//! Who in the target is one of ours: looked up by a filter, or in what was read of it.

use std::{collections::HashMap, sync::Arc};

use provisor_store::target::Kind;
use scim::{Value, fold::fold};
use scim_client::{Filter, Page, Request};

use super::{
    Remote, Resource,
    answer::{id_of, parse, with_text_id},
    learned::place_of,
    path,
};
use crate::outbound::{mapping::field, settings::MatchBy, trouble::Trouble};

const USER_NAME: &str = "userName";
const EMAIL: &str = "emails.value";

/// Ids by folded key.
pub(in crate::outbound) type Index = HashMap<String, Vec<String>>;

impl Remote {
    /// Resources that a lookup finds: users by what the settings say, teams by name. `fresh` does not believe what was
    /// read at the beginning of the run.
    pub(in crate::outbound) async fn find(
        &self,
        kind: Kind,
        value: &str,
        fresh: bool,
    ) -> Result<Vec<Resource>, Trouble> {
        if let Some(index) = self.known(kind).await
            && !fresh
        {
            return self.indexed(kind, &index, value).await;
        }
        if let Some(found) = self.filtered(kind, self.lookup(kind), value).await? {
            return Ok(found);
        }
        let index = self.read_index(kind).await?;
        self.indexed(kind, &index, value).await
    }

    /// Who has a userName, which is nobody else's (RFC 7643 section 4.1.1), whatever users are looked up by; as the target
    /// holds them now.
    pub(in crate::outbound) async fn named(&self, name: &str) -> Result<Vec<Resource>, Trouble> {
        if let Some(found) = self.filtered(Kind::User, USER_NAME, name).await? {
            return Ok(found);
        }
        let read = self.index_by(Kind::User, USER_NAME);
        let names = self.names.get_or_try_init(|| read).await?;
        let mut found = self.indexed(Kind::User, names, name).await?;
        // Since they were read, somebody may have been renamed.
        found.retain(|resource| keys(USER_NAME, resource).any(|key| key == fold(name)));
        Ok(found)
    }

    /// What the target finds by a filter; `None` where it has none.
    async fn filtered(
        &self,
        kind: Kind,
        attribute: &str,
        value: &str,
    ) -> Result<Option<Vec<Resource>>, Trouble> {
        if !self.filters() {
            return Ok(None);
        }
        let filter = Filter::eq(attribute, value).to_string();
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", &filter)
            .finish();
        match self
            .call(&Request::get(path(kind, None)).query(query))
            .await
        {
            Ok(answer) => {
                let page: Page<Resource> = parse(&answer)?;
                let (found, others): (Vec<_>, Vec<_>) = page
                    .resources
                    .into_iter()
                    .map(with_text_id)
                    .partition(|resource| keys(attribute, resource).any(|key| key == fold(value)));
                // A server that ignores the filter would give us somebody else.
                if others.is_empty() {
                    return Ok(Some(found));
                }
            }
            Err(Trouble::Refused {
                status: 400 | 403 | 404 | 405 | 501,
                ..
            }) => {}
            Err(trouble) => return Err(trouble),
        }
        self.learned.has_no_filters();
        Ok(None)
    }

    /// The attribute that a kind is looked up by.
    fn lookup(&self, kind: Kind) -> &'static str {
        match (kind, self.settings.identifier) {
            (Kind::Team, _) => "displayName",
            (_, MatchBy::UserName) => USER_NAME,
            (_, MatchBy::Email) => EMAIL,
            (_, MatchBy::ExternalId) => "externalId",
        }
    }

    /// What the attribute is called that a kind is looked up by.
    pub(in crate::outbound) fn key_name(&self, kind: Kind) -> &'static str {
        match self.lookup(kind) {
            EMAIL => "e-mail",
            name => name,
        }
    }

    /// What a wanted user or team is looked up by.
    pub(in crate::outbound) fn key(&self, kind: Kind, wanted: &Resource) -> Option<String> {
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        match self.lookup(kind) {
            EMAIL => {
                let emails = field(wanted, "emails")?.as_array()?;
                let primary = emails.iter().find(|email| email["primary"] == true);
                text(field(primary.or(emails.first())?.as_object()?, "value")?)
            }
            name => text(field(wanted, name)?),
        }
    }

    async fn indexed(
        &self,
        kind: Kind,
        index: &Index,
        value: &str,
    ) -> Result<Vec<Resource>, Trouble> {
        let mut found = Vec::new();
        for id in index.get(&*fold(value)).into_iter().flatten() {
            found.extend(self.get(kind, id, true).await?);
        }
        Ok(found)
    }

    /// Which resources the target had when they were read whole in this run.
    pub(in crate::outbound) async fn known(&self, kind: Kind) -> Option<Arc<Index>> {
        self.indexes[place_of(kind)].read().await.clone()
    }

    /// Reads which resources the target has, page by page, so that many lookups are one walk.
    pub(in crate::outbound) async fn read_index(&self, kind: Kind) -> Result<Arc<Index>, Trouble> {
        let index = Arc::new(self.index_by(kind, self.lookup(kind)).await?);
        *self.indexes[place_of(kind)].write().await = Some(index.clone());
        Ok(index)
    }

    /// The ids of a kind by an attribute.
    async fn index_by(&self, kind: Kind, attribute: &str) -> Result<Index, Trouble> {
        let mut index = Index::new();
        let wanted = match attribute {
            EMAIL => "emails",
            other => other,
        };
        let mut walk = self.walk(kind, Some(wanted));
        while let Some(page) = walk.next().await? {
            for resource in &page {
                for key in keys(attribute, resource) {
                    index
                        .entry(key)
                        .or_default()
                        .extend(id_of(resource).map(str::to_owned));
                }
            }
        }
        Ok(index)
    }
}

/// The values of an attribute that lookups go by, folded.
fn keys<'r>(
    attribute: &str,
    resource: &'r Resource,
) -> Box<dyn Iterator<Item = String> + Send + 'r> {
    let text = |value: &'r Value| value.as_str().map(|text| fold(text).into_owned());
    match attribute {
        EMAIL => {
            let emails = field(resource, "emails").and_then(Value::as_array);
            let values = emails.into_iter().flatten().filter_map(Value::as_object);
            Box::new(values.filter_map(move |email| text(field(email, "value")?)))
        }
        name => Box::new(field(resource, name).and_then(text).into_iter()),
    }
}
