//! Requests whose client has hung up: a change is made all the same, and the log is told of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{runtime::Handle, sync::Semaphore, task_local};

use crate::http::Answer;

/// More than there can be at a time.
const ALL: u32 = u32::MAX >> 3;

task_local! {
    static CLIENT_GONE: ();
}

/// True in a request that goes on without its client.
pub(crate) fn client_has_gone() -> bool {
    CLIENT_GONE.try_with(|()| ()).is_ok()
}

type Work = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The requests that go on without their clients.
pub(crate) struct Unattended(Arc<Semaphore>);

impl Default for Unattended {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL as usize)))
    }
}

impl Unattended {
    /// A request that runs to its end, also when hyper drops it because the client has gone. A task of
    /// its own it gets only then: with the client there, it costs one allocation.
    pub(crate) fn to_its_end(
        &self,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> ToItsEnd {
        ToItsEnd {
            work: Some(Box::pin(work)),
            unattended: self.0.clone(),
        }
    }

    /// Waits until none is left; for the shutdown, when no new ones come.
    pub(crate) async fn ended(&self) {
        // It is never closed.
        drop(self.0.acquire_many(ALL).await);
    }
}

/// See [`Unattended::to_its_end`].
pub(crate) struct ToItsEnd {
    work: Option<Work>,
    unattended: Arc<Semaphore>,
}

impl Future for ToItsEnd {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        // Put back only if it has neither ended nor panicked.
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl Drop for ToItsEnd {
    fn drop(&mut self) {
        let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) else {
            return;
        };
        let counted = self.unattended.clone().try_acquire_owned();
        runtime.spawn(async move {
            CLIENT_GONE.scope((), work).await;
            drop(counted);
        });
    }
}
