-- Adds the CHECK of a partition's bounds, unless it is there, without looking at the rows. Locks the
-- partition until the transaction ends, and gives up after lock_timeout (55P03).
create or replace function ledger.add_bounds(
  partition_name name,
  from_time timestamptz,
  to_time timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
  if not exists (
    select from pg_constraint as c
    where c.conrelid = format('ledger.%I', add_bounds.partition_name)::regclass
      and c.conname = 'ledger_bounds'
  ) then
    perform ledger_guard.open_window('partition');
    execute format(
      'alter table ledger.%I add constraint ledger_bounds '
      'check (created_at >= %L and created_at < %L) not valid',
      add_bounds.partition_name, add_bounds.from_time, add_bounds.to_time
    );
  end if;
end
$$;

comment on function ledger.add_bounds(name, timestamptz, timestamptz) is
  'Part of prepare_archive(): the CHECK that lets ATTACH skip its scan, not yet validated.';
