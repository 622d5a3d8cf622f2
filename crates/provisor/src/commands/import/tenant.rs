//! An export, written back under the same ids.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    sync::Arc,
};

use provisor_store::{Change, Id, Tenant, change::ConnectionSettings};
use scim::{
    Fired, Map, Profile, ResourceType, Value,
    message::PATCH_OP,
    patch::Patch,
    resource::{self, Incoming},
};
use serde_json::json;

use super::{
    super::{connection, export, tenant},
    batch::{Batch, Tally},
    target,
};
use crate::{
    commands::Context, directory::Directory, failure::Failure, open::Missing, progress, terminal,
};

/// The longest line: a resource with a large custom document, or 500 members.
const LONGEST: u64 = 64 << 20;

/// One line of an export.
enum Line {
    Connection(Value),
    Schema(Value),
    Target(Value),
    Resource(Map<String, Value>),
    Members(Map<String, Value>),
    End,
}

pub(super) async fn run(context: &Context, key: &str, path: &Path) -> Result<Tally, Failure> {
    let (mut input, size) = open(path)?;
    let mut text = Vec::new();
    let mut number = 1;
    let header = next(&mut input, &mut text, number)?
        .ok_or_else(|| Failure::failed(format!("{} is empty.", path.display())))?;
    let name = check_header(&header)?;

    let directory = context.directory_or(Missing::Create)?;
    let tenant = match directory.read().await?.tenant(key).await? {
        Some(tenant) => tenant,
        None => {
            terminal::note(&format!("Made the tenant \"{key}\"."));
            tenant::create(&directory, key.to_owned(), name).await?
        }
    };
    let bar = progress::bytes(size, "Importing");
    bar.inc(text.len() as u64);
    let mut types = Types::default();
    let mut batch = Batch::new(&directory, &tenant);
    let mut incomplete = Vec::new();
    let mut complete = false;
    let mut members_begun = false;
    loop {
        number += 1;
        let Some(object) = next(&mut input, &mut text, number)? else {
            break;
        };
        bar.inc(text.len() as u64);
        match line(object) {
            Ok(Line::Connection(settings)) => {
                make_connection(&directory, &tenant, &settings).await?;
            }
            Ok(Line::Schema(document)) => {
                let change = Change::PutSchema { document };
                if let Err(refused) = directory.write(tenant.id, change).await {
                    batch.tally.refuse(number, refused.message);
                }
            }
            Ok(Line::Target(exported)) => {
                match target::make(&directory, &tenant, &exported).await? {
                    Ok(missing) => incomplete.extend(missing),
                    Err(reason) => batch.tally.refuse(number, reason),
                }
            }
            Ok(Line::Resource(object)) => {
                let kind = types.find(&directory, &tenant, &object).await?;
                match kind.and_then(|kind| adopt(&kind, object)) {
                    Ok(change) => batch.push(number, change).await?,
                    Err(reason) => batch.tally.refuse(number, reason),
                }
            }
            Ok(Line::Members(object)) => {
                if !members_begun {
                    // Members follow all resources, which must be there by now.
                    batch.flush().await?;
                    members_begun = true;
                }
                let kind = directory.resource_type(&tenant, "Group").await?;
                match add_members(&kind, &object) {
                    Ok(change) => batch.push(number, change).await?,
                    Err(reason) => batch.tally.refuse(number, reason),
                }
            }
            Ok(Line::End) => complete = true,
            Err(reason) => batch.tally.refuse(number, reason),
        }
    }
    batch.flush().await?;
    bar.finish_and_clear();
    if !complete {
        batch.tally.refuse(
            number,
            "the file ends before the export did: it was cut".to_owned(),
        );
    }
    terminal::note(&format!(
        "Tokens are not part of an export. Next: provisor token create --tenant {key} --scope scim --purpose '…'"
    ));
    if !incomplete.is_empty() {
        terminal::note(&format!(
            "Targets came along paused and without their secrets. For each of them, before `provisor push activate`:\n{}",
            incomplete.join("\n")
        ));
    }
    Ok(batch.tally)
}

fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let file = File::open(path)
        .map_err(|error| Failure::failed(format!("{} cannot be read: {error}.", path.display())))?;
    let size = file.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(BufReader::with_capacity(256 << 10, file)), size))
}

/// The next line as an object; `text` keeps its bytes.
fn next(
    input: &mut dyn BufRead,
    text: &mut Vec<u8>,
    number: u64,
) -> Result<Option<Map<String, Value>>, Failure> {
    text.clear();
    let read = io::Read::take(&mut *input, LONGEST).read_until(b'\n', text);
    let length =
        read.map_err(|error| Failure::failed(format!("line {number} cannot be read: {error}.")))?;
    if length == 0 {
        return Ok(None);
    }
    if length as u64 == LONGEST {
        return Err(Failure::failed(format!(
            "line {number} is longer than 64 MiB. This is no export of Provisor."
        )));
    }
    serde_json::from_slice(text).map(Some).map_err(|error| {
        Failure::failed(format!(
            "line {number} is no JSON object: {error}. The file is damaged or no export of Provisor; a CSV of people needs --users."
        ))
    })
}

