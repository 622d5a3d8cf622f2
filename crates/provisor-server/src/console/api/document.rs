//! The description of the API, as pages show it: by noun, with everything it refers to.

use std::sync::LazyLock;

use scim::{Map, Value};

/// Read once.
pub(super) static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Document::read(crate::api::OPENAPI));

/// All of it.
pub(super) struct Document {
    pub(super) intro: Vec<Block>,
    pub(super) nouns: Vec<Noun>,
}

/// What operations are about.
pub(super) struct Noun {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) operations: Vec<Operation>,
    /// What bodies and answers are made of.
    pub(super) shapes: Vec<Shape>,
}

/// A method of a path.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) about: Vec<Block>,
    /// What the token must have; empty: no token.
    pub(super) scopes: Vec<String>,
    pub(super) parameters: Vec<Field>,
    pub(super) body: Option<Shape>,
    pub(super) answers: Vec<Answer>,
}

/// A parameter, or a member of an object.
pub(super) struct Field {
    pub(super) name: String,
    /// `path`, `query` or nothing.
    pub(super) place: String,
    pub(super) kind: String,
    pub(super) is_required: bool,
    pub(super) about: String,
    pub(super) values: Vec<String>,
}

/// An object.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) fields: Vec<Field>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) about: String,
    pub(super) kind: String,
}

/// A piece of prose.
pub(super) enum Block {
    Paragraph(String),
    Code(String),
}

impl Document {
    fn read(text: &str) -> Self {
        let root: Value = serde_json::from_str(text).unwrap_or_default();
        let nouns = items(&root["tags"]).map(|tag| {
            let name = text_of(&tag["name"]);
            let operations = operations(&root, &name);
            let mut names = Vec::new();
            for operation in object(&root["paths"]).flat_map(|(_, path)| object(path)) {
                if items(&operation.1["tags"]).any(|tag| tag == name.as_str()) {
                    referred(&root, &operation.1["requestBody"], &mut names);
                    referred(&root, &operation.1["responses"], &mut names);
                }
            }
            names.retain(|name| name != "Error");
            let shapes = names.iter().map(|name| {
                let schema = &root["components"]["schemas"][name.as_str()];
                shape(name, schema)
            });
            Noun {
                about: text_of(&tag["description"]),
                shapes: shapes.collect(),
                operations,
                name,
            }
        });
        Self {
            intro: blocks(&text_of(&root["info"]["description"])),
            nouns: nouns.collect(),
        }
    }
}

fn operations(root: &Value, noun: &str) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in object(&root["paths"]) {
        for (method, operation) in object(methods) {
            if !items(&operation["tags"]).any(|tag| tag == noun) {
                continue;
            }
            let security = items(&operation["security"]).next();
            let scopes = security.into_iter().flat_map(|one| items(&one["token"]));
            let mut about = blocks(&text_of(&operation["description"]));
            if !about.iter().any(|block| matches!(block, Block::Code(_))) {
                about.push(Block::Code(command(method, path, operation)));
            }
            let sent = &operation["requestBody"]["content"]["application/json"]["schema"];
            found.push(Operation {
                id: text_of(&operation["operationId"]),
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text_of(&operation["summary"]),
                about,
                scopes: scopes.map(text_of).collect(),
                parameters: items(&operation["parameters"]).map(parameter).collect(),
                body: (!sent.is_null()).then(|| shape(&kind(sent), resolved(root, sent))),
                answers: object(&operation["responses"])
                    .map(|(status, answer)| {
                        let answer = resolved(root, answer);
                        Answer {
                            status: status.clone(),
                            about: text_of(&answer["description"]),
                            kind: kind(&answer["content"]["application/json"]["schema"]),
                        }
                    })
                    .collect(),
            });
        }
    }
    found
}

/// A call with curl, for what the description has none.
fn command(method: &str, path: &str, operation: &Value) -> String {
    let method = match method {
        "get" => String::new(),
        method => format!("-X {} ", method.to_uppercase()),
    };
    let mut command = format!(
        "curl {method}-H \"Authorization: Bearer $PROVISOR_TOKEN\" \"$PROVISOR_URL/api/v1{path}\""
    );
    if !operation["requestBody"].is_null() {
        command.push_str(" \\\n  -H 'Content-Type: application/json' -d '{…}'");
    }
    command
}

fn parameter(parameter: &Value) -> Field {
    Field {
        place: text_of(&parameter["in"]),
        about: text_of(&parameter["description"]),
        is_required: parameter["required"] == true,
        ..field(&text_of(&parameter["name"]), &parameter["schema"])
    }
}

