-- Whether it is worth looking at the events after the last snapshot: without reading them, except
-- by every_bytes, which only they tell.
create or replace function ledger.is_snapshot_due(
  tenant_id text,
  state ledger.aggregate_state,
  policy ledger.snapshot_policy,
  through_sequence bigint
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    through_sequence / (policy).every_events > (state).sequence / (policy).every_events, false
  )
  or (policy).every_bytes is not null
  or (
    (policy).every is not null
    and exists (
      select
      from ledger.streams as s
      where s.tenant_id = is_snapshot_due.tenant_id
        and s.aggregate_type = (is_snapshot_due.state).aggregate_type
        and s.aggregate_id = (is_snapshot_due.state).aggregate_id
        and s.created_at >= coalesce(
          (is_snapshot_due.state).created_at + (policy).every, '-infinity'
        )
    )
  )
$$;

comment on function ledger.is_snapshot_due(
  text, ledger.aggregate_state, ledger.snapshot_policy, bigint
) is
  'Part of maintain(): whether an aggregate may be due for a snapshot.';