/// The tenant's name in the first line.
fn check_header(header: &Map<String, Value>) -> Result<String, Failure> {
    if header.get("format").and_then(Value::as_str) != Some(export::FORMAT) {
        return Err(Failure::failed(
            "line 1 does not begin an export of Provisor. For a CSV of people use --users.",
        ));
    }
    if header.get("version").and_then(Value::as_u64) != Some(export::VERSION) {
        return Err(Failure::failed(
            "line 1: the export was made by a newer version. Import it with that version.",
        ));
    }
    let name = header.get("tenant").and_then(|tenant| tenant.get("name"));
    Ok(name.and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn line(mut object: Map<String, Value>) -> Result<Line, String> {
    let Some((name, value)) = object.iter_mut().next() else {
        return Err("the line is an empty object".to_owned());
    };
    match (name.as_str(), value.take()) {
        ("connection", value) => Ok(Line::Connection(value)),
        ("schema", value) => Ok(Line::Schema(value)),
        ("target", value) => Ok(Line::Target(value)),
        ("resource", Value::Object(object)) => Ok(Line::Resource(object)),
        ("members", Value::Object(object)) => Ok(Line::Members(object)),
        ("end", _) => Ok(Line::End),
        (name, _) => Err(format!("\"{name}\" is no line of an export")),
    }
}

/// The tenant's resource types, each read once its schemas are in place.
#[derive(Default)]
struct Types(HashMap<String, Arc<ResourceType>>);

impl Types {
    async fn find(
        &mut self,
        directory: &Directory,
        tenant: &Tenant,
        object: &Map<String, Value>,
    ) -> Result<Result<Arc<ResourceType>, String>, Failure> {
        let name = object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if let Some(kind) = self.0.get(name) {
            return Ok(Ok(kind.clone()));
        }
        let registry = directory.read().await?.registry(tenant.id).await?;
        Ok(match registry.by_name(name) {
            Some(kind) => {
                self.0.insert(name.to_owned(), kind.clone());
                Ok(kind.clone())
            }
            None => Err(format!("there is no resource type \"{name}\"")),
        })
    }
}

fn adopt(kind: &Arc<ResourceType>, mut object: Map<String, Value>) -> Result<Change, String> {
    let id = id(object.get("id"))?;
    let app_id = object
        .get("app_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let Some(Value::Object(attributes)) = object.remove("attributes") else {
        return Err("\"attributes\" is missing".to_owned());
    };
    let incoming = resource::read(kind, attributes, &Profile::GENERIC, &mut Fired::default())
        .map_err(|error| error.detail)?;
    Ok(Change::Adopt {
        kind: kind.clone(),
        id,
        incoming: Incoming {
            members: None,
            ..incoming
        },
        app_id,
    })
}

/// Adding whoever is a member already changes nothing, so this can be run again.
fn add_members(kind: &Arc<ResourceType>, object: &Map<String, Value>) -> Result<Change, String> {
    let team = id(object.get("team"))?;
    let ids = object.get("ids").and_then(Value::as_array);
    let ids = ids.ok_or_else(|| "\"ids\" is missing".to_owned())?;
    let called = object.get("called");
    let members: Vec<Value> = ids
        .iter()
        .map(|id| {
            let name = called
                .zip(id.as_str())
                .and_then(|(names, id)| names.get(id));
            json!({ "value": id, "display": name })
        })
        .collect();
    let body = json!({
        "schemas": [PATCH_OP],
        "Operations": [{ "op": "add", "path": "members", "value": members }],
    });
    let body = body.as_object().cloned().unwrap_or_default();
    let patch = Patch::read(kind, &body, &Profile::GENERIC, 1, &mut Fired::default())
        .map_err(|error| error.detail)?;
    Ok(Change::Patch {
        kind: kind.clone(),
        id: team,
        patch,
        precondition: None,
    })
}

fn id(value: Option<&Value>) -> Result<Id, String> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    text.parse()
        .map_err(|_| format!("\"{text}\" is no resource id"))
}

/// Makes a connection with the exported settings; one of that name is left as it is.
async fn make_connection(
    directory: &Directory,
    tenant: &Tenant,
    exported: &Value,
) -> Result<(), Failure> {
    let text = |field: &str| {
        let value = exported.get(field).and_then(Value::as_str);
        value.map(str::to_owned)
    };
    let flag = |field: &str| exported.get(field).and_then(Value::as_bool);
    let days = |field: &str| {
        let days = exported.get(field).and_then(Value::as_u64);
        days.and_then(|days| u16::try_from(days).ok())
    };
    let name = text("name");
    let connections = directory.read().await?.connections(tenant.id).await?;
    if connections
        .iter()
        .any(|connection| Some(&connection.name) == name.as_ref())
    {
        return Ok(());
    }
    let domains = exported.get("domains").and_then(Value::as_array);
    let settings = ConnectionSettings {
        name,
        idp: text("idp"),
        profile: text("profile"),
        identifier: text("identifier").and_then(|identifier| identifier.parse().ok()),
        domains: domains.map(|domains| {
            let texts = domains.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }),
        reactivation: flag("reactivation"),
        unique_team_names: flag("unique_team_names"),
        paused: flag("paused"),
        log_days: days("log_days"),
        log_body_days: days("log_body_days"),
    };
    connection::create(directory, tenant, settings).await?;
    Ok(())
}
