// The floor and the ceiling: what this machine can do with the same stack and no SCIM. Compare with these in the same run.
use axum::{
    extract::{Path, State},
    http::{header, StatusCode},
    response::IntoResponse,
    routing::{get, post},
    Router,
};
use rusqlite::{params, Connection};
use std::cell::RefCell;
use tokio::sync::oneshot;

fn user_json(n: u64) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"id":"{n:032}","externalId":"00u{n:012}","userName":"user{n}@corp.example.com","name":{{"givenName":"Given{n}","familyName":"Family{n}","formatted":"Given{n} Family{n}"}},"displayName":"Given{n} Family{n}","title":"Engineer T{n}X","locale":"en-US","timezone":"America/Los_Angeles","active":true,"emails":[{{"value":"user{n}@corp.example.com","type":"work","primary":true}}],"phoneNumbers":[{{"value":"+1-555-{n:07}","type":"work"}}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"{n}","department":"Engineering","organization":"Corp","costCenter":"CC-100"}},"meta":{{"resourceType":"User","created":"2026-01-01T00:00:00.000Z","lastModified":"2026-01-01T00:00:00.000Z","version":"W/\"1\"","location":"https://scim.example.com/scim/v2/Users/{n:032}"}}}}"#
    )
}
fn open(path: &str, sync: &str) -> Connection {
    let c = Connection::open(path).unwrap();
    c.execute_batch(&format!("PRAGMA journal_mode=WAL; PRAGMA synchronous={sync}; PRAGMA cache_size=-262144; PRAGMA mmap_size=8589934592; PRAGMA temp_store=memory; PRAGMA busy_timeout=10000;")).unwrap();
    c
}
fn schema(c: &Connection) {
    c.execute_batch("CREATE TABLE IF NOT EXISTS users(k INTEGER PRIMARY KEY, tenant INT NOT NULL, id TEXT NOT NULL, user_name TEXT NOT NULL COLLATE NOCASE, external_id TEXT, doc TEXT NOT NULL);
      CREATE UNIQUE INDEX IF NOT EXISTS u_id ON users(tenant,id); CREATE UNIQUE INDEX IF NOT EXISTS u_name ON users(tenant,user_name); CREATE INDEX IF NOT EXISTS u_ext ON users(tenant,external_id);").unwrap();
}
const INS: &str = "INSERT INTO users(tenant,id,user_name,external_id,doc) VALUES(1,?1,?2,?3,?4)";
fn ins(c: &Connection, n: u64, doc: &str) {
    c.prepare_cached(INS)
        .unwrap()
        .execute(params![
            format!("{n:032}"),
            format!("user{n}@corp.example.com"),
            format!("00u{n:012}"),
            doc
        ])
        .unwrap();
}
fn seed(path: &str, n: u64) {
    let c = open(path, "OFF");
    schema(&c);
    let have: u64 = c
        .query_row("select count(*) from users", [], |r| r.get(0))
        .unwrap();
    c.execute_batch("BEGIN").unwrap();
    for i in have..n {
        ins(&c, i, &user_json(i));
    }
    c.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
}

struct W {
    n: u64,
    doc: String,
    done: oneshot::Sender<()>,
}
fn writer(path: String, sync: String, max_batch: usize) -> crossbeam_channel::Sender<W> {
    let (tx, rx) = crossbeam_channel::unbounded::<W>();
    std::thread::spawn(move || {
        let c = open(&path, &sync);
        schema(&c);
        let (mut commits, mut rows) = (0u64, 0u64);
        while let Ok(first) = rx.recv() {
            let mut batch = vec![first];
            while batch.len() < max_batch {
                match rx.try_recv() {
                    Ok(w) => batch.push(w),
                    Err(_) => break,
                }
            }
            c.execute_batch("BEGIN IMMEDIATE").unwrap();
            for w in &batch {
                ins(&c, w.n, &w.doc);
            }
            c.execute_batch("COMMIT").unwrap();
            commits += 1;
            rows += batch.len() as u64;
            for w in batch {
                let _ = w.done.send(());
            }
        }
        eprintln!(
            "writer: {commits} commits, {rows} rows, avg batch {:.1}",
            rows as f64 / commits.max(1) as f64
        );
    });
    tx
}
thread_local! { static RC: RefCell<Option<Connection>> = const { RefCell::new(None) }; }
#[derive(Clone)]
struct S {
    path: String,
    tx: crossbeam_channel::Sender<W>,
}
async fn kv_get(State(s): State<S>, Path(k): Path<u64>) -> impl IntoResponse {
    let doc: Option<String> = RC.with(|c| {
        let mut c = c.borrow_mut();
        let c = c.get_or_insert_with(|| open(&s.path, "NORMAL"));
        let r = c
            .prepare_cached("SELECT doc FROM users WHERE tenant=1 AND id=?1")
            .unwrap()
            .query_row([format!("{k:032}")], |r| r.get(0))
            .ok();
        r
    });
    match doc {
        Some(d) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "application/scim+json")],
            d,
        ),
        None => (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "application/scim+json")],
            "{}".into(),
        ),
    }
}
async fn kv_put(State(s): State<S>, body: String) -> impl IntoResponse {
    let v: serde_json::Value = serde_json::from_str(&body).unwrap();
    let n: u64 = v["userName"].as_str().unwrap()[4..]
        .split('@')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let doc = serde_json::to_string(&v).unwrap();
    let (d, r) = oneshot::channel();
    s.tx.send(W {
        n,
        doc: doc.clone(),
        done: d,
    })
    .unwrap();
    r.await.unwrap();
    (
        StatusCode::CREATED,
        [(header::CONTENT_TYPE, "application/scim+json")],
        doc,
    )
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let g = |i: usize| a.get(i).cloned().unwrap_or_default();
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (port, app) = match g(1).as_str() {
        // limits hello PORT: one kilobyte of JSON from memory
        "hello" => {
            let body: &'static str = Box::leak(user_json(1).into_boxed_str());
            (
                g(2),
                Router::new().route(
                    "/",
                    get(move || async move {
                        ([(header::CONTENT_TYPE, "application/scim+json")], body)
                    }),
                ),
            )
        }
        // limits kv PORT DB ROWS SYNC MAXBATCH: one SQLite point read per GET, one durable row per POST (MAXBATCH 1: a transaction each; 4096: group commit)
        "kv" => {
            seed(&g(3), g(4).parse().unwrap());
            let tx = writer(g(3), g(5), g(6).parse().unwrap());
            (
                g(2),
                Router::new()
                    .route("/u/{k}", get(kv_get))
                    .route("/u", post(kv_put))
                    .with_state(S { path: g(3), tx }),
            )
        }
        _ => {
            eprintln!("limits hello PORT | limits kv PORT DB ROWS FULL|NORMAL MAXBATCH");
            std::process::exit(2)
        }
    };
    rt.block_on(async {
        let l = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
            .await
            .unwrap();
        axum::serve(l, app).await.unwrap();
    });
}
