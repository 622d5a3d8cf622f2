//! A server that answers what a test says, in order, and remembers what it was asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use scim_client::{Auth, Builder, Client, Retry};
use serde_json::Value;

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Response<Body>>>,
    asked: Mutex<Vec<Asked>>,
}

pub(crate) struct Server {
    script: Arc<Script>,
    pub(crate) address: SocketAddr,
}

/// An answer with a JSON body.
pub(crate) fn answer(status: u16, body: Value) -> Response<Body> {
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    Response::builder().status(status).body(body).unwrap()
}

/// An answer without a body that has one header.
pub(crate) fn bare(status: u16, name: &str, value: &str) -> Response<Body> {
    let answer = Response::builder().status(status).header(name, value);
    answer.body(Body::empty()).unwrap()
}

impl Server {
    pub(crate) async fn with(answers: impl IntoIterator<Item = Response<Body>>) -> Server {
        let script = Arc::new(Script::default());
        script.answers.lock().unwrap().extend(answers);
        let router = Router::new().fallback(play).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { script, address }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    /// A client that is patient, but never for long.
    pub(crate) fn builder(&self, auth: Auth) -> Builder {
        Client::builder(&self.base(), auth).retry(Retry {
            first_wait: std::time::Duration::from_millis(1),
            ..Retry::default()
        })
    }

    pub(crate) fn client(&self) -> Client {
        self.builder(Auth::bearer("secret")).build().unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

async fn play(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    script.asked.lock().unwrap().push(Asked {
        method,
        uri,
        headers,
        body,
    });
    let next = script.answers.lock().unwrap().pop_front();
    next.unwrap_or_else(|| answer(418, Value::Null))
}
