-- Places a legal hold and says so in an event ledger.hold_placed. Locks the tenant's holds until
-- the transaction ends: an erasure or drop under way is waited for, later ones see the hold.
create or replace function ledger.place_hold(
  reason text,
  aggregate_type text default null,
  aggregate_id text default null,
  correlation_id uuid default null,
  subject_id text default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  until_time timestamptz default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_hold ledger.legal_holds := row(
    coalesce(place_hold.tenant_id, ledger.setting('tenant_id'), 'default'), gen_random_uuid(),
    place_hold.aggregate_type, place_hold.aggregate_id, place_hold.correlation_id,
    place_hold.subject_id, place_hold.from_time, place_hold.to_time, place_hold.reason,
    ledger.caller(), null, place_hold.until_time, null, null, null
  );
begin
  perform ledger.require_any(v_hold.tenant_id, '{operate,privacy}');
  perform ledger.refuse_hold(v_hold);
  perform ledger.lock_holds(v_hold.tenant_id);
  v_hold.placed_at := clock_timestamp();
  insert into ledger.legal_holds select v_hold.*;
  perform from ledger.emit_own_event(
    'ledger.hold_placed',
    jsonb_strip_nulls(jsonb_build_object(
      'hold_id', v_hold.id,
      'scope', ledger.hold_scope(v_hold),
      'reason', v_hold.reason,
      'placed_by', v_hold.placed_by,
      'expires_at', to_char(v_hold.until_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )),
    tenant_id => v_hold.tenant_id,
    aggregate_type => 'legal_hold',
    aggregate_id => v_hold.id::text
  );
  return v_hold.id;
end
$$;

comment on function ledger.place_hold(
  text, text, text, uuid, text, timestamptz, timestamptz, timestamptz, text
) is
  'Places a legal hold on a stream, correlation, person or time, on what all of those given have '
  'in common, or on the whole tenant when none is given; returns its id. For operators and '
  'privacy officers.';
