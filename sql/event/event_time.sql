-- The created_at inside an event id: the inverse of event_id(), exact to the microsecond. It is
-- what lets a lookup by id go to one partition.
create or replace function ledger.event_time(id uuid)
returns timestamptz
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bits bigint := ('x' || translate(left(id::text, 18), '-', ''))::bit(64)::bigint;
  v_milliseconds bigint := (v_bits >> 16) & 281474976710655;
  v_fraction bigint := v_bits & 4095;
begin
  if substr(id::text, 15, 1) <> '7' or substr(id::text, 20, 1) not in ('8', '9', 'a', 'b') then
    return null;
  end if;

  return timestamptz '1970-01-01 00:00:00Z'
    + (v_milliseconds * 1000 + ((v_fraction * 1000 + 4095) >> 12)) * interval '1 microsecond';
end
$$;

comment on function ledger.event_time(uuid) is
  'created_at of the event with that id, to the microsecond; NULL for a UUID that is no version 7.';
