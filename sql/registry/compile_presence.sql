-- True when every key is there. In strict mode exists() of a missing key is unknown, never false.
create or replace function ledger.compile_presence(keys jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select '!((' || string_agg(format('exists(%s.%s)', subject, to_json(k)), ' && ') || ') is unknown)'
from jsonb_array_elements_text(keys) as k
$$;

comment on function ledger.compile_presence(jsonb, text) is
  'Part of compile_schema(): true when every key is present.';
