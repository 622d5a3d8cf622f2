//! Outbound provisioning between two processes, with a network in between that loses answers, and `kill -9` of either side.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, patch},
    count, pause,
    place::{Place, Server, write},
};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The network between source and target: of every twenty requests one is answered 500, or carried out and its answer lost.
struct Network {
    address: SocketAddr,
    upstream: Arc<Mutex<SocketAddr>>,
    /// Every so many requests there is trouble; 0: never.
    trouble: Arc<AtomicUsize>,
    seen: Arc<AtomicU64>,
    /// Requests that change something.
    writes: Arc<AtomicU64>,
}

impl Network {
    fn new(upstream: SocketAddr, trouble: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let network = Self {
            address,
            upstream: Arc::new(Mutex::new(upstream)),
            trouble: Arc::new(AtomicUsize::new(trouble)),
            seen: Arc::default(),
            writes: Arc::default(),
        };
        let (upstream, trouble) = (network.upstream.clone(), network.trouble.clone());
        let (seen, writes) = (network.seen.clone(), network.writes.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (upstream, trouble) = (upstream.clone(), trouble.clone());
                let (seen, writes) = (seen.clone(), writes.clone());
                std::thread::spawn(move || {
                    // Whatever breaks ends the connection, as a network does.
                    let _ = pass_on(stream, &upstream, &trouble, &seen, &writes);
                });
            }
        });
        network
    }

    fn url(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    fn leads_to(&self, upstream: SocketAddr) {
        *self.upstream.lock().expect("no holder panics") = upstream;
    }

    fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }
}

fn pass_on(
    stream: TcpStream,
    upstream: &Mutex<SocketAddr>,
    trouble: &AtomicUsize,
    seen: &AtomicU64,
    writes: &AtomicU64,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut client = BufReader::new(stream);
    let mut server: Option<BufReader<TcpStream>> = None;
    loop {
        let request = message(&mut client)?;
        let n = seen.fetch_add(1, Relaxed) + 1;
        if !request.starts_with(b"GET") {
            writes.fetch_add(1, Relaxed);
        }
        let every = trouble.load(Relaxed) as u64;
        let is_bad = every > 0 && n.is_multiple_of(every);
        if is_bad && (n / every).is_multiple_of(2) {
            let busy = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
            client.get_mut().write_all(busy.as_bytes())?;
            continue;
        }
        if server.is_none() {
            let address = *upstream.lock().expect("no holder panics");
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            server = Some(BufReader::new(stream));
        }
        let upstream = server.as_mut().expect("it was just connected");
        upstream.get_mut().write_all(&request)?;
        let answer = message(upstream)?;
        if is_bad {
            // Carried out, and nobody hears of it.
            return Ok(());
        }
        client.get_mut().write_all(&answer)?;
    }
}

/// One request or answer, whole.
fn message(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut length, mut chunked) = (0, false);
    loop {
        let start = bytes.len();
        if stream.read_until(b'\n', &mut bytes)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length is a number");
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        if line == "\r\n" {
            break;
        }
    }
    let start = bytes.len();
    bytes.resize(start + length, 0);
    stream.read_exact(&mut bytes[start..])?;
    while chunked && !bytes[start..].ends_with(b"0\r\n\r\n") {
        if stream.read_until(b'\n', &mut bytes)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes)
}

/// A source, a target, and the network between them.
struct Bridge {
    source: Place,
    target: Place,
    there: Server,
    there_token: String,
    network: Network,
}

impl Bridge {
    fn new(trouble: usize, flags: &[&str]) -> Self {
        let (source, target) = (Place::new(), Place::new());
        let there_token = target.token();
        let there = target.serve();
        let network = Network::new(there.address, trouble);
        let bridge = Self {
            source,
            target,
            there,
            there_token,
            network,
        };
        let secret = bridge.source.path("token.txt");
        write(&secret, bridge.there_token.as_bytes());
        let (url, secret) = (bridge.network.url(), secret.display().to_string());
        let mut arguments = vec![
            "push",
            "target",
            "create",
            "--tenant",
            "acme",
            "--name",
            "crm",
            "--url",
            &url,
            "--secret-file",
            &secret,
            "--private",
            "on",
        ];
        arguments.extend(flags);
        bridge.source.cli(&arguments).ok();
        bridge
    }

    fn push(&self, arguments: &[&str]) -> crate::place::Done {
        let mut all = vec!["push"];
        all.extend(arguments);
        all.extend(["--tenant", "acme", "--json"]);
        self.source.cli(&all)
    }

