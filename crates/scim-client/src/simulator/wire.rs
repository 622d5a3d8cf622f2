//! The wire between an identity provider and its target: headers, the faults on the way, the provider's patience.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use scim::message::PATCH_OP;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    Pace, Watch,
    fault::{Fault, Weather},
    message::Kind,
    report::{Failure, Report},
};
use crate::{
    client::Client,
    exchange::{Answer, Request},
};

/// How soon whoever waits sees that the simulation is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How an identity provider speaks, whatever it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    /// Header fields of every message.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Of messages with a body.
    pub(crate) content_type: &'static str,
    /// Whether DELETE carries a `Content-Type` as well.
    pub(crate) typed_delete: bool,
    /// How often a message that is answered 429, or 503 with `Retry-After`, is sent in all.
    pub(crate) patience: u32,
    /// How often a message that got no answer is sent in all.
    pub(crate) stubbornness: u32,
    /// Whether a person or team that was created without an answer is found again.
    pub(crate) finds_again: bool,
}

/// One conversation with a target.
#[derive(Debug)]
pub(crate) struct Wire<'w> {
    target: &'w Client,
    voice: Voice,
    weather: Option<Weather>,
    pace: Pace,
    watch: &'w dyn Watch,
    number: AtomicU64,
    report: Mutex<Report>,
}

impl<'w> Wire<'w> {
    pub(crate) fn new(
        target: &'w Client,
        voice: Voice,
        weather: Option<Weather>,
        pace: Pace,
        watch: &'w dyn Watch,
    ) -> Wire<'w> {
        Wire {
            target,
            voice,
            weather,
            pace,
            watch,
            number: AtomicU64::new(0),
            report: Mutex::default(),
        }
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn get(
        &self,
        kind: &'static Kind,
        path: String,
        query: Option<String>,
    ) -> Result<Value, Box<Failure>> {
        self.get_as(&self.voice, kind, path, query).await
    }

    /// Reads with another voice than the provider's own.
    pub(crate) async fn get_as(
        &self,
        voice: &Voice,
        kind: &'static Kind,
        path: String,
        query: Option<String>,
    ) -> Result<Value, Box<Failure>> {
        let request = Request {
            headers: headers(voice, false),
            method: Method::GET,
            path,
            query,
            body: None,
        };
        let answer = self.send_request(kind, request).await?;
        body(&answer).ok_or_else(|| unreadable(kind, &answer))
    }

    pub(crate) async fn post(
        &self,
        kind: &'static Kind,
        path: &str,
        body: &Value,
    ) -> Result<String, Box<Failure>> {
        let answer = self
            .send(kind, Method::POST, path.to_owned(), None, Some(body))
            .await?;
        let made = answer.json().unwrap_or_default();
        let id = made["id"].as_str().filter(|id| !id.is_empty());
        id.map(str::to_owned)
            .ok_or_else(|| unreadable(kind, &answer))
    }

    pub(crate) async fn put(
        &self,
        kind: &'static Kind,
        path: String,
        query: Option<String>,
        body: &Value,
    ) -> Result<(), Box<Failure>> {
        let answer = self.send(kind, Method::PUT, path, query, Some(body)).await;
        answer.map(|_| ())
    }

    pub(crate) async fn patch(
        &self,
        kind: &'static Kind,
        path: String,
        operations: Value,
    ) -> Result<(), Box<Failure>> {
        let body = serde_json::json!({
            "schemas": [PATCH_OP],
            "Operations": operations,
        });
        let answer = self
            .send(kind, Method::PATCH, path, None, Some(&body))
            .await;
        answer.map(|_| ())
    }

