//! `provisor push target`: where to push to.

use clap::Subcommand;
use provisor_server::outbound::{TargetSettings, forget_locks, settings::Deprovision, view};
use provisor_store::{
    Change, Outcome, TargetChange, Tenant,
    change::CHUNK,
    target::{Target, TargetCounts},
};

use super::{Which, change, find, flags::Flags};
use crate::{
    commands::{Context, argument::TenantKey},
    directory::{Directory, unexpected},
    failure::Failure,
    open,
    terminal::{self, Form},
};

#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// Make a target; it pushes nothing until `provisor push activate` or `provisor push sync`
    #[command(after_help = "\
Examples:
  provisor push target create --tenant acme --name crm \\
    --url https://crm.example.com/scim/v2 --secret-file token.txt
  provisor push target create --tenant acme --name wiki \\
    --url https://wiki.example.com/scim --auth oauth --secret-file secret.txt \\
    --token-url https://wiki.example.com/oauth/token --client-id provisor \\
    --users 'userType eq \"Employee\"' --team Sales \\
    --rule 'displayName=template:{name.givenName} {name.familyName}'")]
    Create {
        #[command(flatten)]
        tenant: TenantKey,
        /// Its name, unique in the tenant
        #[arg(long, value_name = "NAME")]
        name: String,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Change a target; what is not named stays
    #[command(
        after_help = "Example:\n  provisor push target set --tenant acme --name crm --deprovision delete"
    )]
    Set {
        #[command(flatten)]
        which: Which,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Show a target and how much there is to do
    #[command(after_help = "Example:\n  provisor push target show --tenant acme --name crm")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// List a tenant's targets
    #[command(after_help = "Example:\n  provisor push target list --tenant acme --json")]
    List {
        #[command(flatten)]
        tenant: TenantKey,
    },
    /// Forget a target, its log, and which of its users are ours; nothing changes in the target itself
    #[command(
        after_help = "Example:\n  provisor push target remove --tenant acme --name crm --force"
    )]
    Remove {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

impl TargetCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = context.directory()?;
        match self {
            TargetCommand::Create {
                tenant,
                name,
                flags,
            } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                create(context, &directory, &tenant, name, &flags).await
            }
            TargetCommand::Set {
                which,
                rename,
                flags,
            } => set(context, &directory, &which, rename, &flags).await,
            TargetCommand::Show { which } => {
                let (_, target) = find(&directory, &which).await?;
                show(context, &directory, &target).await
            }
            TargetCommand::List { tenant } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                list(context, &directory, &tenant).await
            }
            TargetCommand::Remove { which, force } => {
                let (tenant, target) = find(&directory, &which).await?;
                if !force {
                    terminal::confirm(
                        &format!(
                            "Target \"{}\" and its log will be forgotten; its users stay where they are.",
                            target.name
                        ),
                        &target.name,
                    )?;
                }
                remove(context, &directory, &tenant, &target).await
            }
        }
    }
}

async fn create(
    context: &Context,
    directory: &Directory,
    tenant: &Tenant,
    name: String,
    flags: &Flags,
) -> Result<(), Failure> {
    let settings = flags.apply(&TargetSettings::default())?;
    if settings.url.is_empty() {
        return Err(Failure::usage(
            "Say where to push to: --url https://…/scim/v2",
        ));
    }
    check(directory, tenant, &settings).await?;
    let secret = flags.secret()?;
    let new = TargetChange::Create {
        name,
        settings: settings.to_json(),
    };
    let mut target = change(directory, tenant, new).await?;
    if let Some(secret) = secret {
        target = seal(context, directory, tenant, &target, &secret).await?;
    }
    terminal::note(&format!(
        "Next: provisor push test --tenant {0} --name {1}, then provisor push preview, sync or activate.",
        tenant.key, target.name
    ));
    show(context, directory, &target).await
}

async fn check(
    directory: &Directory,
    tenant: &Tenant,
    settings: &TargetSettings,
) -> Result<(), Failure> {
    let registry = directory.read().await?.registry(tenant.id).await?;
    settings.check(&registry).map_err(Failure::failed)
}

async fn seal(
    context: &Context,
    directory: &Directory,
    tenant: &Tenant,
    target: &Target,
    secret: &str,
) -> Result<Target, Failure> {
    let key = open::secret_key(&context.path()?)?;
    let set = key.seal_of(target, secret).map_err(Failure::failed)?;
    change(directory, tenant, set).await
}

async fn set(
    context: &Context,
    directory: &Directory,
    which: &Which,
    rename: Option<String>,
    flags: &Flags,
) -> Result<(), Failure> {
    let (tenant, mut target) = find(directory, which).await?;
    let before = TargetSettings::of(&target).map_err(Failure::failed)?;
    if rename.is_none() && flags.is_empty(&before)? {
        return Err(Failure::usage(
            "Nothing would change. `provisor push target set --help` lists the settings.",
        ));
    }
    let settings = flags.apply(&before)?;
    check(directory, &tenant, &settings).await?;
    let secret = match flags.secret()? {
        Some(secret) => {
            let key = open::secret_key(&context.path()?)?;
            let sealed = key.seal(&target, &settings, &secret);
            Some(sealed.map_err(Failure::failed)?)
        }
        None => None,
    };
    let had_secret = target.credentials.is_some();
    let set = settings.change(&before, target.id, rename, secret);
    target = change(directory, &tenant, set).await?;
    if had_secret && target.credentials.is_none() {
        terminal::note(
            "The secret is forgotten: it was for another address or another way to sign in. Set it with --secret-file.",
        );
    }
    show(context, directory, &target).await
}

