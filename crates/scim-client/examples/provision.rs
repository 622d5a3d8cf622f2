//! Creates a user and a team, puts the one into the other, deactivates the user, and cleans up:
//! `SCIM_TOKEN=… cargo run -p scim-client --example provision -- https://host/scim/v2`

use scim_client::{Auth, Client, Filter, Group, Patch, Query, User};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::args().nth(1).ok_or("the base URL is missing")?;
    let client = Client::new(&base, Auth::bearer(&std::env::var("SCIM_TOKEN")?))?;
    let (users, groups) = (client.users(), client.groups());

    let name = "lena.provision@example.com";
    let wanted = Query::filter(Filter::eq("userName", name));
    let lena = match users.find(&wanted).await? {
        Some(lena) => lena,
        None => users.create(&User::named(name)).await?,
    };
    let team = groups.create(&Group::named("Provision example")).await?;
    let join = Patch::new().add("members", json!([{ "value": lena.id }]));
    groups.patch(&team.id, &join).await?;
    println!("{} is in {}", lena.user_name, team.display_name);

    users
        .patch(&lena.id, &Patch::new().replace("active", false))
        .await?;
    let lena = users.get(&lena.id).await?;
    println!("active: {:?}", lena.active);

    groups.delete(&team.id).await?;
    users.delete(&lena.id).await?;
    Ok(())
}
