-- Holds, erasures and private reads must say what for.
create or replace function ledger.require_reason(name text, reason text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if length(btrim(require_reason.reason)) between 1 and 1000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%s must have 1 to 1000 characters', require_reason.name),
      hint = 'Say what for, such as the number of a request or matter. It is kept for good: name '
        'no person.';
  end if;
end
$$;

comment on function ledger.require_reason(text, text) is
  'Raises LG009 unless there is a reason of 1 to 1000 characters.';
