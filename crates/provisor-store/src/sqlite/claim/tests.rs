//! Between a proof and the transaction that relies on it anything may happen.

use std::sync::Arc;

use scim::{Fired, Profile, Value, resource, resource::Incoming};
use serde_json::json;

use super::{
    super::{
        MIGRATIONS, file,
        write::{RulesCache, Transaction, Verdict},
    },
    *,
};
use crate::{
    Actor, Change, Identifier, Origin, Outcome, RequestId, change::ConnectionSettings, migration,
};

/// A directory with one tenant, written without a writer's thread.
pub(in crate::sqlite) struct Directory {
    pub(in crate::sqlite) connection: Connection,
    pub(in crate::sqlite) rules: RulesCache,
    pub(in crate::sqlite) tenant: TenantId,
    _folder: tempfile::TempDir,
}

impl Directory {
    pub(in crate::sqlite) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.db");
        let connection = file::open_writer(&path, std::time::Duration::ZERO).unwrap();
        migration::migrate(&connection, MIGRATIONS).unwrap();
        let mut directory = Self {
            connection,
            rules: RulesCache::default(),
            tenant: TenantId::SYSTEM,
            _folder: folder,
        };
        let change = Change::CreateTenant {
            key: "acme".into(),
            name: String::new(),
        };
        let Verdict::Done(Outcome::Tenant(tenant)) = directory.write(&change, &[]) else {
            panic!("no tenant");
        };
        directory.tenant = tenant.id;
        directory
    }

    fn write(&mut self, change: &Change, proofs: &[Proof]) -> Verdict {
        let origin = Origin {
            tenant: self.tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        let mut transaction = Transaction::begin(&self.connection, &mut self.rules, 1).unwrap();
        let verdict = transaction.apply(&origin, change, proofs, None).unwrap();
        transaction.commit().unwrap();
        verdict
    }

    fn incoming(&self, kind: &str, mut body: Value) -> (Arc<ResourceType>, Incoming) {
        let kinds = caller::kinds(&self.connection, self.tenant).unwrap();
        let kind = kinds.registry.by_name(kind).cloned().unwrap();
        let mut schemas = vec![kind.schema.id.clone()];
        schemas.extend(
            kind.extensions
                .iter()
                .map(|extension| extension.schema.id.clone()),
        );
        body["schemas"] = json!(schemas);
        let body = body.as_object().unwrap().clone();
        let incoming = resource::read(&kind, body, &Profile::GENERIC, &mut Fired::default());
        (kind, incoming.unwrap())
    }

    pub(in crate::sqlite) fn create(&mut self, kind: &str, body: Value) {
        let (kind, incoming) = self.incoming(kind, body);
        let create = Change::Create {
            kind,
            incoming,
            half: false,
        };
        let verdict = self.write(&create, &[]);
        assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    }

    pub(in crate::sqlite) fn replace(&mut self, kind: &str, id: Id, body: Value) {
        let (kind, incoming) = self.incoming(kind, body);
        let replace = Change::Replace {
            kind,
            id,
            incoming,
            precondition: None,
        };
        let verdict = self.write(&replace, &[]);
        assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    }

    fn prove(&self, claim: Claim, earlier: Option<&Proof>) -> Proof {
        examine(&self.connection, self.tenant, claim, earlier).unwrap()
    }
}

fn identified_by(identifier: Identifier) -> Change {
    Change::CreateConnection(ConnectionSettings {
        identifier: Some(identifier),
        ..ConnectionSettings::default()
    })
}

fn user(name: &str, email: &str, external: &str) -> Value {
    json!({ "userName": name, "externalId": external, "emails": [{ "value": email, "primary": true }] })
}

