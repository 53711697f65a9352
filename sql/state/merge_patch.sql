-- JSON Merge Patch, RFC 7396: null removes, objects merge, everything else replaces. A flat patch,
-- which is the common one, is a single || in C.
create or replace function ledger.merge_patch(target jsonb, patch jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(patch) <> 'object' then
    return patch;
  end if;
  if jsonb_typeof(target) = 'object' is not true then
    target := '{}';
  end if;
  if not patch @? 'strict $.* ? (@ == null || @.type() == "object")' then
    return target || patch;
  end if;
  return (
    select
      target - coalesce(array_agg(p.key) filter (where p.value = 'null'), '{}')
      || coalesce(
        jsonb_object_agg(
          p.key,
          case jsonb_typeof(p.value)
            when 'object' then ledger.merge_patch(target -> p.key, p.value)
            else p.value
          end
        ) filter (where p.value <> 'null'),
        '{}'
      )
    from jsonb_each(patch) as p
  );
end
$$;

comment on function ledger.merge_patch(jsonb, jsonb) is
  'JSON Merge Patch (RFC 7396): a null in the patch removes, objects are merged, everything else '
  'replaces.';
