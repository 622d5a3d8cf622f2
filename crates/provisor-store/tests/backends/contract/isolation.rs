//! Whatever belongs to another tenant answers exactly like something unknown.

use provisor_store::{
    Change, ConnectionId, Id, PageStart, Precondition, TokenId, change::ConnectionSettings,
    search::Position,
};
use scim::Kind;
use serde_json::json;

use super::bench::{Bench, assert_refused, ids, refs};

pub(crate) async fn another_tenants_things_are_unknown(bench: &Bench) {
    let user = bench.user("anna").await;
    let team = bench.team("T", &[user]).await;
    let gone = bench.user("gone").await;
    bench.delete("User", gone).await.unwrap();
    let foreign_kind = bench.kind("User").await;
    let seq = bench.last_seq().await;

    let other = bench.new_tenant("other").await;
    let (_, token) = bench
        .new_connection(other, ConnectionSettings::default())
        .await;
    let mine = bench.of_tenant(other, token);
    // Later, so that its ids lie behind.
    bench.later(10);
    let own = mine.user("own").await;
    let own_team = mine.team("T", &[own]).await;
    let unknown = Id([9; 16]);
    let seen = mine.last_seq().await;
    for id in [user, unknown] {
        // The same words for both, but for the id.
        let plain = |text: String| text.replace(&id.to_string(), "?");
        let not_found = "There is no User with the id ? in this tenant. It may have been deleted; \
                         look it up again, or create it.";
        let put = mine.put("User", id, json!({ "userName": "x" })).await;
        assert_eq!(plain(assert_refused(put, Kind::NotFound, &[])), not_found);
        let stale = Some(Precondition::OneOf(vec![7]));
        let put = mine
            .put_if("User", id, json!({ "userName": "x" }), stale)
            .await;
        assert_eq!(plain(assert_refused(put, Kind::NotFound, &[])), not_found);
        let patch = mine
            .patch("User", id, json!([{ "op": "remove", "path": "title" }]))
            .await;
        assert_eq!(plain(assert_refused(patch, Kind::NotFound, &[])), not_found);
        assert_eq!(
            plain(assert_refused(
                mine.delete("User", id).await,
                Kind::NotFound,
                &[]
            )),
            not_found
        );
        assert_eq!(mine.get("User", id).await, None);
        let add = json!([{ "op": "add", "path": "members", "value": refs(&[id]) }]);
        let added = mine.patch("Group", own_team, add).await;
        let text = plain(assert_refused(added, Kind::UnknownMember, &[]));
        assert!(
            text.starts_with("1 of the members are not in this tenant: ?"),
            "{text}"
        );
        let remove = json!([{ "op": "remove", "path": "members", "value": refs(&[id]) }]);
        assert!(!mine.patch("Group", own_team, remove).await.unwrap().changed);
        for change in [Change::Erase { id }, Change::Restore { id }] {
            assert_refused(mine.system(other, change).await, Kind::NotFound, &[]);
        }
    }
    assert_refused(
        mine.system(other, Change::Restore { id: gone }).await,
        Kind::NotFound,
        &[],
    );
    for filter in [
        "userName eq \"anna\"".to_owned(),
        format!("id eq \"{user}\""),
        format!("groups.value eq \"{team}\""),
        "userName co \"ann\"".to_owned(),
    ] {
        assert_eq!(mine.find("User", &filter).await, [], "{filter}");
    }
    assert_eq!(
        mine.find("Group", &format!("members.value eq \"{user}\""))
            .await,
        []
    );
    let mut view = mine.view().await;
    assert_eq!(view.members(other, team, None, 10).await.unwrap(), None);
    assert!(
        view.tombstone(other, Some(gone), None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        view.tombstone(other, None, Some("gone"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(view.events_of(other, user, 10).await.unwrap().is_empty());
    assert_eq!(
        view.get(other, &foreign_kind, user, true, true)
            .await
            .unwrap(),
        None
    );
    // A place in another tenant's list is only a place in the order of ids.
    let mut search = mine.query("User", "").await;
    search.start = PageStart::After(Position {
        id: user,
        sorted_by: None,
    });
    let after: Vec<_> = [own].into_iter().filter(|id| *id > user).collect();
    assert_eq!(
        ids(&view.search(other, &search).await.unwrap().unwrap()),
        after
    );
    let connection = Change::SetConnection {
        id: ConnectionId(2),
        settings: ConnectionSettings::default(),
    };
    assert_refused(mine.system(other, connection).await, Kind::NotFound, &[]);
    assert_refused(
        mine.system(other, Change::RevokeToken { id: TokenId(2) })
            .await,
        Kind::NotFound,
        &[],
    );
    assert_eq!(mine.last_seq().await, seen);
    assert_eq!(bench.last_seq().await, seq);
    // The same name in both is no collision, and a forgotten restriction none either.
    mine.user("anna").await;
    assert_eq!(mine.members(own_team).await, [own]);
    drop(view);
}
