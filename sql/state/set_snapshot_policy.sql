-- Sets when aggregates of a type get a snapshot, all of it: what is not given is NULL. With nothing
-- given, a type goes back to the policy of '*'; '*' itself then makes none.
create or replace function ledger.set_snapshot_policy(
  aggregate_type text,
  every_events int default null,
  every interval default null,
  every_bytes bigint default null
)
returns ledger.snapshot_policy
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_policy ledger.snapshot_policy;
begin
  perform ledger.require_tenant('*', 'operate');
  if num_nonnulls(
    set_snapshot_policy.every_events, set_snapshot_policy.every, set_snapshot_policy.every_bytes
  ) = 0 and set_snapshot_policy.aggregate_type <> '*' then
    delete from ledger.snapshot_policy as p
    where p.aggregate_type = set_snapshot_policy.aggregate_type;
    return ledger.find_policy(set_snapshot_policy.aggregate_type);
  end if;
  insert into ledger.snapshot_policy (
    aggregate_type, every_events, every, every_bytes, changed_by
  )
  values (
    set_snapshot_policy.aggregate_type, set_snapshot_policy.every_events,
    set_snapshot_policy.every, set_snapshot_policy.every_bytes, ledger.caller()
  )
  on conflict (aggregate_type) do update
  set
    every_events = excluded.every_events,
    every = excluded.every,
    every_bytes = excluded.every_bytes,
    changed_at = excluded.changed_at,
    changed_by = excluded.changed_by
  returning * into v_policy;
  return v_policy;
exception when check_violation or not_null_violation then
  raise exception using
    errcode = 'LG009',
    message = 'no such snapshot policy can be',
    detail = 'aggregate_type is given; every_events is 1 to 1000000, every a minute at least, '
      'every_bytes 1024 at least.',
    hint = 'select ledger.set_snapshot_policy(''deal'', every_events => 1000, every => ''1 day'');';
end
$$;

comment on function ledger.set_snapshot_policy(text, int, interval, bigint) is
  'Sets when aggregates of a type (* = every type without its own) get a snapshot: at multiples of '
  'every_events, when an event comes `every` after the last snapshot, after every_bytes of payload. '
  'For operators of every tenant.';
