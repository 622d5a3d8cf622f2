//! Removing what checks created, and saying what could not be removed.

use std::sync::PoisonError;

use serde_json::Value;

use super::probe::{Feature, World, encoded};
use crate::exchange::Request;
use reqwest::Method;

impl World<'_> {
    /// Deletes what the check that just ended has created, the latest first: groups before their members.
    pub(super) async fn clean(&self) {
        let made = std::mem::take(&mut *self.made());
        for path in made.into_iter().rev() {
            if !self.remove(&path).await {
                self.made().push(path);
            }
        }
    }

    /// Deletes what is left of the run, also what was created by a request whose answer nobody waited for. Gives what
    /// could not be deleted.
    pub(super) async fn clean_all(&self) -> Vec<String> {
        self.clean().await;
        for (endpoint, attribute) in [("/Groups", "displayName"), ("/Users", "userName")] {
            for path in self.marked(endpoint, attribute).await {
                if !self.remove(&path).await {
                    self.made().push(path);
                }
            }
        }
        let mut left = std::mem::take(&mut *self.made());
        left.sort();
        left.dedup();
        left
    }

    /// The resources whose name has the mark of this run. A server may not filter as it should: the name decides.
    async fn marked(&self, endpoint: &str, attribute: &str) -> Vec<String> {
        if !self.has(Feature::Filter) {
            return Vec::new();
        }
        let filter = encoded(&format!("{attribute} sw \"{}\"", self.mark));
        let request = Request::get(endpoint).query(format!("filter={filter}&count=100"));
        let Ok(exchange) = self.client.send(&request).await else {
            return Vec::new();
        };
        let body = exchange.answer.json().unwrap_or(Value::Null);
        let found = body["Resources"].as_array().into_iter().flatten();
        let ours = |resource: &&Value| {
            let name = resource[attribute].as_str().unwrap_or_default();
            name.to_ascii_lowercase().starts_with(&self.mark)
        };
        let path = |resource: &Value| Some(format!("{endpoint}/{}", resource["id"].as_str()?));
        found.filter(ours).filter_map(path).collect()
    }

    /// Whether it is gone.
    async fn remove(&self, path: &str) -> bool {
        let request = Request::new(Method::DELETE, path);
        match self.client.send(&request).await {
            Ok(exchange) => {
                exchange.answer.is_success() || [404, 410].contains(&exchange.answer.status)
            }
            Err(_) => false,
        }
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
