-- Who owns what, and who may do what: one page, installed last, safe to run again.

grant create on schema ledger to ledger_append, ledger_sandbox, ledger_capture;
grant create on schema ledger_guard to ledger_guard;

-- What writes runs as ledger_append, the only role with INSERT; what watches belongs to
-- ledger_guard; what runs users' functions belongs to ledger_sandbox, which may do nothing; the
-- triggers of tracked tables to ledger_capture, which may emit what they saw; the rest to
-- ledger_owner.
do $$
declare
  c_append constant text[] := array[
    'emit_event', 'emit_own_event', 'emit_events', 'emit_plain_events', 'lock_keys',
    'lock_streams', 'prepare_event',
    'require_run', 'begin_stream', 'find_receipt', 'keep_receipt', 'correlation_of',
    'find_event_type', 'ensure_tenant', 'find_run', 'add_run', 'start_run',
    'finish_run',
    'register_event_type', 'refuse_payload',
    'register_upcaster', 'drop_upcaster', 'upcaster_samples',
    'seal', 'seal_all', 'rebase_log', 'lock_log_head', 'carried_sweep', 'unsealed_events',
    'seal_events', 'seal_locked', 'grow_tree', 'close_block',
    'begin_export', 'export_private', 'finish_export', 'export_has_event',
    'record_verification', 'record_checkpoint',
    'place_hold', 'release_hold', 'erase_private', 'read_private', 'subject_report',
    'record_cold_file', 'permit_drop', 'require_restored', 'record_move', 'sweep_log',
    'claim_outbox', 'read_outbox', 'confirm_outbox', 'fail_outbox', 'ensure_relay', 'lock_cursor',
    'find_cursor', 'require_lease', 'take_retries', 'park_followers', 'park_message', 'wake_lane',
    'settle_retries', 'dead_positions', 'requeue_dead', 'discard_dead', 'set_relay', 'drop_relay',
    'rewind_relay', 'permit_purge',
    'accept_event', 'fail_event', 'claim_failures', 'requeue_failures', 'discard_failure',
    'purge_inbox', 'subscription_position', 'save_position', 'drop_subscription',
    'register_reducer', 'drop_reducer', 'create_snapshot', 'keep_snapshot', 'snapshot_log',
    'snapshot_again', 'record_failure', 'make_snapshots',
    'count_events', 'count_tenant', 'recount_events',
    'capture_changes', 'capture_change', 'capture_rows', 'capture_plain_rows',
    'capture_begin', 'capture_end',
    'queue_changes', 'refuse_queueing', 'emit_queued', 'emit_captured', 'drain_captured',
    'discard_captured'
  ];
  c_capture constant text[] := array[
    'capture_insert', 'capture_update', 'capture_delete', 'refuse_truncate'
  ];
  c_sandbox constant text[] := array['fold_events', 'refuse_fold', 'run_upcaster'];
  v_object record;
begin
  for v_object in
    select o.kind, o.name, o.wanted
    from (
      select
        case when c.relkind = 'v' then 'view' else 'table' end as kind,
        format('%I.%I', n.nspname, c.relname) as name,
        c.relowner as owner,
        case n.nspname when 'ledger' then 'ledger_owner' else 'ledger_guard' end as wanted
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('ledger', 'ledger_guard')
        and c.relkind in ('r', 'p', 'v')
        and c.relname <> 'alembic_version'
      union all
      select
        'type',
        format('%I.%I', n.nspname, t.typname),
        t.typowner,
        'ledger_owner'
      from pg_type as t
      join pg_namespace as n on n.oid = t.typnamespace
      join pg_class as c on c.oid = t.typrelid
      where n.nspname = 'ledger' and c.relkind = 'c'
      union all
      select
        case p.prokind when 'a' then 'aggregate' when 'p' then 'procedure' else 'function' end,
        p.oid::regprocedure::text,
        p.proowner,
        case
          when n.nspname = 'ledger_guard' then 'ledger_guard'
          when p.proname = any(c_append) then 'ledger_append'
          when p.proname = any(c_sandbox) then 'ledger_sandbox'
          when p.proname = any(c_capture) then 'ledger_capture'
          else 'ledger_owner'
        end
      from pg_proc as p
      join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('ledger', 'ledger_guard')
    ) as o
    where pg_get_userbyid(o.owner) <> o.wanted
  loop
    execute format('alter %s %s owner to %I', v_object.kind, v_object.name, v_object.wanted);
  end loop;
