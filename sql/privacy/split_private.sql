-- Takes the fields that private_paths names (JSON pointers, "*" = every item of an array) out of a
-- payload. private maps the pointer of each to its value; an item of an array leaves null behind,
-- so that the others keep their index.
create or replace function ledger.split_private(
  payload jsonb,
  private_paths text[],
  out public jsonb,
  out private jsonb
)
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text[];
begin
  public := split_private.payload;
  private := '{}';
  for v_path in
    select p
    from unnest(split_private.private_paths) as s
    cross join ledger.find_paths(split_private.payload, s) as p
    group by p  -- two pointers may lead to one field
    order by cardinality(p)
  loop
    continue when public #> v_path is null;  -- it went with the field around it
    private := private || jsonb_build_object(
      (
        select string_agg(ledger.pointer_step(k), '' order by n)
        from unnest(v_path) with ordinality as u (k, n)
      ),
      public #> v_path
    );
    if jsonb_typeof(public #> v_path[:cardinality(v_path) - 1]) = 'array' then
      public := jsonb_set(public, v_path, 'null');
    else
      public := public #- v_path;
    end if;
  end loop;
end
$$;

comment on function ledger.split_private(jsonb, text[]) is
  'A payload without its private fields, and those fields as an object of JSON pointer -> value '
  '({} when it has none).';
