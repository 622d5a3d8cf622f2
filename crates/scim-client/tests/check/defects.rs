//! What can be wrong with the small server, and which checks must say so.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use axum::http::Method;
use scim::{Error, Map, Value, error::Kind, filter::Filter, message::PATCH_OP};
use serde_json::json;

use crate::{
    directory::Directory,
    discovery::LEFT_OUT,
    server::{Answer, Call, Server},
};

/// Each defect with the checks that must fail for it.
pub(crate) const DEFECTS: &[(&str, &[&str])] = &[
    // HTTP
    ("no_trailing_slash", &["a_trailing_slash_changes_nothing"]),
    (
        "plain_json",
        &[
            "without_accept_the_answer_is_scim_json",
            "accept_scim_json_is_honoured",
        ],
    ),
    ("errors_as_text", &["errors_have_their_form"]),
    (
        "status_as_a_number",
        &["an_error_repeats_its_status", "errors_have_their_form"],
    ),
    (
        "errors_without_schema",
        &["an_unknown_endpoint_is_404", "malformed_json_is_400"],
    ),
    (
        "errors_are_500",
        &["malformed_json_is_400", "a_body_is_one_object"],
    ),
    (
        "errors_are_200",
        &["a_body_is_one_object", "required_attributes_are_required"],
    ),
    ("invented_keywords", &["keywords_are_those_of_the_standard"]),
    ("shows_internals", &["errors_say_what_is_wrong"]),
    ("refuses_plain_json", &["plain_json_is_accepted"]),
    ("refuses_charset", &["a_charset_parameter_does_no_harm"]),
    ("refuses_accept_json", &["accept_json_is_honoured"]),
    (
        "refuses_unknown_parameters",
        &["unknown_query_parameters_are_ignored"],
    ),
    // Who may ask
    (
        "open_door",
        &["without_credentials_it_is_401", "a_wrong_token_is_401"],
    ),
    ("no_challenge", &["without_credentials_it_is_401"]),
    ("forbidden_for_401", &["a_wrong_token_is_401"]),
    ("case_in_scheme", &["the_scheme_has_no_case"]),
    (
        "one_tenant",
        &[
            "another_tenant_cannot_read",
            "another_tenant_cannot_write",
            "another_tenants_user_is_no_member",
            "another_tenant_meets_nobody_in_searches_and_jobs",
            "another_tenants_cursor_is_none",
            "names_are_taken_only_within_a_tenant",
        ],
    ),
    // Discovery
    (
        "config_is_a_list",
        &["the_config_is_one_object", "the_config_is_complete"],
    ),
    ("config_without_bulk", &["the_config_is_complete"]),
    (
        "unknown_authentication",
        &["authentication_schemes_are_described"],
    ),
    ("discovery_takes_writes", &["discovery_is_read_only"]),
    ("discovery_filters", &["discovery_refuses_filters"]),
    ("discovery_pages", &["discovery_ignores_paging"]),
    ("unknown_schema_is_empty", &["unknown_schemas_are_404"]),
    ("definitions_without_type", &["definitions_are_complete"]),
    ("group_name_optional", &["a_group_needs_a_name"]),
    ("types_without_endpoint", &["resource_types_are_complete"]),
    (
        "types_lead_nowhere",
        &["resource_types_lead_to_their_endpoints"],
    ),
    (
        "wiki_for_documentation",
        &["links_to_documentation_are_urls"],
    ),
    ("nested_complex", &["complex_attributes_are_not_nested"]),
    ("complex_is_unique", &["complex_attributes_are_not_unique"]),
    ("references_without_case", &["references_are_case_exact"]),
    ("references_to_nothing", &["references_say_to_what"]),
    ("writable_id", &["a_listed_id_is_read_only"]),
    ("messages_as_schemas", &["messages_are_no_schemas"]),
    ("pagination_as_text", &["paging_is_described"]),
    ("small_pages", &["a_hundred_are_sent_if_asked"]),
    // Creating and reading
    ("create_is_200", &["creating_answers_201"]),
    ("create_without_body", &["creating_answers_201"]),
    ("create_drops_title", &["a_create_is_no_silent_success"]),
    (
        "create_drops_members",
        &["members_are_stored", "a_large_group_is_whole"],
    ),
    ("client_chooses_ids", &["ids_are_the_servers"]),
    ("no_location", &["creating_answers_with_its_location"]),
    (
        "no_etag",
        &["a_created_resource_has_its_tag", "answers_have_tags"],
    ),
    ("bare_tags", &["tags_have_their_form"]),
    (
        "keeps_unknown_attributes",
        &["unknown_attributes_are_refused"],
    ),
    (
        "put_keeps_password",
        &[
            "a_password_is_not_answered",
            "a_password_is_not_returned_when_named",
        ],
    ),
    (
        "names_are_not_unique",
        &[
            "a_name_twice_is_409",
            "a_put_cannot_take_a_name",
            "a_patch_cannot_take_a_name",
            "one_of_many_equal_creates_wins",
        ],
    ),
    ("names_have_case", &["a_name_in_other_case_is_409"]),
    ("conflict_without_keyword", &["a_name_twice_is_409"]),
    ("finds_by_name", &["ids_are_stable_and_case_exact"]),
    ("unknown_is_empty", &["an_unknown_id_is_404"]),
    ("names_in_lower_case", &["values_keep_their_case"]),
    ("two_primaries", &["at_most_one_value_is_primary"]),
    ("emails_in_lower_case", &["emails_are_kept_as_sent"]),
    // Lists
    ("total_as_text", &["lists_have_their_form"]),
    ("lists_without_schema", &["lists_have_their_form"]),
    ("no_match_is_404", &["no_match_is_an_empty_list"]),
    (
        "total_of_the_page",
        &["total_results_counts_all_matches", "a_page_says_what_it_is"],
    ),
    (
        "ignores_count",
        &[
            "count_is_a_maximum",
            "a_negative_count_is_0",
            "count_0_counts",
        ],
    ),
    ("any_count", &["a_count_is_a_number"]),
    ("start_index_from_0", &["paging_shows_each_resource_once"]),
    ("start_index_is_always_1", &["start_index_is_echoed"]),
    ("unstable_order", &["paging_shows_each_resource_once"]),
    ("hides_inactive", &["lists_show_inactive_users"]),
    (
        "ignores_sorting",
        &[
            "sorting_orders",
            "sorting_heeds_case_exact",
            "what_has_no_value_sorts_last",
        ],
    ),
    (
        "ignores_sort_order",
        &["sorting_orders", "a_foreign_sort_order_is_refused"],
    ),
    (
        "no_next_cursor",
        &["an_empty_cursor_begins", "a_search_message_has_a_cursor"],
    ),
    (
        "ignores_filter_with_cursor",
        &[
            "an_empty_cursor_begins",
            "deletes_between_pages_lose_nobody",
        ],
    ),
    ("any_cursor", &["a_false_cursor_is_refused"]),
    ("cursors_need_encoding", &["cursors_need_no_encoding"]),
    ("cursors_fit_any_query", &["a_cursor_belongs_to_its_query"]),
    ("cursor_by_position", &["deletes_between_pages_lose_nobody"]),
    ("search_is_201", &["search_messages_are_queries"]),
    (
        "ignores_attributes",
        &[
            "every_answer_can_be_narrowed",
            "members_can_be_excluded",
            "a_patch_can_name_attributes",
        ],
    ),
    // Filters
    (
        "ignores_filters",
        &[
            "a_filter_finds_only_matches",
            "an_unknown_filter_is_no_full_list",
            "groups_are_found_by_name",
        ],
    ),
    (
        "unknown_filters_list_all",
        &[
            "an_unknown_filter_is_no_full_list",
            "malformed_filters_are_refused",
            "unknown_operators_are_refused",
        ],
    ),
    (
        "filters_know_only_and",
        &["parentheses_group", "a_value_filter_has_logic"],
    ),
    ("eq_has_no_case", &["strings_are_compared_by_case_exact"]),
    (
        "names_are_too_sensitive",
        &["sensitive_filters_are_answered_or_named"],
    ),
    // PUT and DELETE
    (
        "put_creates",
        &["put_does_not_create", "a_put_of_an_unknown_id_is_404"],
    ),
    (
        "put_changes_nothing",
        &["a_put_replaces", "a_put_sets_members"],
    ),
    (
        "put_merges",
        &["a_put_clears_by_null", "a_put_removes_an_extension"],
    ),
    (
        "put_drops_members",
        &["a_put_sets_members", "what_a_get_answers_can_be_put"],
    ),
    (
        "delete_deactivates",
        &[
            "what_is_deleted_is_404",
            "what_is_deleted_is_not_listed",
            "a_deleted_name_is_free",
        ],
    ),
    (
        "delete_is_idempotent",
        &["what_is_deleted_is_404", "deleting_an_unknown_id_is_404"],
    ),
    ("body_with_204", &["deleting_answers_204"]),
    ("deleted_stay_members", &["who_is_deleted_is_no_member"]),
    (
        "users_without_groups",
        &[
            "groups_of_a_user_follow_the_members",
            "memberships_show_at_once",
        ],
    ),
    (
        "ignores_if_match",
        &[
            "an_old_version_is_not_overwritten",
            "one_of_two_conditional_writes_wins",
            "deleting_heeds_if_match",
        ],
    ),
    // Silent success and failures at what is not listed are none of those that are let pass.
    (
        "lists_no_title+ignores_if_match",
        &[
            "an_old_version_is_not_overwritten",
            "one_of_two_conditional_writes_wins",
        ],
    ),
    (
        "lists_no_title+patch_applies_nothing",
        &["operations_are_known"],
    ),
    (
        "lists_no_title+patches_are_500",
        &["operations_have_no_case", "a_patch_applies"],
    ),
    ("lists_no_title+put_keeps_emails", &["a_put_replaces"]),
    (
        "lists_no_title+ignores_count",
        &["count_is_a_maximum", "a_page_says_what_it_is"],
    ),
    ("knows_no_and", &["ne_finds_the_others"]),
    ("refuses_members", &["a_large_group_is_whole"]),
    ("if_match_never_fits", &["lists_of_tags_are_read"]),
    ("odd_tags_are_500", &["false_preconditions_do_no_harm"]),
    (
        "put_is_201",
        &["if_none_match_star_guards_a_put", "a_put_replaces"],
    ),
    ("never_304", &["an_unchanged_resource_is_304"]),
    (
        "version_stands_still",
        &["changes_change_the_tag", "changes_move_last_modified"],
    ),
    (
        "no_change_is_a_change",
        &[
            "a_patch_without_change_changes_nothing",
            "a_put_without_change_changes_nothing",
        ],
    ),
    // PATCH
    (
        "patch_is_202",
        &["a_patch_applies", "an_asynchronous_answer_says_where"],
    ),
    (
        "patch_applies_nothing",
        &[
            "a_patch_is_no_silent_success",
            "a_patch_applies",
            "inactive_users_come_back",
        ],
    ),
    (
        "patch_without_effect_for_unknown_paths",
        &["unknown_paths_are_refused"],
    ),
    (
        "patch_by_halves",
        &["a_patch_is_applied_whole_or_not_at_all"],
    ),
    ("patch_first_only", &["operations_apply_in_order"]),
    ("op_has_case", &["operations_have_no_case"]),
    (
        "patch_takes_read_only",
        &["read_only_attributes_are_not_patched"],
    ),
    (
        "patch_needs_a_path",
        &[
            "replace_without_path_takes_attributes",
            "add_without_path_takes_attributes",
        ],
    ),
    ("remove_wipes_members", &["remove_with_a_value_is_no_wipe"]),
    (
        "remove_by_filter_does_nothing",
        &[
            "remove_takes_one_member_out",
            "parallel_removes_and_adds_keep_their_own",
        ],
    ),
    ("add_replaces_lists", &["add_appends_values"]),
    (
        "primaries_add_up",
        &["a_new_primary_value_resets_the_others"],
    ),
    ("empty_members_are_refused", &["replace_sets_members"]),
    ("members_twice", &["equal_members_are_stored_once"]),
    ("caps_members", &["a_large_group_is_whole"]),
    ("booleans_as_text", &["booleans_are_no_strings"]),
    ("lost_members", &["parallel_adds_lose_no_member"]),
    (
        "lost_updates",
        &["parallel_patches_of_a_user_keep_each_other"],
    ),
    // Schemas of the server's own
    ("odd_names", &["names_of_attributes_have_their_form"]),
    ("events_as_text", &["security_events_are_described"]),
    (
        "numbers_as_text",
        &["own_integers_are_integers", "own_decimals_are_numbers"],
    ),
    ("takes_bare_dates", &["own_times_are_times"]),
    ("lists_keep_one", &["own_lists_of_plain_values_work"]),
    ("immutables_change", &["own_immutables_stay"]),
    (
        "shows_what_nobody_asked_for",
        &["own_attributes_on_request_are_asked_for"],
    ),
    ("badges_are_not_unique", &["own_unique_values_are_unique"]),
    ("forgets_desks", &["own_extensions_work"]),
    (
        "certificates_have_no_case",
        &["certificates_are_compared_by_case"],
    ),
    // Bulk
    (
        "bulk_is_501",
        &[
            "bulk_creates",
            "bulk_is_there_or_501",
            "what_is_announced_works",
        ],
    ),
    (
        "bulk_says_yes",
        &[
            "bulk_names_its_schema",
            "bulk_methods_are_known",
            "bulk_ids_are_unique",
            "bulk_creates_need_a_bulk_id",
            "bulk_ids_stand_in_paths",
            "unknown_bulk_ids_are_refused",
            "an_empty_job_is_refused",
            "a_bulk_create_is_no_silent_success",
            "a_count_of_errors_is_positive",
        ],
    ),
    ("bulk_by_halves", &["circles_are_created_or_refused"]),
    ("bulk_ids_stay", &["bulk_ids_become_ids"]),
    ("bulk_backwards", &["bulk_keeps_the_order"]),
    ("bulk_status_is_a_number", &["bulk_creates"]),
    ("bulk_without_errors", &["a_failing_operation_fails_alone"]),
    ("bulk_stops_at_errors", &["a_failing_operation_fails_alone"]),
    ("ignores_fail_on_errors", &["fail_on_errors_stops"]),
    ("bulk_without_limit", &["bulk_has_its_limits"]),
    ("bulk_ignores_versions", &["bulk_heeds_versions"]),
    ("bulk_forgets_deletes", &["bulk_carries_every_method"]),
];