    #[track_caller]
    fn sync(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["sync"];
        all.extend(arguments);
        serde_json::from_str(&self.push(&all).ok()).expect("sync --json prints an object")
    }

    fn there(&self) -> Client {
        self.there.client(&self.there_token)
    }

    fn log(&self) -> Vec<Value> {
        let lines = self.push(&["log", "--limit", "100000"]).ok();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect()
    }

    fn shown(&self) -> Value {
        serde_json::from_str(&self.push(&["target", "show"]).ok()).expect("an object")
    }
}

/// Every resource of an endpoint.
fn all(client: &mut Client, endpoint: &str) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let path = format!(
            "/scim/v2/{endpoint}?count=500&startIndex={}",
            found.len() + 1
        );
        let page = client.get(&path).expect(200).json();
        let resources = page["Resources"].as_array().cloned().unwrap_or_default();
        if resources.is_empty() {
            return found;
        }
        found.extend(resources);
    }
}

/// What both sides should agree on: users by the source's id, teams by theirs with the source's ids of their members.
type Directory = (
    BTreeMap<String, Value>,
    BTreeMap<String, (String, BTreeSet<String>)>,
);

/// The directory, by the source's ids: its own `id`, or `externalId` in the target. Nothing may be there twice.
#[track_caller]
fn directory(client: &mut Client, by: &str) -> Directory {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (mut users, mut names, mut known) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    for user in all(client, "Users") {
        assert!(
            names.insert(text(&user["userName"])),
            "{user} is there twice"
        );
        known.insert(text(&user["id"]), text(&user[by]));
        let facts = json!({
            "userName": user["userName"], "active": user["active"], "title": user["title"], "name": user["name"],
            "emails": user["emails"],
        });
        assert!(
            users.insert(text(&user[by]), facts).is_none(),
            "{user} is there twice"
        );
    }
    let mut teams = BTreeMap::new();
    for team in all(client, "Groups") {
        let members = team["members"].as_array().into_iter().flatten();
        let members = members
            .map(|member| known[&text(&member["value"])].clone())
            .collect();
        let before = teams.insert(text(&team[by]), (text(&team["displayName"]), members));
        assert!(before.is_none(), "{team} is there twice");
    }
    (users, teams)
}

/// Equal, where the inactive may be missing in the target: who was never active there is not created.
#[track_caller]
fn assert_equal(source: &Directory, target: &Directory) {
    for (id, user) in &source.0 {
        match target.0.get(id) {
            Some(there) if user["active"] == false => assert_eq!(there["active"], false, "{user}"),
            Some(there) => assert_eq!(there, user),
            None => assert_eq!(user["active"], false, "{user} is missing"),
        }
    }
    for (id, there) in &target.0 {
        assert!(
            source.0.contains_key(id) || there["active"] == false,
            "{there} should be gone"
        );
    }
    for (id, (name, members)) in &source.1 {
        let (there, theirs) = target
            .1
            .get(id)
            .unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(there, name);
        let expected: BTreeSet<String> = members
            .iter()
            .filter(|id| target.0.contains_key(*id))
            .cloned()
            .collect();
        assert_eq!(theirs, &expected, "members of {name}");
    }
    assert_eq!(source.1.len(), target.1.len());
}

fn user(n: usize) -> Value {
    json!({
        "schemas": [USER], "userName": format!("u{n}@acme.com"), "title": format!("title {n}"), "active": true,
        "name": { "givenName": "Given", "familyName": format!("Family{n}") },
        "emails": [{ "value": format!("u{n}@acme.com"), "type": "work", "primary": true }],
    })
}

/// Users, and teams of ten of them each.
fn fill(client: &mut Client, users: usize, teams: usize) -> (Vec<String>, Vec<String>) {
    let ids: Vec<String> = (0..users)
        .map(|n| {
            client
                .send("POST", "/scim/v2/Users", Some(&user(n)))
                .expect("it answers")
                .expect(201)
                .id()
        })
        .collect();
    let teams = (0..teams).map(|n| {
        let members: Vec<Value> = (0..10)
            .map(|m| json!({ "value": ids[(n * 7 + m) % ids.len()] }))
            .collect();
        let team =
            json!({ "schemas": [GROUP], "displayName": format!("team {n}"), "members": members });
        client
            .send("POST", "/scim/v2/Groups", Some(&team))
            .expect("it answers")
            .expect(201)
            .id()
    });
    let teams = teams.collect();
    (ids, teams)
}