end
$$;

revoke create on schema ledger from ledger_append, ledger_sandbox, ledger_capture;
revoke all on all routines in schema ledger, ledger_guard from public;

-- Schemas.
grant usage on schema ledger to
  ledger_append, ledger_guard, ledger_sandbox, ledger_capture, ledger_writer, ledger_reader,
  ledger_relay,
  ledger_consumer, ledger_operator, ledger_privacy, ledger_auditor, ledger_registrar;
grant usage on schema ledger_guard to ledger_owner, ledger_append, ledger_operator;

-- The owning roles use each other's parts; nobody else can become them.
grant execute on all routines in schema ledger to ledger_owner, ledger_append, ledger_guard;
grant execute on all routines in schema ledger_guard to ledger_owner;
-- What the ledger did, its owner's members do not say either.
revoke execute on function ledger.emit_own_event from ledger_owner, ledger_guard;
grant select on all tables in schema ledger to ledger_guard;
grant select on all tables in schema ledger_guard to ledger_owner;
grant select, insert on
  ledger.agent_events, ledger.outbox, ledger.agent_runs, ledger.event_private, ledger.streams,
  ledger.idempotency_keys, ledger.tenants, ledger.event_schemas, ledger.event_types
to ledger_append;
grant select, insert on
  ledger.log_heads, ledger.log_edges, ledger.log_entries, ledger.log_tiles, ledger.log_blocks
to ledger_append;
grant select, insert, update, delete on ledger.upcasters to ledger_append;
grant select, insert on ledger.legal_holds, ledger.erasures to ledger_append;
grant select, insert on ledger.cold_files, ledger.cold_drops, ledger.cold_ranges to ledger_append;
grant select, insert, update, delete on
  ledger.relays, ledger.relay_cursors, ledger.relay_parked, ledger.relay_confirmations
to ledger_append;
grant select, insert on ledger.outbox_purges to ledger_append;
grant select, insert, update, delete on
  ledger.inbox_failures, ledger.subscription_cursors
to ledger_append;
grant select, insert, update, delete on ledger.event_counts, ledger.count_cursors
to ledger_append;
-- UPDATE on inbox only to lock what is purged.
grant select, insert, update, delete on ledger.inbox to ledger_append;
grant select on
  ledger.active_holds, ledger.log_sweep, ledger.partitions, ledger.retention_policy
to ledger_append;
grant select, insert, update, delete on
  ledger.reducers, ledger.snapshot_cursors, ledger.snapshot_failures
to ledger_append;
grant select, insert, delete on ledger.snapshots, ledger.emit_permits to ledger_append;
grant select on ledger.snapshot_policy to ledger_append;
grant delete on ledger.event_private to ledger_append;
grant update on
  ledger.streams, ledger.event_types, ledger.log_heads, ledger.log_edges, ledger.log_sweep,
  ledger.legal_holds
to ledger_append;
grant select on
  ledger.agent_events_archive, ledger.tenant_grants, ledger.partition_settings, ledger.events
to ledger_append;

-- Everybody who may use the ledger at all.
grant execute on function
  ledger.setting, ledger.caller, ledger.is_owner, ledger.permitted_tenants, ledger.acts_for,
  ledger.permitted_for_any, ledger.require_tenant, ledger.require_any, ledger.set_context,
  ledger.event_id, ledger.uuid_v7,
  ledger.event_time, ledger.event_entry, ledger.event_hash, ledger.private_hash,
  ledger.event_schema
