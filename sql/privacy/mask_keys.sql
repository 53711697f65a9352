-- Replaces the value of every key that is on the deny list, at any depth.
create or replace function ledger.mask_keys(doc jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(doc)
    when 'object' then (
      select coalesce(jsonb_object_agg(e.key, case
        when ledger.has_secret_keys(jsonb_build_object(e.key, v.marker)::text)
          then to_jsonb('***'::text)
        else ledger.mask_keys(e.value)
      end), '{}')
      from jsonb_each(doc) as e
      cross join lateral (
        select case jsonb_typeof(e.value) when 'string' then '""'::jsonb else 'null' end
      ) as v (marker)
    )
    when 'array' then (
      select coalesce(jsonb_agg(ledger.mask_keys(e) order by n), '[]')
      from jsonb_array_elements(doc) with ordinality as a (e, n)
    )
    else doc
  end;
end
$$;

comment on function ledger.mask_keys(jsonb) is
  'Part of mask(): masks the keys that are on the deny list, at any depth.';
