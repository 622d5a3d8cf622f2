//! `/targets/new` and a target's settings: one form for both.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Change, Outcome, TargetChange, Tenant,
    target::{Sealed, Target},
};

use super::{named, path};
use crate::{
    console::{
        Problem,
        fields::Fields,
        layout::{Flash, Layout},
        tenants,
        visit::Visit,
    },
    outbound::{
        TargetSettings,
        mapping::Rule,
        settings::{AuthMode, Deprovision, MatchBy, Writes},
    },
};

/// How many tenants the form lists.
const LISTED: usize = 200;

#[derive(Template)]
#[template(path = "targets/edit.html")]
struct Form {
    layout: Layout,
    title: String,
    back: String,
    /// To choose from, for a new target; an existing one stays in its tenant.
    tenants: Vec<Choice>,
    is_new: bool,
    has_secret: bool,
    /// Fields as they were sent, or as the settings are.
    sent: Fields,
    error: Option<String>,
}

/// One of several things to choose.
struct Choice {
    value: String,
    label: String,
}

impl Form {
    fn value(&self, name: &str) -> &str {
        self.sent.get(name)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.sent.get(name) == value
    }

    fn on(&self, name: &str) -> bool {
        self.sent.given(name).is_some()
    }
}

/// Asks for a new target.
pub(in crate::console) async fn form(visit: Visit) -> Result<Response, Problem> {
    let sent = as_fields("", &TargetSettings::default(), visit.query.get("tenant"));
    let page = new_form(&visit, sent, None).await?;
    visit.page(&page)
}

/// Makes it.
pub(in crate::console) async fn create(visit: Visit) -> Result<Response, Problem> {
    let wrong = match visit.form.given("tenant") {
        None => "Choose the tenant whose users and teams are pushed.".to_owned(),
        Some(key) => {
            let tenant = visit.tenant(key).await?;
            match made(&visit, &tenant).await? {
                Ok(target) => {
                    let done = format!(
                        "“{}” is there, and paused. Test it, look at its preview, then activate it.",
                        target.name
                    );
                    return Ok(visit.go(&path(&tenant.key, target.id), Some(Flash::done(done))));
                }
                Err(wrong) => wrong,
            }
        }
    };
    let page = new_form(&visit, visit.form.clone(), Some(wrong)).await?;
    visit.page_again(&page)
}