to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_privacy,
  ledger_auditor, ledger_registrar;
grant select on ledger.event_types, ledger.event_schemas, ledger.upcasters to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_privacy,
  ledger_auditor, ledger_registrar;

-- Writers: nothing but functions.
grant execute on function
  ledger.emit_event, ledger.emit_events, ledger.add_run, ledger.start_run, ledger.finish_run
to ledger_writer;

-- Readers: the parents, through row-level security.
grant select on
  ledger.agent_events, ledger.agent_events_archive, ledger.events, ledger.outbox,
  ledger.agent_runs, ledger.agent_run_status, ledger.streams, ledger.tenants,
  ledger.event_type_coverage
to ledger_reader, ledger_auditor;
grant execute on function
  ledger.get_event, ledger.find_events, ledger.read_stream, ledger.trace, ledger.causation_order,
  ledger.require_page_size, ledger.upcast_event, ledger.upcast_entry, ledger.upcast_payload,
  ledger.upcast_fingerprint, ledger.function_fingerprint, ledger.find_function,
  ledger.run_upcaster
to ledger_reader, ledger_auditor;

-- Exports: readers, redacted; with private data, who may read that too. Who did what with the record.
grant execute on function ledger.describe_event, ledger.summary_expression, ledger.summary_parts to
  ledger_reader, ledger_auditor;
grant execute on function
  ledger.begin_export, ledger.export_events, ledger.export_lines, ledger.export_page_end,
  ledger.finish_export, ledger.export_range,
  ledger.find_export, ledger.open_export, ledger.export_columns, ledger.json_line,
  ledger.csv_cell, ledger.csv_line,
  ledger.export_conditions, ledger.redaction, ledger.export_page, ledger.export_query,
  ledger.choose_by_type, ledger.pointer_jsonpath, ledger.pointer_path, ledger.find_paths,
  ledger.mask, ledger.mask_keys, ledger.secret_keys, ledger.has_secret_keys,
  ledger.may_have_secrets
to ledger_reader, ledger_auditor;
grant execute on function ledger.export_private to ledger_privacy;
grant execute on function ledger.record_verification, ledger.record_checkpoint to
  ledger_auditor, ledger_operator;
grant select on ledger.access_log to ledger_auditor, ledger_operator, ledger_privacy;
grant execute on function ledger.export_has_event to
  ledger_auditor, ledger_operator, ledger_privacy;

-- The log: its readers, and who may seal.
grant select on
  ledger.log, ledger.log_heads, ledger.log_edges, ledger.log_entries, ledger.log_tiles,
  ledger.log_blocks
to ledger_reader, ledger_auditor;
grant execute on function
  ledger.read_log, ledger.wait_for_position, ledger.position_of, ledger.require_tree_size,
  ledger.split_size, ledger.merkle_root, ledger.block_hash, ledger.log_node,
  ledger.log_range_root, ledger.log_root, ledger.inclusion_proof, ledger.consistency_proof,
  ledger.checkpoint
to ledger_reader, ledger_auditor;
grant execute on function ledger.seal to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_auditor;
grant execute on function ledger.seal_all, ledger.rebase_log to ledger_operator;
grant execute on function ledger.verify to ledger_reader, ledger_auditor, ledger_operator;

-- Relays: who delivers, and who looks after it.
grant execute on function
  ledger.claim_outbox, ledger.read_outbox, ledger.confirm_outbox, ledger.fail_outbox
to ledger_relay;
grant execute on function ledger.requeue_dead, ledger.discard_dead to
  ledger_relay, ledger_operator;
grant execute on function
  ledger.set_relay, ledger.drop_relay, ledger.rewind_relay, ledger.purge_outbox
