// scim-drive: closed-loop SCIM load driver. One HTTP/1.1 keep-alive connection per worker,
// single-threaded runtime (pin it with taskset), HDR histogram, every response checked.
use bytes::Bytes;
use clap::Parser;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::{json, Value};
use std::cell::{Cell, RefCell};
use std::fs;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[derive(Parser, Clone)]
struct Opt {
    /// base url, e.g. http://127.0.0.1:4567/v2
    #[arg(long)]
    base: String,
    #[arg(long, default_value = "tok")]
    token: String,
    #[arg(long, default_value_t = 8)]
    conns: usize,
    #[arg(long, default_value_t = 1.0)]
    secs: f64,
    /// stop after this many operations (0 = until secs)
    #[arg(long, default_value_t = 0)]
    max_ops: usize,
    /// state file prefix: PREFIX.users / PREFIX.groups
    #[arg(long, default_value = "/tmp/scim-drive")]
    state: String,
    /// number of members of the group for group-* workloads
    #[arg(long, default_value_t = 100)]
    m: usize,
    /// size of one PATCH when building a group
    #[arg(long, default_value_t = 500)]
    chunk: usize,
    #[arg(long, default_value = "emails.value")]
    email_attr: String,
    #[arg(long, default_value = "title")]
    co_attr: String,
    #[arg(long, default_value = "application/scim+json")]
    ct: String,
    #[arg(long, default_value_t = 120.0)]
    timeout: f64,
    #[arg(long, default_value_t = 1000)]
    bulk: usize,
    /// group-remove style: path (members[value eq "id"]) or value (path members + value list, as Entra ID sends)
    #[arg(long, default_value = "path")]
    remove: String,
    /// list-walk: which third of the pages (0, 1, 2)
    #[arg(long, default_value_t = 0)]
    third: u64,
    workload: String,
}

#[derive(Clone)]
struct U {
    id: String,
    n: u64,
}

fn user_body(n: u64) -> Value {
    json!({
      "schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
      "externalId": format!("00u{n:012}"),
      "userName": format!("user{n}@corp.example.com"),
      "name":{"givenName":format!("Given{n}"),"familyName":format!("Family{n}"),"formatted":format!("Given{n} Family{n}")},
      "displayName": format!("Given{n} Family{n}"),
      "title": format!("Engineer T{n}X"),
      "locale":"en-US","timezone":"America/Los_Angeles",
      "active": true,
      "emails":[{"value":format!("user{n}@corp.example.com"),"type":"work","primary":true}],
      "phoneNumbers":[{"value":format!("+1-555-{:07}",n%10000000),"type":"work"}],
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":format!("{n}"),"department":"Engineering","organization":"Corp","costCenter":"CC-100"}
    })
}