    /// That it is gone already is what was wanted.
    pub(crate) async fn delete(
        &self,
        kind: &'static Kind,
        path: String,
    ) -> Result<(), Box<Failure>> {
        match self.send(kind, Method::DELETE, path, None, None).await {
            Err(failure) if failure.status != Some(404) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Sends a message as often as the identity provider would; gives an answer of status 2xx.
    async fn send(
        &self,
        kind: &'static Kind,
        method: Method,
        path: String,
        query: Option<String>,
        body: Option<&Value>,
    ) -> Result<Answer, Box<Failure>> {
        let typed = body.is_some() || (self.voice.typed_delete && method == Method::DELETE);
        let request = Request {
            headers: headers(&self.voice, typed),
            method,
            path,
            query,
            body: body.map(|body| body.to_string().into()),
        };
        self.send_request(kind, request).await
    }

    async fn send_request(
        &self,
        kind: &'static Kind,
        request: Request,
    ) -> Result<Answer, Box<Failure>> {
        let mut attempt = 1;
        loop {
            let outcome = self.once(&request).await;
            let status = outcome.as_ref().map_or(0, |answer| answer.status);
            self.report().sent(kind, status);
            let (wait, failure) = match outcome {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) => (
                    self.throttled(attempt, &answer),
                    refused(kind, &request, &answer),
                ),
                Err(reason) => (self.lost(attempt), lost(kind, &request, reason)),
            };
            match wait {
                Some(wait) if self.think(wait).await => self.report().retried += 1,
                _ => return Err(failure),
            }
            attempt += 1;
        }
    }

    /// Waits, and stops waiting when the simulation is to stop. Whether it goes on.
    pub(crate) async fn think(&self, wait: Duration) -> bool {
        let began = Instant::now();
        while !self.watch.is_stopped() {
            let left = wait.saturating_sub(began.elapsed());
            if left.is_zero() {
                return true;
            }
            sleep(LOOK.min(left)).await;
        }
        false
    }

    /// How long to wait when no answer came, if the identity provider tries again by itself.
    fn lost(&self, attempt: u32) -> Option<Duration> {
        let again = attempt < self.voice.stubbornness;
        again.then(|| Duration::from_millis(50) * 2_u32.pow(attempt.min(8)))
    }

    /// How long to wait when the server says that it did nothing, if the identity provider tries again by itself.
    fn throttled(&self, attempt: u32, answer: &Answer) -> Option<Duration> {
        if !answer.is_throttled() || attempt >= self.voice.patience {
            return None;
        }
        // Okta waits five minutes where nothing was asked for, and twice as long each time.
        let own = Duration::from_mins(5) * 2_u32.pow(attempt - 1);
        let asked = answer.retry_after();
        Some(asked.unwrap_or_else(|| self.pace.compress(own)))
    }

    /// Sends a message once, through what the scenario puts in between.
    async fn once(&self, request: &Request) -> Result<Answer, String> {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut fault = self.weather.and_then(|weather| weather.at(number));
        if fault == Some(Fault::AnswerLost)
            && request.method == Method::POST
            && !self.voice.finds_again
        {
            fault = Some(Fault::Lost);
        }
        if let Some(fault) = fault {
            *self.report().faults.entry(fault.says()).or_default() += 1;
        }
        let arrived = match fault {
            Some(Fault::Answer(status, after)) => return Ok(made_up(status, after)),
            Some(Fault::Lost) => {
                return Err("the connection broke before anything arrived".to_owned());
            }
            Some(Fault::Expired) => {
                let expired = HeaderValue::from_static("Bearer expired");
                self.target.send_as(request, Some(&expired)).await
            }
            _ => self.target.send(request).await,
        };
        match fault {
            Some(Fault::Late(by)) => drop(self.think(by).await),
            Some(Fault::AnswerLost) => return Err("the answer did not come in time".to_owned()),
            _ => {}
        }
        arrived
            .map(|exchange| exchange.answer)
            .map_err(|error| error.to_string())
    }
}

fn headers(voice: &Voice, typed: bool) -> HeaderMap {
    let fields = voice.headers.iter();
    let mut headers: HeaderMap = fields
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect();
    if typed {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(voice.content_type));
    }
    headers
}

/// An answer of the proxy's own.
fn made_up(status: u16, after: Option<u64>) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = after {
        headers.insert("retry-after", HeaderValue::from(seconds));
    }
    Answer {
        status,
        headers,
        body: bytes::Bytes::from_static(br#"{"detail":"Made up by the simulator."}"#),
    }
}

fn body(answer: &Answer) -> Option<Value> {
    answer.json().filter(Value::is_object)
}

fn about(kind: &'static Kind, request: &Request) -> Failure {
    let query = request.query.as_ref().map(|query| format!("?{query}"));
    let body = request.body.as_ref();
    Failure {
        what: String::new(),
        kind,
        request: format!(
            "{} {}{}",
            request.method,
            request.path,
            query.unwrap_or_default()
        ),
        body: body.map(|body| String::from_utf8_lossy(body).chars().take(2000).collect()),
        status: None,
        scim_type: None,
        detail: String::new(),
        request_id: None,
    }
}

fn refused(kind: &'static Kind, request: &Request, answer: &Answer) -> Box<Failure> {
    let (scim_type, detail) = answer.said();
    Box::new(Failure {
        status: Some(answer.status),
        scim_type,
        detail,
        request_id: answer.header("x-request-id").map(str::to_owned),
        ..about(kind, request)
    })
}

fn lost(kind: &'static Kind, request: &Request, reason: String) -> Box<Failure> {
    Box::new(Failure {
        detail: reason,
        ..about(kind, request)
    })
}

/// An answer 2xx without what it must have. Okta calls it "Create new user returned empty user".
fn unreadable(kind: &'static Kind, answer: &Answer) -> Box<Failure> {
    Box::new(Failure {
        what: String::new(),
        kind,
        request: kind.sends.to_owned(),
        body: None,
        status: Some(answer.status),
        scim_type: None,
        detail: format!(
            "the answer has no resource in it; it begins with: {}",
            answer.start()
        ),
        request_id: answer.header("x-request-id").map(str::to_owned),
    })
}
