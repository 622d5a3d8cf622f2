//! The other end of the wire: a SCIM 2.0 client, an identity provider simulator, a conformance checker.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use scim_client::{Auth, Client, Filter, Patch, Query, User};
//!
//! # async fn run() -> Result<(), scim_client::Error> {
//! let client = Client::new("https://scim.example.com/scim/v2", Auth::bearer("the token"))?;
//! let lena = client.users().create(&User::named("lena@example.com")).await?;
//! let patch = Patch::new().replace("active", false);
//! client.users().patch(&lena.id, &patch).await?;
//!
//! let inactive = Query::filter(Filter::eq("active", false));
//! let mut users = client.users().all(inactive);
//! while let Some(user) = users.try_next().await? {
//!     println!("{} is inactive", user.user_name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Where to go on:
//!
//! | for | see |
//! |---|---|
//! | signing in: a token, basic, OAuth 2 client credentials | [`Auth`] |
//! | timeouts, retries, private addresses, the user agent | [`Client::builder`], [`Retry`] |
//! | reading, searching, paging, writing users, groups and other resources | [`Resources`], [`Query`], [`Filter`] |
//! | changing single attributes | [`Patch`] |
//! | many changes in one request | [`Bulk`] |
//! | what the server can do | [`Discovery`] |
//! | a request that is none of these, and its answer as it came | [`Client::send`], [`Request`] |
//! | what went wrong, and whether it may have been carried out | [`Error`], [`Refusal`] |
//! | a simulated identity provider, a check of any server | [`simulator`], [`check`] |
//!
//! It runs on tokio. Each [`Error`] is a sentence; what a program decides by are its variants:
//!
//! ```no_run
//! # async fn run(client: scim_client::Client) -> Result<(), scim_client::Error> {
//! use scim_client::{Error, User};
//!
//! match client.users().create(&User::named("lena@example.com")).await {
//!     Ok(lena) => println!("created as {}", lena.id),
//!     Err(Error::Refused(refusal)) if refusal.status == 409 => println!("is there: {}", refusal.detail),
//!     // No whole answer came, so she may be there all the same: look before you send it again.
//!     Err(Error::NoAnswer { .. }) => println!("search for her"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod address;
mod auth;
mod bulk;
pub mod check;
mod client;
mod discovery;
mod error;
mod exchange;
mod filter;
mod page;
mod patch;
mod resource;
mod resources;
mod retry;
pub mod simulator;

pub use address::Reach;
pub use auth::Auth;
pub use bulk::{Bulk, BulkOutcome};
pub use client::{Builder, Client, origin};
pub use discovery::{Discovery, ServiceProviderConfig};
pub use error::{Error, Refusal};
pub use exchange::{Answer, Exchange, MEDIA_TYPE, Request};
pub use filter::Filter;
pub use page::{Page, Paging, Query};
pub use patch::Patch;
pub use reqwest::Method;
pub use resource::{Email, GROUP, Group, Member, Meta, Name, USER, User};
pub use resources::{Resources, segment};
pub use retry::Retry;
