-- Names the rule that a new hold breaks (LG009); returns when none is broken.
create or replace function ledger.refuse_hold(hold ledger.legal_holds)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when (hold.aggregate_type is null) <> (hold.aggregate_id is null) then
      'aggregate_type and aggregate_id go together'
    when hold.aggregate_type = '' or hold.aggregate_id = '' or hold.subject_id = '' then
      'an empty text covers nothing'
    when not isfinite(hold.from_time) or not isfinite(hold.to_time)
      or not isfinite(hold.until_time) then 'times must be finite'
    when hold.from_time >= hold.to_time then 'from_time must lie before to_time'
    when hold.until_time <= clock_timestamp() then 'until_time has passed'
    when hold.until_time >= '10000-01-01Z' then 'until_time lies beyond the year 9999'
  end;
begin
  perform ledger.require_reason('reason', hold.reason);
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'Leave out what the hold is not limited by: without any limit it covers the tenant.';
  end if;
end
$$;

comment on function ledger.refuse_hold(ledger.legal_holds) is
  'Part of place_hold(): raises LG009 with the first rule that the hold breaks.';
