-- Raises LG008 for a hold that stands in the way.
create or replace function ledger.refuse_held(hold ledger.legal_holds)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG008',
    message = format('a legal hold of tenant %s forbids it', (hold).tenant_id),
    detail = format(
      'Hold %s, placed by %s at %s: %s. It binds until %s.',
      (hold).id, (hold).placed_by, (hold).placed_at, (hold).reason,
      coalesce((hold).until_time::text, 'it is released')
    ),
    hint = format(
      'select * from ledger.active_holds shows every hold. When it is over: '
      'select ledger.release_hold(%L, ''<reason>'', %L);', (hold).id, (hold).tenant_id
    );
end
$$;

comment on function ledger.refuse_held(ledger.legal_holds) is
  'Part of require_no_hold() and expire_cold(): LG008 with the hold that forbids it.';