struct Client {
    walk: u64,
    host: String,
    auth: String,
    sr: Option<SendRequest<Full<Bytes>>>,
    ct: String,
    timeout: Duration,
    path: String,
}
impl Client {
    fn new(o: &Opt) -> Client {
        let rest = o.base.strip_prefix("http://").expect("http:// only");
        let (host, path) = match rest.find('/') {
            Some(i) => (&rest[..i], &rest[i..]),
            None => (rest, ""),
        };
        Client {
            walk: 0,
            host: host.into(),
            auth: format!("Bearer {}", o.token),
            sr: None,
            ct: o.ct.clone(),
            timeout: Duration::from_secs_f64(o.timeout),
            path: path.trim_end_matches('/').into(),
        }
    }
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<(u16, Bytes), String> {
        let t = self.timeout;
        match tokio::time::timeout(t, self.call_inner(method, path, body)).await {
            Ok(r) => {
                if r.is_err() {
                    self.sr = None
                }
                r
            }
            Err(_) => {
                self.sr = None;
                Err("timeout".into())
            }
        }
    }
    async fn call_inner(
        &mut self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<(u16, Bytes), String> {
        let body: Bytes = body.map(Bytes::from).unwrap_or_default();
        for attempt in 0..2 {
            if self.sr.as_ref().map(|s| s.is_closed()).unwrap_or(true) {
                let s = tokio::net::TcpStream::connect(&self.host)
                    .await
                    .map_err(|e| format!("connect {e}"))?;
                s.set_nodelay(true).ok();
                let (sr, conn) = hyper::client::conn::http1::handshake(TokioIo::new(s))
                    .await
                    .map_err(|e| e.to_string())?;
                tokio::task::spawn_local(async move {
                    let _ = conn.await;
                });
                self.sr = Some(sr);
            }
            let sr = self.sr.as_mut().unwrap();
            if sr.ready().await.is_err() {
                self.sr = None;
                if attempt == 0 {
                    continue;
                } else {
                    return Err("not ready".into());
                }
            }
            let mut rb = hyper::Request::builder()
                .method(method)
                .uri(format!("{}{}", self.path, path))
                .header("host", &self.host)
                .header("authorization", &self.auth)
                .header("accept", "application/scim+json");
            if !body.is_empty() {
                rb = rb.header("content-type", &self.ct);
            }
            let req = rb
                .body(Full::new(body.clone()))
                .map_err(|e| e.to_string())?;
            match sr.send_request(req).await {
                Ok(resp) => {
                    let st = resp.status().as_u16();
                    let b = resp
                        .into_body()
                        .collect()
                        .await
                        .map_err(|e| e.to_string())?
                        .to_bytes();
                    return Ok((st, b));
                }
                Err(e) => {
                    self.sr = None;
                    if attempt == 1
                        || !(e.is_canceled() || e.is_closed() || e.is_incomplete_message())
                    {
                        return Err(e.to_string());
                    }
                }
            }
        }
        Err("retries".into())
    }
}

fn enc(s: &str) -> String {
    let mut o = String::new();
    for b in s.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            o.push(b as char)
        } else {
            o.push_str(&format!("%{b:02X}"))
        }
    }
    o
}
fn err(what: &str, st: u16, b: &[u8]) -> String {
    format!(
        "{what}: HTTP {st} {}",
        String::from_utf8_lossy(&b[..b.len().min(200)])
    )
}
fn parse(b: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(b).map_err(|e| format!("bad json {e}"))
}
fn count(b: &[u8], pat: &str) -> usize {
    memchr::memmem::find_iter(b, pat).count()
}

struct Ctx {
    o: Opt,
    users: Vec<U>,
    group: String,
    m: usize,
    next: Cell<u64>,
    seq: Cell<u64>,
    created: RefCell<Vec<U>>,
    limit: Cell<usize>,
    bytes: Cell<u64>,
    last_err: RefCell<Option<String>>,
    total_users: Cell<u64>,
    list_len: Cell<u64>,
    list_total: Cell<u64>,
}

fn rnd(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB);
    z ^ (z >> 31)
}

