//! Which entries the URL of a page asks for, within what the viewer sees.

use axum::http::StatusCode;
use provisor_store::{
    Cause, Connection, Snapshot, Tenant, TenantId, TokenId,
    log::{LogFilter, Operation, Show, Whose},
};

use super::{
    super::{Action, Problem, moment::DAY, visit::Visit},
    verb,
};

/// Tenants among which a name is searched without one being chosen, and that are offered.
const TENANTS: usize = 50;
const HOUR: i64 = DAY / 24;
const TIMES: [(&str, &str, i64); 4] = [
    ("1h", "Last hour", HOUR),
    ("24h", "Last 24 hours", DAY),
    ("7d", "Last 7 days", 7 * DAY),
    ("30d", "Last 30 days", 30 * DAY),
];
const SHOWN: [(&str, &str, Show); 3] = [
    ("errors", "Errors", Show::Errors),
    ("writes", "Writes", Show::Writes),
    (
        "errors_and_writes",
        "Errors and writes",
        Show::ErrorsAndWrites,
    ),
];

/// What is asked for.
pub(super) struct Choice {
    pub(super) tenant: Option<Tenant>,
    /// The chosen tenant's.
    connections: Vec<Connection>,
    pub(super) filter: LogFilter,
    /// Many lines alike become one.
    pub(super) folds: bool,
    pub(super) is_filtered: bool,
    /// A time that no field of the form can say.
    pub(super) span: Option<String>,
    /// Only with this token.
    pub(super) token: Option<TokenId>,
}

/// A field of the filter form.
pub(super) struct Select {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) options: Vec<Choosable>,
}

/// A value of it.
pub(super) struct Choosable {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

impl Choice {
    pub(super) async fn read(visit: &Visit) -> Result<Self, Problem> {
        let query = &visit.query;
        let now = visit.now();
        let tenant = match query.given("tenant") {
            Some(key) => Some(visit.tenant(key).await?),
            None => None,
        };
        let mut snapshot = visit.read().await?;
        let connections = match &tenant {
            Some(tenant) => snapshot.connections(tenant.id).await?,
            None => Vec::new(),
        };
        let connection = known("connection", query.given("connection"), |name| {
            let found = connections.iter().find(|known| known.name == name);
            found.map(|connection| connection.id)
        })?;
        let token = known("token", query.given("token"), |id| {
            id.strip_prefix("tok_")?.parse().ok().map(TokenId)
        })?;
        if token.is_some() {
            visit.demand(Action::SeeTokens)?;
            // Numbers of tokens mean something within their tenant only.
            known("tenant", Some(query.get("tenant")), |_| tenant.as_ref())?;
        }
        let name = query.given("q").map(str::to_owned);
        let mut whose = visit.viewer.whose();
        if name.is_some() && tenant.is_none() && !matches!(whose, Whose::Named(_)) {
            whose = Whose::Named(all(snapshot.as_mut()).await?);
        }
        let cause = known("cause", query.given("cause"), Cause::from_code)?;
        let show = known("show", query.given("show"), |name| {
            let found = SHOWN.iter().find(|(known, ..)| *known == name);
            found.map(|(.., show)| *show)
        })?;
        let last = known("last", query.given("last"), |name| {
            let found = TIMES.iter().find(|(known, ..)| *known == name);
            found.map(|(.., length)| now - length)
        })?;
        let time = |name| {
            known(name, query.given(name), |text| {
                scim::datetime::parse(text).map(|at| at.as_millisecond())
            })
        };
        let (since, until) = (time("since")?, time("until")?);
        let span = [
            query.given("since").map(|at| format!("from {at}")),
            query.given("until").map(|at| format!("before {at}")),
        ];
        let span: Vec<String> = span.into_iter().flatten().collect();
        let asks = [
            "tenant",
            "connection",
            "token",
            "q",
            "cause",
            "show",
            "last",
        ];
        let asks = asks
            .iter()
            .chain(&["operation", "status", "since", "until"]);
        Ok(Self {
            folds: query.get("fold") != "off",
            is_filtered: asks.into_iter().any(|name| query.given(name).is_some()),
            span: (!span.is_empty()).then(|| span.join(", ")),
            token,
            filter: LogFilter {
                tenant: tenant.as_ref().map(|tenant| tenant.id),
                whose: match tenant {
                    Some(_) => Whose::All,
                    None => whose,
                },
                connection,
                token,
                operation: known("operation", query.given("operation"), Operation::named)?,
                status: known("status", query.given("status"), |text| {
                    text.parse().ok().map(|status| status..=status)
                })?,
                // A cause is told of refusals only, which are found without a look at the rest.
                show: match (show, cause) {
                    (_, Some(_)) => Show::Errors,
                    (show, None) => show.unwrap_or_default(),
                },
                cause,
                name,
                since: since.max(last),
                until,
                before: known("after", query.given("after"), |text| text.parse().ok())?,
                ..LogFilter::default()
            },
            tenant,
            connections,
        })
    }

