-- A JSON pointer (RFC 6901) as a path for #> and jsonb_set(); pointer_step() the other way round.
create or replace function ledger.pointer_path(pointer text)
returns text[]
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
return array(
  select replace(replace(s.step, '~1', '/'), '~0', '~')
  from regexp_split_to_table(substr(pointer_path.pointer, 2), '/') with ordinality as s (step, n)
  where pointer_path.pointer <> ''
  order by s.n
);

comment on function ledger.pointer_path(text) is
  'A JSON pointer as an array of its steps: "/a~1b/0" -> {a/b,0}.';
