//! Whoever stops a simulation is obeyed also while it waits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use axum::{Router, http::StatusCode};

use crate::{
    auth::Auth,
    client::Client,
    simulator::{Pace, Plan, Provider, Watch},
};

/// Stops the simulation at the first message, and counts them.
#[derive(Debug, Default)]
struct Heard {
    is_stopped: AtomicBool,
    messages: AtomicU64,
}

impl Watch for Heard {
    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }
}

#[tokio::test]
async fn a_stop_ends_the_wait_for_a_server_that_wants_to_be_asked_later() {
    for (provider, answer) in [
        (Provider::Okta, StatusCode::SERVICE_UNAVAILABLE),
        (Provider::Entra, StatusCode::TOO_MANY_REQUESTS),
    ] {
        let heard = Arc::new(Heard::default());
        let noted = heard.clone();
        let app = Router::new().fallback(move || {
            noted.messages.fetch_add(1, Relaxed);
            noted.is_stopped.store(true, Relaxed);
            async move { (answer, [("retry-after", "1")]) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let target = Client::new(&format!("http://{address}/scim/v2"), Auth::bearer("x")).unwrap();
        let plan = Plan {
            pace: Pace::Real,
            ..Plan::new(provider)
        };
        let simulated = plan.run(&target, &*heard).await;
        assert_eq!(heard.messages.load(Relaxed), 1, "{provider:?}");
        assert_eq!(simulated.report.retried, 0);
        server.abort();
    }
}
