//! `/`: what there is, how it goes, and what needs attention.

mod chart;

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Cause, Connection, Tenant, TenantId, TokenQuery, Totals,
    log::{Causes, LogFilter, Refusals, Sum, Took, Whose},
};

use super::{
    Action, Problem,
    connections::health::{self, Day, Health, Known},
    fields::Fields,
    layout::Layout,
    moment::{DAY, Moment},
    simulator,
    tokens::{self, Row},
    visit::Visit,
};
use chart::Chart;

/// Tokens are warned about so long before they expire.
const SOON: i64 = 30 * DAY;
/// And so long after: whoever used them is locked out.
const LATELY: i64 = 7 * DAY;
/// A token that was not used for so long is one too many.
const UNUSED: i64 = 30 * DAY;
const HOUR: i64 = DAY / 24;
/// How many warnings of a kind are shown.
const SHOWN: usize = 5;
/// How many tokens are looked at for them.
const LOOKED_AT: usize = 50;
/// Tenants whose connections are shown.
const TENANTS: usize = 50;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    layout: Layout,
    totals: Totals,
    expiring: Vec<Row>,
    unused: usize,
    refused: Vec<Refused>,
    dropped: u64,
    sum: Sum,
    success: String,
    chart: Chart,
    causes: Vec<(&'static str, u64)>,
    /// Where the causes are too many to count all of the day's.
    causes_since: Option<Moment>,
    /// Within how many milliseconds half of the requests were answered, and 99 of 100.
    took: Option<(String, String)>,
    links: Vec<Link>,
    may_change_tokens: bool,
    may_simulate: bool,
    scim_url: String,
}

/// Refusals of the last hour.
struct Refused {
    tenant: String,
    cause: &'static str,
    meaning: &'static str,
    count: u64,
    link: String,
}

/// A connection and how it is.
struct Link {
    tenant: String,
    name: String,
    idp: String,
    health: Health,
    log: String,
}

impl Link {
    fn is(&self, state: &str) -> bool {
        self.health.state.label() == state
    }
}

/// The first page.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let viewer = &visit.viewer;
    let now = visit.now();
    let mine = viewer.tenants().map(<[TenantId]>::to_vec);
    let Figures {
        sums,
        links: of_links,
        hour,
        day,
        took,
    } = figures(&visit, viewer.whose(), now).await?;
    let mut snapshot = visit.read().await?;
    let totals = snapshot.totals(viewer.tenants()).await?;
    let query = TokenQuery {
        tenants: mine.clone(),
        limit: SHOWN,
        ..TokenQuery::default()
    };
    let (mut expiring, mut unused) = (Vec::new(), 0);
    if viewer.may(Action::SeeTokens) {
        let soon = TokenQuery {
            expiring: Some((now - LATELY, now + SOON)),
            limit: LOOKED_AT,
            ..query.clone()
        };
        let mut found = Vec::new();
        for token in snapshot.find_tokens(&soon).await? {
            // A simulation's token lives for a day and is missed by nobody.
            let owner = snapshot.tenant_by_id(token.tenant).await?;
            if found.len() < SHOWN && !owner.is_some_and(|owner| owner.simulated) {
                found.push(token);
            }
        }
        expiring = tokens::rows(snapshot.as_mut(), &found, now).await?;
        let idle = TokenQuery {
            unused_since: Some(now - UNUSED),
            limit: 100,
            ..query
        };
        unused = snapshot.find_tokens(&idle).await?.len();
    }
    let mut tenants = Vec::new();
    match &mine {
        Some(ids) => {
            for id in ids.iter().take(TENANTS) {
                tenants.extend(snapshot.tenant_by_id(*id).await?);
            }
        }
        None => tenants = snapshot.tenants("", TENANTS).await?,
    }
    let mut links = Vec::new();
    for tenant in &tenants {
        let connections = snapshot.connections(tenant.id).await?;
        if connections.is_empty() {
            continue;
        }
        let known = Known::read(&visit.console, snapshot.as_mut(), tenant).await?;
        links.extend(connections.iter().map(|connection| Link {
            tenant: tenant.name.clone(),
            name: connection.name.clone(),
            idp: connection.idp.clone(),
            health: known.health(connection, &of_links, now),
            log: log_link(tenant, connection),
        }));
    }
    let mut refused = Vec::new();
    for one in hour.iter().take(SHOWN) {
        let tenant = match one.tenant {
            Some(id) => snapshot.tenant_by_id(id).await?,
            None => None,
        };
        refused.push(refusal(one, tenant.as_ref()));
    }
    drop(snapshot);
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &day.refusals {
        *causes
            .entry(one.cause.map_or("", Cause::as_str))
            .or_default() += one.count;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    causes.truncate(8);
    let mut sum = Sum::default();
    for (_, one) in &sums {
        sum.requests += one.requests;
        sum.errors += one.errors;
        sum.last_at = sum.last_at.max(one.last_at);
    }
    visit.page(&Page {
        layout: visit.layout("Overview", None),
        totals,
        expiring,
        unused,
        refused,
        // What the log lost is everybody's: for who sees all.
        dropped: match mine {
            None => visit.console.log.stats().dropped,
            Some(_) => 0,
        },
        success: success(sum),
        sum,
        chart: Chart::new(&sums, now),
        causes,
        causes_since: day.since.map(|at| Moment::new(at, now)),
        took: took.within(500).zip(took.within(990)).map(milliseconds),
        links,
        may_change_tokens: viewer.may(Action::ChangeTokens),
        may_simulate: simulator::may_start(&visit),
        scim_url: format!("{}/scim/v2", visit.channel.origin),
    })
}

