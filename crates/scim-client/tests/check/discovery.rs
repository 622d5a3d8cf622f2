//! Discovery of the small server.

use axum::http::Method;
use scim::{Error, Value, error::Kind};
use serde_json::json;

use crate::{
    defects::ON_REQUEST,
    server::{Answer, Call, Server, list},
};

/// What `few_attributes` does not have, and refuses.
pub(crate) const LEFT_OUT: [&str; 3] = ["nickName", "password", "profileUrl"];
/// Operations of one bulk job.
pub(crate) const MOST_OPERATIONS: usize = 50;
/// Resources on one page.
pub(crate) const MOST_RESULTS: usize = 200;

impl Server {
    /// The discovery endpoints; `None` for other paths.
    pub(crate) fn discovery(&self, call: &Call<'_>) -> Option<Result<Answer, Error>> {
        let all = match call.path.first()?.as_str() {
            "ServiceProviderConfig" => vec![self.config()],
            "Schemas" => self
                .registry
                .schemas()
                .iter()
                .map(|schema| self.schema(schema.to_json()))
                .collect(),
            "ResourceTypes" => self.types(),
            _ => return None,
        };
        Some(self.discovered(call, all))
    }

    fn discovered(&self, call: &Call<'_>, all: Vec<Value>) -> Result<Answer, Error> {
        if call.method != Method::GET {
            if self.is("discovery_takes_writes") {
                return Ok(Answer::new(200, json!({})));
            }
            return Err(Error::new(
                Kind::MethodNotAllowed,
                "Discovery is read-only.",
            ));
        }
        if call.query.contains("filter=") && !self.is("discovery_filters") {
            return Err(Error::new(Kind::Forbidden, "Discovery has no filters."));
        }
        let config = call.path[0] == "ServiceProviderConfig";
        if config && !self.is("config_is_a_list") {
            return Ok(Answer::new(200, all[0].clone()));
        }
        let Some(name) = call.path.get(1) else {
            let count = if self.is("discovery_pages") && call.query.contains("count=1") {
                1
            } else {
                all.len()
            };
            let listed = all.len();
            return Ok(Answer::new(
                200,
                list(listed, 1, all.into_iter().take(count).collect()),
            ));
        };
        let found = all
            .into_iter()
            .find(|one| one["id"] == name.as_str() || one["name"] == name.as_str());
        match found {
            Some(found) => Ok(Answer::new(200, found)),
            None if self.is("unknown_schema_is_empty") => Ok(Answer::new(200, json!({}))),
            None => Err(Error::new(
                Kind::NotFound,
                "There is no such schema or resource type.",
            )),
        }
    }

    fn config(&self) -> Value {
        let mut config = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true},
            "bulk": {"supported": true, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": 1 << 20},
            "filter": {"supported": true, "maxResults": MOST_RESULTS},
            "changePassword": {"supported": false},
            "sort": {"supported": true},
            "etag": {"supported": true},
            "pagination": {"cursor": true, "index": true, "defaultPaginationMethod": "index"},
            "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Bearer", "description": "A bearer token"}],
            "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", self.base)},
        });
        let object = config.as_object_mut().unwrap();
        if self.is("loses_creates_without_filters") {
            object["filter"]["supported"] = json!(false);
        }
        if self.is("config_without_bulk") {
            object.remove("bulk");
        }
        if self.is("wiki_for_documentation") {
            object.insert("documentationUri".to_owned(), json!("ask the wiki"));
        }
        if self.is("events_as_text") {
            object.insert("securityEvents".to_owned(), json!("yes"));
        }
        if self.is("pagination_as_text") {
            object["pagination"]["index"] = json!("yes");
        }
        if self.is("small_pages") {
            object["filter"]["maxResults"] = json!(20);
        }
        if self.is("unknown_authentication") {
            object["authenticationSchemes"][0]["type"] = json!("magic");
        }
        config
    }

    fn schema(&self, mut schema: Value) -> Value {
        if self.is("messages_as_schemas") {
            schema["id"] = json!("urn:ietf:params:scim:api:messages:2.0:PatchOp");
        }
        let is_group = schema["name"] == "Group";
        let attributes = schema["attributes"].as_array_mut().unwrap();
        if self.is("few_attributes") {
            attributes.retain(|one| !LEFT_OUT.iter().any(|name| one["name"] == *name));
        }
        if self.is("lists_no_title") {
            attributes.retain(|one| one["name"] != "title" && one["name"] != "addresses");
        }
        if self.is("lists_names_alone") {
            attributes.retain(|one| one["name"] == "userName" || one["name"] == "displayName");
        }
        if self.is("lists_in_other_case") {
            schema["id"] = json!(schema["id"].as_str().unwrap_or_default().to_uppercase());
            for attribute in schema["attributes"].as_array_mut().unwrap() {
                attribute["name"] = json!(attribute["name"].as_str().unwrap().to_uppercase());
            }
            return schema;
        }
        if self.is("lists_nothing") {
            schema.as_object_mut().unwrap().remove("attributes");
            return schema;
        }
        if self.is("definitions_without_type") {
            attributes[0].as_object_mut().unwrap().remove("type");
        }
        if self.is("writable_id") {
            attributes.push(json!({"name": "id", "type": "string", "mutability": "readWrite", "returned": "always"}));
        }
        for attribute in attributes {
            if self.is("group_name_optional") && is_group {
                attribute["required"] = json!(false);
            }
            self.spoil_definition(attribute);
            for sub in attribute["subAttributes"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                if self.is("nested_complex") {
                    sub["type"] = json!("complex");
                }
                if self.profile.narrow_patch
                    && sub["name"] == "type"
                    && sub["canonicalValues"].is_null()
                {
                    sub["canonicalValues"] = json!(["other"]);
                }
                self.spoil_definition(sub);
            }
        }
        schema
    }

    fn spoil_definition(&self, attribute: &mut Value) {
        let name = attribute["name"].as_str().unwrap_or_default();
        if self.is("returns_own_on_request") && ON_REQUEST.contains(&name) {
            attribute["returned"] = json!("request");
        }
        if self.is("odd_names") && attribute["name"] == "nickName" {
            attribute["name"] = json!("nick.name");
        }
        if self.is("complex_is_unique") && attribute["type"] == "complex" {
            attribute["uniqueness"] = json!("server");
        }
        if self.is("references_without_case") && attribute["type"] == "reference" {
            attribute["caseExact"] = json!(false);
        }
        if self.is("references_to_nothing") {
            attribute.as_object_mut().unwrap().remove("referenceTypes");
        }
    }

    fn types(&self) -> Vec<Value> {
        let types = self.registry.resource_types().iter();
        let mut types: Vec<_> = types.map(|found| found.to_json()).collect();
        if self.is("types_lead_nowhere") {
            types[0]["endpoint"] = json!("/Nowhere");
        }
        if self.is("types_without_endpoint") {
            types[0].as_object_mut().unwrap().remove("endpoint");
        }
        types
    }
}
