//! Counts the users of a service provider and how many of them are active, page by page:
//! `SCIM_TOKEN=… cargo run -p scim-client --example read_all -- https://host/scim/v2`

use futures_util::TryStreamExt;
use scim_client::{Auth, Client, Paging, Query};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::args().nth(1).ok_or("the base URL is missing")?;
    let client = Client::new(&base, Auth::bearer(&std::env::var("SCIM_TOKEN")?))?;

    let cursor = client.service_provider_config().await?.cursor();
    let paging = if cursor {
        Paging::Cursor
    } else {
        Paging::Index
    };
    let query = Query::all().attributes(["userName", "active"]).count(200);
    let (mut users, mut active) = (0, 0);
    let mut all = client.users().all(query.paging(paging));
    while let Some(user) = all.try_next().await? {
        users += 1;
        active += u64::from(user.active != Some(false));
    }
    println!("{users} users, {active} active");
    Ok(())
}
