-- What an event of a statement would be refused for: said to who makes the change, not to who makes
-- the event of it later. Rows of half an event's size, because an update shows two; as text, a few
-- bytes of a number may be 131,073. mask() fails on what is nested some hundred levels deep.
create or replace function ledger.refuse_queueing(
  arguments text[],
  rows_data jsonb[],
  tenant_id text,
  run_id uuid,
  actor_type text,
  actor_id text
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_keys constant text[] := arguments[2]::text[];
  c_needed constant text[] := array_remove(c_keys || arguments[5], '');
  c_max_bytes constant int := 4000000;
  c_max_text_bytes constant int := 32000000;
  v_tenant_id text;
  v_row record;
begin
  for v_row in
    select
      ledger.captured_key(r, c_keys, c_needed) as key,
      pg_column_size(r) as bytes,
      octet_length(r::text) as text_bytes,
      r @? '$.**{200}' and ledger.has_secret_keys(r::text) as is_too_deep
    from unnest(rows_data) as r
  loop
    if v_row.key is null then
      perform ledger.refuse_key(arguments[1]);
    elsif v_row.bytes > c_max_bytes then
      raise exception using
        errcode = 'LG009',
        message = format(
          'a row of %s bytes is too large for a table that is tracked as deferred', v_row.bytes
        ),
        hint = format(
          'Up to %s bytes are captured: exclude what is large with ledger.track_table().',
          c_max_bytes
        );
    elsif v_row.text_bytes > c_max_text_bytes then
      raise exception using
        errcode = 'LG009',
        message = format(
          'a row of %s bytes as text is too large for a table that is tracked as deferred',
          v_row.text_bytes
        ),
        hint = format(
          'Up to %s bytes are captured: exclude what is large with ledger.track_table().',
          c_max_text_bytes
        );
    elsif v_row.is_too_deep then
      raise exception using
        errcode = 'LG009',
        message = 'a row holds a secret and is nested too deeply to be masked later',
        hint = 'Leave the secret out, or nest less than 200 levels.';
    end if;
    perform ledger.refuse_arguments(
      '{}', arguments[1], v_row.key, null, actor_type, actor_id, null, null, null, null, null, null,
      null, null
    );
  end loop;
  for v_tenant_id in
    select distinct coalesce(r ->> arguments[5], refuse_queueing.tenant_id)
    from unnest(rows_data) as r
  loop
    perform ledger.require_tenant(v_tenant_id, 'write');
    perform ledger.require_run(v_tenant_id, run_id);
  end loop;
end
$$;

comment on function ledger.refuse_queueing(text[], jsonb[], text, uuid, text, text) is
  'Part of queue_changes(): LG005, LG006 or LG009 for what could not become an event later.';
