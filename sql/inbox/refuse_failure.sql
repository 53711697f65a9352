-- Names the rule that the arguments of fail_event() break (LG009); returns when none is broken.
create or replace function ledger.refuse_failure(
  message jsonb,
  max_attempts int,
  retry_after interval
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when jsonb_typeof(message) <> 'object' then 'message must be a JSON object'
    when max_attempts >= 1 is not true then
      format('max_attempts is %s, not 1 or more', coalesce(max_attempts::text, 'NULL'))
    when retry_after not between interval '0' and interval '1 year' then
      format('retry_after is %s, not 0 to a year', retry_after)
  end;
begin
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'See comment on function ledger.fail_event for what each argument takes.';
  end if;
end
$$;

comment on function ledger.refuse_failure(jsonb, int, interval) is
  'Part of fail_event(): raises LG009 with the first rule that the arguments break.';
