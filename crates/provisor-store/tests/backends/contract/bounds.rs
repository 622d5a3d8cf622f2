//! What one search may keep: its pages end early, the walk over them does not.

use std::sync::Arc;

use provisor_store::{
    Cause, Change, Id, Page, PageStart, Refusal, Search, Stored, search::Position,
};
use scim::{Fired, Kind, Profile, sort::Sort};
use serde_json::json;

use super::{
    bench::{Bench, ids, read, written},
    search::{everything, whole},
};

fn sort(search: &Search, by: &str, order: &str) -> Vec<Option<Sort>> {
    let sort = |kind| {
        let (profile, mut fired) = (Profile::GENERIC, Fired::default());
        Sort::read(kind, by, Some(order), &profile, &mut fired).ok()
    };
    search.types.iter().map(|(kind, _)| sort(kind)).collect()
}

/// A cursor's place at a resource.
fn place(search: &Search, stored: &Stored) -> Position {
    let mut types = search.types.iter();
    let at = types.position(|(kind, _)| kind.name == stored.kind.name);
    let sort = search.sort.get(at.unwrap()).and_then(Option::as_ref);
    Position {
        id: stored.id,
        sorted_by: sort.map(|_| whole(stored)),
    }
}

async fn answer(bench: &Bench, search: &Search) -> Result<Page, Refusal> {
    let mut view = bench.view().await;
    view.search(bench.tenant, search).await.unwrap()
}

/// Reads a list to its end by `startIndex` as one walk of its own.
async fn by_index(bench: &Bench, search: &Search, name: &str) -> Vec<Page> {
    let mut search = search.clone();
    search.fingerprint = name.into();
    search.start = PageStart::Index(1);
    let mut next = 1;
    let mut pages = Vec::new();
    loop {
        let page = bench.search(&search).await;
        next += page.resources.len() as u64;
        search.start = PageStart::Index(next);
        let more = page.more;
        pages.push(page);
        if !more {
            return pages;
        }
    }
}

/// Reads a list by cursor to its end, or back to its start.
async fn by_cursor(bench: &Bench, search: &Search, from: &Stored, back: bool) -> Vec<Page> {
    let mut search = search.clone();
    let mut from = place(&search, from);
    let mut pages = Vec::new();
    loop {
        search.start = match back {
            true => PageStart::Before(from),
            false => PageStart::After(from),
        };
        let page = bench.search(&search).await;
        let end = match back {
            true => page.resources.first(),
            false => page.resources.last(),
        };
        from = place(&search, end.expect("a page is not empty before the end"));
        let more = page.more;
        match back {
            true => pages.insert(0, page),
            false => pages.push(page),
        }
        if !more {
            return pages;
        }
    }
}

fn all(pages: &[Page]) -> Vec<Id> {
    pages.iter().flat_map(ids).collect()
}

/// What an answer has at least.
fn size(stored: &Stored) -> usize {
    stored.document.len()
        + stored.rest.as_ref().map_or(0, Vec::len)
        + 200 * stored.members.as_ref().map_or(0, Vec::len)
        + 200 * stored.teams.as_ref().map_or(0, Vec::len)
}

