//! `/log/{request}`: one request with its answer, what it changed, and what it has to do with.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Cause, Event, RequestId,
    log::{self, Body, Entry, Kept, Whose},
};
use scim::{Value, datetime::format_millis};

use super::{
    super::{
        Action, Problem, called::Called, eyes::Eyes, fields::Fields, layout::Layout,
        moment::Moment, timeline::Piece, visit::Visit,
    },
    ask,
    lines::{self, Names},
    verb,
};

/// Events that are shown; a job in bulk makes thousands.
const EVENTS: usize = 20;
/// Related requests that are shown.
const RELATED: usize = 10;

#[derive(Template)]
#[template(path = "log/request.html")]
struct Page {
    layout: Layout,
    id: String,
    title: String,
    at: Moment,
    iso: String,
    status: u16,
    cause: Option<&'static str>,
    meaning: Option<&'static str>,
    detail: String,
    method: String,
    target: String,
    tenant: Option<(String, String)>,
    connection: Option<Piece>,
    token: Option<Piece>,
    client: String,
    address: String,
    took: String,
    resource: Option<Piece>,
    resource_id: String,
    tolerances: Vec<Forgiven>,
    changes: Vec<Changed>,
    more_events: bool,
    related: Vec<Related>,
    sent: Shown,
    answered: Shown,
    curl: String,
    curl_is_whole: bool,
    is_masked: bool,
}

/// A tolerance that fired.
struct Forgiven {
    name: &'static str,
    sentence: String,
    notes: Vec<String>,
}

/// An event with the difference it made.
struct Changed {
    kind: String,
    id: String,
    lines: Vec<Difference>,
}

/// A line of a difference.
struct Difference {
    /// `del` or `add`, as the style sheet has it.
    class: &'static str,
    sign: &'static str,
    text: String,
}

/// Another request about the same.
struct Related {
    link: String,
    clock: String,
    verb: &'static str,
    method: String,
    target: String,
    status: u16,
}

/// A body.
struct Shown {
    length: u64,
    text: String,
    /// Why it is not whole.
    note: String,
}

/// The request.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let missing = || Problem::missing("request in the sync log");
    let id: RequestId = visit.parameter("request").parse().map_err(|_| missing())?;
    let found = ask(&visit.console, move |reader| reader.entry(id)).await?;
    let logged = found.ok_or_else(missing)?;
    let is_seen = match logged.entry.tenant {
        Some(tenant) => visit.viewer.person.covers(tenant),
        None => visit.viewer.whose() == Whose::All,
    };
    if !is_seen {
        return Err(missing());
    }
    let eyes = Eyes::of(&visit.viewer);
    let is_masked = eyes.are_masked();
    let whole = logged.entry;
    let related = related(&visit, &whole, is_masked).await?;
    let mut snapshot = visit.read().await?;
    let mut names = Names::new(snapshot.as_mut());
    let tenant = names.tenant(whole.tenant).await?;
    let connection = names.connection(&whole).await?.cloned();
    let mut resource = None;
    if let (Some(tenant), Some(id)) = (&tenant, whole.resource) {
        let called = Called::read(snapshot.as_mut(), eyes, [(tenant, id)]).await?;
        resource = called.get(tenant.id, id).cloned();
    }
    let mut events = Vec::new();
    if let (Some(tenant), Some((first, last))) = (whole.tenant, whole.events) {
        let (found, _) = snapshot.events(tenant, first - 1, EVENTS).await?;
        let of_this = |event: &Event| event.seq <= last && event.request == id.to_string();
        events.extend(found.into_iter().filter(of_this));
    }
    let mut token = None;
    if let (Some(owner), Some(number), true) = (
        whole.tenant,
        whole.token,
        visit.viewer.may(Action::SeeTokens),
    ) {
        let known = snapshot.tokens(owner).await?;
        let known = known.into_iter().find(|token| token.id == number);
        token = known.map(|known| Piece {
            text: format!("“{}” …{} (tok_{number})", known.purpose, known.last4),
            link: tenant.as_ref().map(|tenant| {
                let filter = known.revoked.map_or("", |_| "revoked");
                let query = Fields::default().set("tenant", &tenant.key);
                let query = query.with("filter", filter);
                format!("/tokens?{query}#tok_{number}")
            }),
        });
    }
    drop(snapshot);
    let (curl, curl_is_whole) = {
        let entry = if is_masked {
            whole.clone().masked()
        } else {
            whole.clone()
        };
        curl(&visit.channel.origin, &entry)
    };
    let more_events = whole
        .events
        .is_some_and(|(first, last)| last - first >= EVENTS as i64);
    let entry = if is_masked { whole.masked() } else { whole };
    let outcome = if entry.status >= 400 {
        "was refused"
    } else {
        "was answered"
    };
    let subject = lines::who(&entry)
        .or(resource.as_ref().map(|named| named.name.clone()))
        .unwrap_or_else(|| lines::noun(&entry).to_owned());
    let connection = connection.map(|connection| Piece {
        link: tenant
            .as_ref()
            .map(|tenant| format!("/connections/{}/{}", tenant.key, connection.id)),
        text: connection.name,
    });
    visit.page(&Page {
        layout: visit.layout("Request", tenant.as_ref()),
        id: id.to_string(),
        title: format!("{} {subject} {outcome}", verb(entry.operation)).replace("  ", " "),
        at: Moment::new(entry.at, visit.now()),
        iso: format_millis(entry.at),
        status: entry.status,
        cause: entry.cause.map(Cause::as_str),
        meaning: entry.cause.map(Cause::meaning),
        method: entry.method.clone(),
        target: lines::readable(&entry),
        tenant: tenant.map(|tenant| (tenant.key, tenant.name)),
        connection,
        token,
        client: entry.client.clone(),
        address: entry.address.map(|at| at.to_string()).unwrap_or_default(),
        took: lines::took(entry.duration_us),
        resource: resource.map(|named| Piece {
            text: named.name,
            link: named.link,
        }),
        resource_id: entry.resource.map(|id| id.to_string()).unwrap_or_default(),
        tolerances: forgiven(&entry),
        changes: events
            .iter()
            .map(|event| changed(event, is_masked))
            .collect(),
        more_events,
        related,
        sent: shown(&entry.request_body),
        answered: shown(&entry.response_body),
        curl,
        curl_is_whole,
        is_masked,
        detail: entry.detail,
    })
}