#[test]
fn a_second_sync_sends_nothing_and_a_change_sends_itself() {
    let bridge = Bridge::new(0, &["--parallel", "4"]);
    let token = bridge.source.token();
    let here = bridge.source.serve();
    let mut scim = here.client(&token);
    let (users, teams) = fill(&mut scim, 20, 3);
    // Somebody the target knows already is linked, not created.
    bridge
        .there()
        .send(
            "POST",
            "/scim/v2/Users",
            Some(&json!({ "schemas": [USER], "userName": "U3@acme.com" })),
        )
        .unwrap()
        .expect(201);

    let preview = bridge.push(&["preview"]).ok();
    assert_eq!(preview.lines().count(), 20 + 2 * 3, "{preview}");
    assert_eq!(bridge.network.writes(), 0);
    let first = bridge.sync(&[]);
    assert_eq!(
        (&first["created"], &first["linked"], &first["failed"]),
        (&json!(22), &json!(1), &json!(0))
    );
    assert_equal(
        &directory(&mut scim, "id"),
        &directory(&mut bridge.there(), "externalId"),
    );

    let before = bridge.network.writes();
    let second = bridge.sync(&[]);
    assert_eq!(second["looked_at"], 0, "{second}");
    assert_eq!(bridge.network.writes(), before);
    assert_eq!(bridge.push(&["preview"]).ok(), "");

    // One of each: a change, a deactivation, a deletion, members, a rename, a team that goes.
    let path = |id: &str| format!("/scim/v2/Users/{id}");
    let change = patch(
        json!([{ "op": "replace", "path": "title", "value": "changed" }, { "op": "remove", "path": "name" }]),
    );
    scim.send("PATCH", &path(&users[1]), Some(&change))
        .unwrap()
        .expect(200);
    let leave = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
    scim.send("PATCH", &path(&users[2]), Some(&leave))
        .unwrap()
        .expect(204);
    scim.send("DELETE", &path(&users[4]), None)
        .unwrap()
        .expect(204);
    let members = patch(json!([
        { "op": "add", "path": "members", "value": [{ "value": users[19] }] },
        { "op": "remove", "path": format!("members[value eq \"{}\"]", users[0]) },
        { "op": "replace", "path": "displayName", "value": "renamed" },
    ]));
    scim.send(
        "PATCH",
        &format!("/scim/v2/Groups/{}", teams[0]),
        Some(&members),
    )
    .unwrap()
    .expect(204);
    scim.send("DELETE", &format!("/scim/v2/Groups/{}", teams[2]), None)
        .unwrap()
        .expect(204);
    let third = bridge.sync(&[]);
    assert_eq!(
        (&third["deactivated"], &third["deleted"], &third["failed"]),
        (&json!(2), &json!(1), &json!(0)),
        "{third}"
    );
    assert_equal(
        &directory(&mut scim, "id"),
        &directory(&mut bridge.there(), "externalId"),
    );
    let there = directory(&mut bridge.there(), "externalId").0;
    assert_eq!(
        there[&users[1]]["name"],
        Value::Null,
        "what was sent before is taken back"
    );

    let why = bridge.push(&["why", "u2@acme.com"]).ok();
    assert!(why.contains("made inactive in the target"), "{why}");
    let log = bridge.log();
    let told = |action: &str, name: &str| {
        log.iter()
            .any(|line| line["action"] == action && line["name"] == name)
    };
    assert!(
        told("create", "u1@acme.com")
            && told("link", "u3@acme.com")
            && told("update", "u1@acme.com")
    );
    assert!(told("deactivate", "u2@acme.com") && told("deactivate", "u4@acme.com"));
    assert!(
        !log.iter().any(|line| line.to_string().contains("changed")),
        "values do not stand in the log"
    );
    here.stop();
}

