-- agent-events: the whole ledger, in reading order. Each line below names one file that holds one
-- object.
--
--   registry -> emit -> agent_events -> log -> relay
--                |           |         |
--                +-> outbox  +-> archive +-> state
--
-- Applications call ledger.emit_event(). It looks the event's type up in the registry, checks the
-- payload, and writes the event and its outbox row in the caller's transaction. Nobody else can
-- insert, and nobody can change or delete.
--
-- Install into a database with: psql -v ON_ERROR_STOP=1 -f sql/install.sql
-- (`agent-events migrate` and `alembic upgrade head` run the same SQL, frozen in migrations/.) It
-- takes one transaction, needs no extension and no superuser: CREATEROLE and CREATE on the database
-- are enough. It is for a database without a ledger: it records no revision, so nothing can upgrade
-- what it installed.

begin;
set local check_function_bodies = off;
set local client_min_messages = warning;

-- schema: roles, the two schemas, tenants and who may act for them, and the context of a
-- transaction.
\ir schema/roles.sql
\ir schema/schemas.sql
\ir schema/tenants.sql
\ir schema/tenant_grants.sql
\ir schema/setting.sql
\ir schema/set_context.sql
\ir schema/caller.sql
\ir schema/is_owner.sql
\ir schema/permitted_tenants.sql
\ir schema/permitted_for_any.sql
\ir schema/acts_for.sql
\ir schema/require_tenant.sql
\ir schema/require_any.sql
\ir schema/require_read_committed.sql
\ir schema/grant_access.sql
\ir schema/revoke_access.sql
\ir schema/set_tenant_policy.sql

-- registry: event types and their JSON Schemas, each compiled into one jsonpath predicate at
-- registration, so that checking a payload is one call into C. The explaining validator runs only
-- after a no.
\ir registry/event_types.sql
\ir registry/event_schemas.sql
\ir registry/upcasters.sql
\ir registry/schema_keywords.sql
\ir registry/pointer_step.sql
\ir registry/refuse_schema.sql
\ir registry/is_schema_value.sql
\ir registry/equality_schema.sql
\ir registry/check_pattern.sql
\ir registry/translate_pattern.sql
\ir registry/check_schema_keyword.sql
\ir registry/check_schema.sql
\ir registry/expand_references.sql
\ir registry/add_event_schema.sql
\ir registry/require_registrar.sql
\ir registry/check_registration.sql
\ir registry/compile_array_keyword.sql
\ir registry/compile_combination.sql
\ir registry/compile_keyword.sql
\ir registry/compile_node.sql
\ir registry/compile_number_keyword.sql
\ir registry/compile_object_keyword.sql
\ir registry/compile_presence.sql
\ir registry/compile_schema.sql
\ir registry/compile_string_keyword.sql
\ir registry/compile_type.sql
\ir registry/compile_values.sql
\ir registry/event_schema.sql
\ir registry/explain_keyword.sql
\ir registry/explain_payload.sql
\ir registry/explain_value.sql
\ir registry/find_event_type.sql
\ir registry/incompatibilities.sql
\ir registry/incompatible_parts.sql
\ir registry/is_wider.sql
\ir registry/marked_pointers.sql
\ir registry/refuse_incompatible.sql
\ir registry/refuse_payload.sql
\ir registry/refuse_version.sql
\ir registry/register_event_type.sql
\ir registry/schemas_below.sql
\ir registry/summary_parts.sql
\ir registry/check_summary.sql
\ir registry/summary_expression.sql
\ir registry/choose_by_type.sql

-- Upcasters: functions of the user's that lift a payload from one version to the next. They run as
-- ledger_sandbox, which may do nothing.
\ir registry/find_function.sql
\ir registry/function_fingerprint.sql
\ir registry/impure_part.sql
\ir registry/check_pure_function.sql
\ir registry/refuse_prepared.sql
\ir registry/run_upcaster.sql
\ir registry/upcast_payload.sql
\ir registry/stored_mismatches.sql
\ir registry/upcaster_samples.sql
\ir registry/try_upcaster.sql
\ir registry/register_upcaster.sql
\ir registry/drop_upcaster.sql