#[test]
fn what_changed_after_the_proof_is_looked_at() {
    let long = format!("{}@x.org", "l".repeat(220));
    let unique_teams = Change::CreateConnection(ConnectionSettings {
        unique_team_names: Some(true),
        ..ConnectionSettings::default()
    });
    let by_email = identified_by(Identifier::Email);
    let by_external = identified_by(Identifier::ExternalId);
    let team = |name: &str| json!({ "displayName": name });
    for (change, claim, kind, before, after, twin) in [
        (
            &by_email,
            Claim::UniqueEmails,
            "User",
            user("a", "same@x.org", "1"),
            user("b", "SAME@x.org", "2"),
            Some("same@x.org"),
        ),
        (
            &by_email,
            Claim::UniqueEmails,
            "User",
            user("name@x.org", "a@x.org", "1"),
            user("b", "Name@x.org", "2"),
            Some("name@x.org"),
        ),
        (
            &by_email,
            Claim::UniqueEmails,
            "User",
            user("a", "name@x.org", "1"),
            user("NAME@x.org", "b@x.org", "2"),
            Some("name@x.org"),
        ),
        (
            &by_email,
            Claim::UniqueEmails,
            "User",
            user("a", &long, "1"),
            user(&long, "b@x.org", "2"),
            Some("llll"),
        ),
        (
            &by_email,
            Claim::UniqueEmails,
            "User",
            user(&long, "a@x.org", "1"),
            user("b", &long, "2"),
            Some("llll"),
        ),
        (
            &by_email,
            Claim::UniqueEmails,
            "User",
            user("a", "a@x.org", "e"),
            user("b@x.org", "b@x.org", "e"),
            None,
        ),
        (
            &by_external,
            Claim::UniqueExternalIds,
            "User",
            user("a", "a@x.org", "e"),
            user("b", "b@x.org", "e"),
            Some("e"),
        ),
        (
            &by_external,
            Claim::UniqueExternalIds,
            "User",
            user("a", "same@x.org", "e"),
            user("b", "same@x.org", "E"),
            None,
        ),
        (
            &unique_teams,
            Claim::UniqueTeamNames,
            "Group",
            team("Team"),
            team("TEAM"),
            Some("team"),
        ),
        (
            &unique_teams,
            Claim::UniqueTeamNames,
            "Group",
            team("Team"),
            team("Other"),
            None,
        ),
    ] {
        let mut directory = Directory::new();
        directory.create(kind, before.clone());
        let verdict = directory.write(change, &[]);
        assert!(
            matches!(&verdict, Verdict::Unproven(asked) if *asked == claim),
            "{verdict:?}"
        );
        let proof = directory.prove(claim.clone(), None);
        assert_eq!(proof.against, Vec::<String>::new(), "{before}");
        directory.create(kind, after.clone());
        // What the transaction finds, a proof brought up to date and a new one find as well.
        let updated = directory.prove(claim.clone(), Some(&proof));
        let anew = directory.prove(claim, None);
        for proof in [proof, updated, anew] {
            match (directory.write(change, &[proof]), twin) {
                (Verdict::Done(_), None) => {}
                (Verdict::Refused(refusal), Some(twin)) => {
                    assert!(refusal.error.detail.contains(twin), "{refusal:?}");
                }
                (verdict, _) => panic!("{before} {after}: {verdict:?}"),
            }
            if twin.is_none() {
                break;
            }
        }
    }
}

#[test]
fn a_proof_that_is_too_old_is_brought_up_to_date_first() {
    let mut directory = Directory::new();
    let change = identified_by(Identifier::Email);
    let proof = directory.prove(Claim::UniqueEmails, None);
    for number in 0..=FEW {
        directory.create("User", json!({ "userName": format!("user-{number}") }));
    }
    let verdict = directory.write(&change, std::slice::from_ref(&proof));
    assert!(matches!(verdict, Verdict::Unproven(_)), "{verdict:?}");
    let proof = directory.prove(Claim::UniqueEmails, Some(&proof));
    for number in 0..FEW {
        directory.create("User", json!({ "userName": format!("later-{number}") }));
    }
    let verdict = directory.write(&change, &[proof]);
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
}

#[test]
fn a_schema_is_not_removed_while_a_resource_begins_to_use_it() {
    let mut directory = Directory::new();
    let urn = "urn:acme:Badge";
    for document in [
        json!({ "id": urn, "name": "Badge", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "attributes": [{ "name": "color", "type": "string", "multiValued": false }] }),
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "id": "Door", "name": "Door",
            "endpoint": "/Doors", "schema": urn }),
    ] {
        let verdict = directory.write(&Change::PutSchema { document }, &[]);
        assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    }
    let poorer = Change::PutSchema {
        document: json!({ "id": urn, "name": "Badge", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "attributes": [{ "name": "size", "type": "string", "multiValued": false }] }),
    };
    let claim = Claim::Unmentioned(urn.into());
    let verdict = directory.write(&poorer, &[]);
    assert!(
        matches!(&verdict, Verdict::Unproven(asked) if *asked == claim),
        "{verdict:?}"
    );
    let proof = directory.prove(claim, None);
    directory.create("Door", json!({ "color": "red" }));
    let verdict = directory.write(&poorer, std::slice::from_ref(&proof));
    assert!(matches!(&verdict, Verdict::Refused(_)), "{verdict:?}");
}
