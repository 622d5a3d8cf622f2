//! The resources of one endpoint: create, get, search, replace, patch, delete.

use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    client::Client,
    error::Error,
    exchange::Request,
    page::{Page, Place, Query},
    patch::Patch,
};

/// The resources of one endpoint, as type `T`.
#[derive(Debug)]
pub struct Resources<'c, T> {
    client: &'c Client,
    endpoint: String,
    of: PhantomData<fn() -> T>,
}

/// Text as one segment of a path, whatever is in it.
#[must_use]
pub fn segment(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

impl<'c, T> Resources<'c, T> {
    pub(crate) fn new(client: &'c Client, endpoint: &str) -> Self {
        Resources {
            client,
            endpoint: format!("/{}", endpoint.trim_matches('/')),
            of: PhantomData,
        }
    }

    /// The path of one resource.
    fn path(&self, id: &str) -> String {
        format!("{}/{}", self.endpoint, segment(id))
    }

    /// Deletes a resource; that it is gone already is no error.
    ///
    /// # Errors
    /// When the server refuses, or there is no answer.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        self.delete_as(Request::new(Method::DELETE, self.path(id)))
            .await
    }

    /// Deletes a resource if its version is still this one (412 otherwise).
    ///
    /// # Errors
    /// When the server refuses, or there is no answer.
    pub async fn delete_if(&self, id: &str, version: &str) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, self.path(id));
        self.delete_as(conditional(request, IF_MATCH, version)?)
            .await
    }

    async fn delete_as(&self, request: Request) -> Result<(), Error> {
        match self.client.call(&request).await {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(404) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn conditional(request: Request, name: HeaderName, version: &str) -> Result<Request, Error> {
    let value = HeaderValue::from_str(version)
        .map_err(|_| Error::Settings(format!("{version:?} is no ETag")))?;
    Ok(request.header(name, value))
}

impl<'c, T: DeserializeOwned + Send + 'c> Resources<'c, T> {
    /// One resource.
    ///
    /// # Errors
    /// 404 when it does not exist.
    pub async fn get(&self, id: &str) -> Result<T, Error> {
        self.client.read(&Request::get(self.path(id))).await
    }

    /// One resource, if its version is another than this one.
    ///
    /// # Errors
    /// 404 when it does not exist.
    pub async fn get_if_changed(&self, id: &str, version: &str) -> Result<Option<T>, Error> {
        let request = conditional(Request::get(self.path(id)), IF_NONE_MATCH, version)?;
        let answer = self.client.call(&request).await?;
        if answer.status == 304 {
            return Ok(None);
        }
        self.client.parse(&request, &answer).map(Some)
    }

    /// The first page of a search.
    ///
    /// # Errors
    /// When the server refuses, or there is no answer.
    pub async fn search(&self, query: &Query) -> Result<Page<T>, Error> {
        self.page(query, &Place::First).await
    }

    /// The only resource a query finds; `None` if there is none.
    ///
    /// # Errors
    /// `Settings` when there are several, since taking one of them would be a guess.
    pub async fn find(&self, query: &Query) -> Result<Option<T>, Error> {
        let mut page = self.search(query).await?;
        if page.resources.len() > 1 {
            return Err(Error::Settings(format!(
                "{}: {} resources match {}, so none can be chosen",
                self.endpoint,
                page.resources.len(),
                query.to_string(&Place::First)
            )));
        }
        Ok(page.resources.pop())
    }

    /// All resources a query finds, page by page as they are asked for. A page that is the one before it again ends the walk,
    /// with an error where the server says that there is more: it does not go on.
    pub fn all(
        &self,
        query: Query,
    ) -> impl Stream<Item = Result<T, Error>> + Send + Unpin + use<'c, T> {
        let (client, endpoint) = (self.client, self.endpoint.clone());
        let begin = (Place::First, Bytes::new());
        let pages = stream::try_unfold(begin, move |(place, before)| {
            let resources = Resources::<T>::new(client, &endpoint);
            let query = query.clone();
            async move {
                if place == Place::End {
                    return Ok(None);
                }
                let request = resources.page_request(&query, &place);
                let answer = client.call(&request).await?;
                let page: Page<T> = client.parse(&request, &answer)?;
                if answer.body == before && !page.resources.is_empty() {
                    // Without a total nothing says that there is more.
                    if page.total_results.is_none() && query.is_by_index() {
                        return Ok(None);
                    }
                    let reason = "it is the page before it again, so that the list has no end";
                    return Err(client.unreadable(&request, &answer, reason));
                }
                let next = query.next(&place, &page);
                let items = page.resources.into_iter().map(Ok);
                Ok::<_, Error>(Some((stream::iter(items), (next, answer.body))))
            }
        });
        Box::pin(pages.try_flatten())
    }

    async fn page(&self, query: &Query, place: &Place) -> Result<Page<T>, Error> {
        self.client.read(&self.page_request(query, place)).await
    }

    fn page_request(&self, query: &Query, place: &Place) -> Request {
        let request = Request::get(self.endpoint.clone());
        let query = query.to_string(place);
        match query.is_empty() {
            true => request,
            false => request.query(query),
        }
    }

    /// Creates a resource and gives it back with its id.
    ///
    /// # Errors
    /// 409 when there is one like it.
    pub async fn create(&self, resource: &T) -> Result<T, Error>
    where
        T: Serialize,
    {
        let request = Request::new(Method::POST, self.endpoint.clone()).json(&json(resource)?);
        self.client.read(&request).await
    }

    /// Replaces a resource whole and gives it back.
    ///
    /// # Errors
    /// 404 when it does not exist.
    pub async fn replace(&self, id: &str, resource: &T) -> Result<T, Error>
    where
        T: Serialize,
    {
        let request = Request::new(Method::PUT, self.path(id)).json(&json(resource)?);
        self.client.read(&request).await
    }

    /// Replaces a resource whole, if its version is still this one.
    ///
    /// # Errors
    /// 412 when somebody else has changed it.
    pub async fn replace_if(&self, id: &str, resource: &T, version: &str) -> Result<T, Error>
    where
        T: Serialize,
    {
        let request = Request::new(Method::PUT, self.path(id)).json(&json(resource)?);
        self.client
            .read(&conditional(request, IF_MATCH, version)?)
            .await
    }

    /// Carries out a PATCH; gives the resource back where the server does (200), nothing where it does not (204).
    ///
    /// # Errors
    /// 404 when it does not exist.
    pub async fn patch(&self, id: &str, patch: &Patch) -> Result<Option<T>, Error> {
        self.patch_as(Request::new(Method::PATCH, self.path(id)).json(&patch.to_json()))
            .await
    }

    /// Carries out a PATCH, if the version is still this one.
    ///
    /// # Errors
    /// 412 when somebody else has changed it.
    pub async fn patch_if(
        &self,
        id: &str,
        patch: &Patch,
        version: &str,
    ) -> Result<Option<T>, Error> {
        let request = Request::new(Method::PATCH, self.path(id)).json(&patch.to_json());
        self.patch_as(conditional(request, IF_MATCH, version)?)
            .await
    }

    async fn patch_as(&self, request: Request) -> Result<Option<T>, Error> {
        let answer = self.client.call(&request).await?;
        if answer.status == 204 || answer.body.is_empty() {
            return Ok(None);
        }
        self.client.parse(&request, &answer).map(Some)
    }
}

fn json<T: Serialize>(resource: &T) -> Result<Value, Error> {
    serde_json::to_value(resource).map_err(|error| {
        Error::Settings(format!("the resource cannot be written as JSON: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Auth;

    #[test]
    fn an_id_is_one_segment() {
        let client = Client::new("http://a.example", Auth::None).unwrap();
        let path = |id| Resources::<Value>::new(&client, "Users").path(id);
        assert_eq!(path("2819c223-7f76"), "/Users/2819c223-7f76");
        assert_eq!(path("../Groups?x#ü"), "/Users/..%2FGroups%3Fx%23%C3%BC");
    }
}