pub(super) async fn activate(
    context: &Context,
    which: &Which,
    active: bool,
) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (tenant, target) = find(&directory, which).await?;
    let settings = TargetSettings::of(&target).map_err(Failure::failed)?;
    if active {
        settings.may_be_activated().map_err(Failure::failed)?;
    }
    let set = TargetChange::Set {
        id: target.id,
        name: None,
        settings: None,
        active: Some(active),
        credentials: None,
    };
    let target = change(&directory, &tenant, set).await?;
    show(context, &directory, &target).await
}

async fn remove(
    context: &Context,
    directory: &Directory,
    tenant: &Tenant,
    target: &Target,
) -> Result<(), Failure> {
    loop {
        let remove = TargetChange::Remove {
            id: target.id,
            chunk: CHUNK,
        };
        match directory.write(tenant.id, Change::Target(remove)).await? {
            Outcome::TargetRemoved { done: true } => break,
            Outcome::TargetRemoved { done: false } => {}
            other => return Err(unexpected(&other)),
        }
    }
    forget_locks(&*directory.shared(), &context.path()?).await;
    if context.json {
        return terminal::json(&serde_json::json!({ "removed": target.name }));
    }
    terminal::note(&format!("Target \"{}\" is forgotten.", target.name));
    Ok(())
}

/// How much there is to do, and how many events were not looked at yet.
async fn counts(directory: &Directory, target: &Target) -> Result<(TargetCounts, i64), Failure> {
    let mut view = directory.read().await?;
    let counts = view.target_counts((target.tenant, target.id)).await?;
    let (_, last) = view.events(target.tenant, i64::MAX - 1, 1).await?;
    let is_behind = !target.is_fed_from_files();
    Ok((counts, if is_behind { last - target.cursor } else { 0 }))
}

fn of(counts: [u64; 2]) -> String {
    format!("{} users, {} teams", counts[0], counts[1])
}

fn each(seconds: u64, none: &str) -> String {
    match seconds {
        0 => none.to_owned(),
        seconds if seconds % 86_400 == 0 => format!("every {} d", seconds / 86_400),
        seconds if seconds % 3600 == 0 => format!("every {} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("every {} min", seconds / 60),
        seconds => format!("every {seconds} s"),
    }
}

fn leavers(settings: &TargetSettings) -> String {
    let what = match (settings.deactivate, settings.deprovision) {
        (false, _) => return "left as they are".to_owned(),
        (true, Deprovision::Deactivate) => "deactivated",
        (true, Deprovision::Delete) => "deleted",
    };
    match settings.most_removals {
        0 => what.to_owned(),
        most => format!("{what}, at most {most} in a day"),
    }
}

async fn show(context: &Context, directory: &Directory, target: &Target) -> Result<(), Failure> {
    let (counts, behind) = counts(directory, target).await?;
    let settings = TargetSettings::of(target).map_err(Failure::failed)?;
    let rules: Vec<String> = settings
        .rules
        .iter()
        .map(provisor_server::outbound::mapping::Rule::to_text)
        .collect();
    let last = if target.ran > 0 {
        scim::datetime::format_millis(target.ran)
    } else {
        String::new()
    };
    terminal::show(
        context.json,
        &view::target(target, &counts, behind),
        &[
            ("name", target.name.clone()),
            ("state", view::state(target).to_owned()),
            ("url", settings.url.clone()),
            ("sign-in", view::auth(&settings.auth)),
            (
                "secret",
                if target.credentials.is_some() {
                    "set"
                } else {
                    "none"
                }
                .to_owned(),
            ),
            ("pushes", view::pushes(&settings)),
            ("leavers are", leavers(&settings)),
            (
                "users",
                settings.users.clone().unwrap_or_else(|| "all".to_owned()),
            ),
            (
                "teams",
                match (&settings.only_teams, settings.team_names.as_slice()) {
                    (None, []) => "all".to_owned(),
                    (filter, names) => [filter.clone().unwrap_or_default(), names.join(", ")]
                        .join(" ")
                        .trim()
                        .to_owned(),
                },
            ),
            ("rules", rules.join("; ")),
            (
                "pushed",
                match target.is_fed_from_files() {
                    true => "with `provisor push csv`".to_owned(),
                    false => each(settings.every, "at each change"),
                },
            ),
            (
                "compared",
                match target.is_fed_from_files() {
                    true => "with `provisor push csv --compare`".to_owned(),
                    false => each(settings.compare_every, "when asked"),
                },
            ),
            ("linked", of(counts.linked)),
            ("to do", of(counts.due)),
            ("events behind", behind.to_string()),
            ("in trouble", of(counts.troubled)),
            ("last run", last),
            ("outcome", view::outcome(target).to_owned()),
        ],
    )
}

async fn list(context: &Context, directory: &Directory, tenant: &Tenant) -> Result<(), Failure> {
    let mut found = Vec::new();
    for target in directory.read().await?.targets(Some(tenant.id)).await? {
        let (counts, behind) = counts(directory, &target).await?;
        found.push((target, counts, behind));
    }
    terminal::list(
        Form::new(context.json, false),
        &[
            "name",
            "state",
            "url",
            "linked",
            "to do",
            "in trouble",
            "outcome",
        ],
        &found,
        |(target, counts, _)| {
            vec![
                target.name.clone(),
                view::state(target).to_owned(),
                target.settings["url"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                of(counts.linked),
                of(counts.due),
                of(counts.troubled),
                view::outcome(target).to_owned(),
            ]
        },
        |(target, counts, behind)| view::target(target, counts, *behind),
    )
}
