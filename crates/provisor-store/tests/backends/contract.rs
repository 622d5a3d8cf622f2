//! The contract of [`provisor_store::Store`] as named cases that any backend runs.
//!
//! A backend calls `contract_on!` with a function that opens a fresh, empty [`Backend`]; each
//! case becomes a test. After every case [`Backend::check`] must find nothing wrong.

#[macro_use]
pub(crate) mod bench;

pub(crate) mod bounds;
pub(crate) mod concurrent;
pub(crate) mod identity;
pub(crate) mod isolation;
pub(crate) mod members;
pub(crate) mod past;
pub(crate) mod people;
pub(crate) mod resources;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod targets;

use std::sync::Arc;

use provisor_store::{Clock, Store};

/// One empty place to keep directories, for one case.
pub(crate) trait Backend: Send + Sync {
    /// A store on the same data; called twice it plays two processes.
    fn open(&self, clock: Clock) -> Arc<dyn Store>;

    /// The same with searches that may not take any time.
    fn open_impatient(&self, clock: Clock) -> Arc<dyn Store>;

    /// The same with searches that may keep no more than this many bytes.
    fn open_keeping(&self, bytes: usize, clock: Clock) -> Arc<dyn Store>;

    /// Contradictions in the stored data.
    fn check(&self) -> Vec<String>;
}

/// Defines `contract_on!`, which makes a test of every case listed here.
macro_rules! cases {
    (($d:tt) $($module:ident { $($case:ident)* })*) => {
        macro_rules! contract_on {
            ($d new:expr) => {
                $(mod $module {
                    use super::*;
                    $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let bench = $crate::contract::bench::Bench::new($d new).await;
                        $crate::contract::$module::$case(&bench).await;
                        bench.finish();
                    })*
                })*
            };
        }
        pub(crate) use contract_on;
    };
}

cases! { ($)
    resources {
        round_trip
        custom_types_and_extensions
        a_change_that_changes_nothing_writes_nothing
        preconditions_are_decided_on_the_version_there_is
        put_keeps_active_and_members_that_are_left_out
        deactivation_and_reactivation_have_events_of_their_own
        imported_people_are_created_or_linked
        exported_resources_are_adopted_under_their_ids
        no_resource_grows_without_end
    }
    identity {
        user_names_are_unique_as_folded
        custom_attributes_are_unique_where_declared
        every_lookup_finds_exactly_the_user
        with_email_as_identifier_addresses_are_unique
        with_external_id_as_identifier_it_is_unique
        team_names_are_unique_where_asked
        switching_to_an_identifier_needs_it_unique
        domains_bound_what_is_written
        a_post_meets_an_inactive_user
        one_of_many_racing_writers_wins
    }
    members {
        steps_are_idempotent
        unknown_members_are_named
        unknown_members_are_left_out_where_forgiven
        teams_cannot_contain_themselves
        nested_teams_are_indirect
        a_deleted_member_changes_its_teams
        what_was_removed_meanwhile_stays_removed
        events_list_at_most_500_members
        member_pages_go_on_where_they_ended
        a_member_is_called_what_it_was_added_as
        who_left_a_team_is_known
        a_team_knows_how_many_its_members_are
        who_came_and_went_is_told
        what_was_told_of_memberships_outlives_their_rows
        patch_equals_its_definition
        filters_of_a_patch_look_at_members_within_bounds
    }
    past {
        every_change_has_exactly_its_events
        deleted_resources_come_back
        erased_people_leave_no_trace
        old_tombstones_go
        the_events_of_a_resource_outlive_it
        tombstones_are_found
        deleted_users_are_listed_page_by_page
    }
    concurrent {
        no_added_member_is_lost
        membership_follows_the_order_of_events
        events_are_dense_for_a_reader_beside_writers
        an_identifier_is_unique_from_the_switch_on
    }
    search {
        filters_match_as_the_evaluator_does
        orders_are_the_evaluators
        pages_cover_the_list
        a_walk_is_complete_under_deletion
        cursors_hold_when_their_resource_is_gone
        several_types_at_once
        looks_together_find_what_a_search_finds
        a_look_ends_when_it_was_long_enough
        scans_are_bounded
    }
    bounds {
        a_page_ends_early_and_the_walk_does_not
        deep_pages_are_the_evaluators
        many_that_an_index_leads_to_are_the_evaluators
    }
    settings {
        tokens_are_checked
        revocation_counts_at_once_everywhere
        paused_and_suspended_refuse
        a_queued_change_goes_by_the_newest_settings
        connections_are_named_once
        a_connection_keeps_its_log_for_days_of_its_own
        tenants_are_deleted_in_chunks
        an_interrupted_deletion_is_finished
        schemas_change_within_bounds
        token_use_is_noted
    }
    people {
        sessions_end_in_time_and_by_hand
        links_work_once
        no_link_outlives_the_password_it_could_replace
        who_was_here_and_who_is_invited_is_known
        a_setup_link_opens_one_connection_and_takes_its_sessions_along
        a_role_is_looked_at_again_inside_the_transaction
        the_last_owner_stays
        changes_are_told_with_before_and_after
        a_simulation_has_a_tenant_of_its_own_and_is_told
        the_audit_outlives_a_tenant_and_is_narrowed
        tokens_are_found_over_all_tenants
    }
    targets {
        targets_are_named_once_and_their_settings_told
        what_changed_during_a_push_stays_due
        what_fails_comes_back_in_its_time
        members_in_a_target_are_a_set
        a_target_goes_with_all_its_rows
        old_lines_of_a_targets_log_go
        another_tenants_targets_are_unknown
        an_erased_user_leaves_no_name_in_a_targets_log
        an_erased_user_leaves_no_key_of_the_files_in_a_target
        a_key_that_was_passed_on_is_erased_where_it_was_theirs
        who_is_erased_during_a_push_has_no_name_after_it
        a_user_of_files_is_erased_as_often_as_it_is_asked
        a_target_that_knows_somebody_keeps_its_source
    }
    isolation {
        another_tenants_things_are_unknown
    }
}