-- privacy: what is masked before it is stored, and what is kept apart from the event.
\ir privacy/find_paths.sql
\ir privacy/has_secret_keys.sql
\ir privacy/mask.sql
\ir privacy/mask_keys.sql
\ir privacy/may_have_secrets.sql
\ir privacy/secret_keys.sql
\ir privacy/split_private.sql
\ir privacy/pointer_path.sql
\ir privacy/merge_private.sql
\ir privacy/pointer_jsonpath.sql

-- run: who did it. Every event belongs to a run; what happens outside any belongs to the tenant's
-- ambient run.
\ir run/agent_runs.sql

-- event: the event itself. Ids carry their time, hashes chain each stream.
\ir event/agent_events.sql
\ir archive/agent_events_archive.sql
\ir event/event_private.sql
\ir privacy/legal_holds.sql
\ir privacy/erasures.sql
\ir event/streams.sql
\ir event/idempotency_keys.sql
\ir event/receipt.sql
\ir event/event_input.sql
\ir event/uuid_v7.sql
\ir event/event_id.sql
\ir event/event_time.sql
\ir event/event_entry.sql
\ir event/event_hash.sql
\ir event/private_hash.sql
\ir event/is_proof.sql
\ir event/arguments_hold.sql
\ir event/refuse_arguments.sql
\ir event/events.sql
\ir registry/describe_event.sql

-- outbox: the message that leaves for each event, written with it, never updated.
\ir outbox/outbox.sql
\ir outbox/outbox_purges.sql

-- partition: daily, weekly or monthly partitions, made ahead and, when one is missing all the same,
-- on demand.
\ir partition/partitions.sql
\ir partition/partition_settings.sql
\ir partition/retention_policy.sql
\ir partition/initial_settings.sql
\ir partition/covered_period.sql
\ir partition/partition_bounds.sql
\ir partition/create_partition.sql
\ir partition/refresh_coverage.sql
\ir partition/ensure_partition.sql
\ir partition/ensure_partitions.sql
\ir partition/adopt_partitions.sql
\ir partition/lock_partition.sql
\ir partition/reattach_partition.sql
\ir partition/shorten_partition.sql
\ir partition/change_partition_interval.sql
\ir partition/set_partition_interval.sql
\ir partition/set_retention.sql
\ir partition/tablespace_of.sql
\ir partition/access_method_of.sql
\ir partition/partition_status.sql
\ir partition/find_partition.sql

-- What left the database: the files, the drops, and whose events went with them.
\ir cold/cold_files.sql
\ir cold/cold_drops.sql
\ir cold/cold_ranges.sql

-- emit: the hot path. emit_event and emit_events are what people call; the rest are their parts.
\ir run/ensure_tenant.sql
\ir event/require_run.sql
\ir event/emit_permits.sql
\ir event/has_emit_permit.sql
\ir event/require_own_type.sql
\ir event/prepare_event.sql
\ir event/correlation_of.sql
\ir event/find_receipt.sql
\ir event/keep_receipt.sql
\ir event/begin_stream.sql
\ir event/emit_event.sql
\ir event/emit_own_event.sql
\ir event/refuse_events.sql
\ir event/lock_keys.sql
\ir event/lock_streams.sql
\ir event/link_next.sql
\ir event/link.sql
\ir event/emit_plain_events.sql
\ir event/emit_events.sql

-- Runs and reads, built on the above.
\ir run/find_run.sql
\ir run/add_run.sql
\ir run/start_run.sql
\ir run/finish_run.sql
\ir run/agent_run_status.sql
\ir event/require_page_size.sql
\ir registry/upcast_event.sql
\ir registry/upcast_fingerprint.sql
\ir event/get_event.sql
\ir event/find_events.sql
\ir event/read_stream.sql
\ir event/causation_order.sql
\ir event/trace.sql
\ir registry/event_type_coverage.sql