async fn create_user(c: &mut Client, x: &Ctx, n: u64) -> Result<U, String> {
    let b = user_body(n);
    let (st, r) = c.call("POST", "/Users", Some(b.to_string())).await?;
    if st != 201 {
        return Err(err("create", st, &r));
    }
    let v = parse(&r)?;
    if v["userName"] != b["userName"] {
        return Err("create: userName mismatch".into());
    }
    let id = match &v["id"] {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => return Err("create: no id".into()),
    };
    let u = U { id, n };
    x.created.borrow_mut().push(u.clone());
    Ok(u)
}
async fn filter_one(
    c: &mut Client,
    x: &Ctx,
    attr: &str,
    op: &str,
    val: &str,
    n: u64,
) -> Result<Option<U>, String> {
    let f = enc(&format!("{attr} {op} \"{val}\""));
    let (st, r) = c
        .call(
            "GET",
            &format!("/Users?filter={f}&startIndex=1&count=100"),
            None,
        )
        .await?;
    x.bytes.set(x.bytes.get() + r.len() as u64);
    if st != 200 {
        return Err(err("filter", st, &r));
    }
    let v = parse(&r)?;
    let t = v["totalResults"].as_u64().ok_or("no totalResults")?;
    if t == 0 {
        return Ok(None);
    }
    if t != 1 {
        return Err(format!("filter: totalResults {t} want 1"));
    }
    if v["Resources"][0]["userName"] != json!(format!("user{n}@corp.example.com")) {
        return Err("filter: wrong user".into());
    }
    let id = match &v["Resources"][0]["id"] {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    };
    Ok(Some(U { id, n }))
}
async fn patch_group(c: &mut Client, gid: &str, op: Value) -> Result<(), String> {
    let b = json!({"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[op]})
        .to_string();
    let (st, r) = c.call("PATCH", &format!("/Groups/{gid}"), Some(b)).await?;
    if st != 200 && st != 204 {
        return Err(err("patch group", st, &r));
    }
    Ok(())
}
fn members(us: &[U]) -> Value {
    Value::Array(us.iter().map(|u| json!({"value":u.id})).collect())
}

async fn op(c: &mut Client, x: &Ctx, i: u64) -> Result<(), String> {
    let us = &x.users;
    let pick = || &us[(rnd(i.wrapping_mul(0x9E37) ^ x.seq.get()) % us.len() as u64) as usize];
    match x.o.workload.as_str() {
        "hello" => {
            let (st, r) = c.call("GET", "/", None).await?;
            if st != 200 || r.len() < 500 {
                return Err(err("hello", st, &r));
            }
            Ok(())
        }
        "kv-get" => {
            let k = rnd(i) % x.o.m as u64;
            let (st, r) = c.call("GET", &format!("/u/{k}"), None).await?;
            if st != 200 || count(&r, &format!("\"user{k}@")) == 0 {
                return Err(err("kv", st, &r));
            }
            Ok(())
        }
        "kv-put" => {
            let n = x.next.get();
            x.next.set(n + 1);
            let (st, r) = c.call("POST", "/u", Some(user_body(n).to_string())).await?;
            if st != 201 {
                return Err(err("kvput", st, &r));
            }
            Ok(())
        }
        "create-users" => {
            let n = x.next.get();
            x.next.set(n + 1);
            create_user(c, x, n).await.map(|_| ())
        }
        "get-user" => {
            let u = pick();
            let (st, r) = c.call("GET", &format!("/Users/{}", u.id), None).await?;
            if st != 200 {
                return Err(err("get", st, &r));
            }
            let v = parse(&r)?;
            if v["userName"] != json!(format!("user{}@corp.example.com", u.n)) {
                return Err("get: wrong user".into());
            }
            Ok(())
        }
        "filter-username" => {
            let u = pick();
            filter_one(
                c,
                x,
                "userName",
                "eq",
                &format!("user{}@corp.example.com", u.n),
                u.n,
            )
            .await?
            .map(|_| ())
            .ok_or("not found".into())
        }
        "filter-username-miss" => {
            match filter_one(
                c,
                x,
                "userName",
                "eq",
                &format!("nobody{i}@corp.example.com"),
                0,
            )
            .await?
            {
                None => Ok(()),
                _ => Err("found?".into()),
            }
        }
        "filter-email" => {
            let u = pick();
            filter_one(
                c,
                x,
                &x.o.email_attr,
                "eq",
                &format!("user{}@corp.example.com", u.n),
                u.n,
            )
            .await?
            .map(|_| ())
            .ok_or("not found".into())
        }
        "filter-co" => {
            let u = pick();
            filter_one(c, x, &x.o.co_attr, "co", &format!("T{}X", u.n), u.n)
                .await?
                .map(|_| ())
                .ok_or("not found".into())
        }
        // list-first: page 1; list-middle / list-deep: a random page of the middle / last third; list-walk: each worker goes on from page to page (--third 0|1|2)
        "list-first" | "list-middle" | "list-deep" | "list-walk" => {
            let t = x.total_users.get().max(us.len() as u64);
            let third = (t / 3).max(1);
            let s = match x.o.workload.as_str() {
                "list-first" => 1,
                "list-middle" => third + rnd(i ^ x.seq.get()) % third,
                "list-deep" => 2 * third + rnd(i ^ x.seq.get()) % third.saturating_sub(100).max(1),
                _ => {
                    let lo = x.o.third * third;
                    if c.walk < lo + 1 || c.walk > lo + third.saturating_sub(100).max(1) {
                        c.walk = lo + 1 + rnd(i ^ x.seq.get()) % (third / 2).max(1)
                    }
                    let s = c.walk;
                    c.walk += 100;
                    s
                }
            };
            let (st, r) = c
                .call("GET", &format!("/Users?startIndex={s}&count=100"), None)
                .await?;
            x.bytes.set(x.bytes.get() + r.len() as u64);
            if st != 200 {
                return Err(err("list", st, &r));
            }
            let l = count(&r, "\"userName\"");
            x.list_len.set(l as u64);
            x.list_total.set(t);
            if l == 0 {
                return Err(format!("list: no resources at startIndex {s} of {t}"));
            }
            Ok(())
        }
        "patch-active" => {
            let u = pick();
            let b = json!({"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":i%2==1,"title":format!("P{:x}-{i}", x.seq.get())}}]});
            let (st, r) = c
                .call("PATCH", &format!("/Users/{}", u.id), Some(b.to_string()))
                .await?;
            if st == 204 {
                return Ok(());
            }
            if st != 200 {
                return Err(err("patch", st, &r));
            }
            let v = parse(&r)?;
            if v["active"] != json!(i % 2 == 1) {
                return Err("patch: active not applied".into());
            }
            Ok(())
        }
        "put-user" => {
            let u = pick();
            let mut b = user_body(u.n);
            b["id"] = json!(u.id);
            b["displayName"] = json!(format!("D{:x}-{i}", x.seq.get()));
            let (st, r) = c
                .call("PUT", &format!("/Users/{}", u.id), Some(b.to_string()))
                .await?;
            if st != 200 {
                return Err(err("put", st, &r));
            }
            let v = parse(&r)?;
            if v["userName"] != b["userName"] {
                return Err("put: wrong user".into());
            }
            Ok(())
        }
        "group-add" => {
            let u = &us[x.m + i as usize];
            patch_group(
                c,
                &x.group,
                json!({"op":"add","path":"members","value":[{"value":u.id}]}),
            )
            .await
        }
        "group-remove" if x.o.remove == "value" => {
            let u = &us[x.m + i as usize];
            patch_group(
                c,
                &x.group,
                json!({"op":"remove","path":"members","value":[{"value":u.id}]}),
            )
            .await
        }
        "group-remove" => {
            let u = &us[x.m + i as usize];
            patch_group(
                c,
                &x.group,
                json!({"op":"remove","path":format!("members[value eq \"{}\"]", u.id)}),
            )
            .await
        }
        "group-get" | "group-get-nomembers" => {
            let ex = x.o.workload == "group-get-nomembers";
            let (st, r) = c
                .call(
                    "GET",
                    &format!(
                        "/Groups/{}{}",
                        x.group,
                        if ex {
                            "?excludedAttributes=members"
                        } else {
                            ""
                        }
                    ),
                    None,
                )
                .await?;
            x.bytes.set(x.bytes.get() + r.len() as u64);
            if st != 200 {
                return Err(err("group get", st, &r));
            }
            let k = if r.len() < 300_000 {
                parse(&r)?["members"]
                    .as_array()
                    .map(|a| a.len())
                    .unwrap_or(0)
            } else {
                count(&r, "\"value\"")
            };
            if ex && k != 0 {
                return Err(format!("excludedAttributes ignored: {k} members returned"));
            }
            if !ex && k < x.m {
                return Err(format!("group get: {k} members, want {}", x.m));
            }
            if count(&r, "\"displayName\"") == 0 {
                return Err("no displayName".into());
            }
            Ok(())
        }
        // what an Okta custom app sends for one membership change: GET the team, PUT it back whole with one member more or less
        "group-put" => {
            let (st, r) = c.call("GET", &format!("/Groups/{}", x.group), None).await?;
            if st != 200 {
                return Err(err("group get", st, &r));
            }
            let mut v = parse(&r)?;
            let u = &us[x.m + (i as usize % (us.len() - x.m).max(1))];
            let ms = v["members"].as_array_mut().ok_or("no members")?;
            if let Some(p) = ms.iter().position(|m| m["value"] == json!(u.id)) {
                ms.swap_remove(p);
            } else {
                ms.push(json!({"value": u.id}));
            }
            let (st, r) = c
                .call("PUT", &format!("/Groups/{}", x.group), Some(v.to_string()))
                .await?;
            if st != 200 && st != 204 {
                return Err(err("group put", st, &r));
            }
            Ok(())
        }
        "okta-mix" => {
            let n = x.next.get();
            x.next.set(n + 1);
            let name = format!("user{n}@corp.example.com");
            if filter_one(c, x, "userName", "eq", &name, n)
                .await?
                .is_some()
            {
                return Err("already there".into());
            }
            let u = create_user(c, x, n).await?;
            patch_group(
                c,
                &x.group,
                json!({"op":"add","path":"members","value":[{"value":u.id}]}),
            )
            .await
        }
        "bulk" => {
            let k = x.o.bulk as u64;
            let n0 = x.next.get();
            x.next.set(n0 + k);
            let ops: Vec<Value> = (0..k).map(|j| json!({"method":"POST","path":"/Users","bulkId":format!("b{j}"),"data":user_body(n0 + j)})).collect();
            let b = json!({"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":1,"Operations":ops}).to_string();
            let (st, r) = c.call("POST", "/Bulk", Some(b)).await?;
            if st != 200 {
                return Err(err("bulk", st, &r));
            }
            let v = parse(&r)?;
            let ok = v["Operations"]
                .as_array()
                .map(|a| {
                    a.iter()
                        .filter(|o| {
                            o["status"] == "201"
                                || o["status"]["code"] == "201"
                                || o["status"] == 201
                        })
                        .count()
                })
                .unwrap_or(0);
            if ok as u64 != k {
                return Err(format!(
                    "bulk: {ok} of {k} ops 201; first {}",
                    v["Operations"][0]
                ));
            }
            Ok(())
        }
        w => Err(format!("unknown workload {w}")),
    }
}

