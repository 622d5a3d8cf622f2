//! Connections: accept, bound, time out, finish.

mod patience;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::{TcpListener, TcpStream};

use crate::{App, front};

/// Bytes of request line and headers together; hyper answers 431 beyond.
const HEADER_BYTES: usize = 64 * 1024;
/// Pause after a failed accept, so that a full file table is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The body of an answer: bytes of ours, or what axum makes.
pub(crate) type Body = Either<Full<Bytes>, axum::body::Body>;
/// An answer.
pub(crate) type Answer = Response<Body>;

/// Where the server listens.
#[derive(Debug)]
pub struct Listeners {
    /// SCIM, and everything else unless `admin` is there.
    pub public: TcpListener,
    /// Console, API and metrics apart from SCIM.
    pub admin: Option<TcpListener>,
}

/// What may be asked on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everything.
    All,
    /// SCIM and health.
    ScimOnly,
    /// Console, API, metrics and health.
    AdminOnly,
}

/// Accepts connections until `shutdown`, then lets open requests finish.
pub(crate) async fn serve(
    app: Arc<App>,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) {
    let graceful = GracefulShutdown::new();
    let limit = Arc::new(tokio::sync::Semaphore::new(app.settings.max_connections));
    let public = if listeners.admin.is_some() {
        Door::ScimOnly
    } else {
        Door::All
    };
    let accept = async {
        let one = accept(&app, &listeners.public, public, &graceful, &limit);
        match &listeners.admin {
            Some(admin) => {
                tokio::join!(one, accept(&app, admin, Door::AdminOnly, &graceful, &limit));
            }
            None => one.await,
        }
    };
    let upkeep = async {
        tokio::join!(
            crate::operations::upkeep(app.clone()),
            crate::outbound::serve(&app)
        )
    };
    tokio::select! {
        () = accept => {}
        _ = upkeep => {}
        () = shutdown => {}
    }
    app.metrics.set_stopping();
    app.console.stop();
    app.simulations.stop();
    drop(listeners);
    let finish = async {
        graceful.shutdown().await;
        app.unattended.ended().await;
        app.simulations.ended().await;
    };
    tokio::select! {
        () = finish => {}
        () = tokio::time::sleep(app.settings.shutdown_timeout) => {
            tracing::warn!("some requests did not finish in time and were cut off");
        }
    }
    crate::operations::note_token_uses(&app).await;
}

async fn accept(
    app: &Arc<App>,
    listener: &TcpListener,
    door: Door,
    graceful: &GracefulShutdown,
    limit: &Arc<tokio::sync::Semaphore>,
) {
    loop {
        // At the limit, further connections wait in the kernel's queue.
        let Ok(permit) = limit.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = connection(app.clone(), stream, peer, door);
                let watched = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = watched.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn connection(
    app: Arc<App>,
    stream: TcpStream,
    peer: SocketAddr,
    door: Door,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let timeout = app.settings.header_timeout;
    let stream = patience::Patient::new(stream, app.settings.body_timeout);
    let service = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        async move { Ok::<_, std::convert::Infallible>(front::answer(&app, request, peer, door).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
}