-- log: the order of what was committed. seal() gives every committed event the next position of its
-- tenant and appends it to the tenant's Merkle tree; readers follow by position, and the tree proves
-- that nothing was changed since.
\ir log/log_heads.sql
\ir log/log_edges.sql
\ir log/log_entries.sql
\ir log/log_tiles.sql
\ir log/log_blocks.sql
\ir log/log_sweep.sql
\ir log/seal_receipt.sql
\ir log/system_identifier.sql
\ir log/committed_snapshot.sql
\ir log/first_sweep.sql
\ir log/merkle_root.sql
\ir log/block_hash.sql
\ir log/refuse_other_cluster.sql
\ir log/is_past.sql
\ir log/is_far_behind.sql
\ir log/lock_log_head.sql
\ir log/events_since.sql
\ir log/unsealed_events.sql
\ir log/grow_tree.sql
\ir log/edge_root.sql
\ir log/close_block.sql
\ir log/seal_events.sql
\ir log/seal_locked.sql
\ir log/seal.sql
\ir log/carried_sweep.sql
\ir log/sweep_log.sql
\ir log/seal_all.sql
\ir log/rebase_log.sql
\ir log/log.sql
\ir registry/upcast_entry.sql
\ir log/wait_for_position.sql
\ir log/read_log.sql
\ir log/position_of.sql

-- relay: every destination is a cursor over the log. A worker leases it, reads the messages at the
-- positions it was given, and confirms them; what was not taken is parked, with its aggregate behind
-- it, and all else flows on.
\ir relay/relays.sql
\ir relay/relay_cursors.sql
\ir relay/relay_parked.sql
\ir relay/relay_confirmations.sql
\ir relay/outbox_claim.sql
\ir relay/outbox_message.sql
\ir relay/refuse_relay.sql
\ir relay/refuse_claim.sql
\ir relay/ensure_relay.sql
\ir relay/refuse_lease.sql
\ir relay/require_lease.sql
\ir relay/lock_cursor.sql
\ir relay/has_due_retries.sql
\ir relay/find_cursor.sql
\ir relay/outbox_range.sql
\ir relay/park_followers.sql
\ir relay/take_retries.sql
\ir relay/claim_outbox.sql
\ir relay/read_outbox.sql
\ir relay/wake_lane.sql
\ir relay/settle_retries.sql
\ir relay/confirm_outbox.sql
\ir relay/backoff.sql
\ir relay/park_message.sql
\ir relay/fail_outbox.sql
\ir relay/relay_tenants.sql
\ir relay/relay_status.sql
\ir relay/outbox_status.sql

-- What an operator does with a relay; and purging the outbox, when all relays have passed.
\ir relay/set_relay.sql
\ir relay/drop_relay.sql
\ir relay/rewind_relay.sql
\ir relay/dead_positions.sql
\ir relay/requeue_dead.sql
\ir relay/discard_dead.sql
\ir outbox/relays_behind.sql
\ir outbox/require_delivered.sql
\ir outbox/permit_purge.sql
\ir outbox/purge_outbox.sql
-- subscription: cursors over the log that outlive their readers.
\ir subscription/subscription_cursors.sql
\ir subscription/subscription_position.sql
\ir subscription/save_position.sql
\ir subscription/drop_subscription.sql

-- prove: that an event is in the tree, that one tree continues another, and what is signed outside.
\ir log/require_tree_size.sql
\ir log/split_size.sql
\ir log/log_node.sql
\ir log/log_range_root.sql
\ir log/log_root.sql
\ir log/inclusion_proof.sql
\ir log/consistency_proof.sql
\ir log/checkpoint.sql

-- verify: whether the log is whole, as far as the database can say so itself.
\ir cold/cold_positions.sql
\ir log/find_position.sql
\ir cold/cold_gap.sql
\ir cold/is_cold.sql
\ir log/block_of.sql
\ir log/tree_root.sql
\ir log/verify_entries.sql
\ir log/verify_tiles.sql
\ir log/verify_blocks.sql
\ir log/verify_stream.sql
\ir log/verify_unlogged.sql
\ir log/verify.sql

