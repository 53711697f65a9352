-- LG009 unless this is what a cold file of so many rows says of its tenants: per tenant the number
-- of its events, their positions as range_list() writes them, and a root.
create or replace function ledger.refuse_tenants(tenants jsonb, row_count bigint)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_form constant jsonpath := jsonpath
    'strict $.row_count.type() == "number" && $.row_count > 0 && $.root.type() == "string" '
    '&& $.root like_regex "^[0-9a-f]{64}$" && $.ranges.type() == "array" && $.ranges.size() > 0 '
    '&& !(exists($.ranges[*] ? (@.type() != "array" || @.size() != 2))) '
    '&& !(exists($.ranges[*][*] ? (@.type() != "number" || @ < 0 || @ > 1000000000000000)))';
  v_tenant record;
  v_positions int8multirange;
  v_count numeric := 0;
  v_problem text;
begin
  if jsonb_typeof(refuse_tenants.tenants) = 'object' is not true then
    v_problem := 'tenants is no object';
  else
    for v_tenant in select t.key, t.value from jsonb_each(refuse_tenants.tenants) as t loop
      if v_tenant.value @@ c_form is not true then
        v_problem := 'it needs row_count, ranges ([[first, last], ...]) and root (64 hex digits)';
      else
        v_positions := ledger.listed_ranges(v_tenant.value -> 'ranges');
        v_count := v_count + (v_tenant.value ->> 'row_count')::numeric;
        if ledger.range_list(v_positions) is distinct from v_tenant.value -> 'ranges' then
          v_problem := 'its ranges are not in order, or not apart';
        elsif (v_tenant.value ->> 'row_count')::numeric <> (
          select sum(upper(r) - lower(r)) from unnest(v_positions) as r
        ) then
          v_problem := 'its ranges do not hold row_count positions';
        end if;
      end if;
      if v_problem is not null then
        v_problem := format('tenant %s: %s', left(v_tenant.key, 100), v_problem);
        exit;
      end if;
    end loop;
    if v_problem is null and v_count is distinct from refuse_tenants.row_count then
      v_problem := format(
        'the tenants have %s rows together, not %s', v_count, refuse_tenants.row_count
      );
    end if;
  end if;
  if v_problem is not null then
    raise exception using
      errcode = 'LG009',
      message = v_problem,
      hint = 'ledger.partition_digest() tells the same: {"acme": {"row_count": 3, "ranges": '
        '[[0, 1], [5, 5]], "root": "<64 hex digits>"}}.';
  end if;
end
$$;

comment on function ledger.refuse_tenants(jsonb, bigint) is
  'Part of record_cold_file(): LG009 unless tenants has its form and adds up to row_count.';
