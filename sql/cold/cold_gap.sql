-- How many events in cold files lie between two events of a tenant's log, in its order: as many may
-- be missing between them in a stream. NULL stands for before the first and after the last; so does
-- an event that is not sealed, which comes after all that are.
create or replace function ledger.cold_gap(
  tenant_id text,
  cold int8multirange,
  after_event uuid,
  before_event uuid
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_after_all constant bigint := 4611686018427387904;
  v_from bigint := 0;
  v_to bigint;
begin
  if isempty(cold_gap.cold) then
    return 0;
  end if;
  if cold_gap.after_event is not null then
    v_from := coalesce(
      ledger.find_position(cold_gap.tenant_id, cold_gap.after_event) + 1, c_after_all
    );
  end if;
  v_to := coalesce(
    ledger.find_position(cold_gap.tenant_id, cold_gap.before_event), c_after_all
  );
  return (
    select coalesce(sum(upper(r) - lower(r)), 0)
    from unnest(cold_gap.cold * int8multirange(int8range(v_from, greatest(v_from, v_to)))) as r
  );
end
$$;

comment on function ledger.cold_gap(text, int8multirange, uuid, uuid) is
  'Part of verify(): how many events in cold files lie between two events of a log.';
