//! The schemas every tenant has, from `*.json` beside this file.

use std::sync::{Arc, OnceLock};

use super::{Attribute, Extension, Registry, ResourceType, Schema, load};
use crate::Value;

/// Core User, RFC 7643 section 4.1.
pub const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Core Group, RFC 7643 section 4.2.
pub const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Enterprise User extension, RFC 7643 section 4.3.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// ServiceProviderConfig, RFC 7643 section 5.
pub const SERVICE_PROVIDER_CONFIG: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// ResourceType, RFC 7643 section 6.
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// Schema, RFC 7643 section 7.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// Okta's Role, read for entitlements (Okta: "Build a SCIM provisioning integration with entitlements").
pub const OKTA_ROLE: &str = "urn:okta:scim:schemas:core:1.0:Role";
/// Okta's Entitlement.
pub const OKTA_ENTITLEMENT: &str = "urn:okta:scim:schemas:core:1.0:Entitlement";

/// Attributes common to all resources (`schemas`, `id`, `externalId`, `meta`), RFC 7643 section 3.1.
pub(super) fn common() -> &'static Schema {
    static COMMON: OnceLock<Schema> = OnceLock::new();
    COMMON.get_or_init(|| embedded(include_str!("common.json")))
}

pub(super) fn registry() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(|| Arc::new(build())).clone()
}

/// True for the attribute that is accepted and thrown away: the core User's `password`. It is
/// known to the engine, so that it is never "unknown", and left out of what is published.
pub(super) fn is_discarded(schema: &Schema, attribute: &Attribute) -> bool {
    attribute.name == "password" && schema.id == CORE_USER
}

fn build() -> Registry {
    let schema = |text| Arc::new(embedded(text));
    let user = schema(include_str!("user.json"));
    let enterprise = schema(include_str!("enterprise_user.json"));
    let group = schema(include_str!("group.json"));
    let role = schema(include_str!("okta_role.json"));
    let entitlement = schema(include_str!("okta_entitlement.json"));
    let resource_type = |schema: &Arc<Schema>, endpoint: &str, extensions| {
        Arc::new(ResourceType {
            name: schema.name.clone(),
            endpoint: endpoint.to_owned(),
            description: schema.description.clone(),
            schema: schema.clone(),
            extensions,
        })
    };
    let enterprise_extension = Extension {
        schema: enterprise.clone(),
        required: false,
    };
    Registry {
        types: vec![
            resource_type(&user, "/Users", vec![enterprise_extension]),
            resource_type(&group, "/Groups", Vec::new()),
            resource_type(&role, "/Roles", Vec::new()),
            resource_type(&entitlement, "/Entitlements", Vec::new()),
        ],
        schemas: vec![
            user,
            enterprise,
            group,
            role,
            entitlement,
            schema(include_str!("service_provider_config.json")),
            schema(include_str!("resource_type.json")),
            schema(include_str!("schema.json")),
        ],
    }
}

fn embedded(text: &str) -> Schema {
    let value: Value =
        serde_json::from_str(text).expect("embedded schema documents are JSON; a test loads all");
    load::schema(&value).expect("embedded schema documents are sound; a test loads all")
}
