//! Scans take turns: a tenant does not wait behind another's, and nobody waits for ever.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{atomic::Ordering::Relaxed, mpsc},
    task::Poll,
    time::Duration,
};

use provisor_store::{
    Cause, Clock, Page, Refusal, Store, TenantId,
    sqlite::{SqliteSettings, SqliteStore},
};
use scim::Kind;

use super::{File, plain};

type Scan = Pin<Box<dyn Future<Output = Result<Page, Refusal>>>>;

fn scan(store: &SqliteStore, tenant: TenantId) -> Scan {
    let store = store.clone();
    Box::pin(async move {
        let mut view = store.read().await.expect("a view");
        let search = plain::search("userName co \"user\"");
        view.search(tenant, &search).await.expect("an answer")
    })
}

/// Lets it come as far as it can without waiting; true if it has ended.
async fn goes_on(scan: &mut Scan) -> bool {
    poll_fn(|context| Poll::Ready(scan.as_mut().poll(context).is_ready())).await
}

/// Runs a case where the one thread for scans is held up until the sender is dropped.
fn held_up<F: Future<Output = ()>>(
    settings: SqliteSettings,
    case: impl FnOnce(SqliteStore, TenantId, TenantId, mpsc::Sender<()>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let file = File::new();
        let store = file.with(settings, Clock::system());
        let acme = plain::tenant_named(&store, "acme").await.unwrap();
        let other = plain::tenant_named(&store, "other").await.unwrap();
        for tenant in [acme, other] {
            plain::user(&store, tenant, "user").await.unwrap();
        }
        let (release, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv().ok());
        case(store, acme, other, release).await;
    });
}

#[test]
fn a_scan_does_not_wait_behind_another_tenants() {
    let settings = SqliteSettings {
        scan_time: Duration::from_secs(60),
        ..SqliteSettings::default()
    };
    held_up(settings, async |store, acme, other, release| {
        let scans = || store.metrics().scans.load(Relaxed);
        let mut many: Vec<Scan> = (0..20).map(|_| scan(&store, acme)).collect();
        for waiting in &mut many {
            assert!(!goes_on(waiting).await);
        }
        assert_eq!(scans(), 1);
        let mut one = scan(&store, other);
        assert!(!goes_on(&mut one).await);
        assert_eq!(scans(), 2);
        // A request that goes away does not make room before its scan has ended.
        drop(many.remove(0));
        assert!(!goes_on(&mut many[0]).await);
        assert_eq!(scans(), 2);
        drop(release);
        assert_eq!(one.await.unwrap().total, 1);
        for scan in many {
            assert_eq!(scan.await.unwrap().total, 1);
        }
        assert_eq!(scans(), 21);
    });
}

#[test]
fn a_scan_that_finds_no_turn_is_refused() {
    let settings = SqliteSettings {
        scan_time: Duration::ZERO,
        ..SqliteSettings::default()
    };
    held_up(settings, async |store, acme, other, release| {
        let mut first = scan(&store, acme);
        assert!(!goes_on(&mut first).await);
        // If it were let in, it would wait for the first.
        let second = tokio::time::timeout(Duration::from_secs(30), scan(&store, acme)).await;
        let refusal = second.expect("an answer").unwrap_err();
        assert_eq!(refusal.cause, Cause::Unavailable);
        assert_eq!(refusal.error.kind, Kind::Unavailable);
        let mut of_other = scan(&store, other);
        assert!(!goes_on(&mut of_other).await);
        // What needs no turn is answered.
        let mut view = store.read().await.unwrap();
        let look_up = plain::search("userName eq \"user\"");
        assert_eq!(view.search(acme, &look_up).await.unwrap().unwrap().total, 1);
        drop(release);
        assert_eq!(first.await.unwrap().total, 1);
        assert_eq!(of_other.await.unwrap().total, 1);
        assert_eq!(scan(&store, acme).await.unwrap().total, 1);
    });
}