    /// The fields of the form, with what is chosen.
    pub(super) async fn selects(&self, visit: &Visit) -> Result<Vec<Select>, Problem> {
        let mut snapshot = visit.read().await?;
        let mut tenants = Vec::new();
        match visit.viewer.tenants() {
            Some(ids) => {
                for id in ids.iter().take(TENANTS) {
                    tenants.extend(snapshot.tenant_by_id(*id).await?);
                }
            }
            None => tenants = snapshot.tenants("", TENANTS).await?,
        }
        if let Some(tenant) = &self.tenant
            && !tenants.iter().any(|known| known.id == tenant.id)
        {
            tenants.push(tenant.clone());
        }
        let tenants = tenants.into_iter().map(|tenant| (tenant.key, tenant.name));
        let connections = self.connections.iter();
        let connections = connections.map(|one| (one.name.clone(), one.name.clone()));
        let select = |name, label, any: &str, values: Vec<(String, String)>| {
            let chosen = visit.query.get(name);
            let any = (String::new(), any.to_owned());
            let options = std::iter::once(any).chain(values);
            Select {
                name,
                label,
                options: options
                    .map(|(value, label)| Choosable {
                        is_chosen: value == chosen,
                        value,
                        label,
                    })
                    .collect(),
            }
        };
        let own = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
            pairs
                .map(|(value, label)| (value.to_owned(), label.to_owned()))
                .collect::<Vec<_>>()
        };
        let shown = own(&mut SHOWN.iter().map(|(value, label, _)| (*value, *label)));
        let times = own(&mut TIMES.iter().map(|(value, label, _)| (*value, *label)));
        let operations = own(&mut Operation::ALL.iter().map(|one| (one.as_str(), verb(*one))));
        let causes = own(&mut Cause::ALL.iter().map(|one| (one.as_str(), one.as_str())));
        let mut selects = vec![select("tenant", "Tenant", "All tenants", tenants.collect())];
        if self.tenant.is_some() {
            let connections = connections.collect();
            selects.push(select(
                "connection",
                "Connection",
                "All connections",
                connections,
            ));
        }
        selects.push(select("show", "Outcome", "Any outcome", shown));
        selects.push(select(
            "operation",
            "Operation",
            "Any operation",
            operations,
        ));
        selects.push(select("cause", "Cause", "Any cause", causes));
        selects.push(select("last", "Time", "Any time", times));
        Ok(selects)
    }
}

/// Every tenant, if they are few enough to be searched one after the other.
async fn all(snapshot: &mut dyn Snapshot) -> Result<Vec<TenantId>, Problem> {
    let tenants = snapshot.tenants("", TENANTS + 1).await?;
    if tenants.len() > TENANTS {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "Choose a tenant to search for a name",
            "Names are kept as hashes, apart for each tenant, and there are many tenants.",
            "Go back, choose the tenant, and search again.",
        ));
    }
    Ok(tenants.into_iter().map(|tenant| tenant.id).collect())
}

/// The value of a parameter; a problem if it is none.
fn known<T>(
    name: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    read(text).map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "The filter cannot be used",
            format!("The address has “{name}” with the value “{text}”, which there is not."),
            "Open the sync log anew and choose from its lists.",
        )
    })
}
