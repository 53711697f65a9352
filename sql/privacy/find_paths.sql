-- The paths in a document that a JSON pointer leads to: one, none, or many when "*" stands for
-- every item of an array.
create or replace function ledger.find_paths(doc jsonb, pointer text)
returns setof text[]
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step text := replace(replace(split_part(pointer, '/', 2), '~1', '/'), '~0', '~');
  v_rest text := substr(pointer, length(split_part(pointer, '/', 2)) + 2);
  v_key text;
begin
  if pointer = '' then
    return next '{}'::text[];
    return;
  end if;
  for v_key in
    select v_step where jsonb_typeof(doc) = 'object' and doc ? v_step
    union all
    select n::text
    from generate_series(
      0, case jsonb_typeof(doc) when 'array' then jsonb_array_length(doc) else 0 end - 1
    ) as n
    where v_step in ('*', n::text)
  loop
    return query
    select array[v_key] || p
    from ledger.find_paths(
      case jsonb_typeof(doc) when 'array' then doc -> v_key::int else doc -> v_key end, v_rest
    ) as p;
  end loop;
end
$$;

comment on function ledger.find_paths(jsonb, text) is
  'The paths in a document that a JSON pointer leads to; "*" stands for every item of an array.';
