-- A version is the next one or none: what is registered never changes, and nothing is skipped.
create or replace function ledger.refuse_version(
  event_type text,
  schema_version int,
  latest_version int
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if schema_version <= latest_version then
    raise exception using
      errcode = 'LG011',
      message = format(
        '%s version %s is registered with another schema', event_type, schema_version
      ),
      hint = format(
        'A registered version never changes. Register this schema as version %s.',
        latest_version + 1
      );
  elsif schema_version > latest_version + 1 then
    raise exception using
      errcode = 'LG011',
      message = format(
        '%s version %s cannot be registered: the next version is %s',
        event_type, schema_version, latest_version + 1
      ),
      hint = 'Register the versions in order, or leave schema_version out.';
  end if;
end
$$;

comment on function ledger.refuse_version(text, int, int) is
  'Part of register_event_type(): LG011 unless the version is the one after the latest.';
