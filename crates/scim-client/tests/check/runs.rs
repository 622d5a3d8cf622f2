//! The checks against the small server: all pass where it is right, and each can fail.

use std::{collections::BTreeSet, sync::Arc};

use scim::Profile as Forgiving;
use scim_client::{
    Request,
    check::{Checker, Finding, MARK, Outcome, Profile, Report, Requirement, UNCHECKED, names},
};

use crate::{
    defects::{DEFECTS, ENTRA_DEFECTS, INTEROP_DEFECTS},
    server::{Server, TOKENS, client},
};

async fn run(
    forgiving: Forgiving,
    profile: Profile,
    defect: Option<&'static str>,
    only: &[&str],
) -> (Report, Arc<Server>) {
    let server = Server::start(forgiving, defect).await;
    let checker = Checker::new(client(&server.base, 0), profile)
        .second(client(&server.base, 1))
        .secrets(TOKENS.map(str::to_owned))
        .only(only.iter().copied());
    let report = checker
        .run(std::future::pending(), &|_, _, _| {})
        .await
        .unwrap();
    // Whatever is wrong with a server, nothing is lost but what the checker made.
    let (changed, _) = server.changes();
    assert_eq!(changed, [""; 0], "{defect:?} {only:?}");
    (report, server)
}

fn failures(report: &Report) -> Vec<String> {
    let told = |finding: &&Finding| match &finding.outcome {
        Outcome::Failed { why, .. } => format!("{}: {why}", finding.name),
        other => format!("{}: {}", finding.name, other.word()),
    };
    report.failures().iter().map(told).collect()
}

#[tokio::test]
async fn a_server_that_is_right_fails_nothing() {
    let profiles = [
        (Forgiving::GENERIC, Profile::Generic),
        (Forgiving::RFC, Profile::Rfc),
        (Forgiving::OKTA, Profile::Okta),
        (Forgiving::ENTRA, Profile::Entra),
        (Forgiving::INTEROP, Profile::Interop),
        (Forgiving::INTEROP, Profile::Ipsie),
    ];
    for (forgiving, profile) in profiles {
        let (report, server) = run(forgiving, profile, None, &[]).await;
        assert_eq!(failures(&report), [""; 0], "{}", profile.as_str());
        assert!(report.count(None, "passed") > 250, "{}", report.sum());
        let own = report
            .findings
            .iter()
            .filter(|one| one.name.starts_with("own_"));
        assert!(own.clone().count() == 8 && own.clone().all(|one| one.outcome == Outcome::Passed));
        // What was created is gone.
        assert_eq!(report.left_over, [""; 0]);
        assert_eq!(server.changes().1, 0);
    }
}

#[tokio::test]
async fn a_tolerance_is_lenient_in_generic_and_a_failure_in_rfc() {
    let only = ["booleans_are_no_strings"];
    let (report, _) = run(Forgiving::GENERIC, Profile::Generic, None, &only).await;
    assert_eq!(report.findings[0].outcome.word(), "lenient");
    let (report, _) = run(Forgiving::GENERIC, Profile::Rfc, None, &only).await;
    assert_eq!(report.findings[0].outcome.word(), "failed");
    assert!(report.breaks_a_must());
    let (report, _) = run(Forgiving::RFC, Profile::Rfc, None, &only).await;
    assert_eq!(report.findings[0].outcome.word(), "passed");
}

/// The standard forbids two primary values in a resource, not in what a client sends.
#[tokio::test]
async fn who_keeps_one_of_two_primary_values_breaks_nothing() {
    let only = ["at_most_one_value_is_primary"];
    for (profile, word) in [
        (Profile::Generic, "lenient"),
        (Profile::Rfc, "passed"),
        (Profile::Interop, "passed"),
    ] {
        let (report, _) = run(Forgiving::GENERIC, profile, None, &only).await;
        let outcome = report.findings[0].outcome.word();
        assert_eq!(outcome, word, "{}", profile.as_str());
    }
}

#[tokio::test]
async fn what_is_left_to_the_server_fails_nothing() {
    let own = [
        "own_lists_of_plain_values_work",
        "own_immutables_stay",
        "own_attributes_on_request_are_asked_for",
    ];
    for choice in ["lists_in_other_order", "returns_own_on_request"] {
        let (report, _) = run(Forgiving::RFC, Profile::Rfc, Some(choice), &own).await;
        assert_eq!(failures(&report), [""; 0], "{choice}");
    }
}

