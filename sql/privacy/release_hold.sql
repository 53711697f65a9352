-- Ends a legal hold and says so in an event ledger.hold_released; the row stays. Locks that row
-- until the transaction ends.
create or replace function ledger.release_hold(id uuid, reason text, tenant_id text default null)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(release_hold.tenant_id, ledger.setting('tenant_id'), 'default');
  v_hold ledger.legal_holds;
begin
  perform ledger.require_any(v_tenant_id, '{operate,privacy}');
  perform ledger.require_reason('reason', release_hold.reason);
  update ledger.legal_holds as h
  set
    released_at = clock_timestamp(),
    released_by = ledger.caller(),
    release_reason = release_hold.reason
  where h.tenant_id = v_tenant_id and h.id = release_hold.id and h.released_at is null
  returning h.* into v_hold;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'tenant %s has no hold %s that could be released', v_tenant_id, release_hold.id
      ),
      hint = 'select * from ledger.legal_holds shows every hold, and which were released.';
  end if;
  perform from ledger.emit_own_event(
    'ledger.hold_released',
    jsonb_build_object(
      'hold_id', v_hold.id,
      'scope', ledger.hold_scope(v_hold),
      'reason', v_hold.release_reason,
      'released_by', v_hold.released_by
    ),
    tenant_id => v_tenant_id,
    aggregate_type => 'legal_hold',
    aggregate_id => v_hold.id::text
  );
end
$$;

comment on function ledger.release_hold(uuid, text, text) is
  'Ends a legal hold: what it covered may be erased and dropped again. For operators and privacy '
  'officers.';
