-- agent-events: the whole ledger, in reading order. Each line below names one file that holds one
-- object.
--
--   registry -> emit -> agent_events -> log -> relay -> (state: a later room)
--                |           |
--                +-> outbox  +-> archive
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
\ir event/require_own_type.sql
\ir event/prepare_event.sql
\ir event/correlation_of.sql
\ir event/find_receipt.sql
\ir event/keep_receipt.sql
\ir event/begin_stream.sql
\ir event/emit_event.sql
\ir event/refuse_events.sql
\ir event/lock_keys.sql
\ir event/lock_streams.sql
\ir event/link_next.sql
\ir event/link.sql
\ir event/emit_plain_events.sql
\ir event/emit_events.sql

-- Runs and reads, built on the above.
\ir run/find_run.sql
\ir run/start_run.sql
\ir run/finish_run.sql
\ir run/agent_run_status.sql
\ir event/require_page_size.sql
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

-- export: the record in the shapes that people need. What leaves is on record before it leaves, and so
-- is who verified, held and erased.
\ir export/exported_event.sql
\ir export/begin_export.sql
\ir export/find_export.sql
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
\ir cold/permit_drop.sql
\ir cold/drop_cold.sql
\ir cold/begin_restore.sql
\ir cold/attach_restored.sql
\ir cold/log_leaves.sql
\ir cold/refuse_restored.sql
\ir cold/require_restored.sql
\ir cold/finish_restore.sql
\ir cold/expire_cold.sql

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
\ir monitor/check_log.sql
\ir monitor/check_maintenance.sql
\ir monitor/check_outbox.sql
\ir monitor/check_partitions.sql
\ir monitor/check_relays.sql
\ir monitor/check_privacy.sql
\ir monitor/check_erasures.sql
\ir monitor/check_roles.sql
\ir monitor/doctor.sql

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
