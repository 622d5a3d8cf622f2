//! Queries.

use provisor_store::{Id, Identifier, Look, Looked, PageStart, Search, Stored, search::Position};
use scim::{Fired, Kind, Map, Profile, Value, datetime::format_millis, sort::Sort};
use serde_json::json;

use super::bench::{Bench, attributes, ids, resolve};

/// A resource as the evaluator sees it.
pub(super) fn whole(stored: &Stored) -> Map<String, Value> {
    let mut all = attributes(stored);
    all.insert("id".into(), stored.id.to_string().into());
    let groups: Vec<Value> = stored
        .teams
        .iter()
        .flatten()
        .map(|team| {
            let kind = if team.direct { "direct" } else { "indirect" };
            json!({
                "value": team.id.to_string(), "$ref": format!("Groups/{}", team.id),
                "display": team.display, "type": kind,
            })
        })
        .collect();
    if !groups.is_empty() {
        all.insert("groups".into(), groups.into());
    }
    let members: Vec<Value> = stored
        .members
        .iter()
        .flatten()
        .map(|member| {
            let (folder, kind) = if member.is_team {
                ("Groups", "Group")
            } else {
                ("Users", "User")
            };
            json!({
                "value": member.id.to_string(), "$ref": format!("{folder}/{}", member.id),
                "type": kind, "display": *member.display,
            })
        })
        .collect();
    if !members.is_empty() {
        all.insert("members".into(), members.into());
    }
    let meta = json!({
        "resourceType": stored.kind.name,
        "created": format_millis(stored.created),
        "lastModified": format_millis(stored.modified),
        "version": format!("W/\"{}\"", stored.version),
    });
    all.insert("meta".into(), meta);
    all
}

pub(super) async fn everything(bench: &Bench, kind: &str) -> Vec<Stored> {
    let search = Search {
        teams: true,
        members: true,
        ..bench.query(kind, "").await
    };
    bench.search(&search).await.resources
}

/// Values chosen to hurt.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "anna",
        "ANNA",
        "Anna%",
        "an_a",
        "anna\\",
        "a\"b",
        "a/b",
        "İstanbul",
        "istanbul",
        "i̇stanbul",
        "straße",
        "STRASSE",
        "Ｆｕｌｌ",
        "full",
        "é",
        "e\u{301}",
        "Å",
        "\u{212b}",
        "ﬁ",
        "fi",
        " ",
        " x ",
        "a\tb",
        "null",
        "true",
        "42",
        "ΣΊΣΥΦΟΣ",
        "σίσυφος",
        "😀",
        "ｶﾞ",
        "ガ",
    ]
    .map(str::to_owned)
    .to_vec();
    for length in [199, 200, 201, 255, 256, 300] {
        texts.push("y".repeat(length));
        texts.push(format!("{}z", "y".repeat(length)));
        texts.push("Ö".repeat(length / 2));
    }
    texts
}