#[tokio::test]
async fn what_a_server_does_not_list_is_not_asked_of_it() {
    let (report, _) = run(Forgiving::RFC, Profile::Rfc, Some("few_attributes"), &[]).await;
    assert_eq!(failures(&report), [""; 0]);
    let skipped = |name: &str| {
        let found = report.findings.iter().find(|one| one.name == name);
        matches!(&found.unwrap().outcome, Outcome::Skipped(why) if why.contains("/Schemas"))
    };
    assert!(skipped("what_is_announced_works") && skipped("a_patched_password_is_not_returned"));
}

#[tokio::test]
async fn what_a_server_may_refuse_or_write_otherwise_fails_nothing() {
    let cases: [(&str, &[(&str, &str)]); 8] = [
        (
            "few_comparisons",
            &[
                ("ne_finds_the_others", "skipped"),
                ("percent_encoding_is_decoded_once", "skipped"),
                ("lists_show_inactive_users", "skipped"),
                ("a_page_says_what_it_is", "passed"),
                ("paging_shows_each_resource_once", "passed"),
                ("total_results_counts_all_matches", "passed"),
                ("count_is_a_maximum", "passed"),
                ("start_index_is_echoed", "passed"),
            ],
        ),
        (
            "media_type_first",
            &[("undefined_methods_are_refused", "passed")],
        ),
        ("small_groups", &[("a_large_group_is_whole", "skipped")]),
        (
            "lists_names_alone",
            &[("parallel_patches_of_a_user_keep_each_other", "skipped")],
        ),
        (
            "lists_nothing",
            &[("parallel_patches_of_a_user_keep_each_other", "passed")],
        ),
        (
            "lists_in_other_case",
            &[("parallel_patches_of_a_user_keep_each_other", "passed")],
        ),
        (
            "lists_no_title",
            &[
                ("a_page_says_what_it_is", "passed"),
                ("paging_shows_each_resource_once", "passed"),
            ],
        ),
        (
            "addresses_as_ids",
            &[("creating_answers_with_its_location", "passed")],
        ),
    ];
    for (choice, checks) in cases {
        let only: Vec<_> = checks.iter().map(|(name, _)| *name).collect();
        let (report, _) = run(Forgiving::RFC, Profile::Rfc, Some(choice), &only).await;
        for finding in &report.findings {
            let expected = checks.iter().find(|(name, _)| *name == finding.name);
            let outcome = &finding.outcome;
            let expected = expected.unwrap().1;
            assert_eq!(
                outcome.word(),
                expected,
                "{choice}: {} {outcome:?}",
                finding.name
            );
        }
    }
}

#[tokio::test]
async fn what_is_gone_is_not_left_over_whatever_its_deletion_was_answered_with() {
    let only = ["creating_answers_201"];
    let defect = Some("deletes_and_answers_500");
    let (report, server) = run(Forgiving::RFC, Profile::Rfc, defect, &only).await;
    assert_eq!(report.left_over, [""; 0]);
    assert_eq!(server.changes().1, 0);
}

#[tokio::test]
async fn who_is_gone_is_not_left_over_though_a_search_still_shows_them() {
    let only = ["creating_answers_201"];
    let (report, _) = run(Forgiving::RFC, Profile::Rfc, Some("searches_lag"), &only).await;
    assert_eq!(report.left_over, [""; 0]);
}