to ledger_operator;
grant select on ledger.relays, ledger.relay_status, ledger.outbox_status to
  ledger_relay, ledger_reader, ledger_operator, ledger_auditor;
grant select on ledger.outbox_purges to ledger_reader, ledger_operator, ledger_auditor;

-- Private data: no table privilege, so that every look is recorded. Holds.
grant execute on function
  ledger.read_private, ledger.subject_report, ledger.erase_private, ledger.merge_private,
  ledger.pointer_path
to ledger_privacy;
grant execute on function ledger.place_hold, ledger.release_hold to
  ledger_operator, ledger_privacy;
grant execute on function ledger.held_by, ledger.subject_hash to
  ledger_operator, ledger_privacy, ledger_auditor;
grant select on ledger.legal_holds, ledger.active_holds to
  ledger_operator, ledger_privacy, ledger_auditor;
grant select on ledger.erasures to ledger_privacy, ledger_auditor;

-- Cold partitions: for operators of every tenant; what is in files, everybody may know.
grant execute on function
  ledger.partition_digest, ledger.record_cold_file, ledger.drop_cold, ledger.begin_restore,
  ledger.finish_restore, ledger.expire_cold
to ledger_operator;
grant execute on function ledger.cold_positions to ledger_reader, ledger_auditor;
grant select on ledger.cold_ranges to ledger_reader, ledger_auditor;
grant select on ledger.cold_files, ledger.cold_drops to
  ledger_reader, ledger_auditor, ledger_operator;
grant select on ledger.partitions to ledger_reader;

-- Consumers: what they processed, and what they could not. Operators decide about dead messages
-- without reading them.
grant execute on function
  ledger.accept_event, ledger.fail_event, ledger.claim_failures, ledger.subscription_position,
  ledger.save_position, ledger.drop_subscription
to ledger_consumer;
grant execute on function
  ledger.requeue_failures, ledger.discard_failure, ledger.purge_inbox, ledger.drop_subscription
to ledger_operator;
grant select on ledger.inbox_failures to ledger_consumer;
grant select on ledger.inbox, ledger.inbox_status, ledger.subscription_cursors to
  ledger_consumer, ledger_operator, ledger_auditor;

-- State: whoever reads events folds them, as ledger_sandbox. Snapshots and their policy for
-- operators.
grant execute on function
  ledger.merge_patch, ledger.merge_event, ledger.require_reducer, ledger.check_pure_function,
  ledger.impure_part, ledger.find_function,
  ledger.refuse_reducer, ledger.refuse_fold, ledger.refuse_prepared
to ledger_sandbox;
grant execute on function
  ledger.state_of, ledger.replay, ledger.replay_log, ledger.verify_snapshots, ledger.merge_patch,
  ledger.merge_event, ledger.upcast_event, ledger.upcast_fingerprint, ledger.find_reducer,
  ledger.reducer_fingerprint, ledger.require_reducer, ledger.check_pure_function,
  ledger.impure_part, ledger.find_function,
  ledger.refuse_reducer, ledger.fold_events, ledger.fold_page, ledger.next_events,
  ledger.refuse_gap, ledger.refuse_cold, ledger.last_state, ledger.advance_state,
  ledger.find_snapshot, ledger.snapshot_problem, ledger.snapshot_digest, ledger.leaf_hash,
  ledger.is_cold, ledger.has_entry, ledger.snapshot_payload, ledger.event_hash,
  ledger.log_page, ledger.replayed_snapshots
to ledger_reader, ledger_auditor;
grant select on ledger.reducers to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_privacy,
  ledger_auditor, ledger_registrar;
grant select on ledger.snapshots to ledger_reader, ledger_auditor;
grant select on ledger.snapshot_policy, ledger.snapshot_failures to
  ledger_operator, ledger_auditor;
grant execute on function
  ledger.create_snapshot, ledger.make_snapshots, ledger.set_snapshot_policy, ledger.find_policy