-- inbox: what a consumer has processed, written in its own transaction, so that a message that comes
-- twice is processed once; and what it failed to process, with the message, until it can.
\ir inbox/inbox.sql
\ir inbox/inbox_failures.sql
\ir inbox/inbox_status.sql
\ir inbox/require_inbox_key.sql
\ir inbox/require_max_rows.sql
\ir inbox/accept_event.sql
\ir inbox/refuse_failure.sql
\ir inbox/fail_event.sql
\ir inbox/claim_failures.sql
\ir inbox/refuse_unknown_failure.sql
\ir inbox/requeue_failures.sql
\ir inbox/discard_failure.sql
\ir inbox/purge_inbox.sql

-- hold, erase, read: what must be kept, what must go, and who saw it. A hold stands in the way of
-- erasing and dropping; private data is deleted for good, and the event still shows that it was
-- there; every look at it is an event.
\ir privacy/subject_hash.sql
\ir privacy/active_holds.sql
\ir privacy/covers.sql
\ir privacy/held_by.sql
\ir privacy/lock_holds.sql
\ir privacy/refuse_held.sql
\ir privacy/require_no_hold.sql
\ir privacy/require_reason.sql
\ir privacy/refuse_hold.sql
\ir privacy/hold_scope.sql
\ir privacy/place_hold.sql
\ir privacy/release_hold.sql
\ir privacy/private_ids.sql
\ir privacy/listed_ids.sql
\ir privacy/erasure_certificate.sql
\ir privacy/erase_private.sql
\ir privacy/private_event.sql
\ir privacy/private_events.sql
\ir privacy/erased_events.sql
\ir privacy/record_read.sql
\ir privacy/read_private.sql
\ir privacy/subject_report.sql

-- state: any aggregate at any moment, by folding its events with the reducer of its type. Snapshots
-- make it quick; each is bound to the record by an event of its own, and one that is not counts for
-- nothing. Reducers are users' functions, and run as a role that may do nothing.
\ir state/reducers.sql
\ir state/snapshots.sql
\ir state/snapshot_policy.sql
\ir state/initial_policy.sql
\ir state/snapshot_cursors.sql
\ir state/snapshot_failures.sql
\ir state/aggregate_state.sql
\ir state/merge_patch.sql
\ir state/merge_event.sql
\ir state/refuse_reducer.sql
\ir state/require_reducer.sql
\ir state/reducer_fingerprint.sql
\ir state/find_reducer.sql
\ir state/refuse_fold.sql
\ir state/fold_events.sql
\ir state/try_reducer.sql
\ir state/register_reducer.sql
\ir state/drop_reducer.sql
\ir state/refuse_gap.sql
\ir state/next_events.sql
\ir state/snapshot_digest.sql
\ir state/snapshot_payload.sql
\ir state/leaf_hash.sql
\ir state/has_entry.sql
\ir state/snapshot_problem.sql
\ir state/find_snapshot.sql
\ir state/last_state.sql
\ir state/fold_page.sql
\ir state/advance_state.sql
\ir state/state_of.sql
\ir state/replay.sql
\ir state/log_page.sql
\ir state/refuse_cold.sql
\ir state/replay_log.sql

-- Snapshots: made on demand, and by maintain() where their policy wants them.
\ir state/lock_snapshots.sql
\ir state/keep_snapshot.sql
\ir state/create_snapshot.sql
\ir state/find_policy.sql
\ir state/set_snapshot_policy.sql
\ir state/snapshot_cut.sql
\ir state/is_snapshot_due.sql
\ir state/next_snapshot.sql
\ir state/has_failed.sql
\ir state/record_failure.sql
\ir state/snapshot_stream.sql
\ir state/log_streams.sql
\ir state/snapshot_log.sql
\ir state/stale_reducers.sql
\ir state/snapshot_backlog.sql
\ir state/has_snapshots_due.sql
\ir state/snapshot_again.sql
\ir state/make_snapshots.sql
\ir state/replayed_snapshots.sql
\ir state/verify_snapshots.sql