/// What the log says of the last day.
#[derive(Default)]
struct Figures {
    /// By half hour.
    sums: Vec<(i64, Sum)>,
    /// By connection.
    links: Day,
    /// Refusals of the last hour.
    hour: Vec<Refusals>,
    day: Causes,
    took: Took,
}

async fn figures(visit: &Visit, whose: Whose, now: i64) -> Result<Figures, Problem> {
    // Without its log the server still has a directory to show.
    health::ask(&visit.console, move |reader| {
        let since = Chart::since(now);
        let links = reader.by_connection(&whose, since)?;
        let filter = |since| LogFilter {
            whose: whose.clone(),
            since: Some(since),
            ..LogFilter::default()
        };
        Ok(Figures {
            sums: reader.by_half_hour(&whose, since)?,
            links: Day::new(links),
            hour: reader.by_cause(&filter(now - HOUR))?.refusals,
            day: reader.by_cause(&filter(now - DAY))?,
            took: reader.took(&whose, since)?,
        })
    })
    .await
}

fn refusal(one: &Refusals, tenant: Option<&Tenant>) -> Refused {
    let mut link = Fields::default().set("last", "1h");
    match one.cause {
        Some(cause) => link = link.set("cause", cause.as_str()),
        None => link = link.set("show", "errors"),
    }
    if let Some(tenant) = tenant {
        link = link.set("tenant", &tenant.key);
    }
    Refused {
        tenant: tenant.map_or_else(|| "No tenant".to_owned(), |tenant| tenant.name.clone()),
        cause: one.cause.map_or("errors", Cause::as_str),
        meaning: one.cause.map_or("", Cause::meaning),
        count: one.count,
        link: format!("/log?{}", link.with("after", "")),
    }
}

fn log_link(tenant: &Tenant, connection: &Connection) -> String {
    let log = Fields::default().set("tenant", &tenant.key);
    format!("/log?{}", log.with("connection", &connection.name))
}

/// `0.8` and `13`; rounded up, since it is what they were answered within.
fn milliseconds((half, most): (u64, u64)) -> (String, String) {
    let text = |micros: u64| match micros.div_ceil(100) {
        tenths @ 0..100 => format!("{}.{}", tenths / 10, tenths % 10),
        tenths => tenths.div_ceil(10).to_string(),
    };
    (text(half), text(most))
}

/// `99.2 %`; never 100 when something was refused.
fn success(sum: Sum) -> String {
    if sum.requests == 0 {
        return "—".to_owned();
    }
    let permille = (sum.requests - sum.errors.min(sum.requests)) * 1000 / sum.requests;
    format!("{}.{} %", permille / 10, permille % 10)
}