fn forgiven(entry: &Entry) -> Vec<Forgiven> {
    let fired = &entry.fired;
    let named = fired.set.iter().map(|tolerance| Forgiven {
        name: tolerance.as_str(),
        sentence: tolerance.description().trim().replace('`', ""),
        notes: fired
            .notes
            .iter()
            .filter(|(of, _)| *of == tolerance)
            .map(|(_, note)| note.clone())
            .collect(),
    });
    named.collect()
}

/// Other requests that name the same user or team, by its id or by its name, newest first.
async fn related(visit: &Visit, entry: &Entry, is_masked: bool) -> Result<Vec<Related>, Problem> {
    let Some(tenant) = entry.tenant else {
        return Ok(Vec::new());
    };
    let mut names: Vec<String> = lines::who(entry).into_iter().collect();
    if let Some(id) = entry.resource {
        names.push(id.to_string());
        let mut events = visit.read().await?.events_of(tenant, id, 1).await?;
        let document = events.pop().and_then(|event| event.document);
        names.extend(document.as_ref().and_then(lines::name_in));
    }
    let found = ask(&visit.console, move |reader| {
        let mut found = Vec::new();
        for name in &names {
            found.extend(reader.by_name(tenant, name, RELATED + 1)?);
        }
        found.sort_unstable_by_key(|logged| std::cmp::Reverse(logged.place()));
        found.dedup_by_key(|logged| logged.id);
        Ok(found)
    })
    .await?;
    let others = found.into_iter().map(|logged| logged.entry);
    let others = others.filter(|other| other.request != entry.request);
    let rows = others.take(RELATED).map(|other| {
        let other = if is_masked { other.masked() } else { other };
        Related {
            link: format!("/log/{}", other.request),
            clock: lines::clock(other.at, visit.now()),
            verb: verb(other.operation),
            target: lines::readable(&other),
            method: other.method,
            status: other.status,
        }
    });
    Ok(rows.collect())
}

