//! A subject who is erased is nowhere in the log, and nowhere in its files.

use serde_json::json;

use super::*;

const NAME: &str = "Lena.Ortiz@acme.com";

fn subject<'a>(id: Id, names: &'a [String], called: &'a [String]) -> Subject<'a> {
    Subject {
        tenant: ACME,
        id,
        names,
        called,
    }
}

/// A page of a list: this subject among others, and about so many bytes of others.
fn page(name: &str, others: usize) -> Vec<u8> {
    let resources: Vec<_> = (0..others)
        .map(|number| json!({ "userName": format!("other-{number}@acme.com") }))
        .chain([json!({ "userName": name })])
        .collect();
    json!({ "totalResults": others + 1, "Resources": resources })
        .to_string()
        .into_bytes()
}

impl Bench {
    fn list(&self, tenant: TenantId, answer: &[u8]) -> Entry {
        Entry {
            operation: Operation::List,
            response_body: Body::new(answer, self.settings.body_limit),
            path: "/scim/v2/Users".into(),
            ..self.lookup(tenant, "unnamed")
        }
    }

    /// Whether the files hold this text, in any case.
    fn holds(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        ["", "-wal"].iter().any(|suffix| {
            let bytes = std::fs::read(format!("{}{suffix}", self.path().display())).unwrap();
            let bytes = bytes.to_ascii_lowercase();
            memchr::memmem::find(&bytes, text.as_bytes()).is_some()
        })
    }

    fn erase(&self, id: Id, after: i64) -> Erased {
        let (names, called) = ([NAME.to_owned()], ["Lena Ortiz".to_owned()]);
        let mut done = (0, 0);
        let erased = erase(
            &self.path(),
            subject(id, &names, &called),
            after,
            &mut |now, all| done = (now, all),
        );
        assert_eq!(done.0, done.1, "the progress ends");
        erased.unwrap()
    }
}

#[test]
fn a_user_among_others_is_taken_out_of_every_answer() {
    let bench = Bench::new();
    let log = bench.open();
    let id = Id([7; 16]);
    let about = Entry {
        resource: Some(id),
        query: "filter=x".into(),
        ..bench.lookup(ACME, NAME)
    };
    let listed = bench.list(ACME, &page(&NAME.to_uppercase(), 3));
    let cut = bench.list(ACME, &page(NAME, 2_000));
    let nested = format!("The userName \"{NAME}\" is taken.");
    let refused = Entry {
        detail: nested.clone(),
        ..bench.list(ACME, json!({ "detail": nested }).to_string().as_bytes())
    };
    let team = bench.list(
        ACME,
        json!({ "members": [{ "display": "Lena Ortiz" }] })
            .to_string()
            .as_bytes(),
    );
    let asked = Entry {
        query: "filter=manager%20eq%20%22lena.ortiz%40ACME.com%22".into(),
        ..bench.list(ACME, b"{}")
    };
    let patched = Entry {
        request_body: Body::new(
            json!({ "value": [{ "value": id.to_string() }] })
                .to_string()
                .as_bytes(),
            1024,
        ),
        ..bench.list(ACME, b"")
    };
    let noted = Entry {
        fired: Fired {
            notes: vec![(Tolerance::KeepOmitted, format!("kept {NAME}"))],
            ..Fired::default()
        },
        ..bench.list(ACME, b"{}")
    };
    let others = bench.list(ACME, &page("kim@acme.com", 3));
    let all = [
        &about, &listed, &cut, &refused, &team, &asked, &patched, &noted, &others,
    ];
    for entry in all {
        log.record(entry.clone());
    }
    log.flush();

    let erased = bench.erase(id, 0);
    assert_eq!((erased.about, erased.among), (1, 6), "{erased:?}");
    let after = |entry: &Entry| log.reader().entry(entry.request).unwrap().unwrap().entry;
    for entry in [&listed, &refused, &team] {
        let body = after(entry).response_body;
        assert_eq!((body.kept(), body.bytes()), (Kept::Erased, &b""[..]));
        assert_eq!(body.length(), entry.response_body.length());
        assert_eq!(body.sha256(), None);
    }
    assert_eq!(after(&patched).request_body.kept(), Kept::Erased);
    assert_eq!(after(&listed).path, "/scim/v2/Users");
    assert_eq!(after(&about).query, "");
    assert_eq!(after(&refused).detail, "");
    assert_eq!(after(&asked).query, "");
    assert_eq!(after(&noted).fired.notes, []);
    assert_eq!(after(&others).response_body, others.response_body);
    // Cut before the name was reached: there is nothing of her in it.
    assert_eq!(after(&cut).response_body, cut.response_body);
    assert!(log.reader().seen(ACME, NAME).unwrap().is_none());
}

#[test]
fn nothing_is_left_in_the_files() {
    let bench = Bench::new();
    let log = bench.open();
    let id = Id([7; 16]);
    // What was removed by age stands in free pages. Where much comes before her, she is cut off.
    for number in 0..200 {
        log.record(bench.list(ACME, &page(NAME, number * 3)));
    }
    log.flush();
    bench.pass(15 * 24 * HOUR);
    log.expire();
    for number in 0..200 {
        log.record(bench.list(ACME, &page(NAME, number * 3)));
        log.record(bench.list(ACME, &page("kim@acme.com", number * 3)));
    }
    log.flush();
    assert!(bench.holds(NAME) && bench.holds("other-7@acme.com"));
    // Beside the log's writer.
    let erased = bench.erase(id, 0);
    assert!(erased.journal_emptied && erased.among > 150, "{erased:?}");
    assert!(!bench.holds(NAME), "her address is still there");
    assert!(bench.holds("other-7@acme.com"));

    // What came meanwhile is taken out by a walk from there on.
    let late = bench.list(ACME, &page(NAME, 1));
    log.record(late.clone());
    log.flush();
    let then = bench.erase(id, erased.last);
    assert_eq!((then.about, then.among), (0, 1));
    assert_eq!(
        bench.erase(id, then.last),
        Erased {
            about: 0,
            among: 0,
            ..then
        }
    );
    assert!(!bench.holds(NAME));
    log.record(bench.list(ACME, b"{}"));
    log.flush();
    assert!(!bench.holds(NAME), "the log goes on without her");
}

#[test]
fn another_tenants_subject_of_this_name_stays() {
    let bench = Bench::new();
    let log = bench.open();
    let (mine, theirs) = (
        bench.list(ACME, &page(NAME, 1)),
        bench.list(GLOBEX, &page(NAME, 1)),
    );
    log.record(mine.clone());
    log.record(theirs.clone());
    log.record(bench.lookup(GLOBEX, NAME));
    log.flush();
    assert_eq!(bench.erase(Id([7; 16]), 0).among, 1);
    let found = log.reader().entry(theirs.request).unwrap().unwrap().entry;
    assert_eq!(found.response_body, theirs.response_body);
    assert!(log.reader().seen(GLOBEX, NAME).unwrap().is_some());
}