fn shape(name: &str, schema: &Value) -> Shape {
    // A page of a list has its rows inside.
    let required: Vec<&str> = items(&schema["required"])
        .filter_map(Value::as_str)
        .collect();
    let fields = object(&schema["properties"]).map(|(member, value)| Field {
        is_required: required.contains(&member.as_str()),
        ..field(member, value)
    });
    Shape {
        name: name.to_owned(),
        about: text_of(&schema["description"]),
        fields: fields.collect(),
    }
}

fn field(name: &str, schema: &Value) -> Field {
    let inner = if schema["enum"].is_null() {
        &schema["items"]["enum"]
    } else {
        &schema["enum"]
    };
    Field {
        name: name.to_owned(),
        place: String::new(),
        kind: kind(schema),
        is_required: false,
        about: text_of(&schema["description"]),
        values: items(inner)
            .filter(|one| !one.is_null())
            .map(text_of)
            .collect(),
    }
}

/// What a value is, in words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(last_part) {
        return name.to_owned();
    }
    for several in ["anyOf", "oneOf"] {
        if schema[several].is_array() {
            let mut kinds: Vec<String> = items(&schema[several]).map(kind).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
    }
    let data = &schema["properties"]["data"];
    match &schema["type"] {
        Value::Object(_) | Value::Null => String::new(),
        Value::Array(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(text_of).collect();
            kinds.join(" or ")
        }
        name if name == "array" => format!("list of {}", kind(&schema["items"])),
        name if name == "object" && !data.is_null() => format!("a page: {}", kind(data)),
        name => match schema["format"].as_str() {
            Some(format) => format.to_owned(),
            None => text_of(name),
        },
    }
}

/// What stands where a reference points, or the value itself.
fn resolved<'r>(root: &'r Value, value: &'r Value) -> &'r Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|to| root.pointer(to)).unwrap_or(value)
}

/// Names of all schemas that this refers to, also by way of others.
fn referred(root: &Value, value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(last_part)
                && value["$ref"]
                    .as_str()
                    .is_some_and(|to| to.contains("/schemas/"))
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
                referred(root, resolved(root, value), names);
            }
            members
                .values()
                .for_each(|inner| referred(root, inner, names));
        }
        Value::Array(list) => list.iter().for_each(|inner| referred(root, inner, names)),
        _ => {}
    }
}

fn last_part(reference: &str) -> Option<&str> {
    reference.rsplit('/').next()
}

/// Prose, with indented lines as code.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for paragraph in text.split("\n\n").filter(|text| !text.trim().is_empty()) {
        let lines = || paragraph.lines();
        if lines().all(|line| line.starts_with("    ")) {
            let code: Vec<&str> = lines().filter_map(|line| line.get(4..)).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else {
            blocks.push(Block::Paragraph(paragraph.replace('`', "")));
        }
    }
    blocks
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_place_a_command_and_an_answer() {
        let root: Value = serde_json::from_str(crate::api::OPENAPI).unwrap();
        let there = object(&root["paths"]).map(|(_, path)| path.as_object().unwrap().len());
        let shown = DOCUMENT.nouns.iter().map(|noun| noun.operations.len());
        assert_eq!(shown.sum::<usize>(), there.sum::<usize>());
        for noun in &DOCUMENT.nouns {
            assert!(!noun.about.is_empty(), "{}", noun.name);
            for operation in &noun.operations {
                let has_command = |block: &Block| match block {
                    Block::Code(code) => code.starts_with("curl "),
                    Block::Paragraph(_) => false,
                };
                assert!(operation.about.iter().any(has_command), "{}", operation.id);
                assert!(!operation.answers.is_empty(), "{}", operation.id);
                assert!(!operation.summary.is_empty(), "{}", operation.id);
                for answer in &operation.answers {
                    assert!(
                        !answer.about.is_empty(),
                        "{} {}",
                        operation.id,
                        answer.status
                    );
                }
                for field in &operation.parameters {
                    assert!(!field.kind.is_empty(), "{} {}", operation.id, field.name);
                }
            }
        }
    }

    #[test]
    fn shapes_that_are_named_are_shown() {
        let noun = |name: &str| {
            DOCUMENT
                .nouns
                .iter()
                .find(|noun| noun.name == name)
                .unwrap()
        };
        let names = |noun: &Noun| {
            let names = noun.shapes.iter().map(|shape| shape.name.clone());
            names.collect::<Vec<_>>()
        };
        assert!(names(noun("tokens")).contains(&"NewToken".to_owned()));
        assert_eq!(names(noun("log")), ["LogEntry"]);
        let tokens = noun("tokens");
        let create = tokens
            .operations
            .iter()
            .find(|one| one.method == "POST")
            .unwrap();
        assert!(!create.body.as_ref().unwrap().fields.is_empty());
        assert!(!create.scopes.is_empty());
    }
}
