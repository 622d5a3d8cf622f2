//! Schema and resource type documents to definitions and back.
use super::{Registry, ResourceType, Schema};
use crate::{Error, Value};

pub(super) fn schema(_value: &Value) -> Result<Schema, Error> {
    unimplemented!()
}

pub(super) fn schema_to_json(_schema: &Schema) -> Value {
    unimplemented!()
}

pub(super) fn resource_type_to_json(_resource_type: &ResourceType) -> Value {
    unimplemented!()
}

pub(super) fn registry(_schemas: &[Value], _types: &[Value]) -> Result<Registry, Error> {
    unimplemented!()
}
