//! `provisor events`: what changed, in order, as the app reads it.

use std::time::Duration;

use clap::Subcommand;

use super::{Context, argument::TenantKey};
use crate::{failure::Failure, terminal, views};

/// Events read at a time.
const PAGE: usize = 200;
/// How often a follower looks for news.
const PAUSE: Duration = Duration::from_millis(250);
/// Events shown of the past when nobody says where to start.
const RECENT: i64 = 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Print events as NDJSON, in the form that the app gets
    #[command(after_help = "\
Examples:
  provisor events tail --tenant acme --follow
  provisor events tail --tenant acme --after 0 > all.ndjson

Without --after it starts at the last ten.")]
    Tail {
        #[command(flatten)]
        tenant: TenantKey,
        /// Start after the event with this seq; 0 is the beginning
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
        /// Wait for more
        #[arg(long, short)]
        follow: bool,
    },
}

impl Events {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Events::Tail {
            tenant,
            after,
            follow,
        } = self;
        let directory = context.directory()?;
        let tenant = directory.tenant(&tenant.tenant).await?;
        let mut after = match after {
            Some(after) => after,
            None => {
                let mut snapshot = directory.read().await?;
                let (_, last) = snapshot.events(tenant.id, 0, 1).await?;
                (last - RECENT).max(0)
            }
        };
        loop {
            // A view of its own for each page: a follower must not hold one for hours.
            let (events, _) = directory
                .read()
                .await?
                .events(tenant.id, after, PAGE)
                .await?;
            for event in &events {
                terminal::json(&views::event(event, &tenant.key))?;
                after = event.seq;
            }
            match (events.len() == PAGE, follow) {
                (true, _) => {}
                (false, true) => tokio::time::sleep(PAUSE).await,
                (false, false) => return Ok(()),
            }
        }
    }
}
