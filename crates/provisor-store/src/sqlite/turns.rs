//! Whose turn it is to scan: a bounded number at once, shared fairly between tenants.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use scim::Kind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Cause, Refusal, TenantId};

/// Gives turns.
///
/// A scan waits for its tenant first and only then beside other tenants'. So a tenant never has
/// more than its part in the queue of all, and a scan waits for as many turns of another tenant
/// as that part is, however many scans the other one has waiting.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    /// How many one tenant may have at once.
    part: usize,
    wait: Duration,
    tenants: Mutex<HashMap<TenantId, Weak<Own>>>,
}

/// How many scans of one tenant may wait: each holds a connection to the file meanwhile.
const WAITING: usize = 64;

/// What belongs to one tenant.
#[derive(Debug)]
struct Own {
    turns: Arc<Semaphore>,
    /// Places in the queue that are free.
    queue: Semaphore,
}

/// The right to scan, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
    /// Kept, so that the tenant's next scan finds this one counted.
    _tenant: Arc<Own>,
}

impl Turns {
    /// `most` at once, half of them for one tenant; nobody waits longer than `wait`.
    pub(super) fn new(most: usize, wait: Duration) -> Self {
        let most = most.max(1);
        Self {
            all: Arc::new(Semaphore::new(most)),
            part: most.div_ceil(2),
            wait,
            tenants: Mutex::default(),
        }
    }

    /// Waits for a turn; the refusal is 503.
    pub(super) async fn take(&self, tenant: TenantId) -> Result<Turn, Refusal> {
        let own = self.of(tenant);
        let Ok(_place) = own.queue.try_acquire() else {
            return Err(self.busy());
        };
        let turn = async {
            let turn = own.turns.clone().acquire_owned().await?;
            let all = self.all.clone().acquire_owned().await?;
            Ok::<_, tokio::sync::AcquireError>(Turn {
                _own: turn,
                _all: all,
                _tenant: own.clone(),
            })
        };
        match tokio::time::timeout(self.wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(self.busy()),
        }
    }

    /// The tenant's part; it is forgotten when nobody holds or awaits one of its turns.
    fn of(&self, tenant: TenantId) -> Arc<Own> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = tenants.get(&tenant).and_then(Weak::upgrade) {
            return own;
        }
        tenants.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Own {
            turns: Arc::new(Semaphore::new(self.part)),
            queue: Semaphore::new(WAITING),
        });
        tenants.insert(tenant, Arc::downgrade(&own));
        own
    }

    fn busy(&self) -> Refusal {
        Refusal::new(
            Cause::Unavailable,
            Kind::Unavailable,
            format!(
                "The search has to read much of the directory and found no turn within {} s, since \
                 other searches like it are under way. Nothing was read; try again in a moment, \
                 send fewer of them at a time, or filter with eq on id, userName, externalId or \
                 emails.value, which need no turn.",
                self.wait.as_secs_f64()
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        task::Poll,
    };

    use tokio::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const A: TenantId = TenantId(1);
    const B: TenantId = TenantId(2);
    const C: TenantId = TenantId(3);

    #[tokio::test]
    async fn a_tenants_queue_has_an_end() {
        let turns = Arc::new(Turns::new(2, LONG));
        let held = turns.take(A).await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING {
            let turns = turns.clone();
            waiting.spawn(async move { turns.take(A).await.map(drop) });
        }
        while turns.of(A).queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = turns.take(A).await.unwrap_err();
        assert_eq!(refused.cause, Cause::Unavailable);
        drop(turns.take(B).await.unwrap());
        drop(held);
        while let Some(ended) = waiting.join_next().await {
            ended.unwrap().unwrap();
        }
    }

    /// Starts scans of a tenant that keep their turn until they are told to end, and waits until
    /// the first has it.
    async fn scans(turns: &Arc<Turns>, tenant: TenantId, count: usize, end: &Arc<Semaphore>) {
        let (told, mut heard) = mpsc::unbounded_channel();
        for _ in 0..count {
            let (turns, end, told) = (turns.clone(), end.clone(), told.clone());
            tokio::spawn(async move {
                let turn = turns.take(tenant).await.unwrap();
                told.send(()).ok();
                end.acquire().await.unwrap().forget();
                drop(turn);
            });
        }
        drop(told);
        heard.recv().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_tenant_does_not_wait_behind_anothers_queue() {
        let turns = Arc::new(Turns::new(2, LONG));
        let end = Arc::new(Semaphore::new(0));
        scans(&turns, A, 50, &end).await;
        // None has ended: this is the turn that A may not have.
        scans(&turns, B, 50, &end).await;
        let mut next = Box::pin(turns.take(C));
        let polled = poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await;
        assert!(polled.is_pending());
        // Whichever ends, C is next, before 98 that came earlier.
        end.add_permits(1);
        drop(next.await.unwrap());
        // All come to their turn.
        end.add_permits(99);
        while end.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_scan_at_once_than_allowed() {
        for (most, part) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)] {
            let turns = Arc::new(Turns::new(most, LONG));
            let now: Arc<[AtomicUsize; 4]> = Arc::default();
            let peak: Arc<[AtomicUsize; 4]> = Arc::default();
            let mut running = Vec::new();
            for number in 0..180 {
                let (turns, now, peak) = (turns.clone(), now.clone(), peak.clone());
                running.push(tokio::spawn(async move {
                    let tenant = number % 3 + 1;
                    let _turn = turns.take(TenantId(tenant as i64)).await.unwrap();
                    for at in [0, tenant] {
                        let count = now[at].fetch_add(1, SeqCst) + 1;
                        peak[at].fetch_max(count, SeqCst);
                    }
                    tokio::task::yield_now().await;
                    for at in [tenant, 0] {
                        now[at].fetch_sub(1, SeqCst);
                    }
                }));
            }
            for scan in running {
                scan.await.unwrap();
            }
            assert!(peak[0].load(SeqCst) <= most.max(1));
            for tenant in 1..4 {
                assert!(peak[tenant].load(SeqCst) <= part);
            }
            // Idle tenants are forgotten.
            turns.of(TenantId(9));
            assert_eq!(turns.tenants.lock().unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn waiting_is_bounded() {
        let turns = Turns::new(2, Duration::ZERO);
        let held = turns.take(A).await.unwrap();
        let refusal = turns.take(A).await.unwrap_err();
        assert_eq!(refusal.cause, Cause::Unavailable);
        assert_eq!(refusal.error.kind, Kind::Unavailable);
        for text in ["no turn within 0 s", "try again", "userName"] {
            let detail = &refusal.error.detail;
            assert!(detail.contains(text), "{detail}");
        }
        // Who gave up is out of the queue, of the tenant's and of all.
        let other = turns.take(B).await.unwrap();
        turns.take(C).await.unwrap_err();
        drop(held);
        turns.take(C).await.unwrap();
        turns.take(A).await.unwrap();
        drop(other);
    }
}