-- export: the record in the shapes that people need. What leaves is on record before it leaves, and so
-- is who verified, held and erased.
\ir export/exported_event.sql
\ir export/begin_export.sql
\ir export/find_export.sql
\ir export/open_export.sql
\ir export/export_conditions.sql
\ir export/redaction.sql
\ir export/export_columns.sql
\ir export/json_line.sql
\ir export/csv_cell.sql
\ir export/csv_line.sql
\ir export/export_private.sql
\ir export/export_range.sql
\ir export/export_page.sql
\ir export/export_query.sql
\ir export/export_events.sql
\ir export/export_lines.sql
\ir export/export_page_end.sql
\ir export/finish_export.sql
\ir export/record_verification.sql
\ir export/export_has_event.sql
\ir export/access_log.sql

-- archive: whole partitions leave agent_events for agent_events_archive as a change of the catalog,
-- once every event in them is sealed; reads span both.
\ir archive/refuse_archiving.sql
\ir archive/refuse_unsealed.sql
\ir archive/refuse_late_events.sql
\ir archive/add_bounds.sql
\ir archive/validate_bounds.sql
\ir archive/prepare_archive.sql
\ir archive/partition_payload.sql
\ir archive/record_move.sql
\ir archive/move_partition.sql
\ir archive/relocate_partition.sql

-- stats: how many events there were, counted from the log once each, and a tenant at a glance.
\ir stats/event_counts.sql
\ir stats/count_cursors.sql
\ir stats/statistics.sql
\ir stats/count_positions.sql
\ir stats/count_tenant.sql
\ir stats/count_events.sql
\ir stats/recount_events.sql
\ir stats/tail_counts.sql
\ir stats/counts.sql
\ir stats/events_per_hour.sql
\ir stats/events_per_day.sql
\ir stats/events_per_type.sql
\ir stats/events_per_outcome.sql
\ir stats/events_per_actor.sql
\ir stats/events_per_tenant.sql
\ir stats/snapshot_totals.sql
\ir stats/snapshot_status.sql
\ir stats/seal_lag.sql
\ir stats/count_ranges.sql
\ir stats/counts_between.sql
\ir stats/top_counts.sql
\ir stats/ranking.sql
\ir stats/storage_by_tier.sql
\ir stats/log_statistics.sql
\ir stats/stats.sql

-- maintain: what a DBA schedules. Every step is a transaction, tried again while its locks are
-- taken, and recorded.
\ir maintain/maintenance_steps.sql
\ir maintain/maintenance_plan.sql
\ir maintain/maintenance_step.sql
\ir maintain/record_step.sql
\ir maintain/run_step.sql
\ir maintain/run_steps.sql
\ir maintain/archive_partition.sql
\ir maintain/restore_partition.sql
\ir maintain/maintain.sql

-- cold: partitions that leave the database for a file, and come back. A drop needs a file that was
-- read again, a signed checkpoint and no hold; what comes back is held against the log, event by
-- event.
\ir cold/range_list.sql
\ir cold/listed_ranges.sql
\ir cold/positions_root.sql
\ir cold/require_partition.sql
\ir cold/partition_digest.sql
\ir cold/refuse_tenants.sql
\ir cold/record_cold_file.sql
\ir cold/refuse_digest.sql
\ir cold/require_checkpoint.sql
\ir log/record_checkpoint.sql
\ir cold/permit_drop.sql
\ir cold/drop_cold.sql
\ir cold/begin_restore.sql
\ir cold/attach_restored.sql
\ir cold/log_leaves.sql
\ir cold/refuse_restored.sql
\ir cold/require_restored.sql
\ir cold/finish_restore.sql
\ir cold/expire_cold.sql