async fn corpus(bench: &Bench) -> Vec<Id> {
    let mut made = Vec::new();
    for (number, text) in texts().iter().enumerate() {
        bench.later(500);
        let mut body = json!({ "userName": format!("{text}{number}") });
        let set = body.as_object_mut().unwrap();
        if number % 2 == 0 {
            set.insert("externalId".into(), text.as_str().into());
        }
        if number % 3 != 0 {
            set.insert("displayName".into(), text.as_str().into());
            set.insert(
                "name".into(),
                json!({ "familyName": text, "givenName": "G" }),
            );
        }
        if number % 4 != 0 {
            let emails = json!([
                { "value": format!("{number}@x.org"), "type": "work", "primary": number % 8 == 1 },
                { "value": text, "type": "home" },
            ]);
            set.insert("emails".into(), emails);
        }
        if number % 5 == 0 {
            set.insert("active".into(), false.into());
            set.insert(
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User".into(),
                json!({ "employeeNumber": text, "manager": { "value": "boss" } }),
            );
        }
        made.push(bench.post("User", body).await.unwrap().stored.id);
    }
    let mut teams = Vec::new();
    for (number, chunk) in made.chunks(7).enumerate() {
        let mut members = chunk.to_vec();
        members.extend(teams.last());
        let name = texts()[number].clone();
        teams.push(bench.team(&name, &members).await);
    }
    bench.team("Empty", &[]).await;
    bench.team("EMPTY", &[]).await;
    made
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

pub(crate) async fn filters_match_as_the_evaluator_does(bench: &Bench) {
    let made = corpus(bench).await;
    let teams = bench.find("Group", "").await;
    let mut filters: Vec<(&str, String)> = Vec::new();
    for text in texts() {
        let text = quoted(&text);
        for path in [
            "displayName",
            "externalId",
            "emails.value",
            "name.familyName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        ] {
            for op in ["eq", "co", "sw", "ew", "ne", "gt"] {
                filters.push(("User", format!("{path} {op} {text}")));
            }
        }
        filters.push((
            "User",
            format!("emails[value eq {text} and type eq \"home\"]"),
        ));
        filters.push((
            "User",
            format!("emails[value eq {text} and type eq \"work\"]"),
        ));
        filters.push(("User", format!("emails[not (value eq {text})]")));
        filters.push((
            "User",
            format!("displayName eq {text} or externalId eq {text}"),
        ));
        filters.push(("User", format!("displayName eq {text} and active eq false")));
        filters.push((
            "User",
            format!("not (displayName eq {text}) and emails.value eq {text}"),
        ));
        filters.push(("User", format!("userName sw {text}")));
        filters.push(("Group", format!("displayName eq {text}")));
        filters.push(("Group", format!("members[display eq {text}]")));
    }
    for (number, text) in texts().iter().enumerate() {
        let name = quoted(&format!("{text}{number}").to_uppercase());
        filters.push(("User", format!("userName eq {name}")));
        filters.push((
            "User",
            format!("userName eq {name} or emails.value eq \"3@x.org\""),
        ));
    }
    for id in [made[0], made[9], teams[0], teams[2], Id([7; 16])] {
        for filter in [
            format!("id eq \"{id}\""),
            format!("id eq \"{}\"", id.to_string().to_uppercase()),
            format!("id gt \"{id}\" and active eq true"),
            format!("groups.value eq \"{id}\""),
            format!("groups eq \"{id}\""),
            format!("groups[value eq \"{id}\" and type eq \"indirect\"]"),
            format!("not (groups.value eq \"{id}\")"),
            format!("groups.value eq \"{id}\" or id eq \"{id}\""),
        ] {
            filters.push(("User", filter));
        }
        for filter in [
            format!("members eq \"{id}\""),
            format!("members.value eq \"{id}\""),
            format!("members[value eq \"{id}\" and type eq \"User\"]"),
            format!("not (members.value eq \"{id}\")"),
            format!("members.value ne \"{id}\""),
            format!("members.value eq \"{id}\" or displayName eq \"empty\""),
            format!(
                "members.value eq \"{id}\" and members.value eq \"{}\"",
                made[1]
            ),
            format!("id eq \"{id}\""),
        ] {
            filters.push(("Group", filter));
        }
    }
    for filter in [
        "externalId pr",
        "not (externalId pr)",
        "emails pr",
        "emails[primary eq true]",
        "groups pr",
        "not (groups pr)",
        "groups.type eq \"indirect\"",
        "active eq true",
        "active ne true",
        "id pr",
        "meta.resourceType eq \"User\"",
        "meta.resourceType eq \"Group\"",
        "meta.created ge \"2023-11-14T22:13:30Z\"",
        "meta.lastModified lt \"2023-11-14T22:13:25.5Z\"",
        "meta.version eq \"W/\\\"1\\\"\"",
        "schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"",
        "schemas co \"enterprise\"",
        "userName eq \"\"",
        "displayName co \"\"",
        "title pr",
        "emails.type eq \"WORK\" and not (emails.type eq \"home\")",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"boss\"",
        "groups.display co \"anna\"",
    ] {
        filters.push(("User", filter.into()));
    }
    for filter in [
        "members pr",
        "not (members pr)",
        "members.type eq \"Group\"",
        "members.display co \"a\"",
        "displayName eq \"empty\"",
        "id pr",
    ] {
        filters.push(("Group", filter.into()));
    }
    let users = everything(bench, "User").await;
    let groups = everything(bench, "Group").await;
    let mut found = 0;
    for (kind, text) in &filters {
        let all = if *kind == "User" { &users } else { &groups };
        let filter = resolve(&*bench.kind(kind).await, text);
        let expected: Vec<Id> = all
            .iter()
            .filter(|stored| filter.matches(&whole(stored)))
            .map(|stored| stored.id)
            .collect();
        found += usize::from(!expected.is_empty());
        assert_eq!(bench.find(kind, text).await, expected, "{kind} {text}");
        // The same without an index.
        let scanned = format!("not (not ({text}))");
        assert_eq!(
            bench.find(kind, &scanned).await,
            expected,
            "{kind} {scanned}"
        );
    }
    assert!(
        found > filters.len() / 3,
        "{found} of {} find anything",
        filters.len()
    );
}

pub(crate) async fn orders_are_the_evaluators(bench: &Bench) {
    corpus(bench).await;
    for (kind, by, filter) in [
        ("User", "userName", ""),
        ("User", "displayName", ""),
        ("User", "emails.value", ""),
        ("User", "externalId", "active eq true"),
        ("User", "meta.created", ""),
        ("User", "active", ""),
        ("User", "groups.display", ""),
        ("User", "name.familyName", "emails.value co \"x\""),
        ("Group", "displayName", ""),
        ("Group", "members.display", ""),
    ] {
        for order in ["ascending", "descending"] {
            let mut search = bench.query(kind, filter).await;
            let resource_type = search.types[0].0.clone();
            let sort = Sort::read(
                &resource_type,
                by,
                Some(order),
                &Profile::GENERIC,
                &mut Fired::default(),
            )
            .unwrap();
            let mut all = everything(bench, kind).await;
            if let Some(filter) = &search.types[0].1 {
                all.retain(|stored| filter.matches(&whole(stored)));
            }
            all.sort_by(|a, b| {
                let key = |stored| sort.key(&whole(stored));
                sort.compare(&key(a), &key(b)).then(a.id.cmp(&b.id))
            });
            let expected: Vec<Id> = all.iter().map(|stored| stored.id).collect();
            search.sort = vec![Some(sort.clone())];
            assert_eq!(ids(&bench.search(&search).await), expected, "{by} {order}");
            // The same in pages, by index and by cursor, forward and back.
            for size in [1, 7] {
                let mut walked = Vec::new();
                search.fingerprint = format!("{by} {order} {filter} {size}");
                search.count = size;
                search.start = PageStart::Index(1);
                loop {
                    let page = bench.search(&search).await;
                    assert_eq!(page.total, expected.len() as u64);
                    walked.extend(ids(&page));
                    assert_eq!(page.more, walked.len() < expected.len());
                    if !page.more {
                        break;
                    }
                    search.start = PageStart::Index(walked.len() as u64 + 1);
                }
                assert_eq!(walked, expected, "{by} {order}");
                let place = |id: Id| Position {
                    id,
                    sorted_by: Some(whole(all.iter().find(|stored| stored.id == id).unwrap())),
                };
                let mut walked = ids(&bench
                    .search(&Search {
                        start: PageStart::Index(1),
                        ..search.clone()
                    })
                    .await);
                while let Some(last) = walked.last() {
                    search.start = PageStart::After(place(*last));
                    let page = bench.search(&search).await;
                    walked.extend(ids(&page));
                    if !page.more {
                        break;
                    }
                }
                assert_eq!(walked, expected, "{by} {order}");
                let mut back: Vec<Id> = vec![expected[expected.len() - 1]];
                loop {
                    search.start = PageStart::Before(place(back[0]));
                    let page = bench.search(&search).await;
                    back.splice(0..0, ids(&page));
                    if !page.more {
                        break;
                    }
                }
                assert_eq!(back, expected, "{by} {order}");
            }
        }
    }
}

pub(crate) async fn pages_cover_the_list(bench: &Bench) {
    let users = bench.users(23).await;
    for filter in ["", "userName sw \"user\""] {
        let mut search = bench.query("User", filter).await;
        for token in [search.token, None] {
            search.token = token;
            for count in [0, 1, 5, 22, 23, 24, usize::MAX] {
                for start in [0, 1, 2, 12, 23, 24, 25, u64::MAX] {
                    search.count = count;
                    search.start = PageStart::Index(start);
                    search.fingerprint = format!("{filter} {count}");
                    let page = bench.search(&search).await;
                    let from = usize::try_from(start.max(1) - 1).unwrap().min(23);
                    let to = from.saturating_add(count).min(23);
                    assert_eq!(ids(&page), users[from..to], "{filter} {start} {count}");
                    assert_eq!(page.total, 23);
                    assert_eq!(page.more, count > 0 && to < 23, "{filter} {start} {count}");
                }
            }
        }
    }
}

pub(crate) async fn a_walk_is_complete_under_deletion(bench: &Bench) {
    for (round, filter, sort) in [
        (0, "", None),
        (1, "userName co \"user\"", None),
        (2, "", Some("userName")),
    ] {
        let users = bench.users(50).await;
        let mut search = bench.query("User", filter).await;
        let kind = search.types[0].0.clone();
        search.sort = vec![sort.map(|by| {
            Sort::read(&kind, by, None, &Profile::GENERIC, &mut Fired::default()).unwrap()
        })];
        search.count = 10;
        search.fingerprint = format!("walk {round}");
        let mut seen = Vec::new();
        for start in [1, 11, 21, 31, 41] {
            search.start = PageStart::Index(start);
            let page = ids(&bench.search(&search).await);
            // Asked again, it is the same page.
            assert_eq!(ids(&bench.search(&search).await), page);
            for id in &page {
                bench.delete("User", *id).await.unwrap();
            }
            seen.extend(page);
        }
        assert_eq!(seen, users, "{round}");
        // Ten minutes later nobody remembers.
        bench.later(11 * 60 * 1_000);
        search.start = PageStart::Index(11);
        assert_eq!(ids(&bench.search(&search).await), []);
    }
}

pub(crate) async fn cursors_hold_when_their_resource_is_gone(bench: &Bench) {
    let users = bench.users(9).await;
    let all = everything(bench, "User").await;
    bench.delete("User", users[4]).await.unwrap();
    for sorted in [false, true] {
        let mut search = bench.query("User", "").await;
        let kind = search.types[0].0.clone();
        let sort = Sort::read(
            &kind,
            "userName",
            None,
            &Profile::GENERIC,
            &mut Fired::default(),
        )
        .unwrap();
        search.sort = vec![sorted.then_some(sort)];
        search.count = 2;
        let place = Position {
            id: users[4],
            sorted_by: sorted.then(|| whole(&all[4])),
        };
        search.start = PageStart::After(place.clone());
        let page = bench.search(&search).await;
        assert_eq!(
            (ids(&page), page.more, page.total),
            (users[5..7].to_vec(), true, 8)
        );
        search.start = PageStart::Before(place);
        let page = bench.search(&search).await;
        assert_eq!(
            (ids(&page), page.more, page.total),
            (users[2..4].to_vec(), true, 8)
        );
    }
}

pub(crate) async fn several_types_at_once(bench: &Bench) {
    let users = bench.users(3).await;
    let team = bench.team("user-00001", &users[..1]).await;
    let last = bench.user("last").await;
    let role = bench.find("Role", "").await;
    let seat = bench.find("Entitlement", "").await;
    let registry = bench.registry().await;
    let mut search = bench.query("User", "").await;
    search.types = registry
        .resource_types()
        .iter()
        .map(|kind| (kind.clone(), None))
        .collect();
    search.sort = vec![None; search.types.len()];
    let all = [role, seat, users.clone(), vec![team, last]].concat();
    let page = bench.search(&search).await;
    assert_eq!((ids(&page), page.total), (all.clone(), 7));
    search.count = 3;
    let place = Position {
        id: all[2],
        sorted_by: None,
    };
    search.start = PageStart::After(place.clone());
    assert_eq!(ids(&bench.search(&search).await), all[3..6]);
    search.start = PageStart::Before(place);
    assert_eq!(ids(&bench.search(&search).await), all[..2]);

    // A type without the attribute comes last.
    let sort = |kind| {
        Sort::read(
            kind,
            "userName",
            Some("descending"),
            &Profile::GENERIC,
            &mut Fired::default(),
        )
        .ok()
    };
    search.sort = search.types.iter().map(|(kind, _)| sort(kind)).collect();
    let ordered = [users[2], users[1], users[0], last, all[0], all[1], team];
    search.start = PageStart::Index(1);
    search.count = 7;
    assert_eq!(ids(&bench.search(&search).await), ordered);
    search.count = 2;
    for at in 0..7 {
        let stored = bench.get("User", ordered[at]).await;
        let sorted_by = stored.as_ref().map(whole);
        let place = Position {
            id: ordered[at],
            sorted_by,
        };
        search.start = PageStart::After(place.clone());
        let end = (at + 3).min(7);
        assert_eq!(
            ids(&bench.search(&search).await),
            ordered[at + 1..end],
            "{at}"
        );
        search.start = PageStart::Before(place);
        assert_eq!(
            ids(&bench.search(&search).await),
            ordered[at.saturating_sub(2)..at],
            "{at}"
        );
    }
    // One finds it by e-mail, the other by name.
    bench.identify_by(Identifier::Email).await;
    assert_eq!(bench.find("User", "userName eq \"LAST\"").await, [last]);
}

/// All that looks find one after the other, and how many of them ended early.
async fn look_on(
    bench: &Bench,
    kind: &str,
    filter: &str,
    count: usize,
    most: u32,
) -> (Vec<Id>, usize) {
    let kind = bench.kind(kind).await;
    let mut look = Look {
        filter: (!filter.is_empty()).then(|| resolve(&kind, filter)),
        kind,
        after: None,
        count,
        most,
    };
    let (mut found, mut early) = (Vec::new(), 0);
    loop {
        let mut view = bench.view().await;
        let page = view.look(bench.tenant, &look).await.unwrap().unwrap();
        assert!(page.resources.len() <= count);
        found.extend(page.resources.iter().map(|stored| stored.id));
        let Some(next) = page.next else {
            return (found, early);
        };
        assert!(look.after.is_none_or(|after| after < next), "it goes on");
        early += usize::from(page.resources.len() < count);
        look.after = Some(next);
    }
}

pub(crate) async fn looks_together_find_what_a_search_finds(bench: &Bench) {
    corpus(bench).await;
    let mut early = 0;
    for text in ["anna", "A", "y", "ff", "é", "s", " ", "42", "\u{10ffff}"] {
        let text = quoted(text);
        let begins = format!(
            "(userName sw {text} or displayName sw {text} or emails.value sw {text} \
             or externalId eq {text})"
        );
        let contains = format!("userName co {text} or name.familyName co {text}");
        for filter in [
            String::new(),
            begins.clone(),
            format!("{begins} and active eq false"),
            format!("({contains}) and not {begins}"),
            format!("displayName eq {text}"),
            "active eq false".to_owned(),
        ] {
            let expected = bench.find("User", &filter).await;
            for (count, most) in [(1, 1), (3, 25), (1000, 60), (5, 100_000)] {
                let (found, ended) = look_on(bench, "User", &filter, count, most).await;
                assert_eq!(found, expected, "{filter} by {count} and {most}");
                early += ended;
            }
        }
        let team = format!("displayName sw {text}");
        let (found, _) = look_on(bench, "Group", &team, 2, 10).await;
        assert_eq!(found, bench.find("Group", &team).await, "{team}");
    }
    assert!(early > 100, "{early} looks ended early");
}

pub(crate) async fn a_look_ends_when_it_was_long_enough(bench: &Bench) {
    let users = bench.users(1_200).await;
    let kind = bench.kind("User").await;
    let look = |filter: &str, count| Look {
        filter: Some(resolve(&kind, filter)),
        kind: kind.clone(),
        after: None,
        count,
        most: 100,
    };
    let looked = async |look: Look| {
        let mut view = bench.view().await;
        view.look(bench.tenant, &look).await.unwrap().unwrap()
    };
    // What can be told from the bytes counts one, the last of the hundred is where it goes on.
    let nobody = looked(look("nickName co \"nobody\"", 10)).await;
    assert_eq!((nobody.resources.len(), nobody.spent), (0, 100));
    assert_eq!(nobody.next, Some(users[99]));
    // What an index finds needs no look along the others.
    let last = looked(look("userName sw \"user-0119\"", 100)).await;
    let found: Vec<Id> = last.resources.iter().map(|stored| stored.id).collect();
    assert_eq!(found, users[1_190..]);
    assert_eq!((last.next, last.spent), (None, 0));
    // So many begin so that the next ones are near.
    let dense = looked(look("userName sw \"user\"", 5)).await;
    assert_eq!(dense.resources.len(), 5);
    assert_eq!(dense.next, Some(users[4]));
    // Another tenant's are not among them.
    let beta = bench.new_tenant("beta").await;
    let mut view = bench.view().await;
    let of_beta = view.look(beta, &look("userName sw \"user\"", 5)).await;
    assert_eq!(of_beta.unwrap().unwrap(), Looked::default());
}

pub(crate) async fn scans_are_bounded(bench: &Bench) {
    let users = bench.users(1_100).await;
    bench.team("T", &users).await;
    let impatient = bench.backend.open_impatient(bench.clock.clone());
    for (kind, filter, bounded) in [
        ("User", "userName co \"7\"", true),
        ("User", "not (active eq true)", true),
        ("User", "groups.display eq \"T\"", true),
        ("User", "userName eq \"user-00007\"", false),
        ("User", "", false),
    ] {
        let search = bench.query(kind, filter).await;
        let mut view = impatient.read().await.unwrap();
        let answer = view.search(bench.tenant, &search).await.unwrap();
        if bounded {
            let refusal = answer.unwrap_err();
            assert_eq!(refusal.error.kind, Kind::TooMany);
            for text in ["userName", "externalId", "emails.value"] {
                assert!(
                    refusal.error.detail.contains(text),
                    "{}",
                    refusal.error.detail
                );
            }
            // The view is good for another question.
            let search = bench.query(kind, "userName eq \"user-00007\"").await;
            assert_eq!(
                view.search(bench.tenant, &search)
                    .await
                    .unwrap()
                    .unwrap()
                    .total,
                1
            );
        } else {
            answer.unwrap();
        }
    }
    assert_eq!(bench.find("User", "userName co \"x0110\"").await, []);
    assert_eq!(bench.find("User", "userName co \"0109\"").await.len(), 11);
}