#[tokio::test]
async fn each_defect_fails_its_checks() {
    let mut wrong = Vec::new();
    let strict = DEFECTS
        .iter()
        .map(|defect| (Forgiving::RFC, Profile::Rfc, defect));
    let entra = ENTRA_DEFECTS
        .iter()
        .map(|defect| (Forgiving::ENTRA, Profile::Entra, defect));
    let interop = INTEROP_DEFECTS
        .iter()
        .map(|defect| (Forgiving::INTEROP, Profile::Interop, defect));
    for (forgiving, profile, (defect, expected)) in strict.chain(entra).chain(interop) {
        let (report, _) = run(forgiving, profile, Some(defect), expected).await;
        for finding in &report.findings {
            if !finding.failed() {
                wrong.push(format!(
                    "{defect}: {} {}",
                    finding.name,
                    finding.outcome.word()
                ));
            }
        }
        if report.findings.len() != expected.len() {
            wrong.push(format!("{defect}: a check of {expected:?} does not exist"));
        }
    }
    assert!(DEFECTS.len() >= 40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_check_fails_somewhere() {
    let expected = DEFECTS
        .iter()
        .flat_map(|(_, checks)| checks.iter().copied());
    let expected: BTreeSet<_> = expected.collect();
    // The drafts ask for something else than the RFCs, so a server that is right fails them.
    let drafts = [Profile::Interop, Profile::Ipsie];
    for profile in Profile::ALL {
        let mut failed = expected.clone();
        for defect in [
            Some("yes_to_everything"),
            Some("no_to_everything"),
            Some("open_door"),
            None,
        ] {
            if defect.is_some() || drafts.contains(&profile) {
                let (report, _) = run(Forgiving::RFC, profile, defect, &[]).await;
                failed.extend(report.failures().iter().map(|finding| finding.name));
            }
        }
        let all = names(profile).into_iter();
        let missing: Vec<_> = all.filter(|name| !failed.contains(name)).collect();
        assert!(
            missing.is_empty(),
            "{}: nothing makes these fail: {missing:?}",
            profile.as_str()
        );
    }
}

#[tokio::test]
async fn a_report_shows_no_credentials() {
    let (report, _) = run(Forgiving::RFC, Profile::Rfc, Some("errors_are_200"), &[]).await;
    let texts = [
        report.to_json().to_string(),
        report.to_junit(),
        report.to_markdown(),
        report.to_lines().join("\n"),
    ];
    for text in texts {
        assert!(text.contains("a_body_is_one_object"));
        assert!(TOKENS.iter().all(|token| !text.contains(token)));
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_cleans_up() {
    let server = Server::start(Forgiving::RFC, None).await;
    let checker = Checker::new(client(&server.base, 0), Profile::Rfc);
    let (send, stopped) = tokio::sync::oneshot::channel::<()>();
    let send = std::sync::Mutex::new(Some(send));
    let progress = |done: usize, _: usize, _: &Finding| {
        if done == 5
            && let Some(send) = send.lock().unwrap().take()
        {
            send.send(()).unwrap();
        }
    };
    let stop = async {
        let _ = stopped.await;
    };
    let report = checker.run(stop, &progress).await.unwrap();
    assert!(report.stopped);
    assert_eq!(report.findings.len(), 5);
    assert_eq!(server.changes().1, 0);
}

/// All checks meet the servers that show more than was asked for, or delete more; the other defects meet their own
/// checks, in `each_defect_fails_its_checks`.
#[tokio::test]
async fn what_was_there_before_stays() {
    let defects = [
        "deletes_collections",
        "ignores_filters",
        "ignores_filter_with_cursor",
        "unknown_filters_list_all",
        "any_cursor",
        "one_tenant",
        "open_door",
        "create_without_body",
    ];
    let runs = defects.map(|defect| run(Forgiving::RFC, Profile::Rfc, Some(defect), &[]));
    futures_util::future::join_all(runs).await;
}

#[tokio::test]
async fn what_the_second_tenant_got_is_deleted_there() {
    let only = [
        "another_tenants_user_is_no_member",
        "names_are_taken_only_within_a_tenant",
    ];
    let (report, server) = run(Forgiving::RFC, Profile::Rfc, None, &only).await;
    assert_eq!(report.left_over, [""; 0]);
    assert_eq!(server.changes().1, 0);
}

/// Where each tenant counts its own ids, the second has others under those of the check.
#[tokio::test]
async fn who_has_the_same_id_in_another_tenant_is_left_alone() {
    let only = [
        "another_tenant_cannot_read",
        "another_tenant_cannot_write",
        "another_tenant_meets_nobody_in_searches_and_jobs",
        "another_tenants_user_is_no_member",
        "names_are_taken_only_within_a_tenant",
    ];
    for defect in [None, Some("second_tenant_stumbles")] {
        let server = Server::start(Forgiving::RFC, defect).await;
        server.settle(20);
        let checker = Checker::new(client(&server.base, 0), Profile::Rfc)
            .second(client(&server.base, 1))
            .only(only);
        let report = checker.run(std::future::pending(), &|_, _, _| {}).await;
        let report = report.unwrap();
        assert_eq!(failures(&report), [""; 0], "{defect:?}");
        assert_eq!(report.count(None, "not run"), 4, "{defect:?}");
        assert_eq!(server.settled(20), 20, "{defect:?}");
        assert_eq!(server.changes(), (Vec::new(), 20), "{defect:?}");
    }
}

#[tokio::test]
async fn what_was_sent_before_the_stop_is_waited_for() {
    let server = Server::start(Forgiving::RFC, Some("slow_to_create")).await;
    let only = ["creating_answers_201"];
    let checker = Checker::new(client(&server.base, 0), Profile::Rfc).only(only);
    let stopped = tokio::sync::Notify::new();
    let stop = async {
        server.arrived.notified().await;
        stopped.notify_one();
    };
    let late = async {
        stopped.notified().await;
        // As many requests as a checker that does not wait would need to search and be done.
        for _ in 0..50 {
            let asked = client(&server.base, 0).send(&Request::get("/Users")).await;
            assert!(asked.is_ok());
        }
        server.released.notify_one();
    };
    let (report, ()) = tokio::join!(checker.run(stop, &|_, _, _| {}), late);
    server.stored.notified().await;
    let report = report.unwrap();
    assert!(report.stopped);
    assert_eq!(report.left_over, [""; 0]);
    assert_eq!(server.changes().1, 0);
}

/// A server whose answers to creates are lost, and which is wrong about filters.
async fn lost(defect: &'static str, others: usize) -> (Report, Arc<Server>) {
    let server = Server::start(Forgiving::RFC, Some(defect)).await;
    server.crowd(others);
    let checker =
        Checker::new(client(&server.base, 0), Profile::Rfc).only(["creating_answers_201"]);
    let report = checker.run(std::future::pending(), &|_, _, _| {}).await;
    (report.unwrap(), server)
}

#[tokio::test]
async fn what_a_lost_answer_has_created_is_found_without_filters() {
    for defect in [
        "loses_creates_without_filters",
        "loses_creates_and_finds_nobody",
    ] {
        let (report, server) = lost(defect, 450).await;
        assert!(report.findings[0].failed());
        assert_eq!(
            (report.left_over.len(), report.may_be_left_over.len()),
            (0, 0)
        );
        assert_eq!(server.changes(), (Vec::new(), 450), "{defect}");
    }
}

#[tokio::test]
async fn a_list_too_long_to_be_read_is_named() {
    let (report, server) = lost("loses_creates_without_filters", 5_200).await;
    assert_eq!(report.may_be_left_over, ["/Users"]);
    assert_eq!(server.changes(), (Vec::new(), 5_201));
    let text = report.to_lines().join("\n");
    assert!(text.contains("MAY BE LEFT OVER in /Users"), "{text}");
    assert!(text.contains(&report.mark) && report.mark.starts_with(MARK));
    assert_eq!(
        report.to_json()["may_be_left_over"],
        serde_json::json!(["/Users"])
    );
}

#[tokio::test]
async fn what_cannot_be_deleted_is_named() {
    let (report, _) = run(
        Forgiving::RFC,
        Profile::Rfc,
        Some("delete_deactivates"),
        &["creating_answers_201"],
    )
    .await;
    // That server says that it deleted; the search by mark finds the user all the same.
    assert_eq!(report.findings[0].outcome.word(), "passed");
    assert_eq!(report.left_over.len(), 1, "{:?}", report.left_over);
    assert!(report.left_over[0].starts_with("/Users/"));
    assert!(MARK.starts_with("provisor-check"));
}

#[test]
fn every_requirement_is_checked_or_has_a_reason() {
    let proved: BTreeSet<_> = scim_client::check::proved().into_iter().collect();
    let unchecked: Vec<_> = UNCHECKED
        .iter()
        .flat_map(|(ids, _)| ids.split(' '))
        .collect();
    let listed: BTreeSet<_> = unchecked.iter().copied().collect();
    assert_eq!(
        listed.len(),
        unchecked.len(),
        "a requirement has two reasons"
    );
    let all: BTreeSet<_> = Requirement::all()
        .iter()
        .map(|requirement| requirement.id.as_str())
        .collect();
    let both: Vec<_> = proved.intersection(&listed).collect();
    assert!(
        both.is_empty(),
        "checked, and with a reason why not: {both:?}"
    );
    let missing: Vec<_> = all
        .iter()
        .filter(|id| !proved.contains(*id) && !listed.contains(*id))
        .collect();
    assert!(
        missing.is_empty(),
        "neither checked nor with a reason: {missing:?}"
    );
    let unknown: Vec<_> = proved
        .union(&listed)
        .filter(|id| !all.contains(*id))
        .collect();
    assert!(unknown.is_empty(), "no such requirement: {unknown:?}");
}

#[test]
fn names_are_unique() {
    for profile in Profile::ALL {
        let names = names(profile);
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