/// JSON as people read it.
fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn shown(body: &Body) -> Shown {
    let text = match serde_json::from_slice::<Value>(body.bytes()) {
        Ok(value) => pretty(&value),
        Err(_) => String::from_utf8_lossy(body.bytes()).into_owned(),
    };
    let note = match body.kept() {
        Kept::Nothing => "There was none.",
        Kept::Whole => "",
        Kept::Cut => "Only its beginning was kept (setting sync_log.max_body).",
        Kept::NotJson => {
            "It is not JSON, so secrets in it could not be told apart: only length and hash were kept."
        }
        Kept::Expired => "It was kept for its time (setting sync_log.keep_bodies) and is gone.",
        Kept::Erased => "It held a person who was erased.",
    };
    Shown {
        length: body.length(),
        text,
        note: note.to_owned(),
    }
}

/// What an event changed: each attribute as it was and as it is.
fn changed(event: &Event, is_masked: bool) -> Changed {
    let mut lines = Vec::new();
    let mut line = |is_new: bool, name: &str, value: &Value| {
        let (class, sign) = if is_new { ("add", "+") } else { ("del", "-") };
        let mut pair = serde_json::Map::new();
        pair.insert(name.to_owned(), value.clone());
        let json = Value::Object(pair).to_string();
        let json = if is_masked {
            String::from_utf8_lossy(&log::mask_json(json.as_bytes())).into_owned()
        } else {
            json
        };
        let text = json
            .strip_prefix('{')
            .and_then(|json| json.strip_suffix('}'))
            .unwrap_or(&json);
        lines.push(Difference {
            class,
            sign,
            text: text.to_owned(),
        });
    };
    let list = |name: &str| event.detail[name].as_array().into_iter().flatten();
    let document = event.document.as_ref();
    for name in list("changed").filter_map(Value::as_str) {
        match &event.detail["previous"][name] {
            Value::Null => {}
            before => line(false, name, before),
        }
        if let Some(after) = document.and_then(|document| attribute(document, name)) {
            line(true, name, after);
        }
    }
    for (name, is_new) in [("removed", false), ("added", true)] {
        for member in list(name) {
            line(is_new, "members", member);
        }
    }
    Changed {
        kind: event.type_name(),
        id: event.id(),
        lines,
    }
}

/// The attribute with this name, also below another or in an extension: `name.givenName`.
fn attribute<'d>(document: &'d Value, name: &str) -> Option<&'d Value> {
    if let Some(whole) = document.get(name) {
        return Some(whole);
    }
    let (outer, inner) = name.rsplit_once(['.', ':'])?;
    attribute(document, outer)?.get(inner)
}

/// The request as a command, and whether the body is whole.
fn curl(origin: &str, entry: &Entry) -> (String, bool) {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut command = format!(
        "curl -X {} {} \\\n  -H \"Authorization: Bearer $TOKEN\"",
        entry.method,
        quoted(&format!("{origin}{}", lines::target(entry)))
    );
    let body = &entry.request_body;
    if !body.bytes().is_empty() {
        command.push_str(" \\\n  -H 'Content-Type: application/scim+json' \\\n  --data-raw ");
        command.push_str(&quoted(&String::from_utf8_lossy(body.bytes())));
    }
    (command, matches!(body.kept(), Kept::Whole | Kept::Nothing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use provisor_store::log::Operation;

    #[test]
    fn commands_cannot_break_out_of_their_quotes() {
        let entry = Entry {
            method: "POST".into(),
            path: "/scim/v2/Users".into(),
            query: "a='; rm -rf /".into(),
            request_body: Body::new(br#"{"userName": "o'hara"}"#, 100),
            ..Entry::new(RequestId::random(), 0, Operation::Create, 201)
        };
        let (command, is_whole) = curl("https://scim.example.com", &entry);
        assert!(is_whole);
        assert_eq!(
            command,
            "curl -X POST 'https://scim.example.com/scim/v2/Users?a='\\''; rm -rf /' \\\n  \
             -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/scim+json' \\\n  \
             --data-raw '{\"userName\": \"o'\\''hara\"}'"
        );
    }

    #[test]
    fn attributes_are_found_below_others() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let document = serde_json::json!({ "name": { "givenName": "Lena" }, urn: { "department": "Support" } });
        for (name, value) in [
            ("name.givenName", "Lena"),
            (&format!("{urn}:department"), "Support"),
        ] {
            assert_eq!(attribute(&document, name).unwrap(), value);
        }
        assert_eq!(attribute(&document, "title"), None);
    }
}
