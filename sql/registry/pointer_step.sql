-- One step of a JSON pointer (RFC 6901).
create or replace function ledger.pointer_step(key text)
returns text
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
return '/' || replace(replace(pointer_step.key, '~', '~0'), '/', '~1');

comment on function ledger.pointer_step(text) is
  'A key or index as one step of a JSON pointer: "a/b" -> "/a~1b".';
