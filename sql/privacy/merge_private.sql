-- Puts the fields that split_private() took out back into a payload: its inverse. private maps the
-- pointer of each to its value.
create or replace function ledger.merge_private(payload jsonb, private jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload jsonb := merge_private.payload;
  v_pointer text;
  v_value jsonb;
begin
  for v_pointer, v_value in
    select e.key, e.value from jsonb_each(merge_private.private) as e
  loop
    v_payload := jsonb_set(v_payload, ledger.pointer_path(v_pointer), v_value);
  end loop;
  return v_payload;
end
$$;

comment on function ledger.merge_private(jsonb, jsonb) is
  'A payload with its private fields, an object of JSON pointer -> value, put back.';
