//! Schemas and resource types: RFC 7643 sections 2, 6 and 7.
//!
//! The schemas themselves are data (`schema/*.json`, with the verified errata applied), loaded
//! by the same code that loads a tenant's custom ones.

mod builtin;
mod load;

use std::sync::Arc;

use crate::{Error, Value, path::AttributePath};

pub use builtin::{
    CORE_GROUP, CORE_USER, ENTERPRISE_USER, OKTA_ENTITLEMENT, OKTA_ROLE, RESOURCE_TYPE, SCHEMA,
    SERVICE_PROVIDER_CONFIG,
};

/// Data type of an attribute, RFC 7643 section 2.3 (`binary` by erratum 5606).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// UTF-8 text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A JSON number.
    Decimal,
    /// A JSON number without fraction and exponent.
    Integer,
    /// xsd:dateTime.
    DateTime,
    /// Base64.
    Binary,
    /// A URI.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

/// Who may change an attribute, and when. RFC 7643 section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// Only the service provider.
    ReadOnly,
    /// The client, any time.
    ReadWrite,
    /// The client, once.
    Immutable,
    /// The client; never returned.
    WriteOnly,
}

/// When an attribute is returned. RFC 7643 section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returned {
    /// In every answer.
    Always,
    /// In none.
    Never,
    /// Unless excluded.
    Default,
    /// Only when asked for, or just written.
    Request,
}

/// How far a value must be unique. RFC 7643 section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Uniqueness {
    /// Not at all.
    None,
    /// Within the tenant and resource type.
    Server,
    /// Treated as `server`.
    Global,
}

/// One attribute definition, RFC 7643 section 7.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Canonical name; compared without ASCII case.
    pub name: String,
    /// Data type.
    pub kind: Type,
    /// True for a list of values.
    pub multi_valued: bool,
    /// Human-readable text.
    pub description: String,
    /// True if a resource (or the complex value) cannot be without it.
    pub required: bool,
    /// Suggested values; others are accepted.
    pub canonical_values: Vec<String>,
    /// True if `"A"` and `"a"` differ.
    pub case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// How far it is unique.
    pub uniqueness: Uniqueness,
    /// Resource type names, `uri` or `external`; only for references.
    pub reference_types: Vec<String>,
    /// Only for complex attributes.
    pub sub_attributes: Vec<Arc<Attribute>>,
}

impl Attribute {
    /// A sub-attribute by its name, without ASCII case.
    pub fn sub(&self, name: &str) -> Option<&Arc<Attribute>> {
        find(&self.sub_attributes, name)
    }

    /// True for a multi-valued attribute whose elements carry `primary`.
    pub fn has_primary(&self) -> bool {
        self.multi_valued && self.sub("primary").is_some()
    }
}

fn find<'a>(attributes: &'a [Arc<Attribute>], name: &str) -> Option<&'a Arc<Attribute>> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// A schema: a URN and its attributes. RFC 7643 section 7.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// Short name.
    pub name: String,
    /// Human-readable text.
    pub description: String,
    /// Attribute definitions, in published order.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// Reads a schema in the JSON form of RFC 7643 section 7.
    ///
    /// Errors: 400 `invalidValue` naming the attribute and what to change.
    pub fn from_json(value: &Value) -> Result<Schema, Error> {
        load::schema(value)
    }

    /// The published form, RFC 7643 section 7. `meta` is added by the server.
    pub fn to_json(&self) -> Value {
        load::schema_to_json(self)
    }

    /// An attribute by its name, without ASCII case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        find(&self.attributes, name)
    }
}

/// A schema extension of a resource type. RFC 7643 section 6.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// The extension's schema.
    pub schema: Arc<Schema>,
    /// True if every resource must carry it.
    pub required: bool,
}

/// A resource type: an endpoint, its base schema and extensions. RFC 7643 section 6.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceType {
    /// Name, equal to its `id`; also `meta.resourceType`.
    pub name: String,
    /// Path below the base URL, with a leading slash: `/Users`.
    pub endpoint: String,
    /// Human-readable text.
    pub description: String,
    /// Base schema.
    pub schema: Arc<Schema>,
    /// Extensions, in published order.
    pub extensions: Vec<Extension>,
}

impl ResourceType {
    /// The published form, RFC 7643 section 6. `meta` is added by the server.
    pub fn to_json(&self) -> Value {
        load::resource_type_to_json(self)
    }

    /// An extension by its URN, without ASCII case.
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions
            .iter()
            .find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    /// An attribute of the base schema or one of the common attributes (`schemas`, `id`,
    /// `externalId`, `meta`; RFC 7643 section 3.1), by its name without ASCII case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.schema
            .attribute(name)
            .or_else(|| builtin::common().attribute(name))
    }

    /// True for the core User's `password`: accepted and discarded, never stored, not published.
    pub(crate) fn discards(&self, attribute: &Attribute) -> bool {
        builtin::is_discarded(&self.schema, attribute)
    }

    /// True for the core Group, whose `members` are rows of their own in the store.
    pub fn is_group(&self) -> bool {
        self.schema.id == CORE_GROUP
    }

    /// True for the core User.
    pub fn is_user(&self) -> bool {
        self.schema.id == CORE_USER
    }

    /// Resolves an attribute path in the notation of RFC 7644 section 3.10.
    pub fn resolve(&self, path: &str) -> Option<AttributePath> {
        AttributePath::resolve(self, path)
    }
}

/// The schemas and resource types of one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
}

impl Registry {
    /// What every tenant has: User with the enterprise extension, Group, Okta's Role and Entitlement.
    pub fn builtin() -> Arc<Registry> {
        builtin::registry()
    }

    /// The built-in registry with a tenant's own schemas and resource types.
    ///
    /// `schemas` are schema documents, `types` resource type documents (RFC 7643 sections 7 and
    /// 6). A resource type named like a built-in one adds its extensions to it and may not
    /// change anything else.
    ///
    /// Errors: 400 `invalidValue` naming the document and what to change.
    pub fn with_custom(schemas: &[Value], types: &[Value]) -> Result<Registry, Error> {
        load::registry(schemas, types)
    }

    /// The User resource type, always there.
    pub fn user(&self) -> &Arc<ResourceType> {
        &self.types[0]
    }

    /// The Group resource type, always there.
    pub fn group(&self) -> &Arc<ResourceType> {
        &self.types[1]
    }

    /// Resource types, in published order: the built-in ones first.
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.types
    }

    /// Schemas that may be listed at `/Schemas`, in published order.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// A resource type by its endpoint without slash (`Users`). Paths are case-sensitive.
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.types
            .iter()
            .find(|resource_type| resource_type.endpoint.trim_start_matches('/') == endpoint)
    }

    /// A resource type by its name (`User`).
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.types
            .iter()
            .find(|resource_type| resource_type.name == name)
    }

    /// A schema by its URN, without ASCII case.
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas
            .iter()
            .find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }
}
