//! `provisor schema`: a tenant's custom schemas and resource types.

use std::path::PathBuf;

use clap::Subcommand;
use provisor_store::Change;
use scim::Value;

use super::{
    Context,
    argument::{self, TenantKey},
};
use crate::{
    failure::Failure,
    terminal::{self, Form},
    views,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Add or replace a schema or resource type (RFC 7643 sections 7 and 6)
    #[command(after_help = "\
Examples:
  provisor schema add badge.schema.json --tenant acme
  provisor schema add - --tenant acme < user.resource-type.json

A resource type named User adds its extensions to the built-in one. Add the schema first.")]
    Add {
        /// JSON file, or - for standard input; one document or a list
        file: PathBuf,
        #[command(flatten)]
        tenant: TenantKey,
    },
    /// List a tenant's own schemas and resource types
    #[command(after_help = "Example:\n  provisor schema list --tenant acme --json")]
    List {
        #[command(flatten)]
        tenant: TenantKey,
    },
    /// Remove a schema or resource type that nothing uses
    #[command(
        after_help = "Example:\n  provisor schema remove urn:acme:schemas:Badge --tenant acme"
    )]
    Remove {
        /// URN of the schema, or name of the resource type
        id: String,
        #[command(flatten)]
        tenant: TenantKey,
    },
}

impl Schema {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = context.directory()?;
        match self {
            Schema::Add { file, tenant } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                let documents =
                    match scim::json::parse(&argument::read_input(&file)?).map_err(|error| {
                        Failure::failed(format!("{}: {}", file.display(), error.detail))
                    })? {
                        Value::Array(documents) => documents,
                        document => vec![document],
                    };
                for document in documents {
                    let name = name(&document);
                    directory
                        .write(tenant.id, Change::PutSchema { document })
                        .await?;
                    terminal::note(&format!("Added {name}."));
                }
                Ok(())
            }
            Schema::List { tenant } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                let documents = directory.read().await?.custom_schemas(tenant.id).await?;
                terminal::list(
                    Form::new(context.json, false),
                    &["id", "kind", "name", "endpoint"],
                    &documents,
                    |document| {
                        vec![
                            name(document),
                            kind(document).to_owned(),
                            views::text(document, "name"),
                            views::text(document, "endpoint"),
                        ]
                    },
                    Clone::clone,
                )
            }
            Schema::Remove { id, tenant } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                let change = Change::RemoveSchema { id: id.clone() };
                directory.write(tenant.id, change).await?;
                terminal::note(&format!("Removed {id}."));
                Ok(())
            }
        }
    }
}

/// A document with an endpoint is a resource type (RFC 7643 section 6).
fn kind(document: &Value) -> &'static str {
    if document.get("endpoint").is_some() {
        "resource type"
    } else {
        "schema"
    }
}

/// What it is removed by: a schema's URN, a resource type's name.
fn name(document: &Value) -> String {
    let field = if document.get("endpoint").is_some() {
        "name"
    } else {
        "id"
    };
    views::text(document, field)
}