to ledger_operator;
grant execute on function ledger.register_reducer, ledger.drop_reducer to ledger_registrar;

-- Statistics: readers and operators of a tenant; operators count.
grant select on
  ledger.event_counts, ledger.count_cursors, ledger.counts, ledger.events_per_hour,
  ledger.events_per_day, ledger.events_per_type, ledger.events_per_outcome,
  ledger.events_per_actor, ledger.events_per_tenant, ledger.snapshot_status
to ledger_reader, ledger_auditor, ledger_operator;
grant execute on function ledger.stats, ledger.tail_counts, ledger.seal_lag, ledger.metrics
to ledger_reader, ledger_auditor, ledger_operator;
grant execute on function ledger.count_events, ledger.recount_events to ledger_operator;

-- Tracked tables: who owns the table does it, as a registrar. The triggers emit as who changes the
-- table; what waits, operators emit.
grant execute on function ledger.capture_changes, ledger.queue_changes to ledger_capture;
grant select, insert, update, delete on ledger.capture_frames, ledger.capture_queue
to ledger_append;
grant select on sequence ledger.capture_queue_id_seq to ledger_append;
grant execute on function ledger.emit_captured, ledger.discard_captured to ledger_operator;
grant select on ledger.tracked_tables to ledger_append;
grant execute on function
  ledger.track_table, ledger.untrack_table, ledger.add_correlation, ledger.require_registrar,
  ledger.require_own_table, ledger.primary_key_of, ledger.quick_key, ledger.virtual_columns_of,
  ledger.tracked_relations, ledger.capture_triggers, ledger.refuse_tracking,
  ledger.record_tracking, ledger.register_capture_types, ledger.capture_insert,
  ledger.capture_update, ledger.capture_delete, ledger.refuse_truncate, ledger.capture_begin,
  ledger.own_triggers, ledger.drop_capture_triggers
to ledger_registrar;
grant execute on function ledger.add_correlation, ledger.require_own_table to
  ledger_writer, ledger_operator;
grant select on ledger.tracked_tables, ledger.tracking_status to
  ledger_registrar, ledger_operator, ledger_auditor;
grant execute on function ledger.tracked_relations, ledger.capture_triggers, ledger.own_triggers to
  ledger_operator, ledger_auditor;

-- Registrars and operators.
grant execute on function
  ledger.register_event_type, ledger.register_upcaster, ledger.drop_upcaster
to ledger_registrar;
grant execute on function ledger.doctor to ledger_operator, ledger_auditor;
grant execute on function ledger.ensure_partition to ledger_append;

-- Partitions and maintenance. Procedures commit, so they run as their caller, who needs their parts;
-- each part asks for the privilege itself.
grant execute on function
  ledger.ensure_partitions, ledger.ensure_partition, ledger.adopt_partitions,
  ledger.change_partition_interval, ledger.set_retention, ledger.maintenance_plan,
  ledger.maintenance_step, ledger.record_step, ledger.add_bounds, ledger.validate_bounds,
  ledger.prepare_archive, ledger.move_partition, ledger.relocate_partition
to ledger_operator;
grant execute on procedure
  ledger.set_partition_interval, ledger.archive_partition, ledger.restore_partition,
  ledger.maintain, ledger.run_step, ledger.run_steps
to ledger_operator;
grant execute on function ledger.tablespace_of, ledger.access_method_of to
  ledger_operator, ledger_auditor;
grant select on
  ledger.partitions, ledger.partition_settings, ledger.retention_policy, ledger.partition_status,
  ledger.maintenance_steps
to ledger_operator, ledger_auditor;

-- The installer was in the owning roles for this transaction only; a member of ledger_owner it
-- stays, to upgrade and administer.
do $$
begin
  if not (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    execute format(
      'revoke ledger_append, ledger_guard, ledger_sandbox, ledger_capture from %I', current_user
    );
  end if;
end
$$;