pub(crate) async fn a_page_ends_early_and_the_walk_does_not(bench: &Bench) {
    const MOST: usize = 20 * 1024;
    let small = bench.keeping(MOST);
    let mut users = Vec::new();
    for number in 0..60 {
        let title = match number {
            20 => "x".repeat(50_000),
            _ => "x".repeat(number * 397 % 6_000),
        };
        let body = json!({
            "userName": format!("user-{number:02}"),
            "displayName": format!("{}", number * 7 % 60),
            "title": title,
        });
        users.push(bench.post("User", body).await.unwrap().stored.id);
    }
    for (number, size) in [0, 3, 60, 7, 1, 25, 0, 60, 60, 12, 2, 2].iter().enumerate() {
        bench
            .team(&format!("team {}", number * 5 % 12), &users[..*size])
            .await;
    }
    bench.user("outside").await;
    let registry = bench.registry().await;
    let team = bench.find("Group", "displayName eq \"team 10\"").await[0];
    let mut cut = 0;
    for (kind, filter, by) in [
        ("User", String::new(), None),
        ("User", "userName co \"user\"".into(), None),
        ("User", format!("groups.value eq \"{team}\""), None),
        (
            "User",
            format!("groups.value eq \"{team}\" and active eq true"),
            Some("displayName"),
        ),
        ("User", String::new(), Some("displayName")),
        ("Group", String::new(), None),
        ("Group", "displayName co \"team\"".into(), None),
        ("Group", String::new(), Some("displayName")),
        ("", String::new(), None),
        ("", String::new(), Some("displayName")),
    ] {
        let name = format!("{kind} {filter} {by:?}");
        let mut search = bench
            .query(if kind.is_empty() { "User" } else { kind }, &filter)
            .await;
        if kind.is_empty() {
            let all = registry.resource_types().iter();
            search.types = all.map(|kind| (kind.clone(), None)).collect();
        }
        search.sort = match by {
            Some(by) => sort(&search, by, "descending"),
            None => vec![None; search.types.len()],
        };
        search.teams = true;
        search.members = true;
        let expected = bench.search(&search).await;
        let total = expected.total;
        let (first, last) = (expected.resources.first(), expected.resources.last());
        let (first, last) = (first.unwrap(), last.unwrap());
        let expected = ids(&expected);
        assert_eq!(expected.len() as u64, total);

        search.count = 12;
        let pages = by_index(&small, &search, &name).await;
        assert_eq!(all(&pages), expected, "{name}");
        search.token = None;
        assert_eq!(
            all(&by_index(&small, &search, &name).await),
            expected,
            "{name}"
        );
        let forth = by_cursor(&small, &search, first, false).await;
        assert_eq!(all(&forth), expected[1..], "{name}");
        let back = by_cursor(&small, &search, last, true).await;
        assert_eq!(all(&back), expected[..expected.len() - 1], "{name}");
        for page in pages.iter().chain(&forth).chain(&back) {
            assert_eq!(page.total, total, "{name}");
            let bytes: usize = page.resources.iter().map(size).sum();
            assert!(
                bytes <= MOST || page.resources.len() == 1,
                "{name}: {bytes}"
            );
            cut += usize::from(page.more && (1..12).contains(&page.resources.len()));
        }
    }
    assert!(cut > 60, "{cut} pages were cut");

    // The place after a cut page holds while what was read goes.
    for (kind, by) in [("Group", Some("displayName")), ("User", None)] {
        let mut search = bench.query(kind, "").await;
        search.sort = by.map_or(vec![None], |by| sort(&search, by, "ascending"));
        let expected = ids(&bench.search(&search).await);
        search.count = 20;
        search.teams = true;
        search.members = true;
        let mut seen = Vec::new();
        loop {
            let page = small.search(&search).await;
            for id in ids(&page) {
                bench.delete(kind, id).await.unwrap();
            }
            seen.extend(ids(&page));
            search.start = PageStart::Index(seen.len() as u64 + 1);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}

pub(crate) async fn deep_pages_are_the_evaluators(bench: &Bench) {
    for number in 0..150 {
        let name = number * 37 % 150;
        let mut body = json!({ "userName": format!("user-{number:03}") });
        if number % 10 != 3 {
            body["displayName"] = format!("name {:03}{}", name / 3, "n".repeat(150)).into();
        }
        bench.post("User", body).await.unwrap();
    }
    let everyone = everything(bench, "User").await;
    let small = bench.keeping(24 * 1024);
    for order in ["ascending", "descending"] {
        let mut search = bench.query("User", "").await;
        search.sort = sort(&search, "displayName", order);
        let sort = search.sort[0].clone().unwrap();
        let mut expected: Vec<&Stored> = everyone.iter().collect();
        expected.sort_by(|a, b| {
            let key = |stored| sort.key(&whole(stored));
            sort.compare(&key(a), &key(b)).then(a.id.cmp(&b.id))
        });
        let expected: Vec<Id> = expected.iter().map(|stored| stored.id).collect();
        search.count = 10;
        let walked = by_index(&small, &search, order).await;
        assert_eq!(all(&walked), expected, "{order}");
        let first = &walked[0].resources[0];
        let forth = by_cursor(&small, &search, first, false).await;
        assert_eq!(all(&forth), expected[1..], "{order}");

        // Without a walk before it, a page needs all that comes before it.
        search.token = None;
        for start in [1, 2, 40, 141, 145, 150, 151, u64::MAX] {
            search.start = PageStart::Index(start);
            let from = usize::try_from(start - 1).unwrap_or(usize::MAX).min(150);
            let page = bench.search(&search).await;
            assert_eq!(ids(&page), expected[from..(from + 10).min(150)], "{start}");
            assert_eq!((page.total, page.more), (150, from + 10 < 150), "{start}");
            match answer(&small, &search).await {
                Ok(small) => {
                    assert!(!(100..=150).contains(&start), "{start}");
                    assert_eq!(ids(&small), ids(&page), "{start}");
                    assert_eq!((small.total, small.more), (page.total, page.more));
                }
                Err(refusal) => {
                    assert!((100..=150).contains(&start), "{start}");
                    assert_eq!(refusal.cause, Cause::TooMany);
                    assert_eq!(refusal.error.kind, Kind::TooMany);
                    let detail = refusal.error.detail;
                    for text in [&format!("startIndex {start} "), "cursor", "filter"] {
                        assert!(detail.contains(text), "{detail}");
                    }
                }
            }
        }
        // In the order of creation nothing before the page is kept.
        for filter in ["", "userName co \"user\""] {
            let mut search = bench.query("User", filter).await;
            (search.start, search.count) = (PageStart::Index(145), 3);
            let found = ids(&small.search(&search).await);
            let three: Vec<Id> = everyone[144..147].iter().map(|user| user.id).collect();
            assert_eq!(found, three);
        }
    }
}

/// As many comparisons as a filter may have.
fn any_of(numbers: std::ops::Range<u32>) -> String {
    let each: Vec<_> = numbers
        .map(|number| format!("externalId eq \"{}\"", number % 120))
        .collect();
    each.join(" or ")
}

pub(crate) async fn many_that_an_index_leads_to_are_the_evaluators(bench: &Bench) {
    let kind = bench.kind("User").await;
    let mut users = Vec::new();
    for number in 0..260 {
        // Ids fall while rows are added, as an import may have it.
        let id: Id = format!("0192f0c4-0000-7000-8000-{:012}", 1_000 - number)
            .parse()
            .unwrap();
        let mut body = json!({
            "userName": format!("user-{number:03}"),
            "externalId": format!("{}", number % 130),
            "active": number % 3 != 0,
        });
        if number % 2 == 0 {
            body["displayName"] = "Same".into();
        }
        let change = Change::Adopt {
            kind: Arc::clone(&kind),
            id,
            incoming: read(&kind, body, &Profile::GENERIC).unwrap(),
            app_id: None,
        };
        written(bench.system(bench.tenant, change).await).unwrap();
        users.push(id);
    }
    let team = bench.team("Team", &users[..150]).await;
    let above = bench
        .team("Above", &[&[team][..], &users[140..]].concat())
        .await;
    let everyone = everything(bench, "User").await;
    for filter in [
        "displayName eq \"same\"".to_owned(),
        "displayName eq \"same\" and active eq true".into(),
        "displayName eq \"same\" or externalId eq \"7\"".into(),
        "displayName eq \"same\" or displayName eq \"SAME\"".into(),
        format!("groups.value eq \"{team}\""),
        format!("groups.value eq \"{above}\""),
        format!("groups.value eq \"{above}\" and userName co \"1\""),
        format!("groups.value eq \"{team}\" or groups.value eq \"{above}\""),
        format!("groups.value eq \"{team}\" or displayName eq \"same\""),
        format!("groups.value eq \"{above}\" or externalId eq \"none\" or active eq true"),
        "externalId eq \"7\"".into(),
        any_of(3..15),
        any_of(0..500),
    ] {
        for by in [None, Some("userName")] {
            let mut search = bench.query("User", &filter).await;
            let resolved = search.types[0].1.clone().unwrap();
            let matches = |stored: &&Stored| resolved.matches(&whole(stored));
            let mut expected: Vec<Id> = everyone.iter().filter(matches).map(|it| it.id).collect();
            if let Some(by) = by {
                search.sort = sort(&search, by, "ascending");
                // Names and ids run against each other.
                expected.reverse();
            }
            search.count = 7;
            search.token = None;
            for memory in [32 << 20, 3_000] {
                let bench = bench.keeping(memory);
                for start in [1, 95, 128, 255] {
                    if by.is_some() && start > 1 && memory == 3_000 {
                        continue;
                    }
                    search.start = PageStart::Index(start);
                    let from = usize::try_from(start - 1).unwrap().min(expected.len());
                    let to = (from + 7).min(expected.len());
                    let page = bench.search(&search).await;
                    assert_eq!(ids(&page), expected[from..to], "{filter} {start} {memory}");
                    assert_eq!(page.total, expected.len() as u64, "{filter}");
                    assert_eq!(page.more, to < expected.len(), "{filter} {start}");
                }
            }
        }
    }
}