#[test]
fn what_others_change_in_the_target_is_repaired() {
    let bridge = Bridge::new(0, &[]);
    let token = bridge.source.token();
    let here = bridge.source.serve();
    let mut scim = here.client(&token);
    let (users, _) = fill(&mut scim, 12, 2);
    bridge.sync(&[]);
    let mut there = bridge.there();
    let theirs: BTreeMap<String, String> = all(&mut there, "Users")
        .iter()
        .map(|user| {
            (
                user["externalId"].as_str().unwrap().to_owned(),
                user["id"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let path = |id: &str| format!("/scim/v2/Users/{}", theirs[id]);
    let change = patch(json!([{ "op": "replace", "path": "title", "value": "by hand" }]));
    there
        .send("PATCH", &path(&users[0]), Some(&change))
        .unwrap()
        .expect(200);
    there
        .send("DELETE", &path(&users[1]), None)
        .unwrap()
        .expect(204);
    let team = all(&mut there, "Groups")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let members = patch(
        json!([{ "op": "add", "path": "members", "value": [{ "value": theirs[&users[11]] }] }]),
    );
    there
        .send("PATCH", &format!("/scim/v2/Groups/{team}"), Some(&members))
        .unwrap()
        .expect(204);

    assert_eq!(
        bridge.sync(&[])["looked_at"],
        0,
        "without a comparison nobody sees it"
    );
    let repaired = bridge.sync(&["--compare"]);
    assert!(repaired["drifted"].as_u64() >= Some(3), "{repaired}");
    // The one who was deleted there belongs into teams again.
    bridge.sync(&[]);
    assert_equal(
        &directory(&mut scim, "id"),
        &directory(&mut bridge.there(), "externalId"),
    );
    assert_eq!(bridge.sync(&["--compare"])["drifted"], 0);
    assert!(
        bridge
            .log()
            .iter()
            .any(|line| line["action"] == "drift"
                && line["detail"]["attributes"] == json!(["title"]))
    );
    here.stop();
}

#[test]
fn files_are_a_source_and_whoever_is_missing_in_them_leaves() {
    let bridge = Bridge::new(
        0,
        &[
            "--source",
            "files",
            "--deprovision",
            "delete",
            "--most-removals",
            "1",
        ],
    );
    let (users, teams) = (
        bridge.source.path("users.csv"),
        bridge.source.path("teams.csv"),
    );
    write(
        &users,
        b"userName,email,title\nlena,lena@acme.com,CEO\nmax,max@acme.com,\nkim,kim@acme.com,\n",
    );
    write(&teams, b"team,member\nSales,lena\nSales,max\n");
    let (users, teams) = (users.display().to_string(), teams.display().to_string());
    let csv = ["csv", "--users", &users, "--teams", &teams];
    let first: Value = serde_json::from_str(&bridge.push(&csv).ok()).unwrap();
    assert_eq!(
        (&first["created"], &first["members_added"]),
        (&json!(4), &json!(2)),
        "{first}"
    );
    // What the directory of the tenant has is no matter of theirs.
    let why = |whom: &str| -> Value {
        serde_json::from_str(&bridge.push(&["why", whom]).ok()).expect("an object")
    };
    let max = why("max");
    assert_eq!(
        (&max["kind"], &max["known"]["state"], &max["sentence"]),
        (
            &json!("user"),
            &json!("in step"),
            &json!("It is as the files said when they were last pushed.")
        )
    );
    assert_eq!(why("Sales")["kind"], "team");
    bridge
        .push(&["why", "nobody"])
        .refused(3, &["under \"nobody\"", "userName"]);
    write(
        users.as_ref(),
        b"userName,email,title\nlena,lena@acme.com,Chair\n",
    );
    write(teams.as_ref(), b"team,member\nSales,lena\n");
    // Two would go at once: a file that was cut short must not cost anybody access.
    bridge
        .push(&csv)
        .refused(1, &["2 users would lose their access", "--allow-removals"]);
    assert_eq!(all(&mut bridge.there(), "Users").len(), 3);
    let mut allowed = csv.to_vec();
    allowed.push("--allow-removals");
    let second: Value = serde_json::from_str(&bridge.push(&allowed).ok()).unwrap();
    assert_eq!(
        (&second["deleted"], &second["updated"]),
        (&json!(2), &json!(1)),
        "{second}"
    );
    let left = all(&mut bridge.there(), "Users");
    assert_eq!((left.len(), &left[0]["title"]), (1, &json!("Chair")));
    let max = why("max");
    assert_eq!(
        (&max["known"], &max["log"][0]["action"]),
        (&Value::Null, &json!("delete"))
    );
    let sentence = max["sentence"].as_str().unwrap_or_default();
    assert!(
        sentence.contains("the files that were pushed last do not have it"),
        "{max}"
    );
}

#[test]
fn credentials_and_addresses_are_guarded() {
    let bridge = Bridge::new(0, &[]);
    let key = bridge.source.path("provisor.key");
    let database = std::fs::read(bridge.source.database()).unwrap();
    let journal = std::fs::read(bridge.source.path("provisor.db-wal")).unwrap_or_default();
    let token = bridge.there_token.as_bytes();
    for bytes in [&database, &journal] {
        assert!(
            !bytes.windows(token.len()).any(|window| window == token),
            "the token stands in the database"
        );
    }
    bridge.push(&["test"]).ok();
    // Without its key the secret is none.
    std::fs::rename(&key, bridge.source.path("away.key")).unwrap();
    bridge.push(&["test"]).refused(1, &["no key file"]);
    std::fs::rename(bridge.source.path("away.key"), &key).unwrap();
    // A token that is not taken ends the run, and nobody is marked as failed.
    let wrong = bridge.source.path("wrong.txt");
    write(&wrong, b"pvr_scim_wrong");
    bridge
        .push(&[
            "target",
            "set",
            "--secret-file",
            &wrong.display().to_string(),
        ])
        .ok();
    bridge
        .push(&["test"])
        .refused(1, &["does not accept the credentials"]);
    bridge
        .push(&["sync"])
        .refused(1, &["does not accept the credentials"]);
    let url = bridge.network.url();
    bridge
        .push(&["target", "set", "--private", "off"])
        .refused(1, &["private address 127.0.0.1"]);
    let create = [
        "push", "target", "create", "--tenant", "acme", "--name", "other", "--url", &url,
    ];
    bridge.source.cli(&create).refused(1, &["private address"]);
}

/// Waits until nothing is to do any more.
#[track_caller]
fn settled(bridge: &Bridge, users: usize, teams: usize, patience: Duration) {
    let began = Instant::now();
    loop {
        let shown = bridge.shown();
        let none = json!({ "users": 0, "teams": 0 });
        let linked = shown["linked"]["users"].as_u64() >= Some(users as u64)
            && shown["linked"]["teams"].as_u64() >= Some(teams as u64);
        if linked && shown["due"] == none && shown["events_behind"] == 0 && shown["outcome"] == "ok"
        {
            return;
        }
        assert!(
            began.elapsed() < patience,
            "it does not come to an end: {shown}"
        );
        pause(Duration::from_millis(200));
    }
}

#[test]
fn kill_9_of_either_side_makes_no_doubles() {
    let (people, groups) = (count(300, 10_000), count(30, 500));
    let mut bridge = Bridge::new(20, &["--parallel", "16"]);
    let token = bridge.source.token();
    let mut here = bridge.source.serve();
    let (users, teams) = fill(&mut here.client(&token), people, groups);
    bridge.push(&["activate"]).ok();
    for round in 1..=3 {
        // Some way into the push.
        let enough = bridge.network.writes() + (people + groups) as u64 / 6;
        let began = Instant::now();
        while bridge.network.writes() < enough && began.elapsed() < Duration::from_secs(60) {
            pause(Duration::from_millis(5));
        }
        here.kill();
        pause(Duration::from_millis(20));
        here = bridge.source.serve();
        let enough = bridge.network.writes() + (people + groups) as u64 / 10;
        let began = Instant::now();
        while bridge.network.writes() < enough && began.elapsed() < Duration::from_secs(20) {
            pause(Duration::from_millis(5));
        }
        bridge.there.kill();
        // The source goes on changing while the target is away.
        let mut scim = here.client(&token);
        let title =
            patch(json!([{ "op": "replace", "path": "title", "value": format!("round {round}") }]));
        for user in users.iter().skip(round).step_by(25) {
            scim.send("PATCH", &format!("/scim/v2/Users/{user}"), Some(&title))
                .unwrap()
                .expect(200);
        }
        let leave = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
        scim.send(
            "PATCH",
            &format!("/scim/v2/Users/{}", users[round * 3]),
            Some(&leave),
        )
        .unwrap()
        .expect(204);
        scim.send(
            "DELETE",
            &format!("/scim/v2/Users/{}", users[round * 5 + 20]),
            None,
        )
        .unwrap()
        .expect(204);
        let member = patch(
            json!([{ "op": "add", "path": "members", "value": [{ "value": users[people - round] }] }]),
        );
        scim.send(
            "PATCH",
            &format!("/scim/v2/Groups/{}", teams[round]),
            Some(&member),
        )
        .unwrap()
        .expect(204);
        bridge.there = bridge.target.serve();
        bridge.network.leads_to(bridge.there.address);
    }
    settled(
        &bridge,
        people - 6,
        groups,
        Duration::from_secs(count(180, 900) as u64),
    );
    let source = directory(&mut here.client(&token), "id");
    let target = directory(&mut bridge.there(), "externalId");
    assert_equal(&source, &target);
    // The log accounts for everybody who is there: created, or found when the answer had been lost.
    let log = bridge.log();
    let came: BTreeSet<&str> = log
        .iter()
        .filter(|line| ["create", "link"].contains(&line["action"].as_str().unwrap_or_default()))
        .map(|line| line["id"].as_str().unwrap_or_default())
        .collect();
    for id in target.0.keys().chain(target.1.keys()) {
        assert!(
            came.contains(id.as_str()),
            "the log does not say how {id} came"
        );
    }
    here.stop();
    bridge.source.assert_sound();
}