fn load(path: &str) -> Vec<U> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter_map(|l| {
            let mut p = l.split('\t');
            Some(U {
                id: p.next()?.into(),
                n: p.next()?.parse().ok()?,
            })
        })
        .collect()
}

fn main() {
    let o = Opt::parse();
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ls = tokio::task::LocalSet::new();
    rt.block_on(ls.run_until(run(o)));
}

async fn run(o: Opt) {
    let ufile = format!("{}.users", o.state);
    let gfile = format!("{}.groups", o.state);
    let nfile = format!("{}.next", o.state);
    let users = load(&ufile);
    let next: u64 = fs::read_to_string(&nfile)
        .ok()
        .and_then(|s| s.trim().parse().ok())
        .unwrap_or(0);
    let groups: Vec<U> = load(&gfile);
    let mut c0 = Client::new(&o);

    if o.workload == "make-group" {
        let t = Instant::now();
        let b = json!({"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":format!("Group {}", o.m)}).to_string();
        let r: Result<String, String> = async {
            let (st, r) = c0.call("POST", "/Groups", Some(b)).await?;
            if st != 201 {
                return Err(err("create group", st, &r));
            }
            let v = parse(&r)?;
            let id = match &v["id"] {
                Value::String(s) => s.clone(),
                Value::Number(n) => n.to_string(),
                _ => return Err("no id".into()),
            };
            for ch in users[..o.m.min(users.len())].chunks(o.chunk) {
                patch_group(
                    &mut c0,
                    &id,
                    json!({"op":"add","path":"members","value":members(ch)}),
                )
                .await?;
                if t.elapsed().as_secs_f64() > o.timeout {
                    return Err(format!("building the group took more than {} s", o.timeout));
                }
            }
            Ok(id)
        }
        .await;
        match r {
            Ok(id) => {
                writeln!(
                    fs::OpenOptions::new()
                        .create(true)
                        .append(true)
                        .open(&gfile)
                        .unwrap(),
                    "{id}\t{}",
                    o.m
                )
                .unwrap();
                println!(
                    "{}",
                    json!({"workload":"make-group","m":o.m,"chunk":o.chunk,"n":1,"errors":0,"secs":t.elapsed().as_secs_f64()})
                );
            }
            Err(e) => println!(
                "{}",
                json!({"workload":"make-group","m":o.m,"n":0,"errors":1,"error":e,"secs":t.elapsed().as_secs_f64()})
            ),
        }
        return;
    }
    let grouped = o.workload.starts_with("group-") || o.workload == "okta-mix";
    let group = groups
        .iter()
        .rev()
        .find(|g| g.n as usize == o.m)
        .map(|g| g.id.clone())
        .unwrap_or_default();
    if grouped && group.is_empty() {
        println!(
            "{}",
            json!({"workload":o.workload,"m":o.m,"n":0,"errors":1,"error":"no such group in state"})
        );
        return;
    }
    let needs = !(o.workload == "create-users"
        || o.workload == "bulk"
        || o.workload == "hello"
        || o.workload.starts_with("kv"));
    if needs && users.is_empty() {
        println!(
            "{}",
            json!({"workload":o.workload,"n":0,"errors":1,"error":"no users in state"})
        );
        return;
    }
    let mut limit = if o.max_ops > 0 { o.max_ops } else { usize::MAX };
    if o.workload == "group-add" {
        limit = limit.min(users.len().saturating_sub(o.m));
    }
    if o.workload == "group-remove" {
        let added: usize = fs::read_to_string(format!("{}.added.{}", o.state, o.m))
            .ok()
            .and_then(|s| s.trim().parse().ok())
            .unwrap_or(0);
        limit = limit.min(added);
    }
    let seq = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    let total = {
        let mut t = 0;
        if o.workload.starts_with("list-") {
            if let Ok((200, r)) = c0.call("GET", "/Users?startIndex=1&count=1", None).await {
                t = parse(&r)
                    .ok()
                    .and_then(|v| v["totalResults"].as_u64())
                    .unwrap_or(0)
            }
        }
        t
    };
    let m = o.m;
    let x = Rc::new(Ctx {
        o: o.clone(),
        users,
        group: group.clone(),
        m,
        next: Cell::new(next),
        seq: Cell::new(seq),
        created: Default::default(),
        limit: Cell::new(limit),
        bytes: Cell::new(0),
        last_err: Default::default(),
        total_users: Cell::new(total),
        list_len: Cell::new(0),
        list_total: Cell::new(0),
    });
    let start = Instant::now();
    let deadline = start + Duration::from_secs_f64(o.secs);
    let use_deadline = o.secs < 3600.0 && o.workload != "group-remove"; // with --max-ops: whichever comes first
    let ctr = Rc::new(Cell::new(0u64));
    let h = Rc::new(RefCell::new(
        Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap(),
    ));
    let errs = Rc::new(Cell::new(0u64));
    let mut hs = vec![];
    for _ in 0..o.conns {
        let (x, ctr, h, errs, o) = (x.clone(), ctr.clone(), h.clone(), errs.clone(), o.clone());
        hs.push(tokio::task::spawn_local(async move {
            let mut c = Client::new(&o);
            loop {
                let i = ctr.get();
                if i as usize >= x.limit.get()
                    || (use_deadline && Instant::now() >= deadline)
                    || errs.get() > 50 + h.borrow().len() / 10
                {
                    break;
                }
                ctr.set(i + 1);
                let t = Instant::now();
                match op(&mut c, &x, i).await {
                    Ok(()) => {
                        h.borrow_mut().record(t.elapsed().as_micros() as u64).ok();
                    }
                    Err(e) => {
                        errs.set(errs.get() + 1);
                        *x.last_err.borrow_mut() = Some(e);
                    }
                }
            }
        }));
    }
    for j in hs {
        j.await.ok();
    }
    let el = start.elapsed().as_secs_f64();
    let h = h.borrow();
    let mut out = json!({"workload":o.workload,"n":h.len(),"errors":errs.get(),"secs":el,"rps":h.len() as f64/el,
        "p50_ms":h.value_at_quantile(0.5) as f64/1e3,"p99_ms":h.value_at_quantile(0.99) as f64/1e3,"max_ms":h.max() as f64/1e3,"conns":o.conns});
    if grouped {
        out["m"] = json!(m);
    }
    if x.list_len.get() > 0 {
        out["list_len"] = json!(x.list_len.get());
        out["list_total"] = json!(x.list_total.get());
    }
    if let Some(e) = x.last_err.borrow().as_ref() {
        out["error"] = json!(e);
    }
    if x.bytes.get() > 0 && h.len() > 0 {
        out["avg_bytes"] = json!(x.bytes.get() / h.len());
    }
    // save state
    if x.next.get() != next {
        fs::write(&nfile, x.next.get().to_string()).unwrap();
    }
    if o.workload == "create-users" {
        let mut f = std::io::BufWriter::new(
            fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&ufile)
                .unwrap(),
        );
        for u in x.created.borrow().iter() {
            writeln!(f, "{}\t{}", u.id, u.n).unwrap();
        }
    }
    // durability of concurrent group patches: were any adds/removes lost?
    if o.workload == "group-add" || o.workload == "group-remove" || o.workload == "okta-mix" {
        if o.workload == "group-add" {
            fs::write(format!("{}.added.{}", o.state, m), ctr.get().to_string()).unwrap();
        }
        if let Ok((200, r)) = c0.call("GET", &format!("/Groups/{group}"), None).await {
            let k = if r.len() < 300_000 {
                parse(&r)
                    .ok()
                    .and_then(|v| v["members"].as_array().map(|a| a.len()))
                    .unwrap_or(0)
            } else {
                count(&r, "\"value\"")
            };
            out["members_after"] = json!(k);
        }
    }
    println!("{out}");
}