-- capture: tables of the application whose changes are events, by triggers that emit what each
-- statement did in its own transaction, or keep it there until it is emitted on a schedule.
\ir capture/tracked_tables.sql
\ir capture/capture_frames.sql
\ir capture/capture_queue.sql
\ir capture/captured_key.sql
\ir capture/mask_columns.sql
\ir capture/captured_columns.sql
\ir capture/refuse_key.sql
\ir capture/capture_change.sql
\ir capture/capture_plain_rows.sql
\ir capture/capture_rows.sql
\ir capture/match_rows.sql
\ir capture/capture_begin.sql
\ir capture/capture_end.sql
\ir capture/capture_changes.sql
\ir capture/without_columns.sql
\ir capture/refuse_queueing.sql
\ir capture/queue_changes.sql
\ir capture/swap_context.sql
\ir capture/emit_queued.sql
\ir capture/emit_captured.sql
\ir capture/drain_captured.sql
\ir capture/discard_captured.sql
\ir capture/capture_insert.sql
\ir capture/capture_update.sql
\ir capture/capture_delete.sql
\ir capture/refuse_truncate.sql
\ir capture/require_own_table.sql
\ir capture/primary_key_of.sql
\ir capture/quick_key.sql
\ir capture/virtual_columns_of.sql
\ir capture/tracked_relations.sql
\ir capture/capture_triggers.sql
\ir capture/own_triggers.sql
\ir capture/drop_capture_triggers.sql
\ir capture/tracking_status.sql
\ir capture/refuse_tracking.sql
\ir capture/record_tracking.sql
\ir capture/register_capture_types.sql
\ir capture/track_table.sql
\ir capture/untrack_table.sql
\ir capture/add_correlation.sql

-- guard: what refuses changes. Triggers on every table and partition, row-level security, and,
-- where a superuser installs, event triggers against DDL that would take the guards away.
\ir guard/maintenance_windows.sql
\ir guard/maintenance_commands.sql
\ir guard/protected_tables.sql
\ir guard/guards_of.sql
\ir guard/refuse_change.sql
\ir guard/protect_table.sql
\ir guard/relation_of.sql
\ir guard/is_protected.sql
\ir guard/unprotected_rows.sql
\ir guard/foreign_code.sql
\ir guard/broken_triggers.sql
\ir guard/current_window.sql
\ir guard/broken_guards.sql
\ir guard/ownership_findings.sql
\ir guard/new_partitions.sql
\ir guard/window_targets.sql
\ir guard/open_window.sql
\ir guard/is_permitted_drop.sql
\ir guard/check_window.sql
\ir guard/close_window.sql
\ir guard/window_guards.sql
\ir guard/admit_partitions.sql
\ir guard/admit_restored.sql
\ir guard/is_covered_period.sql
\ir guard/refuse_ddl.sql
\ir guard/refuse_detach.sql
\ir guard/refuse_drop.sql
\ir guard/refuse_rewrite.sql
\ir guard/create_event_triggers.sql
\ir guard/repair_event_triggers.sql
\ir guard/repair_guards.sql
\ir guard/guards.sql
\ir guard/row_level_security.sql

-- monitor: doctor() says what is not as it should be.
\ir monitor/broken_rules.sql
\ir monitor/check_events.sql
\ir monitor/check_grants.sql
\ir monitor/check_guards.sql
\ir monitor/check_cold.sql
\ir monitor/check_inbox.sql
\ir monitor/check_capture.sql
\ir monitor/check_log.sql
\ir monitor/check_maintenance.sql
\ir monitor/check_outbox.sql
\ir monitor/check_partitions.sql
\ir monitor/check_relays.sql
\ir monitor/check_privacy.sql
\ir monitor/check_erasures.sql
\ir monitor/check_roles.sql
\ir monitor/check_snapshots.sql
\ir monitor/check_upcasters.sql
\ir monitor/doctor.sql

-- metrics: what Prometheus is told.
\ir stats/metrics_of_events.sql
\ir stats/metrics_of_delivery.sql
\ir stats/metrics_of_storage.sql
\ir stats/last_events.sql
\ir stats/metrics_of_operation.sql
\ir stats/metrics.sql

-- Who owns what and who may do what, in one page.
\ir grants.sql

-- catalog: the event types that ship.
\ir catalog/agent_platform.sql
\ir catalog/audit.sql
\ir catalog/ledger.sql
\ir catalog/llm.sql
\ir catalog/trading.sql

-- The first partitions; then the event triggers, which from here on refuse changes outside
-- maintenance windows.
\ir partition/first_partitions.sql
\ir guard/event_triggers.sql

commit;
