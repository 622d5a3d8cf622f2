//! OneLogin, JumpCloud, Google Workspace, PingOne, Keycloak and authentik.

mod authentik;
mod google;
mod jumpcloud;
mod keycloak;
mod onelogin;
mod ping;

use serde_json::Value;

use crate::{
    resources::segment,
    simulator::{
        message::{Grade, Kind},
        person::Attribute,
        wire::Voice,
    },
};

pub(crate) use authentik::AUTHENTIK;
pub(crate) use google::GOOGLE;
pub(crate) use jumpcloud::JUMPCLOUD;
pub(crate) use keycloak::KEYCLOAK;
pub(crate) use onelogin::ONELOGIN;
pub(crate) use ping::PING;

const fn kind(says: &'static str, sends: &'static str, grade: Grade, source: &'static str) -> Kind {
    Kind {
        says,
        sends,
        grade,
        source,
    }
}

const UNPUBLISHED: &str = "not published; what its known messages suggest";

const MAPPING: &[Attribute] = &[
    Attribute::UserName,
    Attribute::ExternalId,
    Attribute::Active,
    Attribute::DisplayName,
    Attribute::WorkEmail,
    Attribute::GivenName,
    Attribute::FamilyName,
];

const SCIM: Voice = Voice {
    headers: &[("accept", "application/scim+json")],
    content_type: "application/scim+json",
    typed_delete: false,
    patience: 3,
    stubbornness: 1,
    finds_again: true,
};

fn as_it_is(_: &mut Value) {}

fn quoted(attribute: &str, value: &str) -> String {
    format!(
        "filter={}",
        segment(&format!("{attribute} eq {}", Value::from(value)))
    )
}
