//! Live fragments: one stream of server-sent events per place on a page that follows the store.
//!
//! The store is asked again and again, so that what another process did is seen too. With each look
//! the session is read: the stream ends when it was ended or its holder's role or tenants changed.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use bytes::Bytes;
use hyper::body::Frame;
use provisor_store::{Secret, Session, SessionId, Snapshot};
use tokio::sync::mpsc;

use super::{Console, Problem, answer, asked::Asked};

/// Between two looks at the store.
const LOOK: Duration = Duration::from_millis(400);
// A stream ends within a second of its session, also when one look takes as long as the pause.
const _: () = assert!(LOOK.as_millis() * 2 < 1000);
/// Looks without news after which the connection is kept alive with a comment.
const QUIET: u32 = 37;
/// Streams of one session.
const MOST: usize = 5;

/// The streams that are open.
#[derive(Default)]
pub(crate) struct Streams {
    open: Mutex<HashMap<SessionId, usize>>,
    stopping: AtomicBool,
}

impl Streams {
    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    fn open(self: &Arc<Self>, session: SessionId) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(session).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), session))
    }
}

/// A stream's place among its session's; free when dropped.
struct Place(Arc<Streams>, SessionId);

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// What the task that looks sends to the browser.
struct Channel(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Channel {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let received = self.0.poll_recv(context);
        received.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Who watches.
struct Watcher {
    console: Console,
    secret: Secret,
    session: Arc<Session>,
}

impl Watcher {
    /// A fresh view of the store, if the session still is what it was.
    async fn look(&self) -> Result<Option<Box<dyn Snapshot>>, Problem> {
        let mut snapshot = self.console.store.read().await?;
        let session = snapshot.session(&self.secret).await?;
        let same = session.is_some_and(|session| session.holder == self.session.holder);
        Ok(same.then_some(snapshot))
    }
}

pub(super) fn stream<F, R>(
    asked: &Asked,
    session: &Arc<Session>,
    render: R,
) -> Result<Response, Problem>
where
    R: Fn(Box<dyn Snapshot>, i64) -> F + Send + Sync + 'static,
    F: Future<Output = Result<String, Problem>> + Send,
{
    let streams = &asked.console.live;
    let Some(place) = streams.open(session.id) else {
        let text = "Five live pages are open already. Close one and reload.\n";
        return Ok(answer::text(StatusCode::TOO_MANY_REQUESTS, text));
    };
    let watcher = Watcher {
        console: asked.console.clone(),
        secret: asked.secret.clone(),
        session: session.clone(),
    };
    let (news, channel) = mpsc::channel(4);
    tokio::spawn(async move {
        tokio::select! {
            () = watch(&watcher, render, &news) => {}
            () = news.closed() => {}
        }
        drop(place);
    });
    let mut response = Response::new(Body::new(Channel(channel)));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

async fn watch<F, R>(watcher: &Watcher, render: R, news: &mpsc::Sender<Bytes>)
where
    R: Fn(Box<dyn Snapshot>, i64) -> F + Send + Sync + 'static,
    F: Future<Output = Result<String, Problem>> + Send,
{
    let mut last = String::new();
    let mut quiet = 0;
    while !watcher.console.live.stopping.load(Relaxed) {
        let look = async {
            let Some(snapshot) = watcher.look().await? else {
                return Ok(None);
            };
            render(snapshot, watcher.console.clock.now())
                .await
                .map(Some)
        };
        let message = match look.await {
            Ok(Some(html)) if html != last => {
                last = html;
                quiet = 0;
                Some(event("fragment", &last))
            }
            Ok(Some(_)) => {
                quiet += 1;
                (quiet % QUIET == 0).then(|| ":\n\n".into())
            }
            // The session has ended, or what was watched is gone.
            Ok(None) | Err(Problem { .. }) => {
                // A browser that has gone need not be told.
                let _ = news.send(event("end", "").into()).await;
                return;
            }
        };
        if let Some(message) = message
            && news.send(message.into()).await.is_err()
        {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// One event; each line of the text is a `data` line.
fn event(name: &str, text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("data: {line}\n")).collect();
    let lines = if lines.is_empty() {
        "data:\n".to_owned()
    } else {
        lines
    };
    format!("event: {name}\n{lines}\n")
}
