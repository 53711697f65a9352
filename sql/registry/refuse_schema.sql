-- Raises LG009 for a schema that cannot be registered.
create or replace function ledger.refuse_schema(pointer text, reason text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format('schema cannot be registered: %s', refuse_schema.reason),
    detail = format('at %s', coalesce(nullif(refuse_schema.pointer, ''), 'the root')),
    hint = 'docs/event-types.md lists what a schema may say.';
end
$$;

comment on function ledger.refuse_schema(text, text) is
  'Raises LG009: the schema cannot be registered, where (JSON pointer) and why.';