/// Defects in what Entra needs, with the checks of its profile that must fail for them.
pub(crate) const ENTRA_DEFECTS: &[(&str, &[&str])] = &[
    ("refuses_empty_operations", &["entra_asks_for_nothing"]),
    (
        "empty_operations_are_a_change",
        &["entra_asks_for_nothing", "a_patch_has_operations"],
    ),
];

/// Defects in what the drafts ask, with the checks of the interoperability profile that must fail for them.
pub(crate) const INTEROP_DEFECTS: &[(&str, &[&str])] = &[
    ("filters_select_many", &["interop_filtered_paths_match_one"]),
    ("names_stay_taken", &["interop_deletes_for_good"]),
];

/// The extension of users that is no standard one.
pub(crate) const OWN: &str = "urn:example:provisor:check:2.0:User";

/// What `returns_own_on_request` says it returns on request.
pub(crate) const ON_REQUEST: [&str; 2] = ["tags", "serial"];

/// Milliseconds that move on with every change.
pub(crate) fn now() -> i64 {
    static NOW: AtomicI64 = AtomicI64::new(1_795_600_000_000);
    NOW.fetch_add(10, Ordering::Relaxed)
}

/// Spoils the body of an answer.
pub(crate) fn spoil(server: &Server, method: &Method, status: &mut u16, body: &mut Value) {
    let Some(object) = body.as_object_mut() else {
        return;
    };
    if *status >= 400 {
        let is_401 = *status == 401;
        if server.is("status_as_a_number") {
            object["status"] = json!(*status);
        }
        if server.is("errors_without_schema") {
            object.remove("schemas");
        }
        if server.is("invented_keywords") && object.contains_key("scimType") {
            object["scimType"] = json!("badThing");
        }
        if server.is("conflict_without_keyword") {
            object.remove("scimType");
        }
        if server.is("shows_internals") {
            object["detail"] = json!("SQLITE_CONSTRAINT: UNIQUE constraint failed: users.name");
        }
        if server.is("errors_are_500") && !is_401 {
            *status = 500;
        }
        if server.is("errors_are_200") && !is_401 {
            *status = 200;
        }
        return;
    }
    if server.is("total_as_text") && object.contains_key("totalResults") {
        object["totalResults"] = json!(object["totalResults"].to_string());
    }
    if server.is("lists_without_schema") && object.contains_key("totalResults") {
        object.remove("schemas");
    }
    if server.is("names_in_lower_case") && object.contains_key("userName") {
        object["userName"] = json!(
            object["userName"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase()
        );
    }
    if server.is("emails_in_lower_case") && *method == Method::GET && object.contains_key("emails")
    {
        object["emails"] =
            serde_json::from_str(&object["emails"].to_string().to_lowercase()).unwrap();
    }
    if let Some(own) = object.get_mut(OWN) {
        if server.is("numbers_as_text") {
            for number in ["floor", "share"] {
                if !own[number].is_null() {
                    own[number] = json!(own[number].to_string());
                }
            }
        }
        if let Some(tags) = own["tags"].as_array_mut()
            && server.is("lists_keep_one")
        {
            tags.truncate(1);
        }
        if let Some(tags) = own["tags"].as_array_mut()
            && server.is("lists_in_other_order")
        {
            tags.reverse();
        }
        if server.is("returns_own_on_request")
            && let Some(own) = own.as_object_mut()
        {
            own.retain(|name, _| !ON_REQUEST.contains(&name.as_str()));
        }
    }
    if server.is("booleans_as_text") && object.contains_key("active") {
        object["active"] = json!(object["active"].to_string());
    }
}

/// What is refused because the server has nothing of the kind, or looks at something else first.
pub(crate) fn refused(server: &Server, call: &Call<'_>) -> Option<Answer> {
    let query = call.query.replace("%20", " ");
    let body = String::from_utf8_lossy(call.body);
    // A password is taken with a user, and cannot be changed.
    let names = |name: &&str| {
        let refuses = *name != "password" || call.method == Method::PATCH;
        refuses && (query.contains(*name) || body.contains(*name))
    };
    if server.is("few_attributes") && LEFT_OUT.iter().any(names) {
        let filter = query.contains("filter=");
        return Some(match filter {
            true => Error::invalid_filter("There is no such attribute.").into(),
            false => Error::invalid_path("There is no such attribute.").into(),
        });
    }
    let is_change = [Method::PUT, Method::PATCH].contains(call.method);
    if server.is("media_type_first") && is_change && call.header("content-type").is_none() {
        return Some(Answer::new(415, Value::Null));
    }
    let eq = |part: &str| {
        let attribute = part.split("%20").next().unwrap_or_default();
        ["id", "userName"].contains(&attribute) && part.contains("%20eq%20")
    };
    let mut parameters = call.query.split('&');
    let filter = parameters.find_map(|one| one.strip_prefix("filter="));
    if server.is("few_comparisons") && filter.is_some_and(|text| !text.split("%20and%20").all(eq)) {
        return Some(Error::invalid_filter("This is not compared.").into());
    }
    if server.is("knows_no_and") && filter.is_some_and(|text| text.contains("%20and%20")) {
        return Some(Error::invalid_filter("One comparison is known.").into());
    }
    if server.is("searches_lag")
        && let [_, id] = call.path.as_slice()
    {
        // Who was deleted, which is kept as inactive, is still found.
        let tenant = server.tenants[call.tenant].lock().unwrap();
        let found = tenant.resources.get(id);
        if found.is_some_and(|found| found.attributes.get("active") == Some(&json!(false))) {
            return Some(Error::new(Kind::NotFound, "There is no such user.").into());
        }
    }
    if server.is("patches_are_500") && *call.method == Method::PATCH {
        return Some(Answer::new(500, Value::Null));
    }
    let members = body.matches("\"value\"").count();
    let is_group = call
        .path
        .first()
        .is_some_and(|endpoint| endpoint == "Groups");
    if server.is("refuses_members") && is_group && members > 0 {
        return Some(Error::invalid_value("Members are added later.").into());
    }
    if server.is("small_groups") && is_group && members > 100 {
        return Some(Error::invalid_value("At most 100 members.").into());
    }
    None
}

/// The filter of a list, or a wrong one.
pub(crate) fn filter(
    server: &Server,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<Filter, Error>,
) -> Result<Option<Filter>, Error> {
    let Some(text) = text else {
        return Ok(None);
    };
    if server.is("ignores_filters") || server.is("loses_creates_without_filters") {
        return Ok(None);
    }
    if server.is("filters_know_only_and") && (text.contains(" or ") || text.contains('(')) {
        return Err(Error::invalid_filter("Only and is known."));
    }
    if server.is("loses_creates_and_finds_nobody") {
        return read("id eq \"nobody\"").map(Some);
    }
    if server.is("names_are_too_sensitive") && text.contains("familyName") {
        return Err(Error::new(Kind::Forbidden, "Nobody is told."));
    }
    let text = match server.is("eq_has_no_case") {
        _ if server.is("certificates_have_no_case") && text.contains("x509Certificates") => {
            "userName pr".to_owned()
        }
        true => text.replace(
            "externalId eq",
            "externalId ne \"\" and userName pr and externalId ne",
        ),
        false => text.to_owned(),
    };
    match read(&text) {
        Err(_) if server.is("unknown_filters_list_all") => Ok(None),
        read => read.map(Some),
    }
}

/// The PATCH message as the defect understands it; `None` if nothing is to be applied.
pub(crate) fn patched(
    server: &Server,
    tenant: &mut Directory,
    id: &str,
    mut body: Map<String, Value>,
) -> Result<Option<Map<String, Value>>, Error> {
    if server.is("patch_applies_nothing") {
        return Ok(None);
    }
    let operations = body
        .get("Operations")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if operations.is_empty() && server.is("refuses_empty_operations") {
        return Err(Error::invalid_syntax("An operation is needed."));
    }
    if operations.is_empty()
        && server.is("empty_operations_are_a_change")
        && let Some(found) = tenant.resources.get_mut(id)
    {
        found.version += 1;
    }
    let path = |operation: &Value| operation["path"].as_str().unwrap_or_default().to_owned();
    let mut kept = Vec::new();
    for mut operation in operations.clone() {
        let op = operation["op"].as_str().unwrap_or_default().to_owned();
        let path = path(&operation);
        let is_list = operation["value"].is_array();
        if server.is("op_has_case") && op != op.to_lowercase() {
            return Err(Error::invalid_syntax("There is no such op."));
        }
        if server.is("patch_needs_a_path") && path.is_empty() && op != "remove" {
            return Err(Error::invalid_path("A path is needed."));
        }
        if server.is("empty_members_are_refused")
            && path == "members"
            && operation["value"] == json!([])
        {
            return Err(Error::invalid_value("Somebody is needed."));
        }
        if server.is("patch_without_effect_for_unknown_paths") && path == "noSuchAttribute" {
            continue;
        }
        if server.is("patch_takes_read_only")
            && ["id", "groups", "meta.created"].contains(&path.as_str())
        {
            continue;
        }
        if server.is("forgets_desks") && path.starts_with(OWN) {
            continue;
        }
        if server.is("remove_by_filter_does_nothing") && path.starts_with("members[") {
            continue;
        }
        if server.is("remove_wipes_members") && op == "remove" && path == "members" {
            operation.as_object_mut().unwrap().remove("value");
        }
        if server.is("add_replaces_lists") && op == "add" && is_list {
            operation["op"] = json!("replace");
        }
        if server.is("patch_first_only") && !kept.is_empty() {
            continue;
        }
        kept.push(operation);
    }
    if server.is("patch_by_halves") {
        let name = operations
            .iter()
            .find(|operation| path(operation) == "displayName" || path(operation) == "nickName");
        if let Some(name) = name
            && let Some(found) = tenant.resources.get_mut(id)
        {
            found.attributes.insert(path(name), name["value"].clone());
        }
    }
    if kept.is_empty() && !operations.is_empty() {
        return Ok(None);
    }
    if kept != operations {
        body.insert("schemas".to_owned(), json!([PATCH_OP]));
        body.insert("Operations".to_owned(), kept.into());
    }
    Ok(Some(body))
}

/// A PATCH that reads, changes and writes in three steps, with others in between.
pub(crate) async fn racing(server: &Server, call: &Call<'_>) -> Answer {
    let target = call.path.get(1).cloned().unwrap_or_default();
    let before = || {
        let tenant = server.tenants[call.tenant].lock().unwrap();
        tenant.resources.get(&target).cloned()
    };
    let Some(read) = before().filter(|_| call.method == Method::PATCH) else {
        return server.answer(call).unwrap_or_else(Answer::from);
    };
    // What is read here is old when it is written.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut tenant = server.tenants[call.tenant].lock().unwrap();
    tenant.resources.insert(target, read);
    server
        .carry_out(&mut tenant, call)
        .unwrap_or_else(Answer::from)
}