async fn made(visit: &Visit, tenant: &Tenant) -> Result<Result<Target, String>, Problem> {
    let settings = match read(visit, tenant, TargetSettings::default()).await? {
        Ok(settings) => settings,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let change = TargetChange::Create {
        name: visit.form.get("name").to_owned(),
        settings: settings.to_json(),
    };
    match visit.try_write(tenant.id, Change::Target(change)).await? {
        Ok(Outcome::Target(target)) => Ok(seal(visit, &target).await?.map(|()| target)),
        Ok(other) => Err(Problem::internal(&format!("{other:?} is no target"))),
        Err(wrong) => Ok(Err(wrong)),
    }
}

/// Shows an existing target's settings.
pub(in crate::console) async fn settings(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let settings = super::settings(&target)?;
    let sent = as_fields(&target.name, &settings, &tenant.key);
    visit.page(&old_form(&visit, &tenant, &target, sent, None))
}

/// Changes them.
pub(in crate::console) async fn change(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let before = super::settings(&target)?;
    let wrong = match read(&visit, &tenant, before.clone()).await? {
        Ok(settings) => match changed(&visit, &target, &before, &settings).await? {
            Ok(done) => {
                return Ok(visit.go(&path(&tenant.key, target.id), Some(Flash::done(done))));
            }
            Err(wrong) => wrong,
        },
        Err(wrong) => wrong,
    };
    let page = old_form(&visit, &tenant, &target, visit.form.clone(), Some(wrong));
    visit.page_again(&page)
}

/// Writes settings and secret at once; what to say of it.
async fn changed(
    visit: &Visit,
    target: &Target,
    before: &TargetSettings,
    settings: &TargetSettings,
) -> Result<Result<&'static str, String>, Problem> {
    let secret = match sealed(visit, target, settings) {
        Ok(secret) => secret,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let forgotten =
        target.credentials.is_some() && secret.is_none() && settings.goes_elsewhere(before);
    let name = Some(visit.form.get("name").to_owned());
    let change = Change::Target(settings.change(before, target.id, name, secret));
    let done = if forgotten {
        "The settings are changed, and the secret is forgotten: it was for another address or another way to sign in. Set it again."
    } else {
        "The settings are changed. With the next run everything is looked at again."
    };
    Ok(visit.try_write(target.tenant, change).await?.map(|_| done))
}

/// The form's secret, encrypted; `None` if it has none.
fn sealed(
    visit: &Visit,
    target: &Target,
    settings: &TargetSettings,
) -> Result<Option<Sealed>, String> {
    let secret = visit.form.raw("secret").trim();
    let given = Some(secret).filter(|secret| !secret.is_empty());
    given
        .map(|secret| visit.console.key.seal(target, settings, secret))
        .transpose()
}

/// Sets a new target's credentials, if the form has some.
async fn seal(visit: &Visit, target: &Target) -> Result<Result<(), String>, Problem> {
    let secret = visit.form.raw("secret").trim();
    if secret.is_empty() {
        return Ok(Ok(()));
    }
    let set = match visit.console.key.seal_of(target, secret) {
        Ok(set) => set,
        Err(wrong) => return Ok(Err(wrong)),
    };
    Ok(visit
        .try_write(target.tenant, Change::Target(set))
        .await?
        .map(drop))
}

async fn new_form(visit: &Visit, sent: Fields, error: Option<String>) -> Result<Form, Problem> {
    let (found, _) = tenants::page(visit, LISTED).await?;
    let choice = |tenant: Tenant| Choice {
        label: format!("{} ({})", tenant.name, tenant.key),
        value: tenant.key,
    };
    Ok(Form {
        layout: visit.layout("New target", None),
        title: "New target".to_owned(),
        back: "/targets".to_owned(),
        tenants: found.into_iter().map(choice).collect(),
        is_new: true,
        has_secret: false,
        sent,
        error,
    })
}

fn old_form(
    visit: &Visit,
    tenant: &Tenant,
    target: &Target,
    sent: Fields,
    error: Option<String>,
) -> Form {
    Form {
        layout: visit.layout("Target", Some(tenant)),
        title: format!("Settings of “{}”", target.name),
        back: path(&tenant.key, target.id),
        tenants: Vec::new(),
        is_new: false,
        has_secret: target.credentials.is_some(),
        sent,
        error,
    }
}

/// An existing target as the form would have sent it.
fn as_fields(name: &str, settings: &TargetSettings, tenant: &str) -> Fields {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let mut put = |name: &str, value: &str| {
        form.append_pair(name, value);
    };
    put("tenant", tenant);
    put("name", name);
    put("url", &settings.url);
    match &settings.auth {
        AuthMode::Bearer => put("auth", "bearer"),
        AuthMode::Raw => put("auth", "raw"),
        AuthMode::Basic { user } => {
            put("auth", "basic");
            put("user", user);
        }
        AuthMode::Oauth {
            token_url,
            client_id,
            scope,
        } => {
            put("auth", "oauth");
            put("token_url", token_url);
            put("client_id", client_id);
            put("oauth_scope", scope.as_deref().unwrap_or_default());
        }
    }
    put(
        "identifier",
        match settings.identifier {
            MatchBy::UserName => "userName",
            MatchBy::Email => "email",
            MatchBy::ExternalId => "externalId",
        },
    );
    put(
        "deprovision",
        match settings.deprovision {
            Deprovision::Deactivate => "deactivate",
            Deprovision::Delete => "delete",
        },
    );
    put(
        "writes",
        match settings.writes {
            Writes::Auto => "auto",
            Writes::Patch => "patch",
            Writes::Put => "put",
        },
    );
    for (name, is_on) in [
        ("create", settings.create),
        ("update", settings.update),
        ("deactivate", settings.deactivate),
        ("push_teams", settings.teams),
        ("only_rules", settings.only_rules),
        ("nested_teams", settings.nested_teams),
    ] {
        if is_on {
            put(name, "on");
        }
    }
    let rules: Vec<String> = settings.rules.iter().map(Rule::to_text).collect();
    put("rules", &rules.join("\n"));
    put("users", settings.users.as_deref().unwrap_or_default());
    put("teams", settings.only_teams.as_deref().unwrap_or_default());
    put("team_names", &settings.team_names.join("\n"));
    for (name, number) in [
        ("every", settings.every / 60),
        ("compare_every", settings.compare_every / 3600),
        ("batch", settings.batch as u64),
        ("rate", settings.rate.into()),
        ("parallel", settings.parallel as u64),
        ("most_removals", settings.most_removals),
    ] {
        put(name, &number.to_string());
    }
    Fields::parse(form.finish().as_bytes())
}

/// What the form asks for; what it does not show stays.
async fn read(
    visit: &Visit,
    tenant: &Tenant,
    before: TargetSettings,
) -> Result<Result<TargetSettings, String>, Problem> {
    let registry = visit.read().await?.registry(tenant.id).await?;
    Ok(
        fill(&visit.form, &before)
            .and_then(|settings| settings.check(&registry).map(|()| settings)),
    )
}

fn fill(form: &Fields, before: &TargetSettings) -> Result<TargetSettings, String> {
    let mut settings = before.clone();
    settings.url = form.get("url").trim_end_matches('/').to_owned();
    let demand = |name: &str, what: &str| {
        form.given(name)
            .map(str::to_owned)
            .ok_or_else(|| format!("This way to sign in needs {what}."))
    };
    settings.auth = match form.get("auth") {
        "basic" => AuthMode::Basic {
            user: demand("user", "a user")?,
        },
        "oauth" => AuthMode::Oauth {
            token_url: demand("token_url", "the URL where tokens are fetched")?,
            client_id: demand("client_id", "the client's id")?,
            scope: form.given("oauth_scope").map(str::to_owned),
        },
        "raw" => AuthMode::Raw,
        _ => AuthMode::Bearer,
    };
    // Whom a private address was allowed for is for the machine's operator to say, for each address anew.
    settings.private &= !settings.goes_elsewhere(before);
    settings.identifier = match form.get("identifier") {
        "email" => MatchBy::Email,
        "externalId" => MatchBy::ExternalId,
        _ => MatchBy::UserName,
    };
    settings.deprovision = match form.get("deprovision") {
        "delete" => Deprovision::Delete,
        _ => Deprovision::Deactivate,
    };
    settings.writes = match form.get("writes") {
        "patch" => Writes::Patch,
        "put" => Writes::Put,
        _ => Writes::Auto,
    };
    let on = |name: &str| form.given(name).is_some();
    (settings.create, settings.update) = (on("create"), on("update"));
    (settings.deactivate, settings.teams) = (on("deactivate"), on("push_teams"));
    (settings.only_rules, settings.nested_teams) = (on("only_rules"), on("nested_teams"));
    let lines = |name: &str| -> Vec<String> {
        let lines = form
            .raw(name)
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    settings.rules = lines("rules")
        .iter()
        .map(|line| Rule::parse(line))
        .collect::<Result<_, _>>()?;
    settings.team_names = lines("team_names");
    settings.users = form.given("users").map(str::to_owned);
    settings.only_teams = form.given("teams").map(str::to_owned);
    let number = |name: &str, what: &str, largest: u64| -> Result<u64, String> {
        let text = form.given(name).unwrap_or("0");
        let number = text.parse::<u64>().ok().filter(|number| *number <= largest);
        number.ok_or_else(|| format!("{what}: \"{text}\" is no whole number up to {largest}."))
    };
    // An interval of seconds, set at the command line, is shown as 0 minutes and stays.
    let interval = |seconds: u64, unit: u64, said: u64| {
        if seconds / unit == said {
            seconds
        } else {
            said * unit
        }
    };
    settings.every = interval(
        settings.every,
        60,
        number("every", "Minutes between two runs", 525_600)?,
    );
    settings.compare_every = interval(
        settings.compare_every,
        3600,
        number("compare_every", "Hours between two comparisons", 8_760)?,
    );
    settings.batch = usize::try_from(number("batch", "Members per request", 10_000)?).unwrap_or(1);
    settings.rate = u32::try_from(number("rate", "Requests per second", 100_000)?).unwrap_or(0);
    settings.parallel = usize::try_from(number("parallel", "Requests at once", 64)?).unwrap_or(1);
    settings.most_removals = number("most_removals", "Removals in a day", 1_000_000_000)?;
    Ok(settings)
}
